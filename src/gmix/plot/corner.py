"""Pictures of many variables: each of them, and every pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.plot.line import histogram
from gmix.plot.model import Mixture, Model, extent, in_independent_columns, weighted_points_of
from gmix.plot.names import names_of
from gmix.plot.note import without_note
from gmix.plot.palette import BACKGROUND, INK, SOFT, color, line_style, marker
from gmix.plot.panels import Panels
from gmix.plot.plane import contours, ellipse_handle, ellipses, scatter
from gmix.plot.shading import needs_shading
from gmix.plot.style import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["pairs"]

Array = NDArray[np.float64]
_ALL_LEVELS = 6  # columns; of more, the panels are too small for two ellipses
_NUMBERED = 5  # columns; of more, the panels are too small for the numbers of components
_MARGIN = 0.04  # of the range of a column, so that no marker is cut at the edge


def pairs(
    model: Model,
    points: Any = None,
    figure: Figure | None = None,
    *,
    levels: Sequence[float] | None = None,
    sample_weight: ArrayLike | str | None = None,
) -> Figure:
    """Draw every variable on the diagonal and every pair below it: points, components and marginal densities.

    Each panel shows the points that have its variables; points with missing cells have the color of their most
    probable component by their other cells. By default the ellipses hold 50 and 95 % of each component, and 95 % alone
    for more than six variables or twelve components; the legend says so.
    """
    from matplotlib.figure import Figure

    from gmix.plot.picture import shown_once

    mixture, points, sample_weight = in_independent_columns(model, points, sample_weight)
    d = mixture.n_features
    if d < 2:
        raise ParameterError("pairs needs at least two features; draw one with histogram")
    side = float(np.clip(11.0 / d, 1.1, 2.4)) * d
    figure = figure_of(figure, side, side)
    rows, mass = (None, None) if points is None else weighted_points_of(points, mixture, d, sample_weight)
    if rows is not None and mass is not None:
        rows, mass = rows[mass > 0], mass[mass > 0]
    components = None if rows is None else mixture.predict(rows)
    if levels is None and d > _ALL_LEVELS:
        levels = (0.95,)
    if isinstance(figure, Figure):
        figure.set_layout_engine("none")
    panels = Panels(figure, names_of(mixture), _limits(mixture, rows))
    numbered = d <= _NUMBERED and panels.room_for(mixture.n_components)
    shaded, held = False, 0
    for i in range(d):
        for j in range(i + 1):
            ax = panels.add(i, j)
            if i == j:
                column = None if rows is None else rows[:, [i]]
                histogram(mixture.marginal([i]), column, ax, labels=False, sample_weight=mass)
            else:
                two = mixture.marginal([j, i])
                if rows is None:
                    contours(two, ax=ax, labels=False)
                else:
                    scatter(rows[:, [j, i]], components, ax, sample_weight=mass)
                    shaded = shaded or needs_shading(ax, len(rows))
                held = len(ellipses(two, levels, ax, labels=numbered)) // max(int(np.sum(two.weights > 0)), 1)
            without_note(ax)
            panels.finish(ax, i, j)
    shown = levels if levels is not None else (0.5, 0.95)[-held:]
    _legend(figure, panels, _handles(mixture, shown, rows, shaded))
    return shown_once(figure)


def _limits(mixture: Mixture, rows: Array | None) -> Array:
    """The range ``(D, 2)`` that each column is drawn in: all rows, and 99 % of every component."""
    limits = extent(mixture, 2.6)
    if rows is not None and len(rows):
        known = ~np.isnan(rows)
        lowest, highest = (rows.min(0, initial=np.inf, where=known), rows.max(0, initial=-np.inf, where=known))
        limits = np.stack([np.minimum(limits[:, 0], lowest), np.maximum(limits[:, 1], highest)], axis=1)
    margin = _MARGIN * (limits[:, 1:] - limits[:, :1])
    return np.asarray(limits + margin * [-1.0, 1.0])


def _handles(mixture: Mixture, levels: Sequence[float], rows: Array | None, shaded: bool) -> list[Any]:
    """The lines of the legend: components and their weights, what ellipses hold, and what is not drawn as it is."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], linestyle=line_style(k), marker=marker(k), color=color(k), markersize=5, linewidth=1.1,
            label=f"{k}   {100.0 * weight:.1f} %",
        )
        for k, weight in enumerate(mixture.weights)
    ]  # fmt: skip
    if mixture.background is not None:
        look, label = marker(BACKGROUND), f"background   {100.0 * mixture.background.weight:.1f} %"
        handles.append(Line2D([], [], linestyle="", marker=look, color=color(BACKGROUND), markersize=5, label=label))
    notes = [ellipse_handle(levels)]
    if shaded and rows is not None:
        notes.append(Line2D([], [], linestyle="", label=f"{count(len(rows), 'row')}, shaded\nby their number"))
    incomplete = 0 if rows is None else int(np.count_nonzero(np.isnan(rows).any(1)))
    if incomplete:
        note = f"{count(incomplete, 'row')}: drawn only\nwhere no value is missing"
        notes.append(Line2D([], [], linestyle="", label=note))
    return [*handles, *notes]


def _legend(figure: Figure, panels: Panels, handles: list[Any]) -> None:
    """Write the legend in the empty corner above the diagonal, in as many columns as there is room for."""
    legend = figure.legend(
        handles=handles, title="component, weight", loc="upper right", frameon=False, fontsize=panels.legend_size,
        labelcolor=INK, ncols=1 + (len(handles) - 1) // panels.legend_lines, handlelength=1.8, columnspacing=1.4,
    )  # fmt: skip
    legend.set_in_layout(False)
    legend.get_title().set(fontsize=panels.legend_size, color=SOFT)
