"""Quantiles of many mixtures of one column at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

__all__ = ["mixture_quantiles"]

Array = NDArray[np.float64]
_STEPS = 200  # at most; bisection alone needs fewer
_BISECTED = 4  # every such step is a bisection, so that the bracket shrinks whatever the density is
_CONVERGED = 1e-9  # of the probability, before a last step of Newton's method
_SCALE = 1.0 / np.sqrt(2.0 * np.pi)


def mixture_quantiles(weights: Array, means: Array, deviations: Array, probability: float) -> Array:
    r"""The y at which each of n mixtures reaches a probability, ``(n,)``: the root of

    .. math:: \sum_k w_k \, \Phi\Big(\frac{y - m_k}{s_k}\Big) = q.

    The root lies between the smallest and the largest quantile of the components. Newton's method on the logarithm of
    the tail probability is used within this bracket, and bisection where it would leave it.

    Parameters
    ----------
    weights, means : ``(n, K)``.
    deviations : ``(K,)``; all zero for distributions without width.
    probability : between 0 and 1.

    >>> mixture_quantiles(np.array([[0.5, 0.5]]), np.array([[0.0, 4.0]]), np.ones(2), 0.75).round(3)
    array([4.])
    """
    if not (deviations > 0.0).all():
        return np.asarray((weights * means).sum(1))
    side, tail = (1.0, probability) if probability <= 0.5 else (-1.0, 1.0 - probability)
    own = np.where(weights > 0.0, means + deviations * ndtri(probability), np.nan)
    low, high = np.asarray(np.nanmin(own, 1)), np.asarray(np.nanmax(own, 1))
    if tail == 0.0:
        return low
    found = np.clip((weights * own).sum(1, where=weights > 0.0), low, high)
    active = np.arange(len(found))
    for step in range(1, _STEPS + 1):
        w, m, y = weights[active], means[active], found[active]
        z = (y[:, None] - m) / deviations
        probabilities = (w * ndtr(side * z)).sum(1)
        density = (w * np.exp(-0.5 * z**2) / deviations).sum(1) * _SCALE
        too_low = side * (probabilities - tail) < 0.0
        low[active], high[active] = np.where(too_low, y, low[active]), np.where(too_low, high[active], y)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            excess = np.log(probabilities / tail)
            moved = y - side * excess * probabilities / density
        inside = (moved >= low[active]) & (moved <= high[active])
        middle = low[active] / 2.0 + high[active] / 2.0
        found[active] = np.where(inside & (step % _BISECTED != 0), moved, middle)
        ended = (inside & (np.abs(excess) < _CONVERGED)) | (high[active] - low[active] <= np.spacing(np.abs(middle)))
        found[active[ended & inside]] = moved[ended & inside]
        active = active[~ended]
        if not len(active):
            break
    return np.asarray(found)
