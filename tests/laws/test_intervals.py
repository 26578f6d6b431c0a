"""Bootstrap intervals: percentiles, and those corrected for bias and skewness."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

import gmix
from gmix import GaussianMixture
from gmix.fitting.result import in_independent_columns
from gmix.inference.intervals import acceleration, bca_levels
from gmix.sources import MemorySource

Array = NDArray[np.float64]
TWO = GaussianMixture([0.3, 0.7], [[0.0, 0.0], [4.0, 1.0]], [np.eye(2), [[2.0, 0.6], [0.6, 0.5]]])


def sixth_of_skewness(influence: Array) -> Array:
    centered = influence - influence.mean(0)
    return (centered**3).sum(0) / (centered**2).sum(0) ** 1.5 / 6.0


def test_the_acceleration_of_one_gaussian_is_the_skewness_of_its_textbook_influence() -> None:
    x = 1e8 + np.random.default_rng(0).gamma(2.0, size=(60, 2))
    fit = gmix.fit(x, 1, covariance="full")
    of_weights, of_means, of_covariances = acceleration(fit, MemorySource(x), None)
    z = x - fit.mixture.means
    np.testing.assert_allclose(of_means[0], sixth_of_skewness(z), rtol=1e-5)
    np.testing.assert_allclose(of_covariances[0], sixth_of_skewness(z[:, :, None] * z[:, None]), rtol=1e-5)
    np.testing.assert_array_equal(of_weights, [0.0])


def test_the_acceleration_is_close_to_that_of_the_jackknife() -> None:
    x = TWO.sample(150, rng=2)
    fit = gmix.fit(x, start=TWO, tolerance=1e-12)
    left_out = [gmix.fit(np.delete(x, i, 0), start=fit.mixture, tolerance=1e-12).mixture for i in range(len(x))]
    found = acceleration(fit, MemorySource(x), None)
    for part, values in zip(("weights", "means", "covariances"), found, strict=True):
        jackknife = sixth_of_skewness(-np.array([getattr(mixture, part) for mixture in left_out]))
        np.testing.assert_allclose(values, jackknife, atol=0.005)
    assert np.abs(found[2]).max() > 0.03


def test_a_row_of_weight_two_accelerates_as_two_rows_and_a_dependent_column_as_its_source() -> None:
    x, weight = TWO.sample(90, rng=3), np.tile([1.0, 2.0, 3.0], 30)
    weighted = gmix.fit(x, start=TWO, sample_weight=weight, tolerance=1e-12)
    copies = np.repeat(x, weight.astype(int), axis=0)
    expected = acceleration(gmix.fit(copies, start=TWO, tolerance=1e-12), MemorySource(copies), None)
    for one, other in zip(acceleration(weighted, MemorySource(x, sample_weight=weight), None), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    doubled = np.column_stack([x[:, 0], 2.0 * x[:, 0], x[:, 1]])
    fit = gmix.fit(doubled, [1, 2], covariance="full", rng=0)
    dependence = fit.mixture.dependence
    assert dependence is not None
    source = MemorySource(doubled[:, dependence.independent])
    _, means, covariances = acceleration(in_independent_columns(fit), source, dependence)
    np.testing.assert_allclose(means[:, 0], means[:, 1], rtol=1e-9)
    np.testing.assert_allclose(covariances[:, 0, 0], covariances[:, 1, 1], rtol=1e-9)


def test_levels_follow_the_formula() -> None:
    rng = np.random.default_rng(0)
    replicates = rng.normal(size=(1000, 3))
    estimate = np.quantile(replicates, 0.3, axis=0, method="inverted_cdf") + 1e-9
    z, (low, high) = norm.ppf(0.3), norm.ppf([0.05, 0.95])
    found = bca_levels(replicates, estimate, np.array([0.0, 0.1, -0.1]), 0.9)
    for j, a in enumerate((0.0, 0.1, -0.1)):
        expected = [norm.cdf(z + (z + end) / (1.0 - a * (z + end))) for end in (low, high)]
        np.testing.assert_allclose(found[:, j], expected, rtol=1e-9)
    still = bca_levels(np.ones((10, 1)), np.ones(1), np.zeros(1), 0.9)  # a parameter that is frozen
    np.testing.assert_allclose(still[:, 0], [0.05, 0.95])


def test_percentile_intervals_are_quantiles_and_bca_moves_those_of_a_variance_up() -> None:
    x = GaussianMixture([1.0], [[0.0]], [[[1.0]]]).sample(40, rng=1)
    fit = gmix.fit(x, 1)
    replicates = gmix.bootstrap(fit, x, kind="rows", replicates=400, rng=0)
    plain, corrected = replicates.interval(0.9), replicates.interval(0.9, kind="bca")
    np.testing.assert_allclose(plain.means, np.quantile(replicates.means, [0.05, 0.95], axis=0), rtol=1e-12)
    np.testing.assert_allclose(plain.covariances, np.quantile(replicates.covariances, [0.05, 0.95], axis=0), rtol=1e-12)
    assert (corrected.covariances > plain.covariances).all()
    assert corrected.weights.tolist() == [[1.0], [1.0]]
    shifted = gmix.fit(7.0 - 100.0 * x, 1)  # turned, scaled and shifted
    other = gmix.bootstrap(shifted, 7.0 - 100.0 * x, kind="rows", replicates=400, rng=0).interval(0.9, kind="bca")
    np.testing.assert_allclose(other.means, 7.0 - 100.0 * corrected.means[::-1], rtol=1e-3)
    np.testing.assert_allclose(other.covariances, 1e4 * corrected.covariances, rtol=1e-3)


def test_wrong_arguments_say_what_to_do() -> None:
    x = TWO.sample(60, rng=0)
    replicates = gmix.bootstrap(gmix.fit(x, 1), x, replicates=3, rng=0)
    with pytest.raises(gmix.ParameterError, match="BCa intervals need replicates of kind='rows' or 'parametric'"):
        replicates.interval(kind="bca")
    with pytest.raises(gmix.ParameterError, match="kind 'bc' is not known"):
        replicates.interval(kind="bc")
    with pytest.raises(gmix.ParameterError, match="level is 95"):
        replicates.interval(95)


def test_rows_of_heavy_tails_need_the_sandwich() -> None:
    plain, robust, found = [], [], []
    for seed in range(100):
        x = np.random.default_rng(seed).standard_t(4, size=(320, 1))
        fit = gmix.fit(x, 1)
        found.append(float(np.sqrt(fit.mixture.covariances[0, 0, 0])))
        for kept, is_robust in ((plain, False), (robust, True)):
            kept.append(gmix.standard_errors(fit, x, robust=is_robust).covariances[0, 0, 0] / (2.0 * found[-1]))
    assert np.median(plain) == pytest.approx(0.056, abs=0.003)
    assert np.median(robust) == pytest.approx(0.09, abs=0.01)
    held = [np.mean(np.abs(np.array(found) - np.sqrt(2.0)) < 1.96 * np.array(errors)) for errors in (plain, robust)]
    assert held[0] < 0.75
    assert held[1] > 0.8
