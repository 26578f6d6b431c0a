"""Starts: every method gives valid mixtures for any table, and the same ones whatever the units of the columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.cluster import hierarchy

import gmix
import gmix.fitting.narrowing
from gmix.demo import FAITHFUL
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.start import NAMES, Start, WarmStart, as_start
from gmix.fitting.start.agglomeration import by_determinants, by_sum_of_squares
from gmix.fitting.start.function import StartFunction
from gmix.model.covariance import EEE, STRUCTURES, VII, VVI, VVV, Structure
from gmix.model.stopping import StoppingRule
from gmix.sources import MemorySource

Array = NDArray[np.float64]
MADE = [name for name in NAMES if name != "auto"]


def clouds(n: int = 150, d: int = 3, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    centers = 12.0 * rng.normal(size=(3, d))
    return np.concatenate([c + rng.normal(size=(n // 3, d)) * rng.uniform(0.3, 1.5, d) for c in centers])


def mixtures(
    start: str | Start, x: NDArray[Any], k: int, structure: Structure = VVV, seed: int = 0, **settings: Any
) -> list[gmix.GaussianMixture]:
    source = MemorySource(x, **settings)
    return as_start(start).mixtures(source, None, np.random.default_rng(seed))(k, structure)


def assert_valid(found: list[gmix.GaussianMixture], k: int, x: NDArray[Any]) -> None:
    assert found
    for mixture in found:
        assert (mixture.n_components, mixture.n_features) == (k, x.shape[1])
        assert mixture.weights.sum() == pytest.approx(1.0)
        assert (mixture.weights >= 0.0).all()
        assert np.isfinite(mixture.means).all()
        assert np.isfinite(mixture.log_density(x)).all()
        gmix.GaussianMixture(mixture.weights, mixture.means, mixture.covariances)  # raises if it is not valid


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
@pytest.mark.parametrize("start", MADE)
def test_every_structure(start: str, structure: Structure) -> None:
    x = clouds()
    for k in (1, 2, 5):
        found = mixtures(start, x, k, structure)
        assert_valid(found, k, x)
        assert all(mixture.structure is structure for mixture in found)


TABLES = {
    "one column": (clouds(90, 1), 4),
    "one row": (np.array([[1.0, 2.0]]), 1),
    "as many components as rows": (clouds(9, 2), 9),
    "repeated rows": (np.repeat(clouds(6, 2), 10, axis=0), 6),
    "fewer distinct rows than components": (np.repeat(clouds(3, 2), 10, axis=0), 5),
    "rows that are all equal": (np.ones((20, 2)), 3),
    "a constant column": (np.column_stack([clouds(90, 2), np.full(90, 7.0)]), 3),
    "a column that repeats another": (clouds(90, 1) @ np.ones((1, 2)), 3),
    "integers": (np.round(clouds(90, 2)), 4),
    "float32": (clouds(90, 2).astype(np.float32), 3),
    "an outlier": (np.vstack([clouds(90, 2), [[1e9, -1e9]]]), 3),
    "far from zero": (1e8 + clouds(90, 2), 3),
    "more columns than rows": (np.random.default_rng(1).normal(size=(8, 12)), 2),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("start", MADE)
def test_any_table(start: str, name: str) -> None:
    x, k = TABLES[name]
    for structure in (EEE, VII, VVI, VVV):
        if x.shape[1] > 1 or structure in (EEE, VII):
            assert_valid(mixtures(start, x, k, structure.in_columns(x.shape[1])), k, x)


@pytest.mark.parametrize("start", MADE)
def test_values_and_weights_of_any_size(start: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        n, d = rng.integers(2, 9), int(rng.integers(1, 5))
        x = rng.choice([0.0, 1.0, -1.0, 2.5, 1e150, 1e-150, 9e15, 1e-300, 1e100], (n, d))
        weight = np.append(1.0, rng.choice([1e-300, 1e-10, 1.0, 2.0, 0.0], n - 1))
        for structure in (EEE, VII, VVV):
            for found in mixtures(start, x, 1 + int(weight[1] > 0.0), structure.in_columns(d), sample_weight=weight):
                assert np.isfinite(found.means).all()
                assert np.isfinite(found.covariances).all()


@pytest.mark.parametrize("start", MADE)
def test_rows_of_any_weight(start: str) -> None:
    x, rng = clouds(), np.random.default_rng(1)
    for weight in (rng.exponential(size=len(x)), rng.integers(0, 2, len(x)) * 1.0, 10.0 ** rng.uniform(-80, 0, len(x))):
        assert_valid(mixtures(start, x, 3, sample_weight=weight), 3, x)


@pytest.mark.parametrize("start", ["hierarchical", "grow"])
def test_a_row_of_weight_two_counts_twice(start: str) -> None:
    x = clouds(60, 2)
    count = np.random.default_rng(1).integers(1, 4, len(x))
    weighted = mixtures(start, x, 4, sample_weight=count)
    repeated = mixtures(start, np.repeat(x, count, axis=0), 4)
    assert len(weighted) == len(repeated)
    for one, other in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(one.means, other.means, rtol=1e-6)
        np.testing.assert_allclose(one.covariances, other.covariances, rtol=1e-6)


@pytest.mark.parametrize("start", MADE)
def test_a_seed_gives_the_same_starts_and_another_seed_others_if_the_method_draws(start: str) -> None:
    x = clouds(300, 2, 5) / 3.0
    means = [[mixture.means for mixture in mixtures(start, x, 6, seed=seed)] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(means[0], means[1])
    if as_start(start).draws:
        assert not np.array_equal(means[0], means[2])
    else:
        np.testing.assert_array_equal(means[0], means[2])


@pytest.mark.parametrize("structure", [EEE, VVI, VVV], ids=str)
@pytest.mark.parametrize("start", MADE)
def test_units_and_offsets_do_not_matter(start: str, structure: Structure) -> None:
    x, scale, offset = clouds(), np.array([2.0**-20, 1.0, 2.0**30]), np.array([3.0, -2.0, 2.0**31])
    plain, moved = mixtures(start, x, 3, structure), mixtures(start, x * scale + offset, 3, structure)
    assert len(plain) == len(moved)
    for one, other in zip(plain, moved, strict=True):
        np.testing.assert_allclose(other.weights, one.weights, rtol=1e-5)
        np.testing.assert_allclose((other.means - offset) / scale, one.means, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(other.covariances / scale / scale[:, None], one.covariances, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("start", MADE)
def test_streams_and_large_tables_give_starts_from_a_sub_sample(start: str) -> None:
    x = clouds(9_000, 2)
    assert_valid(mixtures(start, x, 3), 3, x)
    fit = partial(gmix.fit, components=3, covariance="full", start=start, rng=0, max_iterations=20)
    streamed, whole = fit([x[:5_000], x[5_000:]]), fit(x)
    assert streamed.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-9)


@pytest.mark.parametrize("most", [0, 1, 5])
@pytest.mark.parametrize("start", NAMES)
def test_no_run_takes_more_iterations_than_are_allowed(start: str, most: int) -> None:
    """Races of starts are runs too, and so are those on a sub-sample."""
    for x in (FAITHFUL, clouds(30_000, 2)):
        for effort in (0.0, 1.0):
            fit = gmix.fit(x, 4, covariance="full", start=start, max_iterations=most, effort=effort, rng=0)
            assert len(fit.history) <= most + 1
            assert fit.reason in (gmix.Reason.ITERATION_LIMIT, gmix.Reason.CONVERGED)


@pytest.mark.parametrize("start", MADE)
def test_clear_clusters_are_found(start: str) -> None:
    x = clouds()
    fit = gmix.fit(x, 3, covariance="full", start=start, rng=0)
    sizes = np.bincount(fit.mixture.predict(x))
    np.testing.assert_array_equal(sizes, [50, 50, 50])


@pytest.mark.parametrize("start", MADE)
def test_a_search_over_candidates_takes_every_method(start: str) -> None:
    fit = gmix.fit(clouds(), [1, 2, 3, 4], covariance=["EII", "VEE", "VVV"], start=start, rng=0)
    assert fit.mixture.n_components == 3
    assert len(fit.search.candidates) == 12


def test_large_tables_are_narrowed_with_the_same_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gmix.fitting.narrowing, "_STAGES", (500, 1_000))
    x = clouds(3_000, 2)
    plan = SearchPlan([1, 2, 3], [EEE, VVV], as_start("hierarchical"), StoppingRule())
    narrowed = gmix.fitting.narrowing.narrowed(MemorySource(x), plan, np.random.default_rng(0))
    assert isinstance(narrowed.plan.start, WarmStart)
    assert narrowed.plan.start.fresh == as_start("hierarchical")


def test_growing_reaches_an_optimum_that_seeds_seldom_reach() -> None:
    best = -1114.44  # where about one in ten runs from k-means++ seeds ends
    rows = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)
    [grown] = mixtures("grow", rows, 3)
    fit = gmix.fit(rows, start=grown)
    assert fit.log_likelihood == pytest.approx(best, abs=0.01)


def test_a_component_is_grown_whatever_was_asked_before() -> None:
    x = clouds()
    several = as_start("grow").mixtures(MemorySource(x), None, np.random.default_rng(0))
    assert [len(several(k, VVV)[0].means) for k in (4, 2, 5)] == [4, 2, 5]
    [one], [other] = several(5, VVV), mixtures("grow", x, 5)
    np.testing.assert_array_equal(one.means, other.means)


def needles(n: int = 400, seed: int = 0) -> tuple[Array, Array]:
    """Long thin clusters beside one another, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    return np.column_stack([rng.normal(size=n) * 10.0, labels + rng.normal(size=n) / 10.0]), labels


def test_agglomeration_by_determinants_finds_long_thin_clusters() -> None:
    x, labels = needles()
    x = (x - x.mean(0)) / x.std(0)
    squares = by_sum_of_squares(x, np.ones(len(x)))
    determinants = by_determinants(x, np.ones(len(x)), squares, 0.003)

    def purity(found: NDArray[np.intp]) -> float:
        return float(np.mean([np.bincount(labels[found == k]).max() for k in range(4)]) * 4 / len(x))

    assert purity(determinants.labels(4)) > 0.95 > purity(squares.labels(4))


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_a_tree_has_every_number_of_clusters(n: int) -> None:
    for x in (np.random.default_rng(n).normal(size=(n, 2)), np.zeros((n, 2)), np.round(clouds(3 * n, 2)[:n])):
        squares = by_sum_of_squares(x, np.ones(n))
        for tree in (squares, by_determinants(x, np.ones(n), squares, 0.03)):
            for k in range(1, n + 1):
                labels = tree.labels(k)
                assert len(np.unique(labels)) == k
                assert (np.diff(np.maximum.accumulate(labels)) <= 1).all()
                assert labels[0] == 0


def test_agglomeration_by_sums_of_squares_is_that_of_ward() -> None:
    for n, d, seed in ((20, 1, 0), (100, 2, 1), (400, 5, 2)):
        x = np.random.default_rng(seed).normal(size=(n, d))
        tree = by_sum_of_squares(x, np.ones(n))
        linkage = hierarchy.linkage(x, "ward")
        for k in (1, 2, 5, n // 2):
            other = hierarchy.fcluster(linkage, k, "maxclust")
            assert len(set(zip(tree.labels(k).tolist(), other.tolist(), strict=True))) == k


RETURNS: dict[str, Callable[[Array, int, np.random.Generator], Any]] = {
    "labels": lambda x, k, rng: rng.integers(0, k, len(x)),
    "a list of labels": lambda x, k, rng: (np.arange(len(x)) % k).tolist(),
    "fewer labels than components": lambda x, k, rng: np.zeros(len(x), int),
    "responsibilities": lambda x, k, rng: rng.dirichlet(np.ones(k), len(x)),
    "a mixture": lambda x, k, rng: mixtures("k-means++", x, k)[0],
    "a mixture of another structure": lambda x, k, rng: mixtures("k-means++", x, k, EEE)[0],
}


@pytest.mark.parametrize("name", RETURNS)
def test_a_function_makes_starts(name: str) -> None:
    x = clouds()
    for structure in (EEE, VII, VVV):
        found = mixtures(StartFunction(RETURNS[name]), x, 3, structure)
        assert_valid(found, 3, x)
        assert found[0].structure is structure
    fit = gmix.fit(x, [2, 3], covariance=["EII", "VVV"], start=RETURNS[name], rng=3)
    again = gmix.fit(x, [2, 3], covariance=["EII", "VVV"], start=RETURNS[name], rng=3)
    assert fit.log_likelihood == again.log_likelihood


def test_a_function_is_called_with_the_rows_once_for_each_number_of_components() -> None:
    calls: list[tuple[Array, int, np.random.Generator]] = []

    def start(*arguments: Any) -> Any:
        calls.append(arguments)
        return np.arange(len(arguments[0])) % arguments[1]

    x, generator = clouds().astype(np.float32), np.random.default_rng(0)
    gmix.fit(x, [1, 2, 3], covariance=["EEE", "VVV"], start=start, rng=generator)
    assert [k for _, k, _ in calls] == [1, 2, 3]
    for rows, _, rng in calls:
        np.testing.assert_array_equal(rows, x)
        assert rng is generator
    weight = np.arange(len(x)) % 3
    fit = gmix.fit(x, 2, covariance="full", start=start, sample_weight=weight)
    assert len(calls[-1][0]) == np.count_nonzero(weight)  # a row of weight zero is none
    same = gmix.fit(x[weight > 0], 2, covariance="full", start=start, sample_weight=weight[weight > 0])
    assert fit.log_likelihood == pytest.approx(same.log_likelihood, rel=1e-12)


def test_a_function_starts_from_a_sub_sample_of_a_stream() -> None:
    x, seen = clouds(9_000, 2), []

    def start(rows: Array, k: int, rng: np.random.Generator) -> Any:
        seen.append(len(rows))
        return as_start("k-means++").mixtures(MemorySource(rows), None, rng)(k, VVV)[0]

    gmix.fit([x[:5_000], x[5_000:]], 3, covariance="full", start=start, rng=0, max_iterations=3)
    gmix.fit(x, 3, covariance="full", start=start, rng=0, max_iterations=3)
    assert seen == [2_000, 9_000]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returned None; return a gmix.GaussianMixture of 3 components in 3 columns, integer labels from 0 to 2"),
        ("k-means++", "returned 'k-means"),
        (np.zeros(5, int), r"returned an array of shape \(5,\) and int64"),
        (np.full(150, 3), r"returned an array of shape \(150,\)"),
        (np.full(150, -1), r"returned an array of shape \(150,\)"),
        (np.full(150, 0.5), r"returned an array of shape \(150,\) and float64"),
        (np.full((150, 2), 0.5), r"returned an array of shape \(150, 2\)"),
        (np.full((150, 3), 0.5), r"returned an array of shape \(150, 3\)"),
        (gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]]), r"returned GaussianMixture\(V, 1 component, 1 feature\)"),
        (lambda: None, "returned something of type function"),
    ],
)
def test_a_function_that_returns_no_start_is_an_error_that_names_what_came_back(returned: Any, message: str) -> None:
    with pytest.raises(gmix.ParameterError, match=message):
        gmix.fit(clouds(), 3, covariance="full", start=lambda *_: returned)


def test_names_of_methods() -> None:
    with pytest.raises(gmix.ParameterError, match=r"'hierarchic' is not known; .*did you mean 'hierarchical'"):
        gmix.fit(clouds(), 3, start="hierarchic")
    with pytest.raises(gmix.ParameterError, match="start must be 'auto', 'k-means"):
        gmix.fit(clouds(), 3, start=3.5)


def test_what_the_search_reads_of_a_start() -> None:
    made = {name: (as_start(name).is_made, as_start(name).draws) for name in MADE}
    assert made == {
        "k-means++": (True, True), "adaptive": (True, True), "hierarchical": (True, False), "grow": (True, False),
    }  # fmt: skip
    assert (as_start(np.zeros(3, int)).is_made, as_start(np.zeros(3, int)).draws) == (False, False)
    assert (as_start(lambda *_: None).is_made, as_start(lambda *_: None).draws) == (False, True)
