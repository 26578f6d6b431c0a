r"""Covariances of few factors: ``loadings loadings' + diag(noise)``, never stored as ``(D, D)`` matrices.

For q factors, ``compact (K, D, 1 + q)`` holds the noise variances, then the loadings. A scatter is a sketch,
``(K, D, 2 + 2q)``: what the M-step of a factor model needs from the scatter :math:`S_k`. It holds the diagonal of
:math:`S_k`, the product :math:`S_k \beta_k'` with the regression :math:`\beta_k = \Lambda_k' \Sigma_k^{-1}` of factors
on columns, and the compact covariance :math:`\Sigma_k` under which it was computed, its origin. Only sketches of the
same origin add up. A scatter with an origin of zeros is that of columns without correlations.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.model.covariance.form import DIAGONAL, FORMS, Form

__all__ = ["LEAST_NOISE", "LowRank", "Whitening", "form_named", "low_rank", "projection"]

Array = NDArray[np.float64]
LEAST_NOISE = 1e-6  # of the variance of a column in the component; factors explain the others
_EXACT = 1_000  # rows or columns, up to which principal axes are computed from a matrix of all their products
_SWEEPS = 8  # of subspace iteration for larger tables


class Whitening(NamedTuple):
    r"""Factored covariances ``deviation (I + axes H^2 axes') deviation``, with orthonormal columns ``axes (K, D, q)``.

    The loadings are ``deviation * (axes @ H)``. The matrices H ``(K, q, q)`` are symmetric: `values` ``(K, q)`` and
    `vectors` ``(K, q, q)`` are those of :math:`\sqrt{1 + H^2} - 1`.
    """

    deviation: Array  # (K, D)
    axes: Array
    values: Array
    vectors: Array

    @classmethod
    def of(cls, factor: Array) -> Whitening:
        """The parts of factors as `LowRank.factor` returns them."""
        rank = factor.shape[-1] // 2
        deviation, axes = factor[..., 0], factor[..., 1 + rank :]
        inner = axes.mT @ (factor[..., 1 : 1 + rank] / deviation[..., None])
        values, vectors = np.linalg.eigh((inner + inner.mT) / 2.0)
        return cls(deviation, axes, np.maximum(values, 0.0), vectors)

    def inner(self, values: Array) -> Array:
        """The matrices ``(K, q, q)`` with these eigenvalues."""
        return np.asarray((self.vectors * values[:, None, :]) @ self.vectors.mT)

    @property
    def signal(self) -> Array:
        """The eigenvalues ``(K, q)`` of H squared: what factors add to the variances, in units of the noise."""
        return np.asarray(self.values * (2.0 + self.values))


class LowRank(Form):
    """Loadings of q factors and noise variances; see the module."""

    code, compiled, is_sketch = 4, False, True

    def __init__(self, n_factors: int) -> None:
        self.n_factors = n_factors
        self.name = f"low_rank_{n_factors}"

    def __reduce__(self) -> Any:
        return low_rank, (self.n_factors,)

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, 1 + self.n_factors)

    def scatter_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, 2 * (1 + self.n_factors))

    def factor_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, 1 + 2 * self.n_factors)

    @property
    def of_reference(self) -> Form:
        return DIAGONAL

    def dense(self, compact: Array, n_components: int, n_features: int) -> Array:
        loadings = compact[..., 1:]
        return np.asarray(loadings @ loadings.mT + compact[..., :1] * np.eye(n_features))

    def compress(self, dense: Array) -> Array:
        """Compact covariances with the same variances and the main correlations of ``(K, D, D)``."""
        variances = np.diagonal(dense, axis1=1, axis2=2)
        deviation = np.sqrt(np.where(variances > 0.0, variances, 1.0))
        values, vectors = np.linalg.eigh(dense / deviation[:, :, None] / deviation[:, None, :])
        main = [self._main(v, u) for v, u in zip(values, vectors, strict=True)]
        return self._compact(np.stack(main), deviation)

    def factor(self, compact: Array) -> Array:
        noise = compact[..., 0]
        if not (np.isfinite(compact).all() and (noise > 0.0).all()):
            raise np.linalg.LinAlgError("a noise variance is not a positive number, or a loading is not finite")
        deviation = np.sqrt(noise)
        left, values, right = np.linalg.svd(compact[..., 1:] / deviation[..., None], full_matrices=False)
        axes = left @ right
        root = values**2 / (1.0 + np.sqrt(1.0 + values**2))
        inner = (right.mT * root[:, None, :]) @ right
        return np.concatenate([deviation[..., None], deviation[..., None] * (axes @ inner), axes], axis=-1)

    def whitener(self, factor: Array) -> Array:
        parts = Whitening.of(factor)
        inverse = 1.0 / parts.deviation[..., None]
        removed = parts.axes @ parts.inner(parts.values / (1.0 + parts.values))
        return np.concatenate([inverse, -removed, inverse * parts.axes], axis=-1)

    def covariances(self, factor: Array, n_features: int) -> Array:
        parts = Whitening.of(factor)
        loadings = parts.axes @ parts.inner(np.sqrt(parts.signal))
        return np.concatenate([parts.deviation[..., None] ** 2, parts.deviation[..., None] * loadings], axis=-1)

    def log_determinant(self, factor: Array, n_components: int, n_features: int) -> Array:
        parts = Whitening.of(factor)
        return np.asarray(np.log(parts.deviation).sum(1) + np.log1p(parts.values).sum(1))

    def apply(self, matrices: Array, vectors: Array) -> Array:
        scale, left, right = matrices[..., 0], *np.split(matrices[..., 1:], 2, axis=-1)
        if vectors.ndim == 2:
            return np.asarray(scale * vectors + (left @ (right.mT @ vectors[..., None]))[..., 0])
        return np.asarray(vectors * scale[:, None, :] + (vectors @ right) @ left.mT)

    def outer(self, mass: Array, vectors: Array) -> Array:
        return self.scatter(mass[:, None], vectors[:, None])

    def scatter(self, mass: Array, vectors: Array) -> Array:
        """The sketch whose origin has the variances and the main correlations of the points."""
        found = []
        for share, differences in zip(mass, vectors, strict=True):
            points = np.sqrt(share)[:, None] * differences
            squares, total = (points**2).sum(0), share.sum()
            deviation = np.sqrt(np.where(squares > 0.0, squares, 1.0))
            main = self._main(*_principal(points / deviation, self.n_factors))
            origin = self._compact(main[None], deviation[None] / np.sqrt(total if total > 0.0 else 1.0))
            product = points.T @ (points @ projection(origin)[0])
            found.append(np.concatenate([squares[:, None], product, origin[0]], axis=1))
        return np.stack(found)

    def of_reference_scatter(self, scatter: Array) -> Array:
        columns = np.zeros((*scatter.shape, 1 + 2 * self.n_factors))
        return np.concatenate([scatter[..., None], columns], axis=-1)

    def add(self, one: Array, other: Array) -> Array:
        begin = 1 + self.n_factors
        origin, same = (np.where(self._has_origin(a), a, b)[..., begin:] for a, b in ((one, other), (other, one)))
        if not np.array_equal(origin, same):
            raise ParameterError(
                "statistics of factor models were computed under different mixtures; add those of one mixture"
            )
        diagonal, regression = one[..., :1] + other[..., :1], projection(origin)
        products = [
            np.where(self._has_origin(each), each[..., 1:begin], each[..., :1] * regression) for each in (one, other)
        ]
        return np.concatenate([diagonal, products[0] + products[1], origin], axis=-1)

    def _has_origin(self, scatter: Array) -> NDArray[np.bool_]:
        return np.asarray((scatter[..., 1 + self.n_factors :] > 0.0)[..., 0].any(-1))[:, None, None]

    def times(self, scatter: Array, factor: Array | float) -> Array:
        factors = np.broadcast_to(np.reshape(factor, (-1, 1)), (len(scatter), 1 + self.n_factors))
        ones = np.ones_like(factors)
        return np.asarray(scatter * np.concatenate([factors, ones], axis=1)[:, None, :])

    def shifted(self, scatter: Array, mass: Array, steps: Array) -> Array:
        regressed = (steps[:, None, :] @ projection(scatter[..., 1 + self.n_factors :]))[:, 0]
        shifted = scatter.copy()
        weighted = mass[:, None] * steps
        shifted[..., 0] += weighted * steps
        shifted[..., 1 : 1 + self.n_factors] += weighted[..., None] * regressed[:, None, :]
        return shifted

    def scatter_lifted(self, scatter: Array, divisor: Array, floor: Array) -> Array:
        return scatter  # the noise of a column is never below a part of its variance

    def quadratic(self, whitener: Array, scatter: Array) -> float:
        """The whitener is that of the origin, because a sketch allows no other."""
        noise, loadings = scatter[..., 1 + self.n_factors], scatter[..., 2 + self.n_factors :]
        explained = (loadings * scatter[..., 1 : 1 + self.n_factors]).sum(-1)
        known = noise > 0.0
        return float(((scatter[..., 0] - explained)[known] / noise[known]).sum())

    def congruence(self, factor: Array, scatter: Array) -> Array:
        raise ParameterError("the statistics of factor models allow no other coordinates; compute them from the rows")

    def trace(self, scatter: Array) -> float:
        return float(scatter[..., 0].sum())

    def variances(self, total: Array, n_features: int) -> Array:
        return np.asarray(total[0, :, 0])

    def total(self, scatter: Array) -> Array:
        return self.of_reference_scatter(scatter[..., 0].sum(0, keepdims=True))

    def scatter_of_all(self, scatter: Array, mass: Array, steps: Array) -> Array:
        return DIAGONAL.scatter_of_all(scatter[..., 0], mass, steps)

    def widened(self, compact: Array, variances: Array) -> Array:
        return self._with_noise(compact, compact[..., 0] + variances)

    def smallest(self, compact: Array, floor: Array) -> Array:
        with np.errstate(over="ignore"):  # a lower bound: factors may add to the variance in every direction
            return np.asarray((compact[..., 0] / floor).min(-1))

    def lift(self, compact: Array, floor: Array) -> Array:
        return self._with_noise(compact, np.maximum(compact[..., 0], floor))

    def _with_noise(self, compact: Array, noise: Array) -> Array:
        return np.concatenate([noise[..., None], compact[..., 1:]], axis=-1)

    def _main(self, values: Array, vectors: Array) -> Array:
        """Loadings ``(D, q)`` from the largest eigenvalues of a correlation matrix, as in probabilistic PCA."""
        n_features = len(vectors)
        size = min(self.n_factors, len(values), n_features - 1)
        loadings = np.zeros((n_features, self.n_factors))
        if size > 0:
            order = np.argsort(values)[::-1][:size]
            rest = max(n_features - values[order].sum(), 0.0) / (n_features - size)
            loadings[:, :size] = vectors[:, order] * np.sqrt(np.maximum(values[order] - rest, 0.0))
        return loadings

    def _compact(self, loadings: Array, deviation: Array) -> Array:
        """Compact covariances from loadings ``(K, D, q)`` of columns of unit variance, and standard deviations."""
        noise = np.maximum(1.0 - (loadings**2).sum(-1), LEAST_NOISE)
        parts = [noise[..., None] * deviation[..., None] ** 2, loadings * deviation[..., None]]
        return np.asarray(np.concatenate(parts, axis=-1))


@cache
def low_rank(n_factors: int) -> LowRank:
    """The form of this many factors; the same object for the same number."""
    return LowRank(n_factors)


def form_named(name: str) -> Form:
    """The form of this name. Raises ``KeyError`` for others."""
    known: dict[str, Form] = {form.name: form for form in FORMS}
    kind, _, number = name.rpartition("_")
    return low_rank(int(number)) if kind == "low_rank" else known[name]


def projection(compact: Array) -> Array:
    r"""The regressions :math:`\beta' = \Sigma^{-1} \Lambda` ``(K, D, q)`` of factors on columns; zero without noise."""
    noise, loadings = compact[..., :1], compact[..., 1:]
    scaled = np.divide(loadings, noise, out=np.zeros_like(loadings), where=noise > 0.0)
    inner = np.eye(loadings.shape[-1]) + loadings.mT @ scaled
    return np.asarray(np.linalg.solve(inner, scaled.mT).mT)


def _principal(points: Array, n_axes: int) -> tuple[Array, Array]:
    """The largest eigenvalues, at least `n_axes` if there are enough, and the eigenvectors of ``points' points``."""
    n_rows, n_features = points.shape
    if n_features <= min(n_rows, _EXACT):
        return np.linalg.eigh(points.T @ points)
    if n_rows > _EXACT:  # subspace iteration, from directions that are always the same
        basis = np.random.default_rng(0).standard_normal((n_features, 2 * n_axes + 8))
        for _ in range(_SWEEPS):
            basis, _ = np.linalg.qr(points.T @ (points @ np.linalg.qr(basis)[0]))
        left = (points @ basis).T
        values, vectors = np.linalg.eigh(left @ left.T)
        return values, basis @ vectors
    values, vectors = np.linalg.eigh(points @ points.T)
    kept = values > 1e-12 * values.max(initial=1e-300)
    return values[kept], points.T @ vectors[:, kept] / np.sqrt(values[kept])
