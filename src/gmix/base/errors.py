"""Errors. Every message says what happened, where, and how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = [
    "ClusterError", "DataError", "GmixError", "ModelFileError", "ParameterError", "nearest", "needing", "of_kind",
    "one_of",
]  # fmt: skip

T = TypeVar("T")


class GmixError(Exception):
    """The base class of all errors that gmix raises on purpose."""


class DataError(GmixError, ValueError):
    """The rows cannot be used as they are."""


class ParameterError(GmixError, ValueError):
    """An argument, or a given parameter of a mixture, is invalid."""


class ModelFileError(GmixError, ValueError):
    """A file is not a gmix model, is damaged, or was written by a newer version."""


class ClusterError(GmixError, RuntimeError):
    """A Dask or Spark cluster cannot be reached, or a task on it failed."""


@contextmanager
def needing(extra: str, purpose: str) -> Iterator[None]:
    """Wrap the import of an optional package, so that the error says what it is needed for and how to install it."""
    try:
        yield
    except ModuleNotFoundError as missing:
        message = f"{purpose} needs {missing.name}; install it with: pip install 'gmix[{extra}]'"
        raise ModuleNotFoundError(message, name=missing.name) from None


def of_kind(value: object, kind: type[T], what: str, remedy: str) -> T:
    """Return a value of this kind. Raises `ParameterError` for any other, with its name `what` and the remedy.

    >>> of_kind(2, int, "n", "a whole number")
    2
    """
    if isinstance(value, kind):
        return value
    raise ParameterError(f"{what} is a {type(value).__name__}; give {remedy}")


def one_of(value: object, known: Collection[str], what: str) -> str:
    """Return the known name that a value is, in any case of letters.

    Raises `ParameterError` for any other value, with all known names and the nearest one.

    >>> one_of("BIC", ["aic", "bic"], "criterion")
    'bic'
    """
    for name in known:
        if isinstance(value, str) and value.casefold() == name.casefold():
            return name
    raise ParameterError(f"{what} {value!r} is not known; known are {', '.join(known)}{nearest(str(value), known)}")


def nearest(word: str, known: Iterable[str]) -> str:
    """The nearest known name, in any case of letters, as ``"; did you mean 'full'?"``; empty if none is similar.

    >>> nearest("ful", ["full", "diag"])
    "; did you mean 'full'?"
    """
    folded = {name.casefold(): name for name in known}
    matches = difflib.get_close_matches(word.casefold(), list(folded), n=1)
    return f"; did you mean {folded[matches[0]]!r}?" if matches else ""
