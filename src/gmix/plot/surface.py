"""A density of two variables as a surface over the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.errors import ParameterError
from gmix.plot.model import Density, heights_of, is_model, mixture_of
from gmix.plot.names import fitted, names_of
from gmix.plot.palette import INK, LINE, SOFT
from gmix.plot.style import DENSITY, axes_of, color_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["surface"]

_GRID = "#E7E7E7"
_SIZE, _NAMES = 10.0, 180.0  # points: the size of names, and the width that has room along a side of the box


def surface(
    density: Density, limits: ArrayLike, ax: Axes | None = None, *, resolution: int = 161, label: str = "density"
) -> Any:
    """Draw a density of two variables as a shaded surface over the plane, with a color bar.

    Parameters
    ----------
    density : a function of points ``(M, 2)`` that returns ``(M,)``, or a model.
    limits : ``(low, high)`` for both axes, or a pair for each.
    ax : axes with ``projection="3d"``.
    resolution : points along each side of the grid.
    label : the label of the color bar.

    Raises `ParameterError` for axes of another projection.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LightSource, Normalize
    from matplotlib.ticker import MaxNLocator

    from gmix.plot.smooth_surface import SmoothSurface

    drawing: Any = axes_of(ax, 6.4, 4.4, projection="3d")
    if not hasattr(drawing, "plot_surface"):
        raise ParameterError(
            'a surface needs axes in three dimensions; make them with figure.add_subplot(projection="3d")'
        )
    x, y, z = heights_of(density, limits, resolution)
    top = float(z.max())
    # Light from one side shows the shape; it darkens the colors by at most a fifth, so that the color bar stays valid.
    sides = {"dx": np.ptp(x) / resolution, "dy": np.ptp(y) / resolution}
    shade = LightSource(azdeg=225, altdeg=50).hillshade(z / top * np.ptp(x) / 2.0, **sides)
    shade = np.minimum(shade / shade[0, 0], 1.0)
    lit = colormaps[DENSITY](z / top)
    lit[..., :3] *= (0.8 + 0.2 * shade)[..., None]
    artist = SmoothSurface(x, y, z, lit)
    drawing.add_artist(artist)
    heights = ScalarMappable(Normalize(0.0, top), DENSITY)
    drawing.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), zlim=(-0.03 * top, top))
    names = ["$x$", "$y$"]
    if is_model(density):
        names = [fitted(name, _NAMES, (_SIZE,))[0] for name in names_of(mixture_of(density))]
    drawing.set(xlabel=names[0], ylabel=names[1])
    drawing.set_box_aspect((1, 1, 0.62), zoom=1.18)
    drawing.view_init(elev=30, azim=-58)
    drawing.zaxis.set_major_locator(MaxNLocator(4))
    for axis in (drawing.xaxis, drawing.yaxis, drawing.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set(color=LINE, linewidth=0.6)
        axis._axinfo["grid"].update(color=_GRID, linewidth=0.5)  # noqa: SLF001  (there is no public access)
        axis._axinfo["tick"].update(inward_factor=0.0, outward_factor=0.15, color=LINE)  # noqa: SLF001  (the same)
        axis.label.set(color=INK, fontsize=_SIZE)
    drawing.tick_params(color=LINE, labelsize=8, labelcolor=SOFT, pad=0)
    color_bar(heights, drawing, label)
    return artist
