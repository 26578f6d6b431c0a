"""The M-step of the degrees of freedom of Student components."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from gmix.model.statistics import SufficientStatistics

__all__ = ["LARGEST", "SMALLEST", "best_degrees", "maximize", "n_parameters"]

Array = NDArray[np.float64]

SMALLEST, LARGEST = 0.1, 1e3  # of estimates; at the largest, a row of 20 columns hardly tells the tails from Gaussian


def n_parameters(estimated: str, n_components: int) -> int:
    """How many degrees of freedom are estimated; see `gmix.StudentMixture.estimated`."""
    return {"none": 0, "all": 1, "each": n_components}[estimated]


def maximize(estimated: str, statistics: SufficientStatistics, before: Array) -> Array:
    """The degrees of freedom ``(K,)`` after an M-step; an empty component keeps its own."""
    if estimated == "none" or not statistics.counts.any():  # a background may have all rows
        return before
    counts, log_factors = statistics.counts, statistics.extra["log_factors"].ravel()
    if estimated == "all":
        return np.full(len(counts), best_degrees(counts.sum(), log_factors.sum(), statistics.mass.sum()))
    sums = zip(counts, log_factors, statistics.mass, before, strict=True)
    return np.array([best_degrees(n, log, own) if n > 0.0 else old for n, log, own, old in sums])


def best_degrees(count: float, log_factors: float, factors: float) -> float:
    r"""The degrees of freedom that maximize the expected log density of n precisions.

    .. math:: \log\frac\nu2 - \psi\left(\frac\nu2\right) + 1 + \frac1n \sum_i (E \log U_i - E U_i) = 0

    They are between `SMALLEST` and `LARGEST`. The left side falls in :math:`\nu`, so the solution is the only maximum,
    and the nearer limit is the best value if there is no solution between the limits. Source: Peel & McLachlan (2000),
    *Statistics and Computing* 10:339.

    >>> round(best_degrees(10.0, -2.5, 10.0), 3)
    4.304
    """
    from scipy.optimize import brentq

    rest = 1.0 + (log_factors - factors) / count

    def slope(log_half: float) -> float:
        half = math.exp(log_half)
        return log_half - float(digamma(half)) + rest

    low, high = math.log(SMALLEST / 2.0), math.log(LARGEST / 2.0)
    if not slope(low) > 0.0:
        return SMALLEST
    if not slope(high) < 0.0:
        return LARGEST
    return 2.0 * math.exp(brentq(slope, low, high, xtol=1e-14, rtol=1e-14))
