"""Forms: how the K covariances of a mixture are stored, factored and applied.

A form is linear algebra without statistics. The kernel works with forms alone, and every covariance structure uses one
of them. A form stores covariances as a *compact* array; that of factor models, `LowRank`, is in `low_rank`, and these
are the others:

==========  =============  ==========================================
form        compact        the covariance of component k
==========  =============  ==========================================
full        ``(K, D, D)``  ``compact[k]``
tied        ``(D, D)``     ``compact``
diagonal    ``(K, D)``     ``diag(compact[k])``
spherical   ``(K,)``       ``compact[k] * identity``
==========  =============  ==========================================

Scatter matrices are stored in the same shapes: summed over components if tied, as diagonals if diagonal, and as traces
if spherical.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.contract import Form

__all__ = ["DIAGONAL", "FORMS", "FULL", "SPHERICAL", "TIED", "Form", "symmetric"]

Array = NDArray[np.float64]
_RIDGES = 64  # powers of two that are tried as a ridge
_DEFINITE = 1e-14  # of a variance; a smaller eigenvalue is rounding error


def symmetric(matrices: Array) -> Array:
    """Remove the asymmetry that rounding left in matrices ``(..., D, D)``."""
    return np.asarray((matrices + matrices.mT) / 2.0)


class _Full(Form):
    name, code = "full", 0

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)

    def dense(self, compact: Array, n_components: int, n_features: int) -> Array:
        return compact

    def compress(self, dense: Array) -> Array:
        return dense

    def factor(self, compact: Array) -> Array:
        # Correlations are factored, so that columns on a large scale cost columns on a small scale no digits.
        with np.errstate(invalid="ignore"):
            deviation = np.sqrt(np.diagonal(compact, axis1=-2, axis2=-1))
        if not (np.isfinite(deviation).all() and (deviation > 0).all()):
            raise np.linalg.LinAlgError("a variance is not a positive number")
        correlation = compact / deviation[..., :, None] / deviation[..., None, :]
        return np.asarray(deviation[..., :, None] * np.linalg.cholesky(correlation))

    def whitener(self, factor: Array) -> Array:
        inverse = np.zeros_like(factor)
        for row in range(factor.shape[-1]):
            pivot = factor[..., row, row, None]
            inverse[..., row, row] = 1.0 / pivot[..., 0]
            if row:
                left = factor[..., row, None, :row] / pivot[..., None]
                inverse[..., row, :row] = -(left @ inverse[..., :row, :row])[..., 0, :]
        return inverse

    def log_determinant(self, factor: Array, n_components: int, n_features: int) -> Array:
        logs = np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
        return np.broadcast_to(logs, (n_components,))

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return np.asarray((matrices @ vectors[..., None])[..., 0] if vectors.ndim == 2 else vectors @ matrices.mT)

    def outer(self, mass: Array, vectors: Array) -> Array:
        return np.asarray(mass[:, None, None] * (vectors[:, :, None] * vectors[:, None, :]))

    def scatter(self, mass: Array, vectors: Array) -> Array:
        return symmetric((mass[..., None] * vectors).mT @ vectors)

    def congruence(self, factor: Array, scatter: Array) -> Array:
        return symmetric(factor @ scatter @ factor.mT)

    def trace(self, scatter: Array) -> float:
        return float(np.trace(scatter, axis1=-2, axis2=-1).sum())

    def variances(self, total: Array, n_features: int) -> Array:
        return np.diagonal(total[0]).copy()

    def total(self, scatter: Array) -> Array:
        return np.asarray(scatter.sum(0, keepdims=True))

    def widened(self, compact: Array, variances: Array) -> Array:
        return np.asarray(compact + np.diag(variances))

    def smallest(self, compact: Array, floor: Array) -> Array:
        relative, _ = self._relative(compact, floor)
        return np.asarray(np.linalg.eigvalsh(relative)[..., 0])

    def lift(self, compact: Array, floor: Array) -> Array:
        relative, scale = self._relative(compact, floor)
        try:  # almost always every eigenvalue is far above one, as this fast test shows
            np.linalg.cholesky(relative - 0.5 * np.eye(compact.shape[-1]))
        except np.linalg.LinAlgError:
            values, vectors = np.linalg.eigh(relative)
            raised = (vectors * np.maximum(1.0 - values, 0.0)[..., None, :]) @ vectors.mT
            compact = (relative + raised) * scale[..., :, None] * scale[..., None, :]
            lifted = symmetric(compact)
            return lifted if self._can_be_factored(lifted) else self._ridged(lifted, scale)
        return symmetric(compact)

    def _can_be_factored(self, compact: Array) -> bool:
        try:
            self.factor(compact)
        except np.linalg.LinAlgError:
            return False
        return True

    def _ridged(self, compact: Array, scale: Array) -> Array:
        """Add to the diagonal the smallest power of two, in squares of the scale, that makes all matrices factorable.

        If variances differ by more than the digits of float64, rounding leaves negative eigenvalues even in raised
        covariances.
        """
        ridge = np.eye(compact.shape[-1]) * (scale**2)[..., None, :]
        with np.errstate(over="ignore", invalid="ignore"):
            for power in range(_RIDGES):
                if self._can_be_factored(ridged := compact + 2.0**power * ridge):
                    return np.asarray(ridged)
        return compact

    def _relative(self, compact: Array, floor: Array) -> tuple[Array, Array]:
        """The covariances in units of the floor, or of the rounding error of the variances if that is larger.

        Also returns these units, as standard deviations ``(..., D)``.
        """
        scale = np.sqrt(np.maximum(floor, _DEFINITE * np.diagonal(compact, axis1=-2, axis2=-1)))
        with np.errstate(over="ignore"):  # a column may consist of the rounding errors of columns on a larger scale
            relative = compact / scale[..., :, None] / scale[..., None, :]
        deviation = np.sqrt(np.maximum(np.diagonal(relative, axis1=-2, axis2=-1), 1.0))
        limit = deviation[..., :, None] * deviation[..., None, :]
        return np.clip(relative, -limit, limit), scale


class _Tied(_Full):
    name, code = "tied", 1

    def take(self, compact: Array, components: Sequence[int] | NDArray[np.intp]) -> Array:
        return compact

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    def dense(self, compact: Array, n_components: int, n_features: int) -> Array:
        return np.broadcast_to(compact, (n_components, n_features, n_features))

    def compress(self, dense: Array) -> Array:
        return np.asarray(dense[0])

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return np.asarray(vectors @ matrices.T)

    def outer(self, mass: Array, vectors: Array) -> Array:
        return symmetric((mass[:, None] * vectors).T @ vectors)

    def scatter(self, mass: Array, vectors: Array) -> Array:
        return np.asarray(super().scatter(mass, vectors).sum(0))

    def variances(self, total: Array, n_features: int) -> Array:
        return np.diagonal(total).copy()

    def total(self, scatter: Array) -> Array:
        return scatter

    def smallest(self, compact: Array, floor: Array) -> Array:
        return np.asarray(super().smallest(compact[None], floor))


class _Diagonal(Form):
    name, code, axis_aligned = "diagonal", 2, True

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    def dense(self, compact: Array, n_components: int, n_features: int) -> Array:
        return compact[:, :, None] * np.eye(n_features)

    def compress(self, dense: Array) -> Array:
        return np.diagonal(dense, axis1=1, axis2=2).copy()

    def factor(self, compact: Array) -> Array:
        if not (np.isfinite(compact).all() and (compact > 0).all()):
            raise np.linalg.LinAlgError("a variance is not a positive number")
        return np.sqrt(compact)

    def whitener(self, factor: Array) -> Array:
        return 1.0 / factor

    def log_determinant(self, factor: Array, n_components: int, n_features: int) -> Array:
        return np.asarray(np.log(factor).sum(1))

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return np.asarray(vectors * (matrices if vectors.ndim == 2 else matrices[:, None, :]))

    def outer(self, mass: Array, vectors: Array) -> Array:
        return np.asarray(mass[:, None] * vectors**2)

    def scatter(self, mass: Array, vectors: Array) -> Array:
        return np.asarray((mass[:, None, :] @ vectors**2)[:, 0])

    def congruence(self, factor: Array, scatter: Array) -> Array:
        return np.asarray(factor * scatter * factor)

    def trace(self, scatter: Array) -> float:
        return float(scatter.sum())

    def variances(self, total: Array, n_features: int) -> Array:
        return np.asarray(total[0])

    def total(self, scatter: Array) -> Array:
        return np.asarray(scatter.sum(0, keepdims=True))

    def widened(self, compact: Array, variances: Array) -> Array:
        return np.asarray(compact + variances)

    def smallest(self, compact: Array, floor: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.asarray((compact / floor).min(1))

    def lift(self, compact: Array, floor: Array) -> Array:
        return np.maximum(compact, floor)


class _Spherical(_Diagonal):
    name, code = "spherical", 3

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)

    def dense(self, compact: Array, n_components: int, n_features: int) -> Array:
        return compact[:, None, None] * np.eye(n_features)

    def compress(self, dense: Array) -> Array:
        return np.asarray(np.trace(dense, axis1=1, axis2=2) / dense.shape[-1])

    def log_determinant(self, factor: Array, n_components: int, n_features: int) -> Array:
        return n_features * np.log(factor)

    def apply(self, matrices: Array, vectors: Array) -> Array:
        return np.asarray(vectors * matrices.reshape(-1, *(1,) * (vectors.ndim - 1)))

    def outer(self, mass: Array, vectors: Array) -> Array:
        return np.asarray(mass * (vectors**2).sum(1))

    def scatter(self, mass: Array, vectors: Array) -> Array:
        return np.asarray((mass * (vectors**2).sum(2)).sum(1))

    def variances(self, total: Array, n_features: int) -> Array:
        return np.full(n_features, total[0] / n_features)

    def widened(self, compact: Array, variances: Array) -> Array:
        return np.asarray(compact + variances.min())

    def smallest(self, compact: Array, floor: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.asarray(compact / floor[0])

    def lift(self, compact: Array, floor: Array) -> Array:
        return np.asarray(np.maximum(compact, floor[0]))


FULL, TIED, DIAGONAL, SPHERICAL = _Full(), _Tied(), _Diagonal(), _Spherical()
FORMS: tuple[Form, ...] = (FULL, TIED, DIAGONAL, SPHERICAL)
