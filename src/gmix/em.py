"""Expectation-maximization: the loop, when it stops, and what it hands back. It knows nothing about data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.errors import ParameterError
from gmix.kernel import Ended, Rule
from gmix.mixture import GaussianMixture
from gmix.priors import Prior
from gmix.rows import is_count, is_number
from gmix.statistics import SufficientStatistics

__all__ = ["Climb", "Expect", "Reason", "Run", "Stop", "expectation_maximization"]

_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
_FALL = 1e-11  # of the objective; a greater fall than this is no rounding
_REST = 1e-9  # standard deviations; means that move less are at rest
Expect = Callable[[Sequence[GaussianMixture]], list[SufficientStatistics]]
Climb = Callable[
    [GaussianMixture, NDArray[np.float64], Rule, Sequence[float]],
    tuple[GaussianMixture, SufficientStatistics, list[float], Ended] | None,
]


class Reason(Enum):
    """Why a run ended."""

    CONVERGED = "converged: the rest of the way gains less than the tolerance"
    STATIONARY = "converged: no further gain above rounding"
    ITERATION_LIMIT = "iteration limit reached before convergence; raise max_iterations or the tolerance"
    INTERRUPTED = "interrupted; this is the best so far"

    @property
    def converged(self) -> bool:
        return self in (Reason.CONVERGED, Reason.STATIONARY)


@dataclass(frozen=True)
class Stop:
    """When a run ends: the gain that is still to come is below `tolerance` nats a row, or the steps are used up.

    What is still to come is the limit of the geometric series that the last two gains begin (Aitken; Boehning et al.
    1994, *Annals of the Institute of Statistical Mathematics* 46:373). A tolerance per row means the same in all units.
    """

    tolerance: float = 1e-6
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        if not (is_number(self.tolerance) and self.tolerance >= 0):
            raise ParameterError(f"tolerance is {self.tolerance!r}; give nats per row, zero or more")
        if not is_count(self.max_iterations, 0):
            raise ParameterError(f"max_iterations is {self.max_iterations!r}; give a whole number, zero or more")

    def reason(self, history: Sequence[float], mass: float, still: Callable[[], bool]) -> Reason | None:
        """Look at the objectives reached so far, the newest last, on rows of this total mass.

        Where the objective no longer rises above rounding, `still` is asked whether the parameters rest too.
        """
        if len(history) > 1:
            gain = history[-1] - history[-2]
            if gain <= _ROUNDING * abs(history[-1]) and still():
                return Reason.STATIONARY
            ahead = np.inf  # two E-steps cannot tell how long the way is
            if len(history) > 2:
                before = history[-2] - history[-3]
                ahead = gain**2 / (before - gain) if gain < before else np.inf
            if max(gain, ahead) < self.tolerance * mass:
                return Reason.CONVERGED
        return Reason.ITERATION_LIMIT if len(history) > self.max_iterations else None

    def fell(self, before: float, after: float) -> bool:
        """Say whether a step went down by more than rounding: no digits are left to climb by, and it is not taken."""
        return not after >= before - _FALL * abs(after)


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
        log_prior = prior.log_density(mixture.components, statistics, mixture.structure) if prior else 0.0
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

    def stride(self, climb: Climb, stop: Stop) -> None:
        """Take as many steps as one call can."""
        assert self.statistics is not None
        mixture = GaussianMixture.from_statistics(
            self.statistics, self.mixture.structure, None, self.mixture.features
        )
        mass = float(self.statistics.mass.sum())
        rule = Rule(stop.tolerance * mass, _ROUNDING, _FALL, _REST, stop.max_iterations)
        reached = climb(mixture, self.statistics.floor, rule, self.history)
        if reached is None:
            return
        mixture, statistics, history, ended = reached
        if len(history) > len(self.history):
            self.mixture, self.statistics, self.history = mixture, statistics, history
        if ended is Ended.INTERRUPTED:
            raise KeyboardInterrupt
        if ended is not Ended.NEEDS_CARE:
            self.reason = Reason[ended.name]

    def finish(self) -> Run:
        assert self.statistics is not None
        assert self.reason is not None
        return Run(self.mixture, self.statistics, self.log_prior, tuple(self.history), self.reason)


def _still(before: GaussianMixture, after: GaussianMixture) -> bool:
    """Say whether two mixtures have the same means and weights, up to what shows in no digit that matters."""
    moved = after.structure.form.apply(after.components.whitener, after.means - before.means)
    return bool(np.abs(moved).max() < _REST and np.abs(after.weights - before.weights).max() < _REST)


def expectation_maximization(
    mixtures: Sequence[GaussianMixture],
    expect: Expect,
    stop: Stop,
    prior: Prior | None = None,
    watch: Callable[[Sequence[Any]], None] | None = None,
    climb: Climb | None = None,
) -> list[Run]:
    """Climb from several mixtures at once, every pass over the rows shared by all that still climb.

    Each run ends on an E-step, so what it reports belongs to the mixture that it returns. Interrupted by Ctrl-C after
    the first pass, it returns the best so far, with that reason. `watch` is shown the runs after each pass. `climb` takes
    many steps of a maximum-likelihood run at once; where it stops for want of care, this loop takes the next step.
    """
    underway = [_Climb(mixture) for mixture in mixtures]
    try:
        while active := [run for run in underway if run.reason is None]:
            tried = [
                run.mixture
                if run.statistics is None
                else GaussianMixture.from_statistics(
                    run.statistics, run.mixture.structure, prior, run.mixture.features
                )
                for run in active
            ]
            for run, mixture, statistics in zip(active, tried, expect(tried), strict=True):
                run.arrive(mixture, statistics, prior, stop)
            if climb is not None and prior is None and type(stop) is Stop:
                for run in underway:
                    if run.reason is None:
                        run.stride(climb, stop)
            if watch is not None:
                watch(underway)
    except KeyboardInterrupt:
        if any(run.statistics is None for run in underway):
            raise
        for run in underway:
            run.reason = run.reason or Reason.INTERRUPTED
    return [run.finish() for run in underway]
