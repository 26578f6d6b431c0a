"""Families of component densities, as functions of a row's squared Mahalanobis distance and number of cells."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln

from gmix.base.errors import ParameterError

__all__ = ["GAUSSIAN", "Family", "Gaussian", "StudentT", "family_of"]

Array = NDArray[np.float64]


class Family(ABC):
    """The density of a component, and the factor that multiplies responsibilities in its moments.

    The kernel whitens the rows, so a family depends on distances ``(N, K)`` and the number of cells of a row alone.
    ``native/kernel/families.hpp`` is the same contract in C++.
    """

    degrees_of_freedom: float | tuple[float, ...]
    """Identifies the family to kernels and in messages: infinity for the Gaussian, the limit of Student's t."""

    has_factors: ClassVar[bool] = True
    """Whether the share factors can differ from one."""

    @abstractmethod
    def log_constant(self, n_cells: int) -> float | Array:
        """The constant that, added to ``log w_k - log |L_k|``, normalizes the log density; ``(K,)`` if they differ."""

    @abstractmethod
    def log_density(self, log_constants: Array, squared_distances: Array, n_cells: int) -> Array:
        """The log densities ``(N, K)``, given constants ``(K,)`` and squared distances ``(N, K)``."""

    @abstractmethod
    def share_factor(self, squared_distances: Array, n_cells: int) -> Array:
        """The factors ``(N, K)`` that multiply responsibilities in the moments, but not in the counts."""

    @abstractmethod
    def log_factor_excess(self, n_cells: int) -> float | Array:
        """``E[log U] - log u``, where u is the factor: the expected value of U, the precision of a row."""

    def log_factors(self, roots: Array, n_cells: int) -> Array:
        """``E[log U]`` of rows under each component ``(K, N)``, from the square roots of the factors."""
        excess = np.asarray(self.log_factor_excess(n_cells), np.float64)
        return np.asarray(2.0 * np.log(np.maximum(roots, np.finfo(np.float64).tiny)) + excess[..., None])

    def exponents(self, counts: Array, log_factors: Array, n_cells: int) -> float:
        """What the log densities of rows are below their constants, from the sums over rows of r and ``r E[log U]``."""
        raise NotImplementedError(f"a {type(self).__name__} has no factors")

    @abstractmethod
    def far(self, log_constants: Array, distances: Array, n_cells: int) -> tuple[Array, Array]:
        """The log densities and the square roots of the share factors where squared distances overflow."""


@dataclass(frozen=True)
class Gaussian(Family):
    """The normal distribution, ``log p = log_constant - delta / 2``; its factors are one."""

    degrees_of_freedom = math.inf
    has_factors = False

    def log_constant(self, n_cells: int) -> float:
        return -n_cells * math.log(2.0 * math.pi) / 2.0

    def log_density(self, log_constants: Array, squared_distances: Array, n_cells: int) -> Array:
        return log_constants - squared_distances / 2.0

    def share_factor(self, squared_distances: Array, n_cells: int) -> Array:
        return np.ones_like(squared_distances)

    def log_factor_excess(self, n_cells: int) -> float:
        return 0.0

    def far(self, log_constants: Array, distances: Array, n_cells: int) -> tuple[Array, Array]:
        return np.full_like(distances, -np.inf), np.ones_like(distances)


@dataclass(frozen=True)
class StudentT(Family):
    r"""Student's t with :math:`\nu` degrees of freedom: a number for all components, or a tuple with one for each.

    .. math:: \log p = c - \frac{\nu + d}2 \log\left(1 + \frac{\delta}{\nu}\right), \quad
              u = \frac{\nu + d}{\nu + \delta}

    It is the distribution of a normal variable whose precision is multiplied by a variable U with the distribution
    :math:`\Gamma(\nu/2, \nu/2)`; :math:`u = E[U \mid x]` and :math:`E[\log U \mid x] = \log u + \psi((\nu + d)/2) -
    \log((\nu + d)/2)`. Source: Peel & McLachlan (2000), *Statistics and Computing* 10:339, equations 14 and 17.
    """

    degrees_of_freedom: float | tuple[float, ...]

    def __post_init__(self) -> None:
        if not (np.isfinite(self._nu) & (self._nu > 0.0)).all() or not self._nu.size:
            raise ParameterError(f"degrees_of_freedom is {self.degrees_of_freedom!r}; give positive, finite numbers")

    @property
    def _nu(self) -> Array:
        return np.asarray(self.degrees_of_freedom, np.float64)

    def log_constant(self, n_cells: int) -> float | Array:
        nu = self._nu
        found = gammaln((nu + n_cells) / 2.0) - gammaln(nu / 2.0) - n_cells * np.log(nu * np.pi) / 2.0
        return np.asarray(found) if nu.ndim else float(found)

    def log_density(self, log_constants: Array, squared_distances: Array, n_cells: int) -> Array:
        nu = self._nu
        return np.asarray(log_constants - (nu + n_cells) / 2.0 * np.log1p(squared_distances / nu))

    def share_factor(self, squared_distances: Array, n_cells: int) -> Array:
        return np.asarray((self._nu + n_cells) / (self._nu + squared_distances))

    def log_factor_excess(self, n_cells: int) -> float | Array:
        half = (self._nu + n_cells) / 2.0
        found = digamma(half) - np.log(half)
        return np.asarray(found) if half.ndim else float(found)

    def exponents(self, counts: Array, log_factors: Array, n_cells: int) -> float:
        nu = self._nu  # log(1 + delta / nu) = log((nu + d) / nu) - log u
        logarithms = counts * (np.log1p(n_cells / nu) + self.log_factor_excess(n_cells)) - log_factors
        return float(((nu + n_cells) / 2.0 * logarithms).sum())

    def far(self, log_constants: Array, distances: Array, n_cells: int) -> tuple[Array, Array]:
        nu = self._nu
        log_density = log_constants - (nu + n_cells) * (np.log(distances) - np.log(nu) / 2.0)
        return np.asarray(log_density), np.asarray(np.sqrt(nu + n_cells) / distances)


GAUSSIAN = Gaussian()


def family_of(degrees_of_freedom: ArrayLike) -> Family:
    """The family with these degrees of freedom, one number or one for each component."""
    degrees = np.asarray(degrees_of_freedom, np.float64)
    if np.isinf(degrees).all():
        return GAUSSIAN
    return StudentT(float(degrees.item()) if degrees.size == 1 else tuple(degrees.tolist()))
