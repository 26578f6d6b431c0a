"""Progress of a long fit, passed to a function after every pass or shown in one line of a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

import numpy as np

__all__ = ["Meter", "Progress", "meter"]

_DELAY = 1.0  # seconds before the first line; most fits take less
_INTERVAL = 0.1  # seconds between updates of the line


@dataclass(frozen=True)
class Progress:
    """The progress of a fit.

    Attributes
    ----------
    passes : the number of finished passes over all rows.
    share : the proportion of the current pass that is done; 0 when one has just ended.
    rows_per_second : the speed of the last pass, or of the current one if it is the first.
    log_likelihood : per row, of the best mixture of the last pass; NaN before.
    remaining : the estimated seconds until the current EM run converges; NaN where there is no estimate. A search may
        have further runs to do.
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
    """Counts passes and rows, and reports the progress.

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

    def close(self) -> None:
        """Remove the line from the terminal."""
        if isinstance(self._after_rows, _Line):
            self._after_rows.clear()

    @property
    def progress(self) -> Progress:
        reached = self._log_likelihoods[-1] / self._mass if self._log_likelihoods else np.nan
        share = self._rows / self._n_rows
        remaining = max(self._steps() - share, 0.0) * self._seconds
        return Progress(self._passes, share, self._rate, reached, remaining)

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


def meter(
    progress: Callable[[Progress], None] | bool | None, tolerance: float, stream: TextIO | None = None
) -> Meter | None:
    """The meter for the argument `progress` of a fit: a function, or a line on a terminal; None for neither."""
    stream = sys.stderr if stream is None else stream  # None in a process without a console
    if callable(progress):
        return Meter(tolerance, progress)
    if progress is False or stream is None or not stream.isatty():
        return None
    return Meter(tolerance, after_rows=_Line(stream))


class _Line:
    """A line of a terminal that each update overwrites."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._next, self._written = stream, time.perf_counter() + _DELAY, False

    def __call__(self, progress: Progress) -> None:
        now = time.perf_counter()
        if now < self._next:
            return
        self._next = now + _INTERVAL
        # The cursor returns to the beginning of the line, so that other output overwrites it.
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
