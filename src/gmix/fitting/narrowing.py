"""Large tables: candidates that cannot win are left out after a comparison on sub-samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.findings import Finding
from gmix.base.wording import count, listed
from gmix.fitting.candidates import Candidate, Search
from gmix.fitting.search import search
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.start import WarmStart
from gmix.model.background import with_background
from gmix.model.criteria import penalized
from gmix.model.kernel import kernel
from gmix.sources import MemorySource, Source

__all__ = ["LARGE", "Narrowed", "narrowed", "stage_sizes"]

Array = NDArray[np.float64]
LARGE = 50_000  # rows; larger tables are sub-sampled first
_STAGES = (10_000, 100_000)  # rows that candidates are fitted to; as many more are held out
_NUMBERS = 4_000_000  # in both parts of a sub-sample together
# A candidate is left out if it is worse by more than this many standard errors, plus this much per row. The slack is
# needed because the optima that a search finds differ by 0.001 nats per row, which is 0.002 in units of a criterion.
_ERRORS, _SLACK = 3.0, 2e-3
_NO_GAIN = 0.1  # of the gain in twice the log-likelihood that each further parameter gives by chance alone


@dataclass(frozen=True, eq=False)
class Narrowed:
    """The candidates that may win on all rows.

    Attributes
    ----------
    plan : the search for these candidates, which starts from their mixtures on the last sub-sample.
    left_out : the number of candidates that were left out.
    finding : says what was compared and how many candidates were left out.
    interrupted : whether Ctrl-C ended the comparison; then the only candidate is the best so far.
    """

    plan: SearchPlan
    left_out: int
    finding: Finding
    interrupted: bool


class _Stage(NamedTuple):
    """Rows that candidates are fitted to, and as many held-out rows that the fits are evaluated on."""

    fitted: MemorySource
    held_out: MemorySource


def narrowed(source: Source, plan: SearchPlan, rng: np.random.Generator) -> Narrowed:
    """Fit the candidates to sub-samples of growing size, and leave out those that cannot win on all rows.

    The mean log density of the rows that a candidate was fitted to is too high, because the fit follows their noise;
    that of as many held-out rows is too low by about the same amount. The average of the two estimates the log density
    per row after a fit to all n rows; with the penalty for n rows it estimates the criterion. A candidate is left out
    if this estimate is worse than that of the best candidate by more than three standard errors of their difference
    plus 0.001 nats per row. The structure of the best candidate with one component more or fewer is always kept, and so
    is a candidate whose fit gains nothing over that of a simpler one that is kept. Scaling up the criterion of the
    sub-sample would be wrong, because more rows justify more components.
    """
    tried, sizes, fresh = len(plan.candidates), list[int](), plan.start
    for stage in _stages(source, rng):
        found = search(stage.fitted, plan, rng)
        sizes.append(stage.fitted.n_rows)
        kept = [found.best] if found.interrupted else _kept(found, stage, source, plan.criterion)
        start = WarmStart({(c.structure, c.n_components): c.run.mixture for c in kept}, fresh)
        plan = replace(plan, start=start, only=[(c.structure, c.n_components) for c in kept])
        if found.interrupted:
            break
    n_kept = len(plan.candidates)
    return Narrowed(plan, tried - n_kept, _finding(tried, n_kept, sizes, source), found.interrupted)


def stage_sizes(source: Source) -> list[int]:
    """The numbers of rows of the sub-samples that candidates are fitted to."""
    most = min(_NUMBERS // source.n_features, source.n_counting)
    return [size for size in _STAGES if 2 * size <= most] or [most // 2]


def _stages(source: Source, rng: np.random.Generator) -> list[_Stage]:
    """Sub-samples of growing size, each with as many held-out rows."""
    sizes = stage_sizes(source)
    rows = source.rows(2 * sizes[-1], rng)
    order = rng.permutation(len(rows))

    def part(begin: int, end: int) -> MemorySource:
        chosen = rows[np.sort(order[begin:end])]
        return MemorySource.of_rows(chosen, source)

    return [_Stage(part(0, size), part(size, 2 * size)) for size in sizes]


def _kept(found: Search, stage: _Stage, source: Source, criterion: str) -> list[Candidate]:
    """The candidates that may win on all rows, the best first."""
    mean_weight = _mean_weight(stage.fitted)
    mass = source.n_counting * mean_weight
    sound = [c for c in found.candidates if found.lenient or not c.is_set_aside] or [found.best]
    terms_of = {id(c): _terms(c, stage, criterion) for c in sound}
    penalties = {id(c): penalized(criterion, 0.0, c.run.mixture.n_parameters, mass) / mass for c in sound}

    def estimated(candidate: Candidate) -> float:
        return sum(terms.mean for terms in terms_of[id(candidate)]) / 2.0 + penalties[id(candidate)]

    best = min(sound, key=estimated)

    def may_win(candidate: Candidate) -> bool:
        parts = zip(terms_of[id(candidate)], terms_of[id(best)], strict=True)
        error = np.sqrt(sum(terms.error_of_difference(other) ** 2 for terms, other in parts)) / 2.0
        close = estimated(candidate) - estimated(best) <= _ERRORS * error + _SLACK
        adjacent = candidate.structure is best.structure and abs(candidate.n_components - best.n_components) == 1
        return bool(close or adjacent)

    kept: list[Candidate] = []
    for candidate in sorted(sound, key=lambda c: c.run.mixture.n_parameters):
        if may_win(candidate) or any(_gains_nothing(candidate, simpler, mean_weight) for simpler in kept):
            kept.append(candidate)
    return sorted(kept, key=estimated)


def _gains_nothing(candidate: Candidate, simpler: Candidate, mean_weight: float) -> bool:
    """Whether the fit of a candidate is no better than that of a simpler candidate that it contains.

    Both then have the same density for every row, so the standard error of their difference is zero, and the fit does
    not estimate the candidate's own maximum. By chance alone, each further parameter raises twice the log-likelihood
    by about one, for rows of weight one.
    """
    if not (candidate.structure.contains(simpler.structure) and simpler.n_components <= candidate.n_components):
        return False
    gain = 2.0 * (candidate.log_likelihood - simpler.log_likelihood) / mean_weight
    more = candidate.run.mixture.n_parameters - simpler.run.mixture.n_parameters
    return bool(gain < _NO_GAIN * more)


class _Terms(NamedTuple):
    """What each row adds to a criterion, without the penalty, and the weights of the rows."""

    values: NDArray[np.float32]
    share: Array  # sums to one

    @property
    def mean(self) -> float:
        return float(self.share @ self.values)

    def error_of_difference(self, other: _Terms) -> float:
        """The standard error of the difference of two means over the same rows."""
        difference = self.values.astype(np.float64) - other.values
        difference -= self.share @ difference
        return float(np.sqrt(self.share**2 @ difference**2))


def _terms(candidate: Candidate, stage: _Stage, criterion: str) -> list[_Terms]:
    """The terms of the criterion for the rows that the candidate was fitted to, and for the held-out rows."""
    parts = []
    for source in stage:
        log_density, shares = kernel.posterior(
            source.everything, candidate.run.mixture.components, criterion == "icl", source.threads
        )
        values = -2.0 * log_density
        if shares is not None:
            shares = with_background(shares, candidate.run.mixture.background)
            values -= 2.0 * (shares * np.log(np.maximum(shares, np.finfo(np.float64).tiny))).sum(1)
        weight = source.everything.mass
        parts.append(_Terms(values.astype(np.float32), weight / weight.sum()))
    return parts


def _mean_weight(source: MemorySource) -> float:
    return 1.0 if source.weight is None else float(source.weight.mean())


def _finding(tried: int, kept: int, sizes: list[int], source: Source) -> Finding:
    parts = listed([f"{size:,}" for size in sizes])
    return Finding(
        "sub-sample",
        f"the {count(tried, 'candidate')} were compared on sub-samples of {parts} of {source.n_rows:,} rows, and "
        f"{tried - kept} that cannot win on all rows were left out; the other {kept} were fitted to all rows",
        "note",
    )
