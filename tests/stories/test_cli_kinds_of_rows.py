"""Labels, a background, trimmed rows, weights and missing cells at the command line, in every command that fits."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import run

import gmix
from gmix.demo import FAITHFUL

pytest.importorskip("pyarrow")

ERUPTIONS = np.genfromtxt(FAITHFUL, delimiter=",", skip_header=1)
NOISE = np.random.default_rng(4).uniform([1.0, 35.0], [6.0, 105.0], (30, 2))
SHORT, LONG = "short", "long"


@pytest.fixture
def points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eruptions, of which every tenth has a label and some cells are missing, among thirty other rows."""
    monkeypatch.chdir(tmp_path)
    rows, lines = np.vstack([ERUPTIONS, NOISE]), ["eruptions,waiting,count,kind,group"]
    for i, (eruption, waiting) in enumerate(rows.tolist()):
        known = i < len(ERUPTIONS) and i % 10 == 0
        kind = "" if not known else LONG if eruption > 3 else SHORT
        lines.append(f"{eruption},{'' if i % 50 == 1 else waiting},{1 + i % 3},{kind},{i % 4 - 1}")
    Path("points.csv").write_text("\n".join(lines) + "\n")
    return Path("points.csv")


def test_select_compares_fits_with_a_background(points: Path) -> None:
    options = [points, "--columns", "eruptions,waiting", "-k", "1-3", "-c", "VVV", "--json", "--effort", 0]
    plain, within = (json.loads(run("select", *options, *more).stdout) for more in ([], ["--background"]))
    assert [c["components"] for c in plain] == [c["components"] for c in within] == [1, 2, 3]
    assert all(w["parameters"] == p["parameters"] + 1 for p, w in zip(plain, within, strict=True))
    assert min(c["bic"] for c in within) < min(c["bic"] for c in plain)
    better = run("select", *options[:-3], "--background-auto", "--effort", 0)
    assert better.exit_code == 0, better.output
    assert "background: BIC is" in better.stdout
    assert "which is kept" in better.stdout


def test_select_compares_fits_with_labels_and_trimmed_rows(points: Path) -> None:
    options = [points, "--columns", "eruptions,waiting", "-c", "VVV,EEE", "--effort", 0]
    labeled = run("select", *options, "--label-column", "kind")
    assert labeled.exit_code == 0, labeled.output
    assert "28 of 302 rows have a label; there are 2 labels ('long' and 'short')" in labeled.stdout
    trimmed = run("select", *options, "-k", 2, "--trim", 0.1, "--json")
    assert trimmed.exit_code == 0, trimmed.output
    whole = json.loads(run("select", *options, "-k", 2, "--json").stdout)
    assert all(t["bic"] < w["bic"] for t, w in zip(json.loads(trimmed.stdout), whole, strict=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--background", "-k", 2], ['<h2 id="background-title">Background</h2>', "uniform background"]),
        (["--background-auto", "-k", 2], ['<h2 id="background-title">Background</h2>', "which is kept"]),
        (["--trim", 0.1, "-k", 2], ['<h2 id="trimmed-title">Trimmed rows</h2>', "302 rows, 10 % of them trimmed"]),
        (["--label-column", "kind"], ['<h2 id="labels-title">Labels</h2>', "28 of 302 rows have a label"]),
        (["--label-column", "kind", "-k", "long=2,short=1"], ["&#39;long&#39;: 2", "add labels=, the labels"]),
        (["--weights", "count", "-k", 2], ["302 rows of total weight 603"]),
        (["-k", 2], ['<h2 id="missing-title">Missing cells</h2>']),
        (["-k", 2, "--row-errors", "waiting=count"], ['<h2 id="measured-title">Measurement errors</h2>']),
    ],
)
def test_a_report_of_every_kind_of_row(points: Path, options: list[object], said: list[str]) -> None:
    pytest.importorskip("plotly")
    columns = ["--columns", "eruptions,waiting", "-c", "VVI", "--effort", 0]
    result = run("report", points, *columns, *options, "--out", "page.html")
    assert result.exit_code == 0, result.output
    page = Path("page.html").read_text(encoding="utf-8")
    for text in said:
        assert text in page, text


def test_a_report_of_a_saved_model_needs_its_labels_alone(points: Path) -> None:
    pytest.importorskip("plotly")
    fitting = ["--columns", "eruptions,waiting", "-c", "VVI", "--effort", 0, "--quiet"]
    assert run("fit", points, *fitting, "--label-column", "kind", "--trim", 0.1, "--out", "model.json").exit_code == 0
    assert gmix.load("model.json").trim == 0.1
    without = run("report", points, "--model", "model.json")
    assert (without.exit_code, without.stderr) == (
        2,
        "gmix: this is a fit with labels; give --label-column, those of the rows\n",
    )
    both = run("report", points, "--model", "model.json", "--label-column", "kind", "--trim", 0.1)
    assert (both.exit_code, "--model is fitted already" in both.stderr) == (2, True)
    result = run("report", points, "--model", "model.json", "--label-column", "kind")
    assert result.exit_code == 0, result.output
    page = Path("report.html").read_text(encoding="utf-8")
    assert "Trimmed rows" in page
    assert "28 of 302 rows have a label" in page


def test_the_summary_and_the_terminal_say_what_was_trimmed(points: Path) -> None:
    fitting = [points, "--columns", "eruptions,waiting", "-k", 2, "-c", "VVI", "--trim", 0.1, "--effort", 0]
    result = run("fit", *fitting, "--out", "model.json")
    assert "of 302 rows, 10 % of them trimmed and 2 columns" in result.stdout
    assert "302 rows, 10 % of them trimmed" in gmix.load("model.json").summary()
    assert json.loads(run("fit", *fitting, "--json").stdout)["trim"] == 0.1


def changed(path: Path, row: int, column: int, cell: str) -> None:
    """Put another text into a cell; row -1 stands for all."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    for line in lines[1:] if row < 0 else [lines[row + 1]]:
        line[column] = cell
    path.write_text("\n".join(map(",".join, lines)) + "\n")


@pytest.mark.parametrize("command", ["fit", "select", "report"])
@pytest.mark.parametrize("memory", ["512M", "1K"])
@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (
            (7, 1, "inf"),
            [],
            "line 9, row 7, column 'waiting' is infinite (1 of 302 rows have such a value)",
        ),
        (
            (7, 2, "-2"),
            ["--weights", "count"],
            "points.csv, line 9, row 7, column 'count' is -2.0; give weights",
        ),
        (
            (7, 2, "inf"),
            ["--weights", "count"],
            "points.csv, line 9, row 7, column 'count' is inf; give weights",
        ),
        ((7, 2, ""), ["--weights", "count"], "points.csv, line 9, row 7, column 'count' is nan; give weights"),
        (
            (-1, 2, "0"),
            ["--weights", "count"],
            "the column of weights, 'count', adds up to zero (0);",
        ),
        ((7, 4, "-7"), ["--label-column", "group"], "the label of column 'group' in points.csv, line 9, row 7 is -7;"),
        (None, ["--label-column", "kin"], "there is no column 'kin'; did you mean 'kind'?"),
        (None, ["--weights", "kind"], "points.csv, line 2, row 0, column 'kind' cannot be read (it holds 'long'"),
        (None, ["--trim", "0.5"], "trim is 0.5; give the share of the rows to leave out, from 0 to less than 0.5"),
        (None, ["--missing", "error"], "points.csv, line 3, row 1, column 'waiting' is NaN"),
    ],
)
def test_a_mistake_names_the_file_the_line_the_row_and_the_column(
    points: Path, command: str, memory: str, cell: tuple[int, int, str] | None, options: list[str], message: str
) -> None:
    if command == "report":
        pytest.importorskip("plotly")
    if cell is not None:
        changed(points, *cell)
    result = run(command, points, "--columns", "eruptions,waiting", "-c", "VVI,EEI", "--memory", memory, *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("gmix: ")
    assert message in line, line
    assert sorted(path.name for path in Path().iterdir()) == ["points.csv"]


@pytest.mark.parametrize("command", ["fit", "select", "report"])
def test_options_that_contradict_each_other_or_the_memory(points: Path, command: str) -> None:
    for options, message in (
        (["--background"], "trim and background both describe rows that belong to no component"),
        (["--memory", "1K"], "trim needs a table in memory; fit a random sub-sample of the rows, or raise memory"),
    ):
        result = run(command, points, "--columns", "eruptions,waiting", "--trim", 0.1, *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr


def test_help_lists_the_options_of_a_fit_once_for_every_command() -> None:
    pages = [run(command, "--help").stdout for command in ("fit", "select", "report")]
    for option in (
        "--background",
        "--background-auto",
        "--trim",
        "--label-column",
        "--missing",
        "--weights",
        "--row-errors",
    ):
        assert all(re.search(rf"{option}\s", page) for page in pages), option
