"""What to look at before a fit is believed."""

from __future__ import annotations

import math
from typing import NamedTuple

from gmix.criteria import CRITERIA
from gmix.fit import Fit
from gmix.report.methods import criterion_of, rivals, tried
from gmix.report.rows import DECIDED, REGION, Rows
from gmix.wording import count, nats, number, percent

__all__ = ["Check", "checks"]

_FEW = 5  # rows for each column below which a covariance is a guess
# Kass & Raftery (1995), section 3.2: twice the log Bayes factor, which a difference of BIC approximates.
_EVIDENCE = ((10.0, "very strong"), (6.0, "strong"), (2.0, "positive"), (-math.inf, "hardly any"))


class Check(NamedTuple):
    """Whether something is well, its name, and a sentence about it."""

    well: bool
    name: str
    sentence: str


def checks(fit: Fit, rows: Rows) -> list[Check]:
    """All that can be said about a fit and its rows."""
    found = [Check(fit.converged, "Convergence", f"EM {fit.reason.value} ({count(len(fit.history) - 1, 'step')}).")]
    found += [
        Check(False, finding.name.capitalize(), f"{finding.message[:1].upper()}{finding.message[1:]}.")
        for finding in fit.findings
        if finding.message != fit.reason.value  # it has been said
    ]
    found += _choice(fit)
    if fit.mixture.n_components > 1:
        found += [_smallest(fit), _separation(rows)]
    return [*found, _tails(rows)]


def _choice(fit: Fit) -> list[Check]:
    found = []
    ranked, (counts, _) = rivals(fit), tried(fit)
    if len(ranked) > 1:
        name = criterion_of(fit)
        ahead = ranked[1].criteria[name] - ranked[0].criteria[name]
        second = f"{ranked[1].structure.code} with {count(ranked[1].n_components, 'component')}"
        sentence = f"The {CRITERIA[name]} of the next best candidate, {second}, is larger by {nats(ahead)}"
        words = next(words for least, words in _EVIDENCE if ahead >= least) if name == "bic" else ""
        ending = f": {words} evidence." if words else "."
        found.append(Check(words != "hardly any", "Choice", f"{sentence}{ending}"))
    if len(counts) > 1 and fit.mixture.n_components == counts[-1]:
        found.append(Check(False, "Range", f"No more than {count(counts[-1], 'component')} were tried; try more."))
    return found


def _smallest(fit: Fit) -> Check:
    mass = fit.statistics.mass
    least, columns = int(mass.argmin()), fit.mixture.n_features
    well = bool(mass[least] >= _FEW * columns)
    few = "" if well else f", few for {count(columns, 'column')}"
    return Check(well, "Smallest component", f"Component {least} stands for {mass[least]:,.1f} rows{few}.")


def _separation(rows: Rows) -> Check:
    sentence = f"{percent(rows.decided)} of the rows belong to one component with a probability of at least {DECIDED}."
    return Check(rows.decided >= 1 / 2, "Separation", sentence)


def _tails(rows: Rows) -> Check:
    expected = (1.0 - REGION) * rows.n_read
    # Counts of rare rows scatter as Poisson's; what is three deviations off is no chance.
    heavy = rows.n_outside > expected + 3.0 * math.sqrt(expected) + 1.0
    sentence = (
        f"Outside the region that holds {percent(REGION)} of the mixture lie {count(round(rows.n_outside), 'row')}"
    )
    ending = "; the tails of the rows are heavier than the mixture's." if heavy else "."
    return Check(not heavy, "Tails", f"{sentence}, where {number(expected, 2)} are expected{ending}")
