"""Model selection: criteria over the number of components and the structures, and entropy over the clusters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from gmix.base.arguments import as_list
from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.model.criteria import CRITERIA, second
from gmix.plot.model import Candidate, Fit, Merging, Search, expect_comparison, is_fit, is_merging, is_search, search_of
from gmix.plot.names import literal
from gmix.plot.palette import COLORS, INK, LINE, SOFT, color, darkened, text_color
from gmix.plot.style import DENSITY, axes_of, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MANY_STRUCTURES", "Cell", "criteria", "entropy", "heat_map", "shades"]

MANY_STRUCTURES = 6  # for more, a heat map is easier to read than their curves


class _Entry(NamedTuple):
    """What is drawn of a candidate, or of a fit among others."""

    structure: str
    n_components: int
    criteria: Mapping[str, float]
    is_set_aside: bool = False

    @classmethod
    def of_candidate(cls, candidate: Candidate) -> Self:
        return cls(candidate.structure.code, candidate.n_components, candidate.criteria, candidate.is_set_aside)

    @classmethod
    def of_fit(cls, fit: Fit) -> Self:
        return cls(fit.mixture.structure.code, fit.mixture.n_components, fit.criteria)


def criteria(candidates: Fit | Search | Iterable[Fit], ax: Axes | None = None) -> Axes:
    """Draw the criterion that chose over the number of components, and mark the choice; smaller is better.

    For one covariance structure a second criterion is drawn too: AIC beside BIC, BIC beside any other. For several
    structures, each has a curve; for more than six, a heat map shows the criterion of each candidate minus its minimum.

    Parameters
    ----------
    candidates : a fit that was chosen among several, its search, or fits with one component, two, and so on; among
        these BIC chooses.

    Raises `ParameterError` for a fit that was the only candidate.
    """
    every, best, criterion = _compared(candidates)
    ax = axes_of(ax, 5.6, 4.0)
    curves: dict[str, list[_Entry]] = {}
    for entry in every:
        curves.setdefault(entry.structure, []).append(entry)
    if len(curves) > MANY_STRUCTURES:
        return _table(ax, every, best, criterion)
    written = CRITERIA[criterion]
    ends: list[tuple[float, float, str, str]] = []
    if len(curves) == 1:
        drawn = [second(criterion), criterion]
        for k, name in enumerate(drawn):
            _curve(ax, every, CRITERIA[name], color(1 - k), 1.1 + 0.6 * k, ends, name)
    else:
        drawn = [criterion]
        for k, (code, members) in enumerate(curves.items()):
            _curve(ax, members, code, color(k), 1.7 if code == best.structure else 1.0, ends, criterion)
    found = count(best.n_components, "component")
    if len(curves) > 1:
        found = f"{best.structure}, {found}"
    counts = sorted({entry.n_components for entry in every})
    ax.set_xticks(counts)
    ax.set_xlim(counts[0] - 0.35, counts[-1] + 0.12 * max(len(counts), 4))
    # The curve of the best candidate sets the scale: one far above it, or a single bad point, would flatten the others.
    values = [entry.criteria[name] for entry in curves[best.structure] for name in drawn]
    shown = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(shown), max(shown)
    high = high if high > low else low + 1.0
    ax.set_ylim(low - 0.1 * (high - low), high + 0.16 * (high - low))
    ax.axvline(best.n_components, color=LINE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ax.plot(best.n_components, best.criteria[criterion], "o", ms=10, mfc="none", mec=INK, mew=1.1, zorder=5)
    right = best.n_components > (counts[0] + counts[-1]) / 2
    ax.annotate(
        literal(f"least {written}: {found}"), (best.n_components, 1.0), xycoords=ax.get_xaxis_transform(),
        xytext=(-6 if right else 6, -4), textcoords="offset points", ha="right" if right else "left", va="top",
        fontsize=8.5, color=INK,
    )  # fmt: skip
    _write_apart(ax, ends)
    ax.set(xlabel="components", ylabel=f"{'criterion' if len(curves) == 1 else written} (smaller is better)")
    dress(ax, grid="y")
    return ax


def entropy(merging: Merging, ax: Axes | None = None) -> Axes:
    """Draw the entropy over the number of clusters, the two lines fitted to it, and the elbow where they meet."""
    if not is_merging(merging):
        raise ParameterError(f"merging is a {type(merging).__name__}; give what gmix.merge returned")
    ax = axes_of(ax, 5.6, 3.4)
    values, bend = merging.entropy, merging.elbow
    counts = np.arange(1, len(values) + 1)
    if 1 < bend < len(values):
        for line, part in zip(merging.lines(bend), (counts[:bend], counts[bend - 1 :]), strict=True):
            ax.plot(part, line, color=LINE, linewidth=1.1, linestyle=(0, (4, 3)), zorder=3)
    ax.plot(counts, values, "o", ms=5, color=color(0), zorder=4)
    ax.plot(bend, values[bend - 1], "o", ms=10, mfc="none", mec=INK, mew=1.1, zorder=5)
    ax.annotate(
        f"elbow: {count(bend, 'cluster')}", (bend, values[bend - 1]), va="center", fontsize=8.5, color=INK,
        xytext=(10, -6) if bend < len(values) else (-10, 0), textcoords="offset points",
        ha="left" if bend < len(values) else "right",
    )  # fmt: skip
    ax.set_xticks(counts)
    ax.margins(x=0.05, y=0.14)
    ax.set(xlabel="clusters", ylabel="entropy (nats)")
    dress(ax, grid="y")
    return ax


def _compared(candidates: Fit | Search | Iterable[Fit]) -> tuple[list[_Entry], _Entry, str]:
    """What is compared, what was chosen, and the name of the criterion that chose."""
    if is_fit(candidates):
        candidates = search_of(candidates)
    if is_search(candidates):
        expect_comparison(candidates)
        every = [_Entry.of_candidate(candidate) for candidate in candidates.candidates]
        return every, _Entry.of_candidate(candidates.best), candidates.criterion
    fits = as_list(candidates)
    if not fits or not all(map(is_fit, fits)):
        raise ParameterError("there is nothing to compare; give a fit, its search, or several fits")
    every = [_Entry.of_fit(fit) for fit in fits]
    return every, min(every, key=lambda entry: entry.criteria["bic"]), "bic"


def _curve(
    ax: Axes,
    members: Iterable[_Entry],
    name: str,
    ink: str,
    width: float,
    ends: list[tuple[float, float, str, str]],
    criterion: str,
) -> None:
    members = sorted(members, key=lambda entry: entry.n_components)
    x = [entry.n_components for entry in members]
    y = [entry.criteria[criterion] for entry in members]
    ax.plot(x, y, "-o", color=ink, linewidth=width, markersize=3.6, label=literal(name), zorder=3)
    ends.append((x[-1], y[-1], name, ink))


def _write_apart(ax: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each curve's name at its end, so that no two overlap."""
    low, high = ax.get_ylim()
    gap = 0.055 * (high - low)
    above = -math.inf
    for x, y, name, ink in sorted(ends, key=lambda end: end[1]):
        if not y <= high:
            continue
        above = max(y, above + gap)
        ax.annotate(
            literal(name), (x, above), xytext=(7, 0), textcoords="offset points", color=darkened(ink),
            fontsize=9, fontweight="bold", va="center", annotation_clip=False,
        )  # fmt: skip
    beyond = [name for _, y, name, _ in ends if not y <= high]
    if beyond:
        ax.annotate(
            literal(f"beyond the frame: {', '.join(beyond)}"), (1.0, 1.0), xycoords="axes fraction", xytext=(-4, -4),
            textcoords="offset points", ha="right", va="top", fontsize=7.5, color=SOFT,
        )  # fmt: skip


class Cell(NamedTuple):
    """A cell of the heat map: its text, how dark it is, from 0 to 1, and the color of its text, empty if set aside."""

    structure: str
    n_components: int
    text: str
    shade: float
    is_set_aside: bool
    ink: str


def heat_map(search: Search) -> tuple[list[Cell], str]:
    """The cells of the heat map of a search, as `criteria` draws it, and its title."""
    entries = [_Entry.of_candidate(candidate) for candidate in search.candidates]
    return _cells(entries, _Entry.of_candidate(search.best), search.criterion)


def shades(n: int) -> list[str]:
    """The colors of the heat map, from the lightest to the darkest, n of them over the shades from 0 to 1."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(shade) for shade in colormaps[DENSITY](np.linspace(0.0, 1.0, n))]


def _cells(every: list[_Entry], best: _Entry, criterion: str) -> tuple[list[Cell], str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    least = best.criteria[criterion]
    sound = [entry.criteria[criterion] - least for entry in every if not entry.is_set_aside]
    far = math.log1p(max(filter(math.isfinite, sound), default=0.0) or 1.0)
    cells = []
    for entry in every:
        above = entry.criteria[criterion] - least
        shade = 0.0 if entry.is_set_aside else 0.9 * max(1.0 - math.log1p(max(above, 0.0)) / far, 0.0)
        text = "\N{EN DASH}" if entry.is_set_aside else _short(above)
        ink = "" if entry.is_set_aside else text_color(to_hex(colormaps[DENSITY](shade)))
        cells.append(Cell(entry.structure, entry.n_components, text, shade, entry.is_set_aside, ink))
    title = f"{CRITERIA[criterion]} minus its minimum ({least:,.1f})".replace("-", "\N{MINUS SIGN}")
    return cells, title


def _table(ax: Axes, every: list[_Entry], best: _Entry, criterion: str) -> Axes:
    """Draw the criterion minus its minimum as a heat map, structures by components; darker is better."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    codes = list(dict.fromkeys(entry.structure for entry in every))
    counts = sorted({entry.n_components for entry in every})
    shades = colormaps[DENSITY]
    cells, title = _cells(every, best, criterion)
    for cell in cells:
        x, y = counts.index(cell.n_components), codes.index(cell.structure)
        face = "white" if cell.is_set_aside else shades(cell.shade)
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=face, edgecolor="white", linewidth=1.0))
        ax.text(x, y, cell.text, ha="center", va="center", fontsize=7.5, color=cell.ink or SOFT)
    place = (counts.index(best.n_components) - 0.5, codes.index(best.structure) - 0.5)
    ax.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=COLORS[1], linewidth=2.0, zorder=5))
    ax.set(xlim=(-0.5, len(counts) - 0.5), ylim=(len(codes) - 0.5, -0.5), xlabel="components", ylabel="structure")
    ax.set_xticks(range(len(counts)), [str(n) for n in counts])
    ax.set_yticks(range(len(codes)), [literal(code) for code in codes])
    title += "; \N{EN DASH}: set aside" * any(cell.is_set_aside for cell in cells)
    ax.set_title(title, fontsize=9, color=SOFT, loc="left")
    dress(ax)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "\N{INFINITY}"
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}" if value < 9999.5 else f"{value / 1000:.0f}k"
