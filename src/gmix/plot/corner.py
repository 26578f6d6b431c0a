"""Pictures of many variables: each of them, and every pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.plot.line import histogram
from gmix.plot.missing import without_note
from gmix.plot.model import Mixture, Model, extent, in_independent_columns, names_of, weighted_points_of
from gmix.plot.plane import contours, ellipses, scatter
from gmix.plot.style import BACKGROUND, INK, SOFT, color, figure_of, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["pairs"]

Array = NDArray[np.float64]


def pairs(
    model: Model,
    points: Any = None,
    figure: Figure | None = None,
    *,
    levels: Sequence[float] = (0.5, 0.95),
    sample_weight: ArrayLike | str | None = None,
) -> Figure:
    """Draw every variable on the diagonal and every pair below it: points, components and marginal densities.

    Each picture shows the points that have its variables; points with missing cells have the color of their most
    probable component by their other cells.
    """
    mixture, points, sample_weight = in_independent_columns(model, points, sample_weight)
    d = mixture.n_features
    if d < 2:
        raise ParameterError("pairs needs at least two features; draw one with histogram")
    side = float(np.clip(11.0 / d, 1.1, 2.4)) * d
    figure = figure_of(figure, side, side)
    rows, mass = (None, None) if points is None else weighted_points_of(points, mixture, d, sample_weight)
    labels = None if rows is None else mixture.predict(rows)
    names = names_of(mixture)
    grid = figure.subplots(d, d, squeeze=False)
    for i in range(d):
        for j in range(d):
            ax = grid[i, j]
            if j > i:
                ax.remove()
                continue
            if i == j:
                histogram(mixture.marginal([i]), None if rows is None else rows[:, [i]], ax, sample_weight=mass)
                without_note(ax)
                _unnumber(ax)
                ax.set(ylabel="", yticks=[])
                ax.spines["left"].set_visible(False)
            else:
                two = mixture.marginal([j, i])
                if rows is None:
                    contours(two, ax=ax, labels=False)
                else:
                    scatter(rows[:, [j, i]], labels, ax, sample_weight=mass)
                    without_note(ax)
                ellipses(two, levels, ax, labels=d <= 5)
                _frame(ax, two, None if rows is None else rows[:, [j, i]])
            ax.set_xlabel(names[j] if i == d - 1 else "")
            ax.set_ylabel(names[i] if j == 0 and i > 0 else "")
            ax.tick_params(labelbottom=i == d - 1, labelleft=j == 0 and i > 0, labelsize=7)
            ax.locator_params(axis="x", nbins=4)
            if i != j:
                ax.locator_params(axis="y", nbins=4)
    for j in range(d):  # all pictures of a column have the scale of its diagonal
        for i in range(j + 1, d):
            grid[i, j].set_xlim(grid[j, j].get_xlim())
            grid[i, j].set_ylim(grid[i, i].get_xlim())
    figure.align_labels()
    incomplete = 0 if rows is None else int(np.count_nonzero(np.isnan(rows).any(1) & (mass != 0)))
    _legend(figure, mixture, incomplete)
    return figure


def _frame(ax: Axes, mixture: Mixture, rows: Array | None) -> None:
    limits = extent(mixture, 2.6)
    rows = None if rows is None else rows[~np.isnan(rows).any(1)]
    if rows is not None and len(rows):
        limits = np.stack([np.minimum(limits[:, 0], rows.min(0)), np.maximum(limits[:, 1], rows.max(0))], axis=1)
    ax.set(xlim=limits[0], ylim=limits[1])


def _legend(figure: Figure, mixture: Mixture, n_incomplete: int) -> None:
    """Write the components and their weights, and how many rows lack cells, in the empty corner above the diagonal."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=marker(k), color=color(k), markersize=6, label=f"{k}   {weight:.1%}")
        for k, weight in enumerate(mixture.weights)
    ]
    if mixture.background is not None:
        look, label = marker(BACKGROUND), f"background   {mixture.background.weight:.1%}"
        handles.append(Line2D([], [], linestyle="", marker=look, color=color(BACKGROUND), markersize=6, label=label))
    if n_incomplete:
        note = f"{count(n_incomplete, 'row')}: drawn only\nwhere no value is missing"
        handles.append(Line2D([], [], linestyle="", label=note))
    legend = figure.legend(
        handles=handles, title="component, weight", loc="upper right", frameon=False, fontsize=9, labelcolor=INK,
        ncols=1 + len(handles) // 11,
    )  # fmt: skip
    legend.set_in_layout(False)
    legend.get_title().set(fontsize=9, color=SOFT)


def _unnumber(ax: Axes) -> None:
    for text in list(ax.texts):
        if text.get_gid() == "component":
            text.remove()
