"""The panels of a picture of every pair of columns: equal squares, with ticks and names that fit beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Panels", "fitted"]

_NAME, _LEAST = 9.5, 5.5  # sizes of names in points: the usual one, and the smallest readable one
_DISC = 15.0  # points: the diameter of the number of a component, with the space around it
_LINES = 3  # of a name


class Panels:
    """The lower triangle of a grid of axes, one row and one column for each variable.

    They have fixed places in the figure, because a layout that measures all labels takes seconds for 55 axes, and makes
    panels of unequal size.

    Parameters
    ----------
    names : of the variables.
    limits : ``(D, 2)``, the range of each.
    """

    def __init__(self, figure: Figure, names: Sequence[str], limits: NDArray[np.float64]) -> None:
        from gmix.plot.tick_labels import has_shift_or_scale

        self.figure, self.limits = figure, limits
        d = len(names)
        self.size = np.asarray(figure.bbox.size) / figure.dpi  # inches
        self.gap = float(np.clip(0.55 / d, 0.06, 0.16))
        self.tick_size = float(np.clip(26.0 * self.size.min() / d / 8.0, 5.5, 8.0))
        rough = (self.size.min() - 0.9) / d - self.gap
        fits = [fitted(name, 72.0 * rough) for name in names]
        self.name_size = min(size for _, size in fits)
        self.names = [fitted(name, 72.0 * rough, self.name_size)[0] for name in names]
        self.line_length = max(int(72.0 * rough / (0.62 * self.name_size)), 1)
        lines = 1 + max(
            name.count("\n") + has_shift_or_scale(*ends) for name, ends in zip(self.names, limits.tolist(), strict=True)
        )
        self.edge = (4.2 * self.tick_size + (1.35 * lines + 0.5) * self.name_size) / 72.0
        bottom = (2.3 * self.tick_size + (1.35 * lines + 0.9) * self.name_size) / 72.0
        self.corner = np.array([self.edge, bottom])
        self.panel = (self.size - self.corner - 0.06 + self.gap) / d - self.gap
        self.grid: dict[tuple[int, int], Axes] = {}

    @property
    def legend_size(self) -> float:
        """The size of the text of the legend, in points."""
        return float(np.clip(1.15 * self.size.min(), 6.0, 9.0))

    @property
    def legend_lines(self) -> int:
        """The lines of a legend that fit above the diagonal, at the right."""
        half = 0.5 * (self.size[1] - self.corner[1]) * 72.0
        return max(int(half / (1.65 * self.legend_size)) - 2, 4)

    def room_for(self, n_components: int) -> bool:
        """Whether the numbers of the components leave most of a panel free."""
        return bool(n_components * _DISC**2 < 0.16 * np.prod(72.0 * self.panel))

    def add(self, i: int, j: int) -> Axes:
        """Add the panel of row i and column j."""
        d = len(self.names)
        place = self.corner + (self.panel + self.gap) * [j, d - 1 - i]
        self.grid[i, j] = self.figure.add_axes((*(place / self.size), *(self.panel / self.size)))
        return self.grid[i, j]

    def finish(self, ax: Axes, i: int, j: int) -> None:
        """Give a panel its limits, its ticks, and its names if it is at the left or at the bottom."""
        from gmix.plot.tick_labels import InnerTicks, NamedTicks

        last, first = i == len(self.names) - 1, j == 0 and i > 0
        ax.set_xlim(*self.limits[j])
        letters = 72.0 * self.panel / self.tick_size  # that fit along each side, by their height
        most = np.clip(letters / 4.2, 2, 5).astype(int)
        ax.xaxis.set_major_locator(InnerTicks(most[0], float(min(1.1 / letters[0], 0.2))))
        if i == j:
            ax.set(ylabel="", yticks=[])
            ax.spines["left"].set_visible(False)
            ax.grid(visible=False)
        else:
            ax.set_ylim(*self.limits[i])
            ax.yaxis.set_major_locator(InnerTicks(most[1], float(min(0.5 / letters[1], 0.2))))
        ax.tick_params(labelbottom=last, labelleft=first, labelsize=self.tick_size, length=2.0, pad=2.0)
        if last:
            ax.xaxis.set_major_formatter(NamedTicks(self.line_length))
        if first:
            ax.yaxis.set_major_formatter(NamedTicks(self.line_length))
        ax.set_xlabel(self.names[j] if last else "", fontsize=self.name_size)
        ax.set_ylabel(self.names[i] if first else "", fontsize=self.name_size)
        if last:
            ax.xaxis.set_label_coords(0.5, -2.1 * self.tick_size / 72.0 / self.panel[1])
            ax.xaxis.label.set_verticalalignment("top")
        if first:
            ax.yaxis.set_label_coords(-3.9 * self.tick_size / 72.0 / self.panel[0], 0.5)
            ax.yaxis.label.set_verticalalignment("bottom")


def fitted(name: str, width: float, size: float | None = None) -> tuple[str, float]:
    """A name in as many lines as it needs to be no wider than `width` points, and its size in points.

    It gets smaller, then takes more lines; a word that is too long even then is divided.
    """
    sizes = (_NAME, 8.5, 7.5, 6.5, _LEAST) if size is None else (size,)
    for lines in range(1, _LINES + 1):
        for points in sizes if lines > 1 else sizes[:2]:
            letters = max(int(width / _letter(name, points)), 1)
            parts = textwrap.wrap(name, letters, break_long_words=False) if lines > 1 else [name]
            if len(parts) <= lines and max(map(len, parts)) <= letters:
                return "\n".join(parts), points
    points = sizes[-1]
    return "\n".join(textwrap.wrap(name, max(int(width / _letter(name, points)), 1))), points


def _letter(name: str, size: float) -> float:
    """The mean width of the letters of a name, in points."""
    from matplotlib.textpath import TextPath

    path: Any = TextPath((0.0, 0.0), name, size=size)
    return float(path.get_extents().width) / max(len(name), 1)
