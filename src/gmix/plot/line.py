"""Pictures of one variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError
from gmix.plot.bins import edges_of
from gmix.plot.model import Mixture, Model, expect_features, extent, mixture_of, spreads, weighted_points_of
from gmix.plot.names import name_axes, sides_of
from gmix.plot.note import drawable
from gmix.plot.palette import BACKGROUND, INK, color, line_style
from gmix.plot.style import axes_of, dress, side_of, write_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_bars", "histogram"]

_LONGEST = 10_000_000  # values that are repeated
_LEAST = 2.5  # points: the width of a bar, in a histogram whose bins are not given


def histogram(
    model: Model,
    points: Any = None,
    ax: Axes | None = None,
    *,
    bins: int | str = "auto",
    labels: bool = True,
    sample_weight: ArrayLike | str | None = None,
) -> Axes:
    """Draw the density of a mixture of one variable and of each component, over a histogram of points.

    Parameters
    ----------
    bins : their number; "auto" follows the spread of the points, and where these are rounded, each bin holds the same
        number of steps of the rounding.
    labels : write the numbers of the components.
    sample_weight : ``(N,)``, or the name of a column.
    """
    ax = axes_of(ax, 5.6, 3.6)
    mixture = mixture_of(model)
    expect_features(mixture, 1)
    (low, high), _ = extent(mixture)
    values = mass = np.empty(0)
    if points is not None:
        rows, mass = weighted_points_of(points, mixture, 1, sample_weight)
        drawn = drawable(ax, rows, mass)
        values, mass = rows[drawn, 0], mass[drawn]
    if len(values):
        if not (is_count(bins) or (isinstance(bins, str) and bins == "auto")):
            raise ParameterError(f"bins is {bins!r}; give their number, or 'auto'")
        most = max(int(sides_of(ax)[0] / _LEAST), 10)
        edges = edges_of(_counted(values, mass), bins if is_count(bins) else None, most)
        draw_bars(ax, values, edges, mass)
        low, high = min(low, float(edges[0])), max(high, float(edges[-1]))
    x = _places(mixture, low, high)
    share = mixture.responsibilities(x[:, None]) * mixture.density(x[:, None])[:, None]
    thin = max(side_of(ax), 0.5)
    for k, y in enumerate(share.T):
        ax.fill_between(x, y, color=color(k), alpha=0.22, linewidth=0, zorder=2)
        shown = np.where(y > 2e-3 * y.max(), y, np.nan)
        ax.plot(x, shown, color=color(k), linewidth=1.1 * thin, linestyle=line_style(k), zorder=3)
        if labels:
            write_number(ax, k, (float(mixture.means[k, 0]), float(y.max()) / 2.0), bounded=True)
    density = mixture.density(x[:, None])
    if mixture.background is not None:
        ax.fill_between(x, np.maximum(density - share.sum(1), 0.0), color=color(BACKGROUND), alpha=0.3, linewidth=0)
    ax.plot(x, density, color=INK, linewidth=1.4 * thin, zorder=4)
    ax.set(ylim=(0, None), xlim=(low, high), ylabel="density")
    ax.locator_params(axis="y", nbins=5)
    name_axes(ax, mixture)
    dress(ax, grid="y")
    ax.ticklabel_format(axis="y", scilimits=(-3, 4))
    return ax


def draw_bars(ax: Axes, values: NDArray[np.float64], edges: NDArray[np.float64], mass: NDArray[np.float64]) -> None:
    """Draw a histogram that integrates to one; its bars are parted by white lines where they are wide enough."""
    ax.hist(
        values, edges.tolist(), density=True, weights=mass, color="#DCDCDC", edgecolor="white",
        linewidth=0.5 if sides_of(ax)[0] > 4.0 * len(edges) else 0.0, zorder=1, label="rows",
    )  # fmt: skip


def _places(mixture: Mixture, low: float, high: float) -> NDArray[np.float64]:
    """Where the curves are drawn: evenly, and densely at each component, which may be narrow in a wide range."""
    deviations = np.sqrt(spreads(mixture)[:, 0, 0])[:, None] * np.linspace(-4.0, 4.0, 61)
    dense = (mixture.means[:, :1] + deviations).ravel()
    return np.unique(np.r_[np.linspace(low, high, 801), dense[(dense > low) & (dense < high)]])


def _counted(values: NDArray[np.float64], mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values as often as whole weights count them, so that a table of counts has the bins of the long table."""
    if mass.sum() > _LONGEST or (mass != np.rint(mass)).any():
        return values
    return np.repeat(values, mass.astype(np.intp))
