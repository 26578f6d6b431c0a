"""Overlap, Mahalanobis distances, skewness and kurtosis agree with closed forms and draws."""

from __future__ import annotations

import numpy as np
import pytest
from random_mixtures import each_structure, random_mixture
from scipy.special import ndtr
from scipy.stats import chi2, kurtosis, multivariate_normal, skew

import gmix
from gmix import DataError, GaussianMixture
from gmix.distribution.quadratic_forms import SumOfSquares

MIXTURES = each_structure(3)


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda m: m.structure.code)
def test_overlap_is_the_proportion_of_draws_that_look_like_another_component(mixture: GaussianMixture) -> None:
    overlap, n = mixture.overlap(), 20_000
    np.testing.assert_array_equal(np.diagonal(overlap), 1.0)
    for i in range(3):
        x = multivariate_normal(mixture.means[i], mixture.covariances[i]).rvs(n, random_state=i)
        logs = [
            np.log(w) + multivariate_normal(mean, covariance).logpdf(x)
            for w, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
        ]
        for j in range(3):
            if i != j:
                assert overlap[i, j] == pytest.approx((logs[j] > logs[i]).mean(), abs=4.0 * 0.5 / np.sqrt(n))


def test_overlap_of_equal_covariances_is_that_of_the_normal_distribution_also_in_far_tails() -> None:
    for distance, share in ((1.0, 0.5), (4.0, 0.2), (30.0, 0.7), (70.0, 0.5)):
        for scale in (1e-8, 1.0, 1e8):
            means = np.array([[0.0, 0.0], [distance, 0.0]]) * scale
            mixture = GaussianMixture([share, 1.0 - share], means, np.eye(2) * scale**2, "tied")
            log_ratio = np.log(share / (1.0 - share))
            exact = ndtr(-distance / 2.0 - np.array([1.0, -1.0]) * log_ratio / distance)
            found = mixture.overlap()
            np.testing.assert_allclose([found[0, 1], found[1, 0]], exact, rtol=1e-8)


def test_overlap_of_concentric_components_is_that_of_the_chi_squared_distribution() -> None:
    for d in (1, 2, 7):
        variance = 3.0
        mixture = GaussianMixture([0.5, 0.5], np.zeros((2, d)), np.array([1.0, variance]), "spherical")
        limit = d * np.log(variance) / (1.0 - 1.0 / variance)  # of the squared norm, where the densities are equal
        found = mixture.overlap()
        assert found[0, 1] == pytest.approx(chi2(d).sf(limit), rel=1e-9)
        assert found[1, 0] == pytest.approx(chi2(d).cdf(limit / variance), rel=1e-9)


def test_overlap_of_extreme_components_is_a_probability() -> None:
    r = 1.0 - 1e-10
    thin = np.array([[1.0, r], [r, 1.0]])
    mixture = GaussianMixture(
        [0.3, 0.3, 0.4, 0.0], [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], [thin, thin, 1e12 * np.eye(2), thin]
    )
    found = mixture.overlap()
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert found[:3, 3].tolist() == [0.0, 0.0, 0.0]
    assert found[0, 2] < 1e-9
    twins = GaussianMixture([0.4, 0.6], [[1.0], [1.0]], [[[2.0]], [[2.0]]])
    assert twins.overlap().tolist() == [[1.0, 1.0], [0.0, 1.0]]


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda m: m.structure.code)
def test_mahalanobis_distances_are_those_of_the_definition(mixture: GaussianMixture) -> None:
    x = mixture.sample(5, rng=0)
    steps = x[:, None] - mixture.means
    squares = np.einsum("nki,kij,nkj->nk", steps, np.linalg.inv(mixture.covariances), steps)
    found = mixture.mahalanobis(x)
    np.testing.assert_allclose(found**2, squares, rtol=1e-8)
    np.testing.assert_allclose(found.min(1), mixture.outlier_score(x).distance, rtol=1e-8)
    assert np.isfinite(mixture.mahalanobis([[1e160, 0.0, 0.0]])).all()
    with pytest.raises(DataError, match="mahalanobis needs all cells"):
        mixture.mahalanobis([[np.nan, 0.0, 0.0]])


@pytest.mark.parametrize("mixture", MIXTURES[::3], ids=lambda m: m.structure.code)
def test_skewness_and_kurtosis_are_the_integrals(mixture: GaussianMixture) -> None:
    for j in range(3):
        one = mixture.marginal(j)
        spread = np.sqrt(one.covariance[0, 0])
        x = np.linspace(one.mean[0] - 12.0 * spread, one.mean[0] + 12.0 * spread, 20_001)
        mass = one.density(x) * (x[1] - x[0])
        z = (x - one.mean[0]) / spread
        assert mixture.skewness()[j] == pytest.approx(mass @ z**3, abs=1e-8)
        assert mixture.kurtosis()[j] == pytest.approx(mass @ z**4 - 3.0, abs=1e-8)
    for scale in (1e-8, 1e8):
        scaled = mixture.affine(scale * np.eye(3))
        np.testing.assert_allclose(scaled.skewness(), mixture.skewness(), rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(scaled.kurtosis(), mixture.kurtosis(), rtol=1e-8, atol=1e-10)


def test_skewness_and_kurtosis_include_a_background() -> None:
    plain = random_mixture(2)
    box = gmix.Background(0.4, [-3.0, 0.0], [9.0, 11.0])
    mixture = GaussianMixture(0.6 * plain.weights, plain.means, plain.covariances, background=box)
    x = mixture.sample(200_000, rng=0)
    np.testing.assert_allclose(mixture.skewness(), skew(x), atol=0.03)
    np.testing.assert_allclose(mixture.kurtosis(), kurtosis(x), atol=0.05)


def test_columns_that_follow_from_others_are_answered_or_refused_with_the_remedy() -> None:
    rng = np.random.default_rng(0)
    two = rng.standard_normal((200, 2)) @ [[1.0, 0.4], [0.0, 0.7]]
    mixture = gmix.fit(np.column_stack([two, two @ [2.0, -1.0] + 3.0]), [1, 2], covariance="full", rng=0).mixture
    assert mixture.dependence is not None
    x = mixture.sample(6, rng=1)
    part = mixture.independent_part
    np.testing.assert_allclose(mixture.mahalanobis(x), part.mahalanobis(x[:, :2]))
    np.testing.assert_array_equal(mixture.overlap(), part.overlap())
    np.testing.assert_allclose(mixture.stratified_sample(6, rng=1) @ [2.0, -1.0, -1.0], -3.0, atol=1e-9)
    assert mixture.skewness().shape == mixture.kurtosis().shape == (3,)
    inside = mixture.in_highest_density_region(mixture.mean[None] + [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 0.9)
    assert inside.tolist() == [True, False]
    for call in (
        lambda: mixture.cdf(x), lambda: mixture.box_probability(0.0, 1.0), lambda: mixture.rosenblatt(x),
        lambda: mixture.inverse_rosenblatt([[0.5] * 3]), lambda: mixture.quasi_random_sample(3),
        lambda: mixture.product(mixture), lambda: mixture.convolve(np.eye(3)), lambda: mixture.reduce(1),
        lambda: gmix.mix([mixture], [1.0]), lambda: mixture.gradient(x), lambda: mixture.hessian(x), mixture.modes,
        mixture.entropy, lambda: mixture.kl_divergence(mixture), lambda: mixture.hellinger(mixture),
    ):  # fmt: skip
        with pytest.raises(gmix.ParameterError, match="columns of this mixture follow from others; take"):
            call()


@pytest.mark.parametrize(
    ("scale", "shift", "limits"),
    [
        (0.95, 3.0, [-100.0, -20.0, 5.0]), (1.2, 3.0, [-10.0, 8.0, 200.0]), (0.5, 3.0, [-60.0, 5.0]),
        (1.2, 0.0, [0.1, 3.0, 20.0]), (0.5, 0.0, [-20.0, -1.0, -0.1]),
    ],
)  # fmt: skip
def test_the_distribution_of_a_quadratic_form_of_one_variable_has_its_digits_in_both_tails(
    scale: float, shift: float, limits: list[float]
) -> None:
    a, half = scale**2 - 1.0, shift * scale
    for limit in limits:  # a z^2 + 2 half z + shift^2 is below the limit between or beyond its roots
        root = np.sqrt(half**2 - a * (shift**2 - limit))
        low, high = sorted([(-half - root) / a, (-half + root) / a])
        exact = ndtr(low) + ndtr(-high) if a < 0.0 else ndtr(high) - ndtr(low)
        [found] = SumOfSquares(np.array([[scale]]), np.array([[shift]])).below(np.array([limit]))
        assert found == pytest.approx(exact, rel=1e-11, abs=0.0)
