"""Diagonal structures: the axes of every ellipsoid are the coordinate axes."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.axes import variances
from gmix.model.covariance.form import DIAGONAL
from gmix.model.covariance.structure import Structure

__all__ = ["EEI", "EVI", "VEI", "VVI"]

Array = NDArray[np.float64]


class _Diagonal(Structure):
    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        return variances(self.volume, self.shape, scatter, divisor)


EEI: Final[Structure] = _Diagonal("EEI", DIAGONAL)
VEI: Final[Structure] = _Diagonal("VEI", DIAGONAL)
EVI: Final[Structure] = _Diagonal("EVI", DIAGONAL)
VVI: Final[Structure] = _Diagonal("VVI", DIAGONAL, "diag")
