"""Tables that are degenerate as a whole: columns that follow from others, rows that repeat, few different rows."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

import gmix
import gmix.sklearn
from gmix.fitting.distinct import DistinctRows
from gmix.model.dependence import Dependence, find_dependence, independent_columns

Array = NDArray[np.float64]
FEW = ["EII", "VVI", "EEE", "VVV"]


def two(seed: int = 0) -> tuple[Array, NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], 120)
    return np.array([[0.0, 0.0], [6.0, 3.0]])[labels] + rng.normal(size=(240, 2)) * [1.0, 2.0], labels


def beside(x: Array, name: str) -> Array:
    """The same rows with columns that follow from the two there are."""
    a, b = x.T
    columns = {
        "a constant": [a, b, np.full(len(x), 7.0)],
        "a constant first": [np.full(len(x), -1e9 / 3), a, b],
        "Celsius and Fahrenheit": [a, 1.8 * a + 32.0, b],
        "a sum": [a, b, a + b],
        "shares of a whole": [a, b, 100.0 - a - b],
        "other units": [a, b, 1e-150 * a, 1e150 * b],
        "twice": [a, b, a, b],
        "all of these": [np.ones(len(x)), a, -a, b, a - 2.0 * b, np.zeros(len(x))],
    }
    return np.column_stack(columns[name])


KINDS = [
    "a constant",
    "a constant first",
    "Celsius and Fahrenheit",
    "a sum",
    "shares of a whole",
    "other units",
    "twice",
    "all of these",
]


@pytest.mark.parametrize("name", KINDS)
def test_columns_that_follow_from_others_change_nothing(name: str) -> None:
    x, labels = two()
    plain, wide = gmix.fit(x, range(1, 5), covariance=FEW, rng=0), beside(x, name)
    fit = gmix.fit(wide, range(1, 5), covariance=FEW, rng=0)
    assert (fit.mixture.structure, fit.mixture.n_components) == (plain.mixture.structure, plain.mixture.n_components)
    assert fit.bic == pytest.approx(plain.bic, abs=1e-6)
    assert fit.n_parameters == plain.n_parameters
    assert adjusted_rand_score(labels, fit.mixture.predict(wide)) > 0.95
    assert fit.log_likelihood == pytest.approx(float(fit.mixture.log_density(wide).sum()), rel=1e-12)
    [told] = [finding for finding in fit.findings if finding.name == "dependent columns"]
    assert told.level == "note"
    assert not [finding for finding in fit.findings if finding.level == "warning"]


@pytest.mark.parametrize("name", KINDS)
def test_a_mixture_carries_them_along(name: str, tmp_path: Path) -> None:
    x, _ = two()
    wide = beside(x, name)
    fit = gmix.fit(wide, [1, 2], covariance=FEW, rng=0)
    mixture, dependence = fit.mixture, fit.mixture.dependence
    assert dependence is not None
    assert mixture.means.shape == (2, wide.shape[1])
    assert not dependence.departs(mixture.means).any()
    np.testing.assert_allclose(mixture.mean, wide.mean(0), rtol=1e-9, atol=1e-9 * np.abs(wide).max(0).min())
    np.testing.assert_allclose(mixture.covariance, np.cov(wide.T, bias=True), rtol=1e-6, atol=1e-6)
    sample = mixture.sample(50, rng=1)
    assert sample.shape == (50, wide.shape[1])
    assert not dependence.departs(sample).any()
    fit.save(tmp_path / "model.json")
    for again in (gmix.load(tmp_path / "model.json").mixture, pickle.loads(pickle.dumps(mixture))):  # noqa: S301
        np.testing.assert_array_equal(again.means, mixture.means)
        np.testing.assert_array_equal(again.log_density(wide), mixture.log_density(wide))
        assert again.names == mixture.names
    assert "component" in fit.summary(gmix.standard_errors(fit, wide))
    assert gmix.merge(fit, wide).predict(wide).shape == (240,)
    assert np.isfinite(gmix.cross_validate(fit, wide, folds=2, rng=0))
    assert gmix.bootstrap(fit, wide, replicates=2, rng=0).means.shape == (2, *mixture.means.shape)
    assert gmix.predict_to(mixture, wide, tmp_path / "labels.csv") == 240


def test_marginals_and_conditionals_of_a_mixture_that_carries_columns() -> None:
    x, _ = two()
    wide = beside(x, "Celsius and Fahrenheit")  # a, 1.8 a + 32, b
    mixture, plain = (gmix.fit(t, [2, 3], covariance="VVV", rng=0).mixture for t in (wide, x))
    for chosen, same in (([0, 2], [0, 1]), ([2], [1]), ([2, 0], [1, 0])):
        part = mixture.marginal(chosen)
        np.testing.assert_allclose(part.log_density(wide[:, chosen]), plain.marginal(same).log_density(x[:, same]))
    fahrenheit = mixture.marginal([1])
    np.testing.assert_allclose(fahrenheit.means, 1.8 * plain.marginal([0]).means + 32.0)
    both = mixture.marginal([1, 0])
    assert both.dependence is not None
    np.testing.assert_allclose(both.sample(9, rng=0) @ [1.0, -1.8], 32.0)
    expected = plain.condition({0: 1.0})
    for given in ({0: 1.0}, {1: 33.8}):
        part = mixture.condition(given)
        at = [[p, *row] for p, row in zip([33.8] * 5, np.linspace(-3, 3, 5)[:, None], strict=True)]
        inner = part if part.n_features == 1 else part.marginal([part.n_features - 1])
        np.testing.assert_allclose(
            inner.log_density(np.array(at)[:, 1:]), expected.log_density(np.array(at)[:, 1:]), rtol=1e-9
        )
    left = mixture.condition({2: 0.5})
    np.testing.assert_allclose(left.sample(9, rng=0) @ [-1.8, 1.0], 32.0)
    np.testing.assert_allclose(left.marginal([0]).means, plain.condition({1: 0.5}).means)
    np.testing.assert_allclose(
        mixture.affine([[0.0, 1.0, 0.0]], [-32.0]).means, 1.8 * plain.marginal([0]).means, rtol=1e-9
    )
    units = np.array([100.0, 5.0, 0.01])
    moved = mixture.affine(np.diag(units), 7.0)
    np.testing.assert_allclose(moved.means, units * mixture.means + 7.0)
    np.testing.assert_allclose(moved.covariances, np.outer(units, units) * mixture.covariances, rtol=1e-9)
    np.testing.assert_allclose(
        moved.log_density(units * wide + 7.0), plain.log_density(x) - np.log(100.0 * 0.01), rtol=1e-9
    )
    with pytest.raises(gmix.ParameterError, match="finite"):
        mixture.affine(np.diag([1.0, np.nan, 1.0]))
    with pytest.raises(gmix.ParameterError, match="follow from the given values"):
        mixture.condition({0: 1.0, 2: 0.0})
    constant = gmix.fit(beside(x, "a constant"), [2, 3], covariance="VVV", rng=0).mixture
    with pytest.raises(gmix.ParameterError, match="constant"):
        constant.marginal([2])
    np.testing.assert_allclose(constant.condition({2: 7.0}).means, plain.means)


def test_the_estimator_keeps_the_shapes_of_its_columns() -> None:
    x, labels = two()
    wide = beside(x, "a constant")
    model = gmix.sklearn.GaussianMixture(n_components=range(1, 4)).fit(wide)
    assert (model.means_.shape, model.covariances_.shape) == ((2, 3), (2, 3, 3))
    assert adjusted_rand_score(labels, model.predict(wide)) > 0.95
    assert model.bic(wide) == pytest.approx(model.fit_.bic)
    assert not hasattr(model, "precisions_")
    with pytest.raises(AttributeError, match="x3 = 7"):
        _ = model.precisions_cholesky_


def test_the_equations_are_told_by_name_and_do_not_depend_on_units() -> None:
    rng = np.random.default_rng(0)
    c, p = rng.normal(20.0, 8.0, 90), rng.normal(size=90)
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"c": c, "p": p, "f": 1.8 * c + 32.0, "one": 1.0})
    fit = gmix.fit(table, [1, 2], covariance="VVV", rng=0)
    assert "in all rows f = 1.8 c + 32 and one = 1, so" in str(fit.findings)
    assert fit.mixture.features == ("c", "p", "f", "one")
    for scale in (1e-150, 1.0, 1e150):
        found = find_dependence(np.column_stack([scale * c, p / scale, 1.8 * c + 32.0]))
        assert found is not None
        assert found.independent == (0, 1)
    assert find_dependence(table.to_numpy().astype(np.float32)) is not None


@pytest.mark.parametrize(
    "table",
    [
        np.random.default_rng(0).normal(size=(300, 3)),
        np.random.default_rng(0).normal(size=(9, 30)),  # fewer rows than columns lie in a plane, and that means nothing
        np.ones((20, 2)),
        np.repeat([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], 1, 0),
    ],
    ids=["independent", "few rows", "nothing but constants", "three rows"],
)
def test_no_column_is_said_to_follow_where_none_does(table: Array) -> None:
    assert find_dependence(table) is None


def test_a_column_that_follows_but_for_noise_is_kept() -> None:
    x, _ = two()
    noisy = np.column_stack([x, x[:, 0] + 1e-5 * np.random.default_rng(1).normal(size=len(x))])
    assert find_dependence(noisy) is None
    beside_another = find_dependence(np.column_stack([noisy, 2.0 * x[:, 0]]))
    assert beside_another is not None
    assert beside_another.independent == (0, 1, 2)
    nearly = np.column_stack([x, x[:, 0] + 1e-9 * np.random.default_rng(1).normal(size=len(x))])
    found = find_dependence(nearly)  # to float64 a covariance of these is singular
    assert found is not None
    assert found.independent == (0, 1)
    narrow = np.repeat([0.0, 1e7, 3e7], 80)[:, None] + np.random.default_rng(2).normal(size=(240, 2))
    assert find_dependence(narrow) is None  # within the clusters the columns are independent
    late = beside(x, "a sum")
    late[200, 2] += 1.0  # one row departs
    fit = gmix.fit(late, [1, 2], covariance=FEW, rng=0)
    assert fit.mixture.dependence is None


def test_the_columns_that_follow_are_found_from_the_left() -> None:
    a, b = np.eye(3)[:2]
    assert independent_columns(np.column_stack([0.0 * a, a, 2.0 * a, b, a - b, 1e-9 * np.eye(3)[2]])) == [1, 3, 5]
    tilted = np.column_stack([a, a + 1e-3 * b, a + 1e-3 * b])
    assert independent_columns(tilted) == [0, 1]
    assert independent_columns(tilted, 2e-3) == [0]
    assert independent_columns(tilted, np.array([0.0, 2e-3, 0.5e-3])) == [0, 2]  # a tolerance for each column
    assert independent_columns(np.zeros((3, 2))) == []


@pytest.mark.parametrize(("departure", "follows"), [(1.7e-5, True), (2.1e-5, False), (-2.1e-5, False)])
def test_a_row_departs_by_a_millionth_of_the_width_that_a_tenth_of_the_rows_have(
    departure: float, follows: bool
) -> None:
    x = np.arange(100.0)
    y = 2.0 * x  # ten rows are twenty wide
    y[40] += departure
    assert (find_dependence(np.column_stack([x, y])) is not None) is follows


def test_five_rows_of_two_columns_may_lie_on_a_line_by_more_than_chance() -> None:
    x = np.array([0.0, 1.0, 2.0, 4.0, 9.0])
    line = np.column_stack([x, 2.0 * x])
    assert find_dependence(line[:4]) is None
    found = find_dependence(line)
    assert found is not None
    np.testing.assert_allclose(found.matrix, [[1.0], [2.0]], rtol=1e-15)
    assert found.offset.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e9])
def test_what_rounding_moves_still_follows(offset: float) -> None:
    rng = np.random.default_rng(0)
    x = offset + rng.uniform(0.0, 1.0, (60, 2))
    found = find_dependence(np.column_stack([x, 1.8 * x[:, 0] + 32.0, np.full(60, offset / 3.0)]))
    assert found is not None
    assert found.independent == (0, 1)
    np.testing.assert_allclose(found.matrix[2], [1.8, 0.0], atol=1e-6)
    assert found.offset[3] == offset / 3.0
    if offset < 1e9:  # what contributes nothing but rounding does not contribute
        assert found.matrix[2, 1] == 0.0
        single = x[:, :1].astype(np.float32)
        assert find_dependence(np.column_stack([single, np.float32(1.8) * single + np.float32(32.0)])) is not None


def test_rows_lie_in_the_plane_or_depart_from_it() -> None:
    plane = Dependence((0, 2), np.array([[1.0, 0.0], [2.0, -1.0], [0.0, 1.0]]), np.array([0.0, 3.0, 0.0]))
    points = np.array([[1.0, 5.0], [1e8, 1e8]])
    rows = plane.expand(points)
    assert rows.tolist() == [[1.0, 0.0, 5.0], [1e8, 1e8 + 3.0, 1e8]]
    assert plane.departs(rows).tolist() == [False, False]
    nudge = 3.0 * np.finfo(np.float64).eps * (4e8 + 6.0)  # of at most ten
    assert plane.departs(rows + np.array([0.0, nudge, 0.0])).tolist() == [True, False]
    assert plane.departs(rows + np.array([0.0, 4.0 * nudge, 0.0])).tolist() == [True, True]
    slack = Dependence(plane.independent, plane.matrix, plane.offset, np.array([0.0, 1e-3, 0.0]))
    assert slack.departs(rows + np.array([0.0, 0.9e-3, 0.0])).tolist() == [False, False]
    assert slack.departs(rows - np.array([0.0, 1.1e-3, 0.0])).tolist() == [True, True]


def test_equations_are_written_as_a_person_would() -> None:
    matrix = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0], [-1.8, 1.0], [0.0, 0.0]])
    plane = Dependence((0, 1), matrix, np.array([0.0, 0.0, 0.0, -1.0, 1.0]))
    assert plane.described(["week 1 sales", "1 b", "c", "d", "e"]) == (
        "c = week 1 sales - 1 b, d = - 1.8 week 1 sales + 1 b - 1 and e = 1"
    )
    assert str(plane) == "x3 = x1 - x2, x4 = - 1.8 x1 + x2 - 1 and x5 = 1"


def test_a_row_that_departs_beyond_the_sub_sample_is_seen() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6000, 2))
    wide = np.column_stack([x, x.sum(1)])
    assert gmix.fit(wide, [1, 2], covariance="VVV", rng=0).mixture.dependence is not None
    wide[4321, 2] += 0.5
    assert gmix.fit(wide, [1, 2], covariance="VVV", rng=0).mixture.dependence is None


def test_sources_of_every_kind_find_the_same_dependence(tmp_path: Path) -> None:
    dask = pytest.importorskip("dask.array")
    x, _ = two()
    wide = beside(x, "Celsius and Fahrenheit")
    settings: dict[str, Any] = {"components": [1, 2], "covariance": "VVV", "rng": 0, "tolerance": 1e-12}
    plain = gmix.fit(wide, **settings)
    for data in ([wide[:100], wide[100:]], dask.from_array(wide, chunks=(70, 3))):
        fit = gmix.fit(data, **settings)
        assert fit.mixture.dependence is not None
        # Starts that differ in the order of components alone reach likelihoods that differ in their last bits, and the
        # likelihood is flat at its maximum: means differ by the root of that.
        found, wanted = (m.means[m.means[:, 0].argsort()] for m in (fit.mixture, plain.mixture))
        np.testing.assert_allclose(found, wanted, rtol=1e-7)
        assert fit.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.3, 0.5])
def test_a_row_that_repeats_very_often_is_a_component(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    repeated = rng.random(600) < share
    x = np.where(repeated[:, None], 0.0, rng.normal(3.0, 1.0, (600, 2)))
    fit = gmix.fit(x, rng=0)
    assert fit.mixture.n_components == 2
    assert adjusted_rand_score(repeated, fit.mixture.predict(x)) == 1.0
    [told] = [finding for finding in fit.findings if finding.name == "repeated rows"]
    assert told.level == "warning"
    assert f"{repeated.sum()} of 600 rows are (0, 0)" in told.message


@pytest.mark.parametrize("k", [2, 3, 4])
def test_few_different_rows_are_as_many_components(k: int) -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [4.0, 1.0], [2.0, 7.0]])[:k]
    x = np.repeat(points, 100, axis=0)
    fit = gmix.fit(x, rng=0)
    assert fit.mixture.n_components == k
    assert adjusted_rand_score(np.repeat(np.arange(k), 100), fit.mixture.predict(x)) == 1.0
    assert f"the table has only {k} distinct rows" in str(fit.findings)


@pytest.mark.parametrize(
    ("times", "often"),
    [([54] + [1] * 486, True), ([53] + [1] * 487, False), ([200] + [20] * 20, True), ([198] + [20] * 20, False)],
    ids=["a tenth", "less than a tenth", "ten times the median", "less than ten times"],
)
def test_how_often_a_row_must_repeat(times: list[int], often: bool) -> None:
    x = np.repeat(np.arange(len(times), dtype=float), times)[:, None]
    assert DistinctRows.of(x).repeated.tolist() == [0] * often
    weighted = DistinctRows.of(np.arange(len(times), dtype=float)[:, None], np.array(times, float))
    assert weighted.repeated.tolist() == [0] * often


def test_different_rows_are_few_beside_components_and_rows() -> None:
    few = DistinctRows.of(np.repeat(np.arange(4.0), 2)[:, None])
    assert few.are_few(4)
    assert not few.are_few(3)
    assert not DistinctRows.of(np.append(np.repeat(np.arange(3.0), 2), 9.0)[:, None]).are_few(4)


def test_a_fit_of_one_stated_candidate_or_from_a_given_start_keeps_all_columns() -> None:
    x, labels = two()
    wide = beside(x, "Celsius and Fahrenheit")
    for settings in ({"components": 2, "covariance": "VVV"}, {"start": labels, "covariance": ["VVV", "EEE"]}):
        fit = gmix.fit(wide, rng=0, **settings)  # type: ignore[arg-type]
        assert fit.mixture.dependence is None
        assert "collapsed component" in {finding.name for finding in fit.findings}


def test_a_row_of_great_weight_is_a_component_and_the_finding_names_its_weight() -> None:
    x = np.random.default_rng(3).normal(size=(200, 2))
    fit = gmix.fit(x, sample_weight=np.r_[300.0, np.ones(199)], rng=0)
    [found] = [finding for finding in fit.findings if finding.name == "repeated rows"]
    assert "1 of 200 rows (60\N{NO-BREAK SPACE}% of all weight) is (" in found.message


@pytest.mark.parametrize("covariance", ["VVV", "VVI", "EEE"])
def test_one_candidate_that_collapses_names_the_columns(covariance: str) -> None:
    x, _ = two()
    wide = np.c_[x, np.full(len(x), 3.5), 1.8 * x[:, 0] + 32.0]
    [found] = [f for f in gmix.fit(wide, 2, covariance=covariance, rng=0).findings if f.name == "dependent columns"]
    assert "x3 = 3.5 and x4 = 1.8 x1 + 32" in found.message
    assert "leave these columns out" in found.message
    fit = gmix.fit(x, 2, covariance=covariance, rng=0)
    assert "dependent columns" not in str(fit.findings)


@pytest.mark.parametrize("columns", [1, 2])
def test_there_are_no_more_components_than_different_rows_with_a_prior_either(columns: int) -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0]])[:, :columns]
    fit = gmix.fit(np.repeat(points, 100, axis=0), prior=gmix.NormalInverseWishart(), rng=0)
    assert fit.mixture.n_components == 2
    assert "range cut" in {finding.name for finding in fit.findings}


def test_values_that_are_merely_rounded_are_no_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(40.0, 12.0, 500))
    fit = gmix.fit(x, rng=0)
    assert fit.mixture.n_components == 1
    assert not {"repeated rows", "few different rows"} & {finding.name for finding in fit.findings}


def test_rows_that_are_all_copied_are_a_note() -> None:
    x, _ = two()
    once, twice = (gmix.fit(table, [1, 2], covariance="VVV", rng=0) for table in (x, np.repeat(x, 2, axis=0)))
    assert "copied rows" not in str(once.findings)
    assert "only 240 of 480 rows are distinct" in str(twice.findings)


def test_where_everything_is_set_aside_the_answer_says_so() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))
    fit = gmix.fit(x, [2, 3], covariance=["VVI", "VVV"], rng=0)
    [told] = [finding for finding in fit.findings if finding.name == "candidates set aside"]
    assert told.level == "warning"
    assert "4 of 4 candidates were set aside" in told.message
