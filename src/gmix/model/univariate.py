"""Mixtures of one feature: the probability of what lies below and above a point, its logarithm, and quantiles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Univariate"]

Array = NDArray[np.float64]
_HALVES = 128  # of an interval: more than float64 has digits
_SMALLEST = -37.0  # standard deviations; the normal distribution function underflows not far below


class Univariate(NamedTuple):
    """The parameters of a mixture of one feature, ``(K,)`` each."""

    weights: Array
    means: Array
    deviations: Array

    def tail(self, x: Array, side: Array | float) -> Array:
        """The probability of at most ``x (...)`` where `side` is 1, and of more than ``x`` where it is -1."""
        from scipy.special import log_ndtr, ndtr

        z = self._standardized(x, side)
        each = np.where(z < _SMALLEST, np.exp(log_ndtr(np.minimum(z, 0.0))), ndtr(z))
        return np.asarray((each * self.weights).sum(-1))

    def log_tail(self, x: Array, side: float) -> Array:
        """The logarithm of `tail`, accurate for probabilities near one and for those too small for float64."""
        from scipy.special import log_ndtr, logsumexp

        small = np.asarray(logsumexp(log_ndtr(self._standardized(x, side)), axis=-1, b=self.weights))
        other = self.tail(x, -side)
        return np.where(other < 0.5, np.log1p(-np.minimum(other, 0.5)), small)

    def quantile(self, probability: Array) -> Array:
        """Where the probability of at most ``x`` reaches each of some probabilities, from 0 to 1."""
        from scipy.special import ndtri

        upper = probability > 0.5
        side, tail = np.where(upper, -1.0, 1.0), np.where(upper, 1.0 - probability, probability)
        alive = self.weights > 0
        each = self.means[alive] + self.deviations[alive] * ndtri(probability)[..., None]  # the mixture's lies between
        low, high = each.min(-1), each.max(-1)
        for _ in range(_HALVES):
            middle = low / 2.0 + high / 2.0
            below = side * (self.tail(middle, side) - tail) < 0
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(high)

    def _standardized(self, x: Array, side: Array | float) -> Array:
        """How many standard deviations points lie above each component's mean, times `side`: ``(..., K)``."""
        with np.errstate(over="ignore"):
            return np.asarray(np.asarray(side)[..., None] * ((x[..., None] - self.means) / self.deviations))
