"""Fits that leave out a share of the rows: the source, and what is said of the result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gmix.base.arguments import is_number
from gmix.base.errors import ParameterError
from gmix.base.findings import Finding, by_importance
from gmix.base.wording import count
from gmix.fitting.result import Fit
from gmix.sources import MemorySource, Source

__all__ = ["trimmed", "with_trimmed_rows"]


def trimmed(source: Source, trim: float) -> Source:
    """The source without a share of its rows. Raises `ParameterError` for a wrong share, or if it is not in memory."""
    if not (is_number(trim) and 0.0 <= trim < 0.5):
        raise ParameterError(f"trim is {trim!r}; give the share of the rows to leave out, from 0 to less than 0.5")
    if not trim:
        return source
    if not isinstance(source, MemorySource):
        raise ParameterError("trim needs a table in memory; fit a random sub-sample of the rows, or raise memory")
    if source.least_error is not None:
        raise ParameterError(
            "trim compares the densities of rows, which depend on their errors; leave out trim or row_errors"
        )
    return source.trimmed(trim)


def with_trimmed_rows(fit: Fit, source: Source) -> Fit:
    """The fit with the share that was trimmed and a finding about it, in place of that about heavy tails."""
    if not (isinstance(source, MemorySource) and source.trim):
        return fit
    log_density = fit.mixture.log_density(source.array, threads=source.threads)
    left_out = (source.kept(log_density) == 0.0) & (source.everything.mass > 0.0)
    limit, n = float(log_density[left_out].max(initial=-np.inf)), int(left_out.sum())
    message = (
        f"{count(n, 'row')} with a log density of at most {limit:.6g} {'is' if n == 1 else 'are'} left out of the fit; "
        "do not compare criteria of fits with a different trim, because they are of different rows"
    )
    others = (finding for finding in fit.findings if finding.name != "heavy tails")
    findings = by_importance((*others, Finding("trimmed rows", message, "note")))
    return replace(fit, findings=findings, trim=source.trim)
