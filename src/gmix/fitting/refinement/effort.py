"""Effort: how much work a search may do, counted in operations so that the result does not depend on the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from gmix.model.stopping import Round

__all__ = ["Effort"]

# Estimated nanoseconds: of one multiply-add, of the exponential of one row and component, and of one call.
_MULTIPLY_ADD, _EXPONENTIAL, _CALL = 0.3, 3.0, 1e5
_SLOWER = 5.0  # the factor by which missing cells or errors of measurement make a step slower


class Effort:
    """The work that a search may still do.

    Work is counted as the nanoseconds that it is estimated to take on one core. The count depends on the table and on
    the candidate alone, so a search does the same on every machine. Only `seconds` depends on the clock.

    Parameters
    ----------
    work : the work that may be done.
    deadline : the time by `time.monotonic` at which no new work begins; None for no limit.
    slow : whether the rows have missing cells or errors.

    Attributes
    ----------
    watch : is called after work was counted; None for nothing.
    """

    def __init__(self, work: float, deadline: float | None = None, *, slow: bool = False) -> None:
        self.work, self.deadline = work, deadline
        self.factor = _SLOWER if slow else 1.0
        self.spent = 0.0
        self.watch: Callable[[], None] | None = None

    @staticmethod
    def step(n_rows: float, n_components: int, n_parameters: float) -> float:
        """The work of one E-step and one M-step."""
        return n_rows * (_MULTIPLY_ADD * n_parameters + _EXPONENTIAL * n_components)

    def spend(self, steps: int, n_rows: float, n_components: int, n_parameters: float) -> None:
        """Count steps that were done in one call."""
        self.spent += _CALL + self.factor * steps * self.step(n_rows, n_components, n_parameters)
        if self.watch is not None:
            self.watch()

    @staticmethod
    def steps(histories: Iterable[Sequence[float]], n_starts: int, rounds: Sequence[Round]) -> int:
        """The steps of runs from several starts that raced, of which those with these histories were kept."""
        steps, left, before = sum(len(history) for history in histories), n_starts, 0
        for race in rounds:
            steps += left * (race.rule.max_iterations - before)
            left, before = race.most, race.rule.max_iterations
        return steps

    @property
    def left(self) -> float:
        """The work that may still be done."""
        return 0.0 if self.is_late else self.work - self.spent

    @property
    def is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline
