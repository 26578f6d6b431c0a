"""No table with missing cells crashes gmix: it is fitted with a finding, or refused with a remedy, in good time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.inspection import Sample, inspect
from gmix.sources import as_source

Array = NDArray[np.float64]
N = 300
FEW = ["VII", "VVI", "EEE", "VVV"]


def clusters(n: int = N, seed: int = 0) -> Array:
    """Two clusters in three columns that stand apart."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 3))
    table[n // 2 :] = table[n // 2 :] * [1.0, 2.0, 0.5] + [6.0, 6.0, 0.0]
    return table


def with_holes(table: Array, share: float = 0.2, seed: int = 1) -> Array:
    incomplete = np.array(table, float)
    incomplete[np.random.default_rng(seed).random(incomplete.shape) < share] = np.nan
    return incomplete


def put(table: Array, where: Any, value: Any) -> Array:
    table[where] = value
    return table


def one_cell_each() -> Array:
    table = np.full((N, 3), np.nan)
    table[np.arange(N), np.arange(N) % 3] = clusters()[np.arange(N), np.arange(N) % 3]
    return table


def halves() -> Array:
    """Two pairs of columns that no row has both of."""
    table, source = np.full((N, 4), np.nan), clusters()
    table[::2, :2], table[1::2, 2:] = source[::2, :2], source[1::2, 1:]
    return table


TABLES: dict[str, tuple[Callable[[], Array], set[str]]] = {
    "holes": (lambda: with_holes(clusters()), set()),
    "many holes": (lambda: with_holes(clusters(), 0.7), set()),
    "one cell in each row": (one_cell_each, set()),
    "two halves that never meet": (halves, set()),
    "rows without value": (lambda: put(with_holes(clusters()), np.s_[5:50], np.nan), set()),
    "a single complete row": (lambda: put(np.full((20, 3), np.nan), 3, [1.0, 2.0, 3.0]), {"collapsed component"}),
    "a column with one value": (lambda: put(clusters(), np.s_[1:, 1], np.nan), {"nearly empty column"}),
    "a constant column": (lambda: with_holes(np.c_[clusters(), np.full(N, 7.0)]), {"dependent columns"}),
    "a constant column alone": (lambda: with_holes(np.full((N, 1), 7.0)), {"few different rows"}),
    "a column twice": (lambda: with_holes(clusters()[:, [0, 1, 2, 0]]), {"dependent columns"}),
    "a column twice with its holes": (lambda: with_holes(clusters())[:, [0, 1, 2, 0]], {"dependent columns"}),
    "a sum of columns": (
        lambda: np.c_[with_holes(clusters()), with_holes(clusters()) @ [2.0, -3.0, 0.0] + 1.0], {"dependent columns"},
    ),
    "two rows": (lambda: np.array([[1.0, np.nan], [np.nan, 2.0]]), {"collapsed component", "few rows"}),
    "more columns than rows": (lambda: with_holes(np.random.default_rng(0).normal(size=(20, 40)), 0.3), {"few rows"}),
    "rows that repeat": (lambda: np.repeat(with_holes(clusters(20)), 15, axis=0), {"missing cells"}),
    "zeros": (lambda: np.where(np.random.default_rng(0).random((N, 3)) < 0.4, 0.0, with_holes(clusters())), set()),
    "tiny": (lambda: 1e-140 * with_holes(clusters()), set()),
    "huge": (lambda: 1e140 * with_holes(clusters()), set()),
    "far off": (lambda: 1e8 + with_holes(clusters()), set()),
    "one column": (lambda: with_holes(clusters())[:, :1], set()),
    "float32": (lambda: with_holes(clusters()).astype(np.float32), set()),
}  # fmt: skip


@pytest.fixture(scope="module")
def sound_seconds() -> Callable[[tuple[int, int]], float]:
    """The processor time of a fit to a sound table of this shape, two clusters or noise."""
    known: dict[tuple[int, int], float] = {}

    def measured(shape: tuple[int, int]) -> float:
        if shape not in known:
            table = np.random.default_rng(3).normal(size=shape)
            table[: shape[0] // 2] += 6.0
            begin = time.process_time()
            gmix.fit(table, rng=0)
            known[shape] = time.process_time() - begin
        return known[shape]

    return measured


@pytest.mark.parametrize("name", TABLES)
def test_odd_tables_are_fitted_in_good_time(name: str, sound_seconds: Callable[[tuple[int, int]], float]) -> None:
    make, due = TABLES[name]
    table = make()
    begin = time.process_time()
    fit = gmix.fit(table, rng=0)
    took = time.process_time() - begin
    found = {finding.name for finding in fit.findings}
    assert due | {"missing cells"} <= found
    assert np.isfinite([fit.log_likelihood, fit.bic, fit.icl]).all()
    assert np.isfinite(fit.mixture.means).all()
    assert fit.n_rows == len(table)
    assert "nan" not in fit.summary().lower()
    responsibilities = fit.mixture.responsibilities(table)
    np.testing.assert_allclose(responsibilities.sum(1), 1.0, rtol=1e-9)
    assert np.isfinite(fit.mixture.impute(table)).all()
    assert took < 10.0 * sound_seconds(table.shape)


@pytest.mark.parametrize("covariance", FEW)
@pytest.mark.parametrize("prior", [None, gmix.NormalInverseWishart()], ids=["ML", "MAP"])
@pytest.mark.parametrize("name", TABLES)
def test_one_candidate_is_fitted_too(name: str, covariance: str, prior: Any) -> None:
    table = TABLES[name][0]()
    fit = gmix.fit(table, 1 if len(table) < 50 else 2, covariance=covariance, prior=prior, rng=0, effort=0.1)
    assert np.isfinite(fit.log_posterior)
    assert "missing cells" in {finding.name for finding in fit.findings}
    with np.errstate(all="raise", under="ignore"):
        assert set(inspect(Sample.of(as_source(table)), fit.mixture, fit.statistics, None, None, prior)) <= set(
            fit.findings
        )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (put(with_holes(clusters()), np.s_[:, 1], np.nan), "column 1 has no value in any row; choose other columns"),
        (np.full((20, 2), np.nan), "column 0 and column 1 have no value in any row"),
        (put(with_holes(clusters()), (4, 2), np.inf), "row 4, column 2 is infinite .*1 of 300 rows"),
        (put(with_holes(clusters()), (4, 2), 1e300), "row 4, column 2 is 1e.300, whose square is beyond float64"),
        (np.empty((0, 2)), "no rows"),
    ],
    ids=["a column", "all", "infinite", "beyond float64", "no rows"],
)
def test_what_cannot_be_fitted_is_refused(table: Array, message: str) -> None:
    for data in (table, [table, table[:0]], table.astype(np.float32) if "beyond" not in message else table):
        with pytest.raises(gmix.DataError, match=message.replace("row", "(row|block 0, row)")):
            gmix.fit(data, 1, memory=1)
    dask = pytest.importorskip("dask.array")
    if len(table):
        with pytest.raises(gmix.DataError):
            gmix.fit(dask.from_array(table, chunks=(100, table.shape[1])), 1)


def test_a_value_in_rows_of_no_weight_does_not_count() -> None:
    table = put(with_holes(clusters()), np.s_[1:, 1], np.nan)
    table[0] = [0.0, 1.0, 2.0]
    weight = np.r_[0.0, np.ones(N - 1)]
    with pytest.raises(gmix.DataError, match="column 1 has no value in any row"):
        gmix.fit(table, 1, sample_weight=weight)
    with pytest.raises(gmix.DataError, match="adds up to zero"):
        gmix.fit(table, 1, sample_weight=np.zeros(N))


# Findings -------------------------------------------------------------------------------------------------------------


def findings(fit: gmix.Fit, name: str) -> list[str]:
    return [finding.message for finding in fit.findings if finding.name == name]


def test_findings_about_columns_are_those_of_their_values() -> None:
    rng = np.random.default_rng(2)
    codes = np.r_[[-999.0] * 9, 10.0 + rng.normal(size=391)]
    ages, lengths = np.round(rng.normal(40.0, 3.0, 400)), np.exp(rng.normal(size=400))
    table = with_holes(np.c_[codes, ages, lengths])
    table[:9, 0] = -999.0
    fit = gmix.fit(table, 1, covariance="diag")
    assert findings(fit, "missing code")[0].startswith("the value -999 is in 9 rows of column 0")
    assert f"column 1 ({len(np.unique(ages[~np.isnan(table[:, 1])]))}) has few" in findings(fit, "few values")[0]
    assert findings(fit, "skewed column")[0].startswith("column 2 (skewness ")


def test_repeated_values_are_found_beside_missing_cells() -> None:
    table = with_holes(np.random.default_rng(0).poisson(2.0, (500, 1)).astype(float), 0.1)
    [message] = findings(gmix.fit(table, rng=0), "repeated value")
    assert "component 0 at 0" in message
    assert "nan" not in message


def test_a_repeated_row_with_missing_cells_is_no_component_without_width() -> None:
    """It says nothing about its missing cells, so such a component would be free to collapse around another row."""
    table = np.r_[np.tile([0.0, np.nan, 0.0], (120, 1)), clusters(297)]
    fit = gmix.fit(table, rng=0)
    assert "rows repeat: 120 of 417 rows are (0, missing, 0)" in findings(fit, "candidates set aside")[0]
    assert not fit.mixture.collapsed(fit.statistics)


def test_rows_with_the_same_missing_cells_may_be_equal() -> None:
    nan = np.nan
    table = np.array([[1.0, nan], [1.0, nan], [nan, 1.0], [1.0, 1.0], [nan, 1.0], [nan, nan], [1.0, 2.0]])
    distinct = DistinctRows.of(table)
    assert len(distinct.values) == 5
    assert sorted(distinct.weight.tolist()) == [1.0, 1.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_incomplete_rows_are_no_heavy_tails(scale: float) -> None:
    """Marginal densities have other units; those of two clusters with many holes would all look rare, or none."""
    table = scale * with_holes(clusters(2_000), 0.4)
    assert findings(gmix.fit(table, 2, covariance="full", rng=0), "heavy tails") == []
    heavy = scale * with_holes(np.random.default_rng(1).standard_t(3, (2_000, 3)), 0.2)
    assert "heavier than the mixture's" in findings(gmix.fit(heavy, 1), "heavy tails")[0]


def test_cells_that_are_missing_by_others_are_no_heavy_tails() -> None:
    rng = np.random.default_rng(5)
    table = rng.normal(size=(5_000, 2)) @ [[1.0, 0.5], [0.0, 1.0]]
    table[table[:, 0] < -1.5, 1] = np.nan
    assert findings(gmix.fit(table, 1), "heavy tails") == []


def test_components_and_columns_of_few_values_are_named() -> None:
    table = np.random.default_rng(0).normal(size=(140, 3))
    table[100:] += 40.0
    table[103:, 1] = np.nan
    fit = gmix.fit(table, start=np.repeat([0, 1], [100, 40]), covariance="VVI")
    [message] = findings(fit, "few rows")
    assert message.startswith("component 1 (40 rows, 3 of them observed in some direction) has fewer than 4 rows")
    table[2:, 2] = np.nan
    [message] = findings(gmix.fit(table, 1, covariance="EEE"), "nearly empty column")
    assert message.startswith("column 2 (2) has fewer than 4 values")


def test_parameters_are_compared_with_the_cells_that_are_there() -> None:
    table = with_holes(np.random.default_rng(0).normal(size=(40, 6)), 0.5)
    cells = np.isfinite(table).sum()
    [message] = findings(gmix.fit(table, 4, covariance="EEE", rng=0), "many parameters")
    assert f"parameters for {cells} numbers (40 rows and 6 columns, without missing cells)" in message


def test_a_column_that_few_of_many_rows_have_does_not_stop_the_sub_samples() -> None:
    """Sub-samples of a large table may have no value of such a column at all."""
    rng = np.random.default_rng(0)
    table = np.c_[np.r_[rng.normal(size=(40_000, 2)), rng.normal(size=(30_000, 2)) + 8.0], np.full(70_000, np.nan)]
    table[rng.choice(70_000, 6, replace=False), 2] = 1e6 + rng.normal(size=6)
    fit = gmix.fit(table, [1, 2, 3], covariance=["diag", "full"], rng=0, effort=0.1)
    assert fit.mixture.n_components == 2
    np.testing.assert_allclose(fit.mixture.weights, [4 / 7, 3 / 7], atol=1e-3)
    assert np.abs(fit.mixture.means[:, 2] - 1e6).max() < 5.0
    for start in ("adaptive", "grow", "hierarchical", "k-means++"):
        assert np.isfinite(gmix.fit(table, 2, covariance="diag", start=start, rng=0, effort=0.0).log_likelihood)
