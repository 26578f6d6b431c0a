"""The sections of a report about the kinds of rows: labeled, in the background, trimmed, and with missing cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from gmix.base.wording import count, listed, number, percent
from gmix.fitting.result import Fit, StandardErrors
from gmix.report.columns import alike
from gmix.report.row_summary import LabeledRows, RowSummary

__all__ = ["row_sections"]

_NAMED = 12  # columns that a line can name


def row_sections(fit: Fit, rows: RowSummary, shown: list[int], errors: StandardErrors | None) -> dict[str, Any]:
    """What the template shows about each kind of row, by name; None for a kind that the table does not have."""
    return {
        "labels": _labels(fit, rows),
        "background": _background(fit, rows, shown, errors),
        "trimmed": _trimmed(fit, rows),
        "missing": _missing(fit, rows),
        "measured": _measured(fit, rows, shown),
    }


def _labels(fit: Fit, rows: RowSummary) -> dict[str, Any] | None:
    """How many rows have each label, and which label the mixture gives them."""
    if fit.groups is None:
        return None
    labeled = rows.labeled
    if labeled is None:
        return {"soft": True}
    known = labeled.agreement.sum(1)
    agreeing = labeled.n_agreeing / max(known.sum(), np.finfo(np.float64).tiny)
    heads = [
        *(str(name) for name in labeled.names),
        *(["no label"] if None in fit.groups else []),
        *(["background"] if fit.mixture.background is not None else []),
    ]
    return {
        "soft": False,
        "known": f"{_amount(known.sum())} of {_amount(rows.mass)} rows",
        "agreeing": f"{_amount(labeled.n_agreeing)} ({percent(agreeing)})",
        "heads": heads,
        "lines": [_label_line(fit, labeled, i, float(known[i])) for i in range(len(labeled.names))],
        "sampled": _sampled(fit, rows),
    }


def _label_line(fit: Fit, labeled: LabeledRows, label: int, known: float) -> dict[str, Any]:
    """A label: its components, their weight, and its labeled rows by the label that the mixture gives them."""
    components = np.flatnonzero(labeled.of_components == label).tolist()
    return {
        "name": str(labeled.names[label]),
        "components": components,
        "weight": percent(float(fit.mixture.weights[components].sum())),
        "known": _amount(known),
        "cells": [
            {
                "rows": _amount(value) if value else "·",
                "kind": "right" if j == label else "wrong" if value else "none",
                "share": f"{100.0 * value / known:.0f}" if known else "0",
            }
            for j, value in enumerate(labeled.agreement[label].tolist())
        ],
    }


def _background(fit: Fit, rows: RowSummary, shown: list[int], errors: StandardErrors | None) -> dict[str, Any] | None:
    """The share of the background, how many rows belong to it, and where it is."""
    background = fit.mixture.background
    if background is None:
        return None
    error = "" if errors is None or errors.background is None else f" ± {100.0 * errors.background:.1f}"
    names, box = fit.mixture.names, background.density is None
    return {
        "share": f"{100.0 * background.weight:.1f}{error} %",
        "rows": f"{max(fit.mass - float(fit.statistics.counts.sum()), 0.0):,.1f}",
        "in_background": count(rows.in_background, "row"),
        "density": "" if background.density is None else number(background.density),
        "box": [(names[j], *alike([background.low[j], background.high[j]])) for j in shown] if box else [],
        "sampled": _sampled(fit, rows),
    }


def _trimmed(fit: Fit, rows: RowSummary) -> dict[str, Any] | None:
    """How many rows were left out."""
    if not fit.trim:
        return None
    return {"share": f"{100.0 * fit.trim:.3g} %", "rows": count(rows.n_trimmed, "row")}


def _missing(fit: Fit, rows: RowSummary) -> dict[str, Any] | None:
    """How many cells are missing: of all, of each column, and together in rows; None if there are none."""
    if rows.missing is None:
        return None
    names, by_column = fit.mixture.names, rows.missing.by_column
    columns = [int(j) for j in np.argsort(-by_column, kind="stable") if by_column[j]]
    cells, read, total = fit.n_rows * len(names), rows.n_read, int(by_column.sum())
    verb = "is" if total == 1 else "are"
    return {
        "total": f"{total:,} of {count(cells, 'cell')} ({percent(total / cells)}) {verb} missing",
        "empty": count(rows.missing.empty_rows, "row") if rows.missing.empty_rows else "",
        "columns": [(names[j], f"{int(by_column[j]):,}", percent(by_column[j] / fit.n_rows)) for j in columns[:_NAMED]],
        "more": len(columns[_NAMED:]),
        "sets": [
            (listed([names[j] for j in lacking], _NAMED) if lacking else "none", f"{times:,}", percent(times / read))
            for lacking, times in rows.patterns
        ],
    }


def _measured(fit: Fit, rows: RowSummary, shown: list[int]) -> list[tuple[str, str, str, str]] | None:
    """The errors of each column, beside the standard deviation of the true values within a component."""
    if rows.errors is None:
        return None
    mixture = fit.mixture.without_background
    within = np.sqrt(mixture.weights @ np.diagonal(mixture.covariances, axis1=1, axis2=2))
    median, largest = rows.errors.T
    return [(fit.mixture.names[j], number(median[j], 3), number(largest[j], 3), number(within[j], 3)) for j in shown]


def _sampled(fit: Fit, rows: RowSummary) -> str:
    """How many rows were counted, if not all; empty if all were."""
    return "" if rows.numbers is not None or rows.n_read == fit.n_rows else count(rows.n_read, "row")


def _amount(total: float) -> str:
    """A number of rows, or their total weight."""
    return f"{total:,.0f}" if float(total).is_integer() else f"{total:,.1f}"
