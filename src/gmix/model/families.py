"""Families of component densities, as functions of a row's squared Mahalanobis distance and number of cells."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError

__all__ = ["GAUSSIAN", "Family", "Gaussian", "StudentT", "family_of"]

Array = NDArray[np.float64]


class Family(ABC):
    """The density of a component, and the factor that multiplies responsibilities in its moments.

    The kernel whitens the rows, so a family depends on distances ``(N, K)`` and the number of cells of a row alone.
    ``native/kernel/families.hpp`` is the same contract in C++.
    """

    degrees_of_freedom: float
    """Identifies the family to kernels and in messages: infinity for the Gaussian, the limit of Student's t."""

    @abstractmethod
    def log_constant(self, n_cells: int) -> float:
        """The constant that, added to ``log w_k - log |L_k|``, normalizes the log density."""

    @abstractmethod
    def log_density(self, log_constants: Array, squared_distances: Array, n_cells: int) -> Array:
        """The log densities ``(N, K)``, given constants ``(K,)`` and squared distances ``(N, K)``."""

    @abstractmethod
    def share_factor(self, squared_distances: Array, n_cells: int) -> Array:
        """The factors ``(N, K)`` that multiply responsibilities in the moments, but not in the counts."""

    @abstractmethod
    def far(self, log_constants: Array, distances: Array, n_cells: int) -> tuple[Array, Array]:
        """The log densities and the square roots of the share factors where squared distances overflow."""


@dataclass(frozen=True)
class Gaussian(Family):
    """The normal distribution, ``log p = log_constant - delta / 2``; its factors are one."""

    degrees_of_freedom = math.inf

    def log_constant(self, n_cells: int) -> float:
        return -n_cells * math.log(2.0 * math.pi) / 2.0

    def log_density(self, log_constants: Array, squared_distances: Array, n_cells: int) -> Array:
        return log_constants - squared_distances / 2.0

    def share_factor(self, squared_distances: Array, n_cells: int) -> Array:
        return np.ones_like(squared_distances)

    def far(self, log_constants: Array, distances: Array, n_cells: int) -> tuple[Array, Array]:
        return np.full_like(distances, -np.inf), np.ones_like(distances)


@dataclass(frozen=True)
class StudentT(Family):
    r"""Student's t with :math:`\nu` degrees of freedom.

    .. math:: \log p = c - \frac{\nu + d}2 \log\left(1 + \frac{\delta}{\nu}\right), \quad
              u = \frac{\nu + d}{\nu + \delta}

    Source: Peel & McLachlan (2000), *Statistics and Computing* 10:339.
    """

    degrees_of_freedom: float

    def __post_init__(self) -> None:
        if not 0.0 < self.degrees_of_freedom < math.inf:
            raise ParameterError(f"degrees_of_freedom is {self.degrees_of_freedom!r}; give a positive, finite number")

    def log_constant(self, n_cells: int) -> float:
        nu = self.degrees_of_freedom
        return math.lgamma((nu + n_cells) / 2.0) - math.lgamma(nu / 2.0) - n_cells * math.log(nu * math.pi) / 2.0

    def log_density(self, log_constants: Array, squared_distances: Array, n_cells: int) -> Array:
        nu = self.degrees_of_freedom
        return log_constants - (nu + n_cells) / 2.0 * np.log1p(squared_distances / nu)

    def share_factor(self, squared_distances: Array, n_cells: int) -> Array:
        return (self.degrees_of_freedom + n_cells) / (self.degrees_of_freedom + squared_distances)

    def far(self, log_constants: Array, distances: Array, n_cells: int) -> tuple[Array, Array]:
        nu = self.degrees_of_freedom
        log_density = log_constants - (nu + n_cells) * (np.log(distances) - math.log(nu) / 2.0)
        return log_density, np.sqrt(nu + n_cells) / distances


GAUSSIAN = Gaussian()


def family_of(degrees_of_freedom: float) -> Family:
    """The family with these degrees of freedom."""
    return GAUSSIAN if math.isinf(degrees_of_freedom) else StudentT(degrees_of_freedom)
