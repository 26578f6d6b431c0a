"""Trials for one candidate: each runs EM from new starts, and moves on from the optimum that it finds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gmix.fitting.em import Run
from gmix.fitting.refinement import Effort, Optima, Place, Refiner, allowance, chance_of_better
from gmix.fitting.start import MANY, Start
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.stopping import Round, StoppingRule
from gmix.model.student import gaussian
from gmix.sources import MemorySource

__all__ = ["Trials", "effort_of_trials", "work"]

# Work of a default search, in steps of EM on all rows of the table: many where a step is cheap.
_STEPS, _COLUMNS = 400.0, 12.0
_LEAST, _LEAST_PER_ROW = 5e7, 1.5e5  # nanoseconds of work at the least, where calls take longer than steps
_MORE = 2.0  # times the effort above that of a default fit
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
        self._meet(first if isinstance(first, Run) else self.refiner.run([first], patient=True)[0])
        while (most is None or len(self.met) < most) and self.effort.left > 0.0 and _chance(self.met) > self.enough:
            self._meet(self._fresh())

    @property
    def best(self) -> Run:
        """The run that reached the best optimum."""
        return _best(self.met).run

    @property
    def optima(self) -> Optima:
        """The optima at which the trials ended."""
        met = _comparable(self.met)
        return Optima.of([(each.run.objective, each.run.gaussian) for each in met], self.table, _vain(met))

    def _fresh(self) -> Run:
        """The best run from new starts; if all of them collapse, the first, which moves may repair."""
        mixture = self.met[0].run.mixture
        starting_mixtures = self.start.mixtures(self.table, self.prior, self.rng)
        made = starting_mixtures(mixture.n_components, mixture.structure)
        starts = [gaussian(start, "a trial") for start in made]
        runs = self.refiner.run(starts, _RACE if len(starts) > 1 else ())
        return (runs or self.refiner.run(starts[:1], patient=True))[0]

    def _meet(self, run: Run) -> None:
        """Move on from a run, unless a trial has already moved on from its optimum."""
        same = allowance(run.mixture.n_parameters)
        known = next((met for met in self.met if abs(met.first - run.objective) <= same), None)
        if known is not None:
            self.met.append(known._replace(vain=0))
            return
        before = len(self.met)
        for place in self.refiner.moves(run):
            self.met[before:] = [_Met(place.key, place.run, run.objective)]
        self.met[before] = self.met[before]._replace(vain=self.refiner.vain)

    def _is_enough(self, place: Place) -> bool:
        """Whether a better optimum than that of a trial in progress, the last one, is unlikely."""
        met = [*self.met[:-1], self.met[-1]._replace(vain=self.refiner.vain)]
        return _best(met).run is place.run and _chance(met) <= self.enough


def _best(met: Sequence[_Met]) -> _Met:
    return min(met, key=lambda each: each.key)


def _comparable(met: Sequence[_Met]) -> list[_Met]:
    """The trials that did not end higher than the best one by a spurious component."""
    best = _best(met).run
    limit = best.objective + allowance(best.mixture.n_parameters)
    return [each for each in met if each.run.objective <= limit]


def _at_best(met: Sequence[_Met]) -> list[_Met]:
    """Of comparable trials, those that ended at the best optimum."""
    limit = max(each.run.objective for each in met) - allowance(met[0].run.mixture.n_parameters)
    return [each for each in met if each.run.objective >= limit]


def _vain(met: Sequence[_Met]) -> int:
    """The number of races from the best optimum of comparable trials that found no better one."""
    return sum(each.vain for each in _at_best(met))


def _chance(met: Sequence[_Met]) -> float:
    """The estimated chance that as much work again finds a better optimum than these trials."""
    met = _comparable(met)
    return chance_of_better(len(_at_best(met)), len(met), _vain(met))


def work(n_rows: int, n_components: int, n_parameters: int, n_features: int) -> float:
    """The work of a default search for one candidate."""
    steps = _STEPS / (1.0 + math.pow(n_features / _COLUMNS, 1.5))
    return max(steps * Effort.step(n_rows, n_components, n_parameters), min(_LEAST, _LEAST_PER_ROW * n_rows))


def effort_of_trials(effort: float, components: Sequence[int]) -> float:
    """The effort of trials in a fit of this effort.

    Trials are about half of a default fit, so a fit that shall do ten times as much work makes about twenty times as
    many. Trials of many components cost much, and their starts are improved before, so by default there are none.
    """
    if effort <= 1.0:
        return effort if max(components) < MANY else 0.0
    return 1.0 + _MORE * (effort - 1.0)
