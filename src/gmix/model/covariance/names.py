"""The names by which structures are known: gmix's own, and those that users register."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gmix.base.errors import ParameterError, nearest

if TYPE_CHECKING:
    from gmix.model.covariance.factors import Factors
    from gmix.model.covariance.structure import Structure

__all__ = ["add", "add_numbered", "is_built_in", "is_known", "named", "numbered"]

_KNOWN: dict[str, Structure] = {}  # by code, by name, and by the code with equal weights
_BUILT_IN: set[str] = set()  # codes and names of gmix's own structures
_NUMBERED: dict[str, Callable[[int], Factors]] = {}  # families, whose members have numbers


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

    A number after a colon bounds the ratio of eigenvalues: ``VVV:50``. In a numbered family it is the number of the
    structure: ``UUU:2`` has two factors.
    """
    if (found := _known(name)) is not None:
        return found
    plain, _, number = name.rpartition(":")
    if number.isdecimal() and int(number) > 0:
        if (member := numbered(plain)) is not None:
            return member(int(number))
        if plain[:1] in ("E", "e") and (member := numbered(plain[1:])) is not None:
            return member(int(number)).with_equal_weights
    if (found := _known(plain)) is not None and (ratio := _as_number(number)) is not None:
        return found.with_covariance_ratio(ratio)
    if numbered(name) is not None:
        raise ParameterError(f"covariance {name!r} needs a number of factors; give it after a colon, as in '{name}:2'")
    free = [structure for structure in dict.fromkeys(_KNOWN.values()) if not structure.equal_weights]
    families = [f"{word}:1" for word in _NUMBERED]
    shown = dict.fromkeys([*(s.code for s in free if len(s.code) > 1), *(s.name for s in free), *families])
    raise ParameterError(f"covariance {name!r} is not a structure; known are {', '.join(shown)}{nearest(name, shown)}")


def add_numbered(code: str, name: str, member: Callable[[int], Factors]) -> None:
    """Make a family of structures known, whose members have a number after a colon, under its code and its name."""
    _NUMBERED.update({code: member, name: member})
    _BUILT_IN.update((code, name))


def numbered(name: str) -> Callable[[int], Factors] | None:
    """The function that makes the members of a numbered family from their numbers; None for all other names."""
    return next((_NUMBERED[word] for word in (name, name.upper(), name.lower()) if word in _NUMBERED), None)


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
