"""Limit BLAS and LAPACK to one thread: the last bits of their results depend on the number of threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np  # noqa: F401  (loads the library whose threads are limited)

__all__ = ["one_blas_thread"]

_Limits = list[tuple[Any, int]]  # libraries, and how many threads each used before


class _Shared:
    """Limits of libraries whose threads are shared by the process. The first Python thread sets, the last restores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0  # number of Python threads in the context
        self._before: _Limits = []

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = _limited(_libraries()[0])
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _restore(self._before)


_shared, _here = _Shared(), threading.local()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS and LAPACK to one thread, as a context or as a decorator, so that results are reproducible to the bit.

    The former limits are restored when the last Python thread leaves. Contexts may be nested.

    >>> with one_blas_thread():
    ...     factor = np.linalg.cholesky(np.eye(3))
    """
    if getattr(_here, "inside", False):
        yield
        return
    _here.inside = True
    try:
        _shared.enter()
        try:
            before = _limited(_libraries()[1])
            try:
                yield
            finally:
                _restore(before)
        finally:
            _shared.leave()
    finally:
        _here.inside = False


@cache
def _libraries() -> tuple[list[Any], list[Any]]:
    """The BLAS libraries with one limit for the process, and those with a limit for each thread.

    One search suffices: NumPy loads its library on import, and gmix calls no other.
    """
    from threadpoolctl import ThreadpoolController

    libraries = [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
    by_thread = [library for library in libraries if getattr(library, "threading_layer", None) == "openmp"]
    return [library for library in libraries if library not in by_thread], by_thread


def _limited(libraries: list[Any]) -> _Limits:
    before = [(library, library.num_threads) for library in libraries]
    _restore([(library, 1) for library, _ in before])
    return before


def _restore(limits: _Limits) -> None:
    for library, number in limits:
        # threadpoolctl 3.8 ignores all Python threads but the first that set a limit, until that thread is cleared.
        clear = getattr(library, "clear_controlling_thread", lambda **_: None)
        clear(force=True)
        library.set_num_threads(number)
        clear(force=True)
