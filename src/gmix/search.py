"""Search: many starts, component counts and structures, and the criterion that chooses among what they reach."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.covariance import DIRECT, FULL, TIED, Structure
from gmix.criteria import criteria, criterion
from gmix.em import Run, expectation_maximization
from gmix.mixture import GaussianMixture
from gmix.priors import Prior
from gmix.sources import MemorySource, Source
from gmix.start import Begin, KMeansPlusPlus, Start
from gmix.statistics import RELATIVE_FLOOR, SufficientStatistics
from gmix.stop import Heat, Reason, Stop
from gmix.wording import count

__all__ = ["Candidate", "Search", "search"]

_FEWEST, _MOST = 2_000, 10_000  # rows that a short climb sees, of tables that have them
_ROWS_EACH = 25  # a parameter of the richest candidate, between the two
_PROMISING = 16  # starts that race, at most
# When they are compared, and what part of so many go on. Of many rows, where the race is on a sub-sample, it pays to
# follow more of them; of few, to see them nearer to their tops.
_MANY_ROWS = ((Stop(0.0, 0), 1.0), (Stop(1e-2, 30, chance=0.02), 0.375), (Stop(1e-3, 60, chance=0.02), 0.1875))
_FEW_ROWS = ((Stop(0.0, 4), 0.5), (Stop(3e-3, 60), 0.25), (Stop(5e-4, 60), 0.125))
_FIRST = Stop(1e-5, 300, chance=0.1)
_WORK = 2e8  # multiply-adds that a step of all short climbs together may cost
_EXPONENTIAL = 20  # multiply-adds


@dataclass(frozen=True, eq=False)
class Candidate:
    """The best run of one structure with one number of components."""

    run: Run
    optima: tuple[float, ...]  # the objectives that all climbs of this candidate reached, best first
    collapsed: tuple[int, ...]
    seconds: float

    @property
    def structure(self) -> Structure:
        return self.run.mixture.structure

    @property
    def n_components(self) -> int:
        return self.run.mixture.n_components

    @property
    def log_likelihood(self) -> float:
        return self.run.statistics.log_likelihood

    def __repr__(self) -> str:
        collapsed = ", collapsed" * bool(self.collapsed)
        return f"Candidate({self.structure}, {count(self.n_components, 'component')}, BIC {self.bic:.6g}{collapsed})"

    @cached_property
    def criteria(self) -> dict[str, float]:
        """BIC, AIC, AICc and ICL; smaller is better. See `gmix.criteria`."""
        return criteria(self.run.mixture, self.run.statistics)

    def score(self, name: str) -> float:
        """One of the criteria, without the others."""
        return criterion(name, self.run.mixture, self.run.statistics)

    @property
    def bic(self) -> float:
        return self.score("bic")

    @property
    def aic(self) -> float:
        return self.score("aic")


@dataclass(frozen=True, eq=False)
class Search:
    """Every candidate that was tried, and the one that the criterion chose.

    A candidate with a collapsed component is chosen only if there is no other: its likelihood is an accident.
    """

    candidates: tuple[Candidate, ...]
    interrupted: bool = False  # by Ctrl-C, with candidates still to try
    criterion: str = "bic"

    def __repr__(self) -> str:
        return f"Search({count(len(self.candidates), 'candidate')}, best by {self.criterion}: {self.best})"

    @cached_property
    def best(self) -> Candidate:
        return min(self.candidates, key=lambda c: (bool(c.collapsed), c.score(self.criterion)))

    @property
    def weights(self) -> NDArray[np.float64]:
        """How probable each candidate is beside the others, by BIC: ``exp(-BIC / 2)``, normalized; if collapsed, not.

        With equal prior probabilities they approximate the posterior: Kass & Raftery (1995), *Journal of the American
        Statistical Association* 90:773. Two that are nearly alike say that the data does not choose between them.
        """
        values = np.array([np.inf if c.collapsed else c.bic for c in self.candidates])
        if np.isinf(values).all():
            values = np.array([c.bic for c in self.candidates])
        share = np.exp((values.min() - values) / 2.0)
        return np.asarray(share / share.sum())

    def table(self) -> list[dict[str, Any]]:
        """One row a candidate: structure, components, log-likelihood, parameters, criteria, weight, seconds, reason."""
        return [
            {
                "structure": c.structure.code,
                "components": c.n_components,
                "log_likelihood": c.log_likelihood,
                "parameters": c.run.mixture.n_parameters,
                **c.criteria,
                "weight": float(weight),
                "collapsed": bool(c.collapsed),
                "seconds": c.seconds,
                "reason": c.run.reason.name.lower(),
            }
            for c, weight in zip(self.candidates, self.weights, strict=True)
        ]

    def plot(self, ax: Any = None) -> Any:
        """Draw the criterion that chose, over components and structures; see `gmix.plot.criteria`."""
        from gmix import plot

        return plot.criteria(self, ax)


def search(
    source: Source,
    components: Sequence[int],
    structures: Sequence[Structure],
    start: Start,
    stop: Stop,
    prior: Prior | None,
    rng: np.random.Generator,
    watch: Callable[[Sequence[Any]], None] | None = None,
    criterion: str = "bic",
) -> Search:
    """Climb from the starts of every structure and count, which race for each, and keep the best.

    Where starts are made rather than given, a candidate also starts from its poorer neighbours: a simpler structure's
    best mixture set free, and the best with fewer components, each component split in turn. So without a prior a richer
    candidate never ends below a poorer one.
    """
    best: dict[tuple[Structure, int], Candidate] = {}
    made = isinstance(start, KMeansPlusPlus)
    sample = _sample(source, _enough(components, structures, source.n_features), rng) if made else source
    # Where all rows lie in a plane every candidate collapses, and each has to be followed there.
    alone = not made or _is_flat(sample, rng)
    patient = alone or len(components) * len(structures) == 1
    interrupted = False
    first: list[GaussianMixture] = []
    try:
        begin = start.mixtures(sample, prior, rng)
        for n_components in sorted(components):
            for structure in _poorest_first(structures, n_components, source.n_features):
                began = time.perf_counter()
                trial = _Trial.of(structure, n_components, sample, source, stop) if made else _Trial((), stop, stop)
                heats = trial.heats
                first, poorer = _starts(best if made else {}, structure, n_components, begin)
                if sample is not source:  # all rows are for the best alone
                    runs = expectation_maximization(
                        first, sample.expect, trial.first, prior, climb=sample.climb, patient=alone, heats=heats
                    )
                    _heed(runs)
                    first, heats = [_candidate(runs, 0.0).run.mixture], ()
                runs = expectation_maximization(
                    first, source.expect, trial.last, prior, watch, source.climb, patient, heats
                )
                if prior is None:
                    runs += _from_ahead(source, poorer, runs, trial.last, watch, patient)
                best[structure, n_components] = _candidate(runs, time.perf_counter() - began)
                _heed(runs)
    except KeyboardInterrupt as interruption:
        source = source.watched(source.meter, None)  # a fit that resumes takes no step of those that follow
        if not best:
            runs = _so_far(interruption, first, source, stop, prior)
            best[structure, n_components] = _candidate(runs, time.perf_counter() - began)
        interrupted = True
    order = [(s, k) for s in structures for k in sorted(components)]
    found = Search(tuple(best[key] for key in order if key in best), interrupted, criterion)
    if found.best.run.reason is not Reason.COLLAPSING:
        return found
    chosen = found.best  # nothing better: so it is followed to its end
    began = time.perf_counter()
    runs = expectation_maximization([chosen.run.mixture], source.expect, stop, prior, watch, source.climb)
    best[chosen.structure, chosen.n_components] = _candidate(runs, chosen.seconds + time.perf_counter() - began)
    return Search(tuple(best[key] for key in order if key in best), interrupted, criterion)


def _is_flat(sample: Source, rng: np.random.Generator) -> bool:
    """Say whether the covariance of all rows is so near to a collapse that the compiled climb leaves it alone."""
    rows, weight = sample.rows(_MOST, rng)
    total = SufficientStatistics.from_labels(FULL, rows, np.zeros(len(rows), np.intp), 1, weight)
    return bool(FULL.smallest(total.scatter / total.mass[:, None, None], total.floor).min() < 2.0)


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C in a climb, with what it had reached."""

    def __init__(self, mixtures: list[GaussianMixture]) -> None:
        super().__init__()
        self.mixtures = mixtures


def _so_far(
    interruption: KeyboardInterrupt, first: list[GaussianMixture], source: Source, stop: Stop, prior: Prior | None
) -> list[Run]:
    """What Ctrl-C leaves of the first candidate, judged in one more pass: the likelihood is that of all rows."""
    reached = interruption.mixtures if isinstance(interruption, _Interrupted) else first
    if not reached:
        raise interruption
    runs = expectation_maximization(reached, source.expect, Stop(stop.tolerance, 0), prior)
    return [replace(run, reason=Reason.INTERRUPTED) for run in runs]


def _heed(runs: Sequence[Run]) -> None:
    """Pass on an interruption that a climb has answered with the best so far."""
    if any(run.reason is Reason.INTERRUPTED for run in runs):
        raise _Interrupted([run.mixture for run in runs])


class _Neighbour(NamedTuple):
    """A start that is a poorer candidate's best mixture, its log-likelihood, and whether nothing in it collapsed."""

    mixture: GaussianMixture
    log_likelihood: float
    sound: bool


def _starts(
    best: dict[tuple[Structure, int], Candidate], structure: Structure, n_components: int, begin: Begin
) -> tuple[list[GaussianMixture], list[_Neighbour]]:
    """All that a candidate starts from, and those of them that are its neighbours' own mixtures."""
    poorer, split = _neighbours(best, structure, n_components)
    first: list[GaussianMixture] = []
    # Elsewhere an M-step is dear, and the neighbours have been where seeds and splits lead.
    if len(poorer) <= 1 or structure.with_free_weights in DIRECT:
        first = [*begin(n_components, structure), *split()]
    return [*first, *(neighbour.mixture for neighbour in poorer)], poorer


def _neighbours(
    best: dict[tuple[Structure, int], Candidate], structure: Structure, n_components: int
) -> tuple[list[_Neighbour], Callable[[], list[GaussianMixture]]]:
    """Starts from poorer candidates: those of exactly their likelihood, and what splits the next smaller one."""
    poorer = [
        _Neighbour(_free(candidate.run.mixture, structure), candidate.log_likelihood, not candidate.collapsed)
        for (s, k), candidate in best.items()
        if k == n_components and s is not structure and s.within(structure)
    ]
    fewer = max((k for s, k in best if s is structure and k < n_components), default=None)
    if fewer is None:
        return poorer, list
    candidate = best[structure, fewer]
    smaller = candidate.run.mixture
    pieces = [int(k) for k in np.flatnonzero(smaller.weights) if fewer == n_components - 1]
    grown = _Neighbour(_grow(smaller, n_components), candidate.log_likelihood, not candidate.collapsed)
    return [*poorer, grown], lambda: _splits(smaller, pieces)


def _from_ahead(
    source: Source,
    poorer: Sequence[_Neighbour],
    runs: Sequence[Run],
    stop: Stop,
    watch: Callable[[Sequence[Any]], None] | None,
    patient: bool,
) -> list[Run]:
    """Runs from the neighbours that are still ahead of these, because the short climbs passed over them.

    Where EM leads from all of them to a collapse, the likeliest stays as it is.
    """
    sound = sorted((n for n in poorer if n.sound), key=lambda n: -n.log_likelihood)
    if not sound or sound[0].log_likelihood <= _reached(runs):
        return []
    more: list[Run] = []
    for neighbour in sound:
        if neighbour.log_likelihood > _reached([*runs, *more]):
            start = [neighbour.mixture]
            more += expectation_maximization(start, source.expect, stop, None, watch, source.climb, patient)
    if sound[0].log_likelihood > _reached([*runs, *more]):
        more.append(_at_rest(source, sound[0].mixture))
    return more


def _reached(runs: Sequence[Run]) -> float:
    """The most that runs reached which did not collapse."""
    return max((run.objective for run in runs if not run.collapsed), default=-np.inf)


def _at_rest(source: Source, mixture: GaussianMixture) -> Run:
    """A run that stays where it starts, because from there EM leads to a collapse."""
    [statistics] = source.expect([mixture])
    return Run(mixture, statistics, 0.0, (statistics.log_likelihood,), Reason.COLLAPSING, sound=True)


class _Trial(NamedTuple):
    """How starts that are made are tried: in heats, to a first top on a sub-sample, and to the last on all rows.

    Where a step is dear, fewer begin. On a sub-sample a climb may leave ten times of what it may on all rows, whose top
    is elsewhere anyway. On few rows nothing is left to chance, because nothing would be saved by it.
    """

    heats: Sequence[Heat]
    first: Stop
    last: Stop

    @classmethod
    def of(cls, structure: Structure, n_components: int, sample: Source, source: Source, stop: Stop) -> _Trial:
        parameters = structure.n_parameters(n_components, source.n_features)
        climbs = _WORK / (sample.n_rows * (parameters + _EXPONENTIAL * n_components))
        most = min(max(int(climbs), 1), _PROMISING)
        many = source.is_large
        return cls(
            [
                Heat(rule.among(parameters, sample.n_rows), max(int(part * most), 1))
                for rule, part in (_MANY_ROWS if many else _FEW_ROWS)
            ],
            _FIRST.among(parameters, source.n_counting),
            stop.among(parameters, source.n_counting) if many else stop,
        )


def _poorest_first(structures: Sequence[Structure], n_components: int, n_features: int) -> list[Structure]:
    """Each structure after those within it, also where they spend as many parameters."""

    def richness(structure: Structure) -> tuple[int, int]:
        return structure.n_parameters(n_components, n_features), sum(s.within(structure) for s in structures)

    return sorted(structures, key=richness)


def _candidate(runs: Sequence[Run], seconds: float) -> Candidate:
    """The best of several runs; one that did not collapse is better than one that did."""
    best = min(runs, key=lambda run: (bool(run.collapsed), -run.objective))
    optima = tuple(sorted((run.objective for run in runs), reverse=True))
    return Candidate(best, optima, best.collapsed, seconds)


def _enough(components: Sequence[int], structures: Sequence[Structure], n_features: int) -> int:
    """How many rows the short climbs see."""
    richest = max(s.n_parameters(max(components), n_features) for s in structures)
    # On fewer rows than that a top is one of chance, from which the way to that of all rows is long.
    return max(min(max(_ROWS_EACH * richest, _FEWEST), _MOST), 2 * richest)


def _sample(source: Source, count: int, rng: np.random.Generator) -> Source:
    """So many rows, on which starts race."""
    if source.n_rows <= count:
        return source
    rows, weight = source.rows(count, rng)
    return MemorySource(rows, sample_weight=weight, columns=list(source.features) if source.features else None)


def _free(mixture: GaussianMixture, structure: Structure) -> GaussianMixture:
    """The same distribution, under a structure that allows more."""
    compact = structure.form.compress(mixture.covariances)
    return GaussianMixture.unchecked(mixture.weights, mixture.means, compact, structure, mixture.features)


def _grow(mixture: GaussianMixture, n_components: int) -> GaussianMixture:
    """The same distribution, its heaviest components written twice with half the weight."""
    order = list(range(mixture.n_components))
    weights = list(mixture.weights)
    while len(order) < n_components:
        heaviest = int(np.argmax(weights))
        weights[heaviest] /= 2.0
        weights.append(weights[heaviest])
        order.append(order[heaviest])
    shares, compact = mixture.structure.weights(np.array(weights)), _repeated(mixture, order)
    return GaussianMixture.unchecked(shares, mixture.means[order], compact, mixture.structure, mixture.features)


def _repeated(mixture: GaussianMixture, order: Sequence[int] | NDArray[np.intp]) -> NDArray[np.float64]:
    """The covariances of these components, compact."""
    compact = mixture.compact_covariances
    return compact if mixture.structure.form is TIED else compact[order]


def _splits(mixture: GaussianMixture, pieces: Sequence[int]) -> list[GaussianMixture]:
    """With one more component each: a piece cut across its longest axis, in deviations of the columns.

    Mean and covariance of its two halves together stay its own.
    """
    if not pieces:
        return []
    structure, means, dense, chosen = mixture.structure, mixture.means, mixture.covariances, np.asarray(pieces)
    away = means - mixture.weights @ means
    variances = dense.diagonal(axis1=1, axis2=2)
    unit = np.sqrt(mixture.weights @ (variances + away**2))
    values, vectors = np.linalg.eigh(dense[chosen] / unit / unit[:, None])
    steps = unit * vectors[:, :, -1] * np.sqrt(values[:, -1:]) / 2.0
    each = np.arange(len(chosen))
    orders = np.empty((len(chosen), len(means) + 1), np.intp)
    orders[:, :-1], orders[:, -1] = np.arange(len(means)), chosen
    moved, shares = means[orders], mixture.weights[orders]
    moved[each, chosen] += steps
    moved[:, -1] -= steps
    shares[each, chosen] = shares[:, -1] = mixture.weights[chosen] / 2.0
    if structure.equal_weights:
        shares[:] = structure.weights(shares[0])
    if structure.shared:
        compact = [_repeated(mixture, order) for order in orders]
    else:
        # Where columns are of very different units, the smaller ones may be left with nothing but rounding.
        floors = RELATIVE_FLOOR * variances[chosen]
        halves = FULL.lift(dense[chosen] - FULL.outer(np.ones(len(chosen)), steps), floors)
        if structure.independent:
            written = mixture.compact_covariances[orders]
            written[each, chosen] = written[:, -1] = structure.form.compress(halves)
            compact = list(written)
        else:
            compact = []
            for order, half, floor, share in zip(orders, halves, floors, shares, strict=True):
                apart = dense[order]
                apart[[order[-1], -1]] = half
                compact.append(structure.form.lift(structure.nearest(share, apart), floor))
    return [
        GaussianMixture.unchecked(share, mean, covariance, structure, mixture.features)
        for share, mean, covariance in zip(shares, moved, compact, strict=True)
    ]
