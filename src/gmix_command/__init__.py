"""The command ``gmix``, from its first moment.

It stands beside the package, not in it: importing the package takes a while, and Ctrl-C has its answer before that.
"""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as a shell has it for what runs in the background
        signal.signal(signal.SIGINT, _interrupted)
    from gmix.cli.app import app

    app()


def _interrupted(_signal: int, _frame: object) -> None:
    # Not an exception: a climb under way would answer it with its best so far, and an import with one of its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if (whole := sys.modules.get("gmix.base.atomic_write")) is not None:
        whole.remove_unfinished()
    clear = b"\r\x1b[2K" if os.isatty(2) else b""  # the line of a fit's progress
    os.write(2, clear + b"gmix: interrupted; nothing more is written\n")  # print may be at work already
    os._exit(130)
