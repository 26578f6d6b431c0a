"""The probability that a draw from a mixture has at most a given density."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.kernel import kernel

__all__ = ["DensityTail"]

Array = NDArray[np.float64]
_POINTS, _NUMBERS = 200_000, 10_000_000  # points of all components, unless they would hold more numbers
_FEWEST = 50  # points of each component
_EVEN = 10  # columns up to which directions are spaced evenly
_ROWS, _POINTS_OF_ROW = 8_192, 16  # the most rows of the table, and the fewest points between two of them
_DEPTH = 708.0  # minus the logarithm of the smallest tail probability: float64 holds no much smaller ones


class DensityTail(NamedTuple):
    r"""The distribution function of the log density of a draw, as a table.

    .. math:: P\bigl(\log p(X) \le c\bigr) = \sum_k w_k \, E_u\, P\bigl(\log p(\mu_k + r L_k u) \le c\bigr), \qquad
              r^2 \sim \chi^2_D

    with a direction u that is uniform on the sphere. The distribution of the radius r is cut into strata, which reach
    from the center into a tail of probability 1e-308. Each stratum has one radius and one direction, drawn with a fixed
    seed, and counts with its exact probability. So small probabilities have a small relative error too, unlike the
    proportion of draws that have a low density.

    Attributes
    ----------
    log_density : ``(M,)``, ascending.
    log_probability : ``(M,)``, of at most this log density.
    """

    log_density: Array
    log_probability: Array

    @classmethod
    @one_blas_thread()
    def of(cls, weights: Array, components: Components, points: int | None = None) -> DensityTail:
        """The table of a mixture with these weights ``(K,)`` and components, from at most this many points."""
        # Directions are drawn in an order that does not depend on that of the components.
        order = np.lexsort((components.log_constants, *components.means.T[::-1]))
        present = order[weights[order] > 0].tolist()
        n_features = components.means.shape[1]
        n = max(min(points or _POINTS, _NUMBERS // n_features) // len(present), _FEWEST)
        radii, masses = _strata(n, n_features)
        generator = np.random.default_rng(0)
        tails = [_component_tail(components, k, _directions(generator, radii, n_features), masses) for k in present]
        levels = np.sort(np.concatenate([tail.log_density for tail in tails]))
        levels = np.append(levels[: -1 : max(len(levels) // _ROWS, _POINTS_OF_ROW)], levels[-1])
        total = np.full(len(levels), -np.inf)
        for weight, tail in zip(weights[present], tails, strict=True):
            total = np.logaddexp(total, np.log(weight) + tail.log_probabilities(levels))
        return cls(levels, total)

    def log_probabilities(self, log_density: Array) -> Array:
        """The log probability ``(N,)`` that a draw has at most these log densities ``(N,)``."""
        return np.interp(log_density, self.log_density, self.log_probability, left=-np.inf, right=0.0)


def _component_tail(components: Components, k: int, directions: Array, masses: Array) -> DensityTail:
    """The distribution of the mixture's log density at a draw from component k.

    `directions` ``(n, D)`` have the lengths of the radii, and `masses` ``(n,)`` are the probabilities of their strata.
    """
    steps = components.form.apply(components.form.take(components.factor, [k]), directions[None])[0]
    level = kernel.posterior(Rows(components.means[k] + steps), components, False, 1)[0]
    ascending = np.argsort(level, kind="stable")
    mass = masses[ascending]
    return DensityTail(level[ascending], np.log(np.cumsum(mass) - mass / 2.0))


def _directions(generator: np.random.Generator, radii: Array, n_features: int) -> Array:
    """A vector ``(n, D)`` of each length in a direction that is uniform on the sphere.

    In few columns, successive directions fill the sphere evenly: they are additive recurrences (Roberts 2018, *The
    unreasonable effectiveness of quasirandom sequences*), shifted at random and mapped to normal variables.
    """
    from scipy.special import ndtri

    if n_features > _EVEN:
        normal = generator.standard_normal((len(radii), n_features))
    else:
        ratio = 2.0  # converges to the root of r^(D + 1) = r + 1
        for _ in range(64):
            ratio = (1.0 + ratio) ** (1.0 / (n_features + 1))
        steps = ratio ** -np.arange(1.0, n_features + 1)
        uniform = (generator.random(n_features) + np.arange(len(radii))[:, None] * steps) % 1.0
        normal = ndtri(np.clip(uniform, 2.0**-53, 1.0 - 2.0**-53))
    return np.asarray(normal * (radii / np.linalg.norm(normal, axis=1))[:, None])


def _strata(n: int, n_features: int) -> tuple[Array, Array]:
    """A radius in each of `n` strata of its distribution, ascending, and the probabilities of the strata.

    The strata are narrow where the probability of a larger radius is near one, and grow with minus its logarithm.
    """
    from scipy.special import gammainccinv, gammaincinv

    depth = (1.0 + _DEPTH) ** (np.arange(2 * n + 1) / (2 * n)) - 1.0  # minus the log probability of a larger radius
    middle, edges = depth[1::2], depth[::2]
    masses = np.exp(-edges[:-1]) * -np.expm1(edges[:-1] - edges[1:])
    near = middle < np.log(2.0)
    half_squares = np.empty(n)
    half_squares[near] = gammaincinv(n_features / 2.0, -np.expm1(-middle[near]))
    half_squares[~near] = gammainccinv(n_features / 2.0, np.exp(-middle[~near]))
    return np.sqrt(2.0 * half_squares), masses
