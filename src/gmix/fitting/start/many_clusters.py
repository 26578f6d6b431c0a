"""Many clusters to start EM from: k-means in two levels, and exchanges of clusters in large numbers.

k-means++ leaves a few percent of many clusters wrong: one center lies between two clusters, and two centers share a
cluster elsewhere. Lloyd's iteration does not repair that. An exchange does: it merges the two and splits the one (as
Ueda et al. 2000, *Neural Computation* 12:2109, do for mixtures). All exchanges that gain are made at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.fitting.k_means import cluster
from gmix.model.covariance import DIAGONAL
from gmix.model.kernel import kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["MANY", "many_clusters"]

Array = NDArray[np.float64]
Labels = NDArray[np.intp]
MANY = 256  # clusters, at the least
_ROWS = 50  # points per cluster, at most, that exchanges look at
_SEED_ROWS, _SEED_SWEEPS = 20, 5  # points per cluster that seeds are drawn from, and sweeps from there
_ROUNDS, _SWEEPS, _LAST_SWEEPS = 25, 2, 10  # of exchanges; of Lloyd's iteration after each, and after the last
_AXIS_STEPS, _HALF_STEPS = 6, 4  # of the iterations that find the longest axis of a cluster, and its two halves
_PARTNERS = 3  # the nearest clusters, with which a cluster may merge
_PRIOR = 2.0  # points with the mean variance that each cluster's own variance is averaged with
_NEIGHBORS = 16  # centers that are looked at beside that of a point


def many_clusters(points: Array, mass: Array, n_clusters: int, rng: np.random.Generator) -> Labels:
    """Labels ``(N,)`` of standardized points ``(N, P)``; some clusters may be empty.

    The seeds of k-means++ are drawn within the clusters of a coarse k-means, so their number times the number of points
    is never counted in full. Exchanges are judged by the log-likelihood of Gaussians with independent columns, one for
    each cluster.
    """
    if points.shape[1] == 0:
        return np.zeros(len(points), np.intp)
    few, weights = points, mass
    if len(points) > _ROWS * n_clusters:
        some = np.sort(rng.choice(len(points), _ROWS * n_clusters, replace=False))
        few, weights = points[some], mass[some]
    k_means = _KMeans(few, weights, _seeds(few, weights, n_clusters, rng))
    for _ in range(_ROUNDS):
        clusters = _Clusters(few, weights, k_means)
        merges, splits = clusters.exchanges(rng)
        if len(splits.component) == 0:
            break
        k_means.exchange(merges, splits, clusters.exchanged(merges, splits))
        k_means.iterate(_SWEEPS)
    k_means.iterate(_LAST_SWEEPS)
    return kernel.nearest(points, k_means.centers)


def _seeds(points: Array, mass: Array, n_clusters: int, rng: np.random.Generator) -> Array:
    """Centers ``(K, P)``: k-means++ within each cluster of a coarse k-means, in proportion to its weight."""
    n = min(len(points), _SEED_ROWS * n_clusters)
    some = rng.choice(len(points), n, replace=False)
    few, weights = points[some], mass[some]
    coarse = cluster(few, weights, max(int(np.sqrt(n_clusters)), 1), _SEED_SWEEPS, rng)
    order = np.argsort(coarse, kind="stable")
    ends = np.cumsum(np.bincount(coarse))
    share = np.cumsum(np.bincount(coarse, weights))
    wanted = np.diff(np.round(share / share[-1] * n_clusters).astype(int), prepend=0)
    centers: list[Array] = []
    for end, begin, count in zip(ends, [0, *ends[:-1]], wanted, strict=True):
        own = order[begin:end]
        if count > 0:
            labels = cluster(few[own], weights[own], int(count), _SEED_SWEEPS, rng)
            size = np.bincount(labels, weights[own], count)
            sums = _sums(few[own] * weights[own, None], labels, int(count))
            centers.extend(sums[size > 0.0] / size[size > 0.0, None])
    missing = n_clusters - len(centers)
    if missing > 0:  # a part had fewer distinct points than centers
        centers.extend(points[rng.choice(len(points), missing, replace=missing > len(points))])
    return np.array(centers)


def _sums(values: Array, labels: Labels, n_clusters: int) -> Array:
    """The sums ``(K, P)`` of values ``(N, P)`` in each cluster."""
    sums = np.empty((n_clusters, values.shape[1]))
    for j, column in enumerate(values.T):
        sums[:, j] = np.bincount(labels, column, n_clusters)
    return sums


class _Moments(NamedTuple):
    """The weight ``(K,)``, sums ``(K, P)`` and sums of squares ``(K, P)`` of clusters."""

    size: Array
    sums: Array
    squares: Array

    def __add__(self, other: _Moments) -> _Moments:  # type: ignore[override]  # not that of tuples
        return _Moments(self.size + other.size, self.sums + other.sums, self.squares + other.squares)

    def of(self, chosen: NDArray[np.intp]) -> _Moments:
        return _Moments(self.size[chosen], self.sums[chosen], self.squares[chosen])

    @property
    def means(self) -> Array:
        return np.asarray(self.sums / np.maximum(self.size, np.finfo(float).tiny)[:, None])

    def log_likelihoods(self, variance: Array) -> Array:
        """The log-likelihood ``(K,)`` of each cluster's points, but for a constant for each point."""
        scatter = np.maximum(self.squares - self.sums * self.means, 0.0)
        spread = (scatter + _PRIOR * variance) / (self.size + _PRIOR)[:, None]
        share = np.log(np.maximum(self.size, np.finfo(float).tiny))
        return np.asarray(self.size * (share - 0.5 * np.log(spread).sum(1)))


def _moments(rows: Rows, labels: Labels, n_clusters: int, reference: Reference) -> _Moments:
    """The moments of each cluster of points, which are of unit scale."""
    [found] = kernel.label_statistics(DIAGONAL, rows, [labels], n_clusters, reference)
    sums = found.mean * found.mass[:, None]
    return _Moments(found.mass, sums, found.scatter + sums * found.mean)


class _Merges(NamedTuple):
    first: NDArray[np.intp]
    second: NDArray[np.intp]


class _Splits(NamedTuple):
    component: NDArray[np.intp]
    centers: Array  # (S, 2, P)


class _KMeans:
    """Lloyd's iteration, in which a point looks only at the neighbors of its center.

    The time of an iteration grows with the sum of the numbers of points and centers, not with their product.

    Attributes
    ----------
    labels : ``(N,)`` the cluster of each point.
    centers : ``(K, P)``.
    neighbors : ``(K, G)`` the nearest others of each center, the nearest first.
    """

    def __init__(self, points: Array, mass: Array, centers: Array) -> None:
        self.points, self.mass, self.centers = points, mass, centers
        self.rows, zeros = Rows(points, mass), np.zeros(len(points), np.intp)
        self.reference = SufficientStatistics.from_labels(DIAGONAL, points, zeros, 1, mass).reference
        self.labels = kernel.nearest(points, centers)
        self.neighbors = kernel.neighbors(centers, min(_NEIGHBORS, len(centers)))

    @property
    def moments(self) -> _Moments:
        return _moments(self.rows, self.labels, len(self.centers), self.reference)

    def iterate(self, sweeps: int) -> None:
        self._label()
        for _ in range(sweeps):
            before, moments = self.labels, self.moments
            self.centers = np.where(moments.size[:, None] > 0.0, moments.means, self.centers)
            self._label()
            if (self.labels == before).all():
                break

    def _label(self) -> None:
        """Find the labels and neighbors after centers have moved."""
        self.neighbors = kernel.neighbors(self.centers, self.neighbors.shape[1], self.neighbors)
        self.labels = kernel.nearest_neighbors(self.points, self.centers, self.labels, self.neighbors)

    def exchange(self, merges: _Merges, splits: _Splits, centers: Array) -> None:
        """Let the second center of each merge move to the cluster that is split; these are the centers after it.

        Every point looks at the centers of the new clusters, because they may be far from its own.
        """
        k, component = len(self.centers), splits.component
        renamed = np.arange(k)
        renamed[merges.second] = merges.first
        moved = np.concatenate([component, merges.second])
        labels, others = renamed[self.labels], moved[kernel.nearest(self.points, centers[moved])]
        nearer = self._squared_distances(centers[others]) < self._squared_distances(centers[labels])
        self.labels, self.centers = np.where(nearer, others, labels), centers
        known = self.neighbors[component, :-1]
        self.neighbors[merges.second] = np.column_stack([component, known])
        self.neighbors[component] = np.column_stack([merges.second, known])

    def _squared_distances(self, centers: Array) -> Array:
        """Those ``(N,)`` of points to one center each ``(N, P)``."""
        return np.asarray(np.square(self.points - centers).sum(1))


class _Clusters:
    """Clusters of points, with what merges lose and splits gain."""

    def __init__(self, points: Array, mass: Array, of: _KMeans) -> None:
        self.points, self.mass, self.labels, self.centers = points, mass, of.labels, of.centers
        self.partners = of.neighbors[:, :_PARTNERS]
        self.rows, self.reference = of.rows, of.reference
        self.moments = of.moments
        scatter = (self.moments.squares - self.moments.sums * self.moments.means).sum(0)
        self.variance = np.maximum(scatter / mass.sum(), np.finfo(float).tiny)
        self.log_likelihoods = self.moments.log_likelihoods(self.variance)

    def exchanges(self, rng: np.random.Generator) -> tuple[_Merges, _Splits]:
        """The exchanges of different clusters that gain, the best first."""
        first, second, losses = self._merges()
        gains, halves = self._splits(rng)
        margin = float(self.points.shape[1])  # nats, which the best of many cuts gains by chance
        used = np.zeros(len(self.centers), bool)
        merged: list[int] = []
        split: list[int] = []
        best = iter(np.argsort(-gains, kind="stable"))
        component = next(best, None)
        for at in np.argsort(losses, kind="stable"):
            i, j = first[at], second[at]
            if used[i] or used[j]:
                continue
            while component is not None and (used[component] or component in (i, j)):
                component = next(best, None)
            if component is None or gains[component] - losses[at] <= margin:
                break
            if max(gains[i], gains[j]) > gains[component]:
                continue
            used[[i, j, component]] = True
            merged.append(int(at))
            split.append(int(component))
        return _Merges(first[merged], second[merged]), _Splits(np.array(split, np.intp), halves[split])

    def exchanged(self, merges: _Merges, splits: _Splits) -> Array:
        """The centers after exchanges."""
        centers = self.moments.means
        centers[self.moments.size <= 0.0] = self.centers[self.moments.size <= 0.0]
        both = self.moments.of(merges.first) + self.moments.of(merges.second)
        centers[merges.first] = np.where(both.size[:, None] > 0.0, both.means, centers[merges.first])
        centers[splits.component] = splits.centers[:, 0]
        centers[merges.second] = splits.centers[:, 1]
        return centers

    def _merges(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
        """Pairs of near clusters, and the nats that merging each loses."""
        k, most = self.partners.shape
        pairs = np.unique(np.sort(np.column_stack([np.repeat(np.arange(k), most), self.partners.ravel()]), 1), axis=0)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        first, second = pairs.T
        together = (self.moments.of(first) + self.moments.of(second)).log_likelihoods(self.variance)
        return first, second, self.log_likelihoods[first] + self.log_likelihoods[second] - together

    def _splits(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """The nats that each cluster gains if it is cut in two, and the centers ``(K, 2, P)`` of the halves."""
        k, width = self.centers.shape
        residuals = self.points - self.moments.means[self.labels]
        weighted = residuals * self.mass[:, None]
        axes = rng.standard_normal((k, width))
        for _ in range(_AXIS_STEPS):
            along = np.einsum("np,np->n", residuals, axes[self.labels])
            axes = _sums(weighted * along[:, None], self.labels, k)
            axes /= np.maximum(np.linalg.norm(axes, axis=1), np.finfo(float).tiny)[:, None]
        upper = np.einsum("np,np->n", residuals, axes[self.labels]) > 0.0
        for step in range(_HALF_STEPS + 1):
            halves = _moments(self.rows, 2 * self.labels + upper, 2 * k, self.reference)
            centers = halves.means.reshape(k, 2, width)
            if step < _HALF_STEPS:
                middle, across = centers.mean(1), centers[:, 1] - centers[:, 0]
                offset = (middle * across).sum(1)
                upper = np.einsum("np,np->n", self.points, across[self.labels]) > offset[self.labels]
        after = halves.log_likelihoods(self.variance).reshape(k, 2).sum(1)
        gains = np.where((halves.size.reshape(k, 2) > 0.0).all(1), after - self.log_likelihoods, -np.inf)
        return gains, centers
