"""Starts from k-means with k-means++ seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gmix.fitting.k_means import cluster
from gmix.fitting.start.labeled import LabeledStart, Labels, SeedRows, different
from gmix.fitting.start.many_clusters import MANY, many_clusters

__all__ = ["KMeansPlusPlus"]


@dataclass(frozen=True)
class KMeansPlusPlus(LabeledStart):
    """k-means from greedy k-means++ seeds (`gmix.fitting.k_means.cluster`) and one M-step, repeated `runs` times.

    Half of the runs measure distances after whitening by the covariance of all rows, so that neither the units of the
    columns nor the directions of the axes matter. The other runs standardize the columns instead: if clusters differ in
    only a few of many columns, whitening hides the differences. With one column both are the same, and half the runs
    suffice.

    For many components, exchanges of clusters replace the repeated runs (`many_clusters`).
    """

    draws: ClassVar[bool] = True
    runs: int = 8
    sweeps: int = 40

    def clustering(self, rng: np.random.Generator) -> Callable[[SeedRows, int], list[Labels]]:
        def labels(seeds: SeedRows, n_components: int) -> list[Labels]:
            if n_components >= MANY:
                return different(many_clusters(points, seeds.rows.mass, n_components, rng) for points in seeds.points)
            return different(
                cluster(coordinates, seeds.rows.mass, n_components, self.sweeps, rng)
                for _ in range(self.runs // (4 if seeds.are_expensive else 2))
                for coordinates in seeds.points
            )

        return labels
