r"""Laws of the precision matrices, the inverses of covariances, in an approximate posterior.

A law is an exponential family with degrees of freedom :math:`\nu` and an inverse scale :math:`S`. In terms of
:math:`\hat\Sigma = S / \nu`, the inverse of the expected precision, the logarithm of its normalizer is

.. math:: g(\nu) - \tfrac12 \nu \log|\hat\Sigma|, \qquad
          E \log|\Lambda| = e(\nu) - \log|\hat\Sigma|

so two functions of the degrees of freedom are all that the lower bound needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from gmix.model.covariance import FULL, SPHERICAL, TIED, Form

__all__ = ["WISHART", "PrecisionLaw", "law_of"]

Array = NDArray[np.float64]


class PrecisionLaw(ABC):
    """The distribution of a precision matrix, and what it says about the covariance.

    Attributes
    ----------
    is_shared : whether all components have one precision, rather than a draw for each.
    independent_columns : whether each column has a precision of its own, independent of the others.
    """

    is_shared: bool = False
    independent_columns: bool = False

    def degrees(self, divisor: Array, form: Form) -> Array:
        """The degrees of freedom ``(K,)`` of each component's precision, from the divisor of its scatter."""
        if form is not TIED:
            return divisor
        return np.full(len(divisor), divisor.sum() if self.is_shared else divisor.mean())

    def per_component(self, degrees_of_freedom: float, n_components: int) -> float:
        """What a prior of these degrees of freedom adds to the divisor of each component."""
        return degrees_of_freedom / n_components if self.is_shared else degrees_of_freedom

    @abstractmethod
    def least_degrees(self, n_features: int) -> float:
        """The limit above which the degrees of freedom must be."""

    @abstractmethod
    def default_degrees(self, n_features: int) -> float:
        """The degrees of freedom of a prior that says as much as one row about the variance of each column."""

    @abstractmethod
    def g(self, degrees: Array, n_features: int) -> Array:
        """The part of the logarithm of the normalizer that depends on the degrees of freedom alone."""

    @abstractmethod
    def e(self, degrees: Array, n_features: int) -> Array:
        """The expected logarithm of the determinant of the precision, relative to that of the expected precision."""

    @abstractmethod
    def inflation(self, degrees: Array, n_features: int) -> Array:
        """The expected covariance, divided by the inverse of the expected precision; infinite if there is none."""

    @abstractmethod
    def covariance_variances(self, covariances: Array, degrees: Array) -> Array:
        """The variance of each entry of the covariance, given inverses of expected precisions ``(K, D, D)``."""

    @abstractmethod
    def student(self, degrees: Array, n_features: int) -> tuple[Array, Array]:
        """The Student distribution of a row whose mean is known: degrees of freedom ``(K,)``, and factors ``(K,)``.

        The factors make scale matrices of the inverses of the expected precisions.
        """


class _Wishart(PrecisionLaw):
    """A Wishart distribution; Bishop (2006), equations B.78 to B.82."""

    def __init__(self, is_shared: bool = False) -> None:
        self.is_shared = is_shared

    def least_degrees(self, n_features: int) -> float:
        return n_features - 1.0

    def default_degrees(self, n_features: int) -> float:
        return float(n_features)

    def g(self, degrees: Array, n_features: int) -> Array:
        half = degrees / 2.0
        return np.asarray(gammaln(_steps(half, n_features)).sum(0) - n_features * half * np.log(half))

    def e(self, degrees: Array, n_features: int) -> Array:
        half = degrees / 2.0
        return np.asarray(digamma(_steps(half, n_features)).sum(0) - n_features * np.log(half))

    def inflation(self, degrees: Array, n_features: int) -> Array:
        return _ratio(degrees, degrees - n_features - 1.0)

    def covariance_variances(self, covariances: Array, degrees: Array) -> Array:
        d, nu = covariances.shape[-1], degrees[:, None, None]
        diagonal = np.diagonal(covariances, axis1=1, axis2=2)
        left = nu - d
        numerator = (left + 1.0) * covariances**2 + (left - 1.0) * diagonal[:, :, None] * diagonal[:, None, :]
        return np.where(left > 3.0, nu**2 * _ratio(numerator, left * (left - 1.0) ** 2 * (left - 3.0)), np.inf)

    def student(self, degrees: Array, n_features: int) -> tuple[Array, Array]:
        left = degrees + 1.0 - n_features
        return left, degrees / left


class _Gammas(PrecisionLaw):
    """Diagonal precisions, whose entries have independent gamma distributions."""

    independent_columns = True

    def least_degrees(self, n_features: int) -> float:
        return 0.0

    def default_degrees(self, n_features: int) -> float:
        return 1.0

    def g(self, degrees: Array, n_features: int) -> Array:
        half = degrees / 2.0
        return np.asarray(n_features * (gammaln(half) - half * np.log(half)))

    def e(self, degrees: Array, n_features: int) -> Array:
        half = degrees / 2.0
        return np.asarray(n_features * (digamma(half) - np.log(half)))

    def inflation(self, degrees: Array, n_features: int) -> Array:
        return _ratio(degrees, degrees - 2.0)

    def covariance_variances(self, covariances: Array, degrees: Array) -> Array:
        variances = np.diagonal(covariances, axis1=1, axis2=2)
        left = degrees - 4.0
        factors = 2.0 * _ratio(degrees**2, np.where(left > 0.0, (degrees - 2.0) ** 2 * left, 0.0))
        found = np.zeros_like(covariances)
        found[:, range(variances.shape[1]), range(variances.shape[1])] = variances**2 * factors[:, None]
        return found

    def student(self, degrees: Array, n_features: int) -> tuple[Array, Array]:
        return degrees, np.ones_like(degrees)


class _Gamma(_Gammas):
    """One precision for all columns, with a gamma distribution: D columns are D times as many degrees of freedom."""

    independent_columns = False

    def g(self, degrees: Array, n_features: int) -> Array:
        return super().g(n_features * degrees, 1)

    def e(self, degrees: Array, n_features: int) -> Array:
        return n_features * super().e(n_features * degrees, 1)

    def inflation(self, degrees: Array, n_features: int) -> Array:
        return super().inflation(n_features * degrees, 1)

    def covariance_variances(self, covariances: Array, degrees: Array) -> Array:
        return super().covariance_variances(covariances, covariances.shape[-1] * degrees)

    def student(self, degrees: Array, n_features: int) -> tuple[Array, Array]:
        return super().student(n_features * degrees, 1)


WISHART: Final[PrecisionLaw] = _Wishart()
_ONE_WISHART: Final[PrecisionLaw] = _Wishart(is_shared=True)
_GAMMAS: Final[PrecisionLaw] = _Gammas()
_GAMMA: Final[PrecisionLaw] = _Gamma()


def law_of(form: Form) -> PrecisionLaw:
    """The law that is conjugate to Gaussian components whose covariances have this form."""
    if form.axis_aligned:
        return _GAMMA if form is SPHERICAL else _GAMMAS
    return WISHART if form is FULL else _ONE_WISHART


def _steps(half: Array, n_features: int) -> Array:
    """The arguments ``(D, K)`` of the gamma functions in a multivariate gamma function."""
    return np.asarray(half - np.arange(n_features)[:, None] / 2.0)


def _ratio(numerator: Array, denominator: Array) -> Array:
    """The ratio; infinite where the denominator is not above zero."""
    found = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.inf)
    return np.asarray(
        np.divide(numerator, denominator, out=found, where=np.broadcast_to(denominator > 0.0, found.shape))
    )
