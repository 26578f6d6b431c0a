"""The command ``gmix``.

It is not part of the package `gmix`, whose import takes a while: Ctrl-C must be handled before that.
"""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a shell ignores it for background jobs
        signal.signal(signal.SIGINT, _interrupted)
    _open_closed_streams()
    from gmix.cli.app import app

    app()


def _open_closed_streams() -> None:
    """Discard what is printed on a stream that the caller has closed, as by ``>&-``; imports may print too."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  (open until the end)


def _interrupted(_signal: int, _frame: object) -> None:
    # Not an exception: a running fit would return its best mixture, and an import would raise another exception.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if (writing := sys.modules.get("gmix.base.atomic_write")) is not None:
        writing.remove_unfinished()
    clear = b"\r\x1b[2K" if os.isatty(2) else b""  # clears the line of a fit's progress
    os.write(2, clear + b"gmix: interrupted; nothing more is written\n")  # print may be running
    os._exit(130)
