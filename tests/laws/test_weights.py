"""A row of weight 2 counts twice, a row of weight 0 is ignored, and a row in two halves is one: in everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import Dirichlet, Fit, GaussianMixture, NormalInverseWishart, StandardErrors, SufficientStatistics
from gmix.fitting.inspection import Sample
from gmix.inference import cross_validation
from gmix.model.covariance import DIRECT, FULL, STRUCTURES, Structure
from gmix.model.priors import Prior
from gmix.sources import as_source

Array = NDArray[np.float64]
Numbers = Any  # a number, an array, or a dict or list of these
EVERY = [*STRUCTURES, *(s.with_equal_weights for s in DIRECT), *(s.with_covariance_ratio(20.0) for s in DIRECT[-1:])]
PRIORS: dict[str, Prior | None] = {
    "ML": None,
    "default prior": NormalInverseWishart(),
    "prior of everything": NormalInverseWishart(mean_strength=3.0) + Dirichlet(5.0),
}


class Table:
    """A table of distinct rows with counts, and what it can also be written as."""

    def __init__(self, rows: Array, counts: NDArray[Any]) -> None:
        counting, n = counts > 0, np.arange(len(rows))
        self.rows, self.weight = rows, counts.astype(float)
        self.written: dict[str, tuple[NDArray[np.intp], Array | None]] = {  # which rows, and their weights
            "each row as often as it counts": (np.repeat(n, counts), None),
            "without the rows of weight 0": (n[counting], self.weight[counting]),
            "in halves": (np.repeat(n, 2), np.repeat(self.weight / 2.0, 2)),
        }


@pytest.fixture(scope="module")
def table(points: Array) -> Table:
    return Table(points, np.random.default_rng(3).integers(0, 4, len(points)))


@pytest.fixture(scope="module")
def few(points: Array) -> Table:
    """Two columns of a few rows, for what takes long."""
    return Table(points[::2, :2].copy(), np.random.default_rng(4).integers(0, 4, len(points[::2])))


def close(found: Numbers, expected: Numbers, tolerance: float, where: str = "") -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for name in expected:
            close(found[name], expected[name], tolerance, f"{where} {name}")
    elif expected is None or isinstance(expected, str):
        assert found == expected, where
    else:
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=where)


def parameters(mixture: GaussianMixture) -> Numbers:
    return {"weights": mixture.weights, "means": mixture.means, "covariances": mixture.covariances}


def result(fit: Fit) -> Numbers:
    return {
        "structure": fit.mixture.structure.code, **parameters(fit.mixture), **fit.criteria, "mass": fit.mass,
        "log likelihood": fit.log_likelihood, "log prior": fit.log_prior,
    }  # fmt: skip


def sums(statistics: SufficientStatistics) -> Numbers:
    return {"log likelihood": statistics.log_likelihood, "total": statistics.total_weight, **statistics.arrays}


def two(rows: Array) -> GaussianMixture:
    """A mixture that is fitted to no rows."""
    d = rows.shape[1]
    return GaussianMixture([0.4, 0.6], [np.zeros(d), np.full(d, 3.0)], [np.eye(d), 2.0 * np.eye(d)])


def fitted(rows: Array, weight: Array | None, **settings: Any) -> Fit:
    return gmix.fit(rows, start=two(rows), sample_weight=weight, tolerance=1e-12, **settings)


# Everything that reads rows and has a weighted answer -----------------------------------------------------------------


def search(rows: Array, weight: Array | None) -> Numbers:
    fit = gmix.fit(rows, [1, 2, 3], covariance=["full", "tied"], sample_weight=weight, rng=0, tolerance=1e-10)
    assert fit.search is not None
    return result(fit) | {"candidates": sorted(c.bic for c in fit.search.candidates)}


def map_search(rows: Array, weight: Array | None) -> Numbers:
    fit = gmix.fit(
        rows, [2, 3], covariance="full", prior=NormalInverseWishart(), sample_weight=weight, rng=0, tolerance=1e-10
    )
    return result(fit) | {"posterior": fit.log_posterior}


def expect(rows: Array, weight: Array | None) -> Numbers:
    return sums(gmix.expect(rows, [two(rows)], sample_weight=weight)[0])


def sums_of_responsibilities(rows: Array, weight: Array | None) -> Numbers:
    statistics = SufficientStatistics.from_responsibilities(FULL, rows, two(rows).responsibilities(rows), weight)
    return statistics.arrays


def sums_of_labels(rows: Array, weight: Array | None) -> Numbers:
    return SufficientStatistics.from_labels(FULL, rows, two(rows).predict(rows), 2, weight).arrays


def stepwise(rows: Array, weight: Array | None) -> Numbers:
    learner = gmix.Stepwise(two(rows))
    for _ in range(3):
        learner.update(rows, sample_weight=weight)
    return parameters(learner.mixture) | {"mass": learner.mass}


def standard_errors(rows: Array, weight: Array | None) -> Numbers:
    return vars(gmix.standard_errors(fitted(rows, weight), rows, sample_weight=weight))


def errors_with_a_prior(rows: Array, weight: Array | None) -> Numbers:
    fit = fitted(rows, weight, prior=NormalInverseWishart() + Dirichlet(3.0))
    return vars(gmix.standard_errors(fit, rows, sample_weight=weight))


def parametric_bootstrap(rows: Array, weight: Array | None) -> Numbers:
    fit = fitted(rows, weight)
    found = gmix.bootstrap(fit, rows, kind="parametric", replicates=5, sample_weight=weight, rng=1)
    return {"weights": found.weights, "means": found.means}


def cross_validate(rows: Array, weight: Array | None) -> Numbers:
    return gmix.cross_validate(fitted(rows, weight), rows, folds=7, sample_weight=weight, rng=2)


def likelihood_ratio_test(rows: Array, weight: Array | None) -> Numbers:
    test = gmix.likelihood_ratio_test(rows, 1, replicates=3, sample_weight=weight, rng=0)
    return {"statistic": test.statistic, "replicates": test.replicates, "p": test.p_value}


def merge(rows: Array, weight: Array | None) -> Numbers:
    merging = gmix.merge(fitted(rows, weight), rows, sample_weight=weight)
    return {"entropy": merging.entropy, "mass": merging.mass, "groups": merging.groups, "elbow": merging.elbow}


def summary(rows: Array, weight: Array | None) -> Numbers:
    return fitted(rows, weight).summary().partition("log-likelihood")[2].partition("steps, gradient")[0]


def rows_of_a_report(rows: Array, weight: Array | None) -> Numbers:
    from gmix.report.row_summary import RowSummary

    fit = replace(fitted(rows, weight), mixture=two(rows))
    found = RowSummary.of(as_source(rows, sample_weight=weight), fit, [0, 1])
    return {"mass": found.mass, "outside": found.outside, "decided": found.decided}


def histogram(rows: Array, weight: Array | None) -> Numbers:
    from matplotlib.figure import Figure

    from gmix import plot

    ax = plot.histogram(two(rows).marginal(0), rows[:, :1], Figure().add_subplot(), bins=9, sample_weight=weight)
    return [patch.get_height() for patch in ax.patches]  # type: ignore[attr-defined]  # they are rectangles


def bars_of_log_densities(rows: Array, weight: Array | None) -> Numbers:
    from matplotlib.figure import Figure

    from gmix import plot

    ax = plot.unusual(two(rows), rows, Figure().add_subplot(), sample_weight=weight)
    bars = [patch for patch in ax.patches if hasattr(patch, "get_height")]
    return float(sum(bar.get_height() * bar.get_width() for bar in bars))


def stripes(rows: Array, weight: Array | None) -> Numbers:
    from matplotlib.figure import Figure

    from gmix import plot

    ax = plot.responsibilities(two(rows), rows, Figure().add_subplot(), sample_weight=weight)
    return {"width": ax.get_xlim()[1], "between": [line.get_xdata()[0] for line in ax.lines]}  # type: ignore[index]


def estimator(rows: Array, weight: Array | None) -> Numbers:
    from gmix.sklearn import GaussianMixture as Estimator

    model = Estimator(
        2, means_init=two(rows).means, weights_init=[0.5, 0.5], precisions_init=[np.eye(rows.shape[1])] * 2
    )
    model.fit(rows, sample_weight=weight)
    scores = {name: getattr(model, name)(rows, sample_weight=weight) for name in ("score", "bic", "aic", "icl")}
    assert scores["bic"] == pytest.approx(model.fit_.bic, rel=1e-9)
    assert scores["icl"] == pytest.approx(model.fit_.icl, rel=1e-9)
    assert scores["score"] == pytest.approx(model.lower_bound_, rel=1e-9)
    model.partial_fit(rows, sample_weight=weight)
    return scores | parameters(model.mixture_)


EXACT: dict[str, tuple[Callable[[Array, Array | None], Numbers], float]] = {
    "search": (search, 1e-5),
    "search with a prior": (map_search, 1e-5),
    "fit with trim": (lambda rows, weight: result(fitted(rows, weight, trim=0.1)), 1e-9),
    "expect": (expect, 1e-11),
    "SufficientStatistics.from_responsibilities": (sums_of_responsibilities, 1e-11),
    "SufficientStatistics.from_labels": (sums_of_labels, 1e-11),
    "Stepwise": (stepwise, 1e-10),
    "standard_errors": (standard_errors, 1e-6),
    "standard_errors with a prior": (errors_with_a_prior, 1e-6),
    "bootstrap, parametric": (parametric_bootstrap, 1e-6),
    "cross_validate": (cross_validate, 1e-9),
    "likelihood_ratio_test": (likelihood_ratio_test, 1e-4),
    "merge": (merge, 1e-6),
    "Fit.summary": (summary, 0.0),
    "Fit.report": (rows_of_a_report, 1e-9),
    "plot.histogram": (histogram, 1e-12),
    "plot.unusual": (bars_of_log_densities, 1e-9),
    "plot.responsibilities": (stripes, 1e-12),
    "sklearn.GaussianMixture": (estimator, 1e-8),
}


@pytest.mark.parametrize("name", EXACT)
def test_a_weight_is_a_count(few: Table, name: str) -> None:
    measure, tolerance = EXACT[name]
    expected = measure(few.rows, few.weight)
    for written, (which, weight) in few.written.items():
        close(measure(few.rows[which], weight), expected, tolerance, f"{name}, {written}:")


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
@pytest.mark.parametrize("structure", EVERY, ids=repr)
def test_a_weight_is_a_count_for_every_structure_and_prior(
    table: Table, labels: NDArray[np.intp], structure: Structure, prior: Prior | None
) -> None:
    def fit(which: NDArray[np.intp] | slice, weight: Array | None) -> Fit:
        return gmix.fit(
            table.rows[which], covariance=structure, prior=prior, start=labels[which], sample_weight=weight,
            tolerance=0.0, max_iterations=20,
        )  # fmt: skip

    expected = fit(slice(None), table.weight)
    for written, (which, weight) in table.written.items():
        found = fit(which, weight)
        close(result(found), result(expected), 1e-8, f"{structure}, {written}:")
        np.testing.assert_allclose(found.history, expected.history, rtol=1e-10)


@pytest.mark.parametrize("kind", ["weights", "rows"])
def test_replicates_of_a_bootstrap_have_the_spread_of_the_long_table(few: Table, kind: str) -> None:
    def spread(rows: Array, weight: Array | None) -> StandardErrors:
        fit = fitted(rows, weight, covariance="full")
        return gmix.bootstrap(fit, rows, kind=kind, replicates=300, sample_weight=weight, rng=0).standard_errors

    expected = spread(few.rows, few.weight)
    for written, (which, weight) in few.written.items():
        close(vars(spread(few.rows[which], weight)), vars(expected), 0.2, f"{kind}, {written}:")


COLUMNS: dict[str, Callable[[Fit, Any, Any], Numbers]] = {  # of a fit, a table and its weights
    "fit": lambda fit, data, weight: result(gmix.fit(data, start=fit.mixture, sample_weight=weight)),
    "expect": lambda fit, data, weight: sums(gmix.expect(data, [fit.mixture], sample_weight=weight)[0]),
    "expect without names": lambda _, data, weight: sums(
        gmix.expect(data, [two(np.empty((0, 2)))], sample_weight=weight)[0]
    ),
    "Stepwise": lambda fit, data, weight: parameters(
        gmix.Stepwise(fit.mixture).update(data, sample_weight=weight).mixture
    ),
    "standard_errors": lambda fit, data, weight: vars(gmix.standard_errors(fit, data, sample_weight=weight)),
    "robust standard_errors": lambda fit, data, weight: vars(
        gmix.standard_errors(fit, data, sample_weight=weight, robust=True)
    ),
    "bootstrap": lambda fit, data, weight: gmix.bootstrap(fit, data, replicates=3, sample_weight=weight, rng=0).means,
    "cross_validate": lambda fit, data, weight: gmix.cross_validate(fit, data, sample_weight=weight, rng=0),
    "likelihood_ratio_test": lambda _, data, weight: (
        gmix.likelihood_ratio_test(data, 1, replicates=2, sample_weight=weight, rng=0).replicates
    ),
    "merge": lambda fit, data, weight: gmix.merge(fit, data, sample_weight=weight).entropy,
    "plot": lambda fit, data, weight: len(pictured(fit, data, weight).axes[0].collections),
}


def pictured(fit: Fit, data: Any, weight: Any) -> Any:
    from matplotlib.figure import Figure

    return gmix.plot.plot(fit, data, sample_weight=weight, figure=Figure())


@pytest.mark.parametrize("name", COLUMNS)
def test_weights_can_be_a_column_wherever_they_can_be_numbers(few: Table, name: str) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": few.rows[:, 0], "w": few.weight, "b": few.rows[:, 1]})
    fit = gmix.fit(few.rows, start=two(few.rows), columns=["a", "b"], sample_weight=few.weight)
    expected = COLUMNS[name](fit, few.rows, few.weight)
    close(COLUMNS[name](fit, table, "w"), expected, 1e-12)
    with pytest.raises(gmix.DataError, match="no column 'ww'"):
        COLUMNS[name](fit, table, "ww")
    with pytest.raises(gmix.DataError, match=r"sample_weight\[3\] is -1"):
        COLUMNS[name](fit, few.rows, np.where(np.arange(len(few.rows)) == 3, -1.0, few.weight))


@pytest.mark.parametrize("size", [0.1, 7.0])
def test_a_source_knows_how_many_observations_it_stands_for(few: Table, size: float) -> None:
    """The tolerance of a run on counted rows is that of a run on the long table."""
    weight, n = size * np.ones(len(few.rows)), len(few.rows)
    blocks = [few.rows[:20], few.rows[20:]]
    for source in (as_source(few.rows, sample_weight=weight), as_source(blocks, sample_weight=weight)):
        for each in (source, source.select([1])):
            assert (each.n_counting, each.mass) == (n, pytest.approx(size * n))
            assert each.n_observations == pytest.approx(max(size, 1.0) * n)
    for source in (as_source(few.rows), as_source(blocks)):
        assert source.n_observations == source.mass == n


# Findings -------------------------------------------------------------------------------------------------------------


def ages(n: int) -> NDArray[np.intp]:
    rng = np.random.default_rng(0)
    return np.round(np.r_[30.0 + 5.0 * rng.standard_normal(n), 60.0 + 8.0 * rng.standard_normal(n)]).astype(np.intp)


@pytest.mark.parametrize("n", [400, 40_000])
def test_a_table_of_counts_has_the_findings_of_the_long_table(n: int) -> None:
    long = ages(n)
    values, counts = np.unique(long, return_counts=True)
    full = gmix.fit(long, 2, covariance="full", rng=0)
    short = gmix.fit(values, 2, covariance="full", sample_weight=counts, start=full.mixture)
    messages = {finding.name: finding.message for finding in short.findings}
    assert messages.keys() == {finding.name for finding in full.findings} == {"few values"}
    assert f"for {len(values)} rows of total weight {2 * n:,};" in messages["few values"]
    [told] = [finding.message for finding in full.findings]
    assert f"few different values for {2 * n:,} rows;" in told
    assert ("(at least " in told) == (2 * n > 10_000)  # values of the rows that the inspection reads


def test_counts_are_not_taken_for_rows_that_are_few() -> None:
    """Two distinct rows in a component of 800 are enough for its width; the search has judged how many differ."""
    values, counts = np.unique(ages(400), return_counts=True)
    fit = gmix.fit(values, 2, covariance="full", sample_weight=counts, rng=0)
    assert not {"few rows", "many parameters"} & {finding.name for finding in fit.findings}
    light = gmix.fit(values, 2, covariance="full", sample_weight=counts / counts.mean() / 9.0, rng=0)
    assert "sum of weights" in {finding.name for finding in light.findings}


def test_a_sample_of_counts_is_one_of_the_long_table() -> None:
    rows = np.arange(6.0)[:, None]
    weight = np.array([1.0, 0.0, 2.0, 5.0, 30_000.0, 20_000.0])
    sample = Sample.of(as_source(rows, sample_weight=weight)).counted(weight.sum())
    assert (len(sample.rows), sample.weight, sample.n_counting) == (10_000, None, 50_008)
    drawn = np.bincount(sample.rows[:, 0].astype(int), minlength=6)
    assert drawn[1] == 0
    assert drawn[4] == pytest.approx(6_000, abs=200)
    few = Sample.of(as_source(rows[:4], sample_weight=weight[:4])).counted(8.0)
    assert few.rows[:, 0].tolist() == [0.0, 2.0, 2.0, *[3.0] * 5]
    many = Sample.of(as_source(rows, sample_weight=1e12 * weight)).counted(1e12 * weight.sum())
    assert (len(many.rows), many.n_counting) == (10_000, 50_008 * 10**12)
    other = Sample.of(as_source(rows, sample_weight=weight / 2.0))
    assert other.counted(weight.sum() / 2.0) is other


# Folds ----------------------------------------------------------------------------------------------------------------


def test_folds_divide_counts_and_keep_other_rows_whole() -> None:
    generator, counts = np.random.default_rng(0), np.array([5.0, 1.0, 12.0])
    held_out = list(cross_validation._folds(counts, 4, generator))
    np.testing.assert_array_equal(np.sum(held_out, 0), counts)
    assert sorted(fold.sum() for fold in held_out) == [4.0, 4.0, 5.0, 5.0]
    whole = list(cross_validation._folds(np.array([5.0, 1.5, 12.0]), 3, generator))
    np.testing.assert_array_equal(np.sort(np.array(whole), 0), [[0.0] * 3, [0.0] * 3, [5.0, 1.5, 12.0]])
    with pytest.raises(gmix.ParameterError, match="to the rows of the table, 3"):
        next(cross_validation._folds(np.array([5.0, 1.5, 12.0]), 4, generator))


def test_very_many_copies_are_divided_too() -> None:
    counts = np.array([4e7, 8e7])
    held_out = np.array(list(cross_validation._folds(counts, 10, np.random.default_rng(0))))
    np.testing.assert_array_equal(held_out.sum(0), counts)
    np.testing.assert_allclose(held_out, np.tile(counts / 10.0, (10, 1)), rtol=1e-2)


def test_cross_validation_of_counts_is_near_aic_as_that_of_the_long_table_is() -> None:
    """If all copies of a value were held out together, their density would come from other values alone."""
    values, counts = np.unique(ages(400), return_counts=True)
    fit = gmix.fit(values, 2, covariance="full", sample_weight=counts, rng=0)
    validated = gmix.cross_validate(fit, values, sample_weight=counts, rng=0)
    assert validated == pytest.approx(fit.aic, abs=10.0)


@pytest.mark.parametrize("total", [1e6, 1e9, 1e12])
def test_a_sample_of_counted_rows_is_drawn_from_any_number_of_copies(total: float) -> None:
    rows, counts = np.arange(10.0)[:, None], np.array([0.0, 0.55, *[0.05] * 6, 0.15, 0.0]) * total
    sample = Sample(rows, counts, 10, None).counted(total)
    assert sample.weight is None
    assert np.mean(sample.rows == 1.0) == pytest.approx(0.55, abs=0.03)
    assert 0.0 not in sample.rows
