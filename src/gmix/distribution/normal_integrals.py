"""Probabilities of boxes under a normal distribution of several columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.distribution.bivariate import rectangle_probabilities
from gmix.distribution.intervals import interval_probability, mirrored

__all__ = ["box_probabilities"]

Array = NDArray[np.float64]
_SHIFTS = 12  # independent random shifts of the points, from which the standard error is estimated
_FEWEST, _MOST = 128, 65_536  # points for each shift
_RESOLVED = 8.0  # points within a step of the integrand, so that their standard error shows it
_NUMBERS = 1 << 20  # numbers in one array
_TINY = 1e-300
_LIMIT = 1e150  # standard deviations; replaces an infinite limit


def box_probabilities(
    low: Array, high: Array, covariance: Array, tolerance: float, negligible: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    r"""The probabilities ``(N,)`` of boxes under a normal distribution with mean zero, and their standard errors.

    The integral is transformed to the unit cube, where it is the mean of

    .. math:: \prod_{j=1}^D \bigl(\Phi(b_j') - \Phi(a_j')\bigr), \qquad
              a_j' = \Bigl(a_j - \sum_{i<j} L_{ji} y_i\Bigr) / L_{jj}

    and :math:`y_j` is the quantile, within the interval from :math:`a_j'` to :math:`b_j'`, of a coordinate of the point
    (Genz 1992, *Journal of Computational and Graphical Statistics* 1:141). Columns with the smallest probabilities are
    integrated first (Gibson, Glasbey & Elston 1994). The points are a lattice with random shifts, folded by the baker's
    transformation. Their number grows until the standard error is at most `tolerance` times the probability or
    `negligible`, or 65,536 points for each of 12 shifts have been used.

    Parameters
    ----------
    low, high : ``(N, D)`` corners of the boxes, less the mean; infinite where a box has no end.
    covariance : ``(D, D)``.
    tolerance : of the standard error, relative to the probability.
    negligible : ``(N,)``, a standard error that is small enough for any probability.
    """
    deviation = np.sqrt(np.diagonal(covariance))
    correlation = covariance / deviation[:, None] / deviation
    with np.errstate(over="ignore"):
        low = np.clip(low / deviation, -_LIMIT, _LIMIT)
        high = np.clip(high / deviation, -_LIMIT, _LIMIT)
    if not np.triu(correlation, 1).any():
        return interval_probability(low, high).prod(1), np.zeros(len(low))
    if low.shape[1] == 2:
        return rectangle_probabilities(low, high, float(correlation[1, 0])), np.zeros(len(low))
    value, error = np.zeros(len(low)), np.zeros(len(low))
    todo = np.arange(len(low))
    n_points = _FEWEST
    ordered = _Ordered.of(low, high, correlation)
    shifts = rng.random((_SHIFTS, low.shape[1]))
    while len(todo):
        value[todo], error[todo] = _integrals(ordered.take(todo), n_points, shifts)
        error[todo] += ordered.unresolved(n_points * _SHIFTS)[todo]
        todo = todo[error[todo] > np.maximum(tolerance * value[todo], negligible[todo])]
        n_points *= 4
        if n_points > _MOST:
            break
    return value, error


class _Ordered(NamedTuple):
    """Boxes whose columns are ordered for integration, with the Cholesky factor of each order."""

    low: Array  # (N, D)
    high: Array  # (N, D)
    factor: Array  # (N, D, D)

    def take(self, chosen: NDArray[np.intp]) -> _Ordered:
        return _Ordered(self.low[chosen], self.high[chosen], self.factor[chosen])

    def unresolved(self, n_points: int) -> Array:
        """A bound ``(N,)`` of the part of the integral that this number of points may have missed altogether.

        If a column has a tiny conditional deviation, the integrand is almost a step in the columns before it. Points
        that all miss the step agree with one another, so their standard error does not show it.
        """
        pivots = np.diagonal(self.factor, axis1=1, axis2=2)
        steps = np.where(pivots < _RESOLVED / n_points, pivots, 0.0).sum(1)
        return np.asarray(steps * interval_probability(self.low, self.high).min(1))

    @classmethod
    def of(cls, low: Array, high: Array, correlation: Array) -> _Ordered:
        """Choose, column by column, the one with the smallest conditional probability given the expected others."""
        n, d = low.shape
        low, high = low.copy(), high.copy()
        remaining = np.broadcast_to(correlation, (n, d, d)).copy()
        factor, expected, rows = np.zeros((n, d, d)), np.zeros((n, d)), np.arange(n)
        for j in range(d):
            variance = np.diagonal(remaining, axis1=1, axis2=2)[:, j:] - np.square(factor[:, j:, :j]).sum(2)
            deviation = np.sqrt(np.maximum(variance, _TINY))
            mean = (factor[:, j:, :j] @ expected[:, :j, None])[..., 0]
            begin, end = (low[:, j:] - mean) / deviation, (high[:, j:] - mean) / deviation
            mass = interval_probability(begin, end)
            chosen = j + mass.argmin(1)
            for array in (low, high):
                array[rows, chosen], array[:, j] = array[:, j].copy(), array[rows, chosen].copy()
            for axis in (remaining, factor):
                axis[rows, chosen], axis[:, j] = axis[:, j].copy(), axis[rows, chosen].copy()
            remaining[rows, :, chosen], remaining[:, :, j] = (
                remaining[:, :, j].copy(),
                remaining[rows, :, chosen].copy(),
            )
            pivot = deviation[rows, chosen - j]
            factor[:, j, j] = pivot
            below = remaining[:, j + 1 :, j] - (factor[:, j + 1 :, :j] @ factor[:, j, :j, None])[..., 0]
            factor[:, j + 1 :, j] = below / pivot[:, None]
            expected[:, j] = _mean_within(begin[rows, chosen - j], end[rows, chosen - j], mass[rows, chosen - j])
        return cls(low, high, factor)


def _mean_within(low: Array, high: Array, mass: Array) -> Array:
    """The mean of a standard normal variable within intervals."""
    with np.errstate(over="ignore", under="ignore"):
        difference = (np.exp(-0.5 * low**2) - np.exp(-0.5 * high**2)) / np.sqrt(2.0 * np.pi)
    nearest = np.clip(0.0, low, high)
    return np.asarray(np.where(mass > 1e-12, np.clip(difference / np.maximum(mass, _TINY), low, high), nearest))


def _integrals(boxes: _Ordered, n_points: int, shifts: Array) -> tuple[Array, Array]:
    """The means of the integrand over a lattice of this many points for each shift, and their standard errors."""
    n = len(boxes.low)
    value, error = np.empty(n), np.empty(n)
    block = max(_NUMBERS // (n_points * len(shifts)), 1)
    points = _lattice(n_points, shifts)
    for begin in range(0, n, block):
        part = boxes.take(np.arange(begin, min(begin + block, n)))
        means = _integrand(part, points).reshape(len(part.low), len(shifts), n_points).mean(2)
        value[begin : begin + block] = means.mean(1)
        error[begin : begin + block] = means.std(1, ddof=1) / np.sqrt(len(shifts))
    return value, error


def _lattice(n_points: int, shifts: Array) -> Array:
    """Shifted points ``(S * n, D - 1)`` in the unit cube: Richtmyer's lattice, from square roots of primes."""
    d = shifts.shape[1] - 1
    steps = np.sqrt(_primes(d))
    grid = (np.arange(1, n_points + 1)[:, None] * steps) % 1.0
    points = (grid + shifts[:, None, :d]) % 1.0
    return np.asarray(np.abs(2.0 * points - 1.0).reshape(-1, d))


def _primes(n: int) -> Array:
    """The first n prime numbers."""
    found: list[int] = []
    candidate = 2
    while len(found) < n:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return np.array(found, np.float64)


def _integrand(boxes: _Ordered, points: Array) -> Array:
    """The integrand ``(N, P)`` of boxes at points ``(P, D - 1)`` of the unit cube."""
    from scipy.special import ndtri

    (n, d), p = boxes.low.shape, len(points)
    product, y = np.ones((n, p)), np.zeros((n, d, p))
    for j in range(d):
        mean = (boxes.factor[:, j, None, :j] @ y[:, :j])[:, 0] if j else np.zeros((n, p))
        pivot = boxes.factor[:, j, j, None]
        with np.errstate(over="ignore"):
            interval = mirrored((boxes.low[:, j, None] - mean) / pivot, (boxes.high[:, j, None] - mean) / pivot)
        product *= interval.mass
        if j < d - 1:
            share = np.maximum(interval.below + points[:, j] * interval.mass, _TINY)
            y[:, j] = np.clip(interval.sign * ndtri(share), interval.low, interval.high)
    return product
