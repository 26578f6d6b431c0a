"""Starts from hierarchical agglomeration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from gmix.fitting.start.agglomeration import Tree, by_determinants, by_sum_of_squares
from gmix.fitting.start.labeled import LabeledStart, Labels, SeedRows, different

__all__ = ["Hierarchical"]

_ROWS = 2_000
_VARIANCES = (0.03, 0.003)  # in whitened coordinates, of the rows that `by_determinants` adds to clusters


@dataclass(frozen=True)
class Hierarchical(LabeledStart):
    """Model-based agglomeration (Banfield & Raftery 1993; Fraley 1998) of at most 2,000 rows, and one M-step.

    There are three trees. One minimizes the sum of squares of whitened rows (Scrucca & Raftery 2015). Two minimize
    determinants of covariances; they differ in the variance that keeps the covariances of small clusters regular. The
    same trees are used for all numbers of components.
    """

    def n_rows(self, n_components: int, n_features: int) -> int:
        return max(_ROWS, n_components)

    def clustering(self, rng: np.random.Generator) -> Callable[[SeedRows, int], list[Labels]]:
        @cache
        def trees(seeds: SeedRows) -> list[Tree]:
            points, mass = seeds.points[0], seeds.rows.mass
            squares = by_sum_of_squares(points, mass)
            return [squares, *(by_determinants(points, mass, squares, variance) for variance in _VARIANCES)]

        return lambda seeds, n_components: different(tree.labels(n_components) for tree in trees(seeds))
