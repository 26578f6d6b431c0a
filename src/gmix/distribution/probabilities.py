"""Probabilities of points and boxes, in one or several columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, as_numbers, is_number
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError
from gmix.distribution.contract import MixtureContract, require
from gmix.distribution.estimate import Estimate
from gmix.distribution.normal_integrals import box_probabilities
from gmix.model.background import Background
from gmix.model.univariate import UnivariateFunctions

__all__ = ["Probabilities"]

Array = NDArray[np.float64]


class Probabilities(UnivariateFunctions, MixtureContract):
    """The methods of a mixture that integrate its density."""

    def cdf(self, x: Any) -> Array:
        r"""The probability ``(N,)`` of at most ``x`` in every column, for points ``(N, D)``, in the units of the data.

        .. math:: P(X \le x) = \sum_k w_k \, \Phi_D(x \mid \mu_k, \Sigma_k)

        For one or two features, and for components with diagonal covariances, it is exact up to rounding. Otherwise the
        integral is that of `box_probability` with its default tolerance and a fixed seed; call
        ``box_probability(-np.inf, x)`` for its standard error.

        Raises `DataError` for NaN, and `ParameterError` if columns follow from others.

        >>> import gmix
        >>> covariances = [[[1.0]], [[1.0]]]
        >>> mixture = gmix.GaussianMixture([0.5, 0.5], [[0.0], [4.0]], covariances)
        >>> mixture.cdf([2.0, 4.0]).round(3)
        array([0.5 , 0.75])
        >>> correlated = gmix.GaussianMixture(
        ...     [1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]]
        ... )
        >>> correlated.cdf([[0.0, 0.0]]).round(4)  # 1/4 + arcsin(1/2) / (2 pi)
        array([0.3333])
        """
        if self.n_features == 1:
            return super().cdf(x)
        require(self, "cdf", no_background=False)
        high = self._complete_points(x, "cdf")
        return self.box_probability(-np.inf, high).value

    @one_blas_thread()
    def box_probability(self, low: ArrayLike, high: ArrayLike, *, tolerance: float = 1e-4, rng: Rng = 0) -> Estimate:
        r"""The probability that a draw lies in each of N boxes, as an `Estimate` with its standard error.

        .. math:: P(a \le X \le b) = \sum_k w_k \int_a^b N(x \mid \mu_k, \Sigma_k)\, dx

        Boxes are exact up to rounding in one column and under components with diagonal covariances, where the integral
        is a product. In two columns they are integrated by Gaussian quadrature, with a relative error of about 1e-10,
        and have the error 0 as well. In more columns, the integral is computed by quasi-Monte Carlo (Genz 1992,
        *Journal of Computational and Graphical Statistics* 1:141), with more points until the standard error is small
        enough. Small probabilities have a small relative error too; those below 1e-300 may be zero. A background adds
        its share of the box.

        Parameters
        ----------
        low, high : ``(N, D)``, or ``(D,)`` or a number for all boxes, the corners in the units of the data; they may be
            infinite.
        tolerance : the standard error at which the integration of each component stops, relative to the probability.
        rng : a seed or a ``numpy.random.Generator`` for the points of integration. By default every call returns the
            same number.

        Raises `ParameterError` for corners that do not fit, and if columns follow from others.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)])
        >>> inside = mixture.box_probability([-1.0, -1.0], [1.0, 1.0])
        >>> inside.value.round(4), inside.error
        (array([0.4661]), array([0.]))
        """
        require(self, "box_probability", no_background=False)
        if not (is_number(tolerance) and tolerance > 0):
            raise ParameterError(f"tolerance is {tolerance!r}; give a number above zero")
        low, high = self._corners(low, high)
        generator = as_generator(rng)
        value, variance = np.zeros(len(low)), np.zeros(len(low))
        for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True):
            if weight > 0.0:
                with np.errstate(over="ignore"):
                    # A component of small probability need not be more accurate than the sum so far.
                    enough = tolerance * value / weight
                    found, error = box_probabilities(low - mean, high - mean, covariance, tolerance, enough, generator)
                value += weight * found
                variance += (weight * error) ** 2
        if self.background is not None:
            value += self.background.weight * _share_of_background(self.background, low, high)
        return Estimate(np.minimum(value, 1.0), np.sqrt(variance))

    def _corners(self, low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
        """The corners ``(N, D)`` of boxes. Raises `ParameterError` if they are none, and `DataError` for NaN."""
        corners = [as_numbers(corner, what) for corner, what in ((low, "low"), (high, "high"))]
        try:
            begin, end = np.broadcast_arrays(*corners, np.empty((1, self.n_features)))[:2]
        except ValueError:
            begin = np.empty(0)
        if begin.ndim != 2 or begin.shape[1] != self.n_features:
            raise ParameterError(
                f"low has shape {corners[0].shape} and high {corners[1].shape}; give corners of boxes, "
                f"(N, {self.n_features}) or ({self.n_features},)"
            )
        if np.isnan(begin).any() or np.isnan(end).any():
            raise DataError("a corner of a box is NaN; give numbers, or -inf and inf for a column without limits")
        if (begin > end).any():
            row, column = np.argwhere(begin > end)[0]
            raise ParameterError(
                f"box {row} has low {begin[row, column]:g} above high {end[row, column]:g} in column {column}; "
                "exchange them"
            )
        return begin, end


def _share_of_background(background: Background, low: Array, high: Array) -> Array:
    """The probability ``(N,)`` of boxes under the uniform density of a background."""
    width = background.high - background.low
    if not np.isfinite(width).all():
        raise ParameterError(
            "a background of a stated density has no probabilities of boxes; take mixture.without_background"
        )
    inside = np.minimum(high, background.high) - np.maximum(low, background.low)
    return np.asarray((np.maximum(inside, 0.0) / width).prod(1))
