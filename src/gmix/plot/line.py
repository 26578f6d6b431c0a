"""Pictures of one variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError
from gmix.plot.missing import drawable
from gmix.plot.model import Model, expect_features, extent, mixture_of, name_axes, weighted_points_of
from gmix.plot.style import BACKGROUND, INK, SOFT, axes_of, color, dress, edges_of, write_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["histogram"]


def histogram(
    model: Model,
    points: Any = None,
    ax: Axes | None = None,
    *,
    bins: int | str = "auto",
    sample_weight: ArrayLike | str | None = None,
) -> Axes:
    """Draw the density of a mixture of one variable and of each component, over a histogram of points."""
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
        edges = edges_of(values, bins if is_count(bins) else None)
        ax.hist(
            values, edges.tolist(), density=True, weights=mass, color="#DCDCDC", edgecolor="white", linewidth=0.5,
            zorder=1,
        )  # fmt: skip
        low, high = min(low, float(edges[0])), max(high, float(edges[-1]))
    x = np.linspace(low, high, 801)
    share = mixture.responsibilities(x[:, None]) * mixture.density(x[:, None])[:, None]
    for k, y in enumerate(share.T):
        ax.fill_between(x, y, color=color(k), alpha=0.22, linewidth=0, zorder=2)
        ax.plot(x, np.where(y > 2e-3 * y.max(), y, np.nan), color=color(k), linewidth=1.1, zorder=3)
        write_number(ax, k, (float(mixture.means[k, 0]), float(y.max()) / 2.0))
    density = mixture.density(x[:, None])
    if mixture.background is not None:
        ax.fill_between(x, np.maximum(density - share.sum(1), 0.0), color=color(BACKGROUND), alpha=0.3, linewidth=0)
    ax.plot(x, density, color=INK, linewidth=1.4, zorder=4)
    ax.set(ylim=(0, None), xlim=(low, high), ylabel="density")
    ax.locator_params(axis="y", nbins=5)
    ax.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    ax.yaxis.get_offset_text().set(fontsize=8, color=SOFT)
    name_axes(ax, mixture)
    dress(ax, grid="y")
    return ax
