"""Trials for one candidate: each runs EM from new starts, and moves on from the optimum that it finds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gmix.fitting.em import Run
from gmix.fitting.refinement import Effort, Optima, Place, Refiner, allowance
from gmix.fitting.start import Start
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.stopping import Round, StoppingRule
from gmix.sources import MemorySource

__all__ = ["Trials", "work"]

# Work of a default search, in steps of EM on all rows of the table: many where a step is cheap.
_STEPS, _COLUMNS = 400.0, 12.0
_LEAST, _LEAST_PER_ROW = 5e7, 1.5e5  # nanoseconds of work at the least, where calls take longer than steps
_IN_VAIN = 8  # trials in which every run collapses, after which there is no further one
_RACE = (Round(StoppingRule(0.0, 10), 1),)  # of the starts of a trial; the best continues


class _Met(NamedTuple):
    """Where a trial ended."""

    key: tuple[int, float]  # sorts optima, the best first
    run: Run
    first: float  # the objective of the optimum at which the moves began
    vain: int = 0  # races of moves from the end that found no better optimum


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
    swaps : whether random swaps are among the moves.

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
        *,
        swaps: bool = True,
    ) -> None:
        self.table, self.start, self.prior, self.rng = table, start, prior, rng
        self.effort, self.enough = effort, enough
        self.refiner = Refiner(table, rule, prior, rng, effort, self._is_enough, swaps=swaps)
        self.met: list[_Met] = []

    def search(self, first: GaussianMixture | Run, most: int | None = None) -> None:
        """Move on from an optimum, and make at most this many trials in all.

        A mixture is brought to its optimum on these rows first; a run is one of all these rows. The trials end when a
        better optimum is unlikely, or no work is left.
        """
        mixture = first.mixture if isinstance(first, Run) else first
        self._meet([first] if isinstance(first, Run) else self.refiner.run([first], patient=True))
        tried = 1
        while (most is None or tried < most) and self.effort.left > 0.0 and self._may_pay(tried):
            tried += 1
            starting_mixtures = self.start.mixtures(self.table, self.prior, self.rng)
            starts = starting_mixtures(mixture.n_components, mixture.structure)
            runs = self.refiner.run(starts, _RACE if len(starts) > 1 else ())
            self._meet(runs or self.refiner.run(starts[:1], patient=True))

    @property
    def best(self) -> Run:
        """The run that reached the best optimum."""
        return min(self.met, key=lambda met: met.key).run

    @property
    def optima(self) -> Optima:
        """The optima at which the trials ended."""
        met = self._comparable
        return Optima.of([(each.run.objective, each.run.mixture) for each in met], self.table, self._vain(met))

    @property
    def _comparable(self) -> list[_Met]:
        """The trials that did not end higher than the best one by a spurious component."""
        limit = self.best.objective + self._allowance
        return [met for met in self.met if met.run.objective <= limit]

    def _vain(self, met: Sequence[_Met]) -> int:
        """The number of races in vain from the best optimum."""
        best = max(each.run.objective for each in met)
        return sum(each.vain for each in met if each.run.objective >= best - self._allowance)

    def _meet(self, runs: Sequence[Run]) -> None:
        """Move on from the first of these runs, unless a trial has already moved on from its optimum."""
        for run in runs[:1]:
            known = next((met for met in self.met if abs(met.first - run.objective) <= self._allowance), None)
            if known is not None:
                self.met.append(known._replace(vain=0))
                continue
            before = len(self.met)
            for place in self.refiner.moves(run):
                self.met[before:] = [_Met(place.key, place.run, run.objective)]
            self.met[before:] = [self.met[before]._replace(vain=self.refiner.vain)]

    @property
    def _allowance(self) -> float:
        return allowance(self.met[0].run.mixture.n_parameters) if self.met else 0.0

    def _may_pay(self, tried: int) -> bool:
        """Whether a further trial may find a better optimum."""
        return self._chance > self.enough if self.met else tried < _IN_VAIN

    def _is_enough(self, place: Place) -> bool:
        """Whether a better optimum than that of a trial in progress is unlikely."""
        now, before = self.met[-1], self.met[:]
        self.met[-1] = now._replace(vain=self.refiner.vain)
        enough = self.best is place.run and self._chance <= self.enough
        self.met = before
        return enough

    @property
    def _chance(self) -> float:
        met = self._comparable
        objectives = [each.run.objective for each in met]
        optima = Optima.of_objectives(objectives, self.best.mixture.n_parameters, 1.0)
        return replace(optima, vain=self._vain(met)).chance_of_better


def work(n_rows: int, n_components: int, n_parameters: int, n_features: int) -> float:
    """The work of a default search for one candidate."""
    steps = _STEPS / (1.0 + math.pow(n_features / _COLUMNS, 1.5))
    return max(steps * Effort.step(n_rows, n_components, n_parameters), min(_LEAST, _LEAST_PER_ROW * n_rows))
