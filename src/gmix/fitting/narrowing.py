"""Large tables: candidates that cannot win are dropped on sub-samples, and the others are compared on all rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.findings import Finding
from gmix.base.wording import count, listed
from gmix.fitting.candidates import Candidate, Search
from gmix.fitting.search import SearchPlan, search
from gmix.fitting.start import Reached
from gmix.model.criteria import aicc
from gmix.model.kernel import kernel
from gmix.sources import MemorySource, Source

__all__ = ["LARGE", "Narrowed", "narrowed"]

Array = NDArray[np.float64]
LARGE = 50_000  # rows; larger tables are sub-sampled first
_STAGES = (10_000, 100_000)  # rows that candidates are fitted to; as many others judge them
_NUMBERS = 4_000_000  # in both parts of a sub-sample together
_ERRORS = 3.0  # standard errors by which a candidate must be worse to be left out
_SLACK = 2e-3  # per row, and by this besides: the optima that a search finds differ by 0.001 nats per row
_NOTHING = 0.1  # of the gain that chance alone gives for each parameter


@dataclass(frozen=True, eq=False)
class Narrowed:
    """The candidates that may win on all rows.

    Attributes
    ----------
    plan : what is left to search, from the mixtures that the candidates reached on the last sub-sample.
    left_out : how many other candidates there were.
    finding : says what was compared and how many candidates were left out.
    interrupted : whether Ctrl-C ended the comparison; then the only candidate is the best so far.
    """

    plan: SearchPlan
    left_out: int
    finding: Finding
    interrupted: bool


class _Stage(NamedTuple):
    """Rows that candidates are fitted to, and as many others that judge them."""

    fitted: MemorySource
    held_out: MemorySource


def narrowed(source: Source, plan: SearchPlan, rng: np.random.Generator) -> Narrowed:
    """Fit the candidates to sub-samples of growing size, and leave out those that cannot win on all rows.

    The mean log density of the rows that a candidate was fitted to is too high, because the fit follows their noise;
    that of as many other rows is too low by about the same amount. The mean of the two estimates the log density per
    row after a fit to all n rows, and with the penalty for n rows it estimates the criterion. A candidate is left out
    if this estimate is worse than the best one's by more than three standard errors of their difference, taken over
    the rows, and 0.001 nats per row. The best one's structure with one component more or fewer always stays, and
    so does a candidate whose fit gains nothing over that of a simpler one that stays. Scaling up the criterion of the
    sub-sample itself would be wrong, because with more rows more components are worth their parameters.
    """
    tried, sizes = len(plan.candidates), []
    for stage in _stages(source, rng):
        found = search(stage.fitted, plan, rng)
        sizes.append(stage.fitted.n_rows)
        able = [found.best] if found.interrupted else _able(found, stage, source, plan.criterion)
        reached = Reached(mixture_of={(c.structure, c.n_components): c.run.mixture for c in able})
        plan = replace(plan, start=reached, only=[(c.structure, c.n_components) for c in able])
        if found.interrupted:
            break
    left = plan.candidates
    return Narrowed(plan, tried - len(left), _finding(tried, len(left), sizes, source), found.interrupted)


def _stages(source: Source, rng: np.random.Generator) -> list[_Stage]:
    """Sub-samples of growing size, each with as many other rows to judge its fits."""
    most = min(_NUMBERS // source.n_features, source.n_counting)
    sizes = [size for size in _STAGES if 2 * size <= most] or [most // 2]
    rows = source.rows(2 * sizes[-1], rng)
    order = rng.permutation(len(rows))
    names = None if source.features is None else list(source.features)

    def part(begin: int, end: int) -> MemorySource:
        chosen = rows[np.sort(order[begin:end])]
        return MemorySource(chosen.values, sample_weight=chosen.weights, columns=names, threads=source.threads)

    return [_Stage(part(0, size), part(size, 2 * size)) for size in sizes]


def _able(found: Search, stage: _Stage, source: Source, criterion: str) -> list[Candidate]:
    """The candidates that may win on all rows, the best first."""
    mean_weight = _mean_weight(stage.fitted)
    mass = source.n_counting * mean_weight
    sound = [c for c in found.candidates if found.lenient or not c.is_set_aside] or [found.best]
    values = {id(c): _estimates(c, stage, criterion) for c in sound}
    penalties = {id(c): _penalty(criterion, c.run.mixture.n_parameters, mass) / mass for c in sound}

    def estimated(candidate: Candidate) -> float:
        return sum(part.mean for part in values[id(candidate)]) / 2.0 + penalties[id(candidate)]

    best = min(sound, key=estimated)

    def may_win(candidate: Candidate) -> bool:
        parts = zip(values[id(candidate)], values[id(best)], strict=True)
        error = np.sqrt(sum(mine.error_beside(other) ** 2 for mine, other in parts)) / 2.0
        near = estimated(candidate) - estimated(best) <= _ERRORS * error + _SLACK
        beside = candidate.structure is best.structure and abs(candidate.n_components - best.n_components) == 1
        return bool(near or beside)

    able: list[Candidate] = []
    for candidate in sorted(sound, key=lambda c: c.run.mixture.n_parameters):
        if may_win(candidate) or any(_gains_nothing(candidate, simpler, mean_weight) for simpler in able):
            able.append(candidate)
    return sorted(able, key=estimated)


def _gains_nothing(candidate: Candidate, simpler: Candidate, mean_weight: float) -> bool:
    """Say whether a candidate's fit is no better than that of a simpler one within it.

    Then both have the same density for every row, so the error of their difference is zero, and the fit does not
    estimate the candidate's own maximum. By chance alone, each further parameter raises twice the log-likelihood by
    about one, for rows of weight one.
    """
    if not (candidate.structure.contains(simpler.structure) and simpler.n_components <= candidate.n_components):
        return False
    gain = 2.0 * (candidate.log_likelihood - simpler.log_likelihood) / mean_weight
    more = candidate.run.mixture.n_parameters - simpler.run.mixture.n_parameters
    return bool(gain < _NOTHING * more)


class _Values(NamedTuple):
    """The terms of a criterion row by row, without its penalty, and the weights of the rows."""

    each: NDArray[np.float32]
    share: Array  # sums to one

    @property
    def mean(self) -> float:
        return float(self.share @ self.each)

    def error_beside(self, other: _Values) -> float:
        """The standard error of the difference of two means over the same rows."""
        difference = self.each.astype(np.float64) - other.each
        difference -= self.share @ difference
        return float(np.sqrt(self.share**2 @ difference**2))


def _estimates(candidate: Candidate, stage: _Stage, criterion: str) -> list[_Values]:
    """The terms of the criterion for the rows that were fitted, and for the others."""
    values = []
    for source in stage:
        log_density, shares = kernel.posterior(
            source.everything, candidate.run.mixture.components, criterion == "icl", source.threads
        )
        each = -2.0 * log_density
        if shares is not None:
            each -= 2.0 * (shares * np.log(np.maximum(shares, np.finfo(np.float64).tiny))).sum(1)
        weight = source.everything.mass
        values.append(_Values(each.astype(np.float32), weight / weight.sum()))
    return values


def _mean_weight(source: MemorySource) -> float:
    return 1.0 if source.weight is None else float(source.weight.mean())


def _penalty(criterion: str, n_parameters: int, mass: float) -> float:
    """The penalty of a criterion for this many parameters, on all rows."""
    if criterion == "aic":
        return 2.0 * n_parameters
    return aicc(0.0, n_parameters, mass) if criterion == "aicc" else n_parameters * float(np.log(mass))


def _finding(tried: int, left: int, sizes: list[int], source: Source) -> Finding:
    parts = listed([f"{size:,}" for size in sizes])
    return Finding(
        "sub-sample",
        f"the {count(tried, 'candidate')} were compared on sub-samples of {parts} of {source.n_rows:,} rows, and "
        f"{tried - left} that cannot win on all rows were left out; the other {left} were fitted to all rows",
        "note",
    )
