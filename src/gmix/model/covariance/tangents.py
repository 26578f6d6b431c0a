"""How the covariances of a mixture can move within their structure: what standard errors differentiate along."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import FULL, Form

__all__ = ["Tangents", "TangentsByDifferences"]

Array = NDArray[np.float64]
_STEP = 1e-4  # standard deviations; the error of a central difference of this step is a hundred-millionth
_NOTHING = 1e-4  # of the largest singular value, which is one or more; differences leave 1e-8 of a zero


class Tangents(ABC):
    """The directions in which K covariances can move, at one place, within a structure.

    The covariance of component k is ``F F'`` with a frame ``F = frames[k]``. A direction ``X (K, D, D)`` changes every
    frame to ``F (I + X[k])``, so the units of the data do not matter. There are P directions, which span the tangent
    space of the structure, and they vary smoothly from place to place.
    """

    frames: Array  # (K, D, D)

    @property
    @abstractmethod
    def n_directions(self) -> int:
        """P, how many directions there are."""

    @abstractmethod
    def moved(self, amounts: Array) -> Tangents:
        """The tangents at the place that these amounts ``(P,)`` of the directions lead to."""

    @abstractmethod
    def along(self, x: Array) -> Array:
        """The inner product ``(P,)`` of each direction with ``x (K, D, D)``."""

    @abstractmethod
    def sum(self, amounts: Array) -> Array:
        """The sum ``(..., K, D, D)`` of the directions, each multiplied by its amount ``(..., P)``."""


class TangentsByDifferences(Tangents):
    """Tangents of any structure, from differences of its projection: `Structure.nearest` of nearby covariances.

    The derivative of the projection at covariances of the structure is a projection on the tangent space. Its range is
    what the directions span at the origin; elsewhere they are the derivatives of the projection of what they lead to.
    This takes some P * P M-steps in all.
    """

    def __init__(self, project: Callable[[Array], Array], spanned: Array, origin: Array, amounts: Array) -> None:
        self._project, self._spanned, self._origin, self._amounts = project, spanned, origin, amounts
        self.frames = FULL.factor(self._reached(amounts))

    @classmethod
    def of(
        cls, nearest: Callable[[Array, Array], Array], form: Form, weights: Array, covariances: Array
    ) -> TangentsByDifferences:
        """The tangents at covariances ``(K, D, D)`` of a structure with this `nearest` and this form."""
        n_components, n_features = covariances.shape[:2]

        def project(dense: Array) -> Array:
            return form.dense(nearest(weights, dense), n_components, n_features)

        factor = FULL.factor(covariances)
        inverse = FULL.whitener(factor)
        rows, columns = np.tril_indices(n_features)
        size = n_components * len(rows)
        unit = np.zeros((size, n_components, n_features, n_features))  # an orthonormal basis of symmetric matrices
        each = np.arange(size)
        component, pair = np.divmod(each, len(rows))
        weight = np.where(rows == columns, 1.0, np.sqrt(0.5))[pair]
        unit[each, component, rows[pair], columns[pair]] = unit[each, component, columns[pair], rows[pair]] = weight
        every = factor @ unit @ factor.mT
        change = inverse @ np.stack([_slope(project, covariances, one) for one in every]) @ inverse.mT
        _, values, range_ = np.linalg.svd(change.reshape(size, -1))
        kept = range_[: int((values > _NOTHING * values[0]).sum())].reshape(-1, *covariances.shape)
        return cls(project, factor @ kept @ factor.mT, np.array(covariances), np.zeros(len(kept)))

    @property
    def n_directions(self) -> int:
        return len(self._spanned)

    def moved(self, amounts: Array) -> TangentsByDifferences:
        if not amounts.any():
            return self
        return TangentsByDifferences(self._project, self._spanned, self._origin, self._amounts + amounts)

    def along(self, x: Array) -> Array:
        return np.asarray(np.einsum("pkij,kij->p", self._directions, x))

    def sum(self, amounts: Array) -> Array:
        return np.tensordot(amounts, self._directions, 1)

    @cached_property
    def _directions(self) -> Array:
        """The directions ``(P, K, D, D)``, symmetric: half of the whitened change of the covariances."""
        inverse = FULL.whitener(self.frames)
        place = self._origin + np.tensordot(self._amounts, self._spanned, 1)
        change = np.stack([_slope(self._project, place, one) for one in self._spanned])
        return np.asarray(inverse @ change @ inverse.mT / 2.0)

    def _reached(self, amounts: Array) -> Array:
        return self._project(self._origin + np.tensordot(amounts, self._spanned, 1))


def _slope(function: Callable[[Array], Array], x: Array, direction: Array) -> Array:
    """The derivative of a function at x along a direction, by a central difference."""
    return (function(x + _STEP * direction) - function(x - _STEP * direction)) / (2.0 * _STEP)
