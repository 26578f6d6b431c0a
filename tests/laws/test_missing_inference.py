"""Inference from a fit to incomplete rows: standard errors, bootstrap, criteria, merging, predictions and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import approx_fprime

import gmix
from gmix.inference.predict import predictions
from gmix.model.covariance import STRUCTURES, Structure
from gmix.sources import as_source

Array = NDArray[np.float64]
PARTS = ("weights", "means", "covariances")
TRUTH = gmix.GaussianMixture(
    [0.4, 0.6], [[0.0, 0.0, 0.0], [4.0, 1.0, 2.0]], [np.eye(3), [[1.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 2.0]]]
)


def with_holes(table: Array, share: float = 0.2, seed: int = 1) -> Array:
    incomplete = table.copy()
    incomplete[np.random.default_rng(seed).random(table.shape) < share] = np.nan
    return incomplete


@pytest.fixture(scope="module")
def table() -> Array:
    return with_holes(TRUTH.sample(900, rng=2))


@pytest.fixture(scope="module")
def fit(table: Array) -> gmix.Fit:
    return gmix.fit(table, 2, covariance="full", rng=0, tolerance=0.0)


# Criteria -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_criteria_are_those_of_their_definitions(table: Array, structure: Structure) -> None:
    fit = gmix.fit(table, start=TRUTH, covariance=structure, max_iterations=5)
    some = table[~np.isnan(table).all(1)]
    log_likelihood = fit.mixture.log_density(some).sum()
    share = fit.mixture.responsibilities(some)
    entropy = -(share * np.log(np.maximum(share, 1e-300))).sum()
    assert fit.log_likelihood == pytest.approx(log_likelihood, rel=1e-12)
    assert fit.bic == pytest.approx(-2.0 * log_likelihood + fit.n_parameters * np.log(len(some)), rel=1e-12)
    assert fit.icl == pytest.approx(fit.bic + 2.0 * entropy, rel=1e-9)


# Standard errors ------------------------------------------------------------------------------------------------------


def test_standard_errors_of_one_gaussian_are_those_of_the_observed_information() -> None:
    """The definition: second differences of the log-likelihood of two columns, in the mean and the covariance."""
    rows = with_holes(TRUTH.sample(500, rng=3)[:, :2], 0.3)
    fit = gmix.fit(rows, 1, covariance="full", tolerance=0.0, max_iterations=5_000)
    errors = gmix.standard_errors(fit, rows)

    def log_likelihood(p: Array) -> float:
        covariance = [[p[2], p[3]], [p[3], p[4]]]
        return float(gmix.GaussianMixture([1.0], [p[:2]], [covariance]).log_density(rows).sum())

    point = np.r_[fit.mixture.means[0], fit.mixture.covariances[0][np.triu_indices(2)]]
    step = 1e-4

    def gradient(p: Array) -> Array:
        every = np.eye(5) * step
        return np.array([log_likelihood(p + e) - log_likelihood(p - e) for e in every]) / (2.0 * step)

    information = -np.array([gradient(point + e) - gradient(point - e) for e in np.eye(5) * step]) / (2.0 * step)
    expected = np.sqrt(np.diagonal(np.linalg.inv(information)))
    found = np.r_[errors.means[0], errors.covariances[0][np.triu_indices(2)]]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert approx_fprime(point, log_likelihood, 1e-6) == pytest.approx(np.zeros(5), abs=1e-2)


def test_missing_cells_widen_the_errors(table: Array, fit: gmix.Fit) -> None:
    complete = TRUTH.sample(900, rng=2)
    whole = gmix.standard_errors(gmix.fit(complete, 2, covariance="full", rng=0), complete)
    errors = gmix.standard_errors(fit, table)
    for part in PARTS:
        assert (getattr(errors, part) > 0.98 * getattr(whole, part)).all(), part
    assert errors.means.mean() > 1.05 * whole.means.mean()


@pytest.mark.parametrize("kind", ["weights", "rows", "parametric"])
def test_the_bootstrap_agrees_with_the_information(table: Array, fit: gmix.Fit, kind: str) -> None:
    replicates = gmix.bootstrap(fit, table, kind=kind, replicates=150, rng=0)
    errors = gmix.standard_errors(fit, table)
    for part in PARTS:
        np.testing.assert_allclose(getattr(replicates.standard_errors, part), getattr(errors, part), rtol=0.35)


def test_drawn_tables_lack_the_cells_of_the_table(monkeypatch: pytest.MonkeyPatch, table: Array, fit: gmix.Fit) -> None:
    from gmix.inference import bootstrap as module

    seen = []
    real = module.warm_run

    def run(model: Any, source: Any) -> Any:
        seen.append(np.isnan(source.array))
        return real(model, source)

    monkeypatch.setattr(module, "warm_run", run)
    gmix.bootstrap(fit, table, kind="parametric", replicates=2, rng=0)
    some = table[~np.isnan(table).all(1)]
    assert all(np.array_equal(missing, np.isnan(some)) for missing in seen)
    seen.clear()
    weight = np.random.default_rng(1).integers(0, 3, len(table)).astype(float)
    weighted = gmix.fit(table, start=TRUTH, covariance="full", sample_weight=weight)
    gmix.bootstrap(weighted, table, sample_weight=weight, kind="parametric", replicates=2, rng=0)
    mass = weight[~np.isnan(table).all(1)].sum()
    assert len(seen[0]) == round(mass)
    np.testing.assert_allclose(seen[0].mean(0), weight @ np.isnan(table) / weight.sum(), atol=0.05)


def test_a_resampled_table_without_values_in_a_column_is_left_out() -> None:
    table = TRUTH.sample(60, rng=5)
    table[2:, 2] = np.nan
    fit = gmix.fit(table, 1, covariance="EII")
    found = gmix.bootstrap(fit, table, kind="rows", replicates=100, rng=0)
    assert found.collapsed > 5  # both rows with a value are left out in a seventh of the tables
    assert len(found.weights) + found.collapsed == 100
    assert np.isfinite(found.means).all()


def test_the_likelihood_ratio_test_of_incomplete_rows() -> None:
    one = with_holes(TRUTH.sample(200, rng=1)[:, 1:])
    one[::4] = with_holes(TRUTH.sample(50, rng=7)[:, 1:])
    found = gmix.likelihood_ratio_test(with_holes(TRUTH.sample(300, rng=3)), 1, replicates=19, rng=0)
    assert found.p_value == 0.05
    gaussian = with_holes(np.random.default_rng(4).normal(size=(150, 2)))
    assert gmix.likelihood_ratio_test(gaussian, 1, replicates=19, rng=0).p_value > 0.05
    one[:, 0] = np.nan
    with pytest.raises(gmix.DataError, match="column 0 has no value"):
        gmix.likelihood_ratio_test(one, 1, replicates=1)


def test_cross_validation_is_the_deviance_of_rows_left_out(table: Array, fit: gmix.Fit) -> None:
    found = gmix.cross_validate(fit, table, folds=5, rng=0)
    assert found == gmix.cross_validate(fit, table, folds=5, rng=0)
    assert abs(found - fit.aic) < 30.0
    one = gmix.cross_validate(gmix.fit(table, 1, covariance="full"), table, folds=5, rng=0)
    assert one > found + 100.0
    alone = table[:50].copy()
    alone[:, 2] = np.where(np.arange(50) == 7, 1.0, np.nan)
    with pytest.raises(gmix.DataError, match="all values of a column are in one fold"):
        gmix.cross_validate(gmix.fit(alone, 1, covariance="EII"), alone, rng=0)


# Merging and predictions ----------------------------------------------------------------------------------------------


def test_merging_uses_the_cells_that_rows_have(table: Array, fit: gmix.Fit) -> None:
    merging = gmix.merge(fit, table)
    share = fit.mixture.responsibilities(table[~np.isnan(table).all(1)])
    assert merging.mass == len(share)
    assert merging.entropy[-1] == pytest.approx(-(share * np.log(np.maximum(share, 1e-300))).sum(), rel=1e-9)
    np.testing.assert_allclose(merging.responsibilities(table, 2), fit.mixture.responsibilities(table))


@pytest.mark.parametrize("memory", [1 << 29, 1], ids=["read", "streamed"])
def test_predictions_in_a_file_are_those_in_memory(table: Array, fit: gmix.Fit, tmp_path: Path, memory: float) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    data = [np.vstack([table, np.full((3, 3), np.nan)]), np.c_[table[:5, :2], np.full(5, np.nan)]]
    every = np.vstack(data)
    gmix.predict_to(fit.mixture, data, tmp_path / "out.parquet", probabilities=True, memory=memory)
    found = parquet.read_table(tmp_path / "out.parquet")
    np.testing.assert_array_equal(found["component"], fit.mixture.predict(every))
    np.testing.assert_array_equal(found["log_density"], fit.mixture.log_density(every))
    np.testing.assert_array_equal(found["p1"], fit.mixture.responsibilities(every)[:, 1])
    assert found["component"][900].as_py() == 1  # without any cell, the heaviest component
    assert found["log_density"][900].as_py() == pytest.approx(0.0, abs=1e-14)


def test_one_row_with_one_cell_is_predicted(fit: gmix.Fit) -> None:
    row = np.array([[np.nan, np.nan, 2.5]])
    marginal = fit.mixture.marginal([2])
    np.testing.assert_allclose(fit.mixture.log_density(row), marginal.log_density([[2.5]]), rtol=1e-12)
    [columns] = predictions(fit.mixture, as_source(row), probabilities=True)
    np.testing.assert_allclose(columns["p0"], marginal.responsibilities([[2.5]])[:, 0], rtol=1e-12)


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_a_saved_fit_is_the_same_fit(table: Array, tmp_path: Path, structure: Structure) -> None:
    weight = np.random.default_rng(1).gamma(1.0, size=len(table))
    prior = gmix.NormalInverseWishart()
    fit = gmix.fit(table, start=TRUTH, covariance=structure, prior=prior, sample_weight=weight, max_iterations=4)
    fit.save(tmp_path / "fit.json")
    loaded = gmix.load(tmp_path / "fit.json")
    assert loaded.criteria == fit.criteria
    assert loaded.log_posterior == fit.log_posterior
    assert loaded.summary() == fit.summary()
    assert loaded.gradient_norm == fit.gradient_norm
    assert loaded.findings == fit.findings
    for name, array in fit.statistics.arrays.items():
        assert array.tobytes() == loaded.statistics.arrays[name].tobytes(), name
    for name in ("count", "mean", "scatter", "variances", "floor"):
        assert getattr(fit.statistics.reference, name).tobytes() == getattr(loaded.statistics.reference, name).tobytes()
    again = gmix.GaussianMixture.from_statistics(loaded.statistics, structure, prior)
    np.testing.assert_array_equal(
        again.covariances, gmix.GaussianMixture.from_statistics(fit.statistics, structure, prior).covariances
    )
    more = TRUTH.sample(100, rng=9)
    [learned], [other] = (
        [gmix.Stepwise(f.mixture, statistics=f.statistics, prior=prior).update(more).mixture] for f in (fit, loaded)
    )
    np.testing.assert_array_equal(learned.means, other.means)


def test_files_of_complete_rows_hold_no_more_than_before(tmp_path: Path) -> None:
    gmix.fit(TRUTH.sample(100, rng=0), 2, covariance="full", rng=0).save(tmp_path / "fit.json")
    statistics = json.loads((tmp_path / "fit.json").read_text())["statistics"]
    assert set(statistics) == {"mass", "mean", "scatter", "log_likelihood", "total_weight"}


def test_a_file_of_version_4_holds_no_sums_of_missing_cells(table: Array, tmp_path: Path, fit: gmix.Fit) -> None:
    path = tmp_path / "fit.json"
    fit.save(path)
    document = json.loads(path.read_text()) | {"version": 4}
    del document["statistics"]["extra"], document["statistics"]["reference"]
    path.write_text(json.dumps(document))
    assert gmix.load(path).bic == fit.bic


def test_damaged_sums_are_refused(tmp_path: Path, fit: gmix.Fit) -> None:
    path = tmp_path / "fit.json"
    fit.save(path)
    whole = json.loads(path.read_text())
    for part, name, value in (
        ("extra", "hidden_entropy", [[1.0]]), ("extra", "hidden_entropy", [["a"], [1.0]]),
        ("extra", "hidden_scatter", []), ("extra", "hidden_entropy", None),
        ("reference", "count", [1.0]), ("reference", "count", [-1.0, 1.0, 1.0]),
        ("reference", "count", [0.0, 0.0, 0.0]), ("reference", "mean", None), ("reference", "scatter", [[1.0]]),
        ("reference", "mean", [float("nan"), 0.0, 0.0]),
    ):  # fmt: skip
        damaged = json.loads(json.dumps(whole))
        damaged["statistics"][part][name] = value
        path.write_text(json.dumps(damaged))
        with pytest.raises(gmix.ModelFileError, match="damaged"):
            gmix.load(path)
    for part in ("extra", "reference"):
        for value in (None, [], [1.0], "a", {"a": {}}):
            damaged = json.loads(json.dumps(whole))
            damaged["statistics"][part] = value
            path.write_text(json.dumps(damaged))
            with pytest.raises(gmix.ModelFileError, match="damaged"):
                gmix.load(path)
