"""The distribution of all parameters of a mixture: a prior, or the approximate posterior."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmix.model.components import Components
from gmix.model.covariance import Structure
from gmix.model.families import GAUSSIAN
from gmix.model.kernel import kernel
from gmix.model.mixture import GaussianMixture, unchecked_mixture
from gmix.model.spread import Spread
from gmix.model.statistics import SufficientStatistics
from gmix.model.variational.precisions import PrecisionLaw
from gmix.model.variational.weights import WeightDistribution

__all__ = ["ParameterDistribution"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ParameterDistribution:
    r"""Independent distributions of the weights and of each component's mean and precision.

    .. math:: \mu_k \mid \Lambda_k \sim N(m_k, (\beta_k \Lambda_k)^{-1}), \qquad \Lambda_k \sim \mathrm{law}(\nu_k, S_k)

    The fields are those of `SufficientStatistics`, to which the rows add: Bishop (2006), equations 10.58 to 10.63.

    Attributes
    ----------
    structure : of the covariances: one that divides the scatter by its divisor.
    law : of the precisions.
    weights : the distribution of the weights.
    mass : ``(K,)`` beta, the precision of each mean in rows.
    mean : ``(K, D)`` m.
    divisor : ``(K,)`` nu; if components share a precision, the sum is its degrees of freedom.
    scatter : S, in the form of the structure.
    floor : ``(D,)`` the smallest variances that float64 can distinguish from zero; see `Reference.floor`.
    """

    structure: Structure
    law: PrecisionLaw
    weights: WeightDistribution
    mass: Array
    mean: Array
    divisor: Array
    scatter: Array
    floor: Array

    def with_rows(self, statistics: SufficientStatistics) -> ParameterDistribution:
        """The distribution after rows with these statistics.

        Raises ``LinAlgError`` if there is none, as for statistics that were extrapolated too far.
        """
        form = self.structure.form
        mass, divisor = self.mass + statistics.mass, self.divisor + statistics.divisor
        least = self.law.least_degrees(self.n_features)
        if not ((mass > 0.0).all() and (self.law.degrees(divisor, form) > least).all()):
            raise np.linalg.LinAlgError("the means or the precisions have no distribution")
        share, step = statistics.mass / mass, statistics.mean - self.mean
        return replace(
            self,
            weights=self.weights.with_counts(statistics.counts),
            mass=mass,
            mean=self.mean + share[:, None] * step,
            divisor=divisor,
            scatter=self.scatter + statistics.scatter + form.outer(self.mass * share, step),
        )

    @property
    def n_components(self) -> int:
        return len(self.mass)

    @property
    def n_features(self) -> int:
        return int(self.mean.shape[1])

    @cached_property
    def degrees_of_freedom(self) -> Array:
        """Those ``(K,)`` of the distribution of each component's precision."""
        return self.law.degrees(self.divisor, self.structure.form)

    @property
    def covariances(self) -> Array:
        """The inverses of the expected precisions, compact: ``S / nu``, raised to the floor where they are singular."""
        return self._prepared[1]

    @cached_property
    def _prepared(self) -> tuple[Components, Array]:
        """The components of the mixture of posterior expectations, and their covariances."""
        form, weights = self.structure.form, np.ones(self.n_components)
        compact = np.asarray(self.structure.covariances(self.scatter, self.divisor, self.n_features))
        try:
            return kernel.prepare(form, weights, self.mean, compact), compact
        except np.linalg.LinAlgError:  # where columns follow from others, rounding may exceed what the prior adds
            compact = self.structure.lifted(compact, self.floor)
            return kernel.prepare(form, weights, self.mean, compact), compact

    @cached_property
    def expected(self) -> Components:
        """The components whose densities are the exponentials of expected log densities: equation 10.46."""
        d, found = self.n_features, self._prepared[0]
        log_determinant = self.law.e(self.degrees_of_freedom, d) - 2.0 * self._half_log_determinants(found)
        log_constants = (
            self.weights.expected_logs() + (log_determinant - d / self.mass) / 2.0 + GAUSSIAN.log_constant(d)
        )
        return found._replace(log_constants=log_constants)

    def _half_log_determinants(self, components: Components) -> Array:
        form = self.structure.form
        return form.log_determinant(components.factor, self.n_components, self.n_features)

    def divergence(self, other: ParameterDistribution) -> float:
        """The Kullback-Leibler divergence from another distribution of the same kind to this one, in nats."""
        d, form, law = self.n_features, self.structure.form, self.law
        expected, ratio = self.expected, other.mass / self.mass
        step = self.mean - other.mean
        # The expected precision is the product of the whiteners, so the trace is that of both quadratic forms.
        trace = form.trace(form.congruence(expected.whitener, other.scatter + form.outer(other.mass, step)))
        means = d / 2.0 * float((ratio - 1.0 - np.log(ratio)).sum())
        nu, given = self.degrees_of_freedom, other.degrees_of_freedom
        volumes = self._half_log_determinants(expected) - self._half_log_determinants(other.expected)
        precisions = (nu - given) / 2.0 * law.e(nu, d) + given * volumes - nu * d / 2.0 - law.g(nu, d) + law.g(given, d)
        total = float(precisions[0] if law.is_shared else precisions.sum())
        return self.weights.divergence(other.weights) + means + total + trace / 2.0

    def log_normalizer(self) -> float:
        """The logarithm of the normalizer of the density, without constants that depend on K and D alone."""
        d, nu = self.n_features, self.degrees_of_freedom
        precisions = self.law.g(nu, d) - nu * self._half_log_determinants(self.expected)
        total = float(precisions[0] if self.law.is_shared else precisions.sum())
        return self.weights.log_normalizer() + total - d / 2.0 * float(np.log(self.mass).sum())

    def mixture(self, features: tuple[str, ...] | None) -> GaussianMixture:
        """The mixture of expected weights, expected means, and inverses of expected precisions."""
        return unchecked_mixture(self.weights.means(), self.mean, self.covariances, self.structure, features)

    def spread(self) -> Spread:
        """The standard deviations of the parameters."""
        k, d = self.mean.shape
        dense = self.structure.form.dense(self.covariances, k, d)
        nu = self.degrees_of_freedom
        variances = np.diagonal(dense, axis1=1, axis2=2) * self.law.inflation(nu, d)[:, None]
        covariances = np.sqrt(self.law.covariance_variances(dense, nu))
        return Spread(self.weights.deviations(), np.sqrt(variances / self.mass[:, None]), covariances)

    def reordered(self, order: NDArray[np.intp]) -> ParameterDistribution:
        """The same distribution, where component k is the former ``order[k]``."""
        return replace(
            self,
            weights=self.weights.reordered(order),
            mass=self.mass[order],
            mean=self.mean[order],
            divisor=self.divisor[order],
            scatter=self.structure.form.take(self.scatter, order),
        )
