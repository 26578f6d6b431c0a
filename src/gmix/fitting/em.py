"""Expectation-maximization: the loop, and what it hands back. It knows nothing about data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gmix.base.errors import ParameterError
from gmix.fitting.stop import REST, Heat, Pace, Reason, Stop
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics

__all__ = ["Climb", "Expect", "Run", "expectation_maximization"]

Expect = Callable[[Sequence[GaussianMixture]], list[SufficientStatistics]]
Climb = Callable[
    [Sequence[GaussianMixture], Stop, Sequence[float], Prior | None, Sequence[Heat], bool],
    Sequence[tuple[int, GaussianMixture | None, SufficientStatistics | None, list[float], Reason | None, bool]] | None,
]
_ON_FLOOR = 1.5  # times the floor


@dataclass(frozen=True, eq=False)
class Run:
    """One run of EM. The statistics, and their likelihood, belong to the mixture beside them."""

    mixture: GaussianMixture
    statistics: SufficientStatistics
    log_prior: float
    history: tuple[float, ...]  # objective of every E-step: log-likelihood plus log prior, in nats
    reason: Reason
    sound: bool = False  # it is known not to have collapsed, whatever the reason for its end

    @property
    def objective(self) -> float:
        """What EM climbs: the log-likelihood, plus the log density of the prior."""
        return self.statistics.log_likelihood + self.log_prior

    @cached_property
    def collapsed(self) -> tuple[int, ...]:
        """The components that have collapsed; of a run that was given up on the way there, the narrowest."""
        if self.sound:
            return ()
        if self.reason is not Reason.COLLAPSING:
            return tuple(self.mixture.collapsed(self.statistics))
        form = self.mixture.structure.form
        return (int(np.argmin(form.smallest(self.mixture.compact_covariances, self.statistics.floor))),)


@dataclass(eq=False)
class _Climb:
    """A run under way."""

    mixture: GaussianMixture
    pace: Pace
    statistics: SufficientStatistics | None = None
    before: SufficientStatistics | None = None  # of the step before
    leap: float = 0.0  # how many times the last step the mixture to try lies beyond it; zero for a plain step
    log_prior: float = 0.0
    history: list[float] = field(default_factory=list)
    reason: Reason | None = None
    sound: bool = False
    ahead: float = np.inf  # what is still to gain
    still: bool = False

    def next(self, prior: Prior | None) -> GaussianMixture:
        """The mixture to try."""
        if self.statistics is None:
            return self.mixture
        if self.leap and self.before is not None:
            there = self.statistics.beyond(self.before, self.leap)
            # An extrapolation may go along the floor, but not down to it.
            if there is not None and (
                _is_above_floor(mixture := self.read(there, prior), self.statistics)
                or not _is_above_floor(self.mixture, self.statistics)
            ):
                return mixture
            self.pace.landed(self.leap, False)
            self.leap = 0.0
        return self.read(self.statistics, prior)

    def read(self, statistics: SufficientStatistics, prior: Prior | None) -> GaussianMixture:
        """The M-step."""
        return GaussianMixture.from_statistics(statistics, self.mixture.structure, prior, self.mixture.features)

    def arrive(
        self, mixture: GaussianMixture, statistics: SufficientStatistics, prior: Prior | None, stop: Stop
    ) -> None:
        """Take one more E-step into the account, unless it fell."""
        log_prior = (
            prior.log_density(mixture.weights, mixture.components, statistics, mixture.structure) if prior else 0.0
        )
        objective = statistics.log_likelihood + log_prior
        leap, self.leap = self.leap, 0.0
        if leap:
            higher = objective >= self.history[-1]
            self.pace.landed(leap, higher)
            if not higher:
                return
        elif self.history and stop.fell(self.history[-1], objective):
            self.reason = Reason.STATIONARY  # the top
            return
        if not np.isfinite(objective):
            raise ParameterError(
                f"the rows are so far from the start, a {mixture}, that their density under it is zero; start nearer"
            )
        last, self.mixture = self.mixture, mixture
        self.before, self.statistics, self.log_prior = self.statistics, statistics, log_prior
        self.history.append(objective)
        self.sound = False
        self.ahead, self.still = np.inf, False
        if len(self.history) > 1 and not leap:
            gain, rounding = objective - self.history[-2], stop.rounding(objective)
            self.ahead = self.pace.step(gain, rounding)
            self.still = gain <= rounding and _still(last, mixture)
            self.leap = self.pace.leap() if gain > rounding else 0.0
        self.judge(stop)

    def judge(self, stop: Stop) -> None:
        """Say whether it ends under this rule; one that ended under a looser one may not."""
        assert self.statistics is not None
        if self.reason not in (None, Reason.CONVERGED, Reason.ITERATION_LIMIT):
            return
        mass = float(self.statistics.mass.sum())
        self.reason = stop.reason(self.history, mass, lambda: self.still, self.ahead)

    def stride(
        self,
        mixture: GaussianMixture | None,
        statistics: SufficientStatistics | None,
        history: list[float],
        reason: Reason | None,
        sound: bool,
        stop: Stop,
        patient: bool,
    ) -> None:
        """Take many steps into the account that were taken elsewhere."""
        if mixture is not None and statistics is not None and len(history) > len(self.history):
            self.mixture, self.statistics, self.before, self.history = mixture, statistics, None, history
            self.log_prior = history[-1] - statistics.log_likelihood
            self.leap, self.pace, self.ahead, self.still = 0.0, stop.pace(), np.inf, False
            self.sound = sound
        if reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        self.reason = reason
        if reason is None and not patient and self.statistics is not None:
            self.reason = Reason.COLLAPSING

    def go_on(self, climb: Climb, stop: Stop, prior: Prior | None, patient: bool) -> None:
        """Try again to take many steps at once."""
        assert self.statistics is not None
        # In all but the simplest structures the M-step is the compiled one's, with the E-step before it.
        simple = self.mixture.structure.direct
        there = self.read(self.statistics, prior) if simple else self.mixture
        before = self.history if simple else self.history[:-1]
        for _, mixture, statistics, history, reason, sound in climb([there], stop, before, prior, (), patient) or ():
            self.stride(mixture, statistics, history, reason, sound, stop, patient)

    def finish(self) -> Run:
        assert self.statistics is not None
        assert self.reason is not None
        return Run(self.mixture, self.statistics, self.log_prior, tuple(self.history), self.reason, self.sound)


def _still(before: GaussianMixture, after: GaussianMixture) -> bool:
    """Say whether two mixtures have the same means and weights, up to what shows in no digit that matters."""
    moved = after.structure.form.apply(after.components.whitener, after.means - before.means)
    return bool(np.abs(moved).max() < REST and np.abs(after.weights - before.weights).max() < REST)


def expectation_maximization(
    mixtures: Sequence[GaussianMixture],
    expect: Expect,
    stop: Stop,
    prior: Prior | None = None,
    watch: Callable[[Sequence[Any]], None] | None = None,
    climb: Climb | None = None,
    patient: bool = True,
    heats: Sequence[Heat] = (),
) -> list[Run]:
    """Climb from several mixtures at once, every pass over the rows shared by all that still climb.

    They may race: after each of the `heats` only the best go on, so only those that are left at the end are returned.

    Each run ends on an E-step, so what it reports belongs to the mixture that it returns. Interrupted by Ctrl-C after
    the first pass, it returns the best so far, with that reason. `watch` is shown the runs after each pass. `climb`
    takes many steps at once. Where it cannot take the next, because numbers leave the range of float64 or an
    eigenproblem is large, this loop takes it, or gives the run up if it is not `patient`. A run that is not `patient`
    also ends where a component is empty or comes to the floor.
    """
    race = _Race([_Climb(mixture, stop.pace()) for mixture in mixtures], expect, prior, watch, climb, patient)
    try:
        if not race.at_once(stop, heats):
            race.in_heats(heats, stop)
        race.to_the_end(stop)
    except KeyboardInterrupt:
        race.underway = [run for run in race.underway if run.statistics is not None]
        if not race.underway:
            raise
        for run in race.underway:
            run.reason = run.reason or Reason.INTERRUPTED
    return [run.finish() for run in race.underway]


@dataclass(eq=False)
class _Race:
    """Climbs under way together."""

    underway: list[_Climb]
    expect: Expect
    prior: Prior | None
    watch: Callable[[Sequence[Any]], None] | None
    climb: Climb | None
    patient: bool

    def at_once(self, stop: Stop, heats: Sequence[Heat]) -> bool:
        """Take all the steps that can be taken elsewhere; false where none of the heats could be run so."""
        starts = [run.mixture for run in self.underway]
        ways = (
            self.climb(starts, stop, (), self.prior, heats, self.patient) if self.climb is not None and starts else None
        )
        if ways is None:
            self.climb = None
            return False
        if self.patient and heats and all(mixture is None for _, mixture, *_ in ways):
            return False
        self.underway = [self.underway[place] for place, *_ in ways]
        for run, (_, mixture, statistics, history, reason, sound) in zip(self.underway, ways, strict=True):
            run.stride(mixture, statistics, history, reason, sound, stop, self.patient)
        return True

    def in_heats(self, heats: Sequence[Heat], stop: Stop) -> None:
        """Keep those that are ahead after each heat, best first; one that collapsed comes after all others."""
        rules = [*(heat.stop for heat in heats), stop]
        for heat, rule in zip(heats, rules[1:], strict=True):
            self.to_the_end(heat.stop)
            runs = [(run, run.finish()) for run in self.underway]
            self.underway, reached = [], list[float]()
            for run, done in sorted(runs, key=lambda pair: (bool(pair[1].collapsed), -pair[1].objective)):
                if not heat.drops(done.objective, done.reason, reached, float(done.statistics.mass.sum())):
                    self.underway.append(run)
                    reached.append(done.objective)
                    run.judge(rule)

    def to_the_end(self, stop: Stop) -> None:
        """Climb until the rule has ended all, every pass over the rows shared by those that still climb."""
        while active := [run for run in self.underway if run.reason is None]:
            tried = [run.next(self.prior) for run in active]
            for run, mixture, statistics in zip(active, tried, self.expect(tried), strict=True):
                run.arrive(mixture, statistics, self.prior, stop)
                if self.climb is not None and run.reason is None:
                    run.go_on(self.climb, stop, self.prior, self.patient)
            if self.watch is not None:
                self.watch(self.underway)


def _is_above_floor(mixture: GaussianMixture, statistics: SufficientStatistics) -> bool:
    """Say whether every covariance is above the floor of these statistics."""
    return bool(mixture.structure.form.smallest(mixture.compact_covariances, statistics.floor).min() > _ON_FLOOR)
