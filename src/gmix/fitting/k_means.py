"""Seeding: clusters to start from, by k-means++ and some steps of Lloyd's.

As of the kernel there are two, which a test holds together: the compiled one, and the plain one below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.model import kernel

__all__ = ["cluster", "cluster_numpy"]

Array = NDArray[np.float64]
_AT_REST = 1000  # of so many points at most one has moved


def cluster(points: Array, mass: Array, n_components: int, sweeps: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Labels ``(N,)`` of points ``(N, P)`` about zero and of unit scale; clusters are counted as they first appear.

    The seeds are those of the greedy k-means++ (Arthur & Vassilvitskii 2007): each the best of a few points, drawn with
    probability proportional to the squared distance to those chosen. Then come at most so many sweeps of Lloyd's.
    """
    draws = rng.random((n_components, 2 + int(np.log(n_components))))
    labels = kernel.cluster(points, mass, sweeps, draws)
    return cluster_numpy(points, mass, sweeps, draws) if labels is None else labels


def cluster_numpy(points: Array, mass: Array, sweeps: int, draws: Array) -> NDArray[np.intp]:
    """The plain twin of `cluster`, given its uniform numbers ``(K, trials)``."""
    centres = _seeds(points, mass, draws)
    labels = _nearest(points, centres)
    for _ in range(sweeps):
        share = np.eye(len(centres))[labels] * mass[:, None]
        size = share.sum(0)
        centres = np.where(size[:, None] > 0, share.T @ points / np.maximum(size, 1e-300)[:, None], centres)
        before, labels = labels, _nearest(points, centres)
        if _AT_REST * np.count_nonzero(labels != before) <= len(points):
            break
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse])


def _nearest(points: Array, centres: Array) -> NDArray[np.intp]:
    return np.asarray(((centres**2).sum(1) - 2.0 * (points @ centres.T)).argmin(1))


def _seeds(points: Array, mass: Array, draws: Array) -> Array:
    norms = (points**2).sum(1)

    def drawn(share: Array, part: Array) -> NDArray[np.intp]:
        sums = np.cumsum(share)
        return np.asarray(np.minimum(np.searchsorted(sums, part * sums[-1], side="right"), len(share) - 1))

    def squared_distances(chosen: NDArray[np.intp]) -> Array:
        # Expanding the square costs no digit that matters: the points are about zero and of unit scale.
        return np.asarray(np.maximum(norms[chosen, None] - 2.0 * points[chosen] @ points.T + norms, 0.0))

    chosen = drawn(mass, draws[0, :1])
    closest = squared_distances(chosen)[0]
    for parts in draws[1:]:
        potential = closest * mass
        tried = drawn(potential if potential.any() else mass, parts)  # else there are fewer distinct points than seeds
        closer = np.minimum(closest, squared_distances(tried))
        best = int((closer @ mass).argmin())
        chosen, closest = np.append(chosen, tried[best]), closer[best]
    return points[chosen]
