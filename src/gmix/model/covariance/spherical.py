"""Spherical structures: every direction has the same variance."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import SPHERICAL
from gmix.model.covariance.structure import Structure

__all__ = ["EII", "VII"]

Array = NDArray[np.float64]


class _Spherical(Structure):
    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        if self.volume == "E":
            return np.full(len(scatter), scatter.sum() / (n_features * divisor.sum()))
        return np.asarray(scatter / (n_features * divisor))


EII: Final[Structure] = _Spherical("EII", SPHERICAL)
VII: Final[Structure] = _Spherical("VII", SPHERICAL, "spherical")
