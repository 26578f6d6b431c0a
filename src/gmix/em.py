"""Expectation-maximization: the loop, and what it hands back. It knows nothing about data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gmix.covariance import DIRECT
from gmix.errors import ParameterError
from gmix.mixture import GaussianMixture
from gmix.priors import Prior
from gmix.statistics import SufficientStatistics
from gmix.stop import REST, Pace, Reason, Stop

__all__ = ["WELL_ABOVE", "Climb", "Expect", "Run", "expectation_maximization"]

Expect = Callable[[Sequence[GaussianMixture]], list[SufficientStatistics]]
Climb = Callable[
    [Sequence[GaussianMixture], Stop, Sequence[float], Prior | None],
    Sequence[tuple[GaussianMixture | None, SufficientStatistics | None, list[float], Reason | None]] | None,
]
WELL_ABOVE = 1e6  # times the floor: where nothing is near a collapse


@dataclass(frozen=True, eq=False)
class Run:
    """One run of EM. The statistics, and their likelihood, belong to the mixture beside them."""

    mixture: GaussianMixture
    statistics: SufficientStatistics
    log_prior: float
    history: tuple[float, ...]  # objective of every E-step: log-likelihood plus log prior, in nats
    reason: Reason
    sound: bool = False  # nothing is near a collapse; where this is not said, the mixture tells

    @property
    def objective(self) -> float:
        """What EM climbs: the log-likelihood, plus the log density of the prior."""
        return self.statistics.log_likelihood + self.log_prior


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

    def next(self, prior: Prior | None) -> GaussianMixture:
        """The mixture to try."""
        if self.statistics is None:
            return self.mixture
        if self.leap and self.before is not None:
            there = self.statistics.beyond(self.before, self.leap)
            if there is not None and _is_well_above(mixture := self.read(there, prior), self.statistics):
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
        ahead, still = np.inf, False
        if len(self.history) > 1 and not leap:
            gain, rounding = objective - self.history[-2], stop.rounding(objective)
            ahead = self.pace.step(gain, rounding)
            still = gain <= rounding and _still(last, mixture)
            self.leap = self.pace.leap() if gain > rounding else 0.0
        self.reason = stop.reason(self.history, float(statistics.mass.sum()), lambda: still, ahead)

    def stride(
        self,
        mixture: GaussianMixture | None,
        statistics: SufficientStatistics | None,
        history: list[float],
        reason: Reason | None,
        patient: bool,
    ) -> None:
        """Take many steps into the account that were taken elsewhere."""
        if mixture is not None and statistics is not None and len(history) > len(self.history):
            self.mixture, self.statistics, self.before, self.history = mixture, statistics, None, history
            self.log_prior = history[-1] - statistics.log_likelihood
            self.leap, self.pace = 0.0, Pace()
        if reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        self.reason, self.sound = reason, reason is not None
        if reason is None and not patient and self.statistics is not None:
            self.reason = Reason.COLLAPSING

    def go_on(self, climb: Climb, stop: Stop, prior: Prior | None, patient: bool) -> None:
        """Try again to take many steps at once."""
        assert self.statistics is not None
        # In all but the simplest structures the M-step is the compiled one's, with the E-step before it.
        simple = self.mixture.structure.with_free_weights in DIRECT
        there = self.read(self.statistics, prior) if simple else self.mixture
        for climbed in climb([there], stop, self.history if simple else self.history[:-1], prior) or ():
            self.stride(*climbed, patient)

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
) -> list[Run]:
    """Climb from several mixtures at once, every pass over the rows shared by all that still climb.

    Each run ends on an E-step, so what it reports belongs to the mixture that it returns. Interrupted by Ctrl-C after
    the first pass, it returns the best so far, with that reason. `watch` is shown the runs after each pass. `climb`
    takes many steps at once; where it stops for want of care, because a component is empty or about to collapse, this
    loop takes the next, or gives the run up if it is not `patient`.
    """
    underway = [_Climb(mixture, stop.pace()) for mixture in mixtures]
    try:
        ways = climb(mixtures, stop, (), prior) if climb is not None and mixtures else None
        for run, climbed in zip(underway, ways or (), strict=False):
            run.stride(*climbed, patient)
        while active := [run for run in underway if run.reason is None]:
            tried = [run.next(prior) for run in active]
            for run, mixture, statistics in zip(active, tried, expect(tried), strict=True):
                run.arrive(mixture, statistics, prior, stop)
                if climb is not None and ways is not None and run.reason is None:
                    run.go_on(climb, stop, prior, patient)
            if watch is not None:
                watch(underway)
    except KeyboardInterrupt:
        underway = [run for run in underway if run.statistics is not None]
        if not underway:
            raise
        for run in underway:
            run.reason = run.reason or Reason.INTERRUPTED
    return [run.finish() for run in underway]


def _is_well_above(mixture: GaussianMixture, statistics: SufficientStatistics) -> bool:
    """Say whether every covariance is far above the floor of these statistics."""
    return bool(mixture.structure.form.smallest(mixture.compact_covariances, statistics.floor).min() > WELL_ABOVE)
