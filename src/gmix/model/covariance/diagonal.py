"""Diagonal structures: the axes of every ellipsoid are those of the columns."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import DIAGONAL
from gmix.model.covariance.parsimonious import Parsimonious
from gmix.model.covariance.volumes import variances

__all__ = ["EEI", "EVI", "VEI", "VVI"]

Array = NDArray[np.float64]


class _Diagonal(Parsimonious):
    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        return variances(self.volume, self.shape, scatter, divisor)


class _OneShape(_Diagonal):
    """Ellipsoids of one shape in several sizes. The prior's divisor is that of mclust 6."""

    def prior_divisor(self, degrees_of_freedom: float, mean: float, n_components: int, n_features: int) -> float:
        # A volume is one draw for all D columns, and so is a mean.
        return (mean + self.draw_divisor(degrees_of_freedom, n_features)) / n_features


class _OneVolume(_Diagonal):
    """Ellipsoids of one volume in several shapes. The prior's divisor is that of mclust 6."""

    def prior_divisor(self, degrees_of_freedom: float, mean: float, n_components: int, n_features: int) -> float:
        # The volume is one draw for all components.
        return (mean + self.draw_divisor(degrees_of_freedom, n_features) - 1.0) / n_components


EEI: Final[Parsimonious] = _Diagonal("EEI", DIAGONAL)
VEI: Final[Parsimonious] = _OneShape("VEI", DIAGONAL)
EVI: Final[Parsimonious] = _OneVolume("EVI", DIAGONAL)
VVI: Final[Parsimonious] = _Diagonal("VVI", DIAGONAL, "diag")
