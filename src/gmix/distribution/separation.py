"""How far points are from components, and how much components overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.distribution.contract import MixtureContract
from gmix.distribution.quadratic_forms import SumOfSquares

__all__ = ["Separation"]

Array = NDArray[np.float64]


class Separation(MixtureContract):
    """The methods of a mixture about the distances and the overlap of its components."""

    @one_blas_thread()
    def mahalanobis(self, x: Any) -> Array:
        r"""The Mahalanobis distance ``(N, K)`` of each point ``(N, D)`` from each component, in standard deviations.

        .. math:: \delta_k(x) = \sqrt{(x - \mu_k)^T \Sigma_k^{-1} (x - \mu_k)}

        The square of the distance of a draw from its component has the chi-squared distribution with D degrees of
        freedom. If columns follow from others, it is the distance in the independent columns. Raises `DataError` for
        missing cells.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture(
        ...     [0.5, 0.5], [[0.0], [10.0]], [[[4.0]], [[1.0]]]
        ... )
        >>> mixture.mahalanobis([[6.0]])
        array([[3., 4.]])
        """
        points, components = self._complete_points(x, "mahalanobis"), self.components
        form, distances = components.form, np.empty((len(points), len(components.means)))
        for k, mean in enumerate(components.means):
            with np.errstate(over="ignore"):
                z = form.apply(form.take(components.whitener, [k]), (points - mean)[None])[0]
                distances[:, k] = np.hypot.reduce(z, axis=1, initial=0.0)  # does not overflow, unlike squares
        return distances

    @one_blas_thread()
    def overlap(self) -> Array:
        r"""The probability ``(K, K)`` that a draw from one component looks more like another one.

        .. math:: \omega_{j|i} = P\bigl(w_i N(X \mid \mu_i, \Sigma_i) < w_j N(X \mid \mu_j, \Sigma_j)\bigr), \qquad
                  X \sim N(\mu_i, \Sigma_i)

        in row i and column j; the diagonal is 1. The overlap of two components is :math:`\omega_{j|i} + \omega_{i|j}`
        (Maitra & Melnykov 2010, *Journal of Computational and Graphical Statistics* 19:354). The log ratio of the
        densities is a quadratic form in normal variables. Its distribution function is the integral of its
        moment-generating function along a contour through a saddle point, with a relative error of about 1e-9 also in
        far tails. A background plays no role. If columns follow from others, the independent ones are compared.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture(
        ...     [0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]]
        ... )
        >>> mixture.overlap().round(4)  # Phi(-2)
        array([[1.    , 0.0228],
               [0.0228, 1.    ]])
        """
        components = self.components
        (k, d), form = components.means.shape, components.form
        factor, whitener = form.dense(components.factor, k, d), form.dense(components.whitener, k, d)
        halves = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1)
        with np.errstate(divide="ignore"):
            logs = np.log(self.weights) - halves
        overlap = np.ones((k, k))
        for i in range(k):
            others = np.flatnonzero((np.arange(k) != i) & (self.weights > 0.0))
            if self.weights[i] > 0.0 and len(others):
                left, values, _ = np.linalg.svd(whitener[others] @ factor[i])
                step = whitener[others] @ (components.means[i] - components.means[others])[..., None]
                shifts = (left.mT @ step)[..., 0]
                overlap[i, others] = SumOfSquares(values, shifts).below(2.0 * (logs[others] - logs[i]))
            overlap[i, (self.weights == 0.0) & (np.arange(k) != i)] = 0.0
        return overlap
