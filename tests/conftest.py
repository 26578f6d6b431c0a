"""What all tests need: programs that they start can be interrupted."""

from __future__ import annotations

import signal
import threading

import pytest


@pytest.fixture(autouse=True, scope="session")
def _programs_can_be_interrupted() -> None:
    """Handle SIGINT, if the shell that started the tests in the background has set it to be ignored.

    Programs inherit that, and `gmix` respects it: it would then run to the end with status 0.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
