"""Regression: conditional distributions are those of the mixture, row by row, and laws of rows, units and weights."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.linear_model import LinearRegression

import gmix
from gmix.model.univariate import UnivariateMixtures
from gmix.sklearn import GaussianMixtureRegressor

Array = NDArray[Any]
STRUCTURES = ["VVV", "EEE", "VEV", "VVI", "EII"]


def table(n: int = 400, seed: int = 0) -> tuple[Array, Array]:
    """Three columns and two targets, which depend on them in two ways."""
    rng = np.random.default_rng(seed)
    x, which = rng.normal(size=(n, 3)) * [1.0, 20.0, 0.1] + [5.0, -300.0, 0.0], rng.random(n) < 0.4
    x[which] += [3.0, 10.0, 0.3]
    first = np.where(which, x[:, 0], -2.0 * x[:, 0]) + rng.normal(0.0, 0.3, n)
    return x, np.column_stack([first, 0.1 * x[:, 1] + 0.5 * first + rng.normal(0.0, 1.0, n)])


def fitted(structure: str = "VVV", targets: int = 2, **options: Any) -> tuple[GaussianMixtureRegressor, Array, Array]:
    x, y = table()
    y = y if targets == 2 else y[:, 0]
    options = {"covariance_type": structure, "random_state": 0, "effort": 0.0} | options
    return GaussianMixtureRegressor(2, **options).fit(x, y), x, y


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("missing", [[], [1], [0, 2], [0, 1, 2]], ids=["none missing", "one", "two", "all"])
def test_mean_and_covariance_are_those_of_the_conditional_mixture(structure: str, missing: list[int]) -> None:
    regressor, x, _ = fitted(structure)
    x = x[:20].copy()
    x[::2, missing] = np.nan
    mean, covariance = regressor.predict(x, return_cov=True)
    deviation = regressor.predict(x, return_std=True)[1]
    for row, m, c, s in zip(x, mean, covariance, deviation, strict=True):
        given = {j: value for j, value in enumerate(row) if np.isfinite(value)}
        mixture = regressor.mixture_.condition(given) if given else regressor.mixture_
        mixture = mixture.marginal([mixture.n_features - 2, mixture.n_features - 1])
        np.testing.assert_allclose(m, mixture.mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(c, mixture.covariance, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(s, np.sqrt(np.diagonal(c)), rtol=1e-9)


def test_log_density_is_that_of_the_conditional_mixture() -> None:
    regressor, x, y = fitted()
    rows = slice(0, 20)
    expected = [
        regressor.mixture_.condition(dict(enumerate(a))).log_density(b[None])[0]
        for a, b in zip(x[rows], y[rows], strict=True)
    ]
    np.testing.assert_allclose(regressor.log_density(x[rows], y[rows]), expected, rtol=1e-9, atol=1e-9)
    total = regressor.mixture_.marginal([0, 1, 2]).log_density(x) + regressor.log_density(x, y)
    assert total.sum() == pytest.approx(regressor.fit_.log_likelihood)


@pytest.mark.parametrize("missing", [[], [1]], ids=["complete", "incomplete"])
def test_quantiles_invert_the_distribution_function(missing: list[int]) -> None:
    regressor, x, _ = fitted(targets=1)
    x = x[:30].copy()
    x[::2, missing] = np.nan
    q = [1e-12, 0.05, 0.5, 0.95, 1.0 - 1e-9]
    found = regressor.quantile(x, q)
    assert (np.diff(found) >= 0.0).all()
    for row, values in zip(x, found, strict=True):
        mixture = regressor.mixture_.condition({j: v for j, v in enumerate(row) if np.isfinite(v)})
        mixture = mixture.marginal([mixture.n_features - 1])
        np.testing.assert_allclose(values, mixture.quantile(q), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(mixture.cdf(values[:3]), q[:3], rtol=1e-7)
    assert (regressor.quantile(x, 0.5) == found[:, 2]).all()
    assert (regressor.quantile(x, [0.0, 1.0]) == [-np.inf, np.inf]).all()


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_of_any_mixtures_are_roots(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(4, 0.3), 2000)
    weights[weights < 0.01] = 0.0
    weights /= weights.sum(1, keepdims=True)
    means, deviations = rng.normal(0.0, 10.0 ** rng.uniform(-2, 3), (2000, 4)), 10.0 ** rng.uniform(-3, 3, 4)
    for q in (1e-300, 1e-6, 0.3, 0.5, 0.9, 1.0 - 1e-6):
        found = UnivariateMixtures(weights, means, deviations).quantile(np.full(2000, q))
        sign = 1.0 if q <= 0.5 else -1.0
        below, above = (
            (weights * ndtr(sign * (found[:, None] * (1.0 + e) - means + e * deviations.min()) / deviations)).sum(1)
            for e in (-1e-7, 1e-7)
        )
        below, above = np.sort([below, above], axis=0)
        tail = q if q <= 0.5 else 1.0 - q
        assert ((below <= tail * (1.0 + 1e-6)) & (tail * (1.0 - 1e-6) <= above)).all()


def test_one_component_is_linear_regression() -> None:
    x, y = table()
    linear = LinearRegression().fit(x, y)
    regressor = GaussianMixtureRegressor(1, covariance_type="VVV").fit(x, y)
    np.testing.assert_allclose(regressor.predict(x), linear.predict(x), rtol=1e-8, atol=1e-8)
    residuals = y - linear.predict(x)
    _, covariance = regressor.predict(x[:3], return_cov=True)
    np.testing.assert_allclose(covariance, residuals.T @ residuals / len(y) + np.zeros((3, 1, 1)), rtol=1e-7)


def test_draws_have_the_conditional_moments() -> None:
    regressor, x, _ = fitted()
    x = x[:3].copy()
    x[1, 0] = np.nan
    draws = regressor.sample(x, 40_000, random_state=0)
    mean, covariance = regressor.predict(x, return_cov=True)
    assert draws.shape == (3, 40_000, 2)
    for found, m, c in zip(draws, mean, covariance, strict=True):
        np.testing.assert_allclose(found.mean(0), m, atol=5.0 * np.sqrt(c.diagonal().max() / 40_000))
        products = (found - m)[:, :, None] * (found - m)[:, None, :]
        assert (np.abs(products.mean(0) - c) < 5.0 * products.std(0) / np.sqrt(len(found))).all()
    one, rows, _ = fitted(targets=1)
    assert one.sample(rows[:5], 2).shape == (5, 2)
    assert (one.sample(rows[:5], 2) == one.sample(rows[:5], 2)).all()  # random_state is a seed


def test_units_do_not_matter() -> None:
    x, y = table()
    plain = GaussianMixtureRegressor([1, 2, 3], random_state=0, effort=0.0).fit(x, y[:, 0])
    other = GaussianMixtureRegressor([1, 2, 3], random_state=0, effort=0.0).fit(
        x * [1e3, 1e-3, 1.0], y[:, 0] * 1e4 + 7.0
    )
    np.testing.assert_allclose(other.predict(x * [1e3, 1e-3, 1.0]), plain.predict(x) * 1e4 + 7.0, rtol=1e-4)
    assert other.mixture_.structure is plain.mixture_.structure


def test_a_row_of_weight_two_counts_twice_in_any_order() -> None:
    x, y = table(150)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 3, len(y))
    order = rng.permutation(np.repeat(np.arange(len(y)), weight))
    weighted = GaussianMixtureRegressor([1, 2], random_state=0).fit(x, y, sample_weight=weight)
    repeated = GaussianMixtureRegressor([1, 2], random_state=0).fit(x[order], y[order])
    np.testing.assert_allclose(weighted.predict(x), repeated.predict(x), rtol=1e-9)


def test_columns_and_targets_may_follow_from_others() -> None:
    regressor, x, y = fitted(targets=1)
    more = np.column_stack([x[:, 0] * 2.0, x, np.full(len(x), 4.0)])
    found = GaussianMixtureRegressor(2, covariance_type="VVV", random_state=0, effort=0.0).fit(more, y)
    np.testing.assert_allclose(found.predict(more), regressor.predict(x), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.log_density(more, y), regressor.log_density(x, y), rtol=1e-4, atol=1e-4)
    exact = GaussianMixtureRegressor(2, covariance_type="VVV", random_state=0).fit(x, x[:, 0] - 3.0 * x[:, 2])
    mean, deviation = exact.predict(x, return_std=True)
    np.testing.assert_allclose(mean, x[:, 0] - 3.0 * x[:, 2], rtol=1e-9)
    assert (deviation < 1e-6).all()
    np.testing.assert_allclose(exact.quantile(x, [0.1, 0.9]), mean[:, None] + np.zeros(2), rtol=1e-9)
    np.testing.assert_allclose(exact.sample(x)[:, 0], mean, rtol=1e-6)
    with pytest.raises(gmix.DataError, match="no density"):
        exact.log_density(x, mean)


def test_few_rows_shrink_the_covariances() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 15))
    found = GaussianMixtureRegressor(1, covariance_type="VVV").fit(x, x[:, 0] + rng.normal(0.0, 0.1, 12))
    assert found.shrinkage_ == 1.0
    assert "shrunk covariances" in {finding.name for finding in found.fit_.findings}
    assert np.isfinite(found.predict(x)).all()
    with pytest.raises(gmix.DataError, match="do not determine"):
        GaussianMixtureRegressor(1, covariance_type="VVV", shrinkage=0.0).fit(x, x[:, 0] ** 2)


def test_rows_without_a_target_improve_the_mixture() -> None:
    x, y = table(300)
    some = y[:, 0].copy()
    some[60:] = np.nan
    found = GaussianMixtureRegressor(2, covariance_type="VVV", random_state=0).fit(x, some)
    alone = GaussianMixtureRegressor(2, covariance_type="VVV", random_state=0).fit(x[:60], y[:60, 0])
    assert found.fit_.n_rows == 300
    assert found.score(x[60:], y[60:, 0]) >= alone.score(x[60:], y[60:, 0]) - 0.02


def test_a_pickle_is_small_and_float32_is_accepted() -> None:
    regressor, x, y = fitted(targets=1)
    assert len(pickle.dumps(regressor)) < 8_000
    assert (pickle.loads(pickle.dumps(regressor)).predict(x) == regressor.predict(x)).all()  # noqa: S301
    single = GaussianMixtureRegressor(2, covariance_type="VVV", random_state=0, effort=0.0).fit(x.astype(np.float32), y)
    np.testing.assert_allclose(single.predict(x.astype(np.float32)), regressor.predict(x), rtol=1e-2, atol=1e-2)


def test_invalid_arguments_say_what_to_give() -> None:
    regressor, x, y = fitted()
    for call, message in (
        (lambda: regressor.quantile(x, 0.5), "one target"),
        (lambda: regressor.predict(x, return_std=True, return_cov=True), "one of them"),
        (lambda: regressor.sample(x, 0), "number of draws"),
        (lambda: regressor.log_density(x, y[:, 0]), "give 2 for each"),
        (lambda: fitted(targets=1)[0].quantile(x, 1.5), "from 0 to 1"),
        (lambda: fitted(shrinkage=-1.0), "shrinkage"),
        (lambda: fitted(criterion="r2"), "criterion"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
