"""Numbers as text: equally many decimals within a column of a table, and ranges of counts."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.wording import listed, number, power_of_ten

__all__ = ["alike", "decimals_of", "fixed", "fixed_size", "ranges"]

_MOST_DIGITS = 14  # of a number that is not written with a power of ten; float64 has about 16
# A column whose largest number is not between these is written with powers of ten.
_SMALL, _LARGE = 1e-4, 1e9


def decimals_of(smallest: float, largest: float, digits: int = 3) -> int | None:
    """The decimals with which the smallest number of a column has this many digits, unless the largest gets too long.

    None if the numbers are to be written with powers of ten.
    """
    if not largest < _LARGE or (largest and largest < _SMALL):
        return None
    smallest = smallest if smallest > 0 else largest
    wanted = digits - 1 - math.floor(math.log10(smallest)) if smallest else 0
    longest = _MOST_DIGITS - 1 - math.floor(math.log10(max(largest, 1.0)))
    return max(min(wanted, longest), 0)


def fixed(value: float, decimals: int | None) -> str:
    """A number with this many decimals; with a power of ten if `decimals` is None."""
    if decimals is None and value:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{mantissa} \N{MULTIPLICATION SIGN} {power_of_ten(int(exponent))}".replace("-", "\N{MINUS SIGN}")
    text = f"{value:,.{decimals or 0}f}"
    # A number that rounds to zero has no sign.
    return text.removeprefix("-") if not text.strip("-0.,") else text.replace("-", "\N{MINUS SIGN}")


def fixed_size(value: float, decimals: int | None) -> str:
    """As `fixed`, for a standard error or deviation: one that is too small for these decimals is no zero."""
    return number(value, 2) if decimals is not None and 0 < value < 0.5 * 10.0**-decimals else fixed(value, decimals)


def alike(values: ArrayLike, digits: int = 4) -> list[str]:
    """The numbers of a column with the decimals that give a typical one of them this many digits; NaN is missing.

    >>> alike([2.883, 0.5, 271.5]), alike([1.5, float("nan")], 2)
    (['2.883', '0.500', '271.500'], ['1.5', 'missing'])
    """
    array = np.asarray(values, np.float64)
    sizes = np.abs(array[np.isfinite(array)])
    positive = sizes[sizes > 0]
    typical, largest = (float(np.median(positive)), float(sizes.max())) if len(positive) else (0.0, 0.0)
    decimals = decimals_of(typical, largest, digits)
    return ["missing" if math.isnan(value) else fixed(value, decimals) for value in array.tolist()]


def ranges(numbers: Iterable[int]) -> str:
    """Ascending whole numbers as a list in which three and more consecutive ones are a range.

    >>> ranges([0, 1, 2, 3, 7, 9, 10])
    '0 to 3, 7, 9 and 10'
    """
    runs: list[list[int]] = []
    for value in numbers:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    parts = [[f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(value) for value in run] for run in runs]
    return listed([part for some in parts for part in some])
