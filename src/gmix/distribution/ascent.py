"""Ascent of a density to its local maxima."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ascent", "distinct", "ridgeline_maxima"]

Array = NDArray[np.float64]
_STEPS = 1_000  # of one ascent; a start that needs more is near a saddle
_DECREMENT = 1e-20  # half the squared length of Newton's last step, in units of the curvature
_SAME = 1e-4  # distance of two points that are one mode, in standard deviations of the curvature
_BLOCK = 2_048  # points that ascend together
_LOGITS = np.linspace(-9.0, 9.0, 37)  # of the positions along a ridgeline


class Ascent(NamedTuple):
    """The components of a density, in coordinates in which its columns have a standard deviation of one."""

    log_constants: Array  # (K,)
    means: Array  # (K, D)
    whitener: Array  # (K, D, D)
    precisions: Array  # (K, D, D)

    @classmethod
    def of(cls, weights: Array, means: Array, whitener: Array) -> Self:
        log_constants = np.log(weights) + np.log(np.diagonal(whitener, axis1=1, axis2=2)).sum(1)
        return cls(log_constants, means, whitener, whitener.mT @ whitener)

    def log_density(self, x: Array) -> Array:
        """The log density ``(N,)``, less the constant of the normal density."""
        from scipy.special import logsumexp

        return np.asarray(logsumexp(self._terms(x)[0], axis=1))

    def maxima(self, starts: Array) -> Array:
        """The local maxima that the ascents from these points converge to, one for each that does."""
        found = [self._ascend(starts[i : i + _BLOCK]) for i in range(0, len(starts), _BLOCK)]
        return np.concatenate(found)

    def _terms(self, x: Array) -> tuple[Array, Array]:
        """The log densities ``(N, K)`` of the components, weighted, and residuals ``(N, K, D)`` in whitened units."""
        z = (self.whitener @ (self.means - x[:, None])[..., None])[..., 0]
        return self.log_constants - 0.5 * np.square(z).sum(2), z

    def _slopes(self, x: Array) -> tuple[Array, Array]:
        """The responsibilities ``(N, K)``, and the gradients ``(N, K, D)`` of the components' log densities."""
        logs, z = self._terms(x)
        r = np.exp(logs - logs.max(1, keepdims=True))
        return r / r.sum(1, keepdims=True), (self.whitener.mT @ z[..., None])[..., 0]

    def _ascend(self, x: Array) -> Array:
        done: list[Array] = []
        for _ in range(_STEPS):
            fixed_point, newton, decrement = self._steps(x)
            settled = decrement < _DECREMENT
            done.append(x[settled])
            x, fixed_point, newton = x[~settled], fixed_point[~settled], newton[~settled]
            if not len(x):
                break
            fast, safe = x + newton, x + fixed_point
            better = self.log_density(fast) >= self.log_density(safe)
            x = np.where(better[:, None], fast, safe)
        return np.concatenate(done)

    def _steps(self, x: Array) -> tuple[Array, Array, Array]:
        """The step of the fixed-point iteration, Newton's step, and its decrement, infinite where there is none."""
        r, slopes = self._slopes(x)
        gradient = (r[:, None] @ slopes)[:, 0]
        weighted = np.tensordot(r, self.precisions, 1)
        fixed_point = np.linalg.solve(weighted, gradient[..., None])[..., 0]
        curvature = weighted - (slopes * r[..., None]).mT @ slopes + gradient[:, :, None] * gradient[:, None, :]
        scale = 1.0 / np.sqrt(np.diagonal(weighted, axis1=1, axis2=2))
        values, vectors = np.linalg.eigh(curvature * scale[:, :, None] * scale[:, None, :])
        concave = values[:, 0] > 1e-13 * values[:, -1]
        along = (vectors.mT @ (scale * gradient)[..., None])[..., 0]
        along = along / np.where(concave[:, None], values, 1.0)
        newton = np.where(concave[:, None], scale * (vectors @ along[..., None])[..., 0], 0.0)
        decrement = np.where(concave, 0.5 * (newton * gradient).sum(1), np.inf)
        return np.asarray(fixed_point), np.asarray(newton), np.asarray(np.maximum(decrement, 0.0))

    def curvature(self, x: Array) -> Array:
        """Minus the Hessian ``(N, D, D)`` of the log density, where the gradient is zero."""
        r, slopes = self._slopes(x)
        return np.asarray(np.tensordot(r, self.precisions, 1) - (slopes * r[..., None]).mT @ slopes)


def ridgeline_maxima(ascent: Ascent) -> Array:
    """The local maxima ``(N, D)`` of the density along the ridgelines of all pairs of components, on a grid."""
    k, d = ascent.means.shape
    share = 1.0 / (1.0 + np.exp(-_LOGITS))
    found = [np.empty((0, d))]
    pulls = (ascent.precisions @ ascent.means[..., None])[..., 0]
    for i in range(k - 1):
        others = np.arange(i + 1, k)
        a, b = (1.0 - share)[:, None, None, None], share[:, None, None, None]
        precision = a * ascent.precisions[i] + b * ascent.precisions[others]
        pull = a[..., 0] * pulls[i] + b[..., 0] * pulls[others]
        points = np.linalg.solve(precision, pull[..., None])[..., 0]  # (S, K - i - 1, D)
        level = ascent.log_density(points.reshape(-1, d)).reshape(points.shape[:2])
        # The ends are the means, which are starts anyway.
        peaks = (level[1:-1] >= level[:-2]) & (level[1:-1] >= level[2:])
        found.append(points[1:-1][peaks])
    return np.concatenate(found)


def distinct(ascent: Ascent, points: Array) -> Array:
    """The points without those that are the same mode."""
    kept: list[Array] = []
    while len(points):
        mode = points[0]
        kept.append(mode)
        steps = points - mode
        distance = ((steps @ ascent.curvature(mode[None])[0]) * steps).sum(1)
        points = points[~(distance < _SAME**2)]
        if len(points) and np.array_equal(points[0], mode):
            points = points[1:]
    return np.array(kept).reshape(-1, ascent.means.shape[1])
