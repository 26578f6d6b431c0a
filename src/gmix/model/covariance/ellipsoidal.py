"""Ellipsoidal structures: the axes of the ellipsoids are free to turn."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.axes import log_volumes, variances
from gmix.model.covariance.form import FULL, TIED
from gmix.model.covariance.orientation import common_axes
from gmix.model.covariance.structure import Structure

__all__ = ["EEE", "EEV", "EVE", "EVV", "VEE", "VEV", "VVE", "VVV", "E", "V"]

Array = NDArray[np.float64]
_DEFINITE = 1e-14  # of the largest eigenvalue; smaller ones are rounding, and raised to it


class _Tied(Structure):
    """One ellipsoid."""

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        return np.asarray(scatter / divisor.sum())


class _Free(Structure):
    """Ellipsoids that have nothing in common."""

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        return _alone(scatter, divisor)


class _Proportional(Structure):
    """One ellipsoid in several sizes."""

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        scatter, scale = _standardize(scatter)
        values, axes = _axes(scatter)
        scatter = _matrices(values, axes)
        log_volume = log_volumes(scatter, divisor)
        common = np.tensordot(np.exp(-log_volume), scatter, 1) / divisor.sum()
        return np.asarray(np.exp(log_volume)[:, None, None] * common * scale)


class _Turned(Structure):
    """Every component has axes of its own: those of its scatter, paired from the shortest to the longest."""

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        if len(scatter) == 1:
            return _alone(scatter, divisor)
        values, axes = _axes(scatter)
        return _matrices(variances(self.volume, self.shape, values, divisor), axes)


class _Sized(Structure):
    """Ellipsoids of one volume: each component's own, shrunk or blown up."""

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        scatter, scale = _standardize(scatter)  # all determinants change alike, so the answer is the same
        values, axes = _axes(scatter)
        return np.asarray(_matrices(variances(self.volume, self.shape, values, divisor), axes) * scale)


class _Parallel(Structure):
    """All components have the same axes, along which each has a shape of its own."""

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        if len(scatter) == 1:
            return _alone(scatter, divisor)
        axes = common_axes(scatter, divisor, self.volume)
        along = np.einsum("ij,kil,lj->kj", axes, scatter, axes)
        return _matrices(variances(self.volume, self.shape, along, divisor), axes)


def _alone(scatter: Array, divisor: Array) -> Array:
    """What has nothing to be equal to needs no axes, so no digit of a small column is lost to a large one."""
    return np.asarray(scatter / divisor[:, None, None])


def _standardize(scatter: Array) -> tuple[Array, Array]:
    """Scatter ``(K, D, D)`` in units in which its sum has ones on the diagonal, and what turns it back."""
    deviation = np.sqrt(np.diagonal(scatter, axis1=1, axis2=2).sum(0))
    deviation = np.where(deviation > 0, deviation, 1.0)
    return scatter / deviation / deviation[:, None], deviation * deviation[:, None]


def _axes(scatter: Array) -> tuple[Array, Array]:
    """The scatter ``(K, D)`` along each component's own axes, rising, and the axes: the columns of ``(K, D, D)``."""
    values, vectors = np.linalg.eigh(scatter)
    return np.maximum(values, _DEFINITE * values[:, -1:]), vectors


def _matrices(values: Array, axes: Array) -> Array:
    """The matrices ``(K, D, D)`` that have these values along these axes."""
    return np.asarray((axes * values[:, None, :]) @ axes.mT)


EEE: Final[Structure] = _Tied("EEE", TIED, "tied")
VEE: Final[Structure] = _Proportional("VEE", FULL)
EVE: Final[Structure] = _Parallel("EVE", FULL)
VVE: Final[Structure] = _Parallel("VVE", FULL)
EEV: Final[Structure] = _Turned("EEV", FULL)
VEV: Final[Structure] = _Turned("VEV", FULL)
EVV: Final[Structure] = _Sized("EVV", FULL)
VVV: Final[Structure] = _Free("VVV", FULL, "full")
# Of one column: the variance is the same for all components, or each component has its own.
E: Final[Structure] = _Tied("E", TIED, letters="EEE")
V: Final[Structure] = _Free("V", FULL, letters="VVV")
