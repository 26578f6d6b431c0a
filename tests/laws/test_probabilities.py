"""Probabilities of points and boxes agree with closed forms, quadrature and SciPy, with the stated error."""

from __future__ import annotations

import numpy as np
import pytest
from random_mixtures import each_structure, random_mixture
from scipy.integrate import simpson
from scipy.stats import multivariate_normal, norm

import gmix
from gmix import DataError, GaussianMixture, ParameterError


def correlated(r: float, scale: float = 1.0) -> GaussianMixture:
    return GaussianMixture([1.0], [[0.0, 0.0]], [scale**2 * np.array([[1.0, r], [r, 1.0]])])


@pytest.mark.parametrize("mixture", each_structure(), ids=lambda m: m.structure.code)
def test_a_box_of_two_columns_is_the_integral_of_the_density(mixture: GaussianMixture) -> None:
    low, high = np.array([-1.0, -0.5]), np.array([1.5, 2.0])
    nodes, weights = np.polynomial.legendre.leggauss(80)
    x, y = (a + (b - a) * (nodes + 1.0) / 2.0 for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    integral = mixture.density(grid) @ np.outer(weights, weights).ravel() * np.prod((high - low) / 2.0)
    found = mixture.box_probability(low, high)
    assert found.value[0] == pytest.approx(integral, rel=1e-8)
    assert found.error.tolist() == [0.0]


@pytest.mark.parametrize("mixture", each_structure(3)[::3], ids=lambda m: m.structure.code)
def test_probabilities_of_three_columns_agree_with_scipy_within_their_error(mixture: GaussianMixture) -> None:
    points = mixture.sample(4, rng=0)
    expected = sum(
        w * multivariate_normal.cdf(points, mean, covariance, maxpts=200_000, abseps=1e-7, releps=1e-7)
        for w, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    )
    found = mixture.box_probability(-np.inf, points)
    assert (np.abs(found.value - expected) <= 5.0 * found.error + 1e-5 * expected).all()
    assert (found.error <= 2e-4).all()
    np.testing.assert_array_equal(mixture.cdf(points), found.value)


@pytest.mark.parametrize("r", [0.5, -0.9, 0.999999, 1.0 - 1e-10, -(1.0 - 1e-10)])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_the_probability_of_a_quadrant_is_that_of_the_closed_form(r: float, scale: float) -> None:
    exact = 0.25 + np.arcsin(r) / (2.0 * np.pi)
    np.testing.assert_allclose(correlated(r, scale).cdf([[0.0, 0.0]]), exact, rtol=1e-7, atol=1e-11)


def test_three_columns_of_which_two_are_almost_the_same_have_an_honest_error() -> None:
    r = 1.0 - 1e-10
    three = GaussianMixture([1.0], [np.zeros(3)], [[[1.0, r, 0.3], [r, 1.0, 0.3], [0.3, 0.3, 1.0]]])
    for signs, exact in (([1.0, 1.0, 0.0], 0.25 + np.arcsin(r) / (2 * np.pi)), ([1.0, -1.0, 0.0], 2.2507908e-6)):
        corner = np.array(signs)
        high = np.where(corner > 0, 0.0, np.inf)
        low = np.where(corner < 0, 0.0, -np.inf)
        found = three.box_probability(low, high)
        assert abs(found.value[0] - exact) <= 3.0 * found.error[0]
        assert found.error[0] < 1e-4


def test_probabilities_in_far_tails_keep_their_digits() -> None:
    tail = correlated(0.5).box_probability([[20.0, 20.0], [-np.inf, -np.inf]], [[np.inf, np.inf], [-20.0, -20.0]])
    x = np.linspace(20.0, 22.5, 20_001)
    integrand = norm.pdf(x) * norm.sf((20.0 - 0.5 * x) / np.sqrt(0.75))
    np.testing.assert_allclose(tail.value, simpson(integrand, x=x), rtol=1e-10)
    far = random_mixture(1, n_features=3).box_probability([1e3] * 3, [np.inf] * 3)
    assert far.value.tolist() == [0.0]
    diagonal = GaussianMixture([1.0], [np.zeros(3)], [np.ones(3)], "diag")
    product = diagonal.box_probability([9.0, 9.0, 9.0], np.inf)
    np.testing.assert_allclose(product.value, diagonal.marginal(0).sf([9.0]) ** 3, rtol=1e-13)
    narrow = diagonal.box_probability([5.0, 0.0, 0.0], [5.0 + 1e-9, 1e-9, 1e-9])
    np.testing.assert_allclose(narrow.value, diagonal.density([[5.0, 0.0, 0.0]]) * 1e-27, rtol=1e-6)


def test_boxes_that_cover_the_space_add_up_to_one() -> None:
    mixture, cut = random_mixture(3, n_features=3), 0.3
    ends = [(-np.inf, cut), (cut, np.inf)]
    corners = np.array([[a, b, c] for a in ends for b in ends for c in ends])
    found = mixture.box_probability(corners[..., 0], corners[..., 1])
    assert found.value.sum() == pytest.approx(1.0, abs=4.0 * np.linalg.norm(found.error))


def test_a_background_adds_its_share_of_the_box() -> None:
    plain = random_mixture(5)
    mixture = GaussianMixture(
        0.8 * plain.weights, plain.means, plain.covariances, background=gmix.Background(0.2, [0.0, 0.0], [4.0, 2.0])
    )
    low, high = [1.0, -9.0], [3.0, 1.0]
    expected = 0.8 * plain.box_probability(low, high).value + 0.2 * 0.5 * 0.5
    np.testing.assert_allclose(mixture.box_probability(low, high).value, expected, rtol=1e-12)


def test_densities_of_one_column_are_those_of_the_mixture_inside_and_outside_a_background() -> None:
    mixture = GaussianMixture(
        [0.5, 0.3], [[0.0], [3.0]], [[[1.0]], [[0.25]]], background=gmix.Background(0.2, [-1.0], [5.0])
    )
    x = np.linspace(-4.0, 8.0, 101)
    np.testing.assert_allclose(mixture._univariate("a test").density(x), mixture.density(x[:, None]), rtol=1e-12)


def test_wrong_boxes_are_errors_with_a_remedy() -> None:
    mixture = random_mixture(0)
    with pytest.raises(ParameterError, match="box 0 has low 1 above high 0 in column 1; exchange"):
        mixture.box_probability([0.0, 1.0], [1.0, 0.0])
    with pytest.raises(ParameterError, match="box 1 has low 1 above high 0 in column 0; exchange"):
        mixture.box_probability([[0.0, 0.0], [1.0, 0.0]], [0.0, 1.0])  # the first box has no width
    with pytest.raises(ParameterError, match=r"low has shape \(3,\).*\(N, 2\)"):
        mixture.box_probability([0.0, 1.0, 2.0], 5.0)
    with pytest.raises(DataError, match="corner of a box is NaN"):
        mixture.box_probability([0.0, np.nan], 5.0)
    with pytest.raises(DataError, match="hold NaN, and cdf needs all cells"):
        mixture.cdf([[0.0, np.nan]])
    with pytest.raises(ParameterError, match="tolerance is 0; give a number above zero"):
        mixture.box_probability(0.0, 1.0, tolerance=0)
