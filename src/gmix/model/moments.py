"""The mean, the covariance and the factors of a mixture."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.model.background import Background
from gmix.model.covariance import Factors, Structure
from gmix.model.dependence import Dependence

__all__ = ["Moments"]

Array = NDArray[np.float64]


class Moments(ABC):
    """The moments of a mixture, with its background if it has one."""

    weights: Array
    means: Array
    structure: Structure
    dependence: Dependence | None
    background: Background | None

    @property
    @abstractmethod
    def covariances(self) -> Array:
        """The covariance matrices ``(K, D, D)`` of the components."""

    @property
    @one_blas_thread()
    def loadings(self) -> Array:
        r"""The loadings ``(K, D, q)`` of the q factors of a factor model, in the units of the columns.

        .. math:: \Sigma_k = \Lambda_k \Lambda_k^\top + \Psi_k

        They are rotated to principal axes: the first factor explains most of the standardized columns, and the largest
        loading of each factor is positive. Columns that follow from others have none. Raises `ParameterError` for
        other structures.
        """
        structure, compact = self._factor_model
        return structure.principal(self.weights, compact)

    @property
    def noise_variances(self) -> Array:
        r"""The variances ``(K, D)`` that the factors of a factor model do not explain, the diagonals of :math:`\Psi_k`.

        Raises `ParameterError` for other structures.
        """
        return self._factor_model[1][..., 0].copy()

    @property
    def _factor_model(self) -> tuple[Factors, Array]:
        structure = self.structure
        if not isinstance(structure, Factors):
            raise ParameterError(f"{structure.code} has no factors; fit a factor model, as with covariance='factors'")
        return structure, vars(self)["_compact"]

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

    @one_blas_thread()
    def skewness(self) -> Array:
        r"""The skewness ``(D,)`` of each column: zero for a symmetric one, positive for a long upper tail.

        .. math:: \gamma_d = \frac{1}{\sigma_d^3} \sum_k w_k \bigl(\delta_{kd}^3
                  + 3\, \delta_{kd}\, \sigma_{kd}^2\bigr), \qquad \delta_{kd} = \mu_{kd} - \mu_d

        with the standard deviations of the column and, in each component, its variance. It is NaN for a constant
        column.

        >>> import gmix
        >>> covariances = [[[1.0]], [[1.0]]]
        >>> mixture = gmix.GaussianMixture([0.9, 0.1], [[0.0], [5.0]], covariances)
        >>> mixture.skewness().round(3)
        array([1.536])
        """
        weights, z, variances, _ = self._standardized_moments
        return np.asarray(weights @ (z**3 + 3.0 * z * variances))

    @one_blas_thread()
    def kurtosis(self) -> Array:
        r"""The excess kurtosis ``(D,)`` of each column: zero for a normal one, positive for heavy tails.

        .. math:: \kappa_d = \frac{1}{\sigma_d^4} \sum_k w_k \bigl(\delta_{kd}^4
                  + 6\, \delta_{kd}^2 \sigma_{kd}^2 + 3\, \sigma_{kd}^4\bigr) - 3

        with the symbols of `skewness`. It is at least -2, and NaN for a constant column.

        >>> import gmix
        >>> wide = gmix.GaussianMixture([0.9, 0.1], [[0.0], [0.0]], [[[1.0]], [[25.0]]])
        >>> wide.kurtosis().round(3)
        array([13.453])
        """
        weights, z, variances, fourth = self._standardized_moments
        return np.asarray(weights @ (z**4 + 6.0 * z**2 * variances + 3.0 * variances**2 + fourth) - 3.0)

    @property
    def _standardized_moments(self) -> tuple[Array, Array, Array, Array]:
        """Weights ``(K,)``, and means, variances and fourth cumulants ``(K, D)`` of the components.

        They are about the mean of the mixture, in units of its standard deviations. A background is the last component.
        The fourth cumulants of Gaussians are zero.
        """
        weights, means, covariances = self._moments
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.sqrt(np.diagonal(self.covariance))
            z = (means - self.mean) / scale
            variances = np.diagonal(covariances, axis1=1, axis2=2) / scale / scale
            fourth = np.zeros(z.shape)
            if self.background is not None:
                widths = self.background.high - self.background.low
                matrix = np.eye(len(widths)) if self.dependence is None else self.dependence.matrix
                # The fourth cumulant of a uniform variable of width b is -b^4 / 120, and those of a sum add up.
                fourth[-1] = -(np.square(np.square(matrix * widths / scale[:, None])).sum(1)) / 120.0
        return weights, z, variances, fourth

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
