"""Structures with a bound on the ratio of the largest eigenvalue to the smallest, over all components."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import FULL
from gmix.model.covariance.structure import Structure
from gmix.model.covariance.tangents import Tangents, TangentsByDifferences

__all__ = ["BoundedRatio", "bounded_ratio", "truncated"]

Array = NDArray[np.float64]
_DOUBTFUL = 1e-8  # of the largest eigenvalue; smaller ones may be inaccurate if columns differ in scale
_ACTIVE = 1e-6  # relative; eigenvalues this close to the bound count as at the bound
_LEAST_WEIGHT = 1e-12  # replaces a weight of zero


class BoundedRatio(Structure):
    r"""A structure in which no eigenvalue of any covariance is more than `covariance_ratio` times any other.

    .. math:: \max_{k,j} \lambda_j(\Sigma_k) \le c \, \min_{k,j} \lambda_j(\Sigma_k)

    This is the restriction of tclust (García-Escudero et al. 2008, *Annals of Statistics* 36:1324). The M-step is
    exact: it keeps the axes of each scatter, and truncates the variances along them to the best interval
    ``[m, c m]``; see `truncated`. The number of parameters is that of the structure without the bound.

    The covariances always satisfy both their floor and the bound: if one covariance is raised to the floor, smaller
    eigenvalues of the others are raised too.
    """

    covariance_ratio: float
    citation = "Celeux & Govaert 1995; Fritz, García-Escudero & Mayo-Iscar 2013"
    reference = (
        "Fritz, H., García-Escudero, L. A. & Mayo-Iscar, A. (2013). A fast algorithm for robust constrained "
        "clustering. Computational Statistics & Data Analysis 61, 124-136."
    )

    def __init__(self, unbounded: Structure, ratio: float) -> None:
        super().__init__(f"{unbounded.code}:{repr(ratio).removesuffix('.0')}", unbounded.form)
        self.covariance_ratio = ratio
        self._unbounded = unbounded

    @property
    def without_covariance_ratio(self) -> Structure:
        return self._unbounded.with_weights_of(self)

    @property
    def can_bound_ratio(self) -> bool:
        return True

    def _bounded(self, ratio: float) -> Structure:
        return self._unbounded.with_covariance_ratio(ratio)

    def description(self, n_components: int, n_features: int) -> str:
        words = self._unbounded.description(n_components, n_features)
        return f"{words} (no eigenvalue more than {self.covariance_ratio:g} times another)"

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return self._unbounded.n_covariance_parameters(n_components, n_features)

    def rows_needed_by_all(self, n_components: int, n_features: int) -> int:
        return self._unbounded.rows_needed_by_all(n_components, n_features)

    def contains(self, other: Structure) -> bool:
        plain = other.without_covariance_ratio
        if not (self._unbounded.contains(plain) and self._allows_weights_of(other)):
            return False
        if other.covariance_ratio is None:  # in some structures all eigenvalues are equal
            return other.with_covariance_ratio(1.0) is other if other.can_bound_ratio else False
        return other.covariance_ratio <= self.covariance_ratio

    def in_columns(self, n_features: int) -> Structure:
        return self._bounded_twin(self.without_covariance_ratio.in_columns(n_features))

    @property
    def in_one_column(self) -> Structure:
        return self._bounded_twin(self.without_covariance_ratio.in_one_column)

    @property
    def marginal(self) -> Structure:
        # The eigenvalues of a principal submatrix lie between the smallest and the largest of the matrix. The same is
        # true of inverses.
        return self.with_free_weights

    @property
    def direct(self) -> bool:
        return True

    @property
    def has_studied_prior(self) -> bool:
        return self._unbounded.has_studied_prior

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        free = self._unbounded.covariances(scatter, divisor, n_features)
        return self._with_changed_eigenvalues(
            free, lambda values: truncated(values, divisor[:, None], self.covariance_ratio)
        )

    def lifted(self, compact: Array, floor: Array) -> Array:
        lifted = self.form.lift(compact, floor)
        if np.array_equal(lifted, compact):
            return lifted
        raised = self._with_changed_eigenvalues(
            lifted, lambda values: np.maximum(values, values.max() / self.covariance_ratio)
        )
        return self.form.lift(raised, floor)

    def tangents(self, weights: Array, covariances: Array) -> Tangents:
        """The directions along which eigenvalues at an end of the interval remain at that end.

        Eigenvalues inside the interval are free. If none is at an end, the bound has no effect.
        """
        ratio, values = self.covariance_ratio, np.linalg.eigvalsh(covariances)
        if values.max() < (1.0 - _ACTIVE) * ratio * values.min():
            return self._unbounded.tangents(weights, covariances)
        low = values <= (1.0 + _ACTIVE) * values.min()
        high = ~low & (values >= (1.0 - _ACTIVE) * values.max())

        def nearest(weights: Array, dense: Array) -> Array:
            n_components, n_features = dense.shape[:2]
            values, axes = np.linalg.eigh(self.form.dense(self.form.compress(dense), n_components, n_features))
            share = np.maximum(weights, _LEAST_WEIGHT)[:, None]
            least = (share * (low + high / ratio) * values).sum() / (share * (low | high)).sum()
            values = np.where(low, least, np.where(high, ratio * least, values))
            return self.form.compress(_matrices(values, axes))

        return TangentsByDifferences.of(nearest, self.form, weights, covariances)

    def _bounded_twin(self, other: Structure) -> Structure:
        """Another structure with the bound of this one."""
        return other.with_covariance_ratio(self.covariance_ratio)

    def _with_changed_eigenvalues(self, compact: Array, change: Callable[[Array], Array]) -> Array:
        """The same covariances with changed eigenvalues ``(K, J)``; unchanged if they already satisfy the bound."""
        if self.form is not FULL:
            values = compact.reshape(len(compact), -1)
            return compact if self._holds(values) else change(values).reshape(compact.shape)
        values, axes = np.linalg.eigh(compact)
        if self._holds(values) or (values.min() < _DOUBTFUL * values.max() and self._surely_holds(compact, values)):
            return compact
        changed = change(values)
        return np.where((changed != values).any(1)[:, None, None], _matrices(changed, axes), compact)

    def _holds(self, values: Array) -> bool:
        with np.errstate(over="ignore"):
            return bool(values.max() <= self.covariance_ratio * values.min())

    def _surely_holds(self, compact: Array, values: Array) -> bool:
        """Whether the bound holds, tested with the inverses, which are accurate for columns on small scales too."""
        try:
            whitener = FULL.whitener(FULL.factor(compact))
        except np.linalg.LinAlgError:
            return False
        with np.errstate(over="ignore"):
            largest_inverse = np.square(whitener).sum((1, 2)).max()  # the trace is at least the largest eigenvalue
            return bool(values.max() * largest_inverse <= self.covariance_ratio)


@cache
def bounded_ratio(unbounded: Structure, ratio: float) -> BoundedRatio:
    """The structure with free weights and this bound; the same object for the same arguments."""
    return BoundedRatio(unbounded, ratio)


def truncated(values: Array, mass: Array, ratio: float) -> Array:
    r"""Eigenvalues ``(K, J)``, truncated to the interval ``[m, ratio * m]`` with the highest likelihood.

    .. math:: \min_m \sum_{k,j} n_k \Big(\log t_{kj} + \frac{d_{kj}}{t_{kj}}\Big), \qquad
              t_{kj} = \min\{\max\{d_{kj}, m\}, c m\}

    for masses :math:`n_k` ``(K, 1)``; Fritz, García-Escudero & Mayo-Iscar (2013). The derivative with respect to m,
    multiplied by :math:`m^2`, is

    .. math:: \sum_{k,j} n_k \big[(m - d_{kj})_+ - (d_{kj} / c - m)_+\big].

    It is linear between the 2 K J values d and d / c and never decreases, so sorted values and their cumulative sums
    give its zero.
    """
    values = np.maximum(values, 0.0)
    largest = values.max()
    if largest <= ratio * values.min():
        return values
    order = np.argsort(values, axis=None)
    d = values.ravel()[order] / largest
    n = np.broadcast_to(mass / mass.sum(), values.shape).ravel()[order]
    upper = d / ratio
    knots = np.sort(np.concatenate([d, upper]))
    below, above = np.searchsorted(d, knots), np.searchsorted(upper, knots)
    # For m between two neighboring knots: the total mass of the truncated eigenvalues, and its sum times d or d / c.
    count = _sums_before(n)[below] + _sums_from(n)[above]
    total = _sums_before(n * d)[below] + _sums_from(n * upper)[above]
    place = np.argmax(count * knots >= total)
    least = largest * (total[place] / count[place] if count[place] > 0 else knots[place])
    return np.clip(values, least, ratio * least)


def _sums_before(x: Array) -> Array:
    """The sums of the first 0, 1, ... N numbers."""
    return np.concatenate([[0.0], np.cumsum(x)])


def _sums_from(x: Array) -> Array:
    """The sums of the last N, N - 1, ... 0 numbers."""
    return _sums_before(x[::-1])[::-1]


def _matrices(values: Array, axes: Array) -> Array:
    """The symmetric matrices ``(K, D, D)`` that have these values along these axes."""
    found = (axes * values[:, None, :]) @ axes.mT
    return np.asarray((found + found.mT) / 2.0)
