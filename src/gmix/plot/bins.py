"""The bins of histograms: how many, and where values are rounded, as wide as whole steps of the rounding."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["bins_of", "edges_of", "step_of"]

Array = NDArray[np.float64]
_SAMPLE = 20_000  # values that show whether a column is rounded
_STEPS = 1_000  # a range of more steps than these looks continuous in a histogram


def bins_of(values: Array) -> int:
    """Freedman & Diaconis's number of bins, within limits; small tables get more."""
    quartiles = np.quantile(values, [0.25, 0.75])
    width = 2.0 * float(quartiles[1] - quartiles[0]) / max(len(values), 1) ** (1 / 3)
    wanted = max(float(np.ptp(values)) / width if width > 0 else 0.0, 1.4 * math.sqrt(len(values)))
    return int(np.clip(wanted, 8, 80)) if len(values) < 2000 else int(np.clip(wanted, 40, 100))


def edges_of(values: Array, bins: int | None = None, most: int = 100) -> Array:
    """The edges of bins of equal width over the values; `bins` is their number, or None for that of `bins_of`.

    If it is None, there are about `most` bins at most. Where the values are rounded too, every bin holds the same
    number of steps of the rounding, with edges halfway between possible values: otherwise some bins would hold more
    possible values than others. Where the values are equal, or too close for float64 to divide their range, the bins
    extend beyond them.
    """
    low, high = float(values.min()), float(values.max())
    if bins is None and (step := step_of(values)) is not None:
        wanted, steps = min(bins_of(values), most), round((high - low) / step) + 1
        together = max(1, round(steps / wanted))
        n = -(-steps // together)
        first = low - 0.5 * step - (n * together - steps) // 2 * step
        return np.asarray(first + step * together * np.arange(n + 1), np.float64)
    bins = min(bins_of(values), most) if bins is None else bins
    least = 2.0 * bins * float(np.spacing(max(abs(low), abs(high), np.finfo(np.float64).tiny)))
    room = max(least - (high - low), 0.0) if high > low else max(least, 1.0)
    return np.linspace(low - room / 2.0, high + room / 2.0, bins + 1)


def step_of(values: Array) -> float | None:
    """The step to which values are rounded, such as 1 or 0.05; None where there is none that a histogram would show.

    >>> step_of(np.array([4.95, 5.0, 5.1, 5.3, 4.95]))
    0.05
    """
    some = values if len(values) <= _SAMPLE else values[:: -(-len(values) // _SAMPLE)]
    some = np.unique(some)
    if len(some) < 2:
        return None
    spread = float(some[-1] - some[0])
    with np.errstate(over="ignore"):
        is_single = bool((some == some.astype(np.float32)).all())
    epsilon = float(np.finfo(np.float32 if is_single else np.float64).eps)
    # The coarsest decimal place to which all values are rounded; then the greatest step in units of that place.
    for place in range(-math.floor(math.log10(spread)) - 1, -math.floor(math.log10(spread)) + 4):
        unit = 10.0**-place
        units = np.rint(some / unit)
        error = 8.0 * epsilon * float(np.abs(some).max()) / unit
        if error > 0.05:
            return None
        if np.abs(some / unit - units).max() <= max(error, 1e-6):
            step = int(np.gcd.reduce((units - units[0]).astype(np.int64))) * unit
            return float(f"{step:.12g}") if spread <= _STEPS * step else None
    return None
