"""Runs of variational Bayes: starts race, and moves lead from one optimum of the lower bound to better ones."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gmix.fitting.em import run_models
from gmix.fitting.neighbors import merges, splits
from gmix.fitting.refinement import Effort
from gmix.fitting.schedule import Schedule, race_rows
from gmix.fitting.search_progress import SearchProgress
from gmix.fitting.start import KMeansPlusPlus, Start, StartingMixtures
from gmix.fitting.trials import work
from gmix.fitting.variational.arguments import check_structures
from gmix.fitting.variational.growth import Growth
from gmix.fitting.variational.moves import in_order, joined
from gmix.fitting.variational.run import EMPTY, VariationalRun, occupied
from gmix.model.covariance import TIED, Structure
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Deadline, Reason, Round, StoppingRule
from gmix.model.student import AnyMixture, gaussian
from gmix.model.variational import ParameterDistribution, ParameterPrior, VariationalModel, VariationalPrior
from gmix.sources import LocalSource, MemorySource, Source

__all__ = ["VariationalPlan", "best_run", "search_runs"]

Array = NDArray[np.float64]
_AGAIN = KMeansPlusPlus(runs=4, sweeps=0)  # the starts of each further trial
# In which moves race; and how the best one ends, unless it is the last.
_OF_MOVES = (Round(StoppingRule(0.0, 1), 8), Round(StoppingRule(0.0, 8), 3), Round(StoppingRule(1e-4, 40), 1))
_AFTER_MOVES = StoppingRule(1e-5, 200)
_WORK = 16.0  # times that of a search by EM, because M-steps are in Python
_SHARED = 4  # times the work for one candidate, at most, that is shared among several
_LIGHTEST, _MERGES = 4, 3  # components that may be emptied, and pairs that may merge
_HALVES = 3  # components that may be split where none is empty and two merge
_SAME, _SAME_PER_ROW = 0.02, 1e-5  # nats; bounds that differ by less are of the same optimum
# Trials without a better optimum after which there are no more: of a single candidate, and of many.
_ENOUGH, _FEWEST = 10, 2
_FEW = 16  # components; more are found by growth from this number
_TO_GROW, _RACE_TO_GROW = StoppingRule(1e-3, 10), (Round(StoppingRule(0.0, 1), 1),)  # before growth
_MORE = 2  # components more than were found, with which better optima are searched for
_ONE_STEP = StoppingRule(0.0, 0)


@dataclass(frozen=True)
class VariationalPlan:
    """The candidates of a variational fit, and how they are fitted.

    Attributes
    ----------
    components, structures : the candidates are all pairs of these, unless the fit is `open_ended`.
    start : the starts of every candidate.
    rule : when a run on all rows ends.
    prior : of the parameters.
    effort : how much work to do for better optima; 1 by default, zero for none.
    progress : what the search reports to.
    automatic : whether the user left the numbers of components open.

    Raises `ParameterError` for a structure without conjugate distributions.
    """

    components: Sequence[int]
    structures: Sequence[Structure]
    start: Start
    rule: StoppingRule
    prior: ParameterPrior
    effort: float = 1.0
    progress: SearchProgress = field(default_factory=SearchProgress)
    automatic: bool = False

    def __post_init__(self) -> None:
        check_structures(self.structures)

    def open_ended(self, structure: Structure) -> bool:
        """Whether the rows decide how many components of this structure there are: those of a Dirichlet process.

        Components that share a covariance have a given number.
        """
        of_process = isinstance(self.prior, VariationalPrior) and self.prior.weights == "dirichlet process"
        return self.automatic and of_process and self.start.is_made and structure.form is not TIED

    def candidates(self, source: Source) -> list[tuple[Structure, int]]:
        """Structures and numbers of components; if the rows decide the number, the one to begin with."""
        first = min(_FEW, source.n_counting)
        return [(s, k) for s in self.structures for k in ([first] if self.open_ended(s) else self.components)]

    @property
    def deadline(self) -> float | None:
        """The time by `time.monotonic` at which the fit ends with the best so far; None for no limit."""
        return self.rule.time if isinstance(self.rule, Deadline) else None


def search_runs(source: Source, plan: VariationalPlan, rng: np.random.Generator) -> list[VariationalRun]:
    """The best run of every candidate, in the order of the plan.

    After Ctrl-C or at the deadline, those of the candidates so far, the last one with the reason ``INTERRUPTED``.
    """
    found: list[VariationalRun] = []
    sample = _sample(source, plan, rng)
    starting_mixtures = plan.start.mixtures(sample, None, rng)
    candidates = plan.candidates(source)
    plan.progress.begin(candidates, source, 0, 0.0)
    for structure, k in candidates:
        plan.progress.begin_candidate(structure, k)
        try:
            found.append(_Candidate(source, sample, plan, structure, k, rng).run(starting_mixtures))
        except KeyboardInterrupt:
            if not found:
                raise
            found[-1] = replace(found[-1], reason=Reason.INTERRUPTED)
        plan.progress.end_candidate()
        if found[-1].reason is Reason.INTERRUPTED:
            return found
    return found


def best_run(runs: Sequence[VariationalRun]) -> VariationalRun:
    """The run of the greatest estimated evidence."""
    return max(runs, key=lambda run: run.log_evidence)


def _sample(source: Source, plan: VariationalPlan, rng: np.random.Generator) -> Source:
    """The rows on which starts race: all, or a sub-sample.

    A sub-sample has its own number of rows. If it stood for all rows, the posterior would describe its accidents.
    """
    n_rows = race_rows([k for _, k in plan.candidates(source)], plan.structures, source.n_features)
    if not plan.start.is_made or (isinstance(source, LocalSource) and source.n_rows <= n_rows):
        return source
    return MemorySource.of_rows(source.rows(n_rows, rng), source)


class _Candidate:
    """The runs of one structure with one number of components."""

    def __init__(
        self,
        source: Source,
        sample: Source,
        plan: VariationalPlan,
        structure: Structure,
        n_components: int,
        rng: np.random.Generator,
    ) -> None:
        self.source, self.sample, self.plan, self.rng = source, sample, plan, rng
        self.structure, self.n_components = structure, n_components
        self.most = None if plan.open_ended(structure) else n_components
        self.reference = source.reference(structure.form)
        self.prior = plan.prior.parameters(structure, n_components if self.most else 1, self.reference)
        self.grows = plan.effort > 0.0 and plan.start.is_made and Growth.suits(self.prior) and n_components > 1
        size = n_components, structure.n_parameters(n_components, source.n_features), source.n_features
        share = min(1.0, _SHARED / (len(plan.candidates(source))))
        self.effort = Effort(
            share * _WORK * plan.effort * work(sample.n_rows, *size), plan.deadline, slow=not source.is_plain
        )
        self.enough = max(round(share * _ENOUGH), _FEWEST)
        self.schedule = Schedule.of(structure, n_components, sample, source, plan.rule)

    def run(self, starting_mixtures: StartingMixtures) -> VariationalRun:
        """The best run on all rows."""
        if not self.plan.start.is_made:
            models = [self._model(mixture) for mixture in starting_mixtures(self.n_components, self.structure)]
            return self._best(self.source, models, self.plan.rule, ())
        found = self._on_sample(starting_mixtures)
        if found.reason is Reason.INTERRUPTED or self.sample is self.source:
            return self._complete(found)
        statistics = found.statistics * (self.source.mass / self.sample.mass)
        on_all = self._best(self.source, [found.model.maximize(statistics)], self.plan.rule, ())
        on_all = replace(on_all, changes=found.changes)
        return self._complete(self._grown(self.source, on_all, self.plan.rule))

    def _on_sample(self, starting_mixtures: StartingMixtures) -> VariationalRun:
        """The best run on the rows on which starts race."""
        rule = self.plan.rule if self.sample is self.source else self.schedule.on_sample
        if self.most is not None and not (self.grows and self.most > _FEW and self.source.is_large):
            models = [self._model(m) for k in _halves(self.most) for m in starting_mixtures(k, self.structure)]
            return self._improved(self._best(self.sample, models, rule, self.schedule.rounds))
        self.n_components = min(self.n_components, _FEW)
        models = [self._model(mixture) for mixture in starting_mixtures(self.n_components, self.structure)]
        first = self._best(self.sample, models, _TO_GROW, _RACE_TO_GROW)
        found = self._grown(self.sample, first, rule)
        if found is first:
            found = self._best(self.sample, [first.model], rule, ())
        self.n_components = self.most or found.model.posterior.n_components + _MORE
        return found if self.source.is_large else self._improved(found)

    def _grown(self, source: Source, run: VariationalRun, rule: StoppingRule) -> VariationalRun:
        """The run after components were born, merged and deleted."""
        if not self.grows:
            return run
        growth = Growth(source, self.prior, self.most, rule, self.rng, self.plan.deadline)
        return growth.improved(run, self.plan.effort)

    def _complete(self, run: VariationalRun) -> VariationalRun:
        """The run with all components of the candidate; without empty ones, if the rows decide how many there are."""
        statistics = run.statistics
        if self.most is None:
            statistics = statistics.reordered(occupied(statistics))
        elif (missing := self.most - statistics.n_components) > 0:
            none = SufficientStatistics.none(statistics.form, missing, statistics.reference)
            statistics = joined([statistics, none])
        if statistics.n_components == run.statistics.n_components:
            return run
        model = VariationalModel.of_statistics(self._prior_of(statistics.n_components), statistics)
        completed = self._best(self.source, [model], self.plan.rule if self.most is None else _ONE_STEP, ())
        if self.most is None:
            return replace(completed, changes=run.changes)
        return replace(completed, history=(*run.history[:-1], completed.bound), reason=run.reason, changes=run.changes)

    def _prior_of(self, n_components: int) -> ParameterDistribution:
        same = n_components == self.prior.n_components
        return self.prior if same else self.prior.of_first(n_components)

    def _best(
        self, source: Source, models: Sequence[VariationalModel], rule: StoppingRule, rounds: Sequence[Round]
    ) -> VariationalRun:
        """The best of the runs from some models."""
        ends = run_models(source, models, rule, rounds if len(models) > 1 else ())
        best = max((VariationalRun.of(end) for end in ends), key=lambda run: run.bound)
        if any(end.reason is Reason.INTERRUPTED for end in ends):
            return replace(best, reason=Reason.INTERRUPTED)
        return best

    def _improved(self, run: VariationalRun) -> VariationalRun:
        """The best of the optima that moves and further trials lead to."""
        best, vain = self._moved(run), 0
        while vain < self.enough and self._may_go_on(best):
            k = min(_occupied(best).n_components + int(self.rng.integers(3)), self.n_components)
            mixtures = _AGAIN.mixtures(self.sample, None, self.rng)(k, self.structure)
            again = self._raced([self._model(mixture) for mixture in mixtures])
            again = self._moved(again)
            vain = 0 if self._is_better(again, best) else vain + 1
            best = self._better(again, best)
        return best

    def _moved(self, run: VariationalRun) -> VariationalRun:
        """The optimum from which no move leads to a better one."""
        while self._may_go_on(run) and (proposed := self._proposals(run)):
            after = self._raced(proposed)
            if not self._is_better(after, run):
                return self._better(after, run)
            run = after
        return run

    def _raced(self, models: Sequence[VariationalModel]) -> VariationalRun:
        found = self._best(self.sample, models, _AFTER_MOVES, _OF_MOVES)
        size = self.structure.n_parameters(self.n_components, self.sample.n_features)
        steps = Effort.steps([found.history], len(models), _OF_MOVES)
        self.effort.spend(steps, self.sample.n_rows, self.n_components, size)
        return found

    def _may_go_on(self, run: VariationalRun) -> bool:
        return self.effort.left > 0.0 and self.n_components > 1 and run.reason is not Reason.INTERRUPTED

    def _is_better(self, run: VariationalRun, other: VariationalRun) -> bool:
        return run.bound > other.bound + _SAME + _SAME_PER_ROW * self.sample.mass

    def _better(self, run: VariationalRun, other: VariationalRun) -> VariationalRun:
        """The better of two runs; it is interrupted if the first, which is the later one, is."""
        best = run if self._is_better(run, other) else other
        return replace(best, reason=run.reason) if run.reason is Reason.INTERRUPTED else best

    def _proposals(self, run: VariationalRun) -> list[VariationalModel]:
        """Models with a component emptied, two components merged, or one split, as far as float64 can compute them."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"), suppress(np.linalg.LinAlgError):
            near = [each for each in self._near(run) if np.isfinite(each.means).all()]
            return [self._model(each) for each in near if np.isfinite(each.covariances).all()]
        return []

    def _near(self, run: VariationalRun) -> list[GaussianMixture]:
        """Mixtures with a component emptied, two components merged, or one split."""
        mixture = _occupied(run)
        k = mixture.n_components
        lightest = np.argsort(mixture.weights)[:_LIGHTEST].tolist()
        fewer = [_without(mixture, j) for j in lightest] if k > 1 else []
        merged = merges(mixture, _MERGES) if k > 1 else []
        if k < self.n_components:
            more = splits(mixture, range(k))
        else:
            more = [split for each in merged for split in splits(each, np.argsort(-each.weights)[:_HALVES].tolist())]
        return [gaussian(each, "variational Bayes") for each in (*fewer, *merged, *more)]

    def _model(self, start: AnyMixture) -> VariationalModel:
        """The model after as many rows as the sample has, distributed as a mixture; further components are empty."""
        mixture = gaussian(start, "variational Bayes")
        prior = self._prior_of(self.n_components)
        statistics = _statistics(mixture, prior, self.reference.scaled(self.sample.mass))
        return VariationalModel.of_statistics(prior, in_order(prior, statistics))


def _halves(n_components: int) -> list[int]:
    """The number of components, half of it and so on, down to one.

    EM empties superfluous components one after another and stops at local optima, so it also starts from few.

    >>> _halves(10)
    [10, 5, 3, 2, 1]
    """
    counts = [n_components]
    while counts[-1] > 1:
        counts.append((counts[-1] + 1) // 2)
    return counts


def _occupied(run: VariationalRun) -> GaussianMixture:
    """The mixture of posterior expectations without its empty components."""
    mixture = run.model.posterior.mixture(None)
    chosen = np.flatnonzero(run.statistics.counts >= EMPTY)
    return _select(mixture, chosen) if len(chosen) else mixture


def _without(mixture: GaussianMixture, component: int) -> GaussianMixture:
    return _select(mixture, np.delete(np.arange(mixture.n_components), component))


def _select(mixture: GaussianMixture, chosen: NDArray[np.intp]) -> GaussianMixture:
    """The mixture of some of the components."""
    structure, weights = mixture.structure, mixture.weights[chosen]
    compact = structure.form.take(compact_covariances(mixture), chosen)
    return unchecked_mixture(weights / weights.sum(), mixture.means[chosen], compact, structure, mixture.features)


def _statistics(mixture: GaussianMixture, prior: ParameterDistribution, reference: Reference) -> SufficientStatistics:
    """The expected statistics of rows that are distributed as a mixture, with empty components as a prior has more."""
    form, (k, d) = mixture.structure.form, mixture.means.shape
    mass = np.zeros(prior.n_components)
    mass[:k] = reference.total_weight * mixture.weights
    means = prior.mean.copy()
    means[:k] = mixture.means
    unit = form.scatter(np.broadcast_to(mass[:k, None], (k, d)), np.broadcast_to(np.eye(d), (k, d, d)))
    own = form.congruence(mixture.components.factor, unit)
    scatter = np.zeros(form.shape(prior.n_components, d))
    scatter[: None if form is TIED else k] = own
    return SufficientStatistics(
        form, mass, means, scatter, np.nan, total_weight=reference.total_weight, reference=reference
    )
