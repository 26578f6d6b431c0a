"""A table with missing cells: from a file to a fit and its predictions, at the command line and in Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from numpy.typing import NDArray

import gmix
from gmix.demo import AIRQUALITY

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
from pyarrow import csv, parquet  # noqa: E402

Array = NDArray[np.float64]
NAMES = ["Ozone", "Solar.R", "Wind", "Temp"]
CHOSEN = ["--columns", ",".join(NAMES)]
CELLS = "44 of 612 cells are missing (37 of column 'Ozone' and 7 of column 'Solar.R')"
ONE = ["-k", "2", "--covariance", "full", "--effort", "0.2"]


@pytest.fixture
def air(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Daily readings of the air in New York, with the cells that are missing written NA."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(str(AIRQUALITY), "air.csv")
    return Path("air.csv")


@pytest.fixture(scope="module")
def rows() -> Array:
    return np.asarray(pd.read_csv(str(AIRQUALITY))[NAMES].to_numpy(float))


# The command line -----------------------------------------------------------------------------------------------------


def test_a_csv_file_with_missing_cells_is_fitted_and_the_note_says_so(air: Path) -> None:
    result = run(
        "fit", air, *CHOSEN, *ONE, "--out", "model.json", "--labels", "labels.csv", "--plot", "air.png", "--errors"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"note: missing cells: {CELLS} and treated as missing at random" in result.stdout
    assert "nan" not in result.stdout
    labels = [int(line) for line in Path("labels.csv").read_text().splitlines()[1:]]
    assert len(labels) == 153
    assert Path("air.png").stat().st_size > 5_000
    document = json.loads(run("fit", air, *CHOSEN, *ONE, "--json").stdout)
    assert document["rows"] == 153
    [message] = [finding["message"] for finding in document["findings"] if finding["name"] == "missing cells"]
    assert message.startswith(CELLS)


def test_on_request_missing_cells_are_refused_with_file_line_and_column(air: Path) -> None:
    model = ["model.json"]
    assert run("fit", air, *CHOSEN, *ONE, "--out", *model).exit_code == 0
    for command in (["fit", air], ["select", air], ["report", air, "--out", "air.html"], ["predict", *model, air],
                    ["score", *model, air]):  # fmt: skip
        chosen = CHOSEN if command[0] in ("fit", "select", "report") else []
        for memory in ([], ["--memory", "1K"]):
            result = run(*command, *chosen, "--missing", "error", *memory)
            assert (result.exit_code, result.stdout) == (2, ""), command
            *_, message = result.stderr.splitlines()
            assert message.startswith("gmix: air.csv, line 6, row 4, column 'Ozone' is NaN (42 of 153 rows") or (
                memory and message.startswith("gmix: air.csv, line 6, row 4, column 'Ozone' is NaN")
            )
            assert "drop these rows or fill them in" in message
    both = run("report", air, "--model", *model, "--missing", "error")
    assert (both.exit_code, "--model is fitted already" in both.stderr) == (2, True)
    assert not Path("air.html").exists()


def test_select_compares_candidates_on_incomplete_rows(air: Path) -> None:
    result = run("select", air, *CHOSEN, "-k", "1-2", "--covariance", "diag,full", "--effort", "0.2")
    assert result.exit_code == 0
    assert CELLS in result.stdout
    assert "nan" not in result.stdout


@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv"])
def test_other_files_with_nulls_give_the_same_model(air: Path, ending: str) -> None:
    assert run("convert", air, f"copy.{ending}").exit_code == 0
    if ending == "parquet":
        assert parquet.read_table("copy.parquet")["Ozone"].null_count == 37
    if ending == "csv":
        assert Path("copy.csv").read_text().splitlines()[5] == ",,14.3,56,5,5"
    for table, out in ((air, "one.json"), (f"copy.{ending}", "other.json")):
        assert run("fit", table, *CHOSEN, *ONE, "--out", out).exit_code == 0
    assert Path("one.json").read_bytes() == Path("other.json").read_bytes()


def test_pipes_carry_missing_cells(air: Path) -> None:
    text = run("convert", air, "-", *CHOSEN).stdout_bytes
    model = run("fit", "-", *ONE, "--out", "-", given=text)
    assert model.exit_code == 0
    labels = run("predict", "-", air, given=model.stdout_bytes)
    assert (labels.exit_code, len(labels.stdout.splitlines())) == (0, 154)


def test_predictions_scores_and_outliers_use_the_other_cells(air: Path, rows: Array) -> None:
    assert run("fit", air, *CHOSEN, *ONE, "--out", "model.json").exit_code == 0
    mixture = gmix.load("model.json").mixture
    predicted = run("predict", "model.json", air, "--probabilities", "--out", "p.csv")
    note = f"gmix: note: missing cells: {CELLS}; each row is judged by its other cells\n"
    assert (predicted.exit_code, predicted.stderr) == (0, note)
    found = pd.read_csv("p.csv")
    np.testing.assert_array_equal(found["component"], mixture.predict(rows))
    np.testing.assert_allclose(found["log_density"], mixture.log_density(rows), rtol=1e-14)
    scored = run("score", "model.json", air, "--json")
    assert json.loads(scored.stdout)["log_likelihood"] == pytest.approx(
        gmix.load("model.json").log_likelihood, rel=1e-12
    )
    outliers = run("outliers", "model.json", air, "--values", "--sorted")
    assert outliers.exit_code == 0
    assert "nan" not in outliers.stdout
    table = csv.read_csv(pa.BufferReader(outliers.stdout_bytes))
    assert table["Ozone"].null_count == 37


def test_new_rows_may_lack_any_cell(air: Path) -> None:
    """One row, a column without any value, and a row without any."""
    assert run("fit", air, *CHOSEN, *ONE, "--out", "model.json").exit_code == 0
    mixture = gmix.load("model.json").mixture
    for lines, count in (
        (["Ozone,Solar.R,Wind,Temp", ",,,90"], 1),
        (["Temp,Wind,Ozone,Solar.R", "60,20,,", "90,5,,", ",,,"], 3),
        (["Ozone,Solar.R,Wind,Temp", ",,,", ",,,"], 2),
    ):
        Path("new.csv").write_text("\n".join(lines) + "\n")
        result = run("predict", "model.json", "new.csv")
        assert (result.exit_code, len(result.stdout.splitlines())) == (0, count + 1), result.stderr
        score = run("score", "model.json", "new.csv", "--json")
        assert score.exit_code == 0
        assert json.loads(score.stdout)["rows"] == count
        assert run("plot", "model.json", "new.csv", "--out", "new.png").exit_code == 0
    assert json.loads(score.stdout)["log_likelihood_per_row"] is None  # of no row that has a value
    heaviest = int(mixture.weights.argmax())
    assert result.stdout.splitlines()[1:] == [str(heaviest)] * 2


def test_a_saved_model_goes_on_with_further_rows(air: Path, rows: Array) -> None:
    assert run("fit", air, *CHOSEN, *ONE, "--out", "model.json").exit_code == 0
    fit = gmix.load("model.json")
    assert fit.icl == pytest.approx(gmix.fit(rows, start=fit.mixture, max_iterations=0).icl, rel=1e-9)
    learner = gmix.Stepwise(fit.mixture, statistics=fit.statistics).update(rows[:50])
    assert learner.mass == 203.0
    assert run("sample", "model.json", "5").exit_code == 0


# Tables in Python -----------------------------------------------------------------------------------------------------


def test_pandas_polars_and_arrow_give_the_same_fit(rows: Array) -> None:
    frame = pd.DataFrame(rows, columns=NAMES)
    tables: list[Any] = [frame, frame.convert_dtypes(), pa.Table.from_pandas(frame), frame.astype(object)]
    if (polars := pytest.importorskip("polars")) is not None:
        tables += [polars.from_pandas(frame), polars.from_pandas(frame).fill_nan(None)]
    expected = gmix.fit(rows, 2, covariance="full", rng=0)
    for table in tables:
        fit = gmix.fit(table, 2, covariance="full", rng=0)
        assert fit.mixture.means.tobytes() == expected.mixture.means.tobytes()
        np.testing.assert_array_equal(fit.mixture.predict(table), expected.mixture.predict(rows))


# scikit-learn ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
def test_the_estimator_fits_scores_and_learns(rows: Array, init: str) -> None:
    sklearn = pytest.importorskip("gmix.sklearn")
    model = sklearn.GaussianMixture(2, init_params=init, random_state=0).fit(rows)
    mixture = model.mixture_
    np.testing.assert_array_equal(model.predict(rows), mixture.predict(rows))
    np.testing.assert_allclose(model.predict_proba(rows).sum(1), 1.0)
    assert model.score(rows) == pytest.approx(mixture.log_density(rows).mean())
    assert model.bic(rows) == pytest.approx(model.fit_.bic, rel=1e-9)
    assert model.icl(rows) == pytest.approx(model.fit_.icl, rel=1e-9)
    assert {finding.name for finding in model.fit_.findings} >= {"missing cells"}
    points, labels = model.sample(10)
    assert np.isfinite(points).all()
    assert len(labels) == 10
    model.partial_fit(rows[:40])
    assert model.mixture_ is not mixture
    assert np.isfinite(model.means_).all()
    assert model.__sklearn_tags__().input_tags.allow_nan


def test_the_estimator_searches_and_counts_only_rows_with_values(rows: Array) -> None:
    sklearn = pytest.importorskip("gmix.sklearn")
    frame = pd.DataFrame(np.vstack([rows, np.full((5, 4), np.nan)]), columns=NAMES).convert_dtypes()
    model = sklearn.GaussianMixture([1, 2], covariance_type=["diag", "full"], random_state=0).fit(frame)
    assert list(model.feature_names_in_) == NAMES
    assert model.fit_.mass == 153.0
    assert model.bic(frame) == pytest.approx(model.fit_.bic, rel=1e-9)
    assert model.score(frame) == pytest.approx(model.fit_.log_likelihood / 153.0, rel=1e-9)
    weight = np.r_[np.full(153, 2.0), np.ones(5)]
    assert model.bic(frame, sample_weight=weight) == pytest.approx(
        -4.0 * model.fit_.log_likelihood + model.fit_.n_parameters * np.log(306.0), rel=1e-9
    )
    pipeline = pytest.importorskip("sklearn.pipeline").make_pipeline(
        pytest.importorskip("sklearn.preprocessing").StandardScaler(), sklearn.GaussianMixture(2, random_state=0)
    )
    assert np.isfinite(pipeline.fit(rows).score(rows))
    with pytest.raises(gmix.DataError, match="column 'Wind' has no value in any row"):
        sklearn.GaussianMixture(2).fit(frame.assign(Wind=pd.array([pd.NA] * len(frame), "Float64")))


def test_a_ridge_is_a_part_of_the_variance_of_the_cells_that_are_there() -> None:
    sklearn = pytest.importorskip("gmix.sklearn")
    rng = np.random.default_rng(0)
    table = np.c_[rng.normal(size=60), np.zeros(60)]
    table[:30, 1] = np.nan
    table[30:45] = table[30]
    with pytest.warns(UserWarning, match="^ridge: "):
        model = sklearn.GaussianMixture(2, random_state=0).fit(table)
    assert {"ridge", "missing cells"} <= {finding.name for finding in model.fit_.findings}
    assert np.isfinite(model.score(table))
