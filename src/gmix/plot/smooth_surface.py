"""A surface in three dimensions whose colors run smoothly over its triangles."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import allow_rasterization
from matplotlib.collections import Collection
from matplotlib.transforms import IdentityTransform
from mpl_toolkits.mplot3d.proj3d import proj_transform
from numpy.typing import NDArray

__all__ = ["SmoothSurface"]

Array = NDArray[np.float64]


class SmoothSurface(Collection):
    """A surface over a grid, with a color at every point of the grid.

    Matplotlib's own surface has one color per facet, which shows as bands where the surface is steep.

    Parameters
    ----------
    x, y, z : ``(R, C)``, the grid and the heights.
    colors : ``(R, C, 4)``.
    """

    def __init__(self, x: Array, y: Array, z: Array, colors: Array) -> None:
        super().__init__()
        self._points = np.column_stack([x.ravel(), y.ravel(), z.ravel()])
        self._colors = colors.reshape(-1, 4)
        corner = np.arange(x.size).reshape(x.shape)
        a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
        self._triangles = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
        self._seen = np.empty((0, 2))
        self.set_rasterized(True)  # vector files cannot hold such triangles, or only as a page of each
        self.set_in_layout(False)  # the axes around it decide

    def do_3d_projection(self) -> float:
        """Project the grid as the axes see it now, the far triangles first."""
        axes: Any = self.axes
        u, v, depth = proj_transform(*self._points.T, axes.M)
        self._seen = np.column_stack([u, v])
        far = np.asarray(depth)[self._triangles].mean(1)
        self._triangles = self._triangles[np.argsort(-far, kind="stable")]
        return float(np.min(depth))

    @allow_rasterization  # type: ignore[untyped-decorator]  # Matplotlib's
    def draw(self, renderer: Any) -> None:
        axes: Any = self.axes
        points = axes.transData.transform(self._seen)
        context = renderer.new_gc()
        renderer.draw_gouraud_triangles(
            context, points[self._triangles], self._colors[self._triangles], IdentityTransform()
        )
        context.restore()
        self.stale = False
