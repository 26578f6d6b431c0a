"""The distribution of some columns of a mixture given the others, for many rows at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.model.covariance import FULL
from gmix.model.imputation import patterns
from gmix.model.mixture import GaussianMixture

__all__ = ["Conditional", "Conditionals"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
_BLOCK = 65_536  # rows whose conditional distributions are held together, so that they take little memory


class Conditional(NamedTuple):
    """The conditional mixtures of n rows, which have the same missing cells.

    Attributes
    ----------
    rows : ``(n,)`` the positions of the rows.
    weights : ``(n, K)`` the responsibilities.
    means : ``(n, K, T)``.
    covariances : ``(K, T, T)``, the same for all of these rows.
    """

    rows: Positions
    weights: Array
    means: Array
    covariances: Array

    @property
    def mean(self) -> Array:
        """``(n, T)``."""
        return np.asarray((self.weights[:, :, None] * self.means).sum(1))

    @property
    def deviation(self) -> Array:
        """The standard deviation ``(n, T)``."""
        apart = self.means - self.mean[:, None]
        within = self.weights @ np.diagonal(self.covariances, axis1=1, axis2=2)
        return np.asarray(np.sqrt(within + (self.weights[:, :, None] * apart**2).sum(1)))

    @property
    def covariance(self) -> Array:
        """``(n, T, T)``."""
        apart = self.means - self.mean[:, None]
        within = np.tensordot(self.weights, self.covariances, 1)
        return np.asarray(within + (self.weights[:, :, None] * apart).mT @ apart)

    def sample(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Draws ``(n, n_samples, T)``."""
        values, vectors = np.linalg.eigh(self.covariances)
        roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        sums = np.cumsum(self.weights, axis=1)
        uniform = rng.random((len(sums), n_samples)) * sums[:, -1:]
        drawn = np.minimum((sums[:, None, :] <= uniform[:, :, None]).sum(2), sums.shape[1] - 1)
        found = rng.standard_normal((*drawn.shape, roots.shape[1]))
        for k, root in enumerate(roots):
            found[drawn == k] = found[drawn == k] @ root.T
        return np.asarray(found + np.take_along_axis(self.means, drawn[:, :, None], 1))


@dataclass(frozen=True)
class _Regressions:
    r"""The linear regressions of the targets on the present cells, one for each component.

    .. math:: E_k[y \mid x] = a_k + B_k (x - c), \qquad
              B_k = \Sigma_{k,yx} \Sigma_{k,xx}^{-1}
    """

    center: Array  # (P,) c
    intercepts: Array  # (K, T) a
    slopes: Array  # (K, T, P) B
    covariances: Array  # (K, T, T)

    @one_blas_thread()
    def means(self, given: Array) -> Array:
        """The conditional means ``(n, K, T)`` given cells ``(n, P)``."""
        k, t = self.intercepts.shape
        products = (given - self.center) @ self.slopes.reshape(k * t, len(self.center)).T
        return np.asarray(products.reshape(len(given), k, t) + self.intercepts)


class Conditionals:
    """The distribution of the last columns of a mixture, the targets, given the first ones.

    Columns may follow from others (`GaussianMixture.dependence`), targets from the first columns too.
    """

    def __init__(self, mixture: GaussianMixture, n_given: int) -> None:
        dependence, part = mixture.dependence, mixture.independent_part
        self.part, n_all = part, mixture.n_features
        columns = np.arange(n_all) if dependence is None else np.array(dependence.independent)
        self.columns = columns[columns < n_given]  # those of X that the others follow from
        self.matrix = np.eye(n_all)[n_given:] if dependence is None else dependence.matrix[n_given:]
        self.offset = np.zeros(n_all - n_given) if dependence is None else dependence.offset[n_given:]
        self.targets_are_independent = int((columns >= n_given).sum()) == n_all - n_given
        self.given = part.marginal([*range(len(self.columns))]) if len(self.columns) else None

    @property
    def n_targets(self) -> int:
        return len(self.matrix)

    def log_density_of_given(self, x: NDArray[Any]) -> Array:
        """The log density ``(N,)`` of the first columns ``(N, P)``."""
        return np.zeros(len(x)) if self.given is None else self.given.log_density(x[:, self.columns])

    def of(self, x: NDArray[Any]) -> Iterator[Conditional]:
        """The conditional distributions given rows ``(N, P)``, in blocks; NaN is a missing cell."""
        x = x[:, self.columns]
        complete = np.flatnonzero(~np.isnan(x).any(1))
        everything = np.ones(x.shape[1], bool)
        for rows, present in [(complete, everything), *patterns(x)]:
            regressions = self._regressions(np.flatnonzero(present))
            for begin in range(0, len(rows), _BLOCK):
                some = rows[begin : begin + _BLOCK]
                values = x[some].astype(np.float64)
                means = regressions.means(values[:, present])
                yield Conditional(some, self._weights(values), means, regressions.covariances)

    def _weights(self, x: Array) -> Array:
        """The responsibilities ``(n, K)`` given the independent columns."""
        if self.given is None:
            return np.broadcast_to(self.part.weights, (len(x), self.part.n_components))
        return self.given.responsibilities(x)

    @one_blas_thread()
    def _regressions(self, present: Positions) -> _Regressions:
        """The regressions on the cells at these positions among the independent columns."""
        others = np.setdiff1d(np.arange(self.part.n_features), present)
        means, dense = self.part.means, self.part.covariances
        center = self.part.weights @ means[:, present]
        remaining, slopes = dense[:, others][:, :, others], np.zeros((len(means), len(others), len(present)))
        if len(present):
            whitener = FULL.whitener(FULL.factor(dense[:, present][:, :, present]))
            cross = dense[:, others][:, :, present] @ whitener.mT
            slopes, remaining = cross @ whitener, remaining - cross @ cross.mT
        known, unknown = self.matrix[:, present], self.matrix[:, others]
        at_center = means[:, others] + (slopes @ (center - means[:, present])[..., None])[..., 0]
        covariances = unknown @ remaining @ unknown.T
        return _Regressions(
            center,
            self.offset + known @ center + at_center @ unknown.T,
            known + unknown @ slopes,
            (covariances + covariances.mT) / 2.0,
        )
