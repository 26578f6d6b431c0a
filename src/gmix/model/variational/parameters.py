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
        d = self.n_features
        log_determinants = self._relative_logs - 2.0 * self._volumes
        log_constants = self.weights.expected_logs() + (log_determinants - d / self.mass) / 2.0
        return self._prepared[0]._replace(log_constants=log_constants + GAUSSIAN.log_constant(d))

    @cached_property
    def _volumes(self) -> Array:
        """Half the logarithm ``(K,)`` of the determinant of each of the `covariances`."""
        form, factor = self.structure.form, self._prepared[0].factor
        return form.log_determinant(factor, self.n_components, self.n_features)

    @cached_property
    def _relative_logs(self) -> Array:
        """The expected logarithm ``(K,)`` of the determinant of each precision, relative to the expected precision."""
        return self.law.e(self.degrees_of_freedom, self.n_features)

    @cached_property
    def _normalizers(self) -> Array:
        """The logarithm ``(K,)`` of the normalizer of the density of each precision."""
        return self.law.g(self.degrees_of_freedom, self.n_features) - self.degrees_of_freedom * self._volumes

    @cached_property
    def component_normalizers(self) -> Array:
        """The logarithm ``(K,)`` of the normalizer of the density of each component's mean and precision.

        It leaves out constants that depend on D alone. For components that do not share a precision.
        """
        return self._normalizers - self.n_features / 2.0 * np.log(self.mass)

    def _total(self, of_precisions: Array) -> float:
        """The sum over the draws of precisions: one for each component, or one for all."""
        return float(of_precisions[0] if self.law.is_shared else of_precisions.sum())

    def divergence(self, other: ParameterDistribution) -> float:
        """The Kullback-Leibler divergence from another distribution of the same kind to this one, in nats."""
        d, form = self.n_features, self.structure.form
        ratio, step = other.mass / self.mass, self.mean - other.mean
        # The expected precision is the product of the whiteners, so the trace is that of both quadratic forms.
        whitener = self._prepared[0].whitener
        trace = form.trace(form.congruence(whitener, other.scatter + form.outer(other.mass, step)))
        means = d / 2.0 * float((ratio - 1.0 - np.log(ratio)).sum())
        nu, given = self.degrees_of_freedom, other.degrees_of_freedom
        log_determinants = self._relative_logs - 2.0 * self._volumes
        precisions = ((nu - given) * log_determinants - nu * d) / 2.0 - self._normalizers + other._normalizers
        return self.weights.divergence(other.weights) + means + self._total(precisions) + trace / 2.0

    def log_normalizer(self) -> float:
        """The logarithm of the normalizer of the density, without constants that depend on K and D alone."""
        means = self.n_features / 2.0 * float(np.log(self.mass).sum())
        return self.weights.log_normalizer() + self._total(self._normalizers) - means

    def expected_log_likelihood(self, statistics: SufficientStatistics) -> float:
        """The expected log-likelihood of rows with these statistics, each in its component."""
        form, expected = self.structure.form, self.expected
        scatter = statistics.scatter + form.outer(statistics.mass, statistics.mean - self.mean)
        quadratic = form.trace(form.congruence(expected.whitener, scatter))
        return float(statistics.counts @ expected.log_constants - quadratic / 2.0)

    def mixture(self, features: tuple[str, ...] | None) -> GaussianMixture:
        """The mixture of expected weights, expected means, and inverses of expected precisions."""
        return unchecked_mixture(self.weights.means(), self.mean, self.covariances, self.structure, features)

    def spread(self) -> Spread:
        """The standard deviations of the parameters."""
        k, d = self.mean.shape
        dense = self.structure.form.dense(self.covariances, k, d)
        nu = self.degrees_of_freedom
        variances = np.diagonal(dense, axis1=1, axis2=2) * self.law.inflation(nu, d)[:, None]
        # Squares of covariances may leave the range of float64. These units are powers of two and change no bit.
        unit = np.exp2(np.round(np.log2(np.diagonal(dense, axis1=1, axis2=2)) / 2.0))
        units = unit[:, :, None] * unit[:, None, :]
        covariances = np.sqrt(self.law.covariance_variances(dense / units, nu)) * units
        return Spread(self.weights.deviations(), np.sqrt(variances / self.mass[:, None]), covariances)

    def reordered(self, order: NDArray[np.intp]) -> ParameterDistribution:
        """The same distribution, where component k is the former ``order[k]``."""
        return self._chosen(order, self.weights.reordered(order))

    def of_first(self, n_components: int) -> ParameterDistribution:
        """The prior of the first components, if the others have no rows; if there are fewer, more like the last.

        For components that do not share a precision.
        """
        chosen = np.minimum(np.arange(n_components), self.n_components - 1)
        return self._chosen(chosen, self.weights.of_first(n_components))

    def _chosen(self, order: NDArray[np.intp], weights: WeightDistribution) -> ParameterDistribution:
        return replace(
            self,
            weights=weights,
            mass=self.mass[order],
            mean=self.mean[order],
            divisor=self.divisor[order],
            scatter=self.structure.form.take(self.scatter, order),
        )
