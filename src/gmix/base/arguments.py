"""Checks and conversions of arguments: numbers, counts, lists, names and sources of randomness."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.errors import ParameterError

__all__ = [
    "LARGEST_COUNT",
    "Rng",
    "as_generator",
    "as_list",
    "as_names",
    "as_numbers",
    "as_real",
    "faulty_cell",
    "is_count",
    "is_number",
]

Rng = int | np.random.Generator | None
LARGEST_COUNT = 1 << 62  # longer than any table or loop
_SHOWN = 40  # characters of a value in a message


def as_generator(rng: Rng) -> np.random.Generator:
    """Turn a seed, a generator or None (fresh entropy) into a generator."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"rng is {rng!r}; give a whole number of zero or more, a numpy.random.Generator, or None for new draws"
        ) from error


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is one finite real number."""
    return isinstance(value, numbers.Real) and math.isfinite(value)


def is_count(value: object, least: int = 1, most: float = LARGEST_COUNT) -> TypeGuard[int]:
    """Return whether a value is a whole number from `least` to `most`."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(least <= value <= most)


def as_numbers(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """Copy numbers to an array of float64. Raises `ParameterError`, in which `what` names them."""
    try:
        return np.array(as_real(values), np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ParameterError(f"{what} must be numbers, with as many in each row ({error})") from None


def as_real(values: ArrayLike) -> NDArray[Any]:
    """Convert to an array of numbers.

    Raises ``TypeError`` for text, other objects, and complex numbers, whose imaginary parts NumPy would drop.
    """
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise TypeError("a number is complex")
    if array.dtype.kind in "OUS" and (fault := faulty_cell(array)) is not None:
        raise TypeError(f"it holds {fault[1]}")
    return array


def faulty_cell(array: NDArray[Any]) -> tuple[tuple[int, ...], str] | None:
    """The place of the first cell of an array that is no float64, and what is wrong with it; None if there is none.

    >>> faulty_cell(np.array(["1", "2", "a"]))
    ((2,), "'a', which is not a number")
    """
    try:
        array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        for place, cell in np.ndenumerate(array):
            shown = repr(str(cell) if isinstance(cell, str) else cell)
            shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
            try:
                np.float64(cell)
            except OverflowError:
                return place, f"{shown}, which is beyond float64"
            except (TypeError, ValueError):
                return place, f"{shown}, which is not a number"
    return None


def as_list(values: Any) -> list[Any] | None:
    """Convert an iterable to a list; anything else to None."""
    try:
        return list(values)
    except TypeError:
        return None


def as_names(columns: Iterable[Any] | None) -> list[str] | None:
    """Names of columns as a list. Raises `ParameterError` for a single string, whose letters would be the names."""
    if isinstance(columns, str):
        raise ParameterError(f"columns is {columns!r}; give a list of names, [{columns!r}]")
    if columns is None:
        return None
    if (names := as_list(columns)) is None:
        raise ParameterError(f"columns is {columns!r}; give a list of names")
    if not names:
        raise ParameterError("columns is an empty list; name at least one column, or leave it out")
    return [str(name) if isinstance(name, str) else name for name in names]
