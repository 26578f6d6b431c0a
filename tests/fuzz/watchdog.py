"""A limit of time for one case, so that a fit that does not end is a failure that shows its table."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from effort import DEEP

__all__ = ["TookTooLongError", "limit"]

SECONDS = 60.0  # of processor time; cases that are known take less than a tenth of that
HANGS = 1800.0  # seconds by the clock, for a case that waits and does not work


class TookTooLongError(Exception):
    """A case took longer than any table of its size should."""


@contextmanager
def limit(seconds: float = SECONDS) -> Iterator[None]:
    """Raise `TookTooLongError` in the main thread after this processor time of all threads, in the deep search only.

    Hypothesis then shrinks the case and prints it. The time of the clock does not matter, so other programs on the same
    machine do not fail a test. A process that hangs prints where all its threads are, and ends.
    """
    if not (DEEP and hasattr(signal, "SIGPROF") and threading.current_thread() is threading.main_thread()):
        yield
        return

    def expired(number: int, frame: FrameType | None) -> None:
        raise TookTooLongError(f"more than {seconds:g} seconds of processor time")

    former = signal.signal(signal.SIGPROF, expired)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    faulthandler.dump_traceback_later(HANGS, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, former)
