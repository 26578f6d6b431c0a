"""Student components at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run

import gmix

pytest.importorskip("pyarrow")
TRUTH = gmix.StudentMixture([0.5, 0.5], [[0.0, 0.0], [9.0, 9.0]], [np.eye(2), np.eye(2)], 3.0)
SMALL = ("--components", "2", "--covariance", "full")


@pytest.fixture
def heavy(tmp_path: Path) -> Path:
    path = tmp_path / "heavy.csv"
    np.savetxt(path, np.vstack([TRUTH.sample(200, rng=1), [[500.0, -500.0]]]), delimiter=",", header="a,b", comments="")
    return path


def test_a_fit_and_what_is_done_with_it(heavy: Path, tmp_path: Path) -> None:
    model, page, outliers = tmp_path / "model.json", tmp_path / "page.html", tmp_path / "outliers.csv"
    result = run("fit", heavy, *SMALL, "--family", "student", "--degrees-of-freedom", "each", "--out", model)
    assert result.exit_code == 0, result.output
    fit = gmix.load(model)
    assert isinstance(fit.mixture, gmix.StudentMixture)
    assert fit.mixture.estimated == "each"
    assert np.abs(fit.mixture.means - TRUTH.means).max() < 0.5
    for command in (
        ("report", heavy, "--model", model, "--out", page),
        ("outliers", model, heavy, "--out", outliers),
        ("predict", model, heavy),
        ("condition", model, "a=1"),
        ("sample", model, "3"),
        ("score", model, heavy),
        ("convert", model, tmp_path / "parameters.csv"),
    ):
        result = run(*command)
        assert result.exit_code == 0, (command, result.output)
    text = page.read_text(encoding="utf-8")
    assert "Degrees of freedom" in text
    assert "family=&#39;student&#39;" in text
    assert "gmix.StudentMixture(" in text
    assert "degrees_of_freedom" in (tmp_path / "parameters.csv").read_text()


def test_both_families_as_json(heavy: Path) -> None:
    result = run("fit", heavy, *SMALL, "--family", "auto", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert len(document["degrees_of_freedom"]) == 2
    assert np.shape(document["scales"]) == (2, 2, 2)
    assert any(finding["name"] == "family" for finding in document["findings"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--family", "cauchy"), "family 'cauchy' is not known"),
        (("--degrees-of-freedom", "four"), "is not a number; write 4, or each"),
        (
            ("--degrees-of-freedom", "4"),
            "those of Student components; give --family student too",
        ),
        (("--family", "student", "--errors"), "needs Gaussian components"),
    ],
)
def test_mistakes_say_how_to_fix_them(heavy: Path, options: tuple[str, ...], message: str) -> None:
    result = run("fit", heavy, *SMALL, *options)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
