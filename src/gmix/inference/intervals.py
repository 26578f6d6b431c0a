"""Bias-corrected and accelerated bootstrap intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.fitting.result import Fit
from gmix.inference.standard_errors import curvature, of_directions, root_of
from gmix.model.dependence import Dependence
from gmix.sources import LocalSource

__all__ = ["Intervals", "acceleration", "bca_levels"]

Array = NDArray[np.float64]


class Intervals(NamedTuple):
    """Numbers for all parameters of a mixture: the lower and the upper ends of intervals, or another pair.

    Attributes
    ----------
    weights : ``(2, K)``.
    means : ``(2, K, D)``.
    covariances : ``(2, K, D, D)``.
    """

    weights: Array
    means: Array
    covariances: Array


@np.errstate(divide="ignore", over="ignore", invalid="ignore")
def acceleration(fit: Fit, source: LocalSource, dependence: Dependence | None) -> tuple[Array, Array, Array]:
    r"""The acceleration of weights ``(K,)``, means ``(K, D)`` and covariances ``(K, D, D)``.

    .. math:: a = \frac16 \frac{\sum_i \omega_i l_i^3}{\bigl(\sum_i \omega_i l_i^2\bigr)^{3/2}}, \qquad
              l_i = \frac{\partial\theta}{\partial\beta} \, I^{-1} s_i

    for the influence l of each row on a parameter: the score of the row times the inverse of the information, which the
    jackknife approximates by N further fits. It is zero where the information is not positive definite. `dependence`
    is that of columns which the fit leaves out.
    """
    mixture, found = fit.mixture, curvature(fit, source)
    k, d = mixture.n_components, mixture.n_features if dependence is None else len(dependence.matrix)
    shapes = ((k,), (k, d), (k, d, d))
    none = np.zeros(shapes[0]), np.zeros(shapes[1]), np.zeros(shapes[2])
    if found is None or not found.point.n_directions:
        return none
    try:
        root = root_of(found.information)
    except np.linalg.LinAlgError:
        return none
    errors = of_directions(found.point, root)
    units = [np.where(error > 0, error, 1.0) for error in (errors.weights, errors.means, errors.covariances)]
    inverse, mass = root.T @ root, 0.0
    sums = [[np.zeros(shape) for _ in range(3)] for shape in shapes]
    for rows in found.blocks(source):
        weight = rows.mass
        changes = found.point.changes((found.scores(rows, source.threads) / weight).T @ inverse)
        scaled = [changes.weights[:, :k], changes.means, changes.covariances]
        scaled = [change / unit for change, unit in zip(scaled, units, strict=True)]  # powers do not overflow
        if dependence is not None:
            matrix = dependence.matrix
            scaled[1] = (scaled[1] * units[1]) @ matrix.T
            scaled[2] = matrix @ (scaled[2] * units[2]) @ matrix.T
        for powers, influence in zip(sums, scaled, strict=True):
            for power in range(3):
                powers[power] += np.tensordot(weight, influence ** (power + 1), 1)
        mass += float(weight.sum())
    return _skewness(sums[0], mass), _skewness(sums[1], mass), _skewness(sums[2], mass)


def _skewness(sums: list[Array], mass: float) -> Array:
    """A sixth of the standardized third moment of a sum, from the sums of the first three powers."""
    first, second, third = sums
    mean = first / mass  # zero but with a prior
    cubes = third - 3.0 * mean * second + 3.0 * mean**2 * first - mass * mean**3
    squares = second - mean * first
    return np.nan_to_num(cubes / squares**1.5 / 6.0, nan=0.0, posinf=0.0, neginf=0.0)


def bca_levels(replicates: Array, estimate: Array, accelerated: Array, level: float) -> Array:
    r"""The probabilities ``(2, ...)`` whose quantiles of ``replicates (R, ...)`` are the ends of the BCa interval.

    .. math:: \Phi\Bigl(z_0 + \frac{z_0 + z_\alpha}{1 - a (z_0 + z_\alpha)}\Bigr), \qquad
              z_0 = \Phi^{-1}\bigl(\text{share of the replicates below the estimate}\bigr)

    Efron (1987), *Journal of the American Statistical Association* 82:171.
    """
    from scipy.special import ndtr, ndtri

    n = len(replicates)
    below = ((replicates < estimate).sum(0) + 0.5 * (replicates == estimate).sum(0)) / n
    bias = ndtri(np.clip(below, 0.5 / n, 1.0 - 0.5 / n))
    ends = []
    for alpha in ((1.0 - level) / 2.0, (1.0 + level) / 2.0):
        z = bias + ndtri(alpha)
        ends.append(ndtr(bias + z / np.maximum(1.0 - accelerated * z, np.finfo(np.float64).eps)))
    return np.stack(ends)
