"""The tangents of the structures that make volumes, shapes and orientations equal or variable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import FULL
from gmix.model.covariance.tangents import Tangents

__all__ = ["EllipsoidTangents"]

Array = NDArray[np.float64]
_LOST = 1e-6  # of the variances; a larger error shows that float64 cannot represent the axes
_ROUND = 1e-6  # relative; if the deviations along two axes differ by less, their rotation has no effect


class EllipsoidTangents(Tangents):
    """Growth of the volumes, stretches of the shapes at constant volume, and rotations of the axes.

    For each of the three, a letter says whether components move alone (``"V"``), all together (``"E"``) or not at all
    (``"I"``). If shape and orientation have the same letter, stretches in any direction represent both.
    """

    def __init__(self, letters: str, frames: Array, moving: NDArray[np.bool_] | None = None) -> None:
        self.letters, self.frames = letters, frames
        self.n_components, self.n_features = frames.shape[:2]
        volume, shape, orientation = tuple(letters)
        self._stretches = shape == orientation
        self._kinds = volume + shape + ("I" if self._stretches else orientation)
        self._pairs = np.triu_indices(self.n_features, 1)
        deviation = np.linalg.norm(frames, axis=1)
        i, j = self._pairs
        self._ratio = deviation[:, j] / deviation[:, i]  # (K, pairs): a rotation exchanges the variances of two axes
        self._moving = self._effective() if moving is None else moving  # which directions are among the P

    @classmethod
    def of(cls, letters: str, covariances: Array) -> EllipsoidTangents:
        """The tangents at covariances ``(K, D, D)``; ``LinAlgError`` if float64 cannot represent their axes."""
        return cls(letters, _frames(letters, covariances))

    @property
    def n_directions(self) -> int:
        return int(self._moving.sum())

    def moved(self, amounts: Array) -> EllipsoidTangents:
        return EllipsoidTangents(self.letters, self.frames + self.frames @ self.sum(amounts), self._moving)

    def along(self, x: Array) -> Array:
        i, j = self._pairs
        diagonal, upper, lower = np.diagonal(x, axis1=1, axis2=2), x[:, i, j], x[:, j, i]
        stretch = diagonal[:, :-1] - diagonal[:, -1:]
        if self._stretches:
            stretch = np.concatenate([stretch, upper + lower], axis=1)
        growth = diagonal.sum(1, keepdims=True)
        rotation = self._ratio * upper - lower / self._ratio
        return self._gathered([growth / 2.0, stretch / 2.0, rotation])[self._moving]

    def sum(self, amounts: Array) -> Array:
        extended = np.zeros((*amounts.shape[:-1], len(self._moving)))
        extended[..., self._moving] = amounts
        growth, stretch, rotation = self._spread(extended)
        (i, j), d = self._pairs, self.n_features
        x = np.zeros((*rotation.shape[:-1], d, d))
        if self._stretches:
            x[..., i, j] = x[..., j, i] = stretch[..., d - 1 :] / 2.0
        else:
            x[..., i, j], x[..., j, i] = self._ratio * rotation, -rotation / self._ratio
        last = -stretch[..., : d - 1].sum(-1, keepdims=True)
        x[..., np.arange(d), np.arange(d)] = (np.concatenate([stretch[..., : d - 1], last], axis=-1) + growth) / 2.0
        return x

    @property
    def _counts(self) -> list[int]:
        """The number of directions of volume, shape and orientation in one component."""
        pairs = len(self._pairs[0])
        return [1, self.n_features - 1 + self._stretches * pairs, pairs]

    def _effective(self) -> NDArray[np.bool_]:
        """Whether each direction changes a covariance: rotations of the axes of a circle do not."""
        effective = [np.full((self.n_components, count), True) for count in self._counts]
        effective[2] = np.abs(self._ratio - 1.0 / self._ratio) > _ROUND
        return self._gathered([part.astype(float) for part in effective]) > 0

    def _gathered(self, parts: list[Array]) -> Array:
        """From the values ``(K, M)`` of volume, shape and orientation: none, their sum over components, or all."""
        gather = {"I": lambda x: x[:0].ravel(), "E": lambda x: x.sum(0), "V": lambda x: x.ravel()}
        return np.concatenate([gather[letter](part) for letter, part in zip(self._kinds, parts, strict=True)])

    def _spread(self, amounts: Array) -> list[Array]:
        """The amounts of volume, shape and orientation in each component, ``(..., K, M)``."""
        parts, begin, leading = [], 0, amounts.shape[:-1]
        for letter, count in zip(self._kinds, self._counts, strict=True):
            rows = {"I": 0, "E": 1, "V": self.n_components}[letter]
            part = amounts[..., begin : begin + rows * count].reshape(*leading, rows, count)
            begin += rows * count
            shape = (*leading, self.n_components, count)
            parts.append(np.broadcast_to(part if rows else 0.0, shape))
        return parts


def _frames(letters: str, covariances: Array) -> Array:
    """Matrices ``F (K, D, D)`` with covariances ``F F'``, whose columns are axes if the structure has any.

    Raises ``LinAlgError`` if float64 cannot represent the axes, because the units of the columns differ too much.
    """
    _, shape, orientation = tuple(letters)
    if orientation == "I":
        return np.sqrt(covariances)
    if orientation == shape:
        return FULL.factor(covariances)
    n_components, n_features = covariances.shape[:2]
    if orientation == "V":
        along, axes = np.linalg.eigh(covariances)
    else:
        # Any weighted sum has the common axes; with equal weights, mirror images could add up to a circle.
        volume = np.exp(np.linalg.slogdet(covariances).logabsdet / n_features)
        weights = 1.0 / (volume * np.sqrt(np.arange(2, n_components + 2)))
        _, axes = np.linalg.eigh(np.tensordot(weights, covariances, 1))
        along = np.einsum("ji,kjl,li->ki", axes, covariances, axes)
    frames = np.asarray(axes * np.sqrt(np.maximum(along, 0.0))[:, None, :])
    deviation = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    lost = np.abs(frames @ frames.mT - covariances) > _LOST * deviation[:, :, None] * deviation[:, None, :]
    if lost.any() or not (along > 0).all():
        raise np.linalg.LinAlgError("float64 cannot represent the axes of these covariances")
    return frames
