"""Mixtures of Student distributions: what a variational posterior says about new rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.base.rows import Rows
from gmix.base.wording import count
from gmix.model.components import Components
from gmix.model.covariance import FULL
from gmix.model.families import StudentT
from gmix.model.kernel import kernel
from gmix.model.mixture_arguments import checked_points
from gmix.model.variational.parameters import ParameterDistribution

__all__ = ["StudentMixture"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StudentMixture:
    r"""The density of a new row, averaged over the approximate posterior of the parameters.

    .. math:: p(x) = \sum_k E[w_k] \; \mathrm{St}\Big(x \Bigm| m_k,
              \frac{1 + \beta_k}{\beta_k} \frac{S_k}{\nu_k + 1 - D}, \nu_k + 1 - D\Big)

    for full and tied covariances (Bishop 2006, equations 10.81 and 10.82). With a spherical covariance the Student
    distribution has ``D nu_k`` degrees of freedom; with a diagonal one, the columns of a component have independent
    Student distributions with ``nu_k``. Its tails are heavier than those of the mixture of posterior expectations,
    the more so for components of few rows.

    Attributes
    ----------
    weights : ``(K,)``.
    means : ``(K, D)``.
    scales : ``(K, D, D)``, the scale matrices; covariances are ``nu / (nu - 2)`` times as large.
    degrees_of_freedom : ``(K,)`` nu.
    independent_columns : whether the columns of a component have independent distributions.
    features : the names of the columns, or None.
    """

    weights: Array
    means: Array
    scales: Array
    degrees_of_freedom: Array
    independent_columns: bool
    features: tuple[str, ...] | None

    @classmethod
    def of(cls, posterior: ParameterDistribution, features: tuple[str, ...] | None) -> Self:
        """The density of a new row under this distribution of the parameters."""
        k, d = posterior.mean.shape
        degrees, factors = posterior.law.student(posterior.degrees_of_freedom, d)
        factors = factors * (1.0 + 1.0 / posterior.mass)
        scales = posterior.structure.form.dense(posterior.covariances, k, d) * factors[:, None, None]
        independent = posterior.law.independent_columns
        return cls(posterior.weights.means(), posterior.mean, scales, degrees, independent, features)

    def __repr__(self) -> str:
        (k, d) = self.means.shape
        return f"StudentMixture({count(k, 'component')}, {count(d, 'feature')})"

    def log_density(self, x: Any, *, threads: int | None = None) -> Array:
        """``log p(x)`` of each point ``(N, D)``, in nats: ``(N,)``; of its other cells, if cells are missing."""
        rows = checked_points(x, self.features, self.means.shape[1])
        each = self._in_columns(rows) if self.independent_columns else self._in_space(rows, threads)
        return np.asarray(logsumexp(each, axis=0))

    def density(self, x: Any, *, threads: int | None = None) -> Array:
        """``p(x)`` of each point ``(N, D)``, per unit of volume: ``(N,)``; infinite where float64 cannot hold it."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_density(x, threads=threads))

    @one_blas_thread()
    def sample(self, n: int, *, rng: Rng = None) -> Array:
        """Draw ``n`` independent points ``(n, D)``."""
        if not is_count(n, 0):
            raise ParameterError(f"n is {n!r}; give the number of points to draw")
        generator, d = as_generator(rng), self.means.shape[1]
        labels = generator.choice(len(self.weights), size=n, p=self.weights)
        nu = self.degrees_of_freedom[labels][:, None]
        factors = generator.chisquare(np.broadcast_to(nu, (n, d if self.independent_columns else 1))) / nu
        points = generator.standard_normal((n, d)) / np.sqrt(factors)
        for k in range(len(self.weights)):
            chosen = labels == k
            points[chosen] = self.means[k] + points[chosen] @ self._factors[k].T
        return points

    @cached_property
    def _factors(self) -> Array:
        """Lower Cholesky factors ``(K, D, D)`` of the scales."""
        return FULL.factor(self.scales)

    def _in_space(self, rows: Rows, threads: int | None) -> Array:
        """The weighted log densities ``(K, N)`` of multivariate Student distributions."""
        d = self.means.shape[1]
        factors, whiteners = self._factors, FULL.whitener(self._factors)
        constants = _log(self.weights) - FULL.log_determinant(factors, len(factors), d)
        found = []
        for k, nu in enumerate(self.degrees_of_freedom.tolist()):
            family, one = StudentT(nu), slice(k, k + 1)
            constant = constants[one] + family.log_constant(d)
            part = Components(FULL, constant, self.means[one], factors[one], whiteners[one], family)
            found.append(kernel.posterior(rows, part, False, threads)[0])
        return np.stack(found)

    def _in_columns(self, rows: Rows) -> Array:
        """The weighted log densities ``(K, N)`` of products of univariate Student distributions."""
        values = np.asarray(rows.values, np.float64)
        deviations, found = np.sqrt(np.diagonal(self.scales, axis1=1, axis2=2)), []
        for weight, mean, deviation, nu in zip(
            self.weights, self.means, deviations, self.degrees_of_freedom, strict=True
        ):
            constant = gammaln((nu + 1.0) / 2.0) - gammaln(nu / 2.0) - np.log(nu * np.pi) / 2.0
            with np.errstate(over="ignore"):
                squares = ((values - mean) / deviation) ** 2
                cells = constant - np.log(deviation) - (nu + 1.0) / 2.0 * np.log1p(squares / nu)
            found.append(_log(weight) + np.nansum(cells, axis=1))
        return np.stack(found)


def _log(weights: Array) -> Array:
    """Logarithms of weights; minus infinity where float64 cannot hold the weight of a component."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(weights))
