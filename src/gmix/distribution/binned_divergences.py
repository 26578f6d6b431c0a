"""Lower bounds of divergences from the probabilities of bins in one dimension.

A function of a point, here the bin of its projection on a direction, cannot make two distributions more different: the
divergence of the bins is at most that of the mixtures (the data-processing inequality; Csiszar 1967, *Studia
Scientiarum Mathematicarum Hungarica* 2:299).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.distribution.intervals import interval_probability
from gmix.distribution.normals import Normals
from gmix.model.covariance import FULL

__all__ = ["BinnedDivergences", "binned_divergences"]

Array = NDArray[np.float64]
_STEPS = np.arange(-8.0, 8.25, 0.25)  # standard deviations of a component, where bins end
_MOST_BINS, _MOST_COLUMNS, _MOST_CONTRASTS = 4096, 8, 4
_NUMBERS = 1 << 20  # numbers in one array
_SMALLEST = 1e-300  # a larger probability under q makes the bound smaller, so it stays a bound
_ROUNDING = 1e-9  # of the probabilities, relative to the result or to one


class BinnedDivergences(NamedTuple):
    """The greatest divergences of bins that were found."""

    kl: float  # a lower bound of the Kullback-Leibler divergence
    log_affinity: float  # an upper bound of the logarithm of the integral of the root of p q


def binned_divergences(p: Normals, q: Normals) -> BinnedDivergences:
    """The greatest divergences of bins, over projections on columns and on directions that separate components."""
    kl, affinity = 0.0, 1.0
    for direction in _directions(p.joined(q)):
        one, two = (part.means @ direction for part in (p, q))
        deviations = [np.sqrt(np.square(part.factor.mT @ direction).sum(1)) for part in (p, q)]
        ends = _ends(np.concatenate([one, two]), np.concatenate(deviations))
        mass, other = (
            _probabilities(part.weights, means, deviation, ends)
            for part, means, deviation in zip((p, q), (one, two), deviations, strict=True)
        )
        used = mass > 0.0
        kl = max(kl, float(mass[used] @ np.log(mass[used] / np.maximum(other[used], _SMALLEST))))
        affinity = min(affinity, float(np.sqrt(mass * other).sum()))
    rounding = _ROUNDING + p.rounding + q.rounding
    return BinnedDivergences(max(0.0, kl - rounding * (1.0 + kl)), float(np.log(min(affinity + rounding, 1.0))))


def _directions(both: Normals) -> Array:
    """Columns ``(M, D)``: the unit vectors, and the directions in which the means differ most for the covariance."""
    d = both.means.shape[1]
    within = np.tensordot(both.weights, both.covariances, 1)
    deviation = np.sqrt(np.diagonal(within))
    factor = FULL.factor((within / deviation[:, None] / deviation)[None])
    [whitener] = FULL.whitener(factor)
    whitened = ((both.means - both.weights @ both.means) / deviation) @ whitener.T
    _, _, contrasts = np.linalg.svd(np.sqrt(both.weights)[:, None] * whitened, full_matrices=False)
    return np.concatenate([np.eye(d)[:_MOST_COLUMNS], contrasts[:_MOST_CONTRASTS] @ whitener / deviation])


def _ends(means: Array, deviations: Array) -> Array:
    """Ends of bins ``(B,)``, ascending, closer together where a component is narrow."""
    ends = np.unique(means[:, None] + deviations[:, None] * _STEPS)
    if len(ends) > _MOST_BINS:
        ends = ends[np.linspace(0, len(ends) - 1, _MOST_BINS).astype(np.intp)]
    return np.concatenate([[-np.inf], ends, [np.inf]])


def _probabilities(weights: Array, means: Array, deviations: Array, ends: Array) -> Array:
    """The probability of each bin under a mixture of one column."""
    total = np.empty(len(ends) - 1)
    block = max(_NUMBERS // len(means), 1)
    for begin in range(0, len(total), block):
        z = (ends[begin : begin + block + 1, None] - means) / deviations
        total[begin : begin + block] = interval_probability(z[:-1], z[1:]) @ weights
    return total
