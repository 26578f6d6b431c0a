"""The search: for every structure and number of components, EM runs race, and the best one is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from gmix.fitting.candidates import Candidate, Search
from gmix.fitting.em import Run, run_em
from gmix.fitting.judge import Judge
from gmix.fitting.neighbors import grow, release, splits
from gmix.fitting.refinement import Effort
from gmix.fitting.start import KMeansPlusPlus, Start, StartingMixtures
from gmix.fitting.trials import Trials
from gmix.model.covariance import Structure
from gmix.model.gaussian_model import GaussianModel
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.sources import LocalSource, MemorySource, Source

__all__ = ["SearchPlan", "search"]

# The rows of the sub-sample that the race runs on: a number per parameter of the richest candidate, within limits.
_ROWS_PER_PARAMETER, _FEWEST, _MOST = 25, 2_000, 10_000
_PROMISING = 16  # runs that race, at most
# The rounds of a race: the rule that ends each, and the share of `_PROMISING` runs that are kept. On large tables the
# race runs on a sub-sample, and keeping more runs pays; on small ones, running nearer to the optima does.
_MANY_ROWS = (
    (StoppingRule(0.0, 0), 1.0),
    (StoppingRule(1e-2, 30, chance=0.02), 0.375),
    (StoppingRule(1e-3, 60, chance=0.02), 0.1875),
)
_FEW_ROWS = ((StoppingRule(0.0, 4), 0.5), (StoppingRule(3e-3, 60), 0.25), (StoppingRule(5e-4, 60), 0.125))
_ON_SAMPLE = StoppingRule(1e-5, 300, chance=0.1)
_WINDOW = 30.0  # of the criterion; candidates that are worse by more are not improved
_NUMBERS = 4_000_000  # in the posterior probabilities of the rows on which optima are compared
_AGAIN = KMeansPlusPlus(runs=2)  # the starts of each further trial
_WORK = 2e8  # multiply-adds that one iteration of all racing runs together may cost
_EXPONENTIAL = 20  # multiply-adds that one exponential costs


@dataclass(frozen=True)
class SearchPlan:
    """The candidates of a search, and how they are fitted.

    Attributes
    ----------
    components, structures : the candidates are all pairs of these.
    start : the starts of every candidate.
    rule : when a run on all rows ends.
    prior : the prior of a MAP fit.
    criterion : which criterion chooses among the candidates.
    only : the pairs that are candidates; None for all.
    effort : how much work to do for better optima, in units of that of a default search; zero for none.
    deadline : the time by `time.monotonic` at which the search ends with the best so far; None for no limit.
    named : whether the user named the candidates. If not, those that the table has too few rows for are not fitted.
    """

    components: Sequence[int]
    structures: Sequence[Structure]
    start: Start
    rule: StoppingRule
    prior: Prior | None = None
    criterion: str = "bic"
    only: Collection[tuple[Structure, int]] | None = None
    named: bool = False
    effort: float = 1.0
    deadline: float | None = None

    @property
    def candidates(self) -> list[tuple[Structure, int]]:
        """Pairs of a structure and a number of components, in the order in which they are reported."""
        every = [(s, k) for s in self.structures for k in sorted(self.components)]
        return [pair for pair in every if self.only is None or pair in self.only]

    @property
    def makes_starts(self) -> bool:
        """Whether starts are made from the rows rather than given by the user."""
        return isinstance(self.start, KMeansPlusPlus)


def search(source: Source, plan: SearchPlan, rng: np.random.Generator) -> Search:
    """Run EM from several starts for every candidate, and keep the best run of each.

    If starts are made rather than given, a candidate also starts from its poorer neighbors: the best mixtures of
    simpler structures, and the best mixture with fewer components, each component split in turn. So without a prior
    the likelihood of a richer candidate is never below that of a poorer one.
    """
    return _Searching(source, plan, rng).search()


class _Searching:
    """A search in progress."""

    def __init__(self, source: Source, plan: SearchPlan, rng: np.random.Generator) -> None:
        self.source, self.plan, self.rng = source, plan, rng
        self.best: dict[tuple[Structure, int], Candidate] = {}
        n_features = source.n_features
        self.sample = source
        if plan.makes_starts:
            self.sample = _sample(source, _race_rows(plan.components, plan.structures, n_features), rng)
        self.every = plan.candidates
        self.judge = Judge.of(source, self.sample, max(plan.components), plan.prior)
        self.order = self.every if plan.named else self.judge.supportable(self.every, n_features)
        # Runs that collapse are given up, unless rows repeat: a component may then stand for a repeated row.
        self.patient_on_sample = not plan.makes_starts or self.judge.lenient or self.judge.has_repeated_rows
        self.patient = self.patient_on_sample or len(self.order) == 1

    def search(self) -> Search:
        interrupted = False
        first: list[GaussianMixture] = []
        try:
            starting_mixtures = self.plan.start.mixtures(self.sample, self.plan.prior, self.rng)
            for n_components in sorted(self.plan.components):
                structures = [s for s, k in self.order if k == n_components]
                for structure in _poorest_first(structures, n_components, self.source.n_features):
                    began = time.perf_counter()
                    best = self.best if self.plan.makes_starts else {}
                    first, poorer = _starts(best, structure, n_components, starting_mixtures)
                    runs = self._runs(structure, n_components, first, poorer)
                    self.best[structure, n_components] = self.judge.candidate(runs, time.perf_counter() - began)
                    _raise_if_interrupted(runs)
            self._improve()
        except KeyboardInterrupt as interruption:
            # The journal must not record the passes below, because a resumed fit does not repeat them.
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
        schedule = _Schedule((), plan.rule, plan.rule)
        if plan.makes_starts:
            schedule = _Schedule.of(structure, n_components, self.sample, self.source, plan.rule)
        rounds = schedule.rounds
        if self.sample is not self.source:  # only the best run on the sub-sample continues on all rows
            runs = run_em(self.sample, first, schedule.on_sample, plan.prior, rounds, patient=self.patient_on_sample)
            _raise_if_interrupted(runs)
            first[:], rounds = [self.judge.candidate(runs, 0.0).run.mixture], ()
        runs = run_em(self.source, first, schedule.on_all_rows, plan.prior, rounds, patient=self.patient)
        if plan.prior is None:
            runs += _runs_from_neighbors(self.source, poorer, runs, schedule.on_all_rows, self.patient)
        return runs

    def _improve(self) -> None:
        """Move on from the optima of the best candidates to better ones, and make further trials for the best."""
        plan = self.plan
        if not (plan.makes_starts and plan.effort > 0.0):
            return
        most = max(k for _, k in self.best)
        n_rows = max(min(_NUMBERS // max(most, self.source.n_features), self.source.n_counting), self.sample.n_rows)
        trials = Trials(
            self.source, _in_memory(self.source, n_rows, self.rng), _AGAIN, plan.rule, plan.prior, self.rng, plan.effort
        )
        chosen = self._found(False).best
        effort = Effort(trials.work(chosen), plan.deadline)
        several = len(self.best) > 1
        tried: set[tuple[Structure, int]] = set()
        while several and effort.left > 0.0 and (candidate := self._next(tried)) is not None:
            key = candidate.structure, candidate.n_components
            tried.add(key)
            self._replace(trials.improve(candidate, self.judge, effort, 1))
        while effort.left > 0.0:
            chosen = self._found(False).best
            self._replace(trials.improve(chosen, self.judge, effort))
            if self._found(False).best.structure is chosen.structure:
                break

    def _next(self, tried: Collection[tuple[Structure, int]]) -> Candidate | None:
        """The best candidate that may be chosen if its optimum improves, and was not tried; None if there is none."""
        found = self._found(False)
        limit = found.best.score(self.plan.criterion) + _WINDOW
        left = [c for c in found.candidates if (c.structure, c.n_components) not in tried]
        best = min(left, key=found.order, default=None)
        return best if best is not None and best.score(self.plan.criterion) <= limit else None

    def _replace(self, improved: Candidate) -> None:
        """Keep an improved candidate, and let richer candidates that are now below it start from it."""
        key = improved.structure, improved.n_components
        risen = improved.log_likelihood > self.best[key].log_likelihood
        self.best[key] = improved
        if not risen or self.plan.prior is not None:
            return
        for structure, n_components in self.best:
            before = self.best[structure, n_components]
            poorer, _ = _neighbors(self.best, structure, n_components)
            rule = self.plan.rule.among(before.run.mixture.n_parameters, self.source.n_counting)
            runs = _runs_from_neighbors(self.source, poorer, [before.run], rule, self.patient)
            if runs:
                after = self.judge.candidate([before.run, *runs], before.seconds)
                self.best[structure, n_components] = replace(after, optima=before.optima)

    def _found(self, interrupted: bool) -> Search:
        candidates = tuple(self.best[key] for key in self.order if key in self.best)
        untried = tuple(key for key in self.every if key not in self.order)
        judge = self.judge
        return Search(candidates, interrupted, self.plan.criterion, untried, judge.distinct, judge.lenient)

    def _finish(self, chosen: Candidate) -> None:
        """Run EM for the best candidate until it ends, although a component collapses, because no other is better."""
        began = time.perf_counter()
        runs = run_em(self.source, [chosen.run.mixture], self.plan.rule, self.plan.prior)
        seconds = chosen.seconds + time.perf_counter() - began
        self.best[chosen.structure, chosen.n_components] = self.judge.candidate(runs, seconds)


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C during EM runs, with the mixtures that they had reached."""

    def __init__(self, mixtures: list[GaussianMixture]) -> None:
        super().__init__()
        self.mixtures = mixtures


def _best_so_far(
    interruption: KeyboardInterrupt, first: list[GaussianMixture], source: Source, plan: SearchPlan
) -> list[Run]:
    """Runs at the mixtures that the first candidate had reached at Ctrl-C, evaluated on all rows in one more pass."""
    reached = interruption.mixtures if isinstance(interruption, _Interrupted) else first
    if not reached:
        raise interruption
    runs = [run for mixture in reached for run in run_em(source, [mixture], StoppingRule(0.0, 0), plan.prior)]
    return [replace(run, reason=Reason.INTERRUPTED) for run in runs]


def _raise_if_interrupted(runs: Sequence[Run]) -> None:
    """Raise the interruption again that ended these runs."""
    if any(run.reason is Reason.INTERRUPTED for run in runs):
        raise _Interrupted([run.mixture for run in runs])


class _Neighbor(NamedTuple):
    """The best mixture of a poorer candidate, as a start for a richer one, and whether it was not set aside."""

    mixture: GaussianMixture
    log_likelihood: float
    sound: bool


def _starts(
    best: dict[tuple[Structure, int], Candidate],
    structure: Structure,
    n_components: int,
    starting_mixtures: StartingMixtures,
) -> tuple[list[GaussianMixture], list[_Neighbor]]:
    """The starts of a candidate, and its poorer neighbors, which are the last of these starts."""
    poorer, split = _neighbors(best, structure, n_components)
    first: list[GaussianMixture] = []
    # With an iterative M-step, runs are expensive, and neighbors have already reached the optima of seeds and splits.
    if len(poorer) <= 1 or structure.direct:
        first = [*starting_mixtures(n_components, structure), *split()]
    return [*first, *(neighbor.mixture for neighbor in poorer)], poorer


def _neighbors(
    best: dict[tuple[Structure, int], Candidate], structure: Structure, n_components: int
) -> tuple[list[_Neighbor], Callable[[], list[GaussianMixture]]]:
    """Starts that have the likelihoods of poorer candidates, and a function that splits the next smaller mixture."""
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
    to_split = [int(k) for k in np.flatnonzero(smaller.weights) if fewer == n_components - 1]
    grown = _Neighbor(grow(smaller, n_components), candidate.log_likelihood, not candidate.is_set_aside)
    return [*poorer, grown], lambda: splits(smaller, to_split)


def _runs_from_neighbors(
    source: Source, poorer: Sequence[_Neighbor], runs: Sequence[Run], rule: StoppingRule, patient: bool
) -> list[Run]:
    """Runs from the neighbors that the race dropped although they are better than these runs.

    If EM collapses from all of them, the most likely neighbor is kept as it is.
    """
    sound = sorted((n for n in poorer if n.sound), key=lambda n: -n.log_likelihood)
    if not sound or sound[0].log_likelihood <= _best_objective(runs):
        return []
    more: list[Run] = []
    for neighbor in sound:
        if neighbor.log_likelihood > _best_objective([*runs, *more]):
            more += run_em(source, [neighbor.mixture], rule, patient=patient)
    if sound[0].log_likelihood > _best_objective([*runs, *more]):
        more.append(_unmoved(source, sound[0].mixture))
    return more


def _best_objective(runs: Sequence[Run]) -> float:
    """The highest objective of the runs that did not collapse."""
    return max((run.objective for run in runs if not run.collapsed), default=-np.inf)


def _unmoved(source: Source, mixture: GaussianMixture) -> Run:
    """A run that ends where it starts, because EM would collapse from there."""
    statistics = source.statistics(mixture.components)
    history = (statistics.log_likelihood,)
    return Run(GaussianModel(mixture), statistics, history, Reason.COLLAPSING, sound=True)


class _Schedule(NamedTuple):
    """The rounds of the race, and the stopping rules of the runs after it, on the sub-sample and on all rows.

    If an iteration is expensive, fewer runs race. Runs on the sub-sample end earlier than runs on all rows, because
    their optimum differs anyway. On small tables `StoppingRule.chance` would save no time, and is ignored.
    """

    rounds: Sequence[Round]
    on_sample: StoppingRule
    on_all_rows: StoppingRule

    @classmethod
    def of(cls, structure: Structure, n_components: int, sample: Source, source: Source, rule: StoppingRule) -> Self:
        parameters = structure.n_parameters(n_components, source.n_features)
        runs = _WORK / (sample.n_rows * (parameters + _EXPONENTIAL * n_components))
        most = min(max(int(runs), 1), _PROMISING)
        many = source.is_large
        return cls(
            [
                Round(round_rule.among(parameters, sample.n_rows), max(int(share * most), 1))
                for round_rule, share in (_MANY_ROWS if many else _FEW_ROWS)
            ],
            _ON_SAMPLE.among(parameters, source.n_counting),
            rule.among(parameters, source.n_counting) if many else rule,
        )


def _poorest_first(structures: Sequence[Structure], n_components: int, n_features: int) -> list[Structure]:
    """The structures, each after those that it contains, even if they have equally many parameters."""

    def richness(structure: Structure) -> tuple[int, int]:
        return structure.n_parameters(n_components, n_features), sum(structure.contains(s) for s in structures)

    return sorted(structures, key=richness)


def _race_rows(components: Sequence[int], structures: Sequence[Structure], n_features: int) -> int:
    """The number of rows in the sub-sample that the race runs on."""
    richest = max(s.n_parameters(max(components), n_features) for s in structures)
    # With fewer than two rows per parameter, the optimum is far from the optimum on all rows.
    return max(min(max(_ROWS_PER_PARAMETER * richest, _FEWEST), _MOST), 2 * richest)


def _in_memory(source: Source, n_rows: int, rng: np.random.Generator) -> MemorySource:
    """At most this many rows of a source, in memory."""
    rows = source.rows(n_rows, rng)
    names = list(source.features) if source.features else None
    return MemorySource(rows.values, sample_weight=rows.weights, columns=names, threads=source.threads)


def _sample(source: Source, n_rows: int, rng: np.random.Generator) -> Source:
    """A sub-sample of `n_rows` rows in memory; the source itself if it has no more rows."""
    if isinstance(source, LocalSource) and source.n_rows <= n_rows:
        return source
    return _in_memory(source, n_rows, rng)
