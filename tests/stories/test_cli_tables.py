"""Tables of the command line at any width: no number is cut, and what does not fit is left out or put below."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run

import gmix

pytest.importorskip("pyarrow")


MEAN = "\N{MINUS SIGN}?[0-9.,]+ ± [0-9.,]+"


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A table of nine columns with long names and large numbers, in three clusters."""
    rows = np.random.default_rng(0).normal(size=(60, 9)) * 1e3 + np.repeat([0.0, 5e4, 1e5], 20)[:, None]
    path = tmp_path / "wide.csv"
    header = ",".join(f"measurement {j}" for j in range(9))
    np.savetxt(path, rows, delimiter=",", header=header, comments="")
    return path


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_number_of_a_fit_is_cut_at_any_width(wide: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("-k", "2-3", "-c", "diag,spherical", "--seed", 0)
    monkeypatch.setenv("COLUMNS", str(width))
    result = run("fit", wide, *options, "--errors")
    assert result.exit_code == 0
    assert "…" not in result.stdout
    monkeypatch.setenv("COLUMNS", "1000")
    whole = run("fit", wide, *options, "--errors").stdout
    means = set(re.findall(MEAN, whole))
    assert len(means) > 27
    assert means == set(re.findall(MEAN, result.stdout))
    table = result.stdout.partition("weights, means")[2].partition("best of")[0]
    grid = [line for line in table.splitlines() if line.startswith(" ")]
    assert max(map(len, grid)) <= width


def test_many_columns_turn_the_table_on_its_side(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("fit", wide, "-k", 3, "-c", "diag").stdout.splitlines()
    assert [line.split()[1:] for line in lines if line.strip().startswith("component ")] == [["0", "1", "2"]]
    for j in range(9):
        [line] = [line for line in lines if line.strip().startswith(f"measurement {j}")]
        assert line.count("±") == 3
    monkeypatch.setenv("COLUMNS", "40")
    lines = run("fit", wide, "-k", 3, "-c", "diag").stdout.splitlines()
    headers = [line.split()[1:] for line in lines if line.strip().startswith("component ")]
    assert headers == [["0"], ["1"], ["2"]]


def test_labels_and_a_background_are_on_the_side_too(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    labeled = wide.with_name("labeled.csv")
    first, *rows = wide.read_text().splitlines()
    names = ["low", "middle", "high"]
    labeled.write_text("\n".join([f"{first},kind", *(f"{row},{names[i // 20]}" for i, row in enumerate(rows))]) + "\n")
    lines = run("fit", labeled, "-c", "diag", "--label-column", "kind").stdout.splitlines()
    assert ["label", "low", "middle", "high"] in [line.split() for line in lines]
    lines = run("fit", wide, "-k", 3, "-c", "diag", "--background").stdout.splitlines()
    [header] = [line for line in lines if line.strip().startswith("component ")]
    assert header.split() == ["component", "0", "1", "2", "background"]
    [weights] = [line for line in lines if line.strip().startswith("weight ")]
    assert len(weights.split()) == 5


def test_criteria_are_left_out_before_digits(faithful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def header(width: int, *options: object) -> tuple[list[str], str]:
        monkeypatch.setenv("COLUMNS", str(width))
        text = run("select", faithful, "-k", "1-2", "-c", "full,tied", *options).stdout
        assert "…" not in text
        [line] = [line for line in text.splitlines() if line.strip().startswith("structure")]
        return line.split()[2:], text

    everything = ["log-likelihood", "parameters", "BIC", "AIC", "AICc", "ICL", "weight"]
    assert header(120)[0] == everything
    names, text = header(80)
    assert names == ["log-likelihood", "parameters", "BIC", "ICL", "weight"]
    assert "AIC and AICc are not shown in 80 columns; --json prints everything" in text
    assert "BIC" in header(60)[0]
    assert header(40, "--criterion", "aicc")[0] == ["AICc", "weight"]
    assert "2322.19" in header(40)[1]
    assert header(120, "--criterion", "caic")[0] == [*everything[:-1], "CAIC", "weight"]


def test_without_a_terminal_lines_are_whole_and_have_no_color(faithful: Path) -> None:
    plain = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "NO_COLOR")}
    command = [sys.executable, "-m", "gmix", "fit", str(faithful), "-k", "2-3", "-c", "EEE,VVV"]
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout
    assert all(name in done.stdout for name in ("BIC", "AIC", "AICc", "ICL"))
    fit = gmix.fit(faithful, [2, 3], covariance=["EEE", "VVV"], rng=0)
    assert {f"{finding.level}: {finding}" for finding in fit.findings} <= set(done.stdout.splitlines())


def test_a_small_weight_does_not_look_like_zero(model: Path) -> None:
    shown = run("condition", model, "waiting=110").stdout
    assert "<0.0001" in shown
    assert "0.0000" not in shown


def test_top_shows_the_best_candidates_only(faithful: Path) -> None:
    options = ("select", faithful, "-k", "1-3", "-c", "EEE,VVV", "--criterion", "aic")
    every = run(*options).stdout.splitlines()
    top = run(*options, "--top", 2).stdout.splitlines()
    candidates = [line for line in every if line.strip()[:3] in ("EEE", "VVV")]
    assert [line for line in top if line.strip()[:3] in ("EEE", "VVV")] == candidates[:2]
    assert "best of 6 candidates by AIC" in top[0]
    best = json.loads(run(*options, "--top", 2, "--json").stdout)
    assert [[row["structure"], str(row["components"])] for row in best] == [c.split()[:2] for c in candidates[:2]]
    assert best[0]["aic"] < best[1]["aic"]


def test_counts_agree_with_their_nouns(tmp_path: Path, model: Path) -> None:
    holed = tmp_path / "holed.csv"
    holed.write_text("eruptions,waiting\n3.6,79\n1.8,\n")
    note = run("impute", holed, "--model", model).stderr
    assert "1 of 4 cells is missing (1 of column 'waiting') and is filled in, given the other cells of its row" in note
    one = tmp_path / "one.csv"
    one.write_text("eruptions,waiting\n3.6,79\n")
    assert run("score", model, one).stdout.startswith("1 row, log-likelihood")
    printed = run("fit", one, "-k", 1, "-c", "spherical").stdout
    assert printed.startswith("1 component, VII (spherical), of 1 row and 2 columns")
    assert re.search(r"\(1 step\)", printed)
    assert not re.search(r"\b1 (rows|components|columns|steps|candidates|trials|clusters)\b", printed)


PAGE = Path(__file__).parents[2] / "docs" / "command_line.md"


def test_the_page_shows_what_is_printed(faithful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(faithful.parent)
    monkeypatch.setenv("COLUMNS", "80")
    faithful.rename("points.csv")
    assert run("fit", "points.csv", "-q", "--out", "model.json").exit_code == 0
    shown = re.findall(r"```sh\n(gmix [^\n]*)\n```\n\n```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(shown) == 2
    for command, text in shown:
        printed = [line.rstrip() for line in run(*command.split()[1:]).stdout.splitlines()]
        lines = text.rstrip().splitlines()
        assert lines == printed[: len(lines)]
        assert all(not line or line.startswith("note: ") for line in printed[len(lines) :])


@pytest.mark.parametrize(
    ("command", "width"),
    [("fit", 60), ("fit", 80), ("fit", 200), ("select", 80), ("predict", 60), ("bootstrap", 200), ("condition", 60)],
)
def test_help_is_whole_at_any_width(command: str, width: int) -> None:
    environment = os.environ | {"COLUMNS": str(width), "TERMINAL_WIDTH": ""}
    program = f"import sys; sys.argv = ['gmix', '{command}', '--help']; from gmix.cli.app import app; app()"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert "…" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= width
