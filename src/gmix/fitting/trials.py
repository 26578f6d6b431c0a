"""Trials for one candidate: each runs EM from new starts, and moves on from the optimum that it finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gmix.fitting.em import Run
from gmix.fitting.refinement import Effort, Optima, Refiner, allowance
from gmix.fitting.start import Start
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.stopping import Round, StoppingRule
from gmix.sources import MemorySource

__all__ = ["Trials", "work"]

# Work of a default search, in steps of EM on all rows of the table: many where a step is cheap.
_STEPS, _COLUMNS = 300.0, 16.0
_LEAST = 5e7  # nanoseconds of work, for tables in which calls take longer than steps
_RACE = (Round(StoppingRule(0.0, 10), 1),)  # of the starts of a trial; the best continues


class _Met(NamedTuple):
    """Where a trial ended."""

    key: tuple[int, float]  # sorts optima, the best first
    run: Run
    first: float  # the objective of the optimum at which the moves began


class Trials:
    """Trials for one candidate.

    Parameters
    ----------
    table : rows in memory, on which optima are compared.
    start : draws the starts of further trials.
    rule : when a run on these rows ends.
    prior : the prior of a MAP fit.
    rng : draws starts and moves.
    effort : how much work to do.
    enough : the chance of a better optimum at which no further trial is made.

    Attributes
    ----------
    met : where each trial ended.
    """

    def __init__(
        self,
        table: MemorySource,
        start: Start,
        rule: StoppingRule,
        prior: Prior | None,
        rng: np.random.Generator,
        effort: Effort,
        enough: float,
    ) -> None:
        self.table, self.start, self.prior, self.rng = table, start, prior, rng
        self.effort, self.enough = effort, enough
        self.refiner = Refiner(table, rule, prior, rng, effort)
        self.met: list[_Met] = []

    def search(self, first: GaussianMixture | Run, most: int | None = None) -> None:
        """Move on from an optimum, and make at most this many trials in all.

        A mixture is brought to its optimum on these rows first; a run is one of all these rows. The trials end when a
        better optimum is unlikely, or no work is left.
        """
        runs = [first] if isinstance(first, Run) else self.refiner.run([first])
        self._meet(runs)
        tried = 1
        while (most is None or tried < most) and self.effort.left > 0.0 and self._may_pay():
            tried += 1
            starting_mixtures = self.start.mixtures(self.table, self.prior, self.rng)
            structure, n_components = runs[0].mixture.structure, runs[0].mixture.n_components
            starts = starting_mixtures(n_components, structure)
            self._meet(self.refiner.run(starts, _RACE if len(starts) > 1 else ()))

    @property
    def best(self) -> Run:
        """The run that reached the best optimum."""
        return min(self.met, key=lambda met: met.key).run

    @property
    def optima(self) -> Optima:
        return Optima.of([(met.run.objective, met.run.mixture) for met in self._comparable], self.table)

    @property
    def _comparable(self) -> list[_Met]:
        """The trials that ended with no more spurious components than the best one."""
        fewest = min(met.key[0] for met in self.met)
        return [met for met in self.met if met.key[0] == fewest]

    def _meet(self, runs: Sequence[Run]) -> None:
        """Move on from the first of these runs, unless a trial has already moved on from its optimum."""
        for run in runs[:1]:
            known = next((met for met in self.met if abs(met.first - run.objective) <= self._allowance), None)
            if known is not None:
                self.met.append(known)
                continue
            before = len(self.met)
            for place in self.refiner.moves(run):
                self.met[before:] = [_Met(place.key, place.run, run.objective)]

    @property
    def _allowance(self) -> float:
        return allowance(self.met[0].run.mixture.n_parameters) if self.met else 0.0

    def _may_pay(self) -> bool:
        """Whether a further trial may find a better optimum."""
        if not self.met:
            return True
        objectives = [met.run.objective for met in self._comparable]
        optima = Optima.of_objectives(objectives, self.met[0].run.mixture.n_parameters, 1.0)
        return optima.chance_of_better > self.enough


def work(n_rows: int, n_components: int, n_parameters: int, n_features: int) -> float:
    """The work of a default search for one candidate."""
    steps = _STEPS / (1.0 + n_features / _COLUMNS)
    return max(steps * Effort.step(n_rows, n_components, n_parameters), _LEAST)
