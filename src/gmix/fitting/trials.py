"""Trials for one candidate: each runs EM from new starts, and moves on from the optimum that it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmix.fitting.candidates import Candidate
from gmix.fitting.em import Run, run_em
from gmix.fitting.judge import Judge
from gmix.fitting.refinement import Effort, Optima, Refiner
from gmix.fitting.start import Start
from gmix.model.priors import Prior
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.sources import MemorySource, Source

__all__ = ["Trials"]

_ENOUGH = 0.05  # the chance of a better optimum below which no further trial is made, at an effort of one
# Work of a default search, in steps of EM on all rows of the table: many where a step is cheap.
_STEPS, _COLUMNS = 300.0, 16.0
_LEAST = 5e7  # nanoseconds of work, for tables in which calls take longer than steps
_RACE = (Round(StoppingRule(0.0, 10), 1),)  # of the starts of a trial; the best continues


@dataclass(frozen=True, eq=False)
class Trials:
    """Makes trials for candidates.

    Attributes
    ----------
    source : all rows.
    table : these rows in memory, or a sub-sample of them, on which optima are compared.
    start : draws the starts of further trials; None if there are none.
    rule : when a run on all rows ends.
    prior : the prior of a MAP fit.
    rng : draws starts and moves.
    effort : how much work to do, in units of that of a default search.
    """

    source: Source
    table: MemorySource
    start: Start | None
    rule: StoppingRule
    prior: Prior | None
    rng: np.random.Generator
    effort: float

    def work(self, candidate: Candidate) -> float:
        """The work of a search for one candidate."""
        mixture = candidate.run.mixture
        step = Effort.step(self.table.n_rows, mixture.n_components, mixture.n_parameters)
        steps = _STEPS / (1.0 + mixture.n_features / _COLUMNS)
        return self.effort * max(steps * step, _LEAST)

    def improve(self, candidate: Candidate, judge: Judge, effort: Effort, most: int | None = None) -> Candidate:
        """The candidate at the best optimum that moves and at most this many trials find.

        The trials are repeated until a better optimum is unlikely, or no work is left.
        """
        refiner = Refiner(self.table, self._rule(candidate), self.prior, self.rng, effort)
        runs = self._in_table(candidate.run, refiner)
        if not runs:
            return candidate
        best = refiner.refine(runs[0])
        met, tried = [best], 1
        optima = self._optima(met)
        while (most is None or tried < most) and effort.left > 0.0 and self._may_pay(optima):
            tried += 1
            met += self._trial(candidate, refiner)
            best = max(met, key=lambda run: run.objective)
            optima = self._optima(met)
        improved = candidate if best is runs[0] else self._on_all_rows(best, candidate, judge)
        return replace(improved, optima=optima)

    def _may_pay(self, optima: Optima) -> bool:
        return self.start is not None and optima.chance_of_better > _ENOUGH / self.effort

    def _rule(self, candidate: Candidate) -> StoppingRule:
        """The rule of runs on the table in memory."""
        return self.rule.among(candidate.run.mixture.n_parameters, self.table.n_counting)

    def _in_table(self, run: Run, refiner: Refiner) -> list[Run]:
        """The run continued on the table in memory; none if a component has collapsed."""
        if run.reason is Reason.COLLAPSING or run.collapsed:
            return []
        if self.table.n_rows == self.source.n_counting:
            return [run]
        return refiner.run([run.mixture])

    def _trial(self, candidate: Candidate, refiner: Refiner) -> list[Run]:
        """The optimum that EM and moves reach from new starts; none if every run collapses."""
        assert self.start is not None
        starting_mixtures = self.start.mixtures(self.table, self.prior, self.rng)
        starts = starting_mixtures(candidate.n_components, candidate.structure)
        runs = refiner.run(starts, _RACE if len(starts) > 1 else ())
        return [refiner.refine(runs[0])] if runs else []

    def _on_all_rows(self, best: Run, candidate: Candidate, judge: Judge) -> Candidate:
        """The candidate after EM on all rows from the best optimum, if that is better than before."""
        rule = self.rule.among(best.mixture.n_parameters, self.source.n_counting)
        runs = run_em(self.source, [best.mixture], rule, self.prior)
        if any(run.reason is Reason.INTERRUPTED for run in runs):
            raise KeyboardInterrupt
        return judge.candidate([*runs, candidate.run], candidate.seconds)

    def _optima(self, met: Sequence[Run]) -> Optima:
        return Optima.of([(run.objective, run.mixture) for run in met], self.table)
