"""How unusual a row is: distances and p-values in closed form, uniform for draws, in any units and any order."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, kstest

import gmix
from gmix import DataError, GaussianMixture, OutlierScores, ParameterError
from gmix.model.covariance import STRUCTURES, Structure, structure as structure_named
from gmix.model.regions import tail_probability

Array = NDArray[np.float64]
TAILS = 10.0 ** -np.array([0.05, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 50.0, 100.0, 200.0])


def random_mixture(n_components: int, n_features: int, seed: int = 0) -> GaussianMixture:
    """Components that overlap, much longer in some directions than in others, in directions of their own."""
    rng = np.random.default_rng(seed)
    turns = np.linalg.qr(rng.standard_normal((n_components, n_features, n_features)))[0]
    covariances = turns * np.geomspace(0.2, 5.0, n_features) @ turns.mT
    weights = rng.dirichlet(np.full(n_components, 5.0))
    return GaussianMixture(weights, 1.5 * rng.standard_normal((n_components, n_features)), covariances)


def of_structure(structure: Structure) -> GaussianMixture:
    full = random_mixture(3, 4)
    points, labels = full.sample_labelled(300, rng=1)
    statistics = gmix.SufficientStatistics.from_responsibilities(structure.form, points, np.eye(3)[labels])
    return GaussianMixture.from_statistics(statistics, structure)


OVERLAPPING = random_mixture(3, 3)
POINTS = np.vstack([OVERLAPPING.sample(300, rng=2), 8.0 * np.random.default_rng(3).standard_normal((50, 3))])
FIELDS = tuple(OutlierScores.__dataclass_fields__)


def assert_same_bits(one: OutlierScores, other: OutlierScores) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
def test_the_distance_is_the_least_of_those_to_the_components(structure: Structure) -> None:
    m, x = of_structure(structure), 6.0 * np.random.default_rng(5).standard_normal((200, 4))
    residuals = x[:, None, :] - m.means
    solved = np.linalg.solve(m.covariances[None], residuals[..., None])[..., 0]
    distances = np.sqrt((residuals * solved).sum(-1))
    scores = m.outlier_score(x)
    np.testing.assert_allclose(scores.distance, distances.min(1), rtol=1e-10)
    np.testing.assert_array_equal(scores.component, distances.argmin(1))
    np.testing.assert_allclose(scores.distance_p_value, chi2.sf(distances.min(1) ** 2, 4), rtol=1e-8)
    np.testing.assert_array_equal(scores.log_density, m.log_density(x))
    assert not scores.departs.any()


@pytest.mark.parametrize("n_features", [1, 2, 7, 100])
def test_both_p_values_of_one_component_are_those_of_chi_squared(n_features: int) -> None:
    square = chi2.isf(TAILS, n_features)
    direction = np.random.default_rng(1).standard_normal(n_features)
    direction /= np.linalg.norm(direction)
    one = GaussianMixture([1.0], np.zeros((1, n_features)), 4.0 * np.eye(n_features)[None])
    scores = one.outlier_score(2.0 * np.sqrt(square)[:, None] * direction)
    np.testing.assert_allclose(scores.distance_p_value, TAILS, rtol=1e-9)
    np.testing.assert_array_equal(scores.density_p_value, scores.distance_p_value)
    with_an_empty_one = GaussianMixture([0.0, 1.0], np.zeros((2, n_features)), [np.eye(n_features)] * 2)
    scores = with_an_empty_one.outlier_score(np.sqrt(square)[:, None] * direction)
    np.testing.assert_array_equal(scores.density_p_value, scores.distance_p_value)
    assert (scores.component == 1).all()


def test_an_exact_p_value_of_two_columns() -> None:
    round_one = GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)])
    distance = np.array([0.0, 1.0, 6.0, 35.0])
    scores = round_one.outlier_score(distance[:, None] * [[0.6, 0.8]])
    np.testing.assert_allclose(scores.density_p_value, np.exp(-(distance**2) / 2.0), rtol=1e-12)


def test_a_row_at_the_mean_of_a_component_without_weight_is_not_near() -> None:
    m = GaussianMixture([0.5, 0.5, 0.0], [[0.0], [1.0], [35.0]], np.ones((3, 1, 1)))
    scores = m.outlier_score([[35.0]])
    assert scores.component.tolist() == [1]
    assert scores.distance[0] == pytest.approx(34.0)
    assert 0.0 < scores.density_p_value[0] < 1e-250


@pytest.mark.parametrize("n_features", [1, 2, 6, 30])
def test_the_density_p_value_of_components_that_stand_apart(n_features: int) -> None:
    """Where components do not touch, the region of low density is that outside a ball about each of them."""
    scales, weights = np.array([1.0, 3.0, 0.2]), np.array([0.5, 0.1, 0.4])
    means = 1e5 * np.arange(3)[:, None] * np.ones(n_features)
    m = GaussianMixture(weights, means, scales[:, None, None] ** 2 * np.eye(n_features))
    peaks = m.components.log_constants

    def log_tail(level: float) -> float:
        return float(np.log(weights @ chi2.sf(2.0 * np.maximum(peaks - level, 0.0), n_features)))

    levels = np.array([brentq(lambda c, p=p: log_tail(c) - np.log(p), peaks.min() - 600, peaks.max()) for p in TAILS])
    points = means[2] + 0.2 * np.sqrt(2.0 * (peaks[2] - levels))[:, None] * np.eye(n_features)[0]
    np.testing.assert_allclose(m.outlier_score(points).density_p_value, TAILS, rtol=3e-3)


@pytest.mark.parametrize("n_features", [1, 2, 6, 30])
def test_the_density_p_value_of_components_within_one_another(n_features: int) -> None:
    """Where round components have one mean, the region of low density is that outside one ball."""
    scales, weights = np.array([1.0, 2.0, 4.0]), np.array([0.6, 0.3, 0.1])
    m = GaussianMixture(weights, np.zeros((3, n_features)), scales[:, None, None] ** 2 * np.eye(n_features))

    def log_tail(radius: float) -> float:
        return float(np.log(weights @ chi2.sf((radius / scales) ** 2, n_features)))

    radii = np.array([brentq(lambda r, p=p: log_tail(r) - np.log(p), 1e-6, 140.0) for p in TAILS])
    np.testing.assert_allclose(
        m.outlier_score(radii[:, None] * np.eye(n_features)[0]).density_p_value, TAILS, rtol=1e-3
    )


def test_the_density_p_value_of_one_column() -> None:
    """In one dimension the region of low density lies between roots of the density."""
    m = GaussianMixture([0.7, 0.25, 0.05], [[0.0], [3.0], [5.0]], [[[1.0]], [[0.3]], [[9.0]]])
    grid = np.linspace(-80.0, 90.0, 400_001)
    densities = m.log_density(grid)
    x = np.array([-60.0, -20.0, -3.0, 0.0, 1.0, 2.0, 2.5, 3.0, 3.1, 4.0, 5.0, 10.0, 60.0])
    for point, p_value in zip(x, m.outlier_score(x).density_p_value, strict=True):
        [level] = m.log_density([point])
        crossed = np.flatnonzero(np.diff((densities > level).astype(int)))
        roots = [brentq(lambda y, c=level: m.log_density([y])[0] - c, grid[i], grid[i + 1]) for i in crossed]
        exact = m.cdf(roots[:1])[0] + m.sf(roots[-1:])[0] + np.diff(m.cdf(roots[1:-1]))[::2].sum()
        assert p_value == pytest.approx(exact, rel=1e-3, abs=0.0)


@pytest.mark.parametrize(("n_components", "n_features"), [(2, 2), (8, 2), (3, 5), (20, 5), (4, 20)])
def test_the_density_p_value_is_the_proportion_of_draws(n_components: int, n_features: int) -> None:
    m = random_mixture(n_components, n_features, seed=n_features)
    n = 400_000
    draws = np.sort(m.log_density(m.sample(n, rng=7)))
    x = m.sample(300, rng=8)
    share = np.searchsorted(draws, m.log_density(x)) / n
    error = m.outlier_score(x).density_p_value - share
    assert (np.abs(error) < 5.0 * np.sqrt(share * (1.0 - share) / n) + 0.02 * share + 1e-5).all()
    np.testing.assert_allclose(m.outlier_score(x).density_p_value, tail_probability(m, m.log_density(x)), atol=0.01)


def test_the_density_p_value_of_draws_is_uniform() -> None:
    for m in (OVERLAPPING, random_mixture(5, 1), random_mixture(2, 8)):
        assert kstest(m.outlier_score(m.sample(20_000, rng=11)).density_p_value, "uniform").pvalue > 0.01


def test_the_distance_p_value_of_draws_is_uniform_where_components_stand_apart() -> None:
    apart = GaussianMixture([0.3, 0.7], [[0.0, 0.0], [100.0, 0.0]], [np.eye(2), [[9.0, 2.0], [2.0, 1.0]]])
    assert kstest(apart.outlier_score(apart.sample(20_000, rng=12)).distance_p_value, "uniform").pvalue > 0.01


def test_the_distance_p_value_of_draws_is_small_no_more_often_than_it_says() -> None:
    for m in (OVERLAPPING, random_mixture(5, 1), random_mixture(2, 8)):
        p_value = m.outlier_score(m.sample(20_000, rng=13)).distance_p_value
        levels = np.linspace(0.01, 0.99, 50)
        assert (np.searchsorted(np.sort(p_value), levels) / 20_000 < levels + 4.0 * np.sqrt(levels / 20_000)).all()
    overlapping = OVERLAPPING.outlier_score(OVERLAPPING.sample(20_000, rng=13)).distance_p_value
    assert kstest(overlapping, "uniform").pvalue < 1e-9  # far from uniform


@pytest.mark.parametrize(
    ("matrix", "offset"),
    [
        (1e-6 * np.eye(3), 0.0),
        (1e150 * np.eye(3), 0.0),
        (np.diag([1e-6, 1.0, 1e6]), 0.0),
        (np.eye(3), 2.0**27),
    ],
)
def test_units_and_offsets_change_nothing(matrix: Array, offset: float) -> None:
    x = np.round(POINTS * 2.0**20) / 2.0**20
    before, moved = OVERLAPPING.outlier_score(x), OVERLAPPING.affine(matrix, np.full(3, offset))
    after = moved.outlier_score(x @ matrix.T + offset)
    np.testing.assert_allclose(after.distance, before.distance, rtol=1e-7)
    np.testing.assert_array_equal(after.component, before.component)
    np.testing.assert_allclose(after.distance_p_value, before.distance_p_value, rtol=1e-5)
    np.testing.assert_allclose(after.density_p_value, before.density_p_value, rtol=1e-5)


def test_directions_change_the_density_p_value_by_its_numerical_error_alone() -> None:
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
    before = OVERLAPPING.outlier_score(POINTS)
    for matrix in (turn, -np.eye(3), np.eye(3)[[2, 0, 1]]):
        after = OVERLAPPING.affine(matrix).outlier_score(POINTS @ matrix.T)
        np.testing.assert_allclose(after.distance, before.distance, rtol=1e-9)
        np.testing.assert_array_equal(after.component, before.component)
        for least, tolerance in ((1e-3, 0.02), (1e-30, 0.1), (1e-300, 0.5)):
            seen = before.density_p_value > least
            np.testing.assert_allclose(after.density_p_value[seen], before.density_p_value[seen], rtol=tolerance)


def test_the_order_of_components_and_of_rows_changes_nothing() -> None:
    before, order = OVERLAPPING.outlier_score(POINTS), np.array([2, 0, 1])
    after = OVERLAPPING.reordered(order).outlier_score(POINTS)
    np.testing.assert_array_equal(after.distance, before.distance)
    np.testing.assert_array_equal(order[after.component], before.component)
    np.testing.assert_allclose(after.density_p_value, before.density_p_value, rtol=1e-12)
    turned = OVERLAPPING.outlier_score(POINTS[::-1])
    assert_same_bits(turned, OutlierScores(*(getattr(before, name)[::-1] for name in FIELDS)))


def test_every_call_gives_the_same_bits() -> None:
    scores = OVERLAPPING.outlier_score(POINTS)
    for m in (OVERLAPPING, copy.deepcopy(OVERLAPPING), pickle.loads(pickle.dumps(OVERLAPPING))):  # noqa: S301
        assert_same_bits(m.outlier_score(POINTS, threads=1), scores)
        assert_same_bits(m.outlier_score(POINTS, threads=3), scores)
        assert_same_bits(m.outlier_score(np.asfortranarray(POINTS)), scores)
    long = np.vstack([POINTS] * 20)
    whole = OVERLAPPING.outlier_score(long)
    parts = [OVERLAPPING.outlier_score(long[begin : begin + 2048]) for begin in range(0, len(long), 2048)]
    assert_same_bits(OutlierScores(*(np.concatenate([getattr(p, name) for p in parts]) for name in FIELDS)), whole)
    single = POINTS.astype(np.float32)
    assert_same_bits(OVERLAPPING.outlier_score(single), OVERLAPPING.outlier_score(single.astype(np.float64)))


def test_extreme_rows_and_mixtures_neither_crash_nor_warn() -> None:
    narrow = GaussianMixture([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], [1e-300 * np.eye(2), 1e300 * np.eye(2)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for m in (narrow, OVERLAPPING.marginal([0, 1]), GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)])):
            scores = m.outlier_score([[0.0, 0.0], [1e308, -1e308], [1e-308, 0.0], [1e200, 0.0]])
            for p_value in (scores.distance_p_value, scores.density_p_value):
                assert ((p_value >= 0.0) & (p_value <= 1.0)).all()
            assert (scores.distance >= 0.0).all()
        empty = OVERLAPPING.outlier_score(np.empty((0, 3)))
        assert all(len(getattr(empty, name)) == 0 for name in (*FIELDS, "expected"))


def test_the_p_values_fall_with_what_they_measure() -> None:
    scores = OVERLAPPING.outlier_score(POINTS)
    assert (np.diff(scores.distance_p_value[np.argsort(-scores.distance)]) >= 0.0).all()
    assert (np.diff(scores.density_p_value[np.argsort(scores.log_density)]) >= 0.0).all()
    assert OVERLAPPING.outlier_score(OVERLAPPING.means).density_p_value.max() > 0.9


def test_the_expected_number_of_rows_so_unusual() -> None:
    scores = OVERLAPPING.outlier_score(POINTS)
    np.testing.assert_array_equal(scores.expected, scores.density_p_value * len(POINTS))
    draws = [OVERLAPPING.outlier_score(OVERLAPPING.sample(200, rng=seed)).expected.min() for seed in range(400)]
    assert np.mean(np.array(draws) < 0.05) == pytest.approx(0.05, abs=0.04)  # of tables, not of rows


def test_columns_that_follow_from_others() -> None:
    rng = np.random.default_rng(0)
    celsius, wind = np.concatenate([rng.normal(5.0, 3.0, 150), rng.normal(20.0, 3.0, 150)]), rng.gamma(9.0, 1.0, 300)
    table = np.column_stack([celsius, wind, 1.8 * celsius + 32.0, np.ones(300)])
    m = gmix.fit(table, [1, 2], covariance="full", rng=0).mixture
    assert m.dependence is not None
    assert m.dependence.independent == (0, 1)
    wrong = table.copy()
    wrong[[7, 9], [2, 3]] += 0.5
    scores, independent = m.outlier_score(wrong), m.independent_part.outlier_score(table[:, :2])
    assert np.flatnonzero(scores.departs).tolist() == [7, 9]
    for name in FIELDS[:-1]:
        np.testing.assert_array_equal(getattr(scores, name), getattr(independent, name))
    assert not m.outlier_score(m.sample(100, rng=1)).departs.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert m.outlier_score([[1e308, -1e308, 1e308, 1.0]]).density_p_value.tolist() == [0.0]


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "EII"])
def test_a_row_with_missing_cells_has_the_measures_of_its_other_cells(structure: str) -> None:
    m = of_structure(structure_named(structure))
    x = m.sample(120, rng=6)
    x[:40, 0], x[20:60, [1, 3]], x[60:63] = np.nan, np.nan, np.nan
    scores = m.outlier_score(x)
    np.testing.assert_array_equal(scores.log_density, m.log_density(x))
    for rows, present in ((slice(0, 20), [1, 2, 3]), (slice(20, 40), [2]), (slice(40, 60), [0, 2])):
        alone = m.marginal(present).outlier_score(x[rows, present])
        np.testing.assert_allclose(scores.distance[rows], alone.distance, rtol=1e-10)
        np.testing.assert_array_equal(scores.component[rows], alone.component)
        np.testing.assert_allclose(scores.distance_p_value[rows], alone.distance_p_value, rtol=1e-8)
        np.testing.assert_allclose(scores.density_p_value[rows], alone.density_p_value, rtol=0.1, atol=1e-3)
    nothing, complete = slice(60, 63), slice(63, None)
    assert scores.distance[nothing].tolist() == [0.0] * 3
    assert scores.distance_p_value[nothing].tolist() == scores.density_p_value[nothing].tolist() == [1.0] * 3
    whole = m.outlier_score(x[complete])
    for name in FIELDS:
        np.testing.assert_allclose(getattr(scores, name)[complete], getattr(whole, name), rtol=1e-12)
    long = np.vstack([x] * 40)
    parts = [m.outlier_score(long[begin : begin + 2048]) for begin in range(0, len(long), 2048)]
    together = OutlierScores(*(np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS))
    assert_same_bits(together, m.outlier_score(long))


def test_the_density_p_value_of_draws_with_missing_cells_is_uniform() -> None:
    for m in (OVERLAPPING, random_mixture(2, 6), GaussianMixture([1.0], [[0.0, 1.0]], [[[2.0, 1.0], [1.0, 1.0]]])):
        x = m.sample(20_000, rng=14)
        x[np.random.default_rng(1).random(x.shape) < 0.3] = np.nan
        x = x[~np.isnan(x).all(1)]
        found = m.outlier_score(x).density_p_value
        assert kstest(found, "uniform").pvalue > 0.01
        assert (found == 1.0).mean() < 0.002


def test_columns_that_follow_from_others_with_missing_cells() -> None:
    x = np.random.default_rng(0).standard_normal((200, 2))
    m = gmix.fit(np.column_stack([x, x[:, 0] - x[:, 1]]), [1, 2], covariance="full", rng=0).mixture
    assert m.dependence is not None
    rows = [[0.5, 0.25, np.nan], [0.5, np.nan, np.nan], [0.5, 0.25, 0.5], [np.nan, np.nan, np.nan]]
    scores = m.outlier_score(rows)
    assert scores.departs.tolist() == [False, False, True, False]
    first = m.independent_part.marginal([0]).outlier_score([[0.5]])
    np.testing.assert_allclose(scores.density_p_value[1], first.density_p_value[0], rtol=0.02)
    assert scores.density_p_value[0] == scores.density_p_value[2]


def test_what_is_no_row_is_refused() -> None:
    for wrong in ([[1.0, 2.0]], [[np.inf, 1.0, 2.0]], "text", [["a", "b", "c"]]):
        with pytest.raises(DataError):
            OVERLAPPING.outlier_score(wrong)
    with pytest.raises(ParameterError, match="threads"):
        OVERLAPPING.outlier_score(POINTS, threads=0)
