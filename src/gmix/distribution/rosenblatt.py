"""Rosenblatt's transformation to the unit cube, its inverse, and samples that are more even than random ones."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, as_numbers, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.distribution.contract import MixtureContract, require
from gmix.model.background import Background
from gmix.model.covariance import FULL
from gmix.model.univariate import Uniform, UnivariateMixtures

__all__ = ["Rosenblatt"]

Array = NDArray[np.float64]
_BLOCK = 16_384  # points that are transformed together


class Rosenblatt(MixtureContract):
    """The methods of a mixture that transform points to the unit cube and back."""

    @one_blas_thread()
    def rosenblatt(self, x: Any) -> Array:
        r"""Transform points ``(N, D)`` to the unit cube, where draws from the mixture are uniform: ``(N, D)``.

        .. math:: u_j = P(X_j \le x_j \mid X_1 = x_1, \dots, X_{j-1} = x_{j-1})
                  = \sum_k r_k(x_1, \dots, x_{j-1}) \, \Phi(z_{kj}), \qquad z_k = L_k^{-1} (x - \mu_k)

        with the Cholesky factor of the covariance, and the responsibilities of the columns before j (Rosenblatt 1952,
        *Annals of Mathematical Statistics* 23:470). If the mixture is right, the values in each column are
        independent and uniform, which is a test of a fit in several columns.

        Raises `DataError` for missing cells, and `ParameterError` if columns follow from others.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture(
        ...     [1.0], [[0.0, 0.0]], [[[1.0, 0.6], [0.6, 1.0]]]
        ... )
        >>> mixture.rosenblatt([[1.0, 0.6]]).round(3)
        array([[0.841, 0.5  ]])
        """
        require(self, "rosenblatt", no_background=False)
        points = self._complete_points(x, "rosenblatt")
        conditional = _Conditionals.of(self)
        blocks = [conditional.probabilities(points[i : i + _BLOCK]) for i in range(0, len(points), _BLOCK)]
        return np.concatenate(blocks) if blocks else np.empty(points.shape)

    @one_blas_thread()
    def inverse_rosenblatt(self, u: ArrayLike) -> Array:
        r"""Transform points ``(N, D)`` of the unit cube to points ``(N, D)`` of the mixture.

        Column by column, it finds the conditional quantile

        .. math:: x_j = F_j^{-1}(u_j \mid x_1, \dots, x_{j-1})

        so that independent uniform numbers become draws from the mixture, and evenly spaced ones become evenly spaced
        points. With fixed `u`, the points are a continuous function of the parameters of the mixture (the
        reparameterization of draws). Probabilities 0 and 1 become minus and plus infinity in a mixture of one
        column. In several columns they are first moved to the nearest number of float64, so that all points are finite.

        Raises `ParameterError` for numbers outside the interval from 0 to 1, and if columns follow from others.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture(
        ...     [1.0], [[0.0, 0.0]], [[[1.0, 0.6], [0.6, 1.0]]]
        ... )
        >>> mixture.inverse_rosenblatt([[0.841345, 0.5]]).round(3)
        array([[1. , 0.6]])
        """
        require(self, "inverse_rosenblatt", no_background=False)
        uniform = as_numbers(u, "u")
        if uniform.ndim != 2 or uniform.shape[1] != self.n_features:
            raise ParameterError(f"u has shape {uniform.shape}; give points of the unit cube, (N, {self.n_features})")
        if not ((uniform >= 0) & (uniform <= 1)).all():
            raise ParameterError("u holds a number outside the interval from 0 to 1; give probabilities")
        conditional = _Conditionals.of(self)
        blocks = [conditional.quantiles(uniform[i : i + _BLOCK]) for i in range(0, len(uniform), _BLOCK)]
        return np.concatenate(blocks) if blocks else np.empty(uniform.shape)

    def quasi_random_sample(self, n: int, *, rng: Rng = None) -> Array:
        """Draw ``n`` points ``(n, D)`` that fill the distribution more evenly than independent draws.

        Points of a scrambled Sobol' sequence are transformed by `inverse_rosenblatt`. Each point has the distribution
        of the mixture, and averages of smooth functions have errors of nearly 1/n instead of 1/sqrt(n). They are best
        if ``n`` is a power of two (Owen 1997, *Annals of Statistics* 25:1541).

        Raises `ParameterError` if columns follow from others.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture([1.0], [[3.0]], [[[4.0]]])
        >>> abs(mixture.quasi_random_sample(1024, rng=0).mean() - 3.0) < 0.01
        np.True_
        """
        from scipy.stats import qmc

        if not is_count(n, 0):
            raise ParameterError(f"n is {n!r}; give the number of points to draw")
        require(self, "quasi_random_sample", no_background=False)
        if self.n_features > qmc.Sobol.MAXDIM:
            raise ParameterError(
                f"quasi_random_sample has points of at most {qmc.Sobol.MAXDIM} columns, and the mixture has "
                f"{self.n_features}; call sample"
            )
        generator = as_generator(rng)
        if n == 0:
            return np.empty((0, self.n_features))
        # SciPy renamed the argument seed to rng; by position, it is not accepted.
        engine = qmc.Sobol(self.n_features, seed=generator)
        uniform = engine.random_base2(max(int(n - 1).bit_length(), 0))[:n]
        return self.inverse_rosenblatt(np.clip(uniform, 2.0**-54, 1.0 - 2.0**-53))


class _Conditionals(NamedTuple):
    """The conditional distribution of each column, given those before it, under each component."""

    log_weights: Array  # (K,)
    means: Array  # (K, D)
    factor: Array  # (K, D, D)
    background: Background | None

    @classmethod
    def of(cls, mixture: MixtureContract) -> Self:
        if mixture.background is not None and mixture.background.density is not None:
            raise ParameterError(
                "a background of a stated density has no conditional distributions; take mixture.without_background"
            )
        present = mixture.weights > 0.0
        factor = FULL.factor(np.ascontiguousarray(mixture.covariances[present]))
        return cls(np.log(mixture.weights[present]), mixture.means[present], factor, mixture.background)

    def probabilities(self, x: Array) -> Array:
        """Rosenblatt's transformation ``(N, D)`` of points ``(N, D)``."""
        given, u = _Given.start(self, len(x)), np.empty(x.shape)
        for j in range(x.shape[1]):
            u[:, j] = given.column(j).tail(x[:, j], 1.0)
            given = given.extended(j, x[:, j])
        return u

    def quantiles(self, u: Array) -> Array:
        """The points ``(N, D)`` with these transformed values ``(N, D)``."""
        given, x = _Given.start(self, len(u)), np.empty(u.shape)
        last = u.shape[1] - 1
        for j in range(last + 1):
            inner = u[:, j] if last == 0 else np.clip(u[:, j], 2.0**-1022, 1.0 - 2.0**-53)
            x[:, j] = given.column(j).quantile(inner)
            if j < last:
                given = given.extended(j, x[:, j])
        return x


class _Given(NamedTuple):
    """What the columns before one say: log weights of the components, and standardized deviations."""

    of: _Conditionals
    log_weights: Array  # (N, K)
    log_uniform: Array  # (N,)
    standardized: Array  # (N, K, D), filled up to the column

    @classmethod
    def start(cls, of: _Conditionals, n: int) -> Self:
        weight = 0.0 if of.background is None else of.background.weight
        with np.errstate(divide="ignore"):
            uniform = np.full(n, np.log(weight))
        weights = np.broadcast_to(of.log_weights, (n, len(of.log_weights)))
        return cls(of, weights, uniform, np.zeros((n, *of.means.shape)))

    def column(self, j: int) -> UnivariateMixtures:
        """The conditional distributions of column j."""
        background = self.of.background
        largest = np.maximum(self.log_weights.max(1), self.log_uniform)
        largest = np.where(np.isfinite(largest), largest, 0.0)
        weights, uniform = np.exp(self.log_weights - largest[:, None]), np.exp(self.log_uniform - largest)
        total = weights.sum(1) + uniform
        means = self._means(j)
        part = None
        if background is not None:
            part = Uniform(uniform / total, float(background.low[j]), float(background.high[j]))
        return UnivariateMixtures(weights / total[:, None], means, self.of.factor[:, j, j], part)

    def extended(self, j: int, x: Array) -> Self:
        """The same, given column j as well."""
        pivot = self.of.factor[:, j, j]
        with np.errstate(over="ignore"):
            z = np.clip((x[:, None] - self._means(j)) / pivot, -1e150, 1e150)
        self.standardized[:, :, j] = z
        log_weights = self.log_weights - 0.5 * z**2 - np.log(pivot)
        uniform = self.log_uniform
        if (background := self.of.background) is not None:
            inside = (x >= background.low[j]) & (x <= background.high[j])
            width = background.high[j] - background.low[j]
            # The constant of the normal density, which the other weights leave out.
            uniform = np.where(inside, uniform - np.log(width) + 0.5 * np.log(2.0 * np.pi), -np.inf)
        # Only ratios matter, so the largest is zero and far tails do not leave the range of float64.
        largest = np.maximum(log_weights.max(1), uniform)
        return self._replace(log_weights=log_weights - largest[:, None], log_uniform=uniform - largest)

    def _means(self, j: int) -> Array:
        """The conditional means ``(N, K)`` of column j."""
        factor = self.of.factor[:, j, :j]
        return np.asarray(self.of.means[:, j] + (self.standardized[:, :, :j] * factor).sum(2))
