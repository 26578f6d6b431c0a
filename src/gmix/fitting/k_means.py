"""Clusters to start EM from, by k-means++ and Lloyd's iteration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.model.kernel import kernel

__all__ = ["cluster"]

Array = NDArray[np.float64]


def cluster(points: Array, mass: Array, n_components: int, sweeps: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Labels ``(N,)`` of standardized points ``(N, P)``; clusters are numbered as they first appear.

    The seeds are those of greedy k-means++ (Arthur & Vassilvitskii 2007). Each is the best of a few points, drawn with
    probability proportional to their squared distance to the nearest seed. At most `sweeps` iterations of Lloyd's
    k-means follow.
    """
    return kernel.cluster(points, mass, sweeps, rng.random((n_components, 2 + int(np.log(n_components)))))
