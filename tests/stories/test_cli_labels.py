"""A table with a few labels at the command line: from the column of labels to labels of other rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run

import gmix

csv = pytest.importorskip("pyarrow.csv")

IRIS = Path(__file__).parents[1] / "reference" / "data" / "iris.csv"


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Iris, with the species of every fifth flower."""
    header, *lines = IRIS.read_text().splitlines()
    kept = [line if i % 5 == 0 else line[: line.rindex(",") + 1] for i, line in enumerate(lines)]
    path = tmp_path / "flowers.csv"
    path.write_text("\n".join([header, *kept]) + "\n")
    return path


def species() -> list[str]:
    return csv.read_csv(IRIS)["Species"].to_pylist()


def test_a_few_labels_name_the_others(flowers: Path, tmp_path: Path) -> None:
    model, labels = tmp_path / "model.json", tmp_path / "labels.csv"
    result = run("fit", flowers, "--label-column", "Species", "--covariance", "EEE", "--out", model, "--labels", labels)
    assert result.exit_code == 0, result.output
    assert "virginica" in result.stdout
    assert "columns left out" not in result.output
    fit = gmix.load(model)
    assert set(fit.groups) == {"setosa", "versicolor", "virginica"}
    assert fit.mixture.n_features == 4
    found = csv.read_csv(labels)
    assert found.column_names == ["component", "label"]
    assert np.mean(np.array(found["label"]) == species()) > 0.95
    predicted = run("predict", model, IRIS)
    assert predicted.stdout.splitlines()[0] == "component,label"
    assert predicted.stdout == labels.read_text()


def test_numbers_of_components_by_label(flowers: Path) -> None:
    options = ["--label-column", "Species", "-c", "VVI", "--json"]
    result = run("fit", flowers, "-k", "setosa=1,versicolor=1, virginica=2", *options)
    assert result.exit_code == 0, result.output
    assert sorted(json.loads(result.stdout)["labels"]) == ["setosa", "versicolor", "virginica", "virginica"]
    flowers.write_text(flowers.read_text().replace("virginica", ""))
    result = run("fit", flowers, "-k", "setosa=1,versicolor=1,=1", *options)
    assert result.exit_code == 0, result.output
    assert sorted(json.loads(result.stdout)["labels"], key=str) == [None, "setosa", "versicolor"]


def test_standard_errors_of_a_fit_with_labels(flowers: Path, tmp_path: Path) -> None:
    options = ["--label-column", "Species", "-c", "EEE", "--errors"]
    result = run("fit", flowers, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("±") > 3 * 4  # of each mean, and of each standard deviation
    found = json.loads(run("fit", flowers, *options, "--json", "--out", tmp_path / "model.json").stdout)
    names = ["Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width"]
    table = csv.read_csv(flowers).to_pandas()
    labels = [label or None for label in table["Species"]]
    expected = gmix.standard_errors(gmix.load(tmp_path / "model.json"), table[names], labels=labels)
    np.testing.assert_allclose(found["standard_errors"]["means"], expected.means, rtol=1e-9)


def test_labels_that_are_numbers(flowers: Path, tmp_path: Path) -> None:
    text = flowers.read_text()
    for number, name in enumerate(("setosa", "versicolor", "virginica")):
        text = text.replace(name, str(number))
    path, model = tmp_path / "numbers.csv", tmp_path / "model.json"
    path.write_text("\n".join(line + "-1" * line.endswith(",") for line in text.splitlines()) + "\n")
    options = ["--label-column", "Species", "-c", "EEE"]
    result = run("fit", path, *options, "-k", "0=1,1=1,2=1", "--out", model)
    assert result.exit_code == 0, result.output
    assert set(gmix.load(model).groups) == {0, 1, 2}
    assert gmix.load(model).mixture.n_features == 4  # the label is no feature


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label-column", "Kind"], "there is no column 'Kind'"),
        (["--label-column", "Species", "-k", "setosa=1"], "does not name the label 'versicolor' of"),
        (["--label-column", "Species", "-k", "setosa"], "is not a count"),
        (["--label-column", "Species", "-k", "setosa=one"], "must give each label one number"),
        (["-k", "setosa=1"], "the rows have none"),
    ],
)
def test_mistakes(flowers: Path, options: list[str], message: str) -> None:
    result = run("fit", flowers, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "row" in result.stderr or "versicolor" not in message


def test_a_negative_label_has_a_line(flowers: Path, tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("x,kind\n1.5,0\n2.5,1\n3.5,-7\n")
    result = run("fit", path, "--label-column", "kind")
    assert result.exit_code == 2
    assert f"{path}, line 4, row 2 is -7;" in result.stderr
