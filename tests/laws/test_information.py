"""Entropy and divergences lie within their bounds, and agree with quadrature and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from random_mixtures import each_structure, random_mixture
from scipy.optimize import minimize
from scipy.special import expit, xlogy
from scipy.stats import multivariate_normal

import gmix
from gmix import GaussianMixture, ParameterError
from gmix.distribution import BoundedEstimate
from gmix.distribution.divergence_bounds import _log_affinities
from gmix.distribution.normals import Normals, log_product_integrals

Array = NDArray[np.float64]
METHODS = ("kl_divergence", "jensen_shannon", "hellinger")


def by_quadrature(p: GaussianMixture, q: GaussianMixture) -> dict[str, float]:
    """The numbers of two mixtures of one column."""
    ends = [m.means[:, 0] + side * 14.0 * np.sqrt(m.covariances[:, 0, 0]) for m in (p, q) for side in (-1.0, 1.0)]
    x = np.linspace(np.concatenate(ends).min(), np.concatenate(ends).max(), 8_001)
    f, g, step = p.density(x), q.density(x), x[1] - x[0]
    ratio = p.log_density(x) - q.log_density(x)
    both = (f + g) / 2.0
    return {
        "entropy": -xlogy(f, f).sum() * step,
        "kl_divergence": (f * ratio).sum() * step,
        "jensen_shannon": (xlogy(f, f) / 2.0 + xlogy(g, g) / 2.0 - xlogy(both, both)).sum() * step,
        "hellinger": np.sqrt(max(1.0 - np.sqrt(f * g).sum() * step, 0.0)),
    }


def random_line(rng: np.random.Generator) -> GaussianMixture:
    k = int(rng.integers(1, 6))
    deviations = np.exp(rng.normal(size=k) * rng.choice([0.0, 0.3, 1.0]))
    means = rng.standard_normal((k, 1)) * rng.choice([0.3, 2.0, 6.0])
    return GaussianMixture(rng.dirichlet(np.full(k, rng.choice([0.5, 3.0]))), means, (deviations**2)[:, None, None])


def test_bounds_bracket_the_integral() -> None:
    rng = np.random.default_rng(0)
    for trial in range(20):
        p, q = random_line(rng), random_line(rng)
        if trial % 4 == 0:
            q = gmix.mix([p, q], [0.9, 0.1])
        exact = by_quadrature(p, q)
        found = {name: getattr(p, name)(q, draws=200) for name in METHODS} | {"entropy": p.entropy(draws=200)}
        for name, value in exact.items():
            tolerance = 1e-8 * (1.0 + abs(value))
            assert found[name].lower - tolerance <= value <= found[name].upper + tolerance, (trial, name, value)
            assert found[name].lower <= found[name].value <= found[name].upper


@pytest.mark.parametrize("seed", range(3))
def test_values_agree_with_quadrature_within_their_error(seed: int) -> None:
    p, q = random_mixture(seed, n_features=1), random_mixture(seed + 50, n_features=1)
    exact = by_quadrature(p, q)
    for name, value in exact.items():
        found = p.entropy() if name == "entropy" else getattr(p, name)(q)
        assert abs(found.value - value) <= 4.0 * found.error, name
        assert 0.0 < found.error < 0.2


def test_the_error_is_the_spread_of_values() -> None:
    p, q = random_line(np.random.default_rng(5)), random_line(np.random.default_rng(6))
    q = gmix.mix([p, q], [0.8, 0.2])
    for name in ("entropy", *METHODS):
        arguments = () if name == "entropy" else (q,)
        found = [getattr(p, name)(*arguments, draws=200, rng=seed) for seed in range(30)]
        spread, error = np.std([one.value for one in found]), np.mean([one.error for one in found])
        assert 0.4 * error < spread < 1.4 * error, name  # values beyond the bounds are moved to them


def test_bounds_are_close_in_one_column() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        p, q = random_line(rng), random_line(rng)
        exact = by_quadrature(p, q)
        assert p.kl_divergence(q, draws=2).lower > 0.95 * exact["kl_divergence"] - 1e-8
        assert p.hellinger(q, draws=2).lower > 0.95 * exact["hellinger"] - 1e-8


def test_the_upper_bound_of_the_distance_is_the_best_of_its_kind() -> None:
    """The bound is that of the best joint weights of pairs of components, found here by a general optimizer."""
    p = GaussianMixture([0.3, 0.7], [[0.0], [2.0]], [[[1.0]], [[2.0]]])
    q = GaussianMixture([0.6, 0.4], [[1.0], [2.2]], [[[1.5]], [[1.0]]])
    normals = [Normals.of(m.weights, m.means, m.covariances) for m in (p, q)]
    affinities = np.exp(_log_affinities(*normals))

    def negative_affinity(logits: Array) -> float:
        rows, columns = expit(logits[:2]), expit(logits[2:])
        phi = np.stack([rows, 1.0 - rows], axis=1) * p.weights[:, None]
        psi = np.stack([columns, 1.0 - columns]) * q.weights
        return -float((np.sqrt(phi * psi) * affinities).sum())

    best = min(minimize(negative_affinity, start, tol=1e-12).fun for start in ([3.0, -3.0, 3.0, -3.0], np.zeros(4)))
    assert p.hellinger(q, draws=2).upper == pytest.approx(np.sqrt(1.0 + best), abs=1e-6)


def test_integrals_of_products_are_normal_densities() -> None:
    p, q = random_mixture(1), random_mixture(2)
    expected = [
        [multivariate_normal(n, s + t).logpdf(m) for n, t in zip(q.means, q.covariances, strict=True)]
        for m, s in zip(p.means, p.covariances, strict=True)
    ]
    np.testing.assert_allclose(log_product_integrals(p, q), expected, rtol=1e-12)


@pytest.mark.parametrize("mixture", each_structure(), ids=lambda m: m.structure.code)
def test_bounds_of_every_structure_bracket_a_long_simulation(mixture: GaussianMixture) -> None:
    other = random_mixture(40)
    for name in METHODS:
        found = getattr(mixture, name)(other)
        assert found.lower - 1e-9 <= found.value <= found.upper
        own = getattr(mixture, name)(mixture)
        assert own.lower == 0.0
        assert own.value == pytest.approx(0.0, abs=1e-9)
        assert own.upper == pytest.approx(0.0, abs=1e-5)
    entropy, x = mixture.entropy(), mixture.sample(10_000, rng=5)
    assert entropy.value == pytest.approx(-mixture.log_density(x).mean(), abs=6.0 * entropy.error)


def test_single_components_are_exact() -> None:
    p = GaussianMixture([1.0], [[0.0, 1.0]], [[[2.0, 0.5], [0.5, 1.0]]])
    q = GaussianMixture([1.0], [[1.0, -1.0]], [np.eye(2)])
    _, log_determinant = np.linalg.slogdet(p.covariances[0])
    exact = 0.5 * (3.0 + 5.0 - 2.0 - log_determinant)
    found = p.kl_divergence(q, draws=2)
    assert found.value == pytest.approx(exact, rel=1e-9)
    assert found.error < 1e-9
    entropy = p.entropy(draws=2)
    assert entropy.value == pytest.approx(1.0 + np.log(2.0 * np.pi) + 0.5 * log_determinant, rel=1e-9)
    assert entropy.error < 1e-6
    assert p.hellinger(q, draws=2).error < 1e-6
    assert p.hellinger(q).upper - p.hellinger(q).lower < 1e-9


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_divergences_have_no_units_and_entropy_moves_by_the_log_of_the_scale(scale: float) -> None:
    p, q = random_mixture(1), random_mixture(2)
    wide, other = random_mixture(1, scale=scale), random_mixture(2, scale=scale)
    for name in METHODS:
        plain, scaled = getattr(p, name)(q), getattr(wide, name)(other)
        for attribute in ("value", "error", "lower", "upper"):
            assert getattr(scaled, attribute) == pytest.approx(getattr(plain, attribute), rel=1e-6, abs=1e-9)
    assert wide.entropy().value == pytest.approx(p.entropy().value + 2.0 * np.log(scale), rel=1e-9)


def test_mixtures_that_hardly_overlap_reach_the_limits() -> None:
    p = random_mixture(1)
    q = p.affine(np.eye(2), [1e4, 0.0])
    assert p.jensen_shannon(q).lower == pytest.approx(np.log(2.0))
    assert p.hellinger(q).lower == pytest.approx(1.0)
    divergence = p.kl_divergence(q)
    assert 1e6 < divergence.lower <= divergence.value <= divergence.upper < np.inf
    r = 1.0 - 1e-10
    thin = GaussianMixture([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], [[[1.0, r], [r, 1.0]], [[1.0, -r], [-r, 1.0]]])
    for found in (thin.entropy(), thin.jensen_shannon(p), thin.hellinger(p), thin.kl_divergence(p)):
        assert np.isfinite([found.lower, found.value, found.upper, found.error]).all()
        assert found.lower <= found.value <= found.upper


def test_numbers_are_the_same_for_the_same_seed() -> None:
    p, q = random_mixture(1), random_mixture(2)
    for name in METHODS:
        call = getattr(p, name)
        assert call(q) == call(q)
        assert call(q, rng=3, draws=50) == call(q, rng=np.random.default_rng(3), draws=50)
        assert isinstance(call(q), BoundedEstimate)
    assert p.entropy(rng=1).value != p.entropy(rng=2).value


def test_what_cannot_be_compared_is_an_error_with_a_remedy() -> None:
    p = random_mixture(1)
    box = gmix.Background(0.2, [0.0, 0.0], [1.0, 1.0])
    noisy = GaussianMixture(0.8 * p.weights, p.means, p.covariances, background=box)
    for call, message in (
        (noisy.entropy, "entropy needs Gaussian components alone.*take mixture.without_background"),
        (lambda: p.kl_divergence(noisy), "kl_divergence needs Gaussian components alone"),
        (lambda: p.hellinger(random_mixture(1, n_features=3)), "these have 2 and 3; take a marginal"),
        (lambda: p.jensen_shannon(p, draws=1), "draws is 1; give a whole number of draws, at least 2"),
    ):
        with pytest.raises(ParameterError, match=message):
            call()
