"""What the tails of a Student mixture say: moments that exist, probabilities in one column, and weights of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, stdtr, stdtrit

from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.imputation import patterns
from gmix.model.mixture import GaussianMixture
from gmix.model.outliers import OutlierScores
from gmix.model.regions import tail_probability
from gmix.model.univariate import Uniform, as_probabilities, only_cells, require_one_feature

__all__ = ["Tails"]

Array = NDArray[np.float64]
_BLOCK = 65_536  # numbers of whitened rows that are in memory at once
_BISECTIONS = 128  # of an interval: more than float64 has digits


class Tails(ABC):
    """The methods of a Student mixture that differ from those of a Gaussian one."""

    normal: GaussianMixture
    degrees_of_freedom: Array

    @property
    @abstractmethod
    def components(self) -> Components:
        """The components as the kernel takes them."""

    @property
    @abstractmethod
    def scales(self) -> Array:
        """The scale matrices ``(K, D, D)``."""

    @abstractmethod
    def _points(self, x: Any) -> Rows:
        """Points as rows. Raises `DataError` if they are not points of the mixture."""

    @abstractmethod
    def log_density(self, x: Any, *, threads: int | None = None) -> Array:
        """``log p(x)`` of each point."""

    @abstractmethod
    def responsibilities(self, x: Any, *, threads: int | None = None) -> Array:
        """The probability ``(N, K)`` that a point came from each component."""

    @property
    def _inflation(self) -> Array:
        """The covariances over the scales ``(K,)``; NaN where there are none."""
        nu = self.degrees_of_freedom
        return np.asarray(np.divide(nu, nu - 2.0, out=np.full(len(nu), np.nan), where=nu > 2.0))

    @property
    def mean(self) -> Array:
        """The mean ``(D,)`` of the distribution. Raises `ParameterError` unless all degrees of freedom exceed 1."""
        if not (self.degrees_of_freedom > 1.0).all():
            raise ParameterError(
                "a component with at most 1 degree of freedom has no mean; take mixture.means, the centers"
            )
        return np.asarray(self.normal.mean)

    @property
    @one_blas_thread()
    def covariance(self) -> Array:
        """The covariance ``(D, D)`` of the distribution. Raises `ParameterError` unless all nu exceed 2."""
        if not (self.degrees_of_freedom > 2.0).all():
            raise ParameterError("a component with at most 2 degrees of freedom has no covariance; take mixture.scales")
        wider = np.tensordot(self.normal.weights * (self._inflation - 1.0), self.scales, 1)
        return np.asarray(self.normal.covariance + wider)

    @one_blas_thread()
    def squared_distances(self, x: Any) -> Array:
        r"""The squared Mahalanobis distances ``(N, K)``, :math:`(x - \mu_k)^\top \Sigma_k^{-1} (x - \mu_k)`.

        Those of a point with missing cells are of its other cells.
        """
        rows = self._points(x)
        values = np.asarray(rows.values, np.float64)
        found = np.zeros((len(values), self.normal.n_components))
        complete = ~np.isnan(values).any(1)
        found[complete] = _squared_distances(values[complete], self.normal.components)
        for chosen, present in patterns(values):
            if present.any():
                columns = np.flatnonzero(present)
                part = self.normal.independent_part.marginal(columns.tolist())
                found[chosen] = _squared_distances(values[chosen][:, columns], part.components)
        return found

    def precisions(self, x: Any) -> Array:
        r"""The factors u ``(N, K)`` by which a point counts less, or more, in the moments of each component.

        .. math:: u_{ik} = \frac{\nu_k + d_i}{\nu_k + \delta_{ik}}

        for points of :math:`d_i` cells at the squared distance :math:`\delta_{ik}`. It is the expected precision of the
        point in a normal mixture of scales; see `gmix.model.student.StudentModel`.
        """
        rows = self._points(x)
        cells = (~np.isnan(np.asarray(rows.values, np.float64))).sum(1)
        nu = self.degrees_of_freedom
        return np.asarray((nu + cells[:, None]) / (nu + self.squared_distances(x)))

    def outlier_weights(self, x: Any) -> Array:
        r"""How much each point counts in the means and scales: ``(N,)``, the mean precision of a point.

        .. math:: \sum_k r_{ik} u_{ik}

        with the responsibilities and `precisions`. It is about 1 for a usual point and near 0 for an outlier.

        >>> import gmix
        >>> mixture = gmix.StudentMixture([1.0], [[0.0]], [[[1.0]]], 3.0)
        >>> mixture.outlier_weights([0.0, 1.0, 100.0]).round(4)
        array([1.3333e+00, 1.0000e+00, 4.0000e-04])
        """
        return np.asarray((self.responsibilities(x) * self.precisions(x)).sum(1))

    def outlier_score(self, x: Any, *, threads: int | None = None) -> OutlierScores:
        r"""How unusual each point ``(N, D)`` is; see `GaussianMixture.outlier_score` for the measures.

        The squared distance of a draw from component k, divided by the number of cells d, has the F distribution with d
        and :math:`\nu_k` degrees of freedom. The component of a point is the one under which its distance is the least
        unusual. The p-value of the density is estimated from draws, and is at least 1e-5.
        """
        rows = self._points(x)
        cells = np.maximum((~np.isnan(np.asarray(rows.values, np.float64))).sum(1), 1)[:, None]
        squared, nu = self.squared_distances(x), self.degrees_of_freedom
        beyond = betainc(nu / 2.0, cells / 2.0, nu / (nu + squared))
        beyond[:, self.normal.weights == 0.0] = -1.0
        nearest = beyond.argmax(1)
        log_density = self.log_density(x, threads=threads)
        plain: Any = self.without_background
        density = tail_probability(plain, plain.log_density(x, threads=threads))
        every = np.arange(len(nearest))
        departs = np.zeros(len(nearest), np.bool_)
        if self.normal.dependence is not None:
            departs = self.normal.outlier_score(x, threads=threads).departs
        return OutlierScores(
            np.sqrt(squared[every, nearest]), nearest, beyond[every, nearest], log_density, density, departs
        )

    @property
    @abstractmethod
    def without_background(self) -> Self:
        """The distribution of the rows that belong to a component."""

    def cdf(self, x: Any) -> Array:
        r"""The probability of at most ``x``, for points ``(N,)`` of a mixture of one feature: ``(N,)``.

        .. math:: P(X \le x) = \sum_k w_k \, T_{\nu_k}\Bigl(\frac{x - \mu_k}{\sigma_k}\Bigr)

        with the distribution function T of Student's t. Raises `ParameterError` for several features, and `DataError`
        for NaN.

        >>> import gmix
        >>> gmix.StudentMixture([1.0], [[0.0]], [[[1.0]]], 1.0).cdf([0.0, 1.0])
        array([0.5 , 0.75])
        """
        return self._tail(self._values(x, "cdf"), 1.0)

    def sf(self, x: Any) -> Array:
        """The probability of more than ``x``, accurate also where `cdf` is near 1. Raises the errors of `cdf`.

        >>> import gmix
        >>> gmix.StudentMixture([1.0], [[0.0]], [[[1.0]]], 1.0).sf([0.0, 1.0])
        array([0.5 , 0.25])
        """
        return self._tail(self._values(x, "sf"), -1.0)

    def quantile(self, probability: ArrayLike) -> Array:
        """The value at which the `cdf` of a mixture of one feature reaches a probability, in the units of the data.

        >>> import gmix
        >>> gmix.StudentMixture([1.0], [[0.0]], [[[1.0]]], 1.0).quantile([0.25, 0.75]).round(6)
        array([-1.,  1.])
        """
        require_one_feature(self.normal.n_features, "quantile")
        p = as_probabilities(probability)
        upper = p > 0.5
        side, tail = np.where(upper, -1.0, 1.0), np.where(upper, 1.0 - p, p)
        quantiles = self.normal.means[:, 0] + self._deviations * stdtrit(self.degrees_of_freedom, p[..., None])
        if (uniform := Uniform.of(self.normal.background)) is not None:
            quantiles = np.concatenate([quantiles, uniform.quantile(p)[..., None]], axis=-1)
        low, high = quantiles.min(-1), quantiles.max(-1)
        for _ in range(_BISECTIONS):
            middle = low / 2.0 + high / 2.0
            below = side * (self._tail(middle, side) - tail) < 0
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(high)

    @property
    def _deviations(self) -> Array:
        return np.sqrt(self.scales[:, 0, 0])

    def _tail(self, x: Array, side: Array | float) -> Array:
        """The probability of at most ``x (...)`` where `side` is 1, and of more than ``x`` where it is -1."""
        side = np.asarray(side, np.float64)
        z = side[..., None] * ((x[..., None] - self.normal.means[:, 0]) / self._deviations)
        found = (stdtr(self.degrees_of_freedom, z) * self.normal.weights).sum(-1)
        uniform = Uniform.of(self.normal.background)
        return np.asarray(found if uniform is None else found + uniform.tail(x, side))

    def _values(self, x: Any, what: str) -> Array:
        """The one cell ``(N,)`` of each point. Raises `DataError` if it is missing."""
        require_one_feature(self.normal.n_features, what)
        return np.asarray(only_cells(self._points(x)), np.float64)


def _squared_distances(values: Array, components: Components) -> Array:
    """The squared distances ``(N, K)`` of complete rows."""
    form, (k, d) = components.form, components.means.shape
    found = np.empty((len(values), k))
    step = max(_BLOCK // (k * d), 1)
    for begin in range(0, len(values), step):
        block = slice(begin, begin + step)
        with np.errstate(over="ignore"):
            z = form.apply(components.whitener, values[block] - components.means[:, None, :])
            found[block] = np.square(z).sum(-1).T
    return found
