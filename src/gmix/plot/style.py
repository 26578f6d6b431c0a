"""The common style of all pictures: colors, markers, grids and sizes of figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError, of_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "BACKGROUND", "COLORS", "DENSITY", "INK", "LINE", "SOFT", "axes_of", "bins_of", "color", "color_bar", "dress",
    "edges_of", "figure_of", "halo", "marker", "write_number",
]  # fmt: skip

Array = NDArray[np.float64]

# The colors of Okabe & Ito, distinct for every kind of color vision, without the yellow that is faint on white. When
# they repeat, the shape of the markers changes, so that 21 components can be distinguished.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
_MARKERS = ("o", "s", "^")
INK, SOFT, LINE, _GRID = "#222222", "#5A5A5A", "#9A9A9A", "#E7E7E7"
DENSITY = "GnBu"  # from white to dark, so that zero density looks empty


BACKGROUND = -1  # the label of points that belong to no component


def color(component: int) -> str:
    """The color of a component, safe for color-blind readers; it repeats after seven. The background, -1, is gray."""
    return LINE if component == BACKGROUND else COLORS[_number(component) % len(COLORS)]


def marker(component: int) -> str:
    """The marker of a component's points; it changes each time the colors repeat."""
    if component == BACKGROUND:
        return "x"
    return _MARKERS[_number(component) // len(COLORS) % len(_MARKERS)]


def _number(component: int) -> int:
    if not is_count(component, 0):
        raise ParameterError(f"component is {component!r}; give its number, counted from 0")
    return component


def figure_of(figure: Figure | SubFigure | None, width: float, height: float) -> Figure:
    """The given figure, or a new one of this size in inches."""
    from matplotlib import pyplot as plt
    from matplotlib.figure import FigureBase

    if figure is None:
        return plt.figure(figsize=(width, height), layout="constrained")
    of_kind(figure, FigureBase, "figure", "a figure of Matplotlib, or leave it out")
    return cast("Figure", figure)


def axes_of(ax: Axes | None, width: float, height: float, **options: Any) -> Axes:
    """The given axes, or new ones in a figure of this size in inches."""
    from matplotlib.axes import Axes

    if ax is None:
        ax = figure_of(None, width, height).add_subplot(**options)
    return of_kind(ax, Axes, "ax", "axes of Matplotlib, or leave it out")


def dress(ax: Axes, grid: str = "both") -> None:
    """Give axes a light grid, thin spines on two sides, and gray tick labels."""
    ax.set_axisbelow(True)
    ax.grid(visible=False)
    ax.grid(visible=True, axis=grid, color=_GRID, linewidth=0.6)  # type: ignore[arg-type]  # Matplotlib's is a Literal
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(color=LINE, linewidth=0.7)
    ax.tick_params(length=3, width=0.7, color=LINE, labelcolor=SOFT, labelsize=8)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set(color=INK, fontsize=9.5)


def halo(text: Any, width: float) -> None:
    """Outline a text in white, so that it is readable over lines."""
    from matplotlib.patheffects import withStroke

    text.set_path_effects([withStroke(linewidth=width, foreground="white")])


def color_bar(artist: Any, ax: Any, label: str) -> None:
    """Add a color bar without a frame."""
    bar = ax.figure.colorbar(artist, ax=ax, shrink=0.7, aspect=24, pad=0.09)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, width=0.6, color=LINE, labelcolor=SOFT, labelsize=8)
    bar.set_label(label, color=INK, fontsize=9.5)


def write_number(ax: Axes, component: int, place: ArrayLike) -> None:
    """Write the number of a component on a disc of its color."""
    x, y = np.asarray(place, np.float64)
    disc = {"boxstyle": "circle,pad=0.28", "facecolor": color(component), "edgecolor": "white", "linewidth": 1.2}
    text = ax.text(
        x,
        y,
        str(component),
        color="white",
        fontsize=7.5,
        fontweight="bold",
        ha="center",
        va="center",
        zorder=6,
        bbox=disc,
    )
    text.set_gid("component")


def bins_of(values: Array) -> int:
    """Freedman & Diaconis's number of bins, within limits; small tables get more."""
    quartiles = np.quantile(values, [0.25, 0.75])
    width = 2.0 * float(quartiles[1] - quartiles[0]) / max(len(values), 1) ** (1 / 3)
    wanted = max(float(np.ptp(values)) / width if width > 0 else 0.0, 1.4 * math.sqrt(len(values)))
    return int(np.clip(wanted, 8, 80)) if len(values) < 2000 else int(np.clip(wanted, 40, 100))


def edges_of(values: Array, bins: int | None = None) -> Array:
    """The edges of bins of equal width over the values; `bins` is their number, or None for that of `bins_of`.

    Where the values are equal, or too close for float64 to divide their range, the bins extend beyond them.
    """
    low, high = float(values.min()), float(values.max())
    bins = bins_of(values) if bins is None else bins
    least = 2.0 * bins * float(np.spacing(max(abs(low), abs(high), np.finfo(np.float64).tiny)))
    room = max(least - (high - low), 0.0) if high > low else max(least, 1.0)
    return np.linspace(low - room / 2.0, high + room / 2.0, bins + 1)
