"""A table with error bars at the command line: the model of the true values, and what it says of the rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run, table

import gmix

pytest.importorskip("pyarrow")


@pytest.fixture
def stars(tmp_path: Path) -> Path:
    """300 stars of two kinds, whose mass and speed are measured with errors."""
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.2, 1.0, (300, 2))
    true = np.where(rng.random((300, 1)) < 0.5, [0.0, 0.0], [3.0, 5.0]) + 0.3 * rng.standard_normal((300, 2))
    rows = np.hstack([true + errors * rng.standard_normal((300, 2)), errors])
    path = tmp_path / "stars.csv"
    np.savetxt(path, rows, "%.6f", ",", header="mass,speed,mass_error,speed_error", comments="")
    return path


NAMED = ["--row-errors", "mass=mass_error,speed=speed_error"]


def test_from_a_table_with_error_bars_to_its_labels(stars: Path, tmp_path: Path) -> None:
    model, labels = tmp_path / "model.json", tmp_path / "labels.csv"
    result = run("fit", stars, *NAMED, "--out", model, "--labels", labels)
    assert result.exit_code == 0, result.output
    assert "measurement errors" in result.output
    fit = gmix.load(model)
    assert fit.mixture.features == ("mass", "speed")
    assert fit.mixture.n_components == 2
    assert np.sqrt(fit.mixture.covariances[:, [0, 1], [0, 1]]).max() < 0.5
    predicted = run("predict", model, stars, *NAMED)
    assert predicted.stdout == labels.read_text()
    score = json.loads(run("score", model, stars, *NAMED, "--json").stdout)
    assert score["log_likelihood"] == pytest.approx(fit.log_likelihood, rel=1e-9)
    rows = tmp_path / "rows.csv"
    assert run("score", model, stars, *NAMED, "--rows", "--out", rows).exit_code == 0
    assert table(rows)[1].sum() == pytest.approx(fit.log_likelihood, rel=1e-9)


def test_errors_of_every_column_are_a_list(stars: Path) -> None:
    listed = ["--columns", "mass,speed", "--row-errors", "mass_error,speed_error"]
    options = ["-k", "2", "-c", "full", "--json"]
    found = [json.loads(run("fit", stars, *errors, *options).stdout) for errors in (NAMED, listed)]
    assert found[0]["means"] == found[1]["means"]


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ("mass=nothing", "there is no column 'nothing'"),
        ("weight=mass_error", "gmix: --row-errors names the column 'weight'"),
        (
            "mass_error",
            "gmix: --row-errors names 1 column and 3 are used, ['mass', 'speed', 'speed_error']; name one for each, or "
            "the columns that they belong to, as in --row-errors mass=mass_error",
        ),
        ("mass=", "must name columns of errors"),
        ("mass=mass_error,speed_error", "must name columns of errors"),
    ],
)
def test_names_that_cannot_be_used_are_a_mistake(stars: Path, errors: str, message: str) -> None:
    result = run("fit", stars, "--row-errors", errors)
    assert result.exit_code != 0
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_negative_error_is_named_by_its_line(stars: Path) -> None:
    lines = stars.read_text().splitlines()
    mass, speed, error, _ = lines[6].split(",")
    lines[6] = f"{mass},{speed},{error},-0.25"
    stars.write_text("\n".join(lines) + "\n")
    result = run("fit", stars, *NAMED)
    assert result.exit_code != 0
    message = " ".join(result.output.split())
    assert "stars.csv, line 7, row 5, column 'speed' is -0.25; give standard errors, zero or more" in message


WARNING = "gmix: warning: measurement errors: the model describes true values, and the points are treated as exact; "


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (["predict", "MODEL", "POINTS"], "name their columns of errors with --row-errors"),
        (["score", "MODEL", "POINTS"], "name their columns of errors with --row-errors"),
        (["merge", "MODEL", "POINTS"], "name their columns of errors with --row-errors"),
        (["bootstrap", "MODEL", "POINTS"], "name their columns of errors with --row-errors"),
        (["outliers", "MODEL", "POINTS"], "imprecise rows seem more unusual than they are"),
        (["impute", "POINTS", "-m", "MODEL"], "cells that are filled in describe true values, and the other cells"),
        (["plot", "MODEL", "POINTS", "--out", "p.png"], "measured points scatter more widely than the model"),
        (["plot", "MODEL", "POINTS", "--kind", "quantiles", "--out", "p.png"], "measured points scatter more widely"),
    ],
    ids=lambda part: part[0] if isinstance(part, list) else "",
)
def test_a_model_of_true_values_warns_of_points_without_errors(
    command: list[str], remedy: str, stars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("fit", stars, *NAMED, "-k", 2, "-c", "full", "--out", "model.json").exit_code == 0
    arguments = ["model.json" if part == "MODEL" else stars if part == "POINTS" else part for part in command]
    assert run(*arguments).stderr.count(WARNING + remedy) == 1
    if "--row-errors" in remedy:
        given = run(*arguments, *NAMED, *(["-n", 2] if command[0] == "bootstrap" else []))
        assert (given.exit_code, given.stderr) == (0, "")


def test_a_model_of_measured_values_and_one_without_points_do_not_warn(
    stars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    columns = ["--columns", "mass,speed", "-k", 2, "-c", "full"]
    assert run("fit", stars, *columns, "--out", "plain.json").exit_code == 0
    assert "errors" not in run("predict", "plain.json", stars).stderr
    assert run("fit", stars, *NAMED, "-k", 2, "-c", "full", "--out", "model.json").exit_code == 0
    assert run("plot", "model.json", "--out", "p.png").stderr == ""


def test_clusters_take_the_errors_of_rows(stars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("fit", stars, *NAMED, "-k", 2, "-c", "full", "--out", "model.json").exit_code == 0
    fit = gmix.load("model.json")
    _, values = table(stars)
    rows = gmix.sources.as_source(values[:, :2], row_errors=values[:, 2:], columns=["mass", "speed"])
    merged = json.loads(run("merge", "model.json", stars, *NAMED, "--json").stdout)
    assert merged["entropy"] == pytest.approx(gmix.merge(fit.mixture, rows).entropy.tolist(), rel=1e-9)
