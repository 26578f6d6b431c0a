"""How long a pass over the rows of a cluster may take, and the errors of passes that fail or take longer."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gmix.base.errors import ClusterError, ParameterError

__all__ = ["PassLimit"]

_NAME = "GMIX_PASS_SECONDS"
_PATIENCE, _TIMES_LONGEST = 600.0, 20.0  # a pass may take these seconds plus this multiple of the longest pass so far
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception)\b: ")  # the last line of a traceback


class PassLimit:
    """The limit of time of the passes over one table."""

    def __init__(self) -> None:
        self._longest: float | None = None  # seconds that a pass has taken

    @contextmanager
    def one_pass(self, engine: str) -> Iterator[float | None]:
        """The seconds after which the engine must give up a pass, or None; its exceptions become a `ClusterError`.

        The environment variable ``GMIX_PASS_SECONDS`` sets the limit, and ``inf`` means none. Without it, the first
        pass has no limit, and a later one may take ten minutes plus twenty times the longest pass so far.
        """
        limit = _stated()
        if limit is None and self._longest is not None:
            limit = _PATIENCE + _TIMES_LONGEST * self._longest
        limit = None if limit == math.inf else limit
        begin = time.monotonic()
        try:
            yield limit
        except Exception as error:
            late = limit is not None and time.monotonic() - begin >= limit
            raise _error(engine, error, limit if late else None) from error
        self._longest = max(self._longest or 0.0, time.monotonic() - begin)


def _error(engine: str, error: Exception, missed: float | None) -> ClusterError:
    """The error, with a remedy, of a pass that failed, or that missed this limit."""
    if missed is not None:
        return ClusterError(
            f"{engine} did not finish a pass over the rows within {missed:.4g} seconds; look for a worker that "
            "hangs, and fit again, from the checkpoint if there is one; if passes take this long, set a longer "
            f"limit in the environment variable {_NAME}"
        )
    return ClusterError(
        f"{engine} could not finish a pass over the rows ({type(error).__name__}: {_main_line(str(error))}); "
        "check that its session is open and that its workers can be reached, stay alive, and have gmix installed"
    )


def _stated() -> float | None:
    """The limit in seconds that a user has set for a pass."""
    stated = os.environ.get(_NAME)
    if not stated:
        return None
    try:
        limit = float(stated)
    except ValueError:
        limit = math.nan
    if not limit > 0.0:
        raise ParameterError(f"the environment variable {_NAME} is {stated!r}; set it to a number of seconds above 0")
    return limit


def _main_line(message: str) -> str:
    """The most informative line of a message: the last exception of a Python traceback, or else the first line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    exceptions = [line for line in lines if _EXCEPTION.match(line)]
    return (exceptions or lines or [""])[-1 if exceptions else 0]
