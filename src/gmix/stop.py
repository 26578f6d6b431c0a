"""When a climb ends, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from gmix.errors import ParameterError
from gmix.rows import is_count, is_number

__all__ = ["Reason", "Stop"]

_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
_FALL = 1e-11  # of the objective; a greater fall than this is no rounding
REST = 1e-9  # standard deviations; means that move less are at rest


class Reason(Enum):
    """Why a run ended."""

    CONVERGED = "converged: the rest of the way gains less than the tolerance"
    STATIONARY = "converged: no further gain above rounding"
    ITERATION_LIMIT = "iteration limit reached before convergence; raise max_iterations or the tolerance"
    INTERRUPTED = "interrupted; this is the best so far"
    COLLAPSING = "given up: a component was about to lose its width, and there were other candidates"

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

    def rule(self, mass: float) -> tuple[float, float, float, float, int]:
        """The same rule as numbers, for a compiled climb on rows of this total mass."""
        return self.tolerance * mass, _ROUNDING, _FALL, REST, self.max_iterations
