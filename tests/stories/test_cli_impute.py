"""gmix impute at the command line: missing cells are filled in, and everything else stays as it was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import run

import gmix

pa = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

ROWS = gmix.GaussianMixture([1.0], [[5.0, 2.0]], [[[1.0, 0.8], [0.8, 1.0]]]).sample(40, rng=1).round(2)
HOLES = {(3, 0), (5, 1), (9, 0), (9, 1), (20, 1)}


def cells(path: Path | str, delimiter: str = ",") -> list[list[str]]:
    text = Path(path).read_text(encoding="utf-8") if isinstance(path, Path) else path
    return [line.split(delimiter) for line in text.splitlines()]


def written(missing: str = "", delimiter: str = ",", decimal: str = ".") -> str:
    lines = [delimiter.join(["name", "a", "weight", "b"])]
    for i, row in enumerate(ROWS):
        a, b = (missing if (i, j) in HOLES else f"{row[j]:.2f}".replace(".", decimal) for j in (0, 1))
        lines.append(delimiter.join([f"row{i}", a, str(1 + i % 2), b]))
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text(written())
    return tmp_path


ONE = ("-k", "1", "-c", "full", "--columns", "a,b")


def test_missing_cells_get_their_conditional_means_and_other_cells_keep_their_text(folder: Path) -> None:
    result = run("impute", "points.csv", *ONE, "--out", "filled.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "note: missing cells: 5 of 80 cells are missing" in result.stderr
    assert (
        "note: missing cells: 5 of 80 cells are missing (2 of column 'a' and 3 of column 'b') and are filled in"
        in result.stderr
    )
    before, after = cells(folder / "points.csv"), cells(folder / "filled.csv")
    table = np.array([[float(row[1]), float(row[3])] for row in after[1:]])
    holed = np.array([[np.nan if (i, j) in HOLES else ROWS[i, j] for j in (0, 1)] for i in range(len(ROWS))])
    np.testing.assert_array_equal(table, gmix.fit(holed, 1, covariance="full", rng=0).mixture.impute(holed))
    changed = {(i - 1, j // 2) for i, row in enumerate(before) for j, cell in enumerate(row) if after[i][j] != cell}
    assert changed == HOLES


@pytest.mark.parametrize(
    ("missing", "delimiter", "decimal", "options"),
    [
        ("NA", ",", ".", []),
        ("", ";", ",", []),
        ("-999", "\t", ".", ["--missing-value", "-999"]),
        ("NaN", "|", ".", []),
        ("?", ";", ",", ["--missing-value", "?", "--decimal", ","]),
    ],
)
def test_the_delimiter_and_the_decimal_marks_are_kept(
    missing: str, delimiter: str, decimal: str, options: list[str], folder: Path
) -> None:
    Path("points.csv").write_text("# measured in May\n" + written(missing, delimiter, decimal))
    assert run("impute", "points.csv", *ONE, *options, "-o", "filled.csv", "-q").exit_code == 0
    before, after = cells(folder / "points.csv", delimiter)[1:], cells(folder / "filled.csv", delimiter)
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        for j in range(4):
            if old[j] == missing:
                assert abs(float(new[j].replace(decimal, ".")) - [0, 5.0, 0, 2.0][j]) < 5.0
                assert decimal in new[j]
            else:
                assert new[j] == old[j], (i, j)


def test_draws_are_written_to_numbered_files(folder: Path) -> None:
    result = run("impute", "points.csv", *ONE, "--draws", "10", "--out", "filled.csv", "--seed", "3")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in folder.glob("filled*")) == [f"filled-{i:02}.csv" for i in range(1, 11)]
    tables = [
        np.array([[float(row[1]), float(row[3])] for row in cells(path)[1:]]) for path in sorted(folder.glob("filled*"))
    ]
    holed = np.array([[np.nan if (i, j) in HOLES else ROWS[i, j] for j in (0, 1)] for i in range(len(ROWS))])
    imputations = gmix.impute(gmix.fit(holed, 1, covariance="full", rng=3), holed, 10, rng=3)
    for table, expected in zip(tables, imputations, strict=True):
        np.testing.assert_array_equal(table, expected)


def test_one_draw_goes_to_standard_output(folder: Path) -> None:
    one, same, other = (
        run("impute", "-", *ONE, "--draws", "1", "--seed", seed, "-q", given=written().encode()) for seed in (0, 0, 1)
    )
    assert one.stderr == ""
    assert one.stdout == same.stdout != other.stdout
    assert len(cells(one.stdout)) == 41
    assert not list(folder.glob("filled*"))


def test_a_model_fills_in_the_rows_of_another_table(folder: Path) -> None:
    assert run("fit", "points.csv", *ONE, "-o", "model.json").exit_code == 0
    (folder / "more.csv").write_text("b,c,a\n2.0,x,\n,y,4.0\n,z,\n")
    result = run("impute", "more.csv", "--model", "model.json")
    assert result.exit_code == 0, result.stderr
    mixture = gmix.load("model.json").mixture
    expected = mixture.impute(np.array([[np.nan, 2.0], [4.0, np.nan], [np.nan, np.nan]]))
    rows = cells(result.stdout)
    assert rows[0] == ["b", "c", "a"]
    assert [row[1] for row in rows[1:]] == ["x", "y", "z"]
    np.testing.assert_array_equal([[float(row[2]), float(row[0])] for row in rows[1:]], expected)


def test_other_columns_of_parquet_keep_their_types(folder: Path) -> None:
    holed = [[None if (i, j) in HOLES else float(ROWS[i, j]) for i in range(len(ROWS))] for j in (0, 1)]
    table = pa.table({
        "name": pa.array([f"row {i % 3}" for i in range(len(ROWS))]).dictionary_encode(),
        "a": pa.array(holed[0], pa.float32()), "b": pa.array(holed[1]),
        "count": pa.array([None if i == 7 else i % 5 for i in range(len(ROWS))], pa.int32()),
        "whole": pa.array([i * i % 7 for i in range(len(ROWS))], pa.int16()),
        "day": pa.array(range(len(ROWS)), pa.date32()),
    })  # fmt: skip
    parquet.write_table(table, "points.parquet")
    assert run("impute", "points.parquet", "-k", "1", "-c", "diag", "-o", "filled.parquet", "-q").exit_code == 0
    filled = parquet.read_table("filled.parquet")
    kinds = {field.name: str(field.type) for field in filled.schema}
    assert kinds["a"] == "float"
    assert kinds["b"] == kinds["count"] == "double"
    assert kinds["whole"] == "int16"
    assert kinds["day"] == "date32[day]"
    assert filled["name"].to_pylist() == table["name"].to_pylist()
    assert filled["day"] == table["day"]
    for name in ("a", "b", "count"):
        pairs = list(zip(table[name].to_pylist(), filled[name].to_pylist(), strict=True))
        assert all(after is not None and before in (None, after) for before, after in pairs)
    as_csv = run("impute", "points.parquet", "-k", "1", "-c", "diag", "-q")
    assert as_csv.exit_code == 0
    assert cells(as_csv.stdout)[0] == filled.column_names


def test_csv_becomes_parquet(folder: Path) -> None:
    assert run("impute", "points.csv", *ONE, "-o", "filled.parquet", "-q").exit_code == 0
    filled = parquet.read_table("filled.parquet")
    assert filled.column_names == ["name", "a", "weight", "b"]
    assert filled["name"].to_pylist()[:2] == ["row0", "row1"]
    assert all(column.null_count == 0 for column in filled.columns)


def test_a_table_that_is_read_in_blocks_is_filled_in_block_by_block(folder: Path) -> None:
    whole = run("impute", "points.csv", *ONE, "-q")
    blocks = run("impute", "points.csv", *ONE, "-q", "--memory", "0.5K")
    assert blocks.exit_code == 0, blocks.stderr
    for one, other in zip(cells(whole.stdout)[1:], cells(blocks.stdout)[1:], strict=True):
        assert [float(one[i]) for i in (1, 3)] == pytest.approx([float(other[i]) for i in (1, 3)], rel=1e-6)


def test_bytes_that_are_not_utf_8_in_other_columns_are_kept(folder: Path) -> None:
    text = written().encode().replace(b"row4", b"r\xf6w, 4").replace(b"r\xf6w, 4", b'"r\xf6w, 4"')
    (folder / "points.csv").write_bytes(text)
    assert run("impute", "points.csv", *ONE, "-o", "filled.csv", "-q").exit_code == 0
    assert b'"r\xf6w, 4",' in (folder / "filled.csv").read_bytes()


def test_without_missing_cells_the_table_stays_as_it_is(folder: Path) -> None:
    (folder / "whole.csv").write_text("a,b\n" + "".join(f"{a:.2f},{b:.3f}\n" for a, b in ROWS))
    result = run("impute", "whole.csv", "-k", "1")
    assert result.stdout == (folder / "whole.csv").read_text()
    assert "no cell is missing" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--draws", "3"], ["--draws 3 writes 3 files", "--out"]),
        (["--draws", "3", "--out", "-"], ["--draws 3 writes 3 files"]),
        (["--draws", "0", "--out", "x.csv"], ["--draws", "1"]),
        (["--out", "x.xlsx"], ["x.xlsx", ".csv, .parquet or .arrow"]),
        (["--out", "no/x.csv"], ["there is no directory no"]),
        (["--draws", "2", "--out", "no/x.csv"], ["there is no directory no"]),
        (["--columns", "a,c"], ["there is no column 'c'"]),
        (["--model", "nowhere.json"], ["nowhere.json"]),
        (["--model", "model.json", "-k", "2"], ["--model is fitted already"]),
        (["--model", "model.json", "--columns", "a,b"], ["--model is fitted already"]),
        (["--model", "other.json", "--draws", "2", "--out", "x.csv"], ["not the rows of the fit"]),
        (["--draws", "2", "--out", "x.csv", "--memory", "0.5K"], ["--draws needs all rows in memory", "--memory"]),
    ],
)
def test_a_mistake_gets_a_line_and_status_2(options: list[str], words: list[str], folder: Path) -> None:
    assert run("fit", "points.csv", *ONE, "-o", "model.json").exit_code == 0
    gmix.fit(ROWS * 2.0, 1, covariance="full", columns=["a", "b"]).save("other.json")
    before = set(folder.iterdir())
    columns = [] if {"--columns", "--model"} & set(options) else list(ONE)
    result = run("impute", "points.csv", *columns, *options, "-q")
    assert result.exit_code == 2
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr
    assert set(folder.iterdir()) == before
