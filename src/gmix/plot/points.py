"""Pictures of rows with any number of variables: their responsibilities, and which rows are unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.model.background import with_background
from gmix.plot.bins import bins_of
from gmix.plot.line import draw_bars
from gmix.plot.model import Model, expect_some, mixture_of, weighted_points_of
from gmix.plot.note import write_note
from gmix.plot.palette import BACKGROUND, COLORS, INK, LINE, SOFT, color, darkened
from gmix.plot.style import axes_of, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["responsibilities", "unusual"]

Array = NDArray[np.float64]
_STRIPES = 2_000  # rows that can be distinguished in a picture
_DRAWS = 20_000  # from the mixture, for the expected log densities
_PATTERNS = 200  # sets of missing cells, whose densities have a distribution each


def responsibilities(
    model: Model, points: Any, ax: Axes | None = None, *, sample_weight: ArrayLike | str | None = None
) -> Axes:
    """Draw every row as a thin stripe, as wide as its weight, divided by the responsibilities of the components.

    Rows are sorted by their most probable component, the most certain ones first. The rows at the ragged end of each
    field may belong to another component. The responsibilities of rows with missing cells are those of their other
    cells.
    """
    ax = axes_of(ax, 6.4, 3.0)
    mixture = mixture_of(model)
    rows, mass = weighted_points_of(points, mixture, mixture.n_features, sample_weight)
    rows, mass = rows[mass > 0], mass[mass > 0]
    expect_some(rows)
    shares = with_background(mixture.responsibilities(rows), mixture.background)
    labels, total, k = shares.argmax(1), float(mass.sum()), shares.shape[1]
    colors = [color(j if j < mixture.n_components else BACKGROUND) for j in range(k)]
    order = np.lexsort((-shares.max(1), labels))
    upper = np.cumsum(mass[order])
    place = upper - mass[order] / 2.0
    if len(order) > _STRIPES:
        order = order[np.searchsorted(upper, np.linspace(0.0, total - mass[order[-1]], _STRIPES), side="right")]
        place = (np.arange(_STRIPES) + 0.5) / _STRIPES * total
    edge = np.r_[0.0, place, total]
    inner = np.r_[order[:1], order, order[-1:]]
    ax.stackplot(edge, shares[inner].T, colors=colors, step="mid", linewidth=0)
    ends = np.cumsum(np.bincount(labels, mass, k))
    for j, (begin, end) in enumerate(zip(np.r_[0, ends[:-1]], ends, strict=True)):
        if end == begin:
            continue
        name = str(j) if j < mixture.n_components else "background"
        ink = darkened(colors[j])
        ax.text((begin + end) / 2, 1.03, name, ha="center", va="bottom", fontsize=8, fontweight="bold", color=ink)
        if (labels > j).any():
            ax.axvline(float(end), color="white", linewidth=1.2)
    ax.set(xlim=(0, total), ylim=(0, 1), xlabel="rows, by component", ylabel="responsibility")
    dress(ax)
    ax.grid(visible=False)
    return ax


def unusual(
    model: Model, points: Any, ax: Axes | None = None, *, n: int = 8, sample_weight: ArrayLike | str | None = None
) -> Axes:
    """Draw the distribution of the log densities of rows and of draws from the mixture, and number the least dense.

    Where the bars reach further left than the line, rows are more unusual than the mixture expects. A number is red
    where fewer than 0.05 rows of so low a density are expected in the table, by the p-values of
    `GaussianMixture.outlier_score`. As there, a background is left out: the picture compares rows with draws from the
    components.

    The log density of a row with missing cells has other units. In its place stands that of complete rows which are as
    unusual: the probability that a draw has at most this density is the same. If rows lack cells in very many ways, the
    rows of the rarer ways are not drawn.
    """
    ax = axes_of(ax, 6.4, 3.6)
    if not is_count(n):
        raise ParameterError(f"n is {n!r}; give the number of rows to mark")
    mixture = mixture_of(model)
    rows, mass = weighted_points_of(points, mixture, mixture.n_features, sample_weight)
    numbers = np.flatnonzero((mass > 0) & _comparable(rows))
    if left_out := int(np.count_nonzero(mass)) - len(numbers):
        write_note(ax, f"not drawn: {count(left_out, 'row')} with rare sets of missing cells")
    rows, mass = rows[numbers], mass[numbers]
    expect_some(rows)
    of_components = mixture.without_background
    drawn = of_components.log_density(of_components.sample(_DRAWS, rng=0))
    scores = mixture.outlier_score(rows)
    tail, log_density = scores.density_p_value, scores.log_density.copy()
    incomplete = np.isnan(rows).any(1)
    log_density[incomplete] = np.quantile(drawn, tail[incomplete])  # of as unusual a complete row
    least = np.lexsort((tail, log_density))[:n]
    low = min(log_density.min(initial=np.inf, where=np.isfinite(log_density)), np.quantile(drawn, 1e-3))
    log_density = np.maximum(log_density, low)  # rows whose density underflows are drawn at the edge
    edges = np.linspace(low, max(log_density.max(), drawn.max()), max(bins_of(log_density), 20) + 1)
    draw_bars(ax, log_density, edges, mass)
    height = np.histogram(drawn, edges)[0] / (len(drawn) * np.diff(edges))
    ax.stairs(height, edges, color=COLORS[0], linewidth=1.4, label="expected of the mixture")
    top = ax.get_ylim()[1]
    # Numbers that would overlap move to the right.
    gap, at = 0.028 * (edges[-1] - edges[0]), -np.inf
    expected = mass.sum() * tail[least]
    for row, number, many in zip(least, numbers[least], expected, strict=True):
        value = float(log_density[row])
        at = max(value, at + gap)
        ink = COLORS[1] if many < 1 / 20 else SOFT
        ax.plot([value, value, at], [0.0, 0.12 * top, 0.18 * top], color=ink, linewidth=0.9, zorder=3)
        written: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": 8}
        ax.text(at, 0.195 * top, str(number), zorder=4, color=darkened(ink), **written)
    ax.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="upper left")
    ax.set(xlabel="log density of a row", ylabel="density", ylim=(0, top))
    ax.spines["bottom"].set_color(LINE)
    dress(ax, grid="y")
    return ax


def _comparable(rows: Array) -> NDArray[np.bool_]:
    """Whether each of ``rows (N, D)`` is complete, or lacks one of the most frequent sets of cells."""
    missing = np.isnan(rows)
    if not missing.any():
        return np.ones(len(rows), bool)
    _, which, times = np.unique(missing, axis=0, return_inverse=True, return_counts=True)
    frequent = np.argsort(-times, kind="stable")[:_PATTERNS]
    return np.asarray(np.isin(which.ravel(), frequent) | ~missing.any(1))
