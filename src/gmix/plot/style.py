"""The common style of all pictures: colors, markers, grids and sizes of figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.errors import of_kind
from gmix.plot.palette import INK, LINE, SOFT, color, text_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "DENSITY", "axes_of", "color_bar", "dress", "figure_of", "halo", "side_of", "write_number",
]  # fmt: skip

_GRID = "#E7E7E7"
DENSITY = "GnBu"  # from white to dark, so that zero density looks empty
_FULL = 3.4  # inches: the shorter side of axes in which markers, lines and numbers have their full size


def figure_of(figure: Figure | SubFigure | None, width: float, height: float) -> Figure:
    """The given figure, or a new one of this size in inches."""
    from matplotlib import pyplot as plt
    from matplotlib.figure import FigureBase

    from gmix.plot.picture import Picture

    if figure is None:
        return plt.figure(figsize=(width, height), layout="constrained", FigureClass=Picture)
    of_kind(figure, FigureBase, "figure", "a figure of Matplotlib, or leave it out")
    return cast("Figure", figure)


def axes_of(ax: Axes | None, width: float, height: float, **options: Any) -> Axes:
    """The given axes, or new ones in a figure of this size in inches."""
    from matplotlib.axes import Axes

    if ax is None:
        ax = figure_of(None, width, height).add_subplot(**options)
    return of_kind(ax, Axes, "ax", "axes of Matplotlib, or leave it out")


def dress(ax: Axes, grid: str = "both") -> None:
    """Give axes a light grid, thin spines on two sides, gray tick labels, and labels that name shifts and scales."""
    from matplotlib.ticker import ScalarFormatter

    from gmix.plot.tick_labels import NamedTicks

    for axis, shared in ((ax.xaxis, ax.get_shared_x_axes()), (ax.yaxis, ax.get_shared_y_axes())):
        # A formatter of the caller stays, and axes that share one cannot each have a label that follows it.
        if type(axis.get_major_formatter()) is ScalarFormatter and len(shared.get_siblings(ax)) == 1:
            axis.set_major_formatter(NamedTicks())
    ax.set_axisbelow(True)
    ax.grid(visible=False)
    ax.grid(visible=True, axis=grid, color=_GRID, linewidth=0.6)  # type: ignore[arg-type]  # Matplotlib's is a Literal
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(color=LINE, linewidth=0.7)
    ax.tick_params(length=3, width=0.7, color=LINE, labelcolor=SOFT, labelsize=8)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set(color=INK, fontsize=9.5)


def halo(artist: Any, width: float) -> None:
    """Outline a text or a line in white, so that it is readable over what lies below it."""
    from matplotlib.patheffects import withStroke

    artist.set_path_effects([withStroke(linewidth=width, foreground="white")])


def color_bar(artist: Any, ax: Any, label: str, ticks: list[float] | None = None, pad: float = 0.09) -> None:
    """Add a color bar without a frame."""
    bar = ax.figure.colorbar(artist, ax=ax, shrink=0.7, aspect=24, pad=pad, ticks=ticks)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, width=0.6, color=LINE, labelcolor=SOFT, labelsize=8)
    bar.set_label(label, color=INK, fontsize=9.5)


def side_of(ax: Axes) -> float:
    """The shorter side of axes relative to that of a whole picture, at most 1; markers and lines follow it."""
    figure = ax.figure
    sides = np.asarray(ax.get_position().size) * np.asarray(figure.bbox.size) / figure.dpi
    return float(np.clip(sides.min() / _FULL, 0.2, 1.0))


def write_number(ax: Axes, component: int, place: ArrayLike, *, bounded: bool = False) -> None:
    """Write the number of a component on a disc of its color, near its place where it hides no other number.

    If its place is above or below the axes, it is not shown, or with `bounded` at their edge.
    """
    from gmix.plot.label_layout import LABEL, LabelLayout

    x, y = np.asarray(place, np.float64).tolist()
    face, size = color(component), 7.5 * max(side_of(ax), 0.4) ** 0.4
    disc = {"boxstyle": "circle,pad=0.28", "facecolor": face, "edgecolor": "white", "linewidth": 0.16 * size}
    tie = {"arrowstyle": "-", "color": face, "linewidth": 0.9, "shrinkA": 0.0, "shrinkB": 0.0}
    text = ax.annotate(
        str(component), (x, y), xytext=(0.0, 0.0), textcoords="offset points", ha="center", va="center", zorder=6,
        color=text_color(face), fontsize=size, fontweight="bold", bbox=disc, arrowprops=tie, annotation_clip=False,
    )  # fmt: skip
    if text.arrow_patch is not None:
        text.arrow_patch.set_visible(False)
        text.arrow_patch.set_clip_path(ax.patch)  # its place may be far outside
    text.set_gid(LABEL)
    text.set_in_layout(False)
    LabelLayout.add_to(ax, bounded)
