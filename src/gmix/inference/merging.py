"""Merging of components into clusters that are not Gaussian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix import plot
from gmix.base.arguments import is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, of_kind
from gmix.base.other_names import other_words
from gmix.base.wording import count
from gmix.fitting.result import Fit
from gmix.model.background import most_probable
from gmix.model.mixture import GaussianMixture
from gmix.sources import LocalSource, source_for

__all__ = ["Merging", "merge"]

Array = NDArray[np.float64]
_NO_OVERLAP = 1e-3  # nats per row; if the entropy is less, components hardly overlap


@dataclass(frozen=True, eq=False)
class Merging:
    """The components of a mixture, merged two at a time until one cluster remains.

    Attributes
    ----------
    mixture : the `gmix.GaussianMixture`, whose density merging does not change.
    groups : ``(K, K)``; row ``c - 1`` holds the cluster of each component, counted from 0, if there are c clusters.
    entropy : ``(K,)`` the entropy of the posterior probabilities of 1 to K clusters, summed over the rows, in nats. A
        background stays as it is, and is not part of it.
    mass : the weighted number of rows.
    """

    mixture: GaussianMixture
    groups: NDArray[np.intp]
    entropy: Array
    mass: float

    def __repr__(self) -> str:
        return f"Merging({count(len(self.entropy), 'component')}, {count(self.elbow, 'cluster')} at the elbow)"

    @property
    def elbow(self) -> int:
        """The number of clusters at which the entropy begins to rise faster.

        Two straight lines, one up to this number and one from it on, are fitted to the entropies by least squares; the
        number at which they fit best is the elbow, as in mclust (Baudry et al. 2010 also rescale the numbers, by the
        rows that are merged). It is the number of components if these hardly overlap, or are fewer than three.
        """
        k = len(self.entropy)
        if k < 3 or self.entropy[-1] < _NO_OVERLAP * self.mass:
            return k

        def error(bend: int) -> float:
            first, second = self.lines(bend)
            return float(
                np.square(first - self.entropy[:bend]).sum() + np.square(second - self.entropy[bend - 1 :]).sum()
            )

        return min(range(2, k), key=error)

    def lines(self, bend: int) -> tuple[Array, Array]:
        """The values of two straight lines, fitted to the entropies up to `bend` clusters and from `bend` on."""
        counts = np.arange(1.0, len(self.entropy) + 1)
        parts = [(counts[part], self.entropy[part]) for part in (slice(0, bend), slice(bend - 1, None))]
        first, second = (np.polyval(np.polyfit(x, y, 1), x) for x, y in parts)
        return first, second

    def responsibilities(self, x: Any, clusters: int | None = None) -> Array:
        """The posterior probabilities ``(N, c)`` of c clusters for each row; by default `elbow` clusters."""
        return _joined(self.mixture.responsibilities(x), self._group(clusters))

    def predict(self, x: Any, clusters: int | None = None) -> NDArray[np.intp]:
        """The most probable of c clusters ``(N,)`` for each row, or -1 for the background; by default of `elbow`."""
        return most_probable(self.responsibilities(x, clusters), self.mixture.background)

    def plot(self, ax: Any = None) -> Any:
        """Draw the entropies and the elbow; see `gmix.plot.entropy`."""
        return plot.entropy(self, ax)

    def _group(self, clusters: int | None) -> NDArray[np.intp]:
        count = self.elbow if clusters is None else clusters
        if not (is_count(count) and count <= len(self.groups)):
            raise ParameterError(f"clusters is {clusters!r}; give a whole number from 1 to {len(self.groups)}")
        return np.asarray(self.groups[count - 1])


@other_words()
@one_blas_thread()
def merge(
    model: Fit | GaussianMixture,
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
) -> Merging:
    r"""Merge the components of a mixture into clusters: at each step the two whose merger leaves the least entropy.

    .. math:: -\sum_i \sum_c t_{ic} \log t_{ic}, \qquad t_{ic} = \sum_{k \in c} r_{ik}

    A cluster that is curved or has heavy tails may need several Gaussians. BIC finds the Gaussians, and merging then
    finds the clusters; the mixture does not change. Baudry, Raftery, Celeux, Lo & Gottardo (2010), *Journal of
    Computational and Graphical Statistics* 19:332. Each merger takes one pass over the rows.

    Parameters
    ----------
    model : a `gmix.Fit` or a `gmix.GaussianMixture`.
    data, sample_weight, columns, threads : the rows, as for `gmix.fit`; columns are matched with the features by name.

    Returns
    -------
    A `Merging` with the cluster of each component, for every number of clusters.

    Raises `DataError` for rows of other columns, and for Dask and Spark collections.

    >>> import gmix
    >>> wide = gmix.GaussianMixture(
    ...     [0.3, 0.3, 0.4], [[0.0], [1.0], [9.0]], [[[1.0]]] * 3
    ... )
    >>> merging = gmix.merge(wide, wide.sample(500, rng=1))
    >>> merging.elbow, merging.groups[1]
    (2, array([0, 0, 1]))
    >>> merging.predict([[0.4], [8.0]])
    array([0, 1])
    """
    mixture = model.gaussian("merge") if isinstance(model, Fit) else model
    of_kind(mixture, GaussianMixture, "model", "a Fit or a GaussianMixture")
    source = source_for(mixture, data, sample_weight=sample_weight, columns=columns, threads=threads)
    if not isinstance(source, LocalSource):
        raise DataError("merging needs rows that this process reads, not rows on a cluster; merge on a sub-sample")
    group = np.arange(mixture.n_components)
    groups, entropy, mass = [], [], 0.0
    while True:
        gain, remaining, mass = _gains(mixture.independent_part, source, group)
        groups.append(group)
        entropy.append(remaining)
        if len(gain) == 1:
            return Merging(mixture, np.array(groups[::-1]), np.array(entropy[::-1]), mass)
        one, other = np.unravel_index(gain.argmax(), gain.shape)
        group = np.where(group == other, one, group)
        group = np.where(group > other, group - 1, group)


def _gains(mixture: GaussianMixture, source: LocalSource, group: NDArray[np.intp]) -> tuple[Array, float, float]:
    """The decrease in entropy by merging each two clusters (upper triangle), the entropy, and the mass of the rows."""
    n_clusters = int(group.max()) + 1
    gain, entropy, mass = np.full((n_clusters, n_clusters), -np.inf), 0.0, 0.0
    gain[np.triu_indices(n_clusters, 1)] = 0.0
    for block in source.blocks():
        share = _joined(mixture.responsibilities(block, threads=source.threads), group).T
        weight = block.mass
        separate = _negentropy(share) @ weight
        for c in range(n_clusters - 1):
            merged = _negentropy(share[c] + share[c + 1 :]) @ weight
            gain[c, c + 1 :] += merged - separate[c] - separate[c + 1 :]
        entropy -= float(separate.sum())
        mass += float(weight.sum())
    return gain, max(entropy, 0.0), mass


def _negentropy(share: Array) -> Array:
    return np.asarray(share * np.log(np.where(share > 0, share, 1.0)))


def _joined(responsibilities: Array, group: NDArray[np.intp]) -> Array:
    """The responsibilities ``(N, c)`` of clusters from those of components, ``(N, K)``."""
    return responsibilities @ np.eye(int(group.max()) + 1)[group]
