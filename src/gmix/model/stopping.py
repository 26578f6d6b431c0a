"""When a run of EM ends, and why; and the rounds of a race between runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from gmix.base.arguments import is_count, is_number
from gmix.base.errors import ParameterError

__all__ = ["REST", "Reason", "Round", "StoppingRule", "remaining_gain"]

_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
_FALL = 1e-11  # of the objective; a greater fall is more than rounding
REST = 1e-9  # standard deviations; means that move less are at rest


class Reason(Enum):
    """Why a run ended."""

    CONVERGED = "converged: the estimated remaining gain is below the tolerance"
    STATIONARY = "converged: no further gain above rounding"
    ITERATION_LIMIT = "iteration limit reached before convergence; raise max_iterations or the tolerance"
    INTERRUPTED = "interrupted; this is the best so far"
    COLLAPSING = "given up: a component was about to lose its width, and there were other candidates"

    @property
    def converged(self) -> bool:
        return self in (Reason.CONVERGED, Reason.STATIONARY)


@dataclass(frozen=True)
class StoppingRule:
    """When a run ends: its estimated remaining gain is below `tolerance` nats per row, or the iterations are used up.

    The remaining gain is the limit of the geometric series that the last gains begin (`remaining_gain`). A tolerance
    per row means the same in all units.

    The log-likelihood of n rows at an optimum is by chance alone ``p / 2n`` nats per row higher than that of other rows
    would be, for p parameters: Akaike (1974), *IEEE Transactions on Automatic Control* 19:716. A run to an optimum that
    is itself uncertain by so much may end a part of it below, if that is more than the tolerance.

    Attributes
    ----------
    tolerance : nats per row.
    max_iterations : M-steps at most.
    accelerate : whether to extrapolate where steps shrink slowly. Without it a run takes EM's own steps alone, and ends
        where they lead, which is what a start that a user gave asks for.
    chance : the part of what chance adds to the log-likelihood that a run may leave.

    # Implementation
    A subclass may override `judge`, and set `monotone` to False where steps may go down.
    """

    tolerance: float = 1e-6
    max_iterations: int = 1000
    accelerate: bool = True
    chance: float = 0.0

    def __post_init__(self) -> None:
        if not (is_number(self.tolerance) and self.tolerance >= 0):
            raise ParameterError(f"tolerance is {self.tolerance!r}; give nats per row, zero or more")
        if not is_count(self.max_iterations, 0):
            raise ParameterError(f"max_iterations is {self.max_iterations!r}; give a whole number, zero or more")

    @property
    def monotone(self) -> bool:
        """Whether a step that goes down by more than rounding ends the run, and is not taken."""
        return True

    def judge(self, history: Sequence[float], n_rows: float, at_rest: bool, remaining: float) -> Reason | None:
        """Why a run ends here, if it does.

        `history` holds the objectives reached so far, in nats over `n_rows` weighted rows. `at_rest` says that the last
        step gained nothing above rounding and moved no parameter; `remaining` is the estimated remaining gain in nats.
        """
        if at_rest:
            return Reason.STATIONARY
        if remaining < self.tolerance * n_rows:
            return Reason.CONVERGED
        return Reason.ITERATION_LIMIT if len(history) > self.max_iterations else None

    def among(self, n_parameters: int, n_rows: int) -> StoppingRule:
        """The rule for a mixture of so many parameters, on so many rows."""
        left = self.chance * n_parameters / (2.0 * n_rows)
        return self if left <= self.tolerance else replace(self, tolerance=left, chance=0.0)

    def rounding(self, objective: float) -> float:
        """A smaller gain than this is none."""
        return _ROUNDING * abs(objective)

    def fell(self, before: float, after: float) -> bool:
        """Say whether a step went down by more than rounding: no digits are left to gain by."""
        return not (np.isfinite(after) and after >= before - _FALL * abs(after))

    def numbers(self, n_rows: float) -> tuple[float, float, float, float, int, bool, bool]:
        """The same rule for the compiled run, on so many weighted rows."""
        tolerance = self.tolerance * n_rows
        return tolerance, _ROUNDING, _FALL, REST, self.max_iterations, self.accelerate, self.monotone


class Round(NamedTuple):
    """A round of a race between runs: they go on until `rule` ends them, and then at most so many are kept.

    Of two runs that are nearer to each other than a tenth of what each may still gain, the lower one is dropped,
    because they lead to one optimum; and so is a run that is behind the best one by more than ten times that.
    """

    rule: StoppingRule
    most: int


def remaining_gain(history: Sequence[float], rounding: float) -> float:
    """The estimated remaining gain after these objectives; infinity where it cannot be told yet.

    Near an optimum the gains of EM are a geometric series, whose limit this is (Aitken; Boehning et al. 1994, *Annals
    of the Institute of Statistical Mathematics* 46:373).
    """
    if len(history) < 3:
        return np.inf
    before, gain = np.diff(history[-3:])
    if max(before, gain) <= rounding:
        return 0.0
    rate = min(gain / before, 1.0) if before > 0.0 else 1.0
    return float(max(gain, gain * rate / (1.0 - rate))) if rate < 1.0 else np.inf
