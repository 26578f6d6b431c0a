"""The list below the summary of a report: the findings of the fit, and checks that it passed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

from gmix.base.wording import count, nats, number, percent
from gmix.fitting.inspection import runner_up
from gmix.fitting.result import Fit
from gmix.model.criteria import CRITERIA
from gmix.report.row_summary import DECIDED, REGION, RowSummary

__all__ = ["Check", "checks"]

# Kass & Raftery (1995), p. 777: twice the log Bayes factor, which a difference of BIC approximates.
_EVIDENCE = ((10.0, "very strong"), (6.0, "strong"), (2.0, "positive"), (-math.inf, "weak"))


class Check(NamedTuple):
    """A finding, or a check that was passed: its level, its name, and a sentence about it."""

    level: Literal["warning", "note", "well"]
    name: str
    sentence: str


def checks(fit: Fit, rows: RowSummary) -> list[Check]:
    """The findings of the fit, then the checks that it passed: those about which there is no finding."""
    found = [Check(finding.level, _capital(finding.name), f"{_capital(finding.message)}.") for finding in fit.findings]
    judged = {finding.name for finding in fit.findings}
    return [
        *found,
        *(Check("well", name, sentence) for finding, name, sentence in _facts(fit, rows) if finding not in judged),
    ]


def _facts(fit: Fit, rows: RowSummary) -> Iterator[tuple[str, str, str]]:
    """The name of the finding that would contradict a fact, the name of the fact, and a sentence about it."""
    if fit.converged:
        yield "not converged", "Convergence", f"EM {fit.reason.value} ({count(len(fit.history) - 1, 'step')})."
    if fit.comparison is not None and (second := runner_up(fit.comparison)) is not None:
        name = fit.comparison.criterion
        difference = second.criteria[name] - fit.comparison.best.criteria[name]
        candidate = f"{second.structure} with {count(second.n_components, 'component')}"
        words = next(words for least, words in _EVIDENCE if difference >= least) if name == "bic" else ""
        ending = f": {words} evidence." if words else "."
        sentence = f"The {CRITERIA[name]} of the next best candidate, {candidate}, is larger by {nats(difference)}"
        yield "close rival", "Choice", f"{sentence}{ending}"
    if fit.mixture.n_components > 1:
        mass = fit.statistics.mass
        least = int(mass.argmin())
        yield "few rows", "Smallest component", f"Component {least} has {mass[least]:,.1f} rows."
        sentence = f"{percent(rows.decided)} of the rows belong to one component with a probability of at least"
        yield "overlap", "Separation", f"{sentence} {DECIDED}."
    if rows.outside is None:
        return
    expected = (1.0 - REGION) * rows.mass
    n, region = count(round(rows.outside), "row"), f"the region that contains {percent(REGION)} of the mixture"
    how = "" if rows.missing is None else ", if missing cells are drawn from the mixture"
    verb = "lies" if round(rows.outside) == 1 else "lie"
    yield "heavy tails", "Tails", f"{n} {verb} outside {region}{how}; {number(expected, 2)} are expected."


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
