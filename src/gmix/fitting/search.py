"""Search: many starts, component counts and structures, and the criterion that chooses among what they reach."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix import plot
from gmix.base.wording import count
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.em import Run, expectation_maximization
from gmix.fitting.neighbors import grow, release, splits
from gmix.fitting.start import Begin, KMeansPlusPlus, Start
from gmix.fitting.stop import Heat, Reason, Stop
from gmix.model import kernel
from gmix.model.covariance import DIRECT, Structure
from gmix.model.criteria import criteria, criterion
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.sources import MemorySource, Source

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
_HALF = 0.5  # of a row, by which a component may rest on fewer than it needs
_NEAR = 1e-6  # standard deviations of a column; a component nearer to a repeated row stands for it


@dataclass(frozen=True, eq=False)
class Candidate:
    """The best run of one structure with one number of components.

    Attributes
    ----------
    run : its `gmix.fitting.em.Run`.
    optima : the objectives that all its runs reached, best first.
    collapsed : the components that have no width in some direction, but for those that stand for a repeated row.
    seconds : how long it took.
    unsupported : the components that rest on fewer distinct rows than `Structure.rows_needed`.
    repeated : the components that stand for one repeated row alone.
    """

    run: Run
    optima: tuple[float, ...]
    collapsed: tuple[int, ...]
    seconds: float
    unsupported: tuple[int, ...] = ()
    repeated: tuple[int, ...] = ()

    @property
    def is_set_aside(self) -> bool:
        """Say whether it is chosen only if there is no other: its likelihood may be an accident of a few rows."""
        return bool(self.collapsed or self.unsupported)

    @property
    def structure(self) -> Structure:
        return self.run.mixture.structure

    @property
    def n_components(self) -> int:
        return self.run.mixture.n_components

    @property
    def log_likelihood(self) -> float:
        return self.run.statistics.log_likelihood

    @property
    def in_order(self) -> Candidate:
        """The same candidate with its components in their stated order; see `SufficientStatistics.order`."""
        run = self.run
        order = run.statistics.order(run.mixture.means)
        if (np.diff(order) > 0).all():
            return self
        mixture, statistics = run.mixture.reordered(order), run.statistics.reordered(order)
        places = np.argsort(order)
        marked = (self.collapsed, self.unsupported, self.repeated)
        collapsed, unsupported, repeated = (tuple(sorted(int(places[k]) for k in those)) for those in marked)
        return replace(
            self,
            run=replace(run, mixture=mixture, statistics=statistics),
            collapsed=collapsed,
            unsupported=unsupported,
            repeated=repeated,
        )

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

    A candidate with a component that collapsed, or that rests on too few rows, is chosen only if there is no other.

    Attributes
    ----------
    candidates : every one that was fitted.
    interrupted : whether Ctrl-C ended the search with candidates still to fit.
    criterion : what chose, ``"bic"`` for instance.
    untried : the candidates that were not fitted because the table has too few different rows for them.
    distinct : the different rows of the table, or of a sub-sample of it; None where there was nothing to choose.
    left_out : how many candidates sub-samples of a large table left out.
    lenient : whether candidates that collapsed are as good as others, because the table has few different rows.
    """

    candidates: tuple[Candidate, ...]
    interrupted: bool = False
    criterion: str = "bic"
    untried: tuple[tuple[Structure, int], ...] = ()
    distinct: DistinctRows | None = None
    lenient: bool = False
    left_out: int = 0

    @property
    def in_order(self) -> Search:
        """The same search with the components of every candidate in their stated order."""
        return replace(self, candidates=tuple(candidate.in_order for candidate in self.candidates))

    def __repr__(self) -> str:
        return f"Search({count(len(self.candidates), 'candidate')}, best by {self.criterion}: {self.best})"

    @cached_property
    def best(self) -> Candidate:
        return min(self.candidates, key=self.order)

    def order(self, candidate: Candidate) -> tuple[bool, bool, float]:
        """What candidates are sorted by, the best first."""
        score = candidate.score(self.criterion)
        return (False, False, score) if self.lenient else (bool(candidate.collapsed), candidate.is_set_aside, score)

    @property
    def weights(self) -> NDArray[np.float64]:
        """How probable each candidate is beside the others, by BIC: ``exp(-BIC / 2)``, normalized; not if set aside.

        With equal prior probabilities they approximate the posterior: Kass & Raftery (1995), *Journal of the American
        Statistical Association* 90:773. Two that are nearly alike say that the data does not choose between them.
        """
        values = np.array([np.inf if c.is_set_aside and not self.lenient else c.bic for c in self.candidates])
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
                "unsupported": bool(c.unsupported),
                "seconds": c.seconds,
                "reason": c.run.reason.name.lower(),
            }
            for c, weight in zip(self.candidates, self.weights, strict=True)
        ]

    @cached_property
    def set_aside(self) -> tuple[Candidate, ...]:
        """The candidates that could not be chosen beside sound ones, the best first."""
        if self.lenient:
            return ()
        return tuple(sorted((c for c in self.candidates if c.is_set_aside), key=self.order))

    def plot(self, ax: Any = None) -> Any:
        """Draw the criterion that chose, over components and structures; see `gmix.plot.criteria`."""
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
    only: Collection[tuple[Structure, int]] | None = None,
    named: bool = False,
) -> Search:
    """Climb from the starts of every structure and count, which race for each, and keep the best.

    Where starts are made rather than given, a candidate also starts from its poorer neighbours: a simpler structure's
    best mixture set free, and the best with fewer components, each component split in turn. So without a prior a richer
    candidate never ends below a poorer one. `only` names the candidates, where not every structure is wanted with every
    count. Candidates that the table has too few rows for are not tried, unless a person `named` them.
    """
    best: dict[tuple[Structure, int], Candidate] = {}
    made = isinstance(start, KMeansPlusPlus)
    sample = _sample(source, _enough(components, structures, source.n_features), rng) if made else source
    every = [(s, k) for s in structures for k in sorted(components) if only is None or (s, k) in only]
    judge = _Judge.of(source, sample, max(components), prior) if len(every) > 1 else _Judge(None, source.n_counting)
    order = every if named else judge.supportable(every, source.n_features)
    # Where rows repeat, components may come to stand for one of them; else a run that collapses is given up.
    alone = not made or judge.lenient or judge.has_repeated_rows
    patient = alone or len(order) == 1
    interrupted = False
    first: list[GaussianMixture] = []
    try:
        begin = start.mixtures(sample, prior, rng)
        for n_components in sorted(components):
            among = [s for s, k in order if k == n_components]
            for structure in _poorest_first(among, n_components, source.n_features):
                began = time.perf_counter()
                trial = _Trial.of(structure, n_components, sample, source, stop) if made else _Trial((), stop, stop)
                heats = trial.heats
                first, poorer = _starts(best if made else {}, structure, n_components, begin)
                if sample is not source:  # all rows are for the best alone
                    runs = expectation_maximization(
                        first, sample.expect, trial.first, prior, climb=sample.climb, patient=alone, heats=heats
                    )
                    _heed(runs)
                    first, heats = [judge.candidate(runs, 0.0).run.mixture], ()
                runs = expectation_maximization(
                    first, source.expect, trial.last, prior, watch, source.climb, patient, heats
                )
                if prior is None:
                    runs += _from_ahead(source, poorer, runs, trial.last, watch, patient)
                best[structure, n_components] = judge.candidate(runs, time.perf_counter() - began)
                _heed(runs)
    except KeyboardInterrupt as interruption:
        source = source.watched(source.meter, None)  # a fit that resumes takes no step of those that follow
        if not best:
            runs = _so_far(interruption, first, source, stop, prior)
            best[structure, n_components] = judge.candidate(runs, time.perf_counter() - began)
        interrupted = True

    def found_so_far() -> Search:
        candidates, untried = (
            tuple(best[key] for key in order if key in best),
            tuple(key for key in every if key not in order),
        )
        return Search(candidates, interrupted, criterion, untried, judge.distinct, judge.lenient)

    found = found_so_far()
    if found.best.run.reason is not Reason.COLLAPSING:
        return found
    chosen = found.best  # nothing better: so it is followed to its end
    began = time.perf_counter()
    runs = expectation_maximization([chosen.run.mixture], source.expect, stop, prior, watch, source.climb)
    seconds = chosen.seconds + time.perf_counter() - began
    best[chosen.structure, chosen.n_components] = judge.candidate(runs, seconds)
    return found_so_far()


@dataclass(frozen=True, eq=False)
class _Judge:
    """What may be preferred on these rows: no components of too few rows, unless the table has no more to offer."""

    distinct: DistinctRows | None
    n_rows: int
    rows: NDArray[Any] | None = (
        None  # among which the distinct ones are; None where nobody counts on how many a component rests
    )
    lenient: bool = False

    @classmethod
    def of(cls, source: Source, sample: Source, most: int, prior: Prior | None) -> _Judge:
        """That of a source, from a sample of it, for at most so many components."""
        rows, weight = sample.rows(_MOST, np.random.default_rng(0))  # draws nothing from the fit's own generator
        distinct = DistinctRows.of(rows, weight)
        return cls(distinct, source.n_counting, None if prior is not None else rows, distinct.are_few(most))

    @property
    def has_repeated_rows(self) -> bool:
        return self.distinct is not None and len(self.distinct.repeated) > 0

    def supportable(self, candidates: list[tuple[Structure, int]], n_features: int) -> list[tuple[Structure, int]]:
        """The candidates that this many rows can support; where there are none, those of the fewest components."""
        if self.distinct is None:
            return candidates
        seen_all = self.distinct.n_rows == self.n_rows
        distinct = len(self.distinct.values) if seen_all else self.n_rows
        least = min(k for _, k in candidates)
        if self.rows is None or self.lenient:  # a component may stand for one row, but two for the same row may not
            supported = [(s, k) for s, k in candidates if k <= distinct]
        else:
            supported = [(s, k) for s, k in candidates if s.rows_needed_by_all(k, n_features) <= distinct]
        return supported or [(s, k) for s, k in candidates if k == least]

    def candidate(self, runs: Sequence[Run], seconds: float) -> Candidate:
        """The best of several runs, of which those are better whose components do not collapse and rest on rows."""
        optima = tuple(sorted((run.objective for run in runs), reverse=True))
        judged: list[Candidate] = []
        for run in sorted(runs, key=lambda run: (not self.lenient and bool(self._collapsed(run)), -run.objective)):
            repeated = self._standing_for_a_row(run)
            unsupported = tuple(k for k in self._unsupported(run) if k not in repeated)
            judged.append(Candidate(run, optima, self._collapsed(run), seconds, unsupported, repeated))
            if self.lenient or not judged[-1].is_set_aside:
                return judged[-1]
        return judged[0]

    def _collapsed(self, run: Run) -> tuple[int, ...]:
        """The components that collapsed, but for those that stand for a repeated row."""
        return tuple(k for k in run.collapsed if k not in self._standing_for_a_row(run))

    def _standing_for_a_row(self, run: Run) -> tuple[int, ...]:
        """The components that collapsed to a row that is repeated very often."""
        if self.distinct is None or not (run.collapsed and self.has_repeated_rows):
            return ()
        values, reach = self.distinct.values[self.distinct.repeated], _NEAR * np.sqrt(run.statistics.variances)
        near = (np.abs(run.mixture.means[:, None] - values) <= reach).all(2).any(1)
        return tuple(k for k in run.collapsed if near[k])

    def _unsupported(self, run: Run) -> tuple[int, ...]:
        """The components that rest on too few distinct rows."""
        if self.rows is None or self.distinct is None:
            return ()
        needed = run.mixture.structure.rows_needed(run.mixture.n_features) - _HALF
        share = run.statistics.mass / run.statistics.mass.sum()
        if (self.distinct.at_least(share) >= needed).all():
            return ()
        responsibilities = kernel.posterior(self.rows, run.mixture.components, True)[1]
        assert responsibilities is not None
        rests_on = self.distinct.effective(responsibilities)
        if self.distinct.n_rows < self.n_rows:  # of rows that do not repeat there are more than the sample shows
            repeats = rests_on < responsibilities.sum(0) / 2.0
            rests_on = np.where(repeats, rests_on, np.maximum(rests_on, share * self.n_rows))
        return tuple(int(k) for k in np.flatnonzero(rests_on < needed))


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
        _Neighbour(release(candidate.run.mixture, structure), candidate.log_likelihood, not candidate.is_set_aside)
        for (s, k), candidate in best.items()
        if k == n_components and s is not structure and s.within(structure)
    ]
    fewer = max((k for s, k in best if s is structure and k < n_components), default=None)
    if fewer is None:
        return poorer, list
    candidate = best[structure, fewer]
    smaller = candidate.run.mixture
    pieces = [int(k) for k in np.flatnonzero(smaller.weights) if fewer == n_components - 1]
    grown = _Neighbour(grow(smaller, n_components), candidate.log_likelihood, not candidate.is_set_aside)
    return [*poorer, grown], lambda: splits(smaller, pieces)


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
