"""The density of many points as an image, where markers would cover each other and take long to draw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmix.plot.palette import INK, color
from gmix.plot.style import side_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

__all__ = ["draw_shading", "needs_shading"]

Array = NDArray[np.float64]
_DENSE = 20_000  # points in axes of full size; more are drawn as an image of their density
_PIXELS = 256  # along each side of that image, in axes of full size
_CELLS = 1 << 24  # pixels by components that are counted together


def needs_shading(ax: Axes, n_points: int) -> bool:
    """Whether this number of points is drawn as an image in these axes."""
    return n_points > _DENSE * side_of(ax)


def draw_shading(ax: Axes, rows: Array, labels: NDArray[np.intp], mass: Array, plain: bool) -> AxesImage:
    """Draw the density of many points: each pixel has the mean color of its points, more opaque for more points."""
    from matplotlib.colors import to_rgb

    columns = [np.ascontiguousarray(column) for column in rows.T]  # many times faster than along rows
    low, high = (np.array([of(column) for column in columns]) for of in (np.min, np.max))
    high = np.where(high > low, high, low + np.maximum(1.0, np.abs(low) * 1e-9))
    margin = 0.03 * (high - low)
    low, high = low - margin, high + margin
    present, number = (np.zeros(1, np.intp), np.zeros_like(labels)) if plain else _numbered(labels)
    n = max(int(min(_PIXELS * side_of(ax), math.sqrt(_CELLS / len(present)))), 16)
    scaled = (n / (high - low)).tolist()
    across, up = (((column - a) * b).astype(np.intp) for column, a, b in zip(columns, low, scaled, strict=True))
    counted = np.bincount((up * n + across) * len(present) + number, mass, n * n * len(present))
    counted = counted.reshape(n * n, len(present))
    inks = np.array([to_rgb(INK if plain else color(int(k))) for k in present])
    total = counted.sum(1)
    some = total > 0
    image = np.zeros((n * n, 4))
    image[some, :3] = np.clip(counted[some] @ inks / total[some, None], 0.0, 1.0)
    total /= mass.mean()
    image[some, 3] = np.clip(0.2 + 0.8 * np.log1p(total[some]) / math.log1p(total.max()), 0.0, 1.0)
    frame = (low[0], high[0], low[1], high[1])
    return ax.imshow(
        image.reshape(n, n, 4), extent=frame, origin="lower", aspect=ax.get_aspect(), interpolation="nearest", zorder=2
    )


def _numbered(labels: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The labels that occur, in order, and the place of each label among them; without sorting, if labels are small."""
    lowest = int(labels.min())
    if int(labels.max()) - lowest > len(labels):
        present, place = np.unique(labels, return_inverse=True)
        return present, place.ravel()
    occurs = np.bincount(labels - lowest) > 0
    return np.flatnonzero(occurs) + lowest, (np.cumsum(occurs) - 1)[labels - lowest]
