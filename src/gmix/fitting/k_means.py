"""Seeding: clusters to start from, by k-means++ and some steps of Lloyd's iteration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.model.kernel import kernel

__all__ = ["cluster"]

Array = NDArray[np.float64]


def cluster(points: Array, mass: Array, n_components: int, sweeps: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Labels ``(N,)`` of points ``(N, P)`` about zero and of unit scale; clusters are counted as they first appear.

    The seeds are those of the greedy k-means++ (Arthur & Vassilvitskii 2007): each the best of a few points, drawn with
    probability proportional to the squared distance to those chosen. Then come at most so many sweeps of Lloyd's.
    """
    return kernel.cluster(points, mass, sweeps, rng.random((n_components, 2 + int(np.log(n_components)))))
