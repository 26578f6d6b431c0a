"""Large tables: sub-samples leave out the candidates that cannot win, and all rows decide among the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix import kernel
from gmix.covariance import Structure
from gmix.criteria import aicc
from gmix.findings import Finding
from gmix.priors import Prior
from gmix.search import Candidate, Search, search
from gmix.sources import MemorySource, Source
from gmix.start import Reached, Start
from gmix.stop import Stop
from gmix.wording import count, listed

__all__ = ["LARGE", "Narrowed", "narrowed"]

Array = NDArray[np.float64]
LARGE = 50_000  # rows; of more, candidates are left out before all rows are read for them
_STAGES = (10_000, 100_000)  # rows that candidates are fitted to, and as many again that judge them
_NUMBERS = 4_000_000  # that a sub-sample may hold
_NOTHING = 0.1  # of what chance alone gains for each parameter
_ERRORS = 3.0  # standard errors by which a candidate must be behind to be left out


@dataclass(frozen=True, eq=False)
class Narrowed:
    """The candidates that may win on all rows.

    Attributes
    ----------
    candidates : structures and counts.
    start : the mixtures that they reached on a sub-sample.
    left_out : how many there were besides.
    finding : what was compared and what was left out.
    interrupted : whether Ctrl-C ended the comparison; then there is one candidate, the best so far.
    """

    candidates: list[tuple[Structure, int]]
    start: Reached
    left_out: int
    finding: Finding
    interrupted: bool


class _Stage(NamedTuple):
    """Rows that candidates are fitted to, and others that judge them."""

    fitted: MemorySource
    held_out: MemorySource


def narrowed(
    source: Source,
    components: Sequence[int],
    structures: Sequence[Structure],
    start: Start,
    stop: Stop,
    prior: Prior | None,
    rng: np.random.Generator,
    criterion: str,
) -> Narrowed:
    r"""Fit the candidates to sub-samples of growing size, and leave out those that cannot win on all rows.

    With :math:`\ell_c` the log density of a row under candidate c, fitted to m rows, its mean over those rows is too
    high by what was fitted to chance, and its mean over h other rows is too low by as much. The mean of the two
    estimates what a row would have under the candidate fitted to all n rows, and so, with the penalty of the criterion
    for n rows, the criterion itself. A candidate is left out where that is worse than the best one's by more than three
    standard errors of the difference, which is found row by row. A criterion of the sub-sample itself, scaled up, would
    be wrong: with more rows more components are worth their parameters.
    """
    left = [(s, k) for s in structures for k in components]
    tried, way, sizes = len(left), start, []
    for stage in _stages(source, rng):
        found = search(stage.fitted, components, structures, way, stop, prior, rng, criterion=criterion, only=left)
        sizes.append(stage.fitted.n_rows)
        able = [found.best] if found.interrupted else _able(found, stage, source, criterion)
        left = [(c.structure, c.n_components) for c in able]
        way = Reached(mixture_of={(c.structure, c.n_components): c.run.mixture for c in able})
        if found.interrupted:
            break
    assert isinstance(way, Reached)
    return Narrowed(left, way, tried - len(left), _finding(tried, left, sizes, source), found.interrupted)


def _stages(source: Source, rng: np.random.Generator) -> list[_Stage]:
    """Sub-samples of growing size, each with as many other rows to judge by."""
    most = min(_NUMBERS // source.n_features, source.n_counting)
    sizes = [size for size in _STAGES if 2 * size <= most] or [most // 2]
    rows, weight = source.rows(2 * sizes[-1], rng)
    order = rng.permutation(len(rows))
    names = None if source.features is None else list(source.features)

    def part(begin: int, end: int) -> MemorySource:
        chosen = np.sort(order[begin:end])
        own = None if weight is None else weight[chosen]
        return MemorySource(rows[chosen], sample_weight=own, columns=names, threads=source.threads)

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
        return bool(estimated(candidate) - estimated(best) <= _ERRORS * error)

    able: list[Candidate] = []
    for candidate in sorted(sound, key=lambda c: c.run.mixture.n_parameters):
        if may_win(candidate) or any(_is_still_at(candidate, poorer, mean_weight) for poorer in able):
            able.append(candidate)
    return sorted(able, key=estimated)


def _is_still_at(candidate: Candidate, poorer: Candidate, mean_weight: float) -> bool:
    """Say whether a candidate has found nothing above a poorer one, so that it tells nothing about its own maximum.

    The two have the same density for every row, and the error of their difference is zero. By chance alone, twice the
    log-likelihood of a row of weight one grows by one for each parameter more.
    """
    if not (poorer.structure.within(candidate.structure) and poorer.n_components <= candidate.n_components):
        return False
    gain = 2.0 * (candidate.log_likelihood - poorer.log_likelihood) / mean_weight
    more = candidate.run.mixture.n_parameters - poorer.run.mixture.n_parameters
    return bool(gain < _NOTHING * more)


class _Values(NamedTuple):
    """What a criterion sums over rows, without its penalty, and the weights of the rows."""

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
    """Over the rows that were fitted, and over others."""
    values = []
    for source in stage:
        log_density, shares = kernel.posterior(
            source.array, candidate.run.mixture.components, criterion == "icl", source.threads
        )
        each = -2.0 * log_density
        if shares is not None:
            each -= 2.0 * (shares * np.log(np.maximum(shares, np.finfo(np.float64).tiny))).sum(1)
        weight = np.ones(len(each)) if source.weight is None else source.weight
        values.append(_Values(each.astype(np.float32), weight / weight.sum()))
    return values


def _mean_weight(source: MemorySource) -> float:
    return 1.0 if source.weight is None else float(source.weight.mean())


def _penalty(criterion: str, n_parameters: int, mass: float) -> float:
    """What a criterion adds for parameters, on all rows."""
    if criterion == "aic":
        return 2.0 * n_parameters
    return aicc(0.0, n_parameters, mass) if criterion == "aicc" else n_parameters * float(np.log(mass))


def _finding(tried: int, left: list[tuple[Structure, int]], sizes: list[int], source: Source) -> Finding:
    parts = listed([f"{size:,}" for size in sizes])
    return Finding(
        "sub-sample",
        f"the {count(tried, 'candidate')} were compared on sub-samples of {parts} of {source.n_rows:,} rows, and "
        f"{tried - len(left)} that cannot win on all rows were left out; the other {len(left)} were fitted to all rows",
        "note",
    )
