"""A person looks for the rows that fit nowhere: every row, the rows below a level, sorted, and every mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import FAITHFUL_ROWS, run, table

import gmix
from gmix.sources.files import open_table

pa = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

MEASURES = ["component", "distance", "distance_p_value", "log_density", "density_p_value"]


def measured(scores: gmix.OutlierScores) -> np.ndarray:
    return np.column_stack([getattr(scores, name) for name in MEASURES])


def test_every_row_has_its_measures(model: Path, faithful: Path, tmp_path: Path) -> None:
    out = tmp_path / "outliers.csv"
    result = run("outliers", model, faithful, "--out", out)
    assert (result.exit_code, result.output) == (0, "")
    names, values = table(out)
    assert names == ["row", *MEASURES]
    assert np.array_equal(values[:, 0], np.arange(272))
    scores = gmix.load(model).mixture.outlier_score(open_table(faithful).rows)
    assert np.array_equal(values[:, 1:], measured(scores))
    assert run("outliers", model, faithful).stdout == out.read_text()


def test_the_most_unusual_rows_with_their_values(model: Path, faithful: Path, tmp_path: Path) -> None:
    rows, mixture = open_table(faithful).rows, gmix.load(model).mixture
    scores, out = mixture.outlier_score(rows), tmp_path / "outliers.csv"
    result = run("outliers", model, faithful, "--below", 0.02, "--sorted", "--values", "--out", out)
    names, values = table(out)
    assert names == ["row", "eruptions", "waiting", *MEASURES]
    unusual = np.argsort(scores.log_density)[: np.count_nonzero(scores.density_p_value < 0.02)]
    assert 3 < len(unusual) < 15
    assert values[:, 0].tolist() == unusual.tolist()
    assert np.array_equal(values[:, 1:3], rows[unusual])
    assert result.stderr == (
        f"gmix: note: unusual rows: {len(unusual)} of 272 rows have a density p-value below 0.02; "
        "5.44 are expected among as many draws from the mixture\n"
    )
    result = run("outliers", model, faithful, "--below", 0.02, "--sorted", "--by", "distance", "--out", out)
    _, values = table(out)
    assert values[:, 0].tolist() == np.argsort(-scores.distance)[: len(values)].tolist()
    assert len(values) == np.count_nonzero(scores.distance_p_value < 0.02)
    assert "have a distance p-value below 0.02; at most 5.44 are expected" in result.stderr


def test_no_row_below_the_level_is_a_table_without_rows(model: Path, faithful: Path, tmp_path: Path) -> None:
    for options in ([], ["--sorted"]):
        result = run("outliers", model, faithful, "--below", 1e-30, *options)
        assert (result.exit_code, result.stdout) == (0, ",".join(["row", *MEASURES]) + "\n")
        assert "0 of 272 rows" in result.stderr
    for ending in ("parquet", "arrow"):
        out = tmp_path / f"none.{ending}"
        assert run("outliers", model, faithful, "--below", 1e-30, "--out", out).exit_code == 0
    assert parquet.read_table(tmp_path / "none.parquet").num_rows == 0


def test_a_table_larger_than_memory_gives_the_same_bytes(model: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.csv"
    long.write_text("\n".join([FAITHFUL_ROWS[0], *FAITHFUL_ROWS[1:] * 40]) + "\n")
    for options in ([], ["--below", 0.1, "--values"], ["--sorted", "--below", 0.5]):
        whole = run("outliers", model, long, *options)
        assert len(whole.stdout.splitlines()) > 100
        assert run("outliers", model, long, *options, "--memory", "10K").stdout == whole.stdout
    piped = run("outliers", model, "-", "--format", "parquet", given=long.read_bytes())
    (tmp_path / "piped.parquet").write_bytes(piped.stdout_bytes)
    numbers = parquet.read_table(tmp_path / "piped.parquet")["row"].to_numpy()
    assert np.array_equal(numbers, np.arange(272 * 40))


def test_a_row_with_a_missing_cell_has_the_measures_of_the_others(model: Path, tmp_path: Path) -> None:
    holes = tmp_path / "holes.csv"
    holes.write_text("\n".join([*FAITHFUL_ROWS[:5], "3.5,", ",99", *FAITHFUL_ROWS[5:]]) + "\n")
    out, mixture = tmp_path / "outliers.csv", gmix.load(model).mixture
    assert run("outliers", model, holes, "--out", out).exit_code == 0
    _, values = table(out)
    for row, column, value in ((4, 0, 3.5), (5, 1, 99.0)):
        alone = mixture.marginal([column]).outlier_score([value])
        np.testing.assert_allclose(values[row, 1:], measured(alone)[0], rtol=0.02)
    assert run("outliers", model, holes, "--memory", "1K").stdout == out.read_text()
    shown = run("outliers", model, holes, "--values", "--sorted").stdout.splitlines()
    assert any(line.startswith("4,3.5,,") for line in shown)
    p_values = [float(line.split(",")[-1]) for line in shown[1:]]  # of densities in units of different columns
    assert p_values == sorted(p_values)


def test_rows_that_break_an_equation_between_columns_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    celsius, wind = rng.normal(15.0, 8.0, 300), rng.gamma(9.0, 1.0, 300)
    fahrenheit = 1.8 * celsius + 32.0
    points, model, out = tmp_path / "weather.csv", tmp_path / "model.json", tmp_path / "outliers.csv"
    header = "celsius,wind,fahrenheit"
    np.savetxt(points, np.column_stack([celsius, wind, fahrenheit]), "%.17g", ",", header=header, comments="")
    assert run("fit", points, "-k", "1-2", "-c", "full", "--out", model).exit_code == 0
    middle = int(np.argsort(celsius)[150])
    fahrenheit[middle] += 9.0
    np.savetxt(points, np.column_stack([celsius, wind, fahrenheit]), "%.17g", ",", header=header, comments="")
    result = run("outliers", model, points, "--below", 1e-6, "--out", out)
    lines = [line.split(",") for line in out.read_text().splitlines()]
    assert lines[0] == ["row", *MEASURES, "departs"]
    assert [(line[0], line[-1]) for line in lines[1:]] == [(str(middle), "true")]
    assert float(lines[1][-2]) > 0.1  # the independent columns are usual
    assert result.stderr.splitlines()[1] == (
        "gmix: warning: departing rows: 1 of 300 rows depart from fahrenheit = 1.8 celsius + 32; "
        "look at them, whatever their p-values"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--below", "0"], ["--below 0 is not a probability above 0", "0.001"]),
        (["--below", "1.5"], ["--below 1.5 is not a probability"]),
        (["--below", "few"], ["invalid value for '--below'"]),
        (["--by", "distanc"], ["--by 'distanc' is not known; known are density, distance", "did you mean 'distance'?"]),
        (["--out", "nowhere/out.csv"], ["there is no directory nowhere"]),
        (["--format", "xml"], ["--format 'xml' is not known; known are csv, parquet, arrow"]),
        (["--sort"], ["there is no option --sort", "--sorted"]),
    ],
)
def test_a_mistake_gets_a_line_and_status_2(
    options: list[str], words: list[str], model: Path, faithful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("outliers", model, faithful, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    for part in words:
        assert part in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faithful.csv", "model.json"]


def test_mistakes_in_the_files(model: Path, faithful: Path, tmp_path: Path) -> None:
    infinite, other = tmp_path / "infinite.csv", tmp_path / "other.csv"
    infinite.write_text("\n".join([*FAITHFUL_ROWS[:5], "3.5,inf", *FAITHFUL_ROWS[5:]]) + "\n")
    other.write_text("eruption,waiting\n1,2\n")
    out = tmp_path / "out.csv"
    for arguments, words in (
        ([model, infinite], "row 4, column 'waiting' is infinite"),
        ([model, other], "did you mean 'eruption'?"),
        ([faithful, faithful], "is not a gmix model"),
        ([model, tmp_path / "none.csv"], "there is no file"),
    ):
        result = run("outliers", *arguments, "--out", out)
        assert result.exit_code == 2
        assert words in result.stderr
        assert not out.exists()


def test_a_column_with_the_name_of_a_measure(tmp_path: Path) -> None:
    points, model = tmp_path / "points.csv", tmp_path / "model.json"
    points.write_text("\n".join([FAITHFUL_ROWS[0].replace("waiting", "distance"), *FAITHFUL_ROWS[1:]]) + "\n")
    assert run("fit", points, "-k", 1, "-c", "full", "--out", model).exit_code == 0
    assert run("outliers", model, points).stdout.startswith("row,component,distance,")
    result = run("outliers", model, points, "--values")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the model has a column 'distance', and a measure has the same name; leave out the values" in result.stderr
