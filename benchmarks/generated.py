"""Generated tables whose components overlap by a given amount.

The overlap of two components is the sum of two probabilities: that a row of one has the higher posterior probability
under the other, and the reverse (Maitra & Melnykov 2010, *Journal of Computational and Graphical Statistics* 19:354).
As there, means are uniform in a cube, covariances are random, and one factor scales all covariances so that the average
or the largest overlap of pairs has the given value. The probabilities are estimated from a fixed random sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_DRAWS = 4_000_000  # of all pairs of components together
_MOST_DRAWS = 100_000  # of one component
_LEAST_WEIGHT = 0.3  # of a component, in parts of 1 / K
_FLATTEST = 0.19  # least ratio of the smallest to the largest variance of a component: eccentricity 0.9


class Parameters(NamedTuple):
    """Weights ``(K,)``, means ``(K, D)`` and covariances ``(K, D, D)`` of a mixture."""

    weights: Array
    means: Array
    covariances: Array


@dataclass(frozen=True)
class Recipe:
    """The size of a generated table, and how much its components overlap.

    Attributes
    ----------
    overlap : the average overlap of the pairs of components.
    maximal : whether `overlap` is the largest overlap of a pair instead.
    ring : whether the means lie on a circle, as in the `wreath` data of mclust.
    """

    n_rows: int
    n_features: int
    n_components: int
    overlap: float
    maximal: bool = False
    ring: bool = False

    @property
    def name(self) -> str:
        size = f"{self.n_rows}x{self.n_features}x{self.n_components}"
        return f"{size}-ring" if self.ring else size


def parameters(recipe: Recipe) -> Parameters:
    """The mixture that the rows of a table are drawn from."""
    rng = _generator(recipe, 0)
    k, d = recipe.n_components, recipe.n_features
    weights = _LEAST_WEIGHT / k + (1.0 - _LEAST_WEIGHT) * rng.dirichlet(np.ones(k))
    if recipe.ring:
        means, covariances = _ring(k)
    else:
        means = rng.uniform(size=(k, d))
        covariances = np.stack([_covariance(d, rng) for _ in range(k)])
    factor = _factor(recipe, Parameters(weights, means, covariances), rng)
    return Parameters(weights, means, covariances * factor)


def draw(recipe: Recipe, mixture: Parameters, part: int) -> tuple[Array, NDArray[np.intp]]:
    """Rows ``(N, D)`` and the components ``(N,)`` that they come from; every `part` is an independent sample."""
    rng = _generator(recipe, 1 + part)
    labels = rng.choice(recipe.n_components, size=recipe.n_rows, p=mixture.weights)
    roots = np.linalg.cholesky(mixture.covariances)
    noise = rng.normal(size=(recipe.n_rows, recipe.n_features))
    return mixture.means[labels] + np.einsum("nij,nj->ni", roots[labels], noise), labels


def overlaps(mixture: Parameters, rng: np.random.Generator) -> Array:
    """The overlap ``(K, K)`` of every pair of components."""
    return _Pairs.of(mixture, rng).overlaps(1.0)


class _Pairs(NamedTuple):
    """Squared distances from draws of each component to every other, as polynomials in the inverse of the scale.

    If all standard deviations are multiplied by s, the squared distance of a draw of component i to component j is
    ``square + 2 product / s + offset / s**2``. Its squared distance to component i is `own`.
    """

    own: Array  # (M,)
    square: Array  # (K, K, M)
    product: Array  # (K, K, M)
    offset: Array  # (K, K)
    advantage: Array  # (K, K)

    @classmethod
    def of(cls, mixture: Parameters, rng: np.random.Generator) -> _Pairs:
        k, d = mixture.means.shape
        roots = np.linalg.cholesky(mixture.covariances)
        draws = rng.normal(size=(min(_DRAWS // k**2, _MOST_DRAWS), d))
        square, product = (np.empty((k, k, len(draws))) for _ in range(2))
        offset = np.empty((k, k))
        for j, inverse in enumerate(np.linalg.inv(roots)):
            between = (mixture.means - mixture.means[j]) @ inverse.T  # (K, D)
            for i in range(k):
                whitened = draws @ (inverse @ roots[i]).T
                square[i, j] = (whitened**2).sum(1)
                product[i, j] = whitened @ between[i]
            offset[:, j] = (between**2).sum(1)
        constant = np.log(mixture.weights) - np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1)
        return cls((draws**2).sum(1), square, product, offset, 2.0 * (constant[None, :] - constant[:, None]))

    def overlaps(self, scale: float) -> Array:
        """The overlap of every pair if all standard deviations are multiplied by `scale`."""
        distance = self.square + (2.0 / scale) * self.product + (self.offset / scale**2)[:, :, None]
        lost: Array = (distance - self.own < self.advantage[:, :, None]).mean(2)
        np.fill_diagonal(lost, 0.0)
        return lost + lost.T


def _factor(recipe: Recipe, mixture: Parameters, rng: np.random.Generator) -> float:
    """The factor of all covariances that gives the overlap of the recipe, by bisection."""
    if recipe.n_components == 1:
        return 1.0
    pairs = _Pairs.of(mixture, rng)
    upper = np.triu_indices(recipe.n_components, 1)

    def overlap(scale: float) -> float:
        every = pairs.overlaps(scale)[upper]
        return float(every.max() if recipe.maximal else every.mean())

    low, high = 1e-4, 1e2
    for _ in range(24):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if overlap(middle) < recipe.overlap else (low, middle)
    return float(low * high)


def _covariance(d: int, rng: np.random.Generator) -> Array:
    """A Wishart matrix with D + 1 degrees of freedom, whose eigenvalues are at least a fraction of the largest."""
    root = rng.normal(size=(d, d + 1))
    values, vectors = np.linalg.eigh(root @ root.T / (d + 1))
    values = np.maximum(values, _FLATTEST * values[-1])
    return np.asarray((vectors * values) @ vectors.T)


def _ring(k: int) -> tuple[Array, Array]:
    """Means on a circle, and ellipses three times as long as wide at 60 degrees to the radius."""
    angles = 2.0 * np.pi * np.arange(k) / k
    means = np.stack([np.cos(angles), np.sin(angles)], 1)
    axis = np.stack([np.cos(angles + np.pi / 3), np.sin(angles + np.pi / 3)], 1)
    return means, np.eye(2) + 8.0 * axis[:, :, None] * axis[:, None, :]


def _generator(recipe: Recipe, part: int) -> np.random.Generator:
    return np.random.default_rng([recipe.n_rows, recipe.n_features, recipe.n_components, part])
