"""What can go wrong. Every message has three parts: what happened, where, and the remedy."""

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
    """The base of everything that gmix raises on purpose."""


class DataError(GmixError, ValueError):
    """The rows cannot be used as they are."""


class ParameterError(GmixError, ValueError):
    """An argument, or a stated parameter of a mixture, makes no sense."""


class ModelFileError(GmixError, ValueError):
    """A file is not a gmix model, is damaged, or was written by a newer version."""


class ClusterError(GmixError, RuntimeError):
    """A cluster cannot be reached, or gave up on a task."""


@contextmanager
def needing(extra: str, purpose: str) -> Iterator[None]:
    """Around the import of an optional package: say what it is for and how it is installed, if it is not there."""
    try:
        yield
    except ModuleNotFoundError as missing:
        message = f"{purpose} needs {missing.name}; install it with: pip install 'gmix[{extra}]'"
        raise ModuleNotFoundError(message, name=missing.name) from None


def of_kind(value: object, kind: type[T], what: str, remedy: str) -> T:
    """Let a value of this kind pass; of any other, `what` was given and the remedy are said.

    >>> of_kind(2, int, "n", "a whole number")
    2
    """
    if isinstance(value, kind):
        return value
    raise ParameterError(f"{what} is a {type(value).__name__}; give {remedy}")


def one_of(value: object, known: Collection[str], what: str) -> str:
    """Let a known name pass; of any other, all that are known are said, and the nearest."""
    if isinstance(value, str) and value in known:
        return value
    raise ParameterError(f"{what} {value!r} is not known; known are {', '.join(known)}{nearest(str(value), known)}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant, in whatever case: ``"; did you mean 'full'?"``, or nothing.

    >>> nearest("ful", ["full", "diag"])
    "; did you mean 'full'?"
    """
    folded = {name.casefold(): name for name in known}
    matches = difflib.get_close_matches(word.casefold(), list(folded), n=1)
    return f"; did you mean {folded[matches[0]]!r}?" if matches else ""
