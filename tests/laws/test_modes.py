"""Gradients, Hessians, modes and regions of highest density are those of the density."""

from __future__ import annotations

import numpy as np
import pytest
from random_mixtures import each_structure, random_mixture
from scipy.optimize import minimize
from scipy.stats import chi2

import gmix
from gmix import DataError, GaussianMixture, ParameterError

MIXTURES = each_structure()
X = np.random.default_rng(0).standard_normal((6, 2)) * 2.0


def differences(mixture: GaussianMixture, name: str, x: np.ndarray, h: float) -> np.ndarray:
    """Central differences of a method, along each column; the last axis is that of the columns."""
    call = getattr(mixture, name)
    steps = h * np.eye(x.shape[1])
    return np.stack([(call(x + step) - call(x - step)) / (2.0 * h) for step in steps], -1)


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda m: m.structure.code)
def test_derivatives_are_limits_of_differences(mixture: GaussianMixture) -> None:
    np.testing.assert_allclose(mixture.gradient(X), differences(mixture, "log_density", X, 1e-5), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(mixture.hessian(X), differences(mixture, "gradient", X, 1e-5), rtol=1e-5, atol=1e-5)


def test_derivatives_have_the_units_of_the_columns_and_survive_far_tails() -> None:
    plain = random_mixture(3)
    for scale in (1e-8, 1e8):
        mixture = random_mixture(3, scale=scale)
        np.testing.assert_allclose(mixture.gradient(X * scale) * scale, plain.gradient(X), rtol=1e-6)
        np.testing.assert_allclose(mixture.hessian(X * scale) * scale**2, plain.hessian(X), rtol=1e-6, atol=1e-6)
    far = plain.gradient([[1e6, -1e6]])
    assert np.isfinite(far).all()
    assert np.isfinite(plain.hessian([[1e6, -1e6]])).all()


def test_a_background_flattens_the_log_density() -> None:
    plain = random_mixture(3)
    box = gmix.Background(0.3, [-9.0, -9.0], [9.0, 9.0])
    mixture = GaussianMixture(0.7 * plain.weights, plain.means, plain.covariances, background=box)
    np.testing.assert_allclose(mixture.gradient(X), differences(mixture, "log_density", X, 1e-5), atol=1e-5)
    np.testing.assert_allclose(mixture.hessian(X), differences(mixture, "gradient", X, 1e-5), atol=1e-5)
    np.testing.assert_allclose(mixture.modes().points, plain.modes().points, rtol=1e-10)


def modes_of_a_grid(mixture: GaussianMixture, n: int) -> np.ndarray:
    """The points of a grid whose density is above that of all neighbors, and the steps of the grid."""
    low, high = mixture.means.min(0) - 1.0, mixture.means.max(0) + 1.0
    axes = [np.linspace(a, b, n) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    level = mixture.log_density(grid.reshape(-1, grid.shape[-1])).reshape(grid.shape[:-1])
    inner = (slice(1, -1),) * level.ndim
    highest = np.ones(level[inner].shape, bool)
    for shift in np.ndindex(*(3,) * level.ndim):
        if shift != (1,) * level.ndim:
            highest &= level[inner] > level[tuple(slice(s, m - 2 + s) for s, m in zip(shift, level.shape, strict=True))]
    return grid[inner][highest]


@pytest.mark.parametrize("n_features", [1, 2])
def test_modes_are_those_that_a_grid_finds(n_features: int) -> None:
    found = missed = 0
    for seed in range(40):
        mixture = random_mixture(seed, 2 + seed % 5, n_features, spread=3.0)
        modes = mixture.modes()
        assert (np.diff(modes.log_density) <= 0.0).all()
        np.testing.assert_allclose(mixture.gradient(modes.points), 0.0, atol=1e-7)
        assert (np.linalg.eigvalsh(modes.hessians) < 0.0).all()
        n = 4_001 if n_features == 1 else 161
        step = (np.ptp(mixture.means, axis=0) + 2.0) / (n - 1)
        for peak in modes_of_a_grid(mixture, n):
            if np.abs((modes.points - peak) / step).max(1).min() > 3.0:
                # The grid cuts a narrow ridge into pieces, whose highest points are no modes.
                refined = minimize(
                    lambda x, m=mixture: (-m.log_density(x[None])[0], -m.gradient(x[None])[0]), peak, jac=True
                ).x[None]
                is_mode = np.linalg.eigvalsh(mixture.hessian(refined)[0]).max() < 0.0
                missed += is_mode and np.abs((modes.points - refined) / step).max(1).min() > 1.0
            found += 1
    assert found > 80
    assert missed == 0


def test_modes_move_with_the_units_and_are_found_in_narrow_components() -> None:
    plain = random_mixture(8, 5, 2, spread=3.0).modes().points
    for scale in (1e-8, 1e8):
        np.testing.assert_allclose(random_mixture(8, 5, 2, 3.0, scale).modes().points / scale, plain, rtol=1e-6)
    r = 1.0 - 1e-10
    crossed = GaussianMixture(
        [0.5, 0.5], [[3.0, 3.0], [3.0, -3.0]], [[[9.0, 9.0 * r], [9.0 * r, 9.0]], [[9.0, -9.0 * r], [-9.0 * r, 9.0]]]
    )
    modes = crossed.modes().points  # two crossing lines have a mode where they cross
    assert len(modes) == 3
    assert np.abs(modes).sum(1).min() < 1e-3


def test_components_with_one_mean_have_one_mode_and_empty_components_none() -> None:
    same = GaussianMixture([0.5, 0.5], [[1.0, 2.0], [1.0, 2.0]], [np.eye(2), 9.0 * np.eye(2)])
    np.testing.assert_allclose(same.modes().points, [[1.0, 2.0]])
    empty = GaussianMixture([1.0, 0.0], [[1.0], [9.0]], [[[1.0]], [[1.0]]])
    np.testing.assert_allclose(empty.modes().points, [[1.0]])


@pytest.mark.parametrize("mixture", MIXTURES[::4], ids=lambda m: m.structure.code)
def test_a_region_of_highest_density_holds_its_share(mixture: GaussianMixture) -> None:
    draws = mixture.sample(20_000, rng=3)
    levels = mixture.highest_density_level([0.1, 0.5, 0.9])
    assert (np.diff(levels) < 0.0).all()
    for share, level in zip((0.1, 0.5, 0.9), levels, strict=True):
        assert mixture.highest_density_level(share) == level
        inside = mixture.in_highest_density_region(draws, share)
        assert inside.mean() == pytest.approx(share, abs=0.015)
        np.testing.assert_array_equal(inside, mixture.log_density(draws) >= level)


def test_the_region_of_one_component_is_exact_and_one_with_a_background_holds_its_share() -> None:
    one = random_mixture(0, 1, 3)
    shares = np.array([1e-6, 0.5, 1.0 - 1e-9])
    expected = one.log_density(one.means) - 0.5 * chi2(3).ppf(shares)
    np.testing.assert_allclose(one.highest_density_level(shares), expected, rtol=1e-10)
    plain = random_mixture(2)
    box = gmix.Background(0.2, [-9.0, -9.0], [9.0, 9.0])
    mixture = GaussianMixture(0.8 * plain.weights, plain.means, plain.covariances, background=box)
    assert mixture.in_highest_density_region(mixture.sample(9_000, rng=1), 0.5).mean() == pytest.approx(0.5, abs=0.03)


def test_wrong_points_and_shares_are_errors_with_a_remedy() -> None:
    mixture = random_mixture(0)
    with pytest.raises(DataError, match="hold NaN, and gradient needs all cells"):
        mixture.gradient([[np.nan, 0.0]])
    with pytest.raises(ParameterError, match=r"p is 1.5; give shares between 0 and 1"):
        mixture.highest_density_level(1.5)
    with pytest.raises(ParameterError, match=r"give one share"):
        mixture.in_highest_density_region(X, [0.5, 0.9])
