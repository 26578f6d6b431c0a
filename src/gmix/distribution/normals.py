"""The components of a mixture as normal distributions, and quantities from which divergences are computed."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from gmix.distribution.contract import MixtureContract
from gmix.model.covariance import FULL

__all__ = ["Normals", "by_summed_covariances", "log_product_integrals"]

Array = NDArray[np.float64]
_ROUNDING = 1e-12  # by how much bounds are widened, relative to their size or to one


class Normals(NamedTuple):
    """The components of positive weight, with the Cholesky factors of their covariances."""

    log_weights: Array  # (K,)
    means: Array  # (K, D)
    covariances: Array  # (K, D, D)
    factor: Array  # (K, D, D)
    half_logs: Array  # (K,) half the log-determinants

    @classmethod
    def of(cls, weights: Array, means: Array, covariances: Array) -> Self:
        present = weights > 0.0
        chosen = np.ascontiguousarray(covariances[present])
        factor = FULL.factor(chosen)
        halves = FULL.log_determinant(factor, len(factor), means.shape[1])
        return cls(np.log(weights[present]), means[present], chosen, factor, halves)

    def joined(self, other: Self) -> Self:
        """The mixture of the two mixtures, each with probability 1/2."""
        logs = np.concatenate([self.log_weights, other.log_weights]) - np.log(2.0)
        parts = (np.concatenate(pair) for pair in zip(self[1:], other[1:], strict=True))
        return type(self)(logs, *parts)

    @property
    def weights(self) -> Array:
        return np.exp(self.log_weights)

    @property
    def entropies(self) -> Array:
        """The entropies ``(K,)`` of the components."""
        return np.asarray(self.half_logs + 0.5 * self.means.shape[1] * (1.0 + np.log(2.0 * np.pi)))

    @property
    def rounding(self) -> float:
        """The relative rounding error of what is computed with the factors: it grows with their condition numbers."""
        deviation = np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))
        inverse = FULL.whitener(self.factor / deviation[..., None])
        eps = float(np.finfo(float).eps)
        condition = float(np.square(inverse).sum((1, 2)).max())
        return float(_ROUNDING + 8.0 * eps * self.means.shape[1] * condition)


def log_product_integrals(p: Normals | MixtureContract, q: Normals | MixtureContract) -> Array:
    """The logarithms ``(K, K')`` of the integrals of products of a component of `p` and a component of `q`."""
    distances, halves = by_summed_covariances(p, q, 1.0)
    return np.asarray(-0.5 * distances - halves - 0.5 * p.means.shape[1] * np.log(2.0 * np.pi))


def by_summed_covariances(
    p: Normals | MixtureContract, q: Normals | MixtureContract, share: float
) -> tuple[Array, Array]:
    """Squared Mahalanobis distances between means under ``S = share (C + C')``, and half the log-determinants of S."""
    factor = FULL.factor(share * (p.covariances[:, None] + q.covariances))
    with np.errstate(over="ignore"):
        steps = FULL.whitener(factor) @ (p.means[:, None] - q.means)[..., None]
        distances = np.square(steps).sum((2, 3))
    return distances, np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
