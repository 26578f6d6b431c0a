"""Spherical structures: every direction has the same variance."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gmix.covariance.form import SPHERICAL
from gmix.covariance.structure import Structure

__all__ = ["VII"]


class _VII(Structure):
    code, name, form, shared = "VII", "spherical", SPHERICAL, False

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components

    def covariances(
        self, scatter: NDArray[np.float64], divisor: NDArray[np.float64], n_features: int
    ) -> NDArray[np.float64]:
        return np.asarray(scatter / (n_features * divisor))


VII: Final[Structure] = _VII()
