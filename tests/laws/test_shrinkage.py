"""Shrinkage as a prior: the estimator OAS for one component, and a law of rows that are added for more."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.model.covariance import STRUCTURES, Structure

Array = NDArray[np.float64]
EXACT = {"rng": 0, "tolerance": 0, "max_iterations": 3000}


@pytest.fixture(scope="module")
def few() -> Array:
    """Sixty rows of two separated components in 20 columns."""
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(20, 20)) / 4.0 + np.eye(20)
    return np.asarray(rng.normal(size=(60, 20)) @ mixing + np.repeat([[0.0], [3.0]], 30, axis=0))


@pytest.mark.parametrize("n_rows", [3, 10, 30, 500])
def test_with_one_component_the_fit_has_the_covariance_of_oas(few: Array, n_rows: int) -> None:
    x = np.random.default_rng(n_rows).normal(size=(n_rows, 20)) @ np.diag(np.linspace(0.5, 2.0, 20))
    sample = np.cov(x.T, bias=True)
    d, square, trace = 20, float(np.trace(sample @ sample)), float(np.trace(sample))
    intensity = ((1 - 2 / d) * square + trace**2) / ((n_rows + 1 - 2 / d) * (square - trace**2 / d))  # equation 23
    expected = (1 - intensity) * sample + intensity * trace / d * np.eye(d)
    fit = gmix.fit(x, 1, covariance="full", prior=gmix.Shrinkage.oas(gmix.fit(x, 1, covariance="full")))
    np.testing.assert_allclose(fit.mixture.covariances[0], expected, rtol=1e-7, atol=1e-9)
    if covariance := pytest.importorskip("sklearn.covariance"):  # whose formula leaves out the terms in 2 / D
        np.testing.assert_allclose(fit.mixture.covariances[0], covariance.OAS().fit(x).covariance_, rtol=0.1, atol=0.05)


def test_the_m_step_mixes_the_covariance_of_each_component_with_the_target(few: Array) -> None:
    variance = np.linspace(1.0, 2.0, 20)
    fit = gmix.fit(few, 2, covariance="full", prior=gmix.Shrinkage(variance, 12.0), **EXACT)
    for k, r in enumerate(fit.mixture.responsibilities(few).T):
        centered = few - fit.mixture.means[k]
        own = (r * centered.T) @ centered / r.sum()
        share = 12.0 / (r.sum() + 12.0)
        expected = (1.0 - share) * own + share * np.diag(variance)
        np.testing.assert_allclose(fit.mixture.covariances[k], expected, rtol=1e-8, atol=1e-8)


def test_spherical_rows_get_a_prior_of_finite_weight() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(200, 6)), rng.normal(3.0, 1.0, size=(200, 6))])
    prior = gmix.Shrinkage.oas(gmix.fit(x, 2, covariance="tied", rng=0))
    assert prior.rows == pytest.approx(999 * 200, rel=1e-9)
    fit = gmix.fit(x, 2, covariance="full", prior=prior, rng=0)
    spheres = gmix.fit(x, start=fit.mixture, covariance="EII")
    np.testing.assert_allclose(fit.mixture.means, spheres.mixture.means, atol=1e-3)


def test_one_column_gets_a_prior_of_finite_weight() -> None:
    fit = gmix.fit(np.random.default_rng(0).normal(size=(50, 1)), 1)
    assert gmix.Shrinkage.oas(fit).rows == pytest.approx(999 * 50, rel=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_the_log_posterior_is_the_likelihood_plus_the_density_of_the_prior(few: Array, structure: Structure) -> None:
    x, prior = few[:, :3], gmix.Shrinkage(0.7, 9.0)
    fit = gmix.fit(x, 2, covariance=structure, prior=prior, rng=0)
    dense = fit.mixture.covariances[:1] if structure.shared else fit.mixture.covariances
    log_prior = -4.5 * sum(np.linalg.slogdet(a)[1] + 0.7 * np.trace(np.linalg.inv(a)) for a in dense)
    assert fit.log_posterior == pytest.approx(fit.log_likelihood + log_prior, rel=1e-10)


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "VEV"])
def test_no_rows_are_no_prior(few: Array, structure: str) -> None:
    x = few[:, :3]
    plain = gmix.fit(x, 2, covariance=structure, rng=0)
    fit = gmix.fit(x, 2, covariance=structure, prior=gmix.Shrinkage(5.0, 0.0), rng=0)
    assert fit.log_posterior == pytest.approx(fit.log_likelihood, rel=1e-14)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-9)


def test_it_helps_where_rows_are_few(few: Array) -> None:
    first = gmix.fit(few[::2], 2, covariance="tied", rng=0)
    free = gmix.fit(few[::2], 2, covariance="full", prior=gmix.Shrinkage.oas(first), rng=0)
    assert free.mixture.log_density(few[1::2]).mean() > first.mixture.log_density(few[1::2]).mean() + 1.0


def test_a_common_factor_of_all_columns_and_a_rotation_change_nothing(few: Array) -> None:
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 20)))[0]
    start = np.repeat([0, 1], 30)
    fits = []
    for x in (few, 1e6 * few @ turn):
        prior = gmix.Shrinkage.oas(gmix.fit(x, start=start, covariance="tied"))
        fits.append(gmix.fit(x, start=start, covariance="full", prior=prior))
    one, other = fits[0].mixture, fits[1].mixture
    assert fits[1].prior.rows == pytest.approx(fits[0].prior.rows, rel=1e-9)
    np.testing.assert_allclose(other.means, 1e6 * one.means @ turn, rtol=1e-7, atol=1e-3)
    np.testing.assert_allclose(other.covariances, 1e12 * turn.T @ one.covariances @ turn, rtol=1e-6, atol=1e4)


def test_factor_models_refuse_it(few: Array) -> None:
    with pytest.raises(gmix.ParameterError, match="no prior of covariances is known for factor models"):
        gmix.fit(few, 2, covariance="factors:1", prior=gmix.Shrinkage(1.0, 5.0), rng=0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0.0, 5.0), "variance is 0.0; give one number or one per column"),
        (([[1.0]], 5.0), "variance is"),
        ((1.0, -1.0), "rows is -1.0"),
        ((np.nan, 1.0), "not finite"),
    ],
)
def test_wrong_parameters_are_named(arguments: tuple[object, float], words: str) -> None:
    with pytest.raises(gmix.ParameterError, match=words):
        gmix.Shrinkage(*arguments)  # type: ignore[arg-type]


def test_variances_of_another_number_of_columns_are_refused(few: Array) -> None:
    with pytest.raises(gmix.ParameterError, match=r"variance has shape \(3,\); with 20 columns"):
        gmix.fit(few, 2, covariance="full", prior=gmix.Shrinkage([1.0, 2.0, 3.0], 5.0), rng=0)
