"""The tangents of the structures that make volumes, shapes and orientations equal or variable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import FULL
from gmix.model.covariance.tangents import Tangents

__all__ = ["EllipsoidTangents"]

Array = NDArray[np.float64]
_LOST = 1e-6  # of the variances; if axes reproduce a covariance no better, float64 cannot represent them
_ROUND = 1e-6  # relative; axes whose deviations differ by less are those of a circle, which cannot turn


class EllipsoidTangents(Tangents):
    """Volumes grow, shapes stretch at the same volume, axes turn: in each component alone, or in all together.

    `letters` say which for volume, shape and orientation: ``"V"`` for each component alone, ``"E"`` for all together,
    and ``"I"`` for not at all. If shape and orientation have the same letter, stretches in any direction stand for
    both.
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
        self._ratio = deviation[:, j] / deviation[:, i]  # (K, pairs): turning two axes exchanges their variances
        self._moving = self._not_round() if moving is None else moving  # which directions are counted

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
        grow = diagonal.sum(1, keepdims=True)
        return self._gathered([grow / 2.0, stretch / 2.0, self._ratio * upper - lower / self._ratio])[self._moving]

    def sum(self, amounts: Array) -> Array:
        every = np.zeros((*amounts.shape[:-1], len(self._moving)))
        every[..., self._moving] = amounts
        grow, stretch, turn = self._spread(every)
        (i, j), d = self._pairs, self.n_features
        x = np.zeros((*turn.shape[:-1], d, d))
        if self._stretches:
            x[..., i, j] = x[..., j, i] = stretch[..., d - 1 :] / 2.0
        else:
            x[..., i, j], x[..., j, i] = self._ratio * turn, -turn / self._ratio
        ends = -stretch[..., : d - 1].sum(-1, keepdims=True)
        x[..., np.arange(d), np.arange(d)] = (np.concatenate([stretch[..., : d - 1], ends], axis=-1) + grow) / 2.0
        return x

    @property
    def _counts(self) -> list[int]:
        """How many directions volume, shape and orientation have in one component."""
        pairs = len(self._pairs[0])
        return [1, self.n_features - 1 + self._stretches * pairs, pairs]

    def _not_round(self) -> NDArray[np.bool_]:
        """Which directions change a covariance: turning the axes of a circle does not."""
        each = [np.full((self.n_components, count), True) for count in self._counts]
        each[2] = np.abs(self._ratio - 1.0 / self._ratio) > _ROUND
        return self._gathered([part.astype(float) for part in each]) > 0

    def _gathered(self, each: list[Array]) -> Array:
        """From the values ``(K, M)`` of volume, shape and orientation: none, their sum over components, or all."""
        made = {"I": [x[:0].ravel() for x in each], "E": [x.sum(0) for x in each], "V": [x.ravel() for x in each]}
        return np.concatenate([made[letter][part] for part, letter in enumerate(self._kinds)])

    def _spread(self, amounts: Array) -> list[Array]:
        """The amounts of volume, shape and orientation in each component, ``(..., K, M)``."""
        parts, at, before = [], 0, amounts.shape[:-1]
        for letter, count in zip(self._kinds, self._counts, strict=True):
            rows = {"I": 0, "E": 1, "V": self.n_components}[letter]
            part = amounts[..., at : at + rows * count].reshape(*before, rows, count)
            at += rows * count
            shape = (*before, self.n_components, count)
            parts.append(np.broadcast_to(part if rows else 0.0, shape))
        return parts


def _frames(letters: str, covariances: Array) -> Array:
    """Matrices ``F (K, D, D)`` with covariances ``F F'``; where axes are equal or turn alone, their columns are axes.

    Raises ``LinAlgError`` if columns of very different units leave no such axes in float64.
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
        # Any weighted sum has the common axes. With equal weights, mirror images could add up to a circle.
        volume = np.exp(np.linalg.slogdet(covariances).logabsdet / n_features)
        part = 1.0 / (volume * np.sqrt(np.arange(2, n_components + 2)))
        _, axes = np.linalg.eigh(np.tensordot(part, covariances, 1))
        along = np.einsum("ji,kjl,li->ki", axes, covariances, axes)
    frames = np.asarray(axes * np.sqrt(np.maximum(along, 0.0))[:, None, :])
    deviation = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    lost = np.abs(frames @ frames.mT - covariances) > _LOST * deviation[:, :, None] * deviation[:, None, :]
    if lost.any() or not (along > 0).all():
        raise np.linalg.LinAlgError("float64 cannot represent the axes of these covariances")
    return frames
