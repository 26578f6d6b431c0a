"""Quantiles of many mixtures of one column at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

__all__ = ["mixture_quantiles"]

Array = NDArray[np.float64]
_STEPS = 200  # at most; bisection alone needs fewer
_CONVERGED = 1e-8  # of the normal quantile of the probability, before a last step of Newton's method


def mixture_quantiles(weights: Array, means: Array, deviations: Array, probability: float) -> Array:
    r"""The y at which each of n mixtures reaches a probability: ``(n,)``.

    It is the root of

    .. math:: \Phi^{-1}\Big(\sum_k w_k \, \Phi\Big(\frac{y - m_k}{s_k}\Big)\Big) = \Phi^{-1}(q),

    which lies between the smallest and the largest quantile of the components. The left side is linear in y for one
    component, so Newton's method takes few steps. Where it would leave the bracket, or its steps do not become smaller,
    the bracket is bisected.

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
    goal, present = float(ndtri(tail)), weights > 0.0
    own = means + side * goal * deviations
    low, high = own.min(1, where=present, initial=np.inf), own.max(1, where=present, initial=-np.inf)
    if tail == 0.0:
        return np.asarray(low)
    found = np.clip((weights * own).sum(1, where=present), low, high)
    before_last = high - low  # lengths of steps
    last = before_last.copy()
    active = np.arange(len(found))
    for _ in range(_STEPS):
        y = found[active]
        z = (y[:, None] - means[active]) / deviations
        reached = ndtri((weights[active] * ndtr(side * z)).sum(1))
        density = (weights[active] * np.exp(-0.5 * z**2)) @ (1.0 / deviations)
        excess = reached - goal
        low[active] = np.where(side * excess < 0.0, y, low[active])
        high[active] = np.where(side * excess < 0.0, high[active], y)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = -side * excess * np.exp(-0.5 * reached**2) / density
        begin, end, moved = low[active], high[active], y + step
        newton = (moved >= begin) & (moved <= end) & (np.abs(step) <= 0.5 * before_last[active])
        found[active] = np.where(newton, moved, begin / 2.0 + end / 2.0)
        before_last[active], last[active] = last[active], np.abs(found[active] - y)
        ended = (newton & (np.abs(excess) < _CONVERGED)) | (end - begin <= np.spacing(np.abs(y)))
        active = active[~ended]
        if not len(active):
            break
    return np.asarray(found)
