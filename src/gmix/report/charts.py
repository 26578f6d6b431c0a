"""The data of the charts of a report as plain numbers; the script of the page draws them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.fitting.result import Fit
from gmix.model.background import Background
from gmix.model.criteria import CRITERIA, second
from gmix.model.families import StudentT
from gmix.model.student import AnyMixture, StudentMixture
from gmix.plot import color, marker
from gmix.plot.choice import heat_map, shades
from gmix.plot.model import separation, spreads
from gmix.plot.palette import BACKGROUND, text_color
from gmix.report.row_summary import LabeledRows, RowSummary
from gmix.report.selection import criterion_of, has_heat_map

__all__ = ["charts", "shown_columns"]

_MOST_COLUMNS = 30  # that are shown; of more, those that separate the components best
# Lighter variants of the colors of `gmix.plot`, for a dark screen.
_DARK = (
    "#4C9BE8", "#F4793B", "#20B486", "#E08DBD", "#F2B134", "#8FD3F4", "#B5B5B5", "#A678F0", "#C08A55", "#F0568C",
    "#BFD12E", "#5F93B8", "#A5E3C9", "#C3B6F5", "#D65A5A", "#F9C4C0", "#63B868", "#7C8BFF", "#3FDCE6", "#E57DF0",
)  # fmt: skip
_SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down"}
_SHADES = 11  # of the heat map's color scale


def _tails(mixture: AnyMixture) -> dict[str, Any] | None:
    """What the charts need to draw Student components; None for Gaussian ones."""
    if not isinstance(mixture, StudentMixture):
        return None
    family, nu = StudentT(tuple(mixture.degrees_of_freedom.tolist())), mixture.degrees_of_freedom
    reach = np.sqrt(nu * np.expm1(-2.0 / nu * np.log(0.05)))  # within which they have 95 % in two columns
    constant = np.exp(family.log_constant(1))
    return {"degrees": _numbers(nu, 6), "constant": _numbers(constant, 8), "reach": _numbers(reach, 6)}


def shown_columns(mixture: AnyMixture) -> list[int]:
    """The columns that a page shows: all, or those that separate the components best."""
    if mixture.n_features <= _MOST_COLUMNS:
        return list(range(mixture.n_features))
    return sorted(np.argsort(-separation(mixture), kind="stable")[:_MOST_COLUMNS].tolist())


def charts(fit: Fit, rows: RowSummary, shown: list[int]) -> dict[str, Any]:
    """The data of all charts."""
    mixture = fit.mixture
    names = mixture.names
    best = np.argsort(-separation(mixture)[shown], kind="stable")[:2].tolist()
    colors = {
        "light": [*(color(k) for k in range(mixture.n_components)), color(BACKGROUND)],
        "dark": [*(_DARK[k % len(_DARK)] for k in range(mixture.n_components)), color(BACKGROUND)],
    }
    return {
        "names": [names[j] for j in shown],
        "first": sorted(best),
        "weights": _numbers(mixture.weights, 6),
        "means": _numbers(mixture.means[:, shown], 8),
        "covariances": _numbers(spreads(mixture)[:, shown][:, :, shown], 8),
        "tails": _tails(mixture),
        "colors": colors,
        "inks": {theme: [text_color(face) for face in faces] for theme, faces in colors.items()},
        "palette": {"light": [color(k) for k in range(len(_DARK))], "dark": list(_DARK)},
        # The last color and symbol are those of rows that belong to no component.
        "symbols": [
            *(_SYMBOLS[marker(k)] for k in range(mixture.n_components)),
            "x-thin-open" if rows.trimmed is None else "diamond-open",
        ],
        "background": _background(mixture.background, shown),
        "labels": _labels(rows.labeled),
        "trimmed": None if rows.trimmed is None else rows.trimmed.astype(int).tolist(),
        "n_rows": fit.n_rows,
        "n_trimmed": rows.n_trimmed,
        "row_weights": None if rows.weights is None else _numbers(rows.weights, 5),
        "rows": None if rows.numbers is None else rows.numbers.tolist(),
        "values": _numbers(rows.values[:, shown].T, 7),
        "responsibilities": [[round(p, 4) for p in row] for row in rows.responsibilities.tolist()],
        # Log densities of incomplete rows have other units.
        "log_density": _numbers(np.where(np.isnan(rows.values).any(1), np.nan, rows.log_density), 5),
        "unusual": [u.number for u in rows.unusual],
        "histograms": [
            {"edges": _numbers(edges, 7), "heights": _numbers(heights, 5)} for edges, heights in rows.histograms
        ],
        "criteria": _criteria(fit),
        "heat_map": _heat_map(fit),
        "criterion": CRITERIA[criterion_of(fit)],
        "other": CRITERIA[second(criterion_of(fit))],
        "history": _numbers(np.asarray(fit.history) / fit.mass, 9),
        "objective": "log posterior" if fit.log_prior else "log-likelihood",
        "optima": _optima(fit),
    }


def _background(background: Background | None, shown: list[int]) -> dict[str, Any] | None:
    """The weight of the background, and its box in the shown columns; None for that of a stated density."""
    if background is None:
        return None
    box = _numbers(np.column_stack([background.low[shown], background.high[shown]]), 8)
    return {"weight": _numbers([background.weight], 6)[0], "box": box if background.density is None else None}


def _labels(labeled: LabeledRows | None) -> dict[str, Any] | None:
    """The labels, and by position the label of each component and of each row; -1 stands for none."""
    if labeled is None:
        return None
    return {
        "names": [str(name) for name in labeled.names],
        "of_components": labeled.of_components.tolist(),
        "of_rows": labeled.drawn.tolist(),
    }


def _criteria(fit: Fit) -> list[dict[str, Any]]:
    if fit.comparison is None:
        return []
    name = fit.comparison.criterion
    return [
        {
            "structure": c.structure.code,
            "components": c.n_components,
            "value": _finite(c.criteria[name]),
            "other": _finite(c.criteria[second(name)]),
            "aside": c.is_set_aside,
            "best": c is fit.comparison.best,
        }
        for c in fit.comparison.candidates
    ]


def _heat_map(fit: Fit) -> dict[str, Any] | None:
    """The heat map that `gmix.plot.criteria` draws of many structures; None for few, which have curves."""
    if fit.comparison is None or not has_heat_map(fit):
        return None
    cells, title = heat_map(fit.comparison)
    return {
        "title": title,
        "colors": shades(_SHADES),
        "cells": [
            {"structure": cell.structure, "components": cell.n_components, "text": cell.text,
             "shade": None if cell.is_set_aside else round(cell.shade, 4), "ink": cell.ink}
            for cell in cells
        ],
    }  # fmt: skip


def _optima(fit: Fit) -> list[dict[str, Any]]:
    """The local optima, best first: nats below the best, number of trials, and share of rows that change component."""
    found = () if fit.optima is None else fit.optima.found
    return [
        {
            "below": float(f"{found[0].objective - optimum.objective:.4g}"),
            "times": optimum.times,
            "changed": _finite(optimum.changed),
        }
        for optimum in found
    ]


def _finite(value: float) -> float | None:
    """A number as JSON can write it; None for an infinite AICc, of a fit with too few rows."""
    return value if math.isfinite(value) else None


def _numbers(values: ArrayLike, digits: int) -> Any:
    """Nested lists of numbers with this many significant digits; None for NaN, which is a missing cell."""
    array = np.asarray(values, np.float64)
    if array.ndim > 1:
        return [_numbers(part, digits) for part in array]
    return [None if math.isnan(value) else float(f"{value:.{digits}g}") for value in array]
