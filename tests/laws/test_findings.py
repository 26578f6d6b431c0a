"""What a person should know about a table or a fit is a finding, and what is well is none."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import Finding, GaussianMixture
from gmix.base.findings import by_importance
from gmix.fitting.inspection import Sample, inspect
from gmix.sources import as_source

Array = NDArray[np.float64]
DATA = Path(__file__).parents[1] / "reference" / "data"
FEW = ["EII", "VVI", "EEE", "VVV"]  # structures, so that many tables can be fitted
TABLES, CLEAN = 40, 0.05  # of the tables, how many may carry a warning


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def two_clusters(n: int, seed: int = 0) -> Array:
    return np.r_[normal(n, 1, seed=seed), 8.0 + normal(n, 1, seed=seed + 1)]


def findings(fit: gmix.Fit, name: str) -> list[Finding]:
    return [finding for finding in fit.findings if finding.name == name]


def clean_table(seed: int) -> Array:
    """Rows of one to five Gaussians that stand apart moderately or well, in one to six columns."""
    rng = np.random.default_rng(seed)
    k, d, n = int(rng.integers(1, 6)), int(rng.integers(1, 7)), int(rng.integers(100, 2001))
    means = rng.uniform(3.0, 7.0) * rng.permutation(k)[:, None] * (rng.random((k, d)) < 0.6)
    means[:, 0] = rng.uniform(3.0, 7.0) * np.arange(k)
    axes = np.linalg.qr(rng.standard_normal((k, d, d)))[0] * np.sqrt(rng.uniform(0.5, 2.0, (k, 1, d)))
    weights = rng.dirichlet(np.full(k, 5.0))
    return GaussianMixture(weights, means, axes @ axes.mT).sample(n, rng=rng)


def test_clean_tables_carry_no_warning() -> None:
    warned = []
    for seed in range(TABLES):
        fit = gmix.fit(clean_table(seed), range(1, 7), covariance="auto" if seed % 10 == 0 else FEW[1:], rng=seed)
        warned += [(seed, str(finding)) for finding in fit.findings if finding.level == "warning"]
    assert len({seed for seed, _ in warned}) <= CLEAN * TABLES, warned


@pytest.mark.parametrize("name", ["iris", "faithful", "galaxies"])
def test_the_known_tables_carry_no_warning(name: str) -> None:
    for seed in range(3):
        fit = gmix.fit(DATA / f"{name}.csv", rng=seed)
        assert [finding for finding in fit.findings if finding.level == "warning"] == []


# For each finding: a table that must carry it, its level, what its message must say, and a table that must not.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str, tuple[str, ...]]] = {
    "a component of less rows than columns + 1": (
        "few rows",
        {"data": np.r_[normal(60, 3), 40.0 + normal(3, 3)], "components": 2, "covariance": "EEE"},
        {"data": np.r_[normal(60, 3), 40.0 + normal(60, 3)], "components": 2, "covariance": "EEE"},
        "warning",
        ("component 1 (3 rows) has fewer than 4 rows",),
    ),
    "a component of one row in one column": (
        "few rows",
        {"data": np.r_[normal(60), 40.0], "components": 2, "covariance": "E"},
        {"data": np.r_[normal(60), 40.0 + normal(9)], "components": 2, "covariance": "E"},
        "warning",
        ("component 1 (1 row) has fewer than 2 rows",),
    ),
    "a component of few rows for its columns": (
        "few rows",
        {"data": np.r_[normal(60, 3), 40.0 + normal(9, 3)], "components": 2, "covariance": "EEE"},
        {"data": np.r_[normal(60, 3), 40.0 + normal(16, 3)], "components": 2, "covariance": "EEE"},
        "note",
        ("component 1 (9 rows) has fewer than 5 rows for each column",),
    ),
    "noise of 20 x 10": (
        "many parameters",
        {"data": normal(20, 10), "components": 9, "covariance": "EEE"},
        {"data": normal(200, 10), "components": 9, "covariance": "EEE"},
        "warning",
        ("153 parameters for 200 numbers",),
    ),
    "noise of 65 x 9": (
        "many parameters",
        {"data": normal(65, 9), "components": 9, "covariance": "EEE"},
        {"data": normal(65, 9), "components": 2, "covariance": "EEE"},
        "warning",
        ("134 parameters for 585 numbers",),
    ),
    "half as many parameters as rows in one column": (
        "many parameters",
        {"data": normal(9), "components": 2, "covariance": "V"},
        {"data": two_clusters(10)[:, 0], "components": 2, "covariance": "V"},
        "warning",
        ("5 parameters for 9 numbers",),
    ),
    "more parameters than numbers without a prior": (
        "many parameters",
        {"data": normal(4), "components": 2, "covariance": "V"},
        {"data": normal(4), "components": 2, "covariance": "V", "prior": gmix.NormalInverseWishart()},
        "warning",
        ("5 parameters for 4 numbers",),
    ),
    "the count at the end of the range": (
        "end of range",
        {"data": two_clusters(80), "components": [1, 2]},
        {"data": two_clusters(80), "components": [1, 2, 3]},
        "note",
        ("no more than 2 components were tried",),
    ),
    "a runner-up within 2 BIC": (
        "close rival",
        {"data": np.r_[normal(14), 4.4 + normal(14, seed=3)], "components": [1, 2], "covariance": "E"},
        {"data": two_clusters(80), "components": [1, 2], "covariance": "E"},
        "note",
        ("E with", "BIC"),
    ),
    "a scale of five values": (
        "few values",
        {"data": np.random.default_rng(0).integers(1, 6, (300, 2)).astype(float), "components": 1},
        {"data": normal(300, 2), "components": 1},
        "note",
        ("column 0 (5) and column 1 (5) have few different values",),
    ),
    "ages": (
        "few values",
        {"data": np.round(45.0 + 12.0 * normal(1000)), "components": 1},
        {"data": 45.0 + 12.0 * normal(1000), "components": 1},
        "note",
        ("column 0",),
    ),
    "counts whose spikes attract components": (
        "repeated value",
        {"data": np.random.default_rng(0).poisson(2.0, 500).astype(float)},
        {"data": np.random.default_rng(0).poisson(2000.0, 500).astype(float)},
        "warning",
        ("column 0 (9 different values; component 0 at 0, component 1 at 1, ",),
    ),
    "a scale whose spikes attract components": (
        "repeated value",
        {"data": np.random.default_rng(0).choice(5, 500, p=[0.1, 0.2, 0.4, 0.2, 0.1]) + 1.0},
        {"data": np.random.default_rng(0).choice(5, 500, p=[0.1, 0.2, 0.4, 0.2, 0.1]) + 1.0, "components": 1},
        "warning",
        ("column 0 (5 different values; ",),
    ),
    "zeros among continuous values": (
        "repeated value",
        {"data": np.where(normal(500) < -0.2, 0.0, 20.0 + normal(500, seed=1)), "components": 2, "covariance": "E"},
        {"data": np.where(normal(500) < -0.2, normal(500, seed=2), 20.0 + normal(500, seed=1)), "components": 2},
        "warning",
        ("component 0 at 0",),
    ),
    "weights of 1/n": (
        "sum of weights",
        {"data": two_clusters(150), "sample_weight": np.full(300, 1 / 300)},
        {"data": two_clusters(150), "sample_weight": np.full(300, 0.5)},
        "warning",
        ("300 rows sum to 1,", "multiply them by 300,"),
    ),
    "weights of a population": (
        "sum of weights",
        {"data": two_clusters(150), "components": 2, "sample_weight": np.full(300, 812.5)},
        {"data": two_clusters(150), "components": 2, "sample_weight": np.full(300, 812.0)},  # frequencies
        "warning",
        ("multiply them by 0.00123",),
    ),
    "a code for missing": (
        "missing code",
        {"data": np.c_[np.r_[[-999.0] * 9, 10.0 + 2.0 * normal(291)], normal(300)], "components": 1},
        {"data": np.c_[np.r_[[-99.0] * 9, 30.0 * normal(291)], normal(300)], "components": 1},
        "warning",
        (
            "the value -999 is in 9 rows of column 0, far outside",
            "put NaN in its place, or state it with --missing-value",
        ),
    ),
    "a positive column with a long tail": (
        "skewed column",
        {"data": np.c_[normal(400), np.exp(normal(400, seed=1))], "components": 1},
        {"data": np.c_[normal(400), np.random.default_rng(1).exponential(size=400)], "components": 1},
        "note",
        ("column 1 (skewness ", "is positive and strongly skewed", "logarithm"),
    ),
    "components that overlap": (
        "overlap",
        {"data": normal(300), "components": 2, "start": GaussianMixture([0.5, 0.5], [[-0.2], [0.2]], [[[1.0]]] * 2)},
        {"data": two_clusters(80), "components": 2},
        "note",
        ("of the rows belong to one component",),
    ),
    "heavy tails": (
        "heavy tails",
        {"data": np.random.default_rng(1).standard_t(3, (800, 3)), "components": 1},
        {"data": normal(800, 3), "components": 1},
        "note",
        ("heavier than the mixture's",),
    ),
    "a fit that was cut off": (
        "not converged",
        {"data": normal(300), "components": 2, "max_iterations": 2, "tolerance": 0.0},
        {"data": two_clusters(80), "components": 2},
        "warning",
        ("max_iterations",),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_finding_is_there_where_it_is_due_and_only_there(case: str) -> None:
    name, due, not_due, level, told = CASES[case]
    [found] = findings(gmix.fit(**due, rng=0), name)
    assert found.level == level
    for words in told:
        assert words in found.message, found.message
    assert findings(gmix.fit(**not_due, rng=0), name) == []


@pytest.mark.parametrize(
    "value", [-999, 9999, -99, 99999, 999, -9999, 99.9, 999.99, 888, -77, -9, 1e20, 9.96921e36, 32767]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_codes_for_missing_are_known(value: float, dtype: Any) -> None:
    column = np.abs(normal(200)).astype(dtype)
    column[[3, 50, 120]] = value
    fit = gmix.fit(column, 1, columns=["length"])
    [found] = findings(fit, "missing code")
    assert found.message.startswith("the value ")
    assert " is in 3 rows of column 'length', far outside" in found.message


@pytest.mark.parametrize("value", [5.0, 100.0, 42.0, 9.0, -8.5, 1000.0])
def test_other_values_far_outside_are_no_codes(value: float) -> None:
    column = np.r_[np.abs(normal(200)), [value] * 3]
    assert findings(gmix.fit(column, 1), "missing code") == []


def test_several_codes_of_a_column_are_all_named_and_one_outlier_is_none() -> None:
    ages = np.round(40.0 + 9.0 * normal(400))
    several = np.r_[ages, [-999.0] * 3, [9999.0] * 2, [-77.0] * 4]
    told = [finding.message for finding in findings(gmix.fit(several, 1), "missing code")]
    assert [message.split()[2] for message in told] == ["-999", "-77", "9999"]
    assert len(findings(gmix.fit(np.r_[ages, 99999.0], 1), "missing code")) == 1
    assert findings(gmix.fit(np.r_[ages, 99.0], 1), "missing code") == []


def test_of_a_large_table_a_part_is_looked_at_and_counts_are_estimates() -> None:
    column = normal(200_000)
    column[::100] = -999.0
    [found] = findings(gmix.fit(column, 1), "missing code")
    told = found.message.partition("the value -999 is in about ")[2].split()[0]
    assert float(told.replace(",", "")) == pytest.approx(2000, rel=0.2)


def test_findings_tell_rows_from_their_weight() -> None:
    """Whole weights count rows, so numbers of rows are sums of weights, and messages call them so."""
    counts = np.tile([1, 9], 150)
    codes = np.r_[np.round(normal(297, seed=2), 2), [-999.0] * 3]
    [found] = [f for f in gmix.fit(codes, 1, sample_weight=counts, rng=0).findings if f.name == "missing code"]
    assert found.message.startswith("the value -999 is in rows of total weight 19 of column 0")
    ones = gmix.fit(codes, 1, sample_weight=np.ones(300), rng=0)
    assert any("-999 is in 3 rows of column 0" in finding.message for finding in ones.findings)
    many = gmix.fit(normal(9), 2, covariance="V", sample_weight=[2] + [1] * 8, rng=0)
    assert any(
        "5 parameters for 10 numbers (9 rows of total weight 10 and 1 column)" in f.message for f in many.findings
    )


def test_shares_of_rows_in_the_tails_have_the_digits_that_tell_them_from_their_expectation() -> None:
    rows = np.random.default_rng(1).standard_t(15, 10_000)
    [found] = findings(gmix.fit(rows, 1, rng=0), "heavy tails")
    share = float(found.message.split("mixture's: ")[1].split("\N{NO-BREAK SPACE}")[0])
    assert 1.0 < share < 1.5
    assert "contains 1\N{NO-BREAK SPACE}% of" in found.message


def numbered(n: int, start: int = 1, step: int = 1) -> Array:
    """Two measurements, with a column of running numbers between them."""
    return np.insert(normal(n, 2), 1, start + step * np.arange(n), axis=1)


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        (numbered(30), "column 1 (1, 2, 3, ...) increases by 1 "),
        (numbered(300, 1001), "column 1 (1001, 1002, 1003, ...)"),
        (numbered(300, -7).astype(np.float32), "column 1 (-7, -6, -5, ...)"),
        (numbered(40_000, 0), "column 1 (0, 1, 2, ...)"),  # of which 10,000 rows are drawn
        (np.arange(1.0, 31.0), "column 0 (1, 2, 3, ...)"),
        (np.c_[numbered(50), np.arange(50)], "column 1 (1, 2, 3, ...) and column 3 (0, 1, 2, ...) increase by 1 "),
    ],
)
def test_columns_of_running_numbers_are_named_and_used(table: Array, shown: str) -> None:
    fit = gmix.fit(table, 1, covariance="VVI" if table.ndim > 1 else "V")
    [finding] = findings(fit, "row numbers")
    assert finding.level == "note"
    assert shown in finding.message
    assert "--columns" in finding.message
    assert fit.mixture.n_features == np.atleast_2d(table.T).shape[0]


@pytest.mark.parametrize(
    "table",
    [
        numbered(19),  # too short, such as a year
        numbered(300, step=2),
        numbered(300, step=-1),
        numbered(300) + 0.5,
        np.delete(numbered(300), 150, axis=0),
        numbered(300)[::-1],
        np.random.default_rng(0).permutation(numbered(300)),
        np.random.default_rng(0).permutation(numbered(40_000)),
        np.delete(numbered(40_000), 20_000, axis=0),
        np.repeat(numbered(20_000), 2, axis=0),
        np.where(np.eye(300, 3, -9, bool), np.nan, numbered(300)),
    ],
)
def test_other_columns_of_numbers_are_not_called_running_numbers(table: Array) -> None:
    assert findings(gmix.fit(table, 1, covariance="VVI"), "row numbers") == []


def test_running_numbers_are_seen_in_blocks_and_files_and_not_in_histograms(tmp_path: Path) -> None:
    table = numbered(30_000, 5)
    np.savetxt(tmp_path / "table.csv", table, delimiter=",", header="a,case,b", comments="")
    blocks = [table[:9_000], table[9_000:]]
    for data, name in ((tmp_path / "table.csv", "'case'"), (blocks, "1")):
        for memory in (1e5, 1e9):
            [found] = findings(gmix.fit(data, 1, covariance="VVI", memory=memory), "row numbers")
            assert f"column {name} (5, 6, 7, ...)" in found.message
    assert findings(gmix.fit(np.arange(99), 1, sample_weight=np.arange(99) + 1), "row numbers") == []
    [found] = findings(gmix.fit(table, 1, covariance="VVI", sample_weight=np.full(30_000, 2)), "row numbers")
    assert "(5, 6, 7, ...)" in found.message


def test_the_range_ends_where_a_person_let_it_end() -> None:
    """Of a large table candidates are left out before all rows are read for them, but they were tried."""
    table = np.r_[two_clusters(30_000), 50.0 + normal(30_000, 1)]
    fit = gmix.fit(table, range(1, 6), covariance="E", rng=0)
    assert fit.mixture.n_components == 3
    assert findings(fit, "end of range") == []


def test_one_component_of_several_structures_is_one_model() -> None:
    fit = gmix.fit(normal(300, 2), [1, 2], rng=0)
    assert fit.mixture.n_components == 1
    for finding in findings(fit, "close rival"):
        assert "larger by only 0.00" not in finding.message


def test_the_same_rows_are_looked_at_wherever_they_lie() -> None:
    table = normal(30_000, 2)
    sample = Sample.of(as_source(table))
    assert sample.rows.shape == (10_000, 2)
    assert np.array_equal(sample.rows, Sample.of(as_source([table[:9_000], table[9_000:]])).rows)
    assert Sample.of(as_source(normal(3000, 1000))).rows.size == 1_000_000


def test_the_inspection_draws_nothing_from_the_generator_of_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    table = normal(30_000, 2)
    inspected = gmix.fit(table, 2, covariance="tied", rng=5)
    monkeypatch.setattr("gmix.fitting.fit.inspected", lambda fit, sample, most: fit)
    monkeypatch.setattr(Sample, "of", lambda source: None)
    plain = gmix.fit(table, 2, covariance="tied", rng=5)
    assert inspected.mixture.means.tobytes() == plain.mixture.means.tobytes()
    assert inspected.history == plain.history


@pytest.mark.parametrize(
    "table", [[[1.0]], [[1.0, 2.0]], [[1.0], [1.0]], [[0.0], [1.0], [5.0]], np.eye(4), np.ones((9, 3))]
)
@pytest.mark.parametrize("scale", [1e-140, 1.0, 1e150])
def test_no_table_is_too_small_or_too_far_off_to_be_looked_at(table: Any, scale: float) -> None:
    rows = np.asarray(table) * scale
    fit = gmix.fit(rows, 1, covariance="diag")
    with np.errstate(all="raise", under="ignore"):
        found = inspect(Sample.of(as_source(rows)), fit.mixture, fit.statistics, None, None, None)
    assert set(found) <= set(fit.findings)


def test_warnings_come_first_and_nothing_twice() -> None:
    note, warning = Finding("a", "b", "note"), Finding("c", "d")
    assert by_importance([note, warning, note, warning]) == (warning, note)


fitted = partial(gmix.fit, np.random.default_rng(0).poisson(2.0, 500).astype(float), range(1, 10), rng=0)


def test_every_text_shows_the_one_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    from gmix.cli.console import document, print_candidates, print_fit

    fit = fitted()
    assert {finding.level for finding in fit.findings} == {"warning", "note"}
    shown = [f"{finding.level}: {finding.name}: {finding.message}" for finding in fit.findings]
    assert repr(fit).endswith(f", {sum(f.level == 'warning' for f in fit.findings)} warnings)")
    assert str(fit).splitlines() == [repr(fit), *(f"  {line}" for line in shown)]
    assert fit.summary().splitlines()[-len(shown) - 1 :] == ["", *(f"  {line}" for line in shown)]
    for show in (print_fit, print_candidates):
        show(fit, {})
        assert capsys.readouterr().out.splitlines()[-len(shown) :] == shown
    assert document(fit)["findings"] == [vars(finding) for finding in fit.findings]
    fit.save(tmp_path / "fit.json")
    assert str(gmix.load(tmp_path / "fit.json")) == str(fit)
    clean = gmix.fit(two_clusters(80), 2, rng=0)
    assert str(clean) == repr(clean)
    assert "warning" not in repr(clean)


def test_the_report_shows_the_one_list(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    pytest.importorskip("jinja2")
    import re
    from html import unescape

    rows = np.random.default_rng(0).poisson(2.0, 500).astype(float)
    fit = fitted()
    fit.report(tmp_path / "page.html", rows)
    page = unescape((tmp_path / "page.html").read_text(encoding="utf-8"))
    marks = re.findall(r'<li class="(warning|note|well)">.*?<strong>(.*?)(?: <span.*?)?</strong> (.*?)</p></li>', page)
    judged = [mark for mark in marks if mark[0] != "well"]
    assert judged == [
        (f.level, f.name[0].upper() + f.name[1:], f"{f.message[0].upper()}{f.message[1:]}.") for f in fit.findings
    ]
    assert [mark[0] for mark in marks[len(judged) :]] == ["well"] * (len(marks) - len(judged))
    assert len(marks) > len(judged)
