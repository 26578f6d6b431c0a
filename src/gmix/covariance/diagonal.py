"""Diagonal structures: the axes of every ellipsoid are the coordinate axes."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gmix.covariance.form import DIAGONAL
from gmix.covariance.structure import Structure

__all__ = ["VVI"]


class _VVI(Structure):
    code, name, form, shared = "VVI", "diag", DIAGONAL, False

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features

    def covariances(
        self, scatter: NDArray[np.float64], divisor: NDArray[np.float64], n_features: int
    ) -> NDArray[np.float64]:
        return np.asarray(scatter / divisor[:, None])


VVI: Final[Structure] = _VVI()
