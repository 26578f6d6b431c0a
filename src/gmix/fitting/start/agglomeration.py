"""Hierarchical agglomeration: the two clusters whose merger costs least are merged, until there is only one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tree", "by_determinants", "by_sum_of_squares"]

Array = NDArray[np.float64]
# Agglomeration by determinants begins with at most _CLUSTERS clusters, fewer if all their pairs would need more than
# _WORK multiply-adds. A determinant costs _PER_DETERMINANT of these besides the D^3.
_CLUSTERS, _WORK, _PER_DETERMINANT = 200, 5e7, 300.0


@dataclass(frozen=True, eq=False)
class Tree:
    """The mergers of clusters of rows, in order.

    Attributes
    ----------
    merged : ``(N - 1, 2)`` for each merger, one row of each of the two clusters.
    """

    merged: NDArray[np.intp]

    def labels(self, n_clusters: int) -> NDArray[np.intp]:
        """Which of `n_clusters` clusters each row is in, ``(N,)``; clusters are numbered as they first appear."""
        n_rows = len(self.merged) + 1
        above = list(range(n_rows))

        def top(row: int) -> int:
            while above[row] != row:
                above[row] = row = above[above[row]]
            return row

        for first, second in self.merged[: max(n_rows - n_clusters, 0)].tolist():
            one, other = sorted((top(first), top(second)))
            above[other] = one
        return np.unique([top(row) for row in range(n_rows)], return_inverse=True)[1].astype(np.intp)


def by_sum_of_squares(points: Array, mass: Array) -> Tree:
    """The tree in which each merger adds least to the sum of squares within clusters (Ward 1963).

    The nearest-neighbor chain algorithm takes time O(N^2) and memory O(N) (Murtagh 1983, *Computer Journal* 26:354).
    """
    n = len(points)
    centers, mass = points.copy(), mass.copy()
    norms = (centers**2).sum(1)
    merged, heights = np.empty((n - 1, 2), np.intp), np.empty(n - 1)
    chain: list[int] = []
    increases: list[float] = []  # in the sum of squares if neighbors in the chain were merged; they decrease
    first = 0  # all clusters before this one have been merged into others
    for merger in range(n - 1):
        if not chain:
            while np.isinf(norms[first]):
                first += 1
            chain.append(first)
        while True:
            a = chain[-1]
            # The expanded square is accurate enough, because the points are centered and of unit scale.
            squared = np.maximum(norms - 2.0 * (centers @ centers[a]) + norms[a], 0.0)
            squared[a] = np.inf
            increase = squared * (mass * (mass[a] / (mass + mass[a])))
            b = int(increase.argmin())
            # Then a and b are each other's nearest neighbors, up to rounding.
            if b in chain or (increases and increases[-1] <= increase[b]):
                break
            chain.append(b)
            increases.append(float(increase[b]))
        b, a = chain.pop(), chain.pop()
        merged[merger], heights[merger] = (a, b), increases.pop()
        if increases:
            increases.pop()
        centers[a] = (mass[a] * centers[a] + mass[b] * centers[b]) / (mass[a] + mass[b])
        mass[a] += mass[b]
        norms[a], norms[b] = (centers[a] ** 2).sum(), np.inf
    return Tree(merged[np.argsort(heights, kind="stable")])


def by_determinants(points: Array, mass: Array, tree: Tree, variance: float) -> Tree:
    """The tree in which each merger decreases the likelihood least if all covariances are free.

    See Banfield & Raftery (1993), *Biometrics* 49:803. The first mergers, until at most 200 clusters remain, are
    those of another tree, because a few rows do not determine a covariance. D + 2 rows of this variance are added to
    each cluster.
    """
    n, d = points.shape
    most = min(_CLUSTERS, max(int((_WORK / (_PER_DETERMINANT + d**3)) ** 0.5), 1), n)
    labels = tree.labels(most)
    members = [np.flatnonzero(labels == k) for k in range(most)]
    sums = _Sums.of(points, mass, members)
    merged = [(members[a][0], members[b][0]) for a, b in sums.mergers(variance)]
    return Tree(np.concatenate([tree.merged[: n - most], np.array(merged, np.intp).reshape(-1, 2)]))


@dataclass(eq=False)
class _Sums:
    """The masses ``(M,)``, means ``(M, D)`` and scatter ``(M, D, D)`` of clusters."""

    mass: Array
    mean: Array
    scatter: Array

    @classmethod
    def of(cls, points: Array, mass: Array, members: Sequence[NDArray[np.intp]]) -> _Sums:
        total = np.array([mass[own].sum() for own in members])
        mean = np.stack([mass[own] @ points[own] for own in members]) / total[:, None]
        deviations = [points[own] - m for own, m in zip(members, mean, strict=True)]
        scatter = [(mass[own][:, None] * dev).T @ dev for own, dev in zip(members, deviations, strict=True)]
        return cls(total, mean, np.stack(scatter))

    def mergers(self, variance: float) -> Iterator[tuple[int, int]]:
        """Merge clusters until one remains; yield the two of each merger, of which the first becomes the union."""
        count = len(self.mass)
        costs = self.costs(variance)
        increase = np.full((count, count), np.inf)  # above the diagonal
        for k in range(count - 1):
            later = np.arange(k + 1, count)
            increase[k, later] = self.merged(k, later).costs(variance) - costs[k] - costs[later]
        left = np.ones(count, bool)
        for _ in range(count - 1):
            a, b = divmod(int(increase.argmin()), count)
            yield a, b
            both = self.merged(a, np.array([b]))
            self.mass[a], self.mean[a], self.scatter[a] = both.mass[0], both.mean[0], both.scatter[0]
            costs[a] = both.costs(variance)[0]
            increase[b], increase[:, b], left[b] = np.inf, np.inf, False
            others = np.flatnonzero(left & (np.arange(count) != a))
            after = self.merged(a, others).costs(variance) - costs[a] - costs[others]
            increase[np.minimum(others, a), np.maximum(others, a)] = after

    def merged(self, one: int, others: NDArray[np.intp]) -> _Sums:
        """The unions of one cluster with each of the others."""
        mass = self.mass[one] + self.mass[others]
        step = self.mean[others] - self.mean[one]
        share = self.mass[others] / mass
        between = (self.mass[one] * share)[:, None, None] * step[:, :, None] * step[:, None, :]
        return _Sums(mass, self.mean[one] + share[:, None] * step, self.scatter[one] + self.scatter[others] + between)

    def costs(self, variance: float) -> Array:
        """Minus twice the log-likelihood of each cluster, up to constants."""
        d = self.mean.shape[1]
        few = d + 2.0
        determinants = np.linalg.slogdet(self.scatter + few * variance * np.eye(d))[1]
        # Beside rows of a very large mass, the rows that are added are lost in rounding.
        determinants = np.where(np.isneginf(determinants), d * np.log(few * variance), determinants)
        return np.asarray(self.mass * (determinants - d * np.log(self.mass + few)))
