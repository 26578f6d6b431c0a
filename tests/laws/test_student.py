"""Mixtures of Student distributions: densities and EM to 50 digits, EM over all structures, and the methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import gmix
from combinations import by_pairs
from gmix import GaussianMixture, ParameterError, StudentMixture
from gmix.fitting.em import run_models
from gmix.model.covariance import FULL, STRUCTURES
from gmix.model.kernel import kernel
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import StoppingRule
from gmix.model.student import LARGEST, SMALLEST, StudentModel, best_degrees
from gmix.sources import MemorySource

Array = NDArray[np.float64]
TWO = StudentMixture(
    [0.4, 0.6], [[0.0, 0.0], [7.0, 7.0]], [np.eye(2), [[2.0, 0.8], [0.8, 1.0]]], [3.0, 6.0], features=["a", "b"]
)
ESTIMATED = ("none", "all", "each")


def table(n: int = 240, seed: int = 1) -> Array:
    return TWO.sample(n, rng=seed)


def start(structure: Any, x: Array, estimated: str) -> StudentMixture:
    """A start near the truth in a structure."""
    labels = TWO.predict(np.where(np.isnan(x), TWO.means.mean(0), x))
    filled = np.where(np.isnan(x), TWO.means[labels], x)
    statistics = SufficientStatistics.from_labels(structure.form, filled, labels, 2)
    return StudentMixture.of(GaussianMixture.from_statistics(statistics, structure), np.full(2, 5.0), estimated)


@pytest.mark.parametrize(
    ("degrees", "exact"),  # computed with 50 digits
    [
        (0.3, [-2.7501889510095574, -7.689874895200335, -20.278813089228425, -46.59647786419375]),
        (1.0, [-2.7522987048478216, -7.607075652361117, -24.50313021263791, -58.145476535203024]),
        (7.5, [-2.7541631062386736, -9.719265222940585, -62.099520521164386, -168.5891895754002]),
        (1e3, [-2.754167798264394, -15.125166706059623, -3811.056737424734, -15042.665904285317]),
    ],
)
def test_log_densities_have_all_digits(degrees: float, exact: list[float]) -> None:
    mixture = StudentMixture(TWO.weights, TWO.means, TWO.scales, [degrees, 2.0 * degrees])
    rows = [[0.0, 0.0], [3.0, -4.0], [1e3, 1e3], [-1e8, 3e7]]
    np.testing.assert_allclose(mixture.log_density(rows), exact, rtol=2e-13)


def test_a_step_of_em_is_that_of_50_digits() -> None:
    x = np.array([
        [0.0, 0.5], [1.0, -1.0], [-2.0, 0.25], [7.0, 8.0], [6.0, 6.5], [9.0, 5.0], [0.5, 0.0], [30.0, -20.0],
    ])  # fmt: skip
    before = StudentMixture([0.5, 0.5], [[1.0, 0.0], [6.0, 8.0]], [np.eye(2), 2.0 * np.eye(2)], [4.0, 9.0])
    model = StudentModel(before)
    [statistics] = kernel.expect(MemorySource(x).everything, [model.components()])
    found = model.maximize(statistics).mixture
    exact = {
        "weights": [0.6258774394107172, 0.37412256058928284],
        "means": [[0.2693479891964486, -0.14395065947537475], [7.044777211073288, 6.7897555127525955]],
        "scales": [
            [[1.4895330816671937, -0.8252821882836571], [-0.8252821882836571, 0.6726351152031617]],
            [[1.1747114439017274, -0.6217774275722792], [-0.6217774275722792, 1.2496343769618015]],
        ],
        "degrees_of_freedom": [1.1232708959158137, 7.7939719714719065],
    }
    for name, values in exact.items():
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-12, err_msg=name)


def test_the_degrees_of_freedom_of_precisions_maximize_their_likelihood() -> None:
    u = stats.gamma(2.5, scale=1 / 2.5).rvs(4_000, random_state=1)
    found = best_degrees(len(u), np.log(u).sum(), u.sum())
    at = [stats.gamma(nu / 2, scale=2 / nu).logpdf(u).sum() for nu in (0.99 * found, found, 1.01 * found)]
    assert at[1] > max(at[0], at[2])
    assert best_degrees(10.0, 0.0, 10.0) == LARGEST  # all precisions are one
    assert best_degrees(10.0, -1e5, 10.0) == SMALLEST


@by_pairs(
    structure=STRUCTURES,
    estimated=ESTIMATED,
    incomplete={"complete": False, "incomplete": True},
    accelerate={"plain": False, "accelerated": True},
)
def test_the_likelihood_never_falls(structure: Any, incomplete: bool, estimated: str, accelerate: bool) -> None:
    x, rng = table(), np.random.default_rng(2)
    if incomplete:
        x[rng.random(x.shape) < 0.2] = np.nan
    source = MemorySource(x, sample_weight=rng.integers(0, 3, len(x)))
    [end] = run_models(
        source, [StudentModel(start(structure, x, estimated))], StoppingRule(1e-7, 300, accelerate=accelerate)
    )
    gains = np.diff(end.history)
    assert end.reason.converged or not accelerate  # plain EM converges slowly where tails are nearly Gaussian
    assert (gains >= -1e-9 * abs(end.history[-1])).all()
    assert isinstance(end.model, StudentModel)
    degrees = end.model.mixture.degrees_of_freedom
    assert ((degrees >= SMALLEST) & (degrees <= LARGEST)).all()
    assert len(np.unique(degrees)) == (2 if estimated == "each" else 1)


@pytest.mark.parametrize("estimated", ["all", "each"])
def test_the_end_of_a_run_is_a_maximum(estimated: str) -> None:
    x = table()
    [end] = run_models(MemorySource(x), [StudentModel(start(STRUCTURES[-1], x, estimated))], StoppingRule(1e-13, 5_000))
    assert isinstance(end.model, StudentModel)
    mixture = end.model.mixture
    best = mixture.log_density(x).sum()
    for factor in (0.98, 1.02):
        for k in range(2):
            some = np.ones(2)
            some[k] = factor
            degrees = mixture.degrees_of_freedom * (some if estimated == "each" else factor)
            for other in (
                StudentMixture.of(mixture.normal, degrees, estimated),
                StudentMixture(mixture.weights, mixture.means * some, mixture.scales, mixture.degrees_of_freedom),
                StudentMixture(
                    mixture.weights, mixture.means, mixture.scales * some[:, None, None], mixture.degrees_of_freedom
                ),
            ):
                assert other.log_density(x).sum() < best


def test_conditionals_are_ratios_of_densities() -> None:
    at, grid = 2.5, np.linspace(-60.0, 60.0, 4001)
    conditional = TWO.condition({"b": at})
    joint = TWO.density(np.column_stack([grid, np.full(len(grid), at)]))
    np.testing.assert_allclose(conditional.density(grid), joint / TWO.marginal("b").density([at]), rtol=1e-10)
    assert conditional.features == ("a",)
    np.testing.assert_allclose(conditional.degrees_of_freedom, TWO.degrees_of_freedom + 1.0)


def test_a_sample_has_the_distribution_of_the_mixture() -> None:
    x = TWO.sample(4_000, rng=5)
    for name, column in zip(TWO.names, x.T, strict=True):
        assert stats.kstest(column, TWO.marginal(name).cdf).pvalue > 1e-3
    np.testing.assert_allclose(TWO.mean, TWO.weights @ TWO.means)
    one = StudentMixture([1.0], [[1.0]], [[[4.0]]], 5.0)
    np.testing.assert_allclose(one.covariance, [[stats.t(5.0, 1.0, 2.0).var()]])
    np.testing.assert_allclose(one.covariances[0], one.covariance)
    with pytest.raises(ParameterError, match="no covariance"):
        StudentMixture([1.0], [[1.0]], [[[4.0]]], 2.0).covariance  # noqa: B018
    with pytest.raises(ParameterError, match="no mean"):
        StudentMixture([1.0], [[1.0]], [[[4.0]]], 1.0).mean  # noqa: B018


def test_a_conditional_of_a_mixture_with_a_background_is_a_ratio_of_densities() -> None:
    background = gmix.Background(0.1, [-20.0, -20.0], [30.0, 30.0])
    mixture = StudentMixture([0.4, 0.5], TWO.means, TWO.scales, [3.0, 6.0], features=["a", "b"], background=background)
    grid, at = np.linspace(-10.0, 20.0, 31)[:, None], 2.5
    joint = mixture.density(np.column_stack([grid[:, 0], np.full(31, at)]))
    np.testing.assert_allclose(
        mixture.condition({"b": at}).density(grid), joint / mixture.marginal("b").density([at]), rtol=1e-10
    )


def test_tails_of_a_mixture_with_a_background_are_sums_of_tails() -> None:
    background = gmix.Background(0.1, [-20.0], [30.0])
    mixture = StudentMixture([0.4, 0.5], [[0.0], [7.0]], [[[1.0]], [[2.0]]], [3.0, 6.0], background=background)
    at = np.array([-30.0, -5.0, 0.0, 8.0, 25.0, 40.0])
    parts = [0.4 * stats.t(3.0).cdf(at), 0.5 * stats.t(6.0, 7.0, 2.0**0.5).cdf(at)]
    below = parts[0] + parts[1] + 0.1 * np.clip((at + 20.0) / 50.0, 0.0, 1.0)
    np.testing.assert_allclose(mixture.cdf(at), below, rtol=1e-12)
    np.testing.assert_allclose(mixture.sf(at), 1.0 - below, rtol=1e-10)
    np.testing.assert_allclose(mixture.quantile(below[1:5]), at[1:5], rtol=1e-9, atol=1e-9)


def test_draws_of_missing_cells_have_the_conditional_distribution() -> None:
    x = np.tile([np.nan, 2.5], (2_000, 1))
    drawn = TWO.impute(x, rng=1)[:, 0]
    assert stats.kstest(drawn, TWO.condition({"b": 2.5}).cdf).pvalue > 1e-3
    np.testing.assert_allclose(TWO.impute(x[:1])[0, 0], TWO.condition({"b": 2.5}).normal.mean[0])


def test_p_values_of_draws_are_uniform() -> None:
    one = StudentMixture([1.0], [[1.0, 2.0]], [[[4.0, 1.0], [1.0, 2.0]]], 3.0)
    scores = one.outlier_score(one.sample(2_000, rng=0))
    assert stats.kstest(scores.distance_p_value, "uniform").pvalue > 1e-3
    np.testing.assert_allclose(scores.density_p_value, scores.distance_p_value, atol=0.01)


def test_transformations_keep_the_density() -> None:
    x, matrix = table(20), np.array([[2.0, 1.0], [0.0, 3.0]])
    moved = TWO.affine(matrix, [1.0, -1.0])
    np.testing.assert_allclose(moved.log_density(x @ matrix.T + [1.0, -1.0]), TWO.log_density(x) - np.log(6.0))
    swapped = TWO.reordered([1, 0])
    np.testing.assert_allclose(swapped.log_density(x), TWO.log_density(x))
    np.testing.assert_array_equal(swapped.degrees_of_freedom, [6.0, 3.0])
    holes = x.copy()
    holes[:, 0] = np.nan
    np.testing.assert_allclose(TWO.log_density(holes), TWO.marginal("b").log_density(x[:, 1]))
    np.testing.assert_allclose(TWO.precisions(holes), TWO.marginal("b").precisions(x[:, 1]))


@pytest.mark.parametrize(
    ("degrees", "estimated", "message"),
    [
        (0.0, None, "finite number above zero"), ([1.0, np.inf], None, "finite number"), ([1.0], None, "for each"),
        ([1.0, 2.0], "all", "differ"), (1.0, "some", "not known"),
    ],
)  # fmt: skip
def test_wrong_degrees_of_freedom_are_refused(degrees: Any, estimated: str | None, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        StudentMixture(TWO.weights, TWO.means, TWO.scales, degrees, estimated=estimated)


def test_statistics_of_student_components_add_up() -> None:
    x = table(100)
    [whole], [one], [other] = (gmix.expect(part, [TWO]) for part in (x, x[:30], x[30:]))
    both = one + other
    np.testing.assert_allclose(both.scatter, whole.scatter, rtol=1e-10)
    np.testing.assert_allclose(both.extra["log_factors"], whole.extra["log_factors"], rtol=1e-10)
    assert whole.form is FULL
    u, r = TWO.precisions(x), TWO.responsibilities(x)
    np.testing.assert_allclose(whole.mass, (r * u).sum(0))
    np.testing.assert_allclose(whole.counts, r.sum(0))
