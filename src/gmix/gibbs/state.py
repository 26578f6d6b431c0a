"""The state of a chain: which cluster each row belongs to, and what is known about the clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.gibbs.conjugate import ConjugateComponents, Moments
from gmix.gibbs.partitions import PartitionPrior

__all__ = ["State"]

Array = NDArray[np.float64]
Labels = NDArray[np.intp]


class State:
    """A partition of rows into clusters.

    Components of a finite mixture keep their numbers and may be empty. The clusters of a Dirichlet process are numbered
    without gaps.

    Attributes
    ----------
    rows : ``(N, D)``.
    model : of the components.
    prior : of the partition.
    labels : ``(N,)`` the component of each row.
    moments : of the rows of each component.
    """

    def __init__(self, rows: Array, model: ConjugateComponents, prior: PartitionPrior, labels: Labels) -> None:
        self.rows, self.model, self.prior = rows, model, prior
        self.relabel(labels)

    def relabel(self, labels: Labels) -> None:
        """Set all labels, and what follows from them."""
        size = self.prior.n_components
        if size is None:
            _, labels = np.unique(labels, return_inverse=True)
            size = int(labels.max()) + 1
        self.labels: Labels = labels.astype(np.intp, copy=False)
        self.moments = Moments.of_labels(self.model.form, self.rows, self.labels, size)
        self._log_marginals: Array | None = None

    @property
    def log_marginals(self) -> Array:
        """The log density ``(K,)`` of the rows of each component, averaged over its parameters."""
        if self._log_marginals is None:
            self._log_marginals = self.model.log_marginals(self.moments)
        return self._log_marginals

    @property
    def counts(self) -> Array:
        """The number ``(K,)`` of rows of each component."""
        return self.moments.count

    @property
    def occupied(self) -> NDArray[np.intp]:
        """The components that have rows."""
        return np.flatnonzero(self.counts > 0.0)

    @property
    def n_clusters(self) -> int:
        """The number of components that have rows."""
        return int(np.count_nonzero(self.counts))

    @property
    def log_joint(self) -> float:
        """The log density of the rows and the partition, averaged over the parameters."""
        occupied = self.occupied
        found = self.prior.log_probability(self.counts[occupied]) + float(self.log_marginals[occupied].sum())
        if self.prior.hyperprior is not None:
            shape, rate = self.prior.hyperprior
            found += (shape - 1.0) * float(np.log(self.prior.concentration)) - rate * self.prior.concentration
        return found

    def members(self, *clusters: int) -> NDArray[np.intp]:
        """The rows of some of the clusters, in order."""
        return np.flatnonzero(np.isin(self.labels, clusters) if len(clusters) > 1 else self.labels == clusters[0])

    def merge_ratios(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> tuple[Array, Moments, Array]:
        """The log ratios of the joint densities after and before two clusters become one, for several pairs.

        Also returns the moments and the log marginal densities of all their rows.
        """
        together = self.moments.take(first).united(self.moments.take(second))
        marginals = self.model.log_marginals(together)
        split = self.prior.split_ratios(self.n_clusters - 1, self.counts[first], self.counts[second])
        return marginals - self.log_marginals[first] - self.log_marginals[second] - split, together, marginals

    def merge(self, first: int, second: int, together: Moments, marginal: Array) -> None:
        """Give the rows of the second cluster to the first."""
        self.labels[self.labels == second] = first
        self._set([first, second], together.joined(self.model.no_rows(1)), np.append(marginal, 0.0))
        if self.prior.n_components is None:
            kept = np.delete(np.arange(len(self.counts)), second)
            self._log_marginals = self.log_marginals[kept]
            self.moments = self.moments.take(kept)
            self.labels[self.labels > second] -= 1

    def split_ratio(self, cluster: int, moments: Moments) -> tuple[float, Array]:
        """The log ratio of the joint densities after and before a cluster becomes two with these moments.

        Also returns the log marginal densities of the two. The ratio is minus infinity if there is no room for another.
        """
        [prior] = self.prior.split_ratios(self.n_clusters, moments.count[:1], moments.count[1:])
        if np.isneginf(prior):
            return -np.inf, np.zeros(2)
        marginals = self.model.log_marginals(moments)
        return float(prior + marginals.sum() - self.log_marginals[cluster]), marginals

    def split(self, cluster: int, leaving: NDArray[np.intp], moments: Moments, marginals: Array) -> None:
        """Move rows of a cluster to a new one."""
        if self.prior.n_components is None:
            new = len(self.counts)
            self._log_marginals = np.append(self.log_marginals, 0.0)
            self.moments = self.moments.joined(self.model.no_rows(1))
        else:
            new = int(np.flatnonzero(self.counts == 0.0)[0])
        self.labels[leaving] = new
        self._set([cluster, new], moments, marginals)

    def move(self, row: int, to: int, moments: Moments, marginals: Array) -> None:
        """Give a row of a cluster with other rows to another cluster; the moments are those of both afterwards."""
        own = int(self.labels[row])
        self.labels[row] = to
        self._set([own, to], moments, marginals)

    def _set(self, clusters: list[int], moments: Moments, marginals: Array) -> None:
        self.log_marginals[clusters] = marginals
        for mine, theirs in (
            (self.moments.count, moments.count),
            (self.moments.mean, moments.mean),
            (self.moments.scatter, moments.scatter),
        ):
            mine[clusters] = theirs
