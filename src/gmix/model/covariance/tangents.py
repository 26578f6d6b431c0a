"""The directions in which covariances can move within their structure; standard errors differentiate along them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import FULL, Form

__all__ = ["Tangents", "TangentsByDifferences"]

Array = NDArray[np.float64]
_STEP = 1e-4  # relative; the error of a central difference with this step is about 1e-8
_ZERO = 1e-4  # of the largest singular value, which is at least one; the error of differences is about 1e-8


class Tangents(ABC):
    """The P directions that span the tangent space of a structure, at K covariances.

    The covariance of component k is ``F F'`` with a frame ``F = frames[k]``. A direction ``X (K, D, D)`` changes every
    frame to ``F (I + X[k])``, so the units of the data do not matter. The directions vary smoothly with the
    covariances.
    """

    frames: Array  # (K, D, D)

    @property
    @abstractmethod
    def n_directions(self) -> int:
        """P, the number of directions."""

    @abstractmethod
    def moved(self, amounts: Array) -> Tangents:
        """The tangents at the covariances that these amounts ``(P,)`` of the directions lead to."""

    @abstractmethod
    def along(self, x: Array) -> Array:
        """The inner product ``(P,)`` of each direction with ``x (K, D, D)``."""

    @abstractmethod
    def sum(self, amounts: Array) -> Array:
        """The sum ``(..., K, D, D)`` of the directions, each multiplied by its amount ``(..., P)``."""


class TangentsByDifferences(Tangents):
    """Tangents of any structure, from differences of the projection `Structure.nearest`.

    At covariances of the structure, the derivative of the projection is a projection on the tangent space. The
    directions at the origin span its range; at other covariances they are the derivatives of the projection along
    these directions. All of this takes about P^2 M-steps.
    """

    def __init__(self, project: Callable[[Array], Array], spanned: Array, origin: Array, amounts: Array) -> None:
        self._project, self._spanned, self._origin, self._amounts = project, spanned, origin, amounts
        self._moved_to = origin + np.tensordot(amounts, spanned, 1)
        self.frames = FULL.factor(project(self._moved_to))

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
        index = np.arange(size)
        component, pair = np.divmod(index, len(rows))
        weight = np.where(rows == columns, 1.0, np.sqrt(0.5))[pair]
        unit[index, component, rows[pair], columns[pair]] = unit[index, component, columns[pair], rows[pair]] = weight
        directions = factor @ unit @ factor.mT
        change = inverse @ np.stack([_slope(project, covariances, one) for one in directions]) @ inverse.mT
        _, values, vectors = np.linalg.svd(change.reshape(size, -1))
        kept = vectors[: int((values > _ZERO * values[0]).sum())].reshape(-1, *covariances.shape)
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
        change = np.stack([_slope(self._project, self._moved_to, one) for one in self._spanned])
        return np.asarray(inverse @ change @ inverse.mT / 2.0)


def _slope(function: Callable[[Array], Array], x: Array, direction: Array) -> Array:
    """The derivative of a function at x along a direction, by a central difference."""
    return (function(x + _STEP * direction) - function(x - _STEP * direction)) / (2.0 * _STEP)
