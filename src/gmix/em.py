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
from gmix.stop import REST, Reason, Stop

__all__ = ["Climb", "Expect", "Run", "expectation_maximization"]

Expect = Callable[[Sequence[GaussianMixture]], list[SufficientStatistics]]
Climb = Callable[
    [GaussianMixture, SufficientStatistics, Stop, Sequence[float]],
    tuple[GaussianMixture, SufficientStatistics, list[float], Reason | None] | None,
]


@dataclass(frozen=True, eq=False)
class Run:
    """One run of EM. The statistics, and their likelihood, belong to the mixture beside them."""

    mixture: GaussianMixture
    statistics: SufficientStatistics
    log_prior: float
    history: tuple[float, ...]  # objective of every E-step: log-likelihood plus log prior, in nats
    reason: Reason

    @property
    def objective(self) -> float:
        """What EM climbs: the log-likelihood, plus the log density of the prior."""
        return self.statistics.log_likelihood + self.log_prior


@dataclass(eq=False)
class _Climb:
    """A run under way."""

    mixture: GaussianMixture
    statistics: SufficientStatistics | None = None
    log_prior: float = 0.0
    history: list[float] = field(default_factory=list)
    reason: Reason | None = None

    def arrive(
        self, mixture: GaussianMixture, statistics: SufficientStatistics, prior: Prior | None, stop: Stop
    ) -> None:
        """Take one more E-step into the account, unless it fell."""
        log_prior = (
            prior.log_density(mixture.weights, mixture.components, statistics, mixture.structure) if prior else 0.0
        )
        objective = statistics.log_likelihood + log_prior
        if not np.isfinite(objective):
            raise ParameterError(
                f"the rows are so far from the start, a {mixture}, that their density under it is zero; start nearer"
            )
        if self.history and stop.fell(self.history[-1], objective):
            self.reason = Reason.STATIONARY  # the top
            return
        before, self.mixture = self.mixture, mixture
        self.statistics, self.log_prior = statistics, log_prior
        self.history.append(objective)
        self.reason = stop.reason(self.history, float(statistics.mass.sum()), lambda: _still(before, mixture))

    def stride(self, climb: Climb, stop: Stop, patient: bool) -> None:
        """Take as many steps as one call can."""
        assert self.statistics is not None
        mixture, history, structure = self.mixture, self.history[:-1], self.mixture.structure
        if structure.with_free_weights in DIRECT:
            # A plain M-step costs less than the E-step that would have to be taken again before a compiled one.
            mixture = GaussianMixture.from_statistics(self.statistics, structure, None, mixture.features)
            history = self.history
        reached = climb(mixture, self.statistics, stop, history)
        if reached is None:
            return
        mixture, statistics, history, reason = reached
        if len(history) > len(self.history):
            self.mixture, self.statistics, self.history = mixture, statistics, history
        if reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        self.reason = reason if reason is not None or patient else Reason.COLLAPSING

    def finish(self) -> Run:
        assert self.statistics is not None
        assert self.reason is not None
        return Run(self.mixture, self.statistics, self.log_prior, tuple(self.history), self.reason)


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
    takes many steps of a maximum-likelihood run at once; where it stops for want of care, because a component is empty
    or about to collapse, this loop takes the next, or gives the run up if it is not `patient`.
    """
    underway = [_Climb(mixture) for mixture in mixtures]
    try:
        while active := [run for run in underway if run.reason is None]:
            tried = [
                run.mixture
                if run.statistics is None
                else GaussianMixture.from_statistics(run.statistics, run.mixture.structure, prior, run.mixture.features)
                for run in active
            ]
            for run, mixture, statistics in zip(active, tried, expect(tried), strict=True):
                run.arrive(mixture, statistics, prior, stop)
            if climb is not None and prior is None:
                for run in underway:
                    if run.reason is None:
                        run.stride(climb, stop, patient)
            if watch is not None:
                watch(underway)
    except KeyboardInterrupt:
        if any(run.statistics is None for run in underway):
            raise
        for run in underway:
            run.reason = run.reason or Reason.INTERRUPTED
    return [run.finish() for run in underway]
