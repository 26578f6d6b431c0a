"""The time that the tasks of a search still need, estimated from their costs and from the tasks that have ended."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

__all__ = ["Task", "Workload"]

_FEWEST = 3  # tasks that must have ended before there is an estimate
_LEAST = 0.02  # of the cost that must be done before there is an estimate
_OVERDUE = 0.25  # of the time that a task has taken, if that is longer than estimated: it may take so much more


class Task(NamedTuple):
    """A task of a workload: tasks of one kind need about the same time per unit of cost."""

    kind: str
    cost: float


class Workload:
    """Tasks with known costs, and the time that those that have not ended are estimated to take.

    The time per unit of cost is that of the ended tasks: those of the same kind, and as one more of average cost, all.

    Parameters
    ----------
    tasks : the tasks by their names.
    afterwards : seconds of further work that is expected after the tasks.
    """

    def __init__(
        self, tasks: Mapping[Hashable, Task], afterwards: float = 0.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._tasks, self._left, self._clock = dict(tasks), dict(tasks), clock
        self._afterwards = afterwards
        self._costs: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self._current: Task | None = None
        self._began = clock()

    @property
    def total(self) -> int:
        """The number of tasks."""
        return len(self._tasks)

    @property
    def done(self) -> int:
        """The number of tasks that have ended."""
        return self.total - len(self._left) - (self._current is not None)

    def begin(self, name: Hashable) -> None:
        """Begin a task."""
        self._current, self._began = self._left.pop(name), self._clock()

    def end(self) -> None:
        """End the task that is under way."""
        if self._current is None:
            return
        kind, cost = self._current
        self._costs[kind] = self._costs.get(kind, 0.0) + cost
        self._seconds[kind] = self._seconds.get(kind, 0.0) + self._clock() - self._began
        self._current = None

    def finish(self) -> None:
        """End the task that is under way, and drop those that have not begun: there is no more to do."""
        self.end()
        for name in self._left:
            del self._tasks[name]
        self._left, self._afterwards = {}, 0.0

    @property
    def share(self) -> float:
        """The share of the whole work that is done, in time; NaN where it is not known."""
        left = self.seconds_left
        spent = sum(self._seconds.values()) + self._elapsed
        return spent / (spent + left) if spent + left > 0.0 else math.nan

    @property
    def seconds_left(self) -> float:
        """The estimated seconds until all tasks have ended; NaN where it is not known."""
        cost = sum(self._costs.values())
        if self.done < min(_FEWEST, self.total) or cost < _LEAST * sum(task.cost for task in self._tasks.values()):
            return math.nan
        left = self._afterwards + sum(map(self._estimated, list(self._left.values())))
        if self._current is not None:
            left += max(self._estimated(self._current) - self._elapsed, _OVERDUE * self._elapsed)
        return left

    @property
    def _elapsed(self) -> float:
        """The seconds since the task that is under way began."""
        return 0.0 if self._current is None else self._clock() - self._began

    def _estimated(self, task: Task) -> float:
        """The seconds that a task takes in all."""
        cost, seconds = sum(self._costs.values()), sum(self._seconds.values())
        average = cost / max(self.done, 1)
        of_kind = self._seconds.get(task.kind, 0.0) + average * seconds / cost
        return task.cost * of_kind / (self._costs.get(task.kind, 0.0) + average)
