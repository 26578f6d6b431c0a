"""Ellipsoidal structures: the axes of the ellipsoids are estimated."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.common_axes import common_axes
from gmix.model.covariance.form import FULL, TIED
from gmix.model.covariance.parsimonious import Parsimonious
from gmix.model.covariance.structure import Structure
from gmix.model.covariance.volumes import log_volumes, variances

__all__ = ["EEE", "EEV", "EVE", "EVV", "VEE", "VEV", "VVE", "VVV", "E", "V"]

Array = NDArray[np.float64]
_DEFINITE = 1e-14  # of the largest eigenvalue; smaller ones are rounding, and are raised to this
_NEGLIGIBLE = 1e-8  # rows; enough for a finite covariance of a component without rows


class _Tied(Parsimonious):
    """One ellipsoid for all components."""

    def in_columns(self, n_features: int) -> Structure:
        return (E if n_features == 1 else EEE).with_weights_of(self)

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        return np.asarray(scatter / divisor.sum())


class _Free(Parsimonious):
    """Ellipsoids that have nothing in common."""

    def in_columns(self, n_features: int) -> Structure:
        return (V if n_features == 1 else VVV).with_weights_of(self)

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        return _divided(scatter, divisor)


class _Proportional(Parsimonious):
    """One ellipsoid in several sizes."""

    @property
    def has_studied_prior(self) -> bool:
        return False

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        scatter, scale = _standardize(scatter)
        values, axes = _axes(scatter)
        scatter = _matrices(values, axes)
        log_volume = log_volumes(scatter, divisor)
        common = np.tensordot(np.exp(-log_volume), scatter, 1) / divisor.sum()
        return np.asarray(np.exp(log_volume)[:, None, None] * common * scale)


class _OwnAxes(Parsimonious):
    """Each component has axes of its own: those of its scatter, matched between components by their lengths."""

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        if len(scatter) == 1:
            return _divided(scatter, divisor)
        values, axes = _axes(scatter)
        return _matrices(variances(self.volume, self.shape, values, divisor), axes)


class _OwnAxesEqualVolume(_OwnAxes):
    """One ellipsoid, rotated for each component. The prior's divisor is that of mclust 6."""

    def prior_divisor(self, degrees_of_freedom: float, mean: float, n_components: int, n_features: int) -> float:
        return (mean + self.draw_divisor(degrees_of_freedom, n_features)) / n_components


class _OwnAxesVaryingVolume(_OwnAxes):
    """One shape, rotated and scaled for each component. The prior's divisor is that of mclust 6: none."""

    def prior_divisor(self, degrees_of_freedom: float, mean: float, n_components: int, n_features: int) -> float:
        return _NEGLIGIBLE


class _EqualVolume(Parsimonious):
    """Ellipsoids of one volume: the scatter of each component, scaled."""

    @property
    def has_studied_prior(self) -> bool:
        return False

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        scatter, scale = _standardize(scatter)  # multiplies all determinants by one factor, so the result is the same
        values, axes = _axes(scatter)
        return np.asarray(_matrices(variances(self.volume, self.shape, values, divisor), axes) * scale)


class _CommonAxes(Parsimonious):
    """All components have the same axes, and each has a shape of its own."""

    @property
    def has_studied_prior(self) -> bool:
        return False

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        if len(scatter) == 1:
            return _divided(scatter, divisor)
        axes = common_axes(scatter, divisor, self.volume)
        along = np.einsum("ij,kil,lj->kj", axes, scatter, axes)
        return _matrices(variances(self.volume, self.shape, along, divisor), axes)


def _divided(scatter: Array, divisor: Array) -> Array:
    """The scatter over its divisor. No axes are computed, so columns on a smaller scale than others lose no digits."""
    return np.asarray(scatter / divisor[:, None, None])


def _standardize(scatter: Array) -> tuple[Array, Array]:
    """The scatter ``(K, D, D)`` in units that give its sum a diagonal of ones, and the factors that convert it back."""
    deviation = np.sqrt(np.diagonal(scatter, axis1=1, axis2=2).sum(0))
    deviation = np.where(deviation > 0, deviation, 1.0)
    return scatter / deviation / deviation[:, None], deviation * deviation[:, None]


def _axes(scatter: Array) -> tuple[Array, Array]:
    """The scatter ``(K, D)`` along each component's own axes, ascending, and the axes: the columns of ``(K, D, D)``."""
    values, vectors = np.linalg.eigh(scatter)
    return np.maximum(values, _DEFINITE * values[:, -1:]), vectors


def _matrices(values: Array, axes: Array) -> Array:
    """The matrices ``(K, D, D)`` that have these values along these axes."""
    return np.asarray((axes * values[:, None, :]) @ axes.mT)


EEE: Final[Parsimonious] = _Tied("EEE", TIED, "tied")
VEE: Final[Parsimonious] = _Proportional("VEE", FULL)
EVE: Final[Parsimonious] = _CommonAxes("EVE", FULL)
VVE: Final[Parsimonious] = _CommonAxes("VVE", FULL)
EEV: Final[Parsimonious] = _OwnAxesEqualVolume("EEV", FULL)
VEV: Final[Parsimonious] = _OwnAxesVaryingVolume("VEV", FULL)
EVV: Final[Parsimonious] = _EqualVolume("EVV", FULL)
VVV: Final[Parsimonious] = _Free("VVV", FULL, "full")
# In one column: one variance for all components, or one for each.
E: Final[Parsimonious] = _Tied("E", TIED, letters="EEE")
V: Final[Parsimonious] = _Free("V", FULL, letters="VVV")
