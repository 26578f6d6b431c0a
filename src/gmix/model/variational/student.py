"""What a variational posterior says about new rows: mixtures of Student distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.model.covariance import structure as as_structure
from gmix.model.mixture import unchecked_mixture
from gmix.model.mixture_arguments import checked_points
from gmix.model.student import StudentMixture
from gmix.model.variational.parameters import ParameterDistribution

__all__ = ["StudentColumns", "predictive"]

Array = NDArray[np.float64]


def predictive(posterior: ParameterDistribution, features: tuple[str, ...] | None) -> StudentMixture | StudentColumns:
    r"""The density of a new row, averaged over the approximate posterior of the parameters.

    .. math:: p(x) = \sum_k E[w_k] \; \mathrm{St}\Big(x \Bigm| m_k,
              \frac{1 + \beta_k}{\beta_k} \frac{S_k}{\nu_k + 1 - D}, \nu_k + 1 - D\Big)

    for full and tied covariances (Bishop 2006, equations 10.81 and 10.82). With a spherical covariance the Student
    distribution has ``D nu_k`` degrees of freedom; with a diagonal one, the columns of a component have independent
    Student distributions with ``nu_k``. Its tails are heavier than those of the mixture of posterior expectations,
    the more so for components of few rows.
    """
    k, d = posterior.mean.shape
    degrees, factors = posterior.law.student(posterior.degrees_of_freedom, d)
    factors = factors * (1.0 + 1.0 / posterior.mass)
    scales = posterior.structure.form.dense(posterior.covariances, k, d) * factors[:, None, None]
    weights = posterior.weights.means()
    if posterior.law.independent_columns:
        return StudentColumns(weights, posterior.mean, scales, degrees, features)
    normal = unchecked_mixture(weights, posterior.mean, scales, as_structure("full"), features)
    return StudentMixture.of(normal, degrees, "each")


@dataclass(frozen=True, eq=False)
class StudentColumns:
    """A mixture whose components have columns with independent Student distributions.

    Attributes
    ----------
    weights : ``(K,)``.
    means : ``(K, D)``.
    scales : ``(K, D, D)``, diagonal; variances are ``nu / (nu - 2)`` times as large.
    degrees_of_freedom : ``(K,)`` nu.
    features : the names of the columns, or None.
    """

    weights: Array
    means: Array
    scales: Array
    degrees_of_freedom: Array
    features: tuple[str, ...] | None

    def __repr__(self) -> str:
        (k, d) = self.means.shape
        return f"StudentColumns({count(k, 'component')}, {count(d, 'feature')})"

    def log_density(self, x: Any) -> Array:
        """``log p(x)`` of each point ``(N, D)``, in nats: ``(N,)``; of its other cells, if cells are missing."""
        values = np.asarray(checked_points(x, self.features, self.means.shape[1]).values, np.float64)
        found = []
        for weight, mean, deviation, nu in zip(
            self.weights, self.means, self._deviations, self.degrees_of_freedom, strict=True
        ):
            constant = gammaln((nu + 1.0) / 2.0) - gammaln(nu / 2.0) - np.log(nu * np.pi) / 2.0
            with np.errstate(over="ignore", divide="ignore"):
                squares = ((values - mean) / deviation) ** 2
                cells = constant - np.log(deviation) - (nu + 1.0) / 2.0 * np.log1p(squares / nu)
                found.append(np.log(weight) + np.nansum(cells, axis=1))
        return np.asarray(logsumexp(found, axis=0))

    def density(self, x: Any) -> Array:
        """``p(x)`` of each point ``(N, D)``, per unit of volume: ``(N,)``; infinite where float64 cannot hold it."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_density(x))

    @one_blas_thread()
    def sample(self, n: int, *, rng: Rng = None) -> Array:
        """Draw ``n`` independent points ``(n, D)``."""
        if not is_count(n, 0):
            raise ParameterError(f"n is {n!r}; give the number of points to draw")
        generator, d = as_generator(rng), self.means.shape[1]
        labels = generator.choice(len(self.weights), size=n, p=self.weights)
        nu = self.degrees_of_freedom[labels][:, None]
        factors = generator.chisquare(np.broadcast_to(nu, (n, d))) / nu
        points = generator.standard_normal((n, d)) / np.sqrt(factors)
        return np.asarray(self.means[labels] + points * self._deviations[labels])

    @property
    def _deviations(self) -> Array:
        return np.sqrt(np.diagonal(self.scales, axis1=1, axis2=2))
