"""Probabilities of rectangles under a normal distribution of two columns, by Gaussian quadrature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.distribution.intervals import interval_probability

__all__ = ["rectangle_probabilities"]

Array = NDArray[np.float64]
_NODES = 20  # of each panel
_FARTHEST = 40.0  # standard deviations; the normal density is zero in float64 beyond
_BLOCK = 256  # rectangles that are integrated together
# Panels are narrow where the integrand may change fast, and grow with the distance from there.
_STEPS = np.array([-9.0, -6.0, -4.0, -2.5, -1.2, 0.0, 1.2, 2.5, 4.0, 6.0, 9.0])
_DECAY = np.array([0.03, 0.1, 0.25, 0.6, 1.5, 3.0])


def rectangle_probabilities(low: Array, high: Array, correlation: float) -> Array:
    r"""The probabilities ``(N,)`` of rectangles under two standard normal variables of this correlation.

    .. math:: \int_{a_1}^{b_1} \varphi(y) \left[\Phi\Bigl(\frac{b_2 - \rho y}{s}\Bigr)
              - \Phi\Bigl(\frac{a_2 - \rho y}{s}\Bigr)\right] dy, \qquad s = \sqrt{1 - \rho^2}

    by Gauss-Legendre quadrature. The panels end where the limits of the inner integral cross the line of the regression
    of one variable on the other, so that also a correlation of almost one loses no accuracy.

    Parameters
    ----------
    low, high : ``(N, 2)``.
    """
    value = np.empty(len(low))
    for begin in range(0, len(low), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        value[block] = _quadrature(low[block], high[block], correlation)
    return value


def _quadrature(low: Array, high: Array, correlation: float) -> Array:
    deviation = np.sqrt((1.0 - correlation) * (1.0 + correlation))
    ends = _panels(low, high, correlation, deviation)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = np.diff(ends, axis=1)[..., None] / 2.0
    y = (ends[:, :-1, None] + half + half * nodes).reshape(len(low), -1)
    with np.errstate(over="ignore", under="ignore"):
        inner = interval_probability(
            (low[:, 1:] - correlation * y) / deviation, (high[:, 1:] - correlation * y) / deviation
        )
        density = np.exp(-0.5 * y**2) / np.sqrt(2.0 * np.pi)
        return np.asarray((inner * density * (half * weights).reshape(y.shape)).sum(1))


def _panels(low: Array, high: Array, correlation: float, deviation: float) -> Array:
    """The ends ``(N, P)`` of the panels, ascending."""
    begin = np.clip(low[:, :1], -_FARTHEST, _FARTHEST)
    end = np.clip(high[:, :1], -_FARTHEST, _FARTHEST)
    limits = np.clip(np.stack([low[:, 1], high[:, 1]], 1), -_FARTHEST, _FARTHEST)
    ends = [begin, end, begin + _DECAY, end - _DECAY, np.broadcast_to(_STEPS, (len(low), len(_STEPS)))]
    for limit in (limits[:, :1], limits[:, 1:]):
        # The integrand rises within a conditional deviation of the regression line, and has its maximum at the
        # conditional mean if the limit is in a tail.
        ends.append(correlation * limit + deviation * _STEPS)
        if correlation:
            ends.append(limit / correlation + deviation / abs(correlation) * _STEPS)
    return np.sort(np.clip(np.concatenate(ends, 1), begin, np.maximum(begin, end)), axis=1)
