"""The search: starts race for every structure and count, and the best run of each is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gmix.fitting.candidates import Candidate, Search
from gmix.fitting.em import Run, run_em
from gmix.fitting.judge import Judge
from gmix.fitting.neighbors import grow, release, splits
from gmix.fitting.start import Begin, KMeansPlusPlus, Start
from gmix.model.covariance import Structure
from gmix.model.gaussian_model import GaussianModel
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.sources import LocalSource, MemorySource, Source

__all__ = ["SearchPlan", "search"]

_FEWEST, _MOST = 2_000, 10_000  # rows on which starts race, of tables that have more
_ROWS_EACH = 25  # per parameter of the richest candidate, between the two
_PROMISING = 16  # starts that race, at most
# The rounds of a race: when runs are compared, and what part of them goes on. On many rows, where the race is on a
# sub-sample, it pays to follow more of them; on few, to see them nearer to their optima.
_MANY_ROWS = (
    (StoppingRule(0.0, 0), 1.0),
    (StoppingRule(1e-2, 30, chance=0.02), 0.375),
    (StoppingRule(1e-3, 60, chance=0.02), 0.1875),
)
_FEW_ROWS = ((StoppingRule(0.0, 4), 0.5), (StoppingRule(3e-3, 60), 0.25), (StoppingRule(5e-4, 60), 0.125))
_FIRST = StoppingRule(1e-5, 300, chance=0.1)
_WORK = 2e8  # multiply-adds that one step of all racing runs together may cost
_EXPONENTIAL = 20  # multiply-adds


@dataclass(frozen=True)
class SearchPlan:
    """What is searched, and how.

    Attributes
    ----------
    components, structures : the candidates are all pairs of these.
    start : the starts of every candidate.
    rule : when a run on all rows ends.
    prior : of a MAP fit.
    criterion : what chooses among the candidates.
    only : the candidates, where not every structure is wanted with every count.
    named : whether a person named the candidates. Else those that the table has too few rows for are not tried.
    """

    components: Sequence[int]
    structures: Sequence[Structure]
    start: Start
    rule: StoppingRule
    prior: Prior | None = None
    criterion: str = "bic"
    only: Collection[tuple[Structure, int]] | None = None
    named: bool = False

    @property
    def candidates(self) -> list[tuple[Structure, int]]:
        """Structures and their numbers of components, in the order in which they are reported."""
        every = [(s, k) for s in self.structures for k in sorted(self.components)]
        return [pair for pair in every if self.only is None or pair in self.only]

    @property
    def makes_starts(self) -> bool:
        """Whether starts are made from the rows, rather than given by a user."""
        return isinstance(self.start, KMeansPlusPlus)


def search(source: Source, plan: SearchPlan, rng: np.random.Generator) -> Search:
    """Run EM from the starts of every candidate, which race, and keep the best run of each.

    Where starts are made rather than given, a candidate also starts from its poorer neighbors: the best mixture of a
    simpler structure, and the best with fewer components, each component split in turn. So without a prior a richer
    candidate never ends below a poorer one.
    """
    return _Searching(source, plan, rng).search()


class _Searching:
    """A search under way."""

    def __init__(self, source: Source, plan: SearchPlan, rng: np.random.Generator) -> None:
        self.source, self.plan, self.rng = source, plan, rng
        self.best: dict[tuple[Structure, int], Candidate] = {}
        made, n_features = plan.makes_starts, source.n_features
        self.sample = _sample(source, _enough(plan.components, plan.structures, n_features), rng) if made else source
        self.every = plan.candidates
        several = len(self.every) > 1
        self.judge = (
            Judge.of(source, self.sample, max(plan.components), plan.prior)
            if several
            else Judge(None, source.n_counting)
        )
        self.order = self.every if plan.named else self.judge.supportable(self.every, n_features)
        # Where rows repeat, components may stand for one of them; else a run that collapses is given up.
        self.patient_on_sample = not made or self.judge.lenient or self.judge.has_repeated_rows
        self.patient = self.patient_on_sample or len(self.order) == 1

    def search(self) -> Search:
        interrupted = False
        first: list[GaussianMixture] = []
        try:
            begin = self.plan.start.mixtures(self.sample, self.plan.prior, self.rng)
            for n_components in sorted(self.plan.components):
                among = [s for s, k in self.order if k == n_components]
                for structure in _poorest_first(among, n_components, self.source.n_features):
                    began = time.perf_counter()
                    first, poorer = _starts(self.best if self.plan.makes_starts else {}, structure, n_components, begin)
                    runs = self._runs(structure, n_components, first, poorer)
                    self.best[structure, n_components] = self.judge.candidate(runs, time.perf_counter() - began)
                    _raise_if_interrupted(runs)
        except KeyboardInterrupt as interruption:
            # A fit that resumes takes no step of those that follow.
            self.source = self.source.watched(self.source.meter, None)
            if not self.best:
                runs = _best_so_far(interruption, first, self.source, self.plan)
                self.best[structure, n_components] = self.judge.candidate(runs, time.perf_counter() - began)
            interrupted = True
        found = self._found(interrupted)
        if found.best.run.reason is not Reason.COLLAPSING:
            return found
        self._finish(found.best)
        return self._found(interrupted)

    def _runs(
        self, structure: Structure, n_components: int, first: list[GaussianMixture], poorer: list[_Neighbor]
    ) -> list[Run]:
        """The runs of a candidate on all rows."""
        plan = self.plan
        trial = _Trial((), plan.rule, plan.rule)
        if plan.makes_starts:
            trial = _Trial.of(structure, n_components, self.sample, self.source, plan.rule)
        rounds = trial.rounds
        if self.sample is not self.source:  # only the best run goes on to all rows
            runs = run_em(self.sample, first, trial.first, plan.prior, rounds, patient=self.patient_on_sample)
            _raise_if_interrupted(runs)
            first[:], rounds = [self.judge.candidate(runs, 0.0).run.mixture], ()
        runs = run_em(self.source, first, trial.last, plan.prior, rounds, patient=self.patient)
        if plan.prior is None:
            runs += _runs_from_neighbors(self.source, poorer, runs, trial.last, self.patient)
        return runs

    def _found(self, interrupted: bool) -> Search:
        candidates = tuple(self.best[key] for key in self.order if key in self.best)
        untried = tuple(key for key in self.every if key not in self.order)
        judge = self.judge
        return Search(candidates, interrupted, self.plan.criterion, untried, judge.distinct, judge.lenient)

    def _finish(self, chosen: Candidate) -> None:
        """Run the best candidate to its end, although a component collapses: there is nothing better."""
        began = time.perf_counter()
        runs = run_em(self.source, [chosen.run.mixture], self.plan.rule, self.plan.prior)
        seconds = chosen.seconds + time.perf_counter() - began
        self.best[chosen.structure, chosen.n_components] = self.judge.candidate(runs, seconds)


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C in a climb, with what it had reached."""

    def __init__(self, mixtures: list[GaussianMixture]) -> None:
        super().__init__()
        self.mixtures = mixtures


def _best_so_far(
    interruption: KeyboardInterrupt, first: list[GaussianMixture], source: Source, plan: SearchPlan
) -> list[Run]:
    """What Ctrl-C leaves of the first candidate, evaluated in one more pass: the likelihood is that of all rows."""
    reached = interruption.mixtures if isinstance(interruption, _Interrupted) else first
    if not reached:
        raise interruption
    runs = [run for mixture in reached for run in run_em(source, [mixture], StoppingRule(0.0, 0), plan.prior)]
    return [replace(run, reason=Reason.INTERRUPTED) for run in runs]


def _raise_if_interrupted(runs: Sequence[Run]) -> None:
    """Pass on an interruption that a climb has answered with the best so far."""
    if any(run.reason is Reason.INTERRUPTED for run in runs):
        raise _Interrupted([run.mixture for run in runs])


class _Neighbor(NamedTuple):
    """A start that is a poorer candidate's best mixture, its log-likelihood, and whether nothing in it collapsed."""

    mixture: GaussianMixture
    log_likelihood: float
    sound: bool


def _starts(
    best: dict[tuple[Structure, int], Candidate], structure: Structure, n_components: int, begin: Begin
) -> tuple[list[GaussianMixture], list[_Neighbor]]:
    """All that a candidate starts from, and those of them that are its neighbors' own mixtures."""
    poorer, split = _neighbors(best, structure, n_components)
    first: list[GaussianMixture] = []
    # The M-steps of the other structures are expensive, and the neighbors have been where seeds and splits lead.
    if len(poorer) <= 1 or structure.direct:
        first = [*begin(n_components, structure), *split()]
    return [*first, *(neighbor.mixture for neighbor in poorer)], poorer


def _neighbors(
    best: dict[tuple[Structure, int], Candidate], structure: Structure, n_components: int
) -> tuple[list[_Neighbor], Callable[[], list[GaussianMixture]]]:
    """Starts from poorer candidates: those of exactly their likelihood, and what splits the next smaller one."""
    poorer = [
        _Neighbor(release(candidate.run.mixture, structure), candidate.log_likelihood, not candidate.is_set_aside)
        for (s, k), candidate in best.items()
        if k == n_components and s is not structure and structure.contains(s)
    ]
    fewer = max((k for s, k in best if s is structure and k < n_components), default=None)
    if fewer is None:
        return poorer, list
    candidate = best[structure, fewer]
    smaller = candidate.run.mixture
    pieces = [int(k) for k in np.flatnonzero(smaller.weights) if fewer == n_components - 1]
    grown = _Neighbor(grow(smaller, n_components), candidate.log_likelihood, not candidate.is_set_aside)
    return [*poorer, grown], lambda: splits(smaller, pieces)


def _runs_from_neighbors(
    source: Source, poorer: Sequence[_Neighbor], runs: Sequence[Run], rule: StoppingRule, patient: bool
) -> list[Run]:
    """Runs from the neighbors that are still better than these runs, because the race dropped them.

    Where EM leads from all of them to a collapse, the most likely one stays as it is.
    """
    sound = sorted((n for n in poorer if n.sound), key=lambda n: -n.log_likelihood)
    if not sound or sound[0].log_likelihood <= _reached(runs):
        return []
    more: list[Run] = []
    for neighbor in sound:
        if neighbor.log_likelihood > _reached([*runs, *more]):
            more += run_em(source, [neighbor.mixture], rule, patient=patient)
    if sound[0].log_likelihood > _reached([*runs, *more]):
        more.append(_unmoved(source, sound[0].mixture))
    return more


def _reached(runs: Sequence[Run]) -> float:
    """The most that runs reached which did not collapse."""
    return max((run.objective for run in runs if not run.collapsed), default=-np.inf)


def _unmoved(source: Source, mixture: GaussianMixture) -> Run:
    """A run that stays where it starts, because from there EM leads to a collapse."""
    statistics = source.statistics(mixture.components)
    history = (statistics.log_likelihood,)
    return Run(GaussianModel(mixture), statistics, history, Reason.COLLAPSING, sound=True)


class _Trial(NamedTuple):
    """How starts race, when their runs on a sub-sample end, and when runs on all rows do.

    Where a step is expensive, fewer begin. On a sub-sample a run may leave ten times what it may on all rows, whose
    optimum is elsewhere anyway. On few rows nothing is left to chance, because nothing would be saved by it.
    """

    rounds: Sequence[Round]
    first: StoppingRule
    last: StoppingRule

    @classmethod
    def of(cls, structure: Structure, n_components: int, sample: Source, source: Source, rule: StoppingRule) -> _Trial:
        parameters = structure.n_parameters(n_components, source.n_features)
        runs = _WORK / (sample.n_rows * (parameters + _EXPONENTIAL * n_components))
        most = min(max(int(runs), 1), _PROMISING)
        many = source.is_large
        return cls(
            [
                Round(each.among(parameters, sample.n_rows), max(int(part * most), 1))
                for each, part in (_MANY_ROWS if many else _FEW_ROWS)
            ],
            _FIRST.among(parameters, source.n_counting),
            rule.among(parameters, source.n_counting) if many else rule,
        )


def _poorest_first(structures: Sequence[Structure], n_components: int, n_features: int) -> list[Structure]:
    """Each structure after those within it, also where they spend as many parameters."""

    def richness(structure: Structure) -> tuple[int, int]:
        return structure.n_parameters(n_components, n_features), sum(structure.contains(s) for s in structures)

    return sorted(structures, key=richness)


def _enough(components: Sequence[int], structures: Sequence[Structure], n_features: int) -> int:
    """How many rows the race sees."""
    richest = max(s.n_parameters(max(components), n_features) for s in structures)
    # An optimum on fewer rows than that is far from the optimum on all rows.
    return max(min(max(_ROWS_EACH * richest, _FEWEST), _MOST), 2 * richest)


def _sample(source: Source, n_rows: int, rng: np.random.Generator) -> Source:
    """The rows on which starts race: so many, in memory."""
    if isinstance(source, LocalSource) and source.n_rows <= n_rows:
        return source
    rows = source.rows(n_rows, rng)
    names = list(source.features) if source.features else None
    return MemorySource(rows.values, sample_weight=rows.weights, columns=names)
