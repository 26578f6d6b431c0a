"""Mixtures of one feature: the probabilities below and above a point, their logarithms, and quantiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers
from gmix.base.errors import DataError, ParameterError
from gmix.base.rows import Rows
from gmix.model.background import Background

__all__ = ["Univariate", "UnivariateFunctions"]

Array = NDArray[np.float64]
_BISECTIONS = 128  # of an interval: more than float64 has digits
_SMALLEST = -37.0  # standard deviations; a little lower the normal distribution function underflows


class Univariate(NamedTuple):
    """The parameters of a mixture of one feature, ``(K,)`` each."""

    weights: Array
    means: Array
    deviations: Array
    background: Background | None = None

    def tail(self, x: Array, side: Array | float) -> Array:
        """The probability of at most ``x (...)`` where `side` is 1, and of more than ``x`` where it is -1."""
        from scipy.special import log_ndtr, ndtr

        z = self._standardized(x, side)
        tails = np.where(z < _SMALLEST, np.exp(log_ndtr(np.minimum(z, 0.0))), ndtr(z))
        return np.asarray((tails * self.weights).sum(-1)) + self._uniform(x, side)

    def log_tail(self, x: Array, side: float) -> Array:
        """The logarithm of `tail`, accurate for probabilities near one and for those too small for float64."""
        from scipy.special import log_ndtr, logsumexp

        small = np.asarray(logsumexp(log_ndtr(self._standardized(x, side)), axis=-1, b=self.weights))
        if self.background is not None:
            with np.errstate(divide="ignore"):
                small = np.logaddexp(small, np.log(self._uniform(x, side)))
        other = self.tail(x, -side)
        return np.where(other < 0.5, np.log1p(-np.minimum(other, 0.5)), small)

    def quantile(self, probability: Array) -> Array:
        """The ``x`` at which the probability of at most ``x`` reaches each ``probability (...)``, from 0 to 1."""
        from scipy.special import ndtri

        upper = probability > 0.5
        side, tail = np.where(upper, -1.0, 1.0), np.where(upper, 1.0 - probability, probability)
        present = self.weights > 0
        quantiles = self.means[present] + self.deviations[present] * ndtri(probability)[..., None]
        low, high = quantiles.min(-1), quantiles.max(-1)  # the mixture's quantile lies between those of its components
        if self.background is not None:
            [begin], [end] = self.background.low, self.background.high
            own = begin + probability * (end - begin)
            low, high = np.minimum(low, own), np.maximum(high, own)
        for _ in range(_BISECTIONS):
            middle = low / 2.0 + high / 2.0
            below = side * (self.tail(middle, side) - tail) < 0
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(high)

    def _uniform(self, x: Array, side: Array | float) -> Array | float:
        """The part of `tail` that the background adds."""
        if self.background is None:
            return 0.0
        [low], [high] = self.background.low, self.background.high
        below = np.clip((x - low) / (high - low), 0.0, 1.0)
        above = np.clip((high - x) / (high - low), 0.0, 1.0)
        return np.asarray(self.background.weight * np.where(np.asarray(side) > 0.0, below, above))

    def _standardized(self, x: Array, side: Array | float) -> Array:
        """How many standard deviations points lie above each component's mean, times `side`: ``(..., K)``."""
        with np.errstate(over="ignore"):
            return np.asarray(np.asarray(side)[..., None] * ((x[..., None] - self.means) / self.deviations))


class UnivariateFunctions(ABC):
    """The distribution functions of a mixture of one feature, and their inverse."""

    weights: Array
    means: Array
    background: Background | None

    @property
    @abstractmethod
    def covariances(self) -> Array:
        """The covariance matrices ``(K, D, D)`` of the components."""

    @abstractmethod
    def _points(self, x: Any) -> Rows:
        """Points as rows. Raises `DataError` if they are not points of the mixture."""

    def _univariate(self, what: str) -> Univariate:
        """The mixture of one feature. Raises `ParameterError` for several, in which `what` names the function."""
        n_features = self.means.shape[1]
        if n_features > 1:
            problem = f"{what} needs a mixture of one feature, not {n_features}"
            raise ParameterError(f"{problem}; take a marginal first, or condition on the other features")
        return Univariate(self.weights, self.means[:, 0], np.sqrt(self.covariances[:, 0, 0]), self.background)

    def _values(self, x: Any) -> NDArray[Any]:
        """The one cell ``(N,)`` of each point. Raises `DataError` if it is missing."""
        rows = self._points(x)
        if rows.incomplete:
            raise DataError("the points hold NaN, which has no probability below it; leave such points out")
        return rows.values[:, 0]

    def cdf(self, x: Any) -> Array:
        r"""The probability of at most ``x``, for points ``(N,)`` of a mixture of one feature: ``(N,)``.

        .. math:: P(X \le x) = \sum_k w_k \, \Phi\Bigl(\frac{x - \mu_k}{\sigma_k}\Bigr)

        Raises `ParameterError` for a mixture of several features, and `DataError` for NaN.

        >>> import gmix
        >>> covariances = [[[1.0]], [[1.0]]]
        >>> mixture = gmix.GaussianMixture([0.5, 0.5], [[0.0], [4.0]], covariances)
        >>> mixture.cdf([2.0, 4.0]).round(3)
        array([0.5 , 0.75])
        """
        return self._univariate("cdf").tail(self._values(x), 1.0)

    def sf(self, x: Any) -> Array:
        r"""The probability of more than ``x``, for points ``(N,)`` of a mixture of one feature: ``(N,)``.

        .. math:: P(X > x) = \sum_k w_k \, \Phi\Bigl(\frac{\mu_k - x}{\sigma_k}\Bigr)

        It is accurate also where ``1 - cdf(x)`` has lost all digits. Raises the errors of `cdf`.

        >>> import gmix
        >>> gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]]).sf([0.0, 10.0])
        array([5.00000000e-01, 7.61985302e-24])
        """
        return self._univariate("sf").tail(self._values(x), -1.0)

    def log_cdf(self, x: Any) -> Array:
        r"""The logarithm of `cdf`, in nats, for points ``(N,)`` of a mixture of one feature: ``(N,)``.

        .. math:: \log P(X \le x) = \log \sum_k w_k \, \Phi\Bigl(\frac{x - \mu_k}{\sigma_k}\Bigr)

        It is accurate also where the probability is too small for float64. Raises the errors of `cdf`.

        >>> import gmix
        >>> gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]]).log_cdf([0.0, -50.0])
        array([-6.93147181e-01, -1.25483136e+03])
        """
        return self._univariate("log_cdf").log_tail(self._values(x), 1.0)

    def log_sf(self, x: Any) -> Array:
        r"""The logarithm of `sf`, in nats, for points ``(N,)`` of a mixture of one feature: ``(N,)``.

        .. math:: \log P(X > x) = \log \sum_k w_k \, \Phi\Bigl(\frac{\mu_k - x}{\sigma_k}\Bigr)

        It is accurate also where the probability is too small for float64. Raises the errors of `cdf`.

        >>> import gmix
        >>> gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]]).log_sf([-10.0, 50.0])
        array([-7.61985302e-24, -1.25483136e+03])
        """
        return self._univariate("log_sf").log_tail(self._values(x), -1.0)

    def quantile(self, probability: ArrayLike) -> Array:
        """The value at which the `cdf` of a mixture of one feature reaches a probability, in the units of the data.

        The result has the shape of `probability`. A central interval of 90 % is ``quantile([0.05, 0.95])``.

        >>> import gmix
        >>> covariances = [[[1.0]], [[1.0]]]
        >>> mixture = gmix.GaussianMixture([0.5, 0.5], [[0.0], [4.0]], covariances)
        >>> mixture.quantile([0.5, 0.75]).round(3)
        array([2., 4.])
        """
        univariate = self._univariate("quantile")
        probabilities = as_numbers(probability, "probability")
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise ParameterError(f"probability is {probability!r}; give numbers from 0 to 1")
        return univariate.quantile(probabilities)
