"""The uncertainty of the component over the plane of two variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.model.background import with_background
from gmix.plot.model import (
    Model,
    expect_features,
    extent,
    grid_of,
    mixture_of,
    weighted_points_of,
)  # fmt: skip
from gmix.plot.names import name_axes
from gmix.plot.note import drawable
from gmix.plot.palette import BACKGROUND, color, marker
from gmix.plot.style import axes_of, color_bar, dress

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["uncertainty"]

Array = NDArray[np.float64]
_MANY = 5_000  # points; more are stored as an image, also in a vector file


def uncertainty(
    model: Model,
    points: Any = None,
    ax: Axes | None = None,
    *,
    resolution: int = 301,
    sample_weight: ArrayLike | str | None = None,
) -> list[Artist]:
    r"""Draw the uncertainty of the component over the plane of two variables, as gray, and as the size of points.

    .. math:: 1 - \max_k r_k(x)

    It is zero where one component is certain. Returns the shading, and the points of each component. Points of weight 0
    are not drawn.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    ax = axes_of(ax, 6.0, 4.6)
    mixture = mixture_of(model)
    expect_features(mixture, 2)
    limits = extent(mixture, 3.6)
    rows = None
    if points is not None:
        rows, mass = weighted_points_of(points, mixture, 2, sample_weight)
        rows = rows[drawable(ax, rows, mass)]
    if rows is not None and len(rows):
        limits = np.stack([np.minimum(limits[:, 0], rows.min(0)), np.maximum(limits[:, 1], rows.max(0))], axis=1)
    most = max(1.0 - 1.0 / mixture.n_components, 0.01)
    background = mixture.background
    most = 1.0 - 1.0 / (mixture.n_components + 1) if background is not None else most

    def probabilities(points: Array) -> Array:
        return with_background(mixture.responsibilities(points), background)

    x, y, z = grid_of(lambda x: 1.0 - probabilities(x).max(1), limits, resolution)
    grays = ListedColormap(colormaps["Greys"](np.linspace(0.0, 0.62, 256)))
    shade = ax.pcolormesh(x, y, z, cmap=grays, vmin=0.0, vmax=most, shading="gouraud", rasterized=True, zorder=0.6)
    color_bar(shade, ax, "uncertainty")
    artists: list[Artist] = [shade]
    if rows is not None:
        uncertain, labels = 1.0 - probabilities(rows).max(1), mixture.predict(rows)
        for k in np.unique(labels):
            mine = labels == k
            area = 5.0 + 45.0 * uncertain[mine] / most
            artists.append(
                ax.scatter(
                    rows[mine, 0], rows[mine, 1], s=area, c=color(int(k)), marker=marker(int(k)), alpha=0.75,
                    linewidths=0.8 if k == BACKGROUND else 0.4, edgecolors=None if k == BACKGROUND else "white",
                    zorder=2, rasterized=len(rows) > _MANY,
                )
            )  # fmt: skip
    ax.set(xlim=limits[0], ylim=limits[1])
    name_axes(ax, mixture)
    dress(ax)
    return artists
