"""Rosenblatt's transformation makes draws uniform, and its inverse makes uniform numbers draws."""

from __future__ import annotations

import numpy as np
import pytest
from random_mixtures import each_structure, random_mixture
from scipy.stats import kstest

import gmix
from gmix import DataError, GaussianMixture, ParameterError


@pytest.mark.parametrize("mixture", each_structure(3), ids=lambda m: m.structure.code)
def test_draws_become_uniform_and_independent(mixture: GaussianMixture) -> None:
    u = mixture.rosenblatt(mixture.sample(2_000, rng=1))
    assert min(kstest(u[:, j], "uniform").pvalue for j in range(3)) > 1e-3
    assert np.abs(np.corrcoef(u.T) - np.eye(3)).max() < 0.1


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_the_inverse_returns_the_points(scale: float) -> None:
    mixture = random_mixture(2, 3, 3, scale=scale)
    x = mixture.sample(200, rng=1)
    np.testing.assert_allclose(mixture.inverse_rosenblatt(mixture.rosenblatt(x)) / scale, x / scale, atol=1e-7)


def test_the_first_column_is_the_marginal_and_the_second_the_conditional() -> None:
    mixture, x = random_mixture(4), np.array([[0.3, -1.2], [2.0, 4.0]])
    u = mixture.rosenblatt(x)
    np.testing.assert_allclose(u[:, 0], mixture.marginal(0).cdf(x[:, 0]), rtol=1e-12)
    for point, found in zip(x, u[:, 1], strict=True):
        np.testing.assert_allclose(found, mixture.condition({0: point[0]}).cdf(point[1:]), rtol=1e-10)
    quantiles = mixture.inverse_rosenblatt([[0.2, 0.9]])[0]
    assert quantiles[0] == pytest.approx(mixture.marginal(0).quantile(0.2), rel=1e-12)
    assert quantiles[1] == pytest.approx(mixture.condition({0: quantiles[0]}).quantile(0.9), rel=1e-9)


def test_a_background_is_a_component_as_any_other() -> None:
    plain = random_mixture(6)
    box = gmix.Background(0.3, [-6.0, -5.0], [6.0, 7.0])
    mixture = GaussianMixture(0.7 * plain.weights, plain.means, plain.covariances, background=box)
    x = mixture.sample(2_000, rng=0)
    u = mixture.rosenblatt(x)
    assert min(kstest(u[:, j], "uniform").pvalue for j in range(2)) > 1e-3
    np.testing.assert_allclose(mixture.inverse_rosenblatt(u[:200]), x[:200], atol=1e-7)
    assert mixture.stratified_sample(500, rng=1).shape == (500, 2)


def test_extreme_points_and_probabilities_give_numbers() -> None:
    mixture = random_mixture(1, n_features=3)
    assert np.isfinite(mixture.rosenblatt([[1e9, -1e9, 0.0], [-1e200, 0.0, 1e200]])).all()
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1e-300]])
    assert np.isfinite(mixture.inverse_rosenblatt(corners)).all()
    one = random_mixture(1, n_features=1)
    shares = np.array([0.0, 1e-300, 0.3, 1.0])
    np.testing.assert_allclose(one.inverse_rosenblatt(shares[:, None])[:, 0], one.quantile(shares), rtol=1e-12)


def test_the_quantile_between_two_distant_components_is_that_of_one_column() -> None:
    apart = GaussianMixture([0.5, 0.5], [[0.0], [10.0]], [[[1.0]], [[1e-4]]])
    shares = np.array([0.25, 0.5, 0.5 + 1e-15, 0.75])
    np.testing.assert_allclose(
        apart.inverse_rosenblatt(shares[:, None])[:, 0], apart.quantile(shares), rtol=1e-9, atol=1e-15
    )


def test_stratified_and_quasi_random_samples_have_the_distribution_and_smaller_errors() -> None:
    mixture = random_mixture(3, spread=5.0)
    spread = np.sqrt(np.diagonal(mixture.covariance))
    errors = {
        name: np.sqrt(np.mean([((draw(256, rng=i).mean(0) - mixture.mean) / spread) ** 2 for i in range(20)]))
        for name, draw in (
            ("independent", mixture.sample),
            ("stratified", mixture.stratified_sample),
            ("quasi", mixture.quasi_random_sample),
        )
    }
    assert errors["stratified"] < 0.7 * errors["independent"]
    assert errors["quasi"] < 0.3 * errors["independent"]
    u = mixture.rosenblatt(mixture.stratified_sample(2_000, rng=1))
    assert min(kstest(u[:, j], "uniform").pvalue for j in range(2)) > 1e-3
    np.testing.assert_array_equal(mixture.quasi_random_sample(9, rng=3), mixture.quasi_random_sample(9, rng=3))
    np.testing.assert_array_equal(mixture.stratified_sample(9, rng=3), mixture.stratified_sample(9, rng=3))
    assert mixture.quasi_random_sample(0).shape == mixture.stratified_sample(0).shape == (0, 2)


def test_wrong_numbers_are_errors_with_a_remedy() -> None:
    mixture = random_mixture(0)
    with pytest.raises(ParameterError, match="outside the interval from 0 to 1"):
        mixture.inverse_rosenblatt([[0.5, 1.5]])
    with pytest.raises(ParameterError, match=r"u has shape \(2,\); give points of the unit cube, \(N, 2\)"):
        mixture.inverse_rosenblatt([0.5, 0.5])
    with pytest.raises(DataError, match="hold NaN, and rosenblatt needs all cells"):
        mixture.rosenblatt([[np.nan, 1.0]])
    with pytest.raises(ParameterError, match="n is -1; give the number of points"):
        mixture.quasi_random_sample(-1)
