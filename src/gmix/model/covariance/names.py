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
    """The structure of this code or name, in the given case, in capitals or in small letters."""
    for word in (name, name.upper(), name.lower()):
        if word in _KNOWN:
            return _KNOWN[word]
    free = [structure for structure in dict.fromkeys(_KNOWN.values()) if not structure.equal_weights]
    shown = dict.fromkeys([*(s.code for s in free if len(s.code) > 1), *(s.name for s in free)])
    raise ParameterError(f"covariance {name!r} is not a structure; known are {', '.join(shown)}{nearest(name, shown)}")


def is_known(structure: Structure) -> bool:
    """Whether a structure is the one that its code stands for."""
    return _KNOWN.get(structure.code) is structure


def is_built_in(structure: Structure) -> bool:
    """Whether a structure is one of gmix's own."""
    return is_known(structure) and structure.code in _BUILT_IN
