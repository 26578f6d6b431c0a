"""A point in the space of the parameters of a mixture, and the directions in which they are free to change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmix.model.background import Background
from gmix.model.covariance import SPHERICAL, TIED, Structure, Tangents
from gmix.model.frozen import Frozen
from gmix.model.mixture import GaussianMixture, unchecked_mixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics

__all__ = ["Changes", "Point"]

Array = NDArray[np.float64]
_ZERO = 1e-10  # of the largest eigenvalue of squares; the square of the error of differences is about 1e-16


@dataclass(frozen=True, eq=False)
class Changes:
    """The changes of all parameters along P directions, in the units of the parameters.

    Attributes
    ----------
    weights : ``(P, K)``; with a background, whose weight is the last, ``(P, K + 1)``.
    means : ``(P, K, D)``.
    covariances : ``(P, K, D, D)``.
    """

    weights: Array
    means: Array
    covariances: Array


@dataclass(frozen=True, eq=False)
class _Free:
    """Which parameters are free.

    Attributes
    ----------
    frozen : the parameters that are not.
    weights : the positions of the weights that are free. The last is the background's if there is one.
    moving : those of `weights` that are directions: all but one, because their sum is fixed.
    left : the sum of the free weights.
    means : the components whose means are free.
    covariances : ``(Q, P)`` the directions of the tangents that leave frozen covariances as they are, as combinations
        of all Q; None if none is frozen.
    """

    frozen: Frozen
    weights: list[int]
    moving: list[int]
    left: float
    means: list[int]
    covariances: Array | None

    @classmethod
    def of(cls, weights: Array, n_components: int, tangents: Tangents, structure: Structure, frozen: Frozen) -> _Free:
        free = [k for k in range(len(weights)) if k not in frozen.weights]
        own = [k for k in free if k < n_components]
        fixed = own if structure.equal_weights else sorted(own, key=lambda k: -weights[k])[:1]
        fixed = fixed or free[:1]
        moving = [k for k in free if k not in fixed]
        left = 1.0 - float(weights[list(frozen.weights)].sum()) if free else 1.0
        means = [k for k in range(n_components) if k not in frozen.means]
        return cls(frozen, free, moving, left, means, _combinations(tangents, frozen.covariances, n_components))


def _combinations(tangents: Tangents, frozen: tuple[int, ...], n_components: int) -> Array | None:
    """Orthonormal combinations ``(Q, P)`` of the directions of tangents, along which no frozen covariance changes."""
    if not frozen:
        return None
    n = tangents.n_directions
    if len(frozen) == n_components:
        return np.zeros((n, 0))
    change = tangents.sum(np.eye(n))[:, list(frozen)]
    change = (change + change.mT).reshape(n, -1)
    values, vectors = np.linalg.eigh(change @ change.T)
    return np.asarray(vectors[:, values <= _ZERO * values[-1]])


@dataclass(frozen=True, eq=False)
class Point:
    """A mixture, and the directions in which its free parameters can change.

    Covariances change along the tangents of their structure, means in units of their component's frame, and weights
    by their logarithms, so the units of the data do not matter. Free weights sum to what the frozen ones leave.
    """

    weights: Array  # the last is the background's if there is one
    means: Array
    tangents: Tangents
    structure: Structure
    background: Background | None
    free: _Free

    @classmethod
    def of(cls, mixture: GaussianMixture, frozen: Frozen | None = None) -> Point:
        structure, background = mixture.structure, mixture.background
        tangents = structure.tangents(mixture.weights, mixture.covariances)
        weights = mixture.weights if background is None else np.append(mixture.weights, background.weight)
        free = _Free.of(weights, mixture.n_components, tangents, structure, frozen or Frozen())
        return cls(weights, mixture.means, tangents, structure, background, free)

    @property
    def frames(self) -> Array:
        return self.tangents.frames

    @property
    def n_directions(self) -> int:
        chosen = self.free.covariances
        of_covariances: int = self.tangents.n_directions if chosen is None else chosen.shape[1]
        return len(self.free.moving) + self._n_means + of_covariances

    @property
    def _n_means(self) -> int:
        return self.means[self.free.means].size

    def moved(self, direction: Array) -> Point:
        """The point at the end of a step ``(P,)``."""
        free = self.free
        weights, means, motions = self._split(direction)
        growth = np.ones_like(self.weights)
        growth[free.moving] = np.exp(weights)
        before, growth = self.weights[free.weights], growth[free.weights]
        after, moved = self.weights.copy(), self.means.copy()
        after[free.weights] = free.left * (before * growth / (before @ growth))
        steps = self.frames[free.means] @ means.reshape(*moved[free.means].shape, 1)
        moved[free.means] = self.means[free.means] + steps[..., 0]
        return replace(self, weights=after, means=moved, tangents=self.tangents.moved(motions))

    def mixture(self, features: tuple[str, ...] | None) -> GaussianMixture:
        compact = self.structure.form.compress(self.frames @ self.frames.mT)
        weights, background = self.weights[: len(self.means)], self.background
        if background is not None:
            background = background.with_weight(float(self.weights[-1]))
        return unchecked_mixture(weights, self.means, compact, self.structure, features, background)

    @np.errstate(over="ignore", invalid="ignore")
    def score(self, statistics: SufficientStatistics, prior: Prior | None) -> Array:
        """The derivatives ``(P,)`` of the log-likelihood, or log posterior, in all directions."""
        in_background = statistics.total_weight - statistics.counts.sum()
        if prior is not None:
            statistics = statistics + prior.term(statistics, self.structure)
        n_components, n_features = self.means.shape
        form, step = statistics.form, statistics.mean - self.means
        scatter = form.dense(statistics.scatter + form.outer(statistics.mass, step), n_components, n_features)
        if form is TIED:  # a sum over the components, whose covariances change together
            scatter = scatter / n_components
        if form is SPHERICAL:  # a sum over the columns
            scatter = scatter / n_features
        divisor = statistics.divisor[:, None, None] * np.eye(n_features)
        inverse = np.linalg.inv(self.frames)
        means = statistics.mass[:, None] * (inverse @ step[..., None])[..., 0]
        covariances = self.tangents.along(inverse @ scatter @ inverse.mT - divisor)
        counts = statistics.counts
        if self.background is not None:
            counts = np.append(counts, in_background)
        free = self.free
        weights = counts - self.weights * (counts[free.weights].sum() / free.left)
        if free.covariances is not None:
            covariances = covariances @ free.covariances
        return np.concatenate([weights[free.moving], means[free.means].ravel(), covariances])

    def changes(self, directions: Array) -> Changes:
        """The changes of the parameters along directions ``(M, P)``, to first order."""
        free = self.free
        weights, means, motions = self._split(directions)
        jacobian = self.weights[:, None] * (np.eye(len(self.weights)) - self.weights / free.left)[:, free.moving]
        jacobian[list(free.frozen.weights)] = 0.0
        moved = np.zeros((len(directions), *self.means.shape))
        steps = self.frames[free.means] @ means.reshape(*moved[:, free.means].shape, 1)
        moved[:, free.means] = steps[..., 0]
        x = self.tangents.sum(motions)
        covariances = self.frames @ (x + x.mT) @ self.frames.mT
        covariances[:, list(free.frozen.covariances)] = 0.0
        return Changes(weights @ jacobian.T, moved, covariances)

    def _split(self, directions: Array) -> tuple[Array, Array, Array]:
        """Directions ``(..., P)``: those of the weights, of the means, and of all tangents of the covariances."""
        weights, means, motions = np.split(directions, np.cumsum([len(self.free.moving), self._n_means]), axis=-1)
        combinations = self.free.covariances
        return weights, means, motions if combinations is None else motions @ combinations.T
