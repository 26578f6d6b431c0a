"""One line of a terminal or a notebook that shows progress, and lines of a log."""

from __future__ import annotations

import builtins
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol, TextIO

__all__ = ["Line", "line_on"]

_DELAY = 1.0  # seconds before the first line; most fits take less
_INTERVAL = 0.1  # seconds between updates of a line that is overwritten
_LOG_INTERVAL = 10.0  # seconds between lines of a log
_TICK = 1.0  # seconds after which the line is updated although nothing was reported
_WIDTH = 120  # where there is no terminal, or its width is not known


class Reported(Protocol):
    """Progress that has text of any width."""

    def within(self, width: int) -> str:
        """The progress as text of at most this many characters."""


class Line:
    """Shows progress in a line that each update overwrites, or in a new line of a log every ten seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.perf_counter) -> None:
        self._stream, self._clock = stream, clock
        self._is_terminal = stream.isatty()
        self._is_log = not self._is_terminal and not hasattr(builtins, "__IPYTHON__")  # notebooks overwrite at \r
        self._next, self._written = clock() + _DELAY, 0
        self._lock, self._stop = threading.Lock(), threading.Event()

    def __call__(self, progress: Reported) -> None:
        """Show this progress, unless the last update was a moment ago."""
        with self._lock:
            now = self._clock()
            if now < self._next or self._stop.is_set():
                return
            self._next = now + (_LOG_INTERVAL if self._is_log else _INTERVAL)
            self._write(progress.within(self._width - 1))

    def watch(self, current: Callable[[], Reported]) -> None:
        """Update the line every second from another thread, so that an estimate does not stand still."""

        def tick() -> None:
            while not self._stop.wait(_TICK):
                self(current())

        threading.Thread(target=tick, name="gmix-progress", daemon=True).start()

    def clear(self) -> None:
        """Remove the line, and show no more."""
        self._stop.set()
        with self._lock:
            if self._written and not self._is_log:
                self._stream.write("\r\x1b[2K" if self._is_terminal else f"\r{'':{self._written}}\r")
                self._stream.flush()

    def _write(self, text: str) -> None:
        if self._is_terminal:
            # The cursor returns to the beginning of the line, so that other output overwrites it.
            self._stream.write(f"\r\x1b[2K{text}\r")
        elif self._is_log:
            self._stream.write(f"{text}\n")
        else:
            self._stream.write(f"\r{text:{self._written}}")
        self._stream.flush()
        self._written = max(self._written, len(text))

    @property
    def _width(self) -> int:
        try:
            return (os.get_terminal_size(self._stream.fileno()).columns if self._is_terminal else 0) or _WIDTH
        except (OSError, ValueError, AttributeError):
            return _WIDTH


def line_on(stream: TextIO | None = None, *, always: bool = False) -> Line | None:
    """The line on a stream, or on standard error; None for one that is no terminal, unless `always`."""
    stream = sys.stderr if stream is None else stream  # None in a process without a console
    if stream is None or not (always or stream.isatty()):
        return None
    return Line(stream)
