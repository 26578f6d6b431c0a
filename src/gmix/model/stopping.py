"""Stopping rules of EM runs, the reasons why runs end, and the rounds of a race between runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from gmix.base.arguments import is_count, is_number
from gmix.base.errors import ParameterError

__all__ = ["REST", "Deadline", "Reason", "Round", "StoppingRule", "remaining_gain"]

_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
_FALL = 1e-11  # of the objective; a greater decrease is more than rounding
REST = 1e-9  # standard deviations; means that move less are at rest


class Reason(Enum):
    """Why a run ended."""

    CONVERGED = "converged: the estimated remaining gain is below the tolerance"
    STATIONARY = "converged: no further gain above rounding"
    ITERATION_LIMIT = "iteration limit reached before convergence; raise max_iterations or the tolerance"
    INTERRUPTED = "interrupted; this is the best so far"
    FAILED = "given up: float64 cannot compute the next step; this is the best so far"
    COLLAPSING = "given up: a component was about to lose its width, and there were other candidates"

    @property
    def converged(self) -> bool:
        return self in (Reason.CONVERGED, Reason.STATIONARY)


@dataclass(frozen=True)
class StoppingRule:
    """Ends a run when its estimated remaining gain is below `tolerance` nats per row, or after `max_iterations`.

    The remaining gain is estimated from the last gains (`remaining_gain`). Because it is per row, it does not depend on
    the units of the data.

    At an optimum with p parameters, the log-likelihood of the n fitted rows is expected to be ``p / 2n`` nats per row
    above that of the true parameters: Akaike (1974), *IEEE Transactions on Automatic Control* 19:716. `chance` lets a
    run stop at a part of this amount below the optimum, if that is more than the tolerance.

    Attributes
    ----------
    tolerance : nats per row.
    max_iterations : the largest number of M-steps.
    accelerate : whether to extrapolate if the gains shrink slowly. Without it a run converges to the local optimum that
        plain EM finds, which is what a user expects from a given start.
    chance : the part of ``p / 2n`` nats per row that a run need not gain.
    change : nats per row. If it is given, a run ends after a step that changed the objective by less and one more step,
        as in scikit-learn, and the tolerance does not count.
    monotone : whether a step that decreases the objective by more than rounding is rejected and ends the run. If not,
        the remaining gain is estimated from the sizes of the last changes.

    # Implementation
    A subclass may override `judge`.
    """

    tolerance: float = 1e-6
    max_iterations: int = 1000
    accelerate: bool = True
    chance: float = 0.0
    change: float | None = None
    monotone: bool = True

    def __post_init__(self) -> None:
        if not (is_number(self.tolerance) and self.tolerance >= 0):
            raise ParameterError(f"tolerance is {self.tolerance!r}; give nats per row, zero or more")
        if not is_count(self.max_iterations, 0):
            raise ParameterError(f"max_iterations is {self.max_iterations!r}; give a whole number, zero or more")

    def judge(self, history: Sequence[float], total_weight: float, at_rest: bool, remaining: float) -> Reason | None:
        """The reason why a run ends after this E-step; None if it continues.

        `history` holds the objectives of the accepted E-steps, in nats, of rows with this total weight. `at_rest` is
        true if the last step gained nothing above rounding and moved neither means nor weights. `remaining` is the
        estimated remaining gain in nats.
        """
        if self.change is not None:
            if len(history) > 2 and abs(history[-2] - history[-3]) < self.change * total_weight:
                return Reason.CONVERGED
        elif at_rest:
            return Reason.STATIONARY
        elif remaining < self.tolerance * total_weight:
            return Reason.CONVERGED
        return Reason.ITERATION_LIMIT if len(history) > self.max_iterations else None

    def among(self, n_parameters: int, n_rows: float) -> StoppingRule:
        """The rule for a mixture with this number of parameters, whose tolerance includes what `chance` allows."""
        tolerance = self.chance * n_parameters / (2.0 * n_rows)
        return self if tolerance <= self.tolerance else replace(self, tolerance=tolerance, chance=0.0)

    def rounding(self, objective: float) -> float:
        """The rounding error of an objective; a gain of at most this is none."""
        return _ROUNDING * abs(objective)

    def fell(self, before: float, after: float) -> bool:
        """Return whether a step decreased the objective by more than rounding."""
        return not (np.isfinite(after) and after >= before - _FALL * abs(after))

    def remaining(self, history: Sequence[float]) -> float:
        """The estimated remaining gain in nats after these objectives, which is infinite for fewer than three."""
        last = history[-3:]
        if not self.monotone:
            last = np.cumsum(np.abs(np.diff(last, prepend=0.0))).tolist()
        return remaining_gain(last, self.rounding(history[-1]))

    def numbers(self, total_weight: float) -> tuple[float, float | None, float, float, float, int, bool, bool]:
        """The numbers of the rule that the compiled run needs, for rows with this total weight."""
        tolerance, change = self.tolerance * total_weight, None if self.change is None else self.change * total_weight
        steps = self.max_iterations, bool(self.accelerate), bool(self.monotone)
        return tolerance, change, _ROUNDING, _FALL, REST, *steps


@dataclass(frozen=True)
class Deadline(StoppingRule):
    """A rule that also ends a run, as interrupted, when `time.monotonic` reaches `time`."""

    time: float = np.inf

    def judge(self, history: Sequence[float], total_weight: float, at_rest: bool, remaining: float) -> Reason | None:
        """`Reason.INTERRUPTED` after the deadline; before it, the reason of the rule without a deadline."""
        if time.monotonic() >= self.time:
            return Reason.INTERRUPTED
        return super().judge(history, total_weight, at_rest, remaining)


class Round(NamedTuple):
    """A round of a race between runs: `rule` ends each of them, and at most `most` runs are kept.

    If the objectives of two runs differ by no more than a tenth of the rule's tolerance, they lead to the same optimum,
    and the lower one is dropped. A converged run that is more than ten times the tolerance below the best is dropped
    too.
    """

    rule: StoppingRule
    most: int

    def within(self, rule: StoppingRule) -> Round:
        """The same round with no more iterations than this rule allows."""
        steps = min(self.rule.max_iterations, rule.max_iterations)
        return self._replace(rule=replace(self.rule, max_iterations=steps))


def remaining_gain(history: Sequence[float], rounding: float) -> float:
    """The estimated remaining gain after these objectives; infinity if they do not yet allow an estimate.

    Close to an optimum the gains of EM form a geometric series, and this is the sum of its remaining terms (Aitken;
    Boehning et al. 1994, *Annals of the Institute of Statistical Mathematics* 46:373).
    """
    if len(history) < 3:
        return np.inf
    before, gain = np.diff(history[-3:])
    if max(before, gain) <= rounding:
        return 0.0
    rate = min(gain / before, 1.0) if before > 0.0 else 1.0
    return float(max(gain, gain * rate / (1.0 - rate))) if rate < 1.0 else np.inf
