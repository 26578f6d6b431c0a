"""Spherical structures: every direction has the same variance."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import SPHERICAL
from gmix.model.covariance.parsimonious import Parsimonious

__all__ = ["EII", "VII"]

Array = NDArray[np.float64]


class _OneSize(Parsimonious):
    """Spheres of one size."""

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        return np.full(len(scatter), scatter.sum() / (n_features * divisor.sum()))

    def default_prior_scale(self, covariance: Array, n_components: int, n_features: int) -> Array:
        return np.zeros(1)  # mclust's default, because its EM ignores the scale


class _AnySize(Parsimonious):
    """Spheres, each of its own size."""

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        return np.asarray(scatter / (n_features * divisor))


EII: Final[Parsimonious] = _OneSize("EII", SPHERICAL)
VII: Final[Parsimonious] = _AnySize("VII", SPHERICAL, "spherical")
