"""When a climb ends, and why; and how it goes on until then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from gmix.base.arguments import is_count, is_number
from gmix.base.errors import ParameterError

__all__ = ["Heat", "Pace", "Reason", "Stop"]

_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
_FALL = 1e-11  # of the objective; a greater fall than this is no rounding
REST = 1e-9  # standard deviations; means that move less are at rest
_SLOW = 0.25  # of the gain before; where a step gains more, a leap pays
_LENGTHS = 4  # of leaps, between one and its double
_STEPS = 3  # taken before a leap, and before it is believed that little is left to gain
_LASTING = 0.999  # a rate that is remembered is not slower: of gains that grow, a leap is the end
_NEAR, _FAR = 0.1, 10.0  # times the gain that is left
_SHOWN = 8  # steps after a leap; they show at what rate gains shrink now


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

    What is still to come is the limit of the geometric series that the last gains begin (`Pace`). A tolerance per row
    means the same in all units. Without `leaps` a climb takes EM's own steps alone, and so ends where they lead: what
    a given start asks for.

    By chance alone the log-likelihood of n rows, at the top, is ``p / 2n`` nats a row higher than that of other rows
    would be, for p parameters: Akaike (1974), *IEEE Transactions on Automatic Control* 19:716. A climb to a top that
    is itself uncertain by so much may end a part of it below, if that is more than the tolerance: `chance` is the part.
    """

    tolerance: float = 1e-6
    max_iterations: int = 1000
    leaps: bool = True
    chance: float = 0.0

    def __post_init__(self) -> None:
        if not (is_number(self.tolerance) and self.tolerance >= 0):
            raise ParameterError(f"tolerance is {self.tolerance!r}; give nats per row, zero or more")
        if not is_count(self.max_iterations, 0):
            raise ParameterError(f"max_iterations is {self.max_iterations!r}; give a whole number, zero or more")

    def reason(self, history: Sequence[float], mass: float, still: Callable[[], bool], ahead: float) -> Reason | None:
        """Look at the objectives reached so far, the newest last, on rows of this total mass, and at what is `ahead`.

        Where the objective no longer rises above rounding, `still` is asked whether the parameters rest too.
        """
        if len(history) > 1:
            if history[-1] - history[-2] <= self.rounding(history[-1]) and still():
                return Reason.STATIONARY
            if ahead < self.tolerance * mass:
                return Reason.CONVERGED
        return Reason.ITERATION_LIMIT if len(history) > self.max_iterations else None

    def among(self, n_parameters: int, n_rows: int) -> Stop:
        """The rule for a mixture of so many parameters, on so many rows."""
        left = self.chance * n_parameters / (2.0 * n_rows)
        return self if left <= self.tolerance else replace(self, tolerance=left, chance=0.0)

    def pace(self) -> Pace:
        """How a climb under this rule goes on."""
        return Pace(self.leaps)

    def rounding(self, objective: float) -> float:
        """A gain below this is none."""
        return _ROUNDING * abs(objective)

    def fell(self, before: float, after: float) -> bool:
        """Say whether a step went down by more than rounding: no digits are left to climb by, and it is not taken."""
        return not (np.isfinite(after) and after >= before - _FALL * abs(after))

    def rule(self, mass: float) -> tuple[float, float, float, float, int, bool]:
        """The same rule as numbers, for a compiled climb on rows of this total mass."""
        return self.tolerance * mass, _ROUNDING, _FALL, REST, self.max_iterations, self.leaps


class Heat(NamedTuple):
    """A part of a race of climbs: they climb until `stop` says to end, and the best of them go on, at most so many.

    Two that are nearer than a tenth of what each may still gain are on their way to one top, and the lower one drops
    out; so does one that is behind by more than ten times of that.
    """

    stop: Stop
    most: int

    def drops(self, objective: float, reason: Reason | None, ahead: Sequence[float], mass: float) -> bool:
        """Say whether a climb ends here that came to this objective, after those `ahead`, best first."""
        gain = self.stop.tolerance * mass
        behind = reason is not Reason.ITERATION_LIMIT and ahead[0] - objective > _FAR * gain if ahead else False
        return len(ahead) >= self.most or behind or any(abs(objective - other) <= _NEAR * gain for other in ahead)


class Pace:
    r"""How a climb goes on: step by step, or, where steps shrink slowly, by a leap to where they lead.

    Near a top each step of EM is :math:`\lambda` times as long as the one before, and gains :math:`\lambda^2` times as
    much. So the gains tell what is still to gain, the limit of a geometric series (Aitken; Boehning et al. 1994,
    *Annals of the Institute of Statistical Mathematics* 46:373), and how many times the last step it is to the top,
    :math:`\lambda / (1 - \lambda)`. That far a leap goes, after every few steps, unless it is longer than leaps have
    gone well so far. This is the squared extrapolation of Varadhan & Roland (2008, *Scandinavian Journal of Statistics*
    35:335), of sufficient statistics, with lengths read from the objective, which mean the same in all units. A leap
    that goes down is not taken.
    """

    def __init__(self, leaps: bool = True) -> None:
        self.leaps = leaps
        self.gains: list[float] = []  # of the steps since the last leap
        self.longest = 1.0  # steps that a leap may go
        self.rate = 0.0  # at which gains shrank before the last leap, the slower of two
        self.ahead = np.inf  # what was still to gain at the last look
        self.leapt = False

    def step(self, gain: float, rounding: float) -> float:
        """Count a step, and say what is still to gain; infinity where nobody can tell.

        A leap takes the slowest part of the way, and leaves the others: so after one it takes more steps to tell, the
        rate before it counts too until steps enough have shown what it left, and two looks must agree.
        """
        self.gains.append(gain)
        if len(self.gains) < (_STEPS if self.leapt else 2):
            return np.inf
        before, rate = self.ahead if self.leapt else 0.0, self._slowest() if self.leapt else self._rate(-1)
        if max(self.gains[-2:]) <= rounding:
            self.ahead = 0.0
        else:
            self.ahead = max(gain, gain * rate / (1.0 - rate)) if rate < 1.0 else np.inf
        return max(before, self.ahead)

    def leap(self) -> float:
        """How many times the last step to go beyond it now; zero for one more step."""
        if not self.leaps or len(self.gains) < _STEPS or not (rate := self._rate(-1)) > _SLOW:
            return 0.0
        root = float(np.sqrt(rate))
        length = min(root / (1.0 - root), self.longest) if rate < 1.0 else self.longest
        # Gains are differences of large numbers. A length cut to one of few is the same whatever their last digits.
        return float(np.exp2(np.floor(_LENGTHS * np.log2(length)) / _LENGTHS))

    def landed(self, length: float, well: bool) -> None:
        """Take note of a leap of this length, and whether it was taken."""
        if well:
            self.rate, self.gains, self.leapt = min(max(self._rate(-1), self._rate(-2)), _LASTING), [], True
            self.longest *= 2.0 if length >= self.longest else 1.0
        else:
            self.gains = self.gains[-1:]
            self.longest = max(min(self.longest, length) / 2.0, 1.0)

    def _slowest(self) -> float:
        return max(self._rate(-1), self._rate(-2), self.rate if len(self.gains) < _SHOWN else 0.0)

    def _rate(self, at: int) -> float:
        gain, before = self.gains[at], self.gains[at - 1]
        return min(gain / before, 1.0) if before > 0.0 else 1.0
