"""Seeds of k-means and the nearest of several centers, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["nearest", "seeds", "squared_distances"]

Array = NDArray[np.float64]


def nearest(points: Array, centers: Array) -> NDArray[np.intp]:
    """The nearest center ``(N,)`` of each point."""
    return np.asarray(((centers**2).sum(1) - 2.0 * (points @ centers.T)).argmin(1))


def squared_distances(points: Array, centers: Array) -> Array:
    """The squared distance ``(N, K)`` of each point to each center."""
    return np.asarray(((points[:, None] - centers) ** 2).sum(-1))


def seeds(points: Array, mass: Array, draws: Array) -> Array:
    """Centers chosen by greedy k-means++, with uniform numbers ``draws (K, trials)``."""
    norms = (points**2).sum(1)

    def sample(probabilities: Array, uniform: Array) -> NDArray[np.intp]:
        sums = np.cumsum(probabilities)
        return np.asarray(np.minimum(np.searchsorted(sums, uniform * sums[-1], side="right"), len(probabilities) - 1))

    def squared_distances(chosen: NDArray[np.intp]) -> Array:
        # The expanded square is accurate enough, because the points are centered and of unit scale.
        return np.asarray(np.maximum(norms[chosen, None] - 2.0 * points[chosen] @ points.T + norms, 0.0))

    chosen = sample(mass, draws[0, :1])
    closest = squared_distances(chosen)[0]
    for uniform in draws[1:]:
        potential = closest * mass  # zero if there are fewer distinct points than seeds
        proposed = sample(potential if potential.any() else mass, uniform)
        closer = np.minimum(closest, squared_distances(proposed))
        best = int((closer @ mass).argmin())
        chosen, closest = np.append(chosen, proposed[best]), closer[best]
    return points[chosen]
