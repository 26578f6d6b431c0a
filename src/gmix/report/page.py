"""The sentences and tables of a report, for the template of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gmix
from gmix.base.wording import count, listed, nats, number, percent, weighted_rows
from gmix.fitting.optima_text import chance_text, trials_text
from gmix.fitting.result import Fit, StandardErrors
from gmix.fitting.summary_text import called
from gmix.model.criteria import CRITERIA, second
from gmix.model.student import StudentMixture
from gmix.plot.model import spreads
from gmix.report.checks import checks
from gmix.report.code import mixture_code, refitting_code
from gmix.report.columns import alike, decimals_of, fixed, fixed_size, ranges
from gmix.report.methods import covariance_text, methods
from gmix.report.row_sections import row_sections
from gmix.report.row_summary import RowSummary
from gmix.report.selection import candidates_by_rank, criterion_of, has_heat_map

__all__ = ["page_content"]

Array = NDArray[np.float64]
_CANDIDATES = 10  # that are listed
_NAMED = 12  # columns that a line can name


def page_content(
    fit: Fit, rows: RowSummary, table_name: str | None, shown: list[int], errors: StandardErrors | None
) -> dict[str, Any]:
    """Everything that the template shows, except the charts."""
    mixture = fit.mixture
    names = mixture.names
    text, references = methods(fit, names, rows)
    return {
        "title": f"{called(mixture)} of {table_name}" if table_name else called(mixture),
        "degrees": _degrees(fit),
        "version": gmix.__version__,
        "table": _table(fit, rows, names),
        "weighted": rows.weighted,
        "uncertain": mixture.n_components > 1 or mixture.background is not None,
        "colored": mixture.n_components > 1 or mixture.background is not None or rows.labeled is not None,
        "verdict": _verdict(fit),
        "checks": checks(fit, rows),
        "figures": _figures(fit),
        "names": [names[j] for j in shown],
        "left_out": mixture.n_features - len(shown),
        "components": _components(fit, shown, errors),
        "errors": errors is not None,
        "labeled": fit.groups is not None,
        "frozen": frozen_sentence(fit),
        "correlations": _correlations(fit, shown),
        "drawn": _drawn_sentence(fit, rows),
        **row_sections(fit, rows, shown, errors),
        "numbered": rows.numbers is not None,
        "candidates": _candidates(fit),
        "criterion": CRITERIA[criterion_of(fit)],
        "other_criterion": CRITERIA[second(criterion_of(fit))],
        "heat_map": has_heat_map(fit),
        "set_aside": bool(fit.comparison and any(c.is_set_aside for c in fit.comparison.candidates)),
        "n_candidates": len(fit.comparison.candidates) if fit.comparison else 0,
        "unusual": _unusual(rows, shown, mixture.n_components),
        "steps": count(len(fit.history) - 1, "step"),
        "reached": number(fit.history[-1] / fit.mass, 6),
        "optima": _optima_sentence(fit),
        "n_optima": 0 if fit.optima is None else len(fit.optima.found),
        "objective": "log posterior" if fit.log_prior else "log-likelihood",
        "methods": text,
        "references": references,
        "code": refitting_code(fit, table_name, rows.weighted, rows.errors is not None),
        "statement": mixture_code(mixture),
    }


def _table(fit: Fit, rows: RowSummary, names: Sequence[str]) -> str:
    unweighted = rows.missing is not None and not rows.weighted
    mass = fit.n_rows * (1.0 - fit.trim) if unweighted else fit.mass
    n_rows = weighted_rows(fit.n_rows, mass, weighted=rows.weighted, trim=fit.trim)
    columns = f": {', '.join(names)}" if len(names) <= _NAMED and fit.mixture.features else ""
    return f"{n_rows}, {count(len(names), 'column')}{columns}"


def _verdict(fit: Fit) -> str:
    mixture = fit.mixture
    family = "Student" if isinstance(mixture, StudentMixture) else "Gaussian"
    components = count(mixture.n_components, f"{family} component")
    what = f"{components} with {covariance_text(mixture)} ({mixture.structure.code})"
    what += "" if mixture.background is None else f" and a uniform background of {percent(mixture.background.weight)}"
    what += "" if fit.groups is None else "; rows with a label belong to the components of their label"
    what += f"; {100.0 * fit.trim:.3g} % of the rows are left out" if fit.trim else ""
    if fit.comparison is None:
        return f"As requested, the rows are described by {what}."
    least = f"the lowest {CRITERIA[criterion_of(fit)]}"
    return (
        f"The rows are best described by {what}. Of {len(fit.comparison.candidates)} candidates, this one has {least}."
    )


def _degrees(fit: Fit) -> list[str]:
    """The degrees of freedom of each component; none of Gaussian ones."""
    mixture = fit.mixture
    return [number(nu, 3) for nu in mixture.degrees_of_freedom] if isinstance(mixture, StudentMixture) else []


def _figures(fit: Fit) -> list[tuple[str, str]]:
    figures = [
        ("Log-likelihood", nats(fit.log_likelihood)),
        ("Log-likelihood per row", number(fit.log_likelihood / fit.mass, 5)),
    ]
    if fit.log_prior:
        figures.append(("Log posterior", nats(fit.log_posterior)))
    return [
        *figures,
        ("Free parameters", f"{fit.n_parameters:,}"),
        *(
            (CRITERIA[name], nats(fit.criteria[name]))
            for name in dict.fromkeys(("bic", "aic", "icl", criterion_of(fit)))
        ),
    ]


def _components(fit: Fit, shown: list[int], errors: StandardErrors | None) -> list[dict[str, Any]]:
    """The rows of the table of components; the numbers about one column of the rows have equally many decimals."""
    mixture = fit.mixture
    deviations = np.sqrt(np.diagonal(spreads(mixture), axis1=1, axis2=2))
    cells = [
        parameter_cells(mixture.means[:, j], deviations[:, j], None if errors is None else errors.means[:, j])
        for j in shown
    ]
    return [
        {
            "number": k,
            "spot": k,
            "label": "" if fit.groups is None or fit.groups[k] is None else str(fit.groups[k]),
            "weight": f"{mixture.weights[k]:.4f}",
            "weight_error": f"{errors.weights[k]:.4f}" if errors and mixture.n_components > 1 else "",
            "rows": f"{fit.statistics.counts[k]:,.1f}",
            "cells": [column[k] for column in cells],
        }
        for k in range(mixture.n_components)
    ] + _background(fit, shown, errors)


def parameter_cells(means: Array, deviations: Array, errors: Array | None) -> list[tuple[str, str, str]]:
    """The mean, its standard error and the standard deviation of each component in one column.

    The decimals give the smallest deviation three digits, and the smallest error two.
    """
    largest = float(max(np.abs(means).max(), deviations.max()))
    positive = deviations[deviations > 0]
    decimals = decimals_of(float(positive.min()) if len(positive) else 0.0, largest)
    if errors is not None and decimals is not None and (errors > 0).any():
        decimals = max(decimals, decimals_of(float(errors[errors > 0].min()), largest, 2) or 0)
    return [
        (
            fixed(mean, decimals),
            "" if errors is None else fixed_size(errors[k], decimals),
            fixed_size(deviation, decimals),
        )
        for k, (mean, deviation) in enumerate(zip(means.tolist(), deviations.tolist(), strict=True))
    ]


def frozen_sentence(fit: Fit) -> str:
    """Which parameters stayed as they were; empty if all were free."""
    if fit.frozen is None:
        return ""
    every = fit.mixture.n_components
    parts = [
        f"{name} of {'all components' if len(some) == every else 'component'}"
        + ("" if len(some) == every else f"{'s' * (len(some) > 1)} {ranges(some)}")
        for name, some in asdict(fit.frozen).items()
        if some
    ]
    return f"The {listed(parts)} kept their starting values."


def _background(fit: Fit, shown: list[int], errors: StandardErrors | None) -> list[dict[str, Any]]:
    """The row of the background in the table of components; none without one."""
    if fit.mixture.background is None:
        return []
    error = errors.background if errors else None
    return [
        {
            "number": "background",
            "spot": fit.mixture.n_components,
            "label": "",
            "weight": f"{fit.mixture.background.weight:.4f}",
            "weight_error": "" if error is None else f"{error:.4f}",
            "rows": f"{max(fit.mass - fit.statistics.counts.sum(), 0.0):,.1f}",
            "cells": [("", "", "") for _ in shown],
        }
    ]


def _correlations(fit: Fit, shown: list[int]) -> list[tuple[str, list[list[str]]]]:
    """The lower triangle of the correlations for each component, or once for all where they are equal."""
    mixture = fit.mixture
    if mixture.structure.form.axis_aligned or not 2 <= len(shown) <= 12:
        return []
    dense = spreads(mixture)[:, shown][:, :, shown]
    deviation = np.sqrt(np.diagonal(dense, axis1=1, axis2=2))
    every = dense / deviation[:, :, None] / deviation[:, None, :]
    titles = ["all components"] if mixture.structure.shared else [f"component {k}" for k in range(len(every))]
    return [
        (title, [[fixed(matrix[i, j], 3) for j in range(i + 1)] for i in range(len(matrix))])
        for title, matrix in zip(titles, every, strict=False)
    ]


def _drawn_sentence(fit: Fit, rows: RowSummary) -> str:
    n = len(rows.values)
    if n == fit.n_rows:
        return ""
    if n == rows.n_read and rows.numbers is not None:
        which = "those that have weight" if rows.missing is None or rows.weighted else "those that have a value"
    else:
        which = "a random sample" + (" and the most unusual rows" if n < rows.n_read and rows.unusual else "")
    return f"The chart shows {n:,} of {fit.n_rows:,} rows: {which}."


def _candidates(fit: Fit) -> list[list[str]]:
    ranked, name, other = candidates_by_rank(fit), criterion_of(fit), second(criterion_of(fit))
    least = ranked[0].criteria[name] if ranked else 0.0
    set_aside = [c for c in fit.comparison.set_aside if c not in ranked] if fit.comparison else []
    return [
        [
            c.structure.code,
            str(c.n_components),
            nats(c.log_likelihood),
            str(c.run.mixture.n_parameters),
            nats(c.criteria[name]),
            "chosen" if c is ranked[0] else "set aside" if c in set_aside else f"+{nats(c.criteria[name] - least)}",
            nats(c.criteria[other]),
        ]
        for c in [*ranked, *set_aside][:_CANDIDATES]
    ]


def _optima_sentence(fit: Fit) -> str:
    """Which optima the trials reached, and how likely a better one is; empty if there were no trials."""
    if fit.optima is None:
        return ""
    trials, chance = trials_text(fit.optima, fit.mass), chance_text(fit.optima)
    return f"The likelihood may have several local optima, so EM ran in {trials}. E{chance[1:]}."


def _unusual(rows: RowSummary, shown: list[int], n_components: int) -> list[dict[str, Any]]:
    columns = [alike([u.values[j] for u in rows.unusual]) for j in shown]
    return [
        {
            "number": "" if u.number is None else str(u.number),
            "component": "background" if u.component < 0 else u.component,
            "spot": n_components if u.component < 0 else u.component,
            "log_density": nats(u.log_density),
            "expected": number(u.tail * rows.mass, 2),
            "outlier_weight": "" if u.weight is None else number(u.weight, 2),
            "values": [column[i] for column in columns],
        }
        for i, u in enumerate(rows.unusual)
    ]
