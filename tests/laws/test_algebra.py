"""Products, convolutions, mixtures of mixtures and reductions are mixtures, and agree with their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from random_mixtures import each_structure, random_mixture

import gmix
from gmix import GaussianMixture, ParameterError

MIXTURES = each_structure()
X = np.random.default_rng(0).standard_normal((20, 2)) * 2.0


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda m: m.structure.code)
def test_the_density_of_a_product_is_the_product_of_densities(mixture: GaussianMixture) -> None:
    for other in (random_mixture(30), MIXTURES[5]):
        product, constant = mixture.product(other), mixture.log_product_integral(other)
        together = mixture.log_density(X) + other.log_density(X)
        np.testing.assert_allclose(product.log_density(X) + constant, together, rtol=1e-8, atol=1e-8)
        assert other.log_product_integral(mixture) == pytest.approx(constant, rel=1e-10)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_a_product_of_far_and_of_narrow_mixtures_keeps_its_digits(scale: float) -> None:
    first, second = random_mixture(1, scale=scale), random_mixture(2, scale=1e-6 * scale)
    product = first.product(second)
    x = second.sample(5, rng=0)
    together = first.log_density(x) + second.log_density(x) - first.log_product_integral(second)
    np.testing.assert_allclose(product.log_density(x), together, rtol=1e-6, atol=1e-5)
    far = first.product(first.affine(np.eye(2), [1e4 * scale, 0.0]))
    assert np.isfinite(far.means).all()
    assert far.weights.sum() == pytest.approx(1.0)
    r = 1.0 - 1e-10
    narrow = GaussianMixture([1.0], [[0.0, 0.0]], [scale**2 * np.array([[1.0, r], [r, 1.0]])])
    np.testing.assert_allclose(narrow.product(narrow).covariances, narrow.covariances / 2.0, rtol=1e-9)


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda m: m.structure.code)
def test_convolution_adds_moments_and_is_the_distribution_of_a_sum(mixture: GaussianMixture) -> None:
    other = random_mixture(31)
    total = mixture.convolve(other)
    np.testing.assert_allclose(total.mean, mixture.mean + other.mean, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(total.covariance, mixture.covariance + other.covariance, rtol=1e-10)
    # p(x) is the mean of the density of one part at x less a draw from the other.
    draws = other.quasi_random_sample(4096, rng=1)
    expected = [mixture.density(x - draws).mean() for x in X[:3]]
    np.testing.assert_allclose(total.density(X[:3]), expected, rtol=0.02)
    noise = np.array([[0.5, 0.2], [0.2, 0.3]])
    single = GaussianMixture([1.0], [[0.0, 0.0]], [noise])
    np.testing.assert_allclose(
        mixture.convolve(noise).log_density(X), mixture.convolve(single).log_density(X), rtol=1e-12
    )
    assert mixture.convolve(np.eye(2)).structure.form.axis_aligned == mixture.structure.form.axis_aligned


def test_a_mixture_of_mixtures_has_the_weighted_density() -> None:
    for first, second in zip(MIXTURES, MIXTURES[::-1], strict=True):
        both = gmix.mix([first, second], [0.3, 0.7])
        np.testing.assert_allclose(
            both.density(X), 0.3 * first.density(X) + 0.7 * second.density(X), rtol=1e-10, atol=1e-300
        )
    assert gmix.mix(MIXTURES[:1], [1.0]).structure.form.axis_aligned


def test_backgrounds_in_the_same_box_become_one() -> None:
    plain = random_mixture(2)
    a, b = (
        GaussianMixture((1 - w) * plain.weights, plain.means, plain.covariances,
                        background=gmix.Background(w, [-5.0, -5.0], [5.0, 5.0]))
        for w in (0.1, 0.3)
    )  # fmt: skip
    both = gmix.mix([a, b, plain], [0.5, 0.25, 0.25])
    assert both.background is not None
    assert both.background.weight == pytest.approx(0.125)
    expected = 0.5 * a.density(X) + 0.25 * b.density(X) + 0.25 * plain.density(X)
    np.testing.assert_allclose(both.density(X), expected, rtol=1e-10)
    reduced = both.reduce(2).mixture
    assert reduced.background.weight == pytest.approx(0.125)
    np.testing.assert_allclose(reduced.covariance, both.covariance, rtol=1e-10)


@pytest.mark.parametrize("mixture", [gmix.mix(MIXTURES[i : i + 3], [0.2, 0.3, 0.5]) for i in (0, 5, 11)])
def test_a_reduction_keeps_the_moments_and_loses_at_most_its_bound(mixture: GaussianMixture) -> None:
    before, draws = 0.0, mixture.sample(4_000, rng=0)
    for k in range(mixture.n_components, 0, -1):
        reduced, lost, groups = mixture.reduce(k)
        assert reduced.n_components == k
        assert sorted(set(groups)) == list(range(k))
        assert lost >= before
        before = lost
        np.testing.assert_allclose(reduced.mean, mixture.mean, rtol=1e-9)
        np.testing.assert_allclose(reduced.covariance, mixture.covariance, rtol=1e-9)
        ratios = mixture.log_density(draws) - reduced.log_density(draws)
        assert ratios.mean() <= lost + 4.0 * ratios.std() / np.sqrt(len(draws)) + 1e-12
        for g in range(k):
            assert reduced.weights[g] == pytest.approx(mixture.weights[groups == g].sum())
    assert mixture.reduce(mixture.n_components).lost == 0.0


def test_merging_two_halves_of_a_component_loses_nothing() -> None:
    plain = random_mixture(7)
    split = gmix.mix([plain, plain], [0.4, 0.6])
    reduced, lost, _ = split.reduce(3)
    assert lost == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(reduced.log_density(X), plain.log_density(X), rtol=1e-10)
    for scale in (1e-8, 1e8):
        other = random_mixture(7, scale=scale)
        assert other.reduce(1).lost == pytest.approx(plain.reduce(1).lost, rel=1e-8)


def test_what_cannot_be_combined_is_an_error_with_a_remedy() -> None:
    mixture, three = random_mixture(0), random_mixture(0, n_features=3)
    box = gmix.Background(0.2, [0.0, 0.0], [1.0, 1.0])
    noisy = GaussianMixture(0.8 * mixture.weights, mixture.means, mixture.covariances, background=box)
    other = noisy.affine([[2.0, 0.0], [0.0, 2.0]])
    for call, message in (
        (lambda: mixture.product(three), "product needs mixtures of the same columns, and these have 2 and 3"),
        (lambda: mixture.product(noisy), "this mixture has a background; take mixture.without_background"),
        (lambda: mixture.product(1.0), "product needs another mixture, not a float"),
        (lambda: mixture.convolve([[1.0, 2.0], [2.0, 1.0]]), "noise has the negative eigenvalue -1"),
        (lambda: mixture.convolve([[1.0, 2.0], [1.0, 1.0]]), "noise is not symmetric, by 1"),
        (lambda: mixture.convolve([1.0]), r"noise has shape \(1,\); give a covariance \(2, 2\)"),
        (lambda: mixture.reduce(4), "n_components is 4; give a number from 1 to 3"),
        (lambda: gmix.mix([mixture, three], [0.5, 0.5]), "mixture 1 has the columns"),
        (lambda: gmix.mix([mixture], [0.5]), r"weights \[0.5\] sum to 0.5; give"),
        (lambda: gmix.mix([mixture, mixture], [1.0]), "give one for each of the 2 mixtures"),
        (lambda: gmix.mix([noisy, other], [0.5, 0.5]), "different backgrounds"),
        (lambda: gmix.mix([], []), "give at least one"),
    ):
        with pytest.raises(ParameterError, match=message):
            call()
