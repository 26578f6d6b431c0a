"""The choice among candidates: criteria over the number of components and the structures, and entropy over clusters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from gmix.base.arguments import as_list
from gmix.base.errors import ParameterError, of_kind
from gmix.base.wording import count
from gmix.fitting.candidates import Search
from gmix.fitting.fit import Fit
from gmix.inference.merging import Merging
from gmix.model.criteria import CRITERIA, second
from gmix.model.mixture import GaussianMixture
from gmix.plot.style import COLORS, DENSITY, INK, LINE, SOFT, axes_of, color, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["criteria", "entropy"]

_CURVES = 6  # structures; of more, a table is easier to read than their curves


def criteria(candidates: Fit | Search | Iterable[Fit], ax: Axes | None = None) -> Axes:
    """Draw the criterion that chose over the number of components, the choice marked; smaller is better.

    Of one covariance structure, a second criterion is drawn beside it: AIC beside BIC, BIC beside any other. Of
    several, each has a curve; of more than six, a table says how far each candidate lies above the least.

    Parameters
    ----------
    candidates : a fit that was chosen among several, its search, or fits with one component, two, and so on; among
        these BIC chooses.

    Raises `ParameterError` for a fit that had no rival.
    """
    every, chosen, criterion = _compared(candidates)
    ax = axes_of(ax, 5.6, 4.0)
    if len({mixture_of_candidate(c).structure.code for c in every}) > _CURVES:
        return _table(ax, every, chosen, criterion)
    written = CRITERIA[criterion]
    curves: dict[str, list[Any]] = {}
    for candidate in every:
        curves.setdefault(mixture_of_candidate(candidate).structure.code, []).append(candidate)
    best = mixture_of_candidate(chosen)
    ends: list[tuple[float, float, str, str]] = []
    if len(curves) == 1:
        drawn = [second(criterion), criterion]
        for k, name in enumerate(drawn):
            _curve(ax, every, CRITERIA[name], color(1 - k), 1.1 + 0.6 * k, ends, name)
    else:
        drawn = [criterion]
        for k, (code, members) in enumerate(curves.items()):
            _curve(ax, members, code, color(k), 1.7 if code == best.structure.code else 1.0, ends, criterion)
    found = count(best.n_components, "component")
    if len(curves) > 1:
        found = f"{best.structure.code}, {found}"
    counts = sorted({mixture_of_candidate(c).n_components for c in every})
    ax.set_xticks(counts)
    ax.set_xlim(counts[0] - 0.35, counts[-1] + 0.12 * max(len(counts), 4))
    # The curve that wins sets the scale: one that is far above it, or a single bad point, would flatten the rest.
    values = [c.criteria[name] for c in curves[best.structure.code] for name in drawn]
    shown = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(shown), max(shown)
    high = high if high > low else low + 1.0
    ax.set_ylim(low - 0.1 * (high - low), high + 0.16 * (high - low))
    ax.axvline(best.n_components, color=LINE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ax.plot(best.n_components, chosen.criteria[criterion], "o", ms=10, mfc="none", mec=INK, mew=1.1, zorder=5)
    right = best.n_components > (counts[0] + counts[-1]) / 2
    ax.annotate(
        f"least {written}: {found}", (best.n_components, 1.0), xycoords=ax.get_xaxis_transform(),
        xytext=(-6 if right else 6, -4), textcoords="offset points", ha="right" if right else "left", va="top",
        fontsize=8.5, color=INK,
    )  # fmt: skip
    _write_apart(ax, ends)
    ax.set(xlabel="components", ylabel=f"{'criterion' if len(curves) == 1 else written} (smaller is better)")
    dress(ax, grid="y")
    return ax


def entropy(merging: Merging, ax: Axes | None = None) -> Axes:
    """Draw the entropy over the number of clusters, the lines that bend at the elbow, and the elbow."""
    of_kind(merging, Merging, "merging", "what gmix.merge returned")
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


def mixture_of_candidate(candidate: Any) -> GaussianMixture:
    mixture: GaussianMixture = candidate.mixture if isinstance(candidate, Fit) else candidate.run.mixture
    return mixture


def _compared(candidates: Fit | Search | Iterable[Fit]) -> tuple[list[Any], Any, str]:
    """What is compared, what was chosen, and the name of the criterion that chose."""
    if isinstance(candidates, Fit):
        if candidates.search is None:
            raise ParameterError("this fit was not chosen among several; fit with components=range(1, 9) to compare")
        candidates = candidates.search
    if isinstance(candidates, Search):
        return list(candidates.candidates), candidates.best, candidates.criterion
    every = as_list(candidates)
    if not every or not all(isinstance(candidate, Fit) for candidate in every):
        raise ParameterError("there is nothing to compare; give a fit, its search, or several fits")
    return every, min(every, key=lambda c: c.bic), "bic"


def _curve(
    ax: Axes,
    members: Iterable[Any],
    name: str,
    ink: str,
    width: float,
    ends: list[tuple[float, float, str, str]],
    criterion: str,
) -> None:
    members = sorted(members, key=lambda c: mixture_of_candidate(c).n_components)
    x = [mixture_of_candidate(c).n_components for c in members]
    y = [c.criteria[criterion] for c in members]
    ax.plot(x, y, "-o", color=ink, linewidth=width, markersize=3.6, label=name, zorder=3)
    ends.append((x[-1], y[-1], name, ink))


def _write_apart(ax: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each curve's name at its end, none upon another."""
    low, high = ax.get_ylim()
    gap = 0.055 * (high - low)
    above = -math.inf
    for x, y, name, ink in sorted(ends, key=lambda end: end[1]):
        if not y <= high:
            continue
        above = max(y, above + gap)
        ax.annotate(
            name, (x, above), xytext=(7, 0), textcoords="offset points", color=ink,
            fontsize=9, fontweight="bold", va="center", annotation_clip=False,
        )  # fmt: skip
    beyond = [name for _, y, name, _ in ends if not y <= high]
    if beyond:
        ax.annotate(
            f"beyond the frame: {', '.join(beyond)}", (1.0, 1.0), xycoords="axes fraction", xytext=(-4, -4),
            textcoords="offset points", ha="right", va="top", fontsize=7.5, color=SOFT,
        )  # fmt: skip


def _table(ax: Axes, every: list[Any], chosen: Any, criterion: str) -> Axes:
    """What each candidate's criterion lies above the least, structures by components; the darker the better."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    codes = list(dict.fromkeys(mixture_of_candidate(c).structure.code for c in every))
    counts = sorted({mixture_of_candidate(c).n_components for c in every})
    shades = colormaps[DENSITY]
    least = chosen.criteria[criterion]
    above = {id(c): c.criteria[criterion] - least for c in every}
    known = [v for c in every if not _is_set_aside(c) and math.isfinite(v := above[id(c)])]
    far = math.log1p(max(known, default=0.0) or 1.0)
    for candidate in every:
        mixture = mixture_of_candidate(candidate)
        x, y = counts.index(mixture.n_components), codes.index(mixture.structure.code)
        behind = above[id(candidate)]
        shade = 0.0 if _is_set_aside(candidate) else 0.9 * max(1.0 - math.log1p(max(behind, 0.0)) / far, 0.0)
        face = "white" if _is_set_aside(candidate) else shades(shade)
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=face, edgecolor="white", linewidth=1.0))
        text = "\N{EN DASH}" if _is_set_aside(candidate) else _short(behind)
        ink = SOFT if _is_set_aside(candidate) else "white" if shade > 0.6 else INK
        ax.text(x, y, text, ha="center", va="center", fontsize=7.5, color=ink)
    best = mixture_of_candidate(chosen)
    place = (counts.index(best.n_components) - 0.5, codes.index(best.structure.code) - 0.5)
    ax.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=COLORS[1], linewidth=2.0, zorder=5))
    ax.set(xlim=(-0.5, len(counts) - 0.5), ylim=(len(codes) - 0.5, -0.5), xlabel="components", ylabel="structure")
    ax.set_xticks(range(len(counts)), [str(n) for n in counts])
    ax.set_yticks(range(len(codes)), codes)
    title = f"{CRITERIA[criterion]} above the least, {least:,.1f}".replace("-", "\N{MINUS SIGN}")
    ending = " (\N{EN DASH}: set aside)" if any(map(_is_set_aside, every)) else ""
    ax.set_title(title + ending, fontsize=9, color=SOFT, loc="left")
    dress(ax)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def _is_set_aside(candidate: Any) -> bool:
    return bool(getattr(candidate, "is_set_aside", False))


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "\N{INFINITY}"
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}" if value < 9999.5 else f"{value / 1000:.0f}k"
