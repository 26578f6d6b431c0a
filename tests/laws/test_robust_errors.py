"""Weights that are not counts: robust standard errors, and weights that are divided by a number."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import Dirichlet, GaussianMixture, NormalInverseWishart
from gmix.model.covariance import DIRECT, STRUCTURES, Structure

Array = NDArray[np.float64]
EVERY = [*STRUCTURES, *(s.with_equal_weights for s in DIRECT)]
PARTS = ("weights", "means", "covariances")


def assert_close(found: gmix.StandardErrors, expected: gmix.StandardErrors, tolerance: float) -> None:
    for part in PARTS:
        np.testing.assert_allclose(getattr(found, part), getattr(expected, part), rtol=tolerance, atol=1e-12)


def test_robust_errors_of_one_gaussian_are_those_of_the_textbook(points: Array) -> None:
    x, weight = points[:, :1], np.random.default_rng(0).exponential(size=len(points))
    fit = gmix.fit(x, 1, covariance="full", sample_weight=weight)
    errors = gmix.standard_errors(fit, x, sample_weight=weight, robust=True)
    deviation = (x - fit.mixture.means[0])[:, 0]
    np.testing.assert_allclose(errors.means[0, 0], np.linalg.norm(weight * deviation) / weight.sum(), rtol=1e-5)
    squares = weight * (deviation**2 - fit.mixture.covariances[0, 0, 0])
    np.testing.assert_allclose(errors.covariances[0, 0, 0], np.linalg.norm(squares) / weight.sum(), rtol=1e-5)


@pytest.mark.parametrize("structure", EVERY, ids=repr)
def test_robust_errors_do_not_depend_on_the_scale_of_the_weights_nor_on_ignored_rows(
    points: Array, structure: Structure
) -> None:
    weight = np.linspace(0.5, 1.5, len(points))
    weight[::9] = 0.0

    def robust(rows: Array, weight: Array) -> gmix.StandardErrors:
        fit = gmix.fit(rows, covariance=structure, start=start, sample_weight=weight, tolerance=1e-13)
        return gmix.standard_errors(fit, rows, sample_weight=weight, robust=True)

    start = gmix.fit(points, 2, covariance=structure, sample_weight=weight, rng=0).mixture
    expected = robust(points, weight)
    assert np.isfinite(expected.means).all()
    assert_close(robust(np.where(weight[:, None] > 0, points, 1e9), weight), expected, 1e-4)
    assert_close(robust(points, 1e-3 * weight), expected, 1e-4)


def test_robust_errors_are_the_spread_of_the_estimates_and_the_others_are_that_of_effective_weights() -> None:
    truth = GaussianMixture([0.6, 0.4], [[0.0], [6.0]], [[[2.0]], [[0.6]]])
    found, robust, effective = [], [], []
    for seed in range(200):
        x, weight = truth.sample(300, rng=seed), np.random.default_rng([seed, 1]).exponential(size=300)
        weight *= weight.sum() / (weight @ weight)  # they now sum to Kish's effective number of rows
        fit = gmix.fit(x, start=truth, sample_weight=weight)
        found.append(np.append(fit.mixture.weights[:1], fit.mixture.means))
        for kept, is_robust in ((robust, True), (effective, False)):
            errors = gmix.standard_errors(fit, x, sample_weight=weight, robust=is_robust)
            kept.append(np.append(errors.weights[:1], errors.means))
    spread = np.std(found, 0)
    np.testing.assert_allclose(np.mean(robust, 0), spread, rtol=0.12)
    np.testing.assert_allclose(np.mean(effective, 0), spread, rtol=0.12)


def test_robust_errors_are_near_the_others_if_the_rows_are_draws_from_a_mixture() -> None:
    for prior in (None, NormalInverseWishart() + Dirichlet(5.0)):
        rows = GaussianMixture([0.6, 0.4], [[0.0, 0.0], [7.0, 2.0]], [np.eye(2), 2.0 * np.eye(2)]).sample(8000, rng=1)
        fit = gmix.fit(rows, 2, covariance="full", prior=prior, rng=0)
        plain, robust = (gmix.standard_errors(fit, rows, robust=is_robust) for is_robust in (False, True))
        assert_close(robust, plain, 0.1)
        blocks = [rows[:700], rows[700:]]
        assert_close(gmix.standard_errors(fit, blocks, robust=True), robust, 1e-6)


def test_robust_errors_of_a_cluster_say_what_to_do(points: Array) -> None:
    array = pytest.importorskip("dask.array")
    fit = gmix.fit(points, 1, covariance="full")
    with pytest.raises(gmix.DataError, match="robust standard errors need rows that this process reads"):
        gmix.standard_errors(fit, array.from_array(points), robust=True)


def test_weights_of_another_sum_give_the_same_mixture_and_the_criteria_of_another_number_of_rows(
    points: Array, labels: NDArray[np.intp]
) -> None:
    weight, n = 7.0 * np.linspace(0.5, 1.5, len(points)), len(points)
    plain, scaled = (
        gmix.fit(points, covariance="full", start=labels, sample_weight=factor * weight, tolerance=1e-12)
        for factor in (1.0, n / weight.sum())
    )
    for part in PARTS:
        np.testing.assert_allclose(getattr(scaled.mixture, part), getattr(plain.mixture, part), rtol=1e-8, atol=1e-9)
    assert scaled.mass == pytest.approx(n)
    expected = plain.n_parameters * np.log(n) - 2.0 * n / plain.mass * plain.log_likelihood
    assert scaled.bic == pytest.approx(expected, rel=1e-10)
    divided = gmix.criteria.criteria(plain.mixture, plain.statistics * (n / plain.mass))
    assert divided == pytest.approx(scaled.criteria, rel=1e-9)
