"""A model written outside the package: variational Bayes, Bishop (2006), section 10.2, as one more model of EM.

The approximate posterior is a Dirichlet distribution of the weights and normal-Wishart distributions of the means and
precisions. Its parameters are the statistics of the rows plus those of the prior, in the fields of
`SufficientStatistics`: concentrations in `counts`, precisions of the means in `mass`, degrees of freedom in `divisor`
and inverse scale matrices in `scatter`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, multigammaln
from sklearn.mixture import BayesianGaussianMixture

from gmix import SufficientStatistics
from gmix.fitting.em import run_models
from gmix.model.components import Components
from gmix.model.covariance import FULL
from gmix.model.model import Model
from gmix.model.reference import Reference
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource

Array = NDArray[np.float64]


# The extension: less than sixty lines. ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class VariationalMixture(Model):
    prior: SufficientStatistics
    posterior: SufficientStatistics

    def maximize(self, statistics: SufficientStatistics) -> VariationalMixture:  # equations 10.58 to 10.63
        return VariationalMixture(self.prior, statistics + self.prior)

    def components(self) -> Components:  # equations 10.64 to 10.66
        q, d = self.posterior, self.posterior.n_features
        log_constants = (
            digamma(q.counts) - digamma(q.counts.sum())
            + (digamma_d(q.divisor / 2, d) + d * np.log(2) - log_determinant(q.scatter)) / 2
            - d / 2 * np.log(2 * np.pi) - d / (2 * q.mass)
        )  # fmt: skip
        factor = np.linalg.cholesky(q.scatter / q.divisor[:, None, None])
        return Components(FULL, log_constants, q.mean, factor, np.linalg.inv(factor))

    def objective(self, statistics: SufficientStatistics) -> float:
        """The lower bound of the log evidence: equation 10.70."""
        p, q, d = self.prior, self.posterior, self.posterior.n_features
        weights = (
            gammaln(q.counts.sum()) - gammaln(q.counts).sum() - gammaln(p.counts.sum()) + gammaln(p.counts).sum()
            + (q.counts - p.counts) @ (digamma(q.counts) - digamma(q.counts.sum()))
        )  # fmt: skip
        scale = np.linalg.inv(q.scatter)
        step = q.mean - p.mean
        means = (
            d * (np.log(q.mass / p.mass) + p.mass / q.mass - 1)
            + p.mass * q.divisor * np.einsum("ki,kij,kj->k", step, scale, step)
        ) / 2  # fmt: skip
        precisions = (
            p.divisor * (log_determinant(q.scatter) - log_determinant(p.scatter)) / 2
            + q.divisor * (np.einsum("kij,kji->k", p.scatter, scale) - d) / 2
            + multigammaln_each(p.divisor / 2, d) - multigammaln_each(q.divisor / 2, d)
            + (q.divisor - p.divisor) * digamma_d(q.divisor / 2, d) / 2
        )  # fmt: skip
        return statistics.log_likelihood - float(weights + means.sum() + precisions.sum())


def log_determinant(matrices: Array) -> Array:
    return np.linalg.slogdet(matrices)[1]


def digamma_d(x: Array, d: int) -> Array:
    return sum(digamma(x - i / 2) for i in range(d))


def multigammaln_each(x: Array, d: int) -> Array:
    return np.array([multigammaln(value, d) for value in x])


# Beside scikit-learn. -----------------------------------------------------------------------------------------------


def clouds() -> Array:
    rng = np.random.default_rng(3)
    centers = np.repeat([[0.0, 0.0], [4.0, 1.0], [1.0, 5.0]], [90, 60, 50], axis=0)
    return centers + rng.normal(size=(200, 2)) @ [[1.0, 0.4], [0.0, 0.8]]


def prior_of(theirs: BayesianGaussianMixture, k: int) -> SufficientStatistics:
    """scikit-learn's prior as a term of the sum."""
    d = len(theirs.mean_prior_)
    return SufficientStatistics(
        FULL,
        mass=np.full(k, theirs.mean_precision_prior_),
        mean=np.tile(theirs.mean_prior_, (k, 1)),
        scatter=np.tile(theirs.covariance_prior_, (k, 1, 1)),
        log_likelihood=0.0,
        counts=np.full(k, theirs.weight_concentration_prior_),
        divisor=np.full(k, theirs.degrees_of_freedom_prior_),
        total_weight=0.0,
        reference=Reference.none(FULL, d),
    )


@pytest.mark.parametrize("accelerate", [False, True])
def test_variational_bayes_is_that_of_scikit_learn(accelerate: bool) -> None:
    rows, k, bounds = clouds(), 3, []
    for seed in (0, 4):
        theirs = BayesianGaussianMixture(
            n_components=k, weight_concentration_prior_type="dirichlet_distribution", weight_concentration_prior=0.4,
            degrees_of_freedom_prior=3.5, mean_precision_prior=0.7, reg_covar=0.0, tol=1e-14, max_iter=20_000,
            init_params="random", random_state=seed,
        ).fit(rows)  # fmt: skip
        share = np.random.RandomState(seed).uniform(size=(len(rows), k))
        share /= share.sum(1, keepdims=True)
        prior = prior_of(theirs, k)
        start = VariationalMixture(prior, SufficientStatistics.from_responsibilities(FULL, rows, share) + prior)
        rule = StoppingRule(1e-14, 20_000, accelerate=accelerate)
        [end] = run_models(MemorySource(rows), [start], rule)
        assert isinstance(end.model, VariationalMixture)
        assert end.reason in (Reason.CONVERGED, Reason.STATIONARY)
        assert (np.diff(end.history) > -1e-9).all()
        q = end.model.posterior
        for ours, expected in (
            (q.counts, theirs.weight_concentration_), (q.mass, theirs.mean_precision_), (q.mean, theirs.means_),
            (q.divisor, theirs.degrees_of_freedom_), (q.scatter / q.divisor[:, None, None], theirs.covariances_),
        ):  # fmt: skip
            np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)
        bounds.append((end.history[-1], theirs.lower_bound_))
    (ours, expected), (our_other, expected_other) = bounds
    assert abs(expected_other - expected) > 1e-3  # two optima, so that the difference says something
    assert our_other - ours == pytest.approx(expected_other - expected, abs=1e-6)


@pytest.mark.parametrize(("returned", "problem"), [(None, "maximize returned None; return a Model"), ("a", "'a'")])
def test_a_model_that_breaks_the_contract_is_named(returned: object, problem: str) -> None:
    class Broken(VariationalMixture):
        def maximize(self, statistics: SufficientStatistics) -> VariationalMixture:
            return returned

    rows = clouds()
    prior = prior_of(BayesianGaussianMixture(n_components=2, random_state=0).fit(rows), 2)
    start = SufficientStatistics.from_labels(FULL, rows, np.arange(len(rows)) % 2, 2) + prior
    with pytest.raises(TypeError, match=problem):
        run_models(MemorySource(rows), [Broken(prior, start)], StoppingRule())


def test_a_model_that_changes_its_size_is_refused() -> None:
    class Growing(VariationalMixture):
        def maximize(self, statistics: SufficientStatistics) -> VariationalMixture:
            twice = np.tile(np.arange(statistics.n_components), 2)
            return Growing(self.prior.reordered(twice), (statistics + self.prior).reordered(twice))

    rows = clouds()
    prior = prior_of(BayesianGaussianMixture(n_components=2, random_state=0).fit(rows), 2)
    start = SufficientStatistics.from_labels(FULL, rows, np.arange(len(rows)) % 2, 2) + prior
    with pytest.raises(ValueError, match="another form, number of components or columns"):
        run_models(MemorySource(rows), [Growing(prior, start)], StoppingRule())
