"""Ellipsoidal structures: the axes of the ellipsoids are free to turn."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gmix.covariance.form import FULL, TIED
from gmix.covariance.structure import Structure

__all__ = ["EEE", "VVV"]


class _VVV(Structure):
    code, name, form, shared = "VVV", "full", FULL, False

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2

    def covariances(
        self, scatter: NDArray[np.float64], divisor: NDArray[np.float64], n_features: int
    ) -> NDArray[np.float64]:
        return np.asarray(scatter / divisor[:, None, None])


class _EEE(Structure):
    code, name, form, shared = "EEE", "tied", TIED, True

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def covariances(
        self, scatter: NDArray[np.float64], divisor: NDArray[np.float64], n_features: int
    ) -> NDArray[np.float64]:
        return np.asarray(scatter / divisor.sum())


VVV: Final[Structure] = _VVV()
EEE: Final[Structure] = _EEE()
