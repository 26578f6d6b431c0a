"""The panels of a picture of every pair of columns: equal squares, with ticks and names that fit beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmix.plot.names import fitted_alike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Panels"]

_DISC = 15.0  # points: the diameter of the number of a component, with the space around it


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
        self.names, self.name_size = fitted_alike(names, 72.0 * rough)
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
