"""The names by which structures are known: gmix's own, and those that users register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmix.base.errors import ParameterError, nearest

if TYPE_CHECKING:
    from gmix.model.covariance.structure import Structure

__all__ = ["add", "is_built_in", "is_known", "named"]

_KNOWN: dict[str, Structure] = {}  # by code, by name, and by the code with equal weights
_BUILT_IN: set[str] = set()  # codes and names of gmix's own structures


def add(structure: Structure, built_in: bool = False) -> None:
    """Make a structure known by its code and its name, and its twin with equal weights by its code.

    Raises `ParameterError` if a structure of gmix has that code or name.
    """
    free, equal = structure.with_free_weights, structure.with_equal_weights
    words = {free.code: free, free.name: free, equal.code: equal}
    if taken := [word for word in words if word in _BUILT_IN]:
        raise ParameterError(f"gmix has a structure named {taken[0]!r}; give yours another code and name")
    _KNOWN.update(words)
    if built_in:
        _BUILT_IN.update(words)


def named(name: str) -> Structure:
    """The structure of this code or name, in the given case, in capitals or in small letters.

    A number after a colon bounds the ratio of eigenvalues: ``VVV:50``.
    """
    if (found := _known(name)) is not None:
        return found
    plain, _, ratio = name.rpartition(":")
    if (found := _known(plain)) is not None and (number := _as_number(ratio)) is not None:
        return found.with_covariance_ratio(number)
    free = [structure for structure in dict.fromkeys(_KNOWN.values()) if not structure.equal_weights]
    shown = dict.fromkeys([*(s.code for s in free if len(s.code) > 1), *(s.name for s in free)])
    raise ParameterError(f"covariance {name!r} is not a structure; known are {', '.join(shown)}{nearest(name, shown)}")


def _known(name: str) -> Structure | None:
    """The known structure of this code or name, without a bound; None if there is none."""
    return next((_KNOWN[word] for word in (name, name.upper(), name.lower()) if word in _KNOWN), None)


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def is_known(structure: Structure) -> bool:
    """Whether a structure is the one that its code stands for."""
    plain = structure.without_covariance_ratio
    return _KNOWN.get(plain.code) is plain


def is_built_in(structure: Structure) -> bool:
    """Whether a structure is one of gmix's own."""
    return is_known(structure) and structure.without_covariance_ratio.code in _BUILT_IN
