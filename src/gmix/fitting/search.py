"""The search: for every structure and number of components, EM runs race, and the best one is kept."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

import numpy as np

from gmix.fitting.candidates import Candidate, Search
from gmix.fitting.em import Interrupted, Run, raise_if_interrupted, run_em
from gmix.fitting.factor_moves import moved
from gmix.fitting.judge import Judge
from gmix.fitting.poorer import Neighbor, from_richer, neighbors, poorest_first, runs_from_neighbors, starts
from gmix.fitting.refinement import Effort
from gmix.fitting.schedule import Schedule, race_rows, table_rows
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.start import KMeansPlusPlus, WithBackground
from gmix.fitting.trials import Trials, effort_of_trials, work
from gmix.model.covariance import Structure
from gmix.model.mixture import GaussianMixture
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.model.student import AnyMixture
from gmix.sources import LocalSource, MemorySource, Source

__all__ = ["search"]

_FEW_STEPS = StoppingRule(0.0, 8)  # in which runs from richer candidates race
_ENOUGH = 0.04  # the chance of a better optimum at which no further trial is made; less with more effort
_ON_SAMPLE = 0.3  # of the work for one candidate of a large table that trials on a sub-sample may take
_SHARED = 4  # times the work for one candidate, at most, that is shared among several
_TURNS = 3  # of all candidates of a sweep, with one trial each in the first, two in the second and so on
_AGAIN_AT_MOST = 3  # times that trials are made for the best candidate, if another becomes the best by them
_MOVED, _CLUSTER_MOVES = 5, 4  # factor models whose clusters move, the best, and moves of each by default effort
_AGAIN = KMeansPlusPlus(runs=4, sweeps=0)  # the starts of each further trial


def search(source: Source, plan: SearchPlan, rng: np.random.Generator) -> Search:
    """Run EM from several starts for every candidate, keep the best run of each, and improve the best candidates.

    If starts are made rather than given, a candidate also starts from its poorer neighbors: the best mixtures of
    simpler structures, and the best mixture with fewer components, each component split in turn. So without a prior
    the likelihood of a richer candidate is never below that of a poorer one. Candidates near the best then move on to
    better optima, for as much work as `SearchPlan.effort` allows.
    """
    return _Searching(source, plan, rng).search()


class _Searching:
    """A search in progress."""

    def __init__(self, source: Source, plan: SearchPlan, rng: np.random.Generator) -> None:
        self.source, self.plan, self.rng = source, plan, rng
        self.effort = effort_of_trials(plan.effort, plan.components)
        self.best: dict[tuple[Structure, int], Candidate] = {}
        self.unpromising: list[tuple[Structure, int]] = []
        n_features, self.every = source.n_features, plan.candidates
        self.alone = len(self.every) == 1
        self.sample, self.table = source, None
        if plan.makes_starts and source.groups is None:
            n_rows = race_rows(plan.components, plan.structures, n_features)
            most = table_rows(plan.components, n_rows, n_features) if self.effort > 0.0 else n_rows
            self.table = MemorySource.of_rows(source.rows(most, rng), source)
            if not (isinstance(source, LocalSource) and source.n_rows <= n_rows):
                self.sample = MemorySource.of_rows(self.table.rows(n_rows, rng), source)
            if self._table_is_complete:  # EM runs on it are passes over all rows, which are shown and recorded
                self.table = self.table.watched(source.meter, source.journal)
        if self.alone and self.table is None:
            self.judge = Judge.of_given_start(source)
        else:
            self.judge = Judge.of(source, self.table or source, max(plan.components), plan.prior, alone=self.alone)
        self.order = self.every if plan.named else self.judge.supportable(self.every, n_features)
        # Runs that collapse are given up, unless rows repeat: a component may then stand for a repeated row.
        self.patient_on_sample = not plan.makes_starts or self.judge.lenient or self.judge.has_repeated_rows
        self.patient = self.patient_on_sample or len(self.order) == 1
        self.trials: Trials | None = None  # those of the candidate that is improved

    def search(self) -> Search:
        interrupted = False
        first: list[AnyMixture] = []
        progress = self.plan.progress
        n_improved = 0 if self.table is None else self.table.n_rows
        progress.begin(self.order, self.source, n_improved, self.effort * (1 + self._shares))
        try:
            starting_mixtures = self.plan.start.mixtures(self.sample, self.plan.prior, self.rng)
            for n_components in sorted(self.plan.components):
                structures = [s for s, k in self.order if k == n_components]
                for structure in poorest_first(structures, n_components, self.source.n_features):
                    if self._leaves_out(structure, n_components):
                        self.unpromising.append((structure, n_components))
                        continue
                    began = time.perf_counter()
                    progress.begin_candidate(structure, n_components)
                    best = self._poorer(n_components)
                    first, poorer = starts(best, structure, n_components, starting_mixtures)
                    runs = self._runs(structure, n_components, first, poorer)
                    candidate = self.judge.candidate(runs, time.perf_counter() - began)
                    if self.trials is not None:
                        candidate = replace(candidate, optima=self.trials.optima)
                    self.best[structure, n_components] = candidate
                    raise_if_interrupted(runs)
                    progress.end_candidate()
            self._improve()
            self._converge()
            interrupted = self.plan.is_late
        except KeyboardInterrupt as interruption:
            # The journal must not record the passes below, because a resumed fit does not repeat them.
            self.source = self.source.watched(self.source.meter, None)
            self._keep_best_so_far(interruption, first)
            interrupted = True
        found = self._found(interrupted)
        if found.best.run.reason is not Reason.COLLAPSING:
            return found
        self._finish(found.best)
        return self._found(interrupted)

    def _leaves_out(self, structure: Structure, n_components: int) -> bool:
        """Whether candidates that were fitted say that this one is not worth a fit."""
        plan = self.plan
        if plan.only is not None or self.judge.lenient:
            return False
        return plan.open_ranges.leaves_out(self.best, structure, n_components, plan.criterion, max(plan.components))

    def _poorer(self, n_components: int) -> dict[tuple[Structure, int], Candidate]:
        """The candidates that others with this many components may start from.

        If rows have labels, components may not move between groups, so these have as many components.
        """
        if not self.plan.makes_starts:
            return {}
        if self.source.groups is None:
            return self.best
        return {key: candidate for key, candidate in self.best.items() if key[1] == n_components}

    def _runs(
        self, structure: Structure, n_components: int, first: list[AnyMixture], poorer: list[Neighbor]
    ) -> list[Run]:
        """The runs of a candidate on all rows."""
        plan = self.plan
        schedule = Schedule((), plan.rule, plan.rule)
        if plan.makes_starts:
            schedule = Schedule.of(structure, n_components, self.sample, self.source, plan.rule)
        rounds = schedule.rounds
        if self.sample is not self.source:  # only the best run on the sub-sample continues on all rows
            runs = run_em(self.sample, first, schedule.on_sample, plan.prior, rounds, patient=self.patient_on_sample)
            raise_if_interrupted(runs)
            best = self.judge.candidate(runs, 0.0).run
            first[:], rounds = [best.mixture], ()
            if self.alone and self._improves and n_components > 1 and not structure.form.is_sketch:
                improved = self._improved_in_table(best)
                plan.progress.resume_candidate(structure, n_components)
                if self._table_is_complete:
                    return [improved]
                first[:] = [improved.mixture]
        runs = run_em(
            self.source, first, schedule.on_all_rows, plan.prior, rounds, patient=self.patient, frozen=plan.frozen
        )
        if plan.prior is None:
            runs += runs_from_neighbors(self.source, poorer, runs, schedule.on_all_rows, self.patient)
        return runs

    def _improve(self) -> None:
        """Move on from the optima of the best candidates to better ones, and make further trials for the best."""
        if self.trials is not None or not self._improves:
            return
        effort = self._effort(self._found(False).best.run.mixture)
        self.plan.progress.end_candidates(effort.work * (1 + self._shares))
        self._improve_factor_models()
        if not self.alone:
            self._improve_in_turn()
            effort = self._effort(self._found(False).best.run.mixture)
        for _ in range(_AGAIN_AT_MOST):
            best = self._found(False).best
            self._improve_candidate(best, effort)
            after = self._found(False).best
            if (after.structure, after.n_components) == (best.structure, best.n_components):
                return

    def _improve_in_turn(self) -> None:
        """Move on from the optima of all candidates, the best first, until the work that they share is done."""
        effort = self._effort(self._found(False).best.run.mixture)
        effort.work *= self._shares
        for most in range(1, 1 + _TURNS):
            tried: set[tuple[Structure, int]] = set()
            while effort.left > 0.0 and (candidate := self._next(tried)) is not None:
                tried.add((candidate.structure, candidate.n_components))
                self._improve_candidate(self._from_richer(candidate), effort, most)

    def _from_richer(self, candidate: Candidate) -> Candidate:
        """The candidate, or one that is better because it starts from richer candidates."""
        if self.plan.prior is not None or candidate.is_set_aside or not candidate.structure.direct:
            return candidate
        starts: list[AnyMixture] = []
        with suppress(np.linalg.LinAlgError):  # float64 cannot compute them from nearly singular covariances
            starts = from_richer(self.best, candidate.structure, candidate.n_components)
        if not starts:
            return candidate
        rule = self.plan.rule.among(candidate.run.mixture.n_parameters, self.source.n_observations)
        runs = run_em(self.source, starts, rule, None, (Round(_FEW_STEPS, 1),), patient=False)
        raise_if_interrupted(runs)
        better = [run for run in runs if run.objective > candidate.run.objective]
        return self.judge.candidate([*better, candidate.run], candidate.seconds) if better else candidate

    @property
    def _shares(self) -> int:
        """The work that is shared among all candidates, in times that for one of them."""
        return 0 if self.alone else min(len(self.order), _SHARED)

    @property
    def _improves(self) -> bool:
        return self.effort > 0.0 and self.table is not None

    @property
    def _table_is_complete(self) -> bool:
        return self.table is not None and self.table.n_rows == self.source.n_counting

    def _effort(self, mixture: AnyMixture) -> Effort:
        assert self.table is not None
        amount = work(self.table.n_rows, mixture.n_components, mixture.n_parameters, mixture.n_features)
        return Effort(self.effort * amount, self.plan.deadline, slow=not self.source.is_plain)

    def _improved_in_table(self, best: Run) -> Run:
        """The best run on the table of trials that begin with a run on the sub-sample.

        Trials are cheaper on the sub-sample, and those on the table begin where they end.
        """
        assert isinstance(self.sample, MemorySource)
        effort = self._effort(best.mixture)
        part = Effort(_ON_SAMPLE * effort.work, self.plan.deadline, slow=not self.source.is_plain)
        few = self._improved(best, part, table=self.sample)
        effort.spent += part.spent
        if self.plan.effort > 1.0:
            return self._improved(few.best.gaussian, effort).best
        improved = self._improved(few.best.gaussian, effort, 1, swaps=False).best
        self.trials = few  # which say how sure the optimum is
        return improved

    def _improved(
        self,
        first: GaussianMixture | Run,
        effort: Effort,
        most: int | None = None,
        table: MemorySource | None = None,
        *,
        swaps: bool = True,
    ) -> Trials:
        """Trials that begin with moves from this optimum, on the table if no other is given."""
        table = table or self.table
        assert table is not None
        mixture = first.mixture if isinstance(first, Run) else first
        rule = self.plan.rule.among(mixture.n_parameters, table.n_observations)
        again = _AGAIN if mixture.background is None else WithBackground(_AGAIN, mixture.background)
        trials = Trials(
            table, again, rule, self.plan.prior, self.rng, effort, _ENOUGH / max(self.plan.effort, 1.0), swaps=swaps
        )
        self.trials = trials
        self.plan.progress.improve(mixture, effort)
        trials.search(first, most)
        return trials

    def _improve_candidate(self, candidate: Candidate, effort: Effort, most: int | None = None) -> None:
        """Improve a candidate that was fitted to all rows."""
        run = candidate.run
        is_sketch = candidate.structure.form.is_sketch  # see `_improve_factor_models`
        if candidate.repeated or self.judge.lenient or candidate.n_components == 1 or is_sketch:
            return
        complete = self._table_is_complete
        trials = self._improved(run if complete else run.gaussian, effort, most)
        if trials.best is not run:
            runs = [trials.best]
            if not complete:
                rule = self.plan.rule.among(run.mixture.n_parameters, self.source.n_observations)
                runs = run_em(self.source, [trials.best.mixture], rule, self.plan.prior)
                raise_if_interrupted(runs)
            candidate = self.judge.candidate([*runs, run], candidate.seconds)
        self._replace(replace(candidate, optima=trials.optima))

    def _improve_factor_models(self) -> None:
        """Move clusters of the best candidates that are factor models, if the table has all rows."""
        tried: set[tuple[Structure, int]] = set()
        while self._table_is_complete and not self.plan.is_late and len(tried) < _MOVED:
            if (candidate := self._next(tried)) is None:
                return
            tried.add((candidate.structure, candidate.n_components))
            run = candidate.run
            if candidate.structure.form.is_sketch and not (candidate.repeated or run.mixture.background):
                assert self.table is not None
                most = math.ceil(_CLUSTER_MOVES * self.effort)
                best = moved(self.table, run, self.plan.rule, self.plan.prior, most, self.rng)
                if best is not run:
                    self._replace(self.judge.candidate([best, run], candidate.seconds))

    def _converge(self) -> None:
        """Continue the run of the best factor model to the end: candidates are compared before they converge."""
        best = self._found(False).best
        if not (self.plan.makes_starts and best.structure.form.is_sketch) or best.is_set_aside:
            return
        runs = run_em(self.source, [best.run.mixture], self.plan.rule, self.plan.prior)
        raise_if_interrupted(runs)
        runs = [replace(run, history=(*best.run.history, *run.history[1:])) for run in runs]
        self._replace(self.judge.candidate([*runs, best.run], best.seconds))

    def _next(self, tried: Collection[tuple[Structure, int]]) -> Candidate | None:
        """The best candidate that was not tried yet; None if there is none."""
        found = self._found(False)
        left = [c for c in found.candidates if (c.structure, c.n_components) not in tried]
        return min(left, key=found.order, default=None)

    def _replace(self, improved: Candidate) -> None:
        """Keep an improved candidate, and let richer candidates that are now below it start from it."""
        key = improved.structure, improved.n_components
        risen = improved.log_likelihood > self.best[key].log_likelihood
        self.best[key] = improved
        if not risen or self.plan.prior is not None:
            return
        for structure, n_components in self.best:
            before = self.best[structure, n_components]
            poorer, _ = neighbors(self.best, structure, n_components)
            rule = self.plan.rule.among(before.run.mixture.n_parameters, self.source.n_observations)
            runs = runs_from_neighbors(self.source, poorer, [before.run], rule, self.patient)
            if runs:
                self.best[structure, n_components] = self.judge.candidate([before.run, *runs], before.seconds)

    def _found(self, interrupted: bool) -> Search:
        candidates = tuple(self.best[key] for key in self.order if key in self.best)
        untried = tuple(key for key in self.every if key not in self.order)
        judge = self.judge
        distinct = None if self.alone else judge.distinct
        criterion, left_out = self.plan.criterion, tuple(self.unpromising)
        return Search(candidates, interrupted, criterion, untried, distinct, judge.lenient, unpromising=left_out)

    def _keep_best_so_far(self, interruption: KeyboardInterrupt, first: list[AnyMixture]) -> None:
        """Keep the mixtures that were reached at Ctrl-C, evaluated on all rows in one more pass each.

        They are the best of the trials in progress, or else those of the first candidate.
        """
        if self.trials is not None and self.trials.met:
            reached = [self.trials.best.mixture]
        elif self.best:
            return
        else:
            reached = interruption.mixtures if isinstance(interruption, Interrupted) else first
        if not reached:
            raise interruption
        rule = StoppingRule(0.0, 0)
        plan = self.plan
        runs = [
            run for mixture in reached for run in run_em(self.source, [mixture], rule, plan.prior, frozen=plan.frozen)
        ]
        key = reached[0].structure, reached[0].n_components
        known = [self.best[key].run] if key in self.best else []
        runs = [replace(run, reason=Reason.INTERRUPTED) for run in runs]
        self.best[key] = self.judge.candidate([*runs, *known], 0.0)

    def _finish(self, chosen: Candidate) -> None:
        """Run EM for the best candidate until it ends, although a component collapses, because no other is better."""
        began = time.perf_counter()
        plan = self.plan
        runs = run_em(self.source, [chosen.run.mixture], plan.rule, plan.prior, frozen=plan.frozen)
        seconds = chosen.seconds + time.perf_counter() - began
        self.best[chosen.structure, chosen.n_components] = self.judge.candidate(runs, seconds)
