"""Gaussian components with a conjugate prior: marginal likelihoods of their rows, and draws of their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import FULL, SPHERICAL, Form
from gmix.model.families import GAUSSIAN
from gmix.model.kernel import kernel
from gmix.model.reference import Reference
from gmix.model.variational import ParameterDistribution, predictive

__all__ = ["ConjugateComponents", "Moments"]

Array = NDArray[np.float64]
_LOG_2_PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class Moments:
    """The number, the mean and the scatter of the rows of each of several groups.

    Attributes
    ----------
    count : ``(G,)``.
    mean : ``(G, D)``; of no meaning in an empty group.
    scatter : about the means, as compact arrays of the form.
    """

    form: Form
    count: Array
    mean: Array
    scatter: Array

    @classmethod
    def of_labels(cls, form: Form, rows: NDArray[np.float64], labels: NDArray[np.intp], n_groups: int) -> Self:
        """The moments of rows ``(N, D)`` with labels ``(N,)``."""
        reference = Reference.none(form, rows.shape[1])
        [found] = kernel.label_statistics(form, Rows(rows), [labels], n_groups, reference)
        return cls(form, found.mass.copy(), found.mean.copy(), found.scatter.copy())

    def take(self, groups: list[int] | NDArray[np.intp]) -> Moments:
        """Those of some of the groups, in this order."""
        return Moments(self.form, self.count[groups], self.mean[groups], self.scatter[groups])

    def united(self, other: Moments) -> Moments:
        """The moments of the rows of each group together with those of the same group of another object."""
        count = self.count + other.count
        share = np.divide(other.count, count, out=np.zeros_like(count), where=count > 0.0)
        step = other.mean - self.mean
        between = self.form.outer(self.count * share, step)
        return Moments(self.form, count, self.mean + share[:, None] * step, self.scatter + other.scatter + between)

    def joined(self, other: Moments) -> Moments:
        """The groups of both, one after another."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("count", "mean", "scatter"))
        return Moments(self.form, *(np.concatenate(pair) for pair in pairs))


class ConjugateComponents:
    r"""Components whose means and precisions have the prior of `gmix.VariationalPrior`.

    Given the rows of a component, the distribution of its mean and precision has the same form, and the density of the
    rows, averaged over the parameters, is known: for n rows of a component with full covariance

    .. math:: \log f(x) = -\tfrac{nD}2 \log 2\pi - \tfrac D2 \log\frac{\beta + n}\beta + \log B^{-1}(\nu + n, S_n)
              - \log B^{-1}(\nu, S)

    with the normalizer :math:`B` of the Wishart distribution; Bishop (2006), equations 10.58 to 10.63 and B.79.

    Attributes
    ----------
    prior : the distribution of the parameters of one component without rows.
    """

    def __init__(self, prior: ParameterDistribution) -> None:
        self.prior, self.form, self.law = prior, prior.structure.form, prior.law
        self.n_features = prior.n_features
        self._cells = float(self.n_features) if self.form is SPHERICAL else 1.0  # a spherical scatter is a trace

    @cached_property
    def _prior_normalizer(self) -> float:
        return float(self._log_normalizers(self._posterior(self.no_rows(1)))[0])

    def no_rows(self, n_groups: int) -> Moments:
        """The moments of empty groups."""
        mean = np.tile(self.prior.mean, (n_groups, 1))
        return Moments(self.form, np.zeros(n_groups), mean, np.zeros(self.form.shape(n_groups, self.n_features)))

    def log_marginals(self, moments: Moments) -> Array:
        """The log density ``(G,)`` of the rows of each group, as rows of one component."""
        found = self._log_normalizers(self._posterior(moments)) - self._prior_normalizer
        return np.asarray(found - 0.5 * self.n_features * _LOG_2_PI * moments.count)

    def log_prior_density(self, rows: Array) -> Array:
        """The log density ``(N,)`` of each of rows ``(N, D)``, averaged over the prior of the parameters."""
        return predictive(self.prior, None).log_density(rows)

    def drawn(self, moments: Moments, weights: Array, rng: np.random.Generator) -> Components:
        """Components with weights ``(G,)`` whose means and covariances are drawn given the rows of each group."""
        posterior, d = self._posterior(moments), self.n_features
        factor, whitener = self._drawn_factors(posterior, rng)
        noise = self.form.apply(factor, rng.standard_normal((len(weights), d)))
        means = posterior.mean + noise / np.sqrt(posterior.mass)[:, None]
        return self._components(weights, means, factor, whitener)

    def expected(self, moments: Moments, weights: Array) -> Components:
        """Components with the expected means and the inverses of the expected precisions, given the rows."""
        posterior = self._posterior(moments)
        return self.of_parameters(weights, posterior.mean, posterior.factor)

    def of_parameters(self, weights: Array, means: Array, factor: Array) -> Components:
        """Components with these weights, means and Cholesky factors of covariances."""
        return self._components(weights, means, factor, self.form.whitener(factor))

    def _components(self, weights: Array, means: Array, factor: Array, whitener: Array) -> Components:
        with np.errstate(divide="ignore"):
            constants = np.log(weights) - self.form.log_determinant(factor, len(weights), self.n_features)
        return Components(self.form, constants + GAUSSIAN.log_constant(self.n_features), means, factor, whitener)

    def _posterior(self, moments: Moments) -> _Posterior:
        prior, count = self.prior, moments.count
        mass, degrees = prior.mass + count, prior.divisor + count
        share, step = count / mass, moments.mean - prior.mean
        scatter = prior.scatter + moments.scatter + self.form.outer(prior.mass * share, step)
        divisor = (degrees * self._cells).reshape(-1, *(1,) * (scatter.ndim - 1))
        return _Posterior(mass, degrees, prior.mean + share[:, None] * step, self._factor(scatter / divisor))

    def _factor(self, covariances: Array) -> Array:
        try:
            return self.form.factor(covariances)
        except np.linalg.LinAlgError:  # where columns follow from others, rounding may exceed what the prior adds
            return self.form.factor(self.form.lift(covariances, self.prior.floor))

    def _log_normalizers(self, posterior: _Posterior) -> Array:
        """The logarithm of the integral of the unnormalized density, without constants that depend on D alone."""
        d, degrees = self.n_features, posterior.degrees
        volumes = self.form.log_determinant(posterior.factor, len(degrees), d)
        return np.asarray(self.law.g(degrees, d) - degrees * volumes - 0.5 * d * np.log(posterior.mass))

    def _drawn_factors(self, posterior: _Posterior, rng: np.random.Generator) -> tuple[Array, Array]:
        """Lower Cholesky factors of drawn covariances, and their inverses.

        A Wishart matrix with the scale ``L' L`` is ``(B L)' (B L)`` with a lower triangular matrix B, whose squared
        diagonal has chi-squared distributions (Bartlett 1933, *Proceedings of the Royal Society of Edinburgh* 53:260).
        """
        (k,), d, degrees = posterior.degrees.shape, self.n_features, posterior.degrees
        if self.form is FULL:
            squares = rng.chisquare(degrees[:, None] - np.arange(d)[::-1])
            bartlett = np.tril(rng.standard_normal((k, d, d)), -1)
            bartlett[:, range(d), range(d)] = np.sqrt(squares)
            root = np.sqrt(degrees)[:, None, None]
            factor = root * (posterior.factor @ self.form.whitener(bartlett))
            return factor, bartlett @ self.form.whitener(posterior.factor) / root
        shape, total = ((k,), d) if self.form is SPHERICAL else ((k, d), 1)
        freedom = (degrees * total).reshape(k, *(1,) * (len(shape) - 1))
        factor = posterior.factor * np.sqrt(freedom / rng.chisquare(np.broadcast_to(freedom, shape)))
        return factor, 1.0 / factor


@dataclass(frozen=True, eq=False)
class _Posterior:
    """The distributions of the parameters given rows: that of the mean, and that of the precision by its factor."""

    mass: Array
    degrees: Array
    mean: Array
    factor: Array  # of the inverses of the expected precisions
