"""Progress of long work, passed to a function after every pass or shown in one line of a terminal or a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TextIO

import numpy as np

from gmix.base.errors import ParameterError
from gmix.base.progress_line import Line, line_on
from gmix.base.wording import count
from gmix.base.workload import Task, Workload

__all__ = ["Meter", "Progress", "Reporting", "check_progress", "counting", "meter"]

_FEWEST, _LEAST = 3, 0.01  # repetitions that must be done before there is an estimate, and their share


@dataclass(frozen=True)
class Progress:
    """The progress of a fit, or of another function that takes long.

    Attributes
    ----------
    passes : the number of finished passes over all rows.
    share : the proportion of the current pass that is done; 0 when one has just ended.
    rows_per_second : the speed of the last pass, or of the current one if it is the first; NaN before.
    log_likelihood : per row, of the best mixture of the last pass; NaN before.
    remaining : the estimated seconds until the current EM run converges; NaN where there is no estimate. A search may
        have further runs to do.
    done, total : how many of all candidates have ended; of the bootstrap, replicates; and so on.
    unit : what `done` and `total` count, such as ``"candidate"``.
    task : what is under way, such as ``"VEV with 5 components"``.
    stage : which stage of the comparison of a large table, such as ``"stage 1 of 3 (10,000 rows)"``; else empty.
    work : the estimated share of the work of this stage that is done; NaN where there is no estimate.
    seconds_left : the estimated seconds until this stage ends; NaN where there is no estimate.
    at_most : whether the stage may end much earlier, as a search for better optima does.
    """

    passes: int = 0
    share: float = 0.0
    rows_per_second: float = np.nan
    log_likelihood: float = np.nan
    remaining: float = np.nan
    done: int = 0
    total: int = 0
    unit: str = ""
    task: str = ""
    stage: str = ""
    work: float = np.nan
    seconds_left: float = np.nan
    at_most: bool = False

    def __str__(self) -> str:
        return self.within(10_000)

    def within(self, width: int) -> str:
        """The progress as text of at most this many characters: the parts that matter most."""
        parts = self._parts
        while len(parts) > 1 and len(_joined(parts)) > width:
            parts.remove(max(parts))
        return _joined(parts)[:width]

    @property
    def _parts(self) -> list[tuple[int, int, str]]:
        """The parts of the text, each with its rank, of which the largest is left out first, and its position."""
        parts: list[tuple[int, str]] = []
        if self.stage:
            parts.append((4, self.stage))
        if self.total > 1:
            parts.append((0, f"{self.done:,} of {count(self.total, self.unit)}"))
        if self.task:
            parts.append((2, self.task))
        if np.isfinite(self.rows_per_second):
            share = f" ({self.share:.0%})" if self.share > 0 else ""
            parts.append((5, f"pass {self.passes + 1}{share}"))
            parts.append((6, f"{_count(self.rows_per_second)} rows/s"))
        if np.isfinite(self.log_likelihood):
            parts.append((7, f"log-likelihood {self.log_likelihood:.6g} per row"))
        if np.isfinite(self.work) and not self.at_most:
            parts.append((3, f"{self.work:.0%} done"))
        if np.isfinite(self.seconds_left):
            parts.append((1, _time_left(self.seconds_left, self.at_most) + " in this stage" * bool(self.stage)))
        elif np.isfinite(self.remaining) and self.total <= 1:
            parts.append((1, f"about {_duration(self.remaining)} to go"))
        return [(rank, i, text) for i, (rank, text) in enumerate(parts)]


def _joined(parts: list[tuple[int, int, str]]) -> str:
    return ", ".join(text for _, _, text in parts)


Reporting = Callable[[Progress], None] | bool | None  # what the argument `progress` of a function may be


class Meter:
    """Counts candidates, passes and rows, and reports the progress.

    `after_pass` is called after every pass, `after_rows` (the line of a terminal) after every block of rows too.
    """

    def __init__(
        self,
        tolerance: float,
        after_pass: Callable[[Progress], None] | None = None,
        after_rows: Callable[[Progress], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._tolerance, self._after_pass, self._after_rows, self._clock = tolerance, after_pass, after_rows, clock
        self._passes, self._rows, self._n_rows, self._seconds, self._rate = 0, 0, 1, 0.0, np.nan
        self._log_likelihoods: list[float] = []  # the last three of the current EM run
        self._mass, self._mixtures = 1.0, 0
        self._began = clock()
        self._ends, self._limit = np.nan, np.inf
        self._search, self._workload = Progress(), Workload({}, clock=clock)

    def begin(self, n_rows: int) -> None:
        """Begin a pass over this many rows."""
        self._rows, self._n_rows, self._began = 0, n_rows, self._clock()

    def rows(self, count: int) -> None:
        """Count rows of the current pass."""
        self._rows += count
        if self._passes == 0:
            self._rate = self._rows / max(self._clock() - self._began, 1e-9)
        if self._after_rows is not None:
            self._after_rows(self.progress)

    def end(self, log_likelihoods: list[float], mass: float) -> None:
        """End a pass with the log-likelihoods that it found; with none, if it was not an EM iteration."""
        self._seconds = max(self._clock() - self._began, 1e-9)
        self._passes, self._rows, self._rate = self._passes + 1, 0, self._n_rows / self._seconds
        if log_likelihoods:
            best = max(log_likelihoods)
            if self._mixtures != len(log_likelihoods) or (self._log_likelihoods and best < self._log_likelihoods[-1]):
                self._log_likelihoods = []  # another EM run began
            self._log_likelihoods = [*self._log_likelihoods[-2:], best]
            self._mass, self._mixtures = mass, len(log_likelihoods)
        if self._after_pass is not None:
            self._after_pass(self.progress)
        if self._after_rows is not None:
            self._after_rows(self.progress)

    def limit(self, seconds: float | None) -> None:
        """State that all work ends after these seconds at the latest."""
        self._limit = np.inf if seconds is None else self._clock() + seconds

    def begin_stage(self, tasks: dict[Any, Task], unit: str, stage: str = "", afterwards: float = 0.0) -> None:
        """Begin a stage of these tasks, which seconds of further work are expected to follow."""
        self._workload = Workload(tasks, afterwards, self._clock)
        self._search = Progress(unit=unit, stage=stage)
        self._log_likelihoods = []

    def begin_task(self, name: Any, text: str) -> None:
        """Begin a task of the stage."""
        self._workload.begin(name)
        self.resume_task(text)

    def resume_task(self, text: str) -> None:
        """Go on with a task after further work for it; see `improve`."""
        self._search, self._log_likelihoods = replace(self._search, task=text, at_most=False), []
        self._show()

    def end_task(self, *, call: bool = False) -> None:
        """End the task that is under way; `call` the function too if the task made no pass over all rows."""
        self._workload.end()
        if call and self._after_pass is not None:
            self._after_pass(self.progress)
        self._show()

    def improve(self, text: str, seconds_left: float) -> None:
        """Work that follows the tasks, and takes at most this many seconds; NaN if that is not known."""
        self._ends = self._clock() + seconds_left
        self._search = replace(self._search, task=text, at_most=True)
        self._show()

    def finish_tasks(self) -> None:
        """End the tasks of the stage, although some may not have begun."""
        self._workload.finish()

    def _show(self) -> None:
        if self._after_rows is not None:
            self._after_rows(self.progress)

    def close(self) -> None:
        """Remove the line from the terminal."""
        if isinstance(self._after_rows, Line):
            self._after_rows.clear()

    @property
    def progress(self) -> Progress:
        reached = self._log_likelihoods[-1] / self._mass if self._log_likelihoods else np.nan
        share = self._rows / self._n_rows
        remaining = max(self._steps() - share, 0.0) * self._seconds
        search, workload = self._search, self._workload
        left, at_most = self._seconds_left
        return replace(
            search,
            passes=self._passes,
            share=share,
            rows_per_second=self._rate,
            log_likelihood=reached,
            remaining=remaining,
            done=workload.done,
            total=workload.total,
            work=workload.share,
            seconds_left=left,
            at_most=at_most,
        )

    @property
    def _seconds_left(self) -> tuple[float, bool]:
        """The estimated seconds until the stage ends, and whether it ends then at the latest; NaN if not known."""
        at_most = self._search.at_most
        left = self._ends - self._clock() if at_most else self._workload.seconds_left
        if self._limit < np.inf and not left <= self._limit - self._clock():
            return max(self._limit - self._clock(), 0.0), True
        return (left, at_most) if left > 0.0 else (np.nan, at_most)

    def _steps(self) -> float:
        """Estimate the iterations until the remaining gain is below the tolerance, if gains shrink geometrically."""
        if len(self._log_likelihoods) < 3:
            return np.nan
        before, gain = np.diff(self._log_likelihoods)
        goal = self._tolerance * self._mass
        if not 0 < gain < before or goal <= 0:
            return np.nan
        factor = gain / before
        return float(max(np.log(goal * (1.0 - factor) / gain) / np.log(factor), 0.0))


def check_progress(progress: object) -> None:
    """Raise `ParameterError` unless this is a value that the argument `progress` may have."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise ParameterError(f"progress is {progress!r}; give True, False for silence, a function to call, or None")


def meter(
    progress: Reporting,
    tolerance: float,
    stream: TextIO | None = None,
) -> Meter | None:
    """The meter for the argument `progress` of a fit; None if there is nobody to report to.

    A function is called, True shows a line anywhere, and None does so on a terminal.
    """
    if callable(progress):
        return Meter(tolerance, progress)
    line = line_on(stream, always=progress is True) if progress is not False else None
    if line is None:
        return None
    counter = Meter(tolerance, after_rows=line)
    line.watch(lambda: counter.progress)
    return counter


@contextmanager
def counting(
    progress: Reporting,
    total: int,
    unit: str,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Callable[[int], None]]:
    """A context with a function that reports how many of `total` repetitions are done.

    Raises `ParameterError` for a wrong argument `progress`; see `meter` for its values.
    """
    check_progress(progress)
    line = line_on(stream, always=progress is True) if not callable(progress) and progress is not False else None
    report = progress if callable(progress) else line
    began, latest = clock(), 0

    def current() -> Progress:
        spent, share = clock() - began, latest / total
        known = latest >= _FEWEST and share >= _LEAST
        return Progress(
            done=latest, total=total, unit=unit, work=share, seconds_left=spent / share - spent if known else np.nan
        )

    def advance(done: int) -> None:
        nonlocal latest
        latest = done
        if report is not None:
            report(current())

    if line is not None:
        line.watch(current)
    try:
        yield advance
    finally:
        if line is not None:
            line.clear()


def _count(number: float) -> str:
    thousands = 0 if not number >= 1000 else min(int(np.log10(number)) // 3, 3)
    return f"{number / 1000**thousands:.3g} {' kMG'[thousands]}".strip()


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _time_left(seconds: float, at_most: bool) -> str:
    """An estimate in words that promise no more than is known: no digit below ten seconds, and whole tens above."""
    if seconds < 10:
        return "less than 10 s left"
    rounded = _duration(10.0 * round(seconds / 10.0) if seconds < 100 else seconds)
    return f"at most about {rounded} left" if at_most else f"about {rounded} left"
