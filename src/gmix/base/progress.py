"""How far a long fit is: told to a function after every pass, and on a terminal in one line that follows it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

import numpy as np

__all__ = ["Meter", "Progress", "meter"]

_PATIENCE = 1.0  # seconds before the first line: most fits are over by then
_PAUSE = 0.1  # seconds from one line to the next


@dataclass(frozen=True)
class Progress:
    """How far a fit is.

    Attributes
    ----------
    passes : passes over all rows that are done.
    share : of the pass under way; 0 when one has just ended.
    rows_per_second : in the last pass, or the one under way if it is the first.
    log_likelihood : per row, of the best mixture of the last pass; NaN before.
    remaining : seconds that the climb under way will still take, if it goes on as it does; NaN where nobody can tell.
        A search has further climbs ahead.
    """

    passes: int
    share: float
    rows_per_second: float
    log_likelihood: float
    remaining: float

    def __str__(self) -> str:
        words = [f"pass {self.passes + 1}"]
        if self.share > 0:
            words[0] += f" ({self.share:.0%})"
        words.append(f"{_count(self.rows_per_second)} rows/s")
        if np.isfinite(self.log_likelihood):
            words.append(f"log-likelihood {self.log_likelihood:.6g} per row")
        if np.isfinite(self.remaining):
            words.append(f"about {_duration(self.remaining)} to go")
        return ", ".join(words)


class Meter:
    """Counts passes and rows, and tells how far they are.

    `tell` is called after every pass; `follow` (a terminal's line) as often as something new can be said.
    """

    def __init__(
        self,
        tolerance: float,
        tell: Callable[[Progress], None] | None = None,
        follow: Callable[[Progress], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._tolerance, self._tell, self._follow, self._clock = tolerance, tell, follow, clock
        self._passes, self._rows, self._n_rows, self._seconds, self._rate = 0, 0, 1, 0.0, np.nan
        self._way: list[float] = []  # log-likelihoods of the climb under way
        self._mass, self._mixtures = 1.0, 0
        self._began = clock()

    def begin(self, n_rows: int) -> None:
        """A pass over so many rows begins."""
        self._rows, self._n_rows, self._began = 0, n_rows, self._clock()

    def rows(self, count: int) -> None:
        """So many more rows are done."""
        self._rows += count
        if self._passes == 0:
            self._rate = self._rows / max(self._clock() - self._began, 1e-9)
        if self._follow is not None:
            self._follow(self.progress)

    def end(self, log_likelihoods: list[float], mass: float) -> None:
        """The pass is over, and this is what it found; nothing, if it was no step of a climb."""
        self._seconds = max(self._clock() - self._began, 1e-9)
        self._passes, self._rows, self._rate = self._passes + 1, 0, self._n_rows / self._seconds
        if log_likelihoods:
            best = max(log_likelihoods)
            if self._mixtures != len(log_likelihoods) or (self._way and best < self._way[-1]):
                self._way = []  # another climb
            self._way = [*self._way[-2:], best]
            self._mass, self._mixtures = mass, len(log_likelihoods)
        if self._tell is not None:
            self._tell(self.progress)
        if self._follow is not None:
            self._follow(self.progress)

    def close(self) -> None:
        """The fit is over: leave no line behind."""
        if isinstance(self._follow, _Line):
            self._follow.clear()

    @property
    def progress(self) -> Progress:
        reached = self._way[-1] / self._mass if self._way else np.nan
        share = self._rows / self._n_rows
        remaining = max(self._steps() - share, 0.0) * self._seconds
        return Progress(self._passes, share, self._rate, reached, remaining)

    def _steps(self) -> float:
        """How many more steps until what is still to gain is below the tolerance: gains shrink by a factor each."""
        if len(self._way) < 3:
            return np.nan
        before, gain = np.diff(self._way)
        goal = self._tolerance * self._mass
        if not 0 < gain < before or goal <= 0:
            return np.nan
        factor = gain / before
        return float(max(np.log(goal * (1.0 - factor) / gain) / np.log(factor), 0.0))


def meter(
    progress: Callable[[Progress], None] | bool | None, tolerance: float, stream: TextIO | None = None
) -> Meter | None:
    """What `progress` asks for: a function to tell, or a line on a terminal; None for neither."""
    stream = sys.stderr if stream is None else stream  # a process without a console has none
    if callable(progress):
        return Meter(tolerance, progress)
    if progress is False or stream is None or not stream.isatty():
        return None
    return Meter(tolerance, follow=_Line(stream))


class _Line:
    """One line of a terminal, written over again and again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._next, self._written = stream, time.perf_counter() + _PATIENCE, False

    def __call__(self, progress: Progress) -> None:
        now = time.perf_counter()
        if now < self._next:
            return
        self._next = now + _PAUSE
        # The cursor waits at the beginning, so that whatever else is written there writes over the line.
        self._stream.write(f"\r\x1b[2K{progress}\r")
        self._stream.flush()
        self._written = True

    def clear(self) -> None:
        if self._written:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()


def _count(number: float) -> str:
    thousands = 0 if not number >= 1000 else min(int(np.log10(number)) // 3, 3)
    return f"{number / 1000**thousands:.3g} {' kMG'[thousands]}".strip()


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
