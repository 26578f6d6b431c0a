"""Conversion of a search to a fit: the best candidate, with the findings about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gmix.base.findings import Finding, by_importance
from gmix.base.labels import Groups
from gmix.fitting.candidates import Search
from gmix.fitting.inspection import Sample, inspect
from gmix.fitting.result import Fit
from gmix.fitting.search_findings import search_findings
from gmix.model.priors import Prior
from gmix.sources import Source

__all__ = ["error_findings", "fit_from_search", "inspected", "missing_findings"]


def fit_from_search(
    found: Search,
    n_rows: int,
    findings: Iterable[Finding] = (),
    prior: Prior | None = None,
    groups: Groups | None = None,
) -> Fit:
    """The best candidate of a search as a fit, with the given findings and those about the search.

    `groups` are those that the labels of rows name.
    """
    run = found.best.run
    named = None if groups is None or run.model.groups is None else groups.labels(run.model.groups)
    return Fit(
        run.mixture,
        run.statistics,
        run.log_prior,
        run.history,
        run.reason,
        n_rows,
        by_importance((*findings, *search_findings(found))),
        found,
        prior,
        named,
        run.model.frozen,
    )


def missing_findings(source: Source) -> list[Finding]:
    """The finding about the missing cells of a table, if there are some.

    Raises `DataError` if a column has no value in any row of positive weight.
    """
    if source.missing is None:
        return []
    source.missing.check_columns(source.features)
    return [source.missing.finding(source.features)]


def error_findings(source: Source) -> list[Finding]:
    """The finding that the values of a table have errors."""
    if source.least_error is None:
        return []
    text = "the mixture describes the true values; measured values also have the errors of their rows"
    return [Finding("measurement errors", text, "note")]


def inspected(fit: Fit, sample: Sample, most: int | None = None) -> Fit:
    """The same fit, with the findings that `gmix.fitting.inspection.inspect` adds to its own."""
    found = inspect(sample, fit.mixture, fit.statistics, fit.comparison, most, fit.prior)
    return replace(fit, findings=by_importance((*fit.findings, *found)))
