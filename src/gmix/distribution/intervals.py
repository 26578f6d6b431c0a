"""Standard normal probabilities of intervals, accurate in both tails and for narrow intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "interval_probability", "mirrored"]

Array = NDArray[np.float64]
_NARROW = 1e-4  # standard deviations; the density is almost constant in a narrower interval


def interval_probability(low: Array, high: Array) -> Array:
    """The standard normal probability of each interval, with a small relative error also in far tails.

    ``Phi(high) - Phi(low)`` loses its digits in the upper tail and for narrow intervals. Here, intervals in the upper
    tail are mirrored, and the probability of narrow ones is width times density.
    """
    return mirrored(low, high).mass


class Interval(NamedTuple):
    """Standard normal probabilities of intervals that are mirrored so that they are not in the upper tail."""

    mass: Array
    below: Array  # the probability below the lower end, after mirroring
    sign: Array  # -1 where mirrored
    low: Array
    high: Array


def mirrored(low: Array, high: Array) -> Interval:
    """Mirror the intervals in the upper tail."""
    from scipy.special import ndtr

    upper = low > 0.0
    begin, end = np.where(upper, -high, low), np.where(upper, -low, high)
    below = ndtr(begin)
    mass = ndtr(end) - below
    with np.errstate(over="ignore", invalid="ignore"):
        width = end - begin
        narrow = width < _NARROW
        middle = begin + width / 2.0
        density = np.exp(-0.5 * middle**2) / np.sqrt(2.0 * np.pi)
        # The second term of Taylor's series makes the relative error that of the fourth power of the width.
        mass = np.where(narrow, width * density * (1.0 + (middle**2 - 1.0) * width**2 / 24.0), mass)
    return Interval(np.maximum(mass, 0.0), below, np.where(upper, -1.0, 1.0), low, high)
