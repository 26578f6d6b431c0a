"""Products, convolutions and reductions: combinations of mixtures that are mixtures again."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.distribution.contract import MixtureContract, require, require_same_columns
from gmix.distribution.normals import log_product_integrals
from gmix.model.covariance import FULL
from gmix.model.covariance.form import symmetric

__all__ = ["Algebra", "Reduction"]

Array = NDArray[np.float64]
_ROUNDING = 1e-12  # of the largest eigenvalue of a noise covariance; a smaller negative one is rounding


class Reduction(NamedTuple):
    """A mixture that was reduced to fewer components; see `GaussianMixture.reduce`.

    Attributes
    ----------
    mixture : the `gmix.GaussianMixture` with fewer components.
    lost : an upper bound of the Kullback-Leibler divergence of the reduced mixture from the original one, in nats.
    groups : ``(K,)``, the component of the reduced mixture that each original component was merged into.
    """

    mixture: Any
    lost: float
    groups: NDArray[np.intp]


class Algebra(MixtureContract):
    """The methods of a mixture that combine it with another one, and its components with one another."""

    @one_blas_thread()
    def product(self, other: Self) -> Self:
        r"""The distribution whose density is proportional to the product of two densities.

        .. math:: \frac{p(x)\, q(x)}{\int p\, q} = \sum_{ij} c_{ij} \, N(x \mid \mu_{ij}, \Sigma_{ij}), \qquad
                  \Sigma_{ij} = (\Sigma_i^{-1} + T_j^{-1})^{-1}, \quad
                  \mu_{ij} = \Sigma_{ij} (\Sigma_i^{-1} \mu_i + T_j^{-1} \nu_j)

        with weights :math:`c_{ij} \propto w_i v_j N(\mu_i \mid \nu_j, \Sigma_i + T_j)`. It combines a prior with a
        likelihood that is a mixture, or two independent measurements of one quantity. It has K times K' components,
        those of the first mixture in the outer order. `log_product_integral` is the logarithm of the constant.

        Raises `ParameterError` for mixtures of different columns, with a background, or whose columns follow from
        others.

        >>> import gmix
        >>> first = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
        >>> both = first.product(gmix.GaussianMixture([1.0], [[2.0]], [[[1.0]]]))
        >>> both.means.round(9), both.covariances.round(9)
        (array([[1.]]), array([[[0.5]]]))
        """
        other = require_same_columns(self, other, "product")
        d = self.n_features
        logs = _log_weights(self)[:, None] + _log_weights(other) + log_product_integrals(self, other)
        weights = np.exp(logs - logs.max())
        factor = FULL.factor(np.ascontiguousarray(self.covariances))[:, None]
        whitener = FULL.whitener(factor)
        # In coordinates in which one covariance is the identity and the other is diagonal, nothing is subtracted.
        values, vectors = np.linalg.eigh(symmetric(whitener @ other.covariances @ whitener.mT))
        values = np.maximum(values, 0.0)[..., None]
        step = whitener @ (other.means - self.means[:, None])[..., None]
        basis = factor @ vectors
        means = self.means[:, None] + (basis @ ((vectors.mT @ step) / (1.0 + values)))[..., 0]
        root = basis * np.sqrt(values / (1.0 + values)).mT
        covariances = symmetric(root @ root.mT)
        return self._new((weights / weights.sum()).ravel(), means.reshape(-1, d), covariances.reshape(-1, d, d), other)

    @one_blas_thread()
    def log_product_integral(self, other: Self) -> float:
        r"""The logarithm of the integral of the product of two densities, in nats.

        .. math:: \log \int p(x)\, q(x)\, dx = \log \sum_{ij} w_i v_j \, N(\mu_i \mid \nu_j, \Sigma_i + T_j)

        It is the constant of `product`, and its unit is that of a log density. Raises the errors of `product`.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
        >>> round(mixture.log_product_integral(mixture), 4)  # -log(4 pi) / 2
        -1.2655
        """
        from scipy.special import logsumexp

        other = require_same_columns(self, other, "log_product_integral")
        logs = _log_weights(self)[:, None] + _log_weights(other) + log_product_integrals(self, other)
        return float(logsumexp(logs))

    @one_blas_thread()
    def convolve(self, noise: Self | ArrayLike) -> Self:
        r"""The distribution of a sum of independent variables: a draw from this mixture, plus noise.

        .. math:: X + E \sim \sum_k w_k \, N(\mu_k, \Sigma_k + S), \qquad
                  X + Y \sim \sum_{ij} w_i v_j \, N(\mu_i + \nu_j, \Sigma_i + T_j)

        Parameters
        ----------
        noise : the covariance ``(D, D)`` of normal noise with mean zero, in squared units of the data; or another
            mixture, whose draws are added. The sum of two mixtures has K times K' components, those of the first
            mixture in the outer order.

        Raises `ParameterError` for a covariance that is not symmetric or has a negative eigenvalue, and the errors of
        `product`.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture([0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]])
        >>> mixture.convolve([[3.0]]).covariances[:, 0, 0]
        array([4., 4.])
        >>> mixture.convolve(mixture).means[:, 0]
        array([0., 4., 4., 8.])
        """
        if not isinstance(noise, MixtureContract):
            require(self, "convolve")
            covariance = _noise_covariance(noise, self.n_features)
            diagonal = not np.triu(covariance, 1).any()
            return self._new(self.weights, self.means, self.covariances + covariance, may_be_diagonal=diagonal)
        other = require_same_columns(self, noise, "convolve")
        d = self.n_features
        weights = np.multiply.outer(self.weights, other.weights).ravel()
        means = (self.means[:, None] + other.means).reshape(-1, d)
        return self._new(weights, means, (self.covariances[:, None] + other.covariances).reshape(-1, d, d), other)

    @one_blas_thread()
    def reduce(self, n_components: int) -> Reduction:
        r"""Merge components until there are `n_components`, each time the two whose merging loses least.

        Two components are replaced by the Gaussian with their joint mean and covariance. The pair is the one with the
        smallest

        .. math:: B_{ij} = \tfrac12 \bigl[(w_i + w_j) \log |\Sigma_{ij}| - w_i \log |\Sigma_i|
                  - w_j \log |\Sigma_j|\bigr],

        which bounds the Kullback-Leibler divergence of the merged mixture from the former one (Runnalls 2007, *IEEE
        Transactions on Aerospace and Electronic Systems* 43:989). `Reduction.lost`, the sum of these numbers, bounds
        the divergence of the reduced mixture from the original one: it is
        :math:`\sum_k w_k \, \mathrm{KL}(N_k \,\|\, N_{g(k)})` for the group g of each component, which bounds the
        divergence by the log-sum inequality. Mean and covariance of the mixture are unchanged. A background remains.

        Returns
        -------
        A `Reduction` with the mixture, the bound and the groups.

        Raises `ParameterError` for a number of components that is not from 1 to K, and if columns follow from others.

        >>> import gmix
        >>> covariances = [[[1.0]], [[1.0]], [[1.0]]]
        >>> mixture = gmix.GaussianMixture(
        ...     [0.3, 0.3, 0.4], [[0.0], [0.1], [9.0]], covariances
        ... )
        >>> reduced, lost, groups = mixture.reduce(2)
        >>> reduced.means[:, 0], groups, round(lost, 5)
        (array([0.05, 9.  ]), array([0, 0, 1]), 0.00075)
        """
        require(self, "reduce", no_background=False)
        if not is_count(n_components, 1, len(self.weights)):
            raise ParameterError(
                f"n_components is {n_components!r}; give a number from 1 to {len(self.weights)}, the components there "
                "are"
            )
        merged = _Merged.of(self)
        while len(merged.weights) > n_components:
            merged = merged.with_best_merged()
        parameters = merged.weights, merged.means, merged.covariances
        unchanged = n_components == len(self.weights)  # the covariance between two means is not diagonal
        mixture = self._new(*parameters, may_be_diagonal=unchanged, background=self.background)
        return Reduction(mixture, merged.lost, merged.groups)


class _Merged(NamedTuple):
    """The parameters after some mergings, what merging each pair would lose, and what has been lost."""

    weights: Array
    means: Array
    covariances: Array
    half_logs: Array  # (K,) half the log-determinants
    losses: Array  # (K, K), infinite on and below the diagonal
    lost: float
    groups: NDArray[np.intp]

    @classmethod
    def of(cls, mixture: MixtureContract) -> Self:
        k = len(mixture.weights)
        covariances = np.array(mixture.covariances)
        halves = FULL.log_determinant(FULL.factor(covariances), k, mixture.n_features)
        start = cls(mixture.weights, mixture.means, covariances, halves, np.full((k, k), np.inf), 0.0, np.arange(k))
        for i in range(k - 1):
            start.losses[i, i + 1 :] = start.losses_with(i, np.arange(i + 1, k))
        return start

    def pair(self, i: int, others: NDArray[np.intp]) -> tuple[Array, Array, Array]:
        """The weights, means and covariances of component i merged with each of the others."""
        total = self.weights[i] + self.weights[others]
        share = np.divide(self.weights[others], total, out=np.full(len(others), 0.5), where=total > 0.0)[:, None]
        step = self.means[others] - self.means[i]
        means = self.means[i] + share * step
        left, right = (1.0 - share)[..., None], share[..., None]
        between = left * right * step[:, :, None] * step[:, None, :]
        return total, means, left * self.covariances[i] + right * self.covariances[others] + between

    def losses_with(self, i: int, others: NDArray[np.intp]) -> Array:
        """What merging component i with each of the others loses."""
        _, means, covariances = self.pair(i, others)
        halves = FULL.log_determinant(FULL.factor(covariances), *means.shape)
        own = self.weights[i] * (halves - self.half_logs[i])
        return np.asarray(np.maximum(own + self.weights[others] * (halves - self.half_logs[others]), 0.0))

    def with_best_merged(self) -> Self:
        """The same after merging the pair that loses least."""
        i, j = (int(index) for index in np.unravel_index(self.losses.argmin(), self.losses.shape))
        loss = float(self.losses[i, j])
        [weight], mean, covariance = self.pair(i, np.array([j]))
        kept = np.delete(np.arange(len(self.weights)), j)
        weights, means, covariances = self.weights.copy(), self.means.copy(), self.covariances.copy()
        halves = self.half_logs.copy()
        weights[i], means[i], covariances[i] = weight, mean[0], covariance[0]
        [halves[i]] = FULL.log_determinant(FULL.factor(covariance), 1, means.shape[1])
        groups = np.where(self.groups == j, i, self.groups)
        groups = groups - (groups > j)
        after = self._replace(
            weights=weights[kept], means=means[kept], covariances=covariances[kept], half_logs=halves[kept],
            losses=self.losses[np.ix_(kept, kept)].copy(), lost=self.lost + loss, groups=groups,
        )  # fmt: skip
        n = len(kept)
        if i + 1 < n:
            after.losses[i, i + 1 :] = after.losses_with(i, np.arange(i + 1, n))
        if i:
            after.losses[:i, i] = after.losses_with(i, np.arange(i))
        return after


def _log_weights(mixture: MixtureContract) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(mixture.weights)


def _noise_covariance(noise: ArrayLike, n_features: int) -> Array:
    """A covariance ``(D, D)`` without negative eigenvalues. Raises `ParameterError` for any other."""
    covariance = as_numbers(noise, "noise")
    if covariance.shape != (n_features, n_features):
        raise ParameterError(
            f"noise has shape {covariance.shape}; give a covariance ({n_features}, {n_features}), or another mixture"
        )
    if not np.isfinite(covariance).all():
        raise ParameterError("noise holds a value that is not finite; give finite numbers")
    scale = np.sqrt(np.abs(np.diagonal(covariance)))
    difference = np.abs(covariance - covariance.T)
    if (difference > 1e-6 * scale[:, None] * scale).any():
        raise ParameterError(f"noise is not symmetric, by {difference.max():g}; give a symmetric matrix")
    covariance = symmetric(covariance)
    values = np.linalg.eigvalsh(covariance)
    if values[0] < -_ROUNDING * values[-1]:
        raise ParameterError(
            f"noise has the negative eigenvalue {values[0]:g}; give a covariance, whose eigenvalues are not negative"
        )
    return covariance
