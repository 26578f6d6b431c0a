"""Mixtures of one feature: the probabilities below and above a point, their logarithms, and quantiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers
from gmix.base.errors import DataError, ParameterError
from gmix.base.rows import Rows
from gmix.model.background import Background

__all__ = [
    "Uniform", "UnivariateFunctions", "UnivariateMixtures", "as_probabilities", "only_cells", "require_one_feature",
]  # fmt: skip

Array = NDArray[np.float64]
_SMALLEST = -37.0  # standard deviations; a little lower the normal distribution function underflows
_STEPS = 400  # of the search for a quantile; a third of them halve an interval, so float64 has no more digits
_SETTLED = 1e-15  # of the quantile, or of the smallest standard deviation; a smaller change is rounding
_PLATEAU = 1e-9  # of the tail probability, in a standard deviation; where less lies, rounding moves the quantile
_NEAR = 1e-3  # of the tail probability; nearer than that, its difference is more accurate than that of the scores


class Uniform(NamedTuple):
    """A uniform part of mixtures of one feature."""

    weight: Array | float  # (...), as the weights of the mixtures
    low: float
    high: float

    @classmethod
    def of(cls, background: Background | None) -> Self | None:
        """The background of a mixture of one feature, if it has one."""
        if background is None:
            return None
        [low], [high] = background.low, background.high
        return cls(background.weight, float(low), float(high))

    def tail(self, x: Array, side: Array | float) -> Array:
        """What it adds to the probability of at most ``x`` where `side` is 1, and of more than ``x`` where it is -1."""
        below = np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)
        above = np.clip((self.high - x) / (self.high - self.low), 0.0, 1.0)
        return np.asarray(self.weight * np.where(np.asarray(side) > 0.0, below, above))

    def density(self, x: Array) -> Array:
        return np.asarray(self.weight / (self.high - self.low) * ((x >= self.low) & (x <= self.high)))

    def quantile(self, probability: Array) -> Array:
        return np.asarray(self.low + probability * (self.high - self.low))


class UnivariateMixtures(NamedTuple):
    """Normal mixtures of one feature: one for all points, or one for each, whose weights and means differ."""

    weights: Array  # (K,) or (N, K)
    means: Array  # (K,) or (N, K)
    deviations: Array  # (K,)
    uniform: Uniform | None = None

    def tail(self, x: Array, side: Array | float) -> Array:
        """The probability of at most ``x (...)`` where `side` is 1, and of more than ``x`` where it is -1."""
        from scipy.special import log_ndtr, ndtr

        z = self._standardized(x, side)
        tails = ndtr(z)
        if (small := z < _SMALLEST).any():
            tails[small] = np.exp(log_ndtr(z[small]))
        total = np.asarray((tails * self.weights).sum(-1))
        return total if self.uniform is None else total + self.uniform.tail(x, side)

    def log_tail(self, x: Array, side: float) -> Array:
        """The logarithm of `tail`, accurate for probabilities near one and for those too small for float64."""
        from scipy.special import log_ndtr, logsumexp

        small = np.asarray(logsumexp(log_ndtr(self._standardized(x, side)), axis=-1, b=self.weights))
        if self.uniform is not None:
            with np.errstate(divide="ignore"):
                small = np.logaddexp(small, np.log(self.uniform.tail(x, side)))
        other = self.tail(x, -side)
        return np.where(other < 0.5, np.log1p(-np.minimum(other, 0.5)), small)

    def density(self, x: Array) -> Array:
        """The density at points ``(...)``."""
        with np.errstate(under="ignore"):
            density = np.exp(-0.5 * self._standardized(x, 1.0) ** 2) / (np.sqrt(2.0 * np.pi) * self.deviations)
        total = np.asarray((self.weights * density).sum(-1))
        return total if self.uniform is None else total + self.uniform.density(x)

    def quantile(self, probability: Array) -> Array:
        r"""The ``x`` at which the probability of at most ``x`` reaches each ``probability (...)``, from 0 to 1.

        It is the root of

        .. math:: \Phi^{-1}\Bigl(\sum_k w_k \, \Phi\Bigl(\frac{x - \mu_k}{\sigma_k}\Bigr)\Bigr) = \Phi^{-1}(q),

        between the smallest and the largest quantile of the components. The left side is linear in ``x`` for one
        component, so Newton's method takes few steps. The bracket is halved where its steps are not useful.
        """
        one_for_all = self.means.ndim == 1
        flat = np.ravel(probability) if one_for_all else probability
        shape = len(flat), self.means.shape[-1]
        uniform = self.uniform and self.uniform._replace(weight=np.broadcast_to(self.uniform.weight, shape[:1]))
        each = self._replace(
            weights=np.broadcast_to(self.weights, shape), means=np.broadcast_to(self.means, shape), uniform=uniform
        )
        return _quantiles(each, flat).reshape(np.shape(probability))

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """The mixtures of some points."""
        uniform = self.uniform and self.uniform._replace(weight=np.asarray(self.uniform.weight)[rows])
        return self._replace(weights=self.weights[rows], means=self.means[rows], uniform=uniform)

    def _standardized(self, x: Array, side: Array | float) -> Array:
        """How many standard deviations points lie above each component's mean, times `side`: ``(..., K)``."""
        with np.errstate(over="ignore"):
            return np.asarray(np.asarray(side)[..., None] * ((x[..., None] - self.means) / self.deviations))


def _quantiles(mixtures: UnivariateMixtures, probability: Array) -> Array:
    """The quantile ``(N,)`` of each of N mixtures."""
    from scipy.special import ndtri

    upper = probability > 0.5
    side, tail = np.where(upper, -1.0, 1.0), np.where(upper, 1.0 - probability, probability)
    low, high = _brackets(mixtures, probability)
    found = np.where(np.isinf(low), low, np.where(np.isinf(high), high, np.nan))
    rows = np.flatnonzero(np.isnan(found))
    part, x = mixtures.take(rows), low[rows] / 2.0 + high[rows] / 2.0
    low, high, side, tail = low[rows], high[rows], side[rows], tail[rows]
    for step in range(_STEPS):
        if not len(rows):
            break
        reached, density = part.tail(x, side), part.density(x)
        excess = side * (reached - tail)
        low, high = np.where(excess < 0, x, low), np.where(excess < 0, high, x)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            score = ndtri(reached)
            normal_density = np.exp(-0.5 * score**2) / np.sqrt(2.0 * np.pi)
            far = np.abs(excess) > _NEAR * tail
            change = np.where(far, side * (score - ndtri(tail)) * normal_density, excess) / density
        newton, middle = x - change, low / 2.0 + high / 2.0
        inside = (newton > low) & (newton < high)
        unit = _SETTLED * np.maximum(np.abs(x), mixtures.deviations.min())
        # On a plateau between two components, the quantile is its lower end, which only halving finds.
        steep = density * mixtures.deviations.min() > _PLATEAU * tail
        settled = (steep & (np.abs(change) <= unit)) | (high - low <= unit)
        found[rows[settled]] = np.where(steep, x, high)[settled]
        # Every third step halves the interval, so that the search ends also where Newton's method does not.
        x = np.where(inside & (step % 3 < 2), newton, middle)
        going = ~settled
        rows, part, x = rows[going], part.take(going), x[going]
        low, high, side, tail = low[going], high[going], side[going], tail[going]
    found[rows] = x
    return found


def _brackets(mixtures: UnivariateMixtures, probability: Array) -> tuple[Array, Array]:
    """The smallest and the largest quantile ``(N,)`` of the parts of each mixture."""
    from scipy.special import ndtri

    own = mixtures.means + mixtures.deviations * ndtri(probability)[:, None]
    present = mixtures.weights > 0.0
    low = np.where(present, own, np.inf).min(1)
    high = np.where(present, own, -np.inf).max(1)
    if mixtures.uniform is None:
        return low, high
    quantile, used = mixtures.uniform.quantile(probability), np.asarray(mixtures.uniform.weight) > 0.0
    return np.where(used, np.minimum(low, quantile), low), np.where(used, np.maximum(high, quantile), high)


def require_one_feature(n_features: int, what: str) -> None:
    """Raise `ParameterError` for several features; `what` names the function that needs one."""
    if n_features > 1:
        problem = f"{what} needs a mixture of one feature, not {n_features}"
        raise ParameterError(f"{problem}; take a marginal first, or condition on the other features")


def only_cells(rows: Rows) -> NDArray[Any]:
    """The one cell ``(N,)`` of each row. Raises `DataError` if it is missing."""
    if rows.incomplete:
        raise DataError("the points hold NaN, which has no probability below it; leave such points out")
    return rows.values[:, 0]


def as_probabilities(probability: ArrayLike) -> Array:
    """Numbers from 0 to 1. Raises `ParameterError` for anything else."""
    probabilities = as_numbers(probability, "probability")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ParameterError(f"probability is {probability!r}; give numbers from 0 to 1")
    return probabilities


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

    def _univariate(self, what: str) -> UnivariateMixtures:
        """The mixture of one feature. Raises `ParameterError` for several, in which `what` names the function."""
        require_one_feature(self.means.shape[1], what)
        deviations, uniform = np.sqrt(self.covariances[:, 0, 0]), Uniform.of(self.background)
        return UnivariateMixtures(self.weights, self.means[:, 0], deviations, uniform)

    def _values(self, x: Any) -> NDArray[Any]:
        """The one cell ``(N,)`` of each point. Raises `DataError` if it is missing."""
        return only_cells(self._points(x))

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
        return univariate.quantile(as_probabilities(probability))
