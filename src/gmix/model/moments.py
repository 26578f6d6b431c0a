"""The mean and the covariance of a mixture."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.model.background import Background
from gmix.model.dependence import Dependence

__all__ = ["Moments"]

Array = NDArray[np.float64]


class Moments(ABC):
    """The moments of a mixture, with its background if it has one."""

    weights: Array
    means: Array
    dependence: Dependence | None
    background: Background | None

    @property
    @abstractmethod
    def covariances(self) -> Array:
        """The covariance matrices ``(K, D, D)`` of the components."""

    @property
    @one_blas_thread()
    def mean(self) -> Array:
        """The mean ``(D,)`` of the distribution."""
        weights, means, _ = self._moments
        return np.asarray(weights @ means)

    @property
    @one_blas_thread()
    def covariance(self) -> Array:
        """The covariance ``(D, D)`` of the distribution: that within the components plus that between their means."""
        weights, means, covariances = self._moments
        deviations = means - self.mean
        between = (weights[:, None] * deviations).T @ deviations
        return np.asarray(np.tensordot(weights, covariances, 1) + between)

    @property
    def _moments(self) -> tuple[Array, Array, Array]:
        """The weights, means and covariances of the components, and of the background as one more."""
        if self.background is None:
            return self.weights, self.means, self.covariances
        mean, covariance = self.background.mean, self.background.covariance
        if self.dependence is not None:
            mean, matrix = self.dependence.expand(mean), self.dependence.matrix
            covariance = matrix @ covariance @ matrix.T
        weights = np.append(self.weights, self.background.weight)
        return weights, np.vstack([self.means, mean]), np.concatenate([self.covariances, covariance[None]])
