"""Commands that go on from a model: appended columns, merged clusters, the bootstrap and conditional distributions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from command_line import FAITHFUL_ROWS, run, table

import gmix
from gmix.cli.app import app

pa = pytest.importorskip("pyarrow")
from pyarrow import feather, parquet  # noqa: E402

HEADER, *LINES = FAITHFUL_ROWS


@pytest.fixture
def rows(faithful: Path) -> np.ndarray:
    return table(faithful)[1]


def test_append_keeps_every_cell_and_adds_the_component(model: Path, rows: np.ndarray, tmp_path: Path) -> None:
    points, out = tmp_path / "named.csv", tmp_path / "labeled.csv"
    named = [f"visitor {i},{line},{'' if i else 'first, of all'}" for i, line in enumerate(LINES)]
    named[0] = f'visitor 0,{LINES[0]},"first, of all"'
    points.write_text("\n".join([f"name,{HEADER},remark", *named]) + "\n")
    result = run("predict", model, points, "--append", "--out", out)
    assert result.exit_code == 0, result.stderr
    components = gmix.load(model).mixture.predict(rows)
    written = out.read_text().splitlines()
    assert written[0] == f"name,{HEADER},remark,component"
    assert written[1:] == [f"{line},{k}" for line, k in zip(named, components, strict=True)]


def test_append_adds_probabilities_that_read_back_to_the_same_bits(
    model: Path, faithful: Path, rows: np.ndarray, tmp_path: Path
) -> None:
    mixture = gmix.load(model).mixture
    for ending in ("csv", "parquet", "arrow"):
        out = tmp_path / f"labeled.{ending}"
        assert run("predict", model, faithful, "-a", "-p", "-o", out).exit_code == 0
        if ending == "csv":
            names, values = table(out)
        else:
            found = parquet.read_table(out) if ending == "parquet" else feather.read_table(out)
            names, values = found.column_names, np.column_stack([column.to_numpy() for column in found.columns])
        assert names == ["eruptions", "waiting", "component", "p0", "p1", "log_density"]
        np.testing.assert_array_equal(values[:, :2], rows)
        np.testing.assert_array_equal(values[:, 3:5], mixture.responsibilities(rows))
        np.testing.assert_array_equal(values[:, 5], mixture.log_density(rows))


def test_append_goes_through_blocks_files_and_standard_input(
    model: Path, faithful: Path, rows: np.ndarray, tmp_path: Path
) -> None:
    components = gmix.load(model).mixture.predict(rows)
    whole = run("predict", model, faithful, "--append").stdout
    assert whole.splitlines()[1:] == [f"{line},{k}" for line, k in zip(LINES, components, strict=True)]
    assert run("predict", model, "-", "--append", given=faithful.read_bytes()).stdout == whole
    assert run("predict", model, faithful, "--append", "--memory", "1k").stdout == whole
    folder = tmp_path / "parts"
    folder.mkdir()
    for part, lines in (("a", LINES[:100]), ("b", LINES[100:])):
        (folder / f"{part}.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    assert run("predict", model, folder, "--append").stdout == whole
    assert run("predict", model, folder, "--append", "--out", folder / "c.csv").exit_code == 0
    assert (folder / "c.csv").read_text() == whole


def test_append_writes_numbers_as_the_table_does(model: Path, tmp_path: Path) -> None:
    points = tmp_path / "comma.csv"
    points.write_text("eruptions;waiting\n3,6;79\n1,8;\n2,3;56\n")
    lines = run("predict", model, points, "-a", "-p").stdout.splitlines()
    assert lines[0] == "eruptions;waiting;component;p0;p1;log_density"
    assert lines[2].startswith("1,8;;0;")
    numbers = [cell.replace(",", ".") for cell in lines[1].split(";")]
    assert float(numbers[3]) + float(numbers[4]) == pytest.approx(1.0)
    assert "." not in "".join(lines[1:])


def test_append_refuses_a_name_that_is_taken(model: Path, tmp_path: Path) -> None:
    points, out = tmp_path / "points.csv", tmp_path / "out.csv"
    points.write_text("eruptions,waiting,component\n3.6,79,1\n")
    result = run("predict", model, points, "--append", "--out", out)
    assert result.exit_code == 2
    assert "the table already has a column called 'component'; rename it there" in result.stderr
    assert not out.exists()


def test_labels_are_appended_too(faithful: Path, tmp_path: Path) -> None:
    labeled, model = tmp_path / "labeled.csv", tmp_path / "labeled.json"
    kinds = [("short" if float(line.split(",")[0]) < 3 else "long") if i % 2 else "" for i, line in enumerate(LINES)]
    labeled.write_text("\n".join([f"{HEADER},kind", *(f"{a},{b}" for a, b in zip(LINES, kinds, strict=True))]) + "\n")
    fitted = run("fit", labeled, "-c", "full", "--label-column", "kind", "-q", "--out", model)
    assert fitted.exit_code == 0, fitted.stderr
    header, first, *_ = run("predict", model, labeled, "--append").stdout.splitlines()
    assert header == "eruptions,waiting,kind,component,label"
    assert first.rsplit(",", 1)[1] == "long"


def test_merge_prints_the_entropies_and_writes_clusters(faithful: Path, rows: np.ndarray, tmp_path: Path) -> None:
    model, out = tmp_path / "three.json", tmp_path / "clusters.csv"
    run("fit", faithful, "-k", 3, "-c", "full", "-q", "--out", model)
    merging = gmix.merge(gmix.load(model), rows)
    result = run("merge", model, faithful, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "0+1, 2" in result.stdout
    assert f"the entropy begins to rise faster at {merging.elbow} clusters" in result.stdout
    assert f"{merging.elbow} clusters written to {out}" in result.stdout
    names, values = table(out)
    assert names == ["cluster"]
    np.testing.assert_array_equal(values[:, 0], merging.predict(rows))
    run("merge", model, faithful, "--clusters", 1, "--append", "--out", out, "--quiet")
    assert out.read_text().splitlines()[:2] == [f"{HEADER},cluster", f"{LINES[0]},0"]
    two = tmp_path / "two.json"
    run("fit", faithful, "-k", 2, "-c", "full", "-q", "--out", two)
    assert "the entropy gives no reason for fewer than 2 clusters" in run("merge", two, faithful).stdout
    document = json.loads(run("merge", model, faithful, "--json").stdout)
    assert document["groups"] == merging.groups.tolist()
    np.testing.assert_allclose(document["entropy"], merging.entropy)
    for options, words in (
        (("--clusters", 4, "--out", out), "--clusters 4 is more than the model has components (3)"),
        (("--append",), "name a file with --out"),
        (("--format", "csv"), "--format csv is for the file of --out"),
        (("--out", "-"), "give the name of a file"),
    ):
        refused = run("merge", model, faithful, *options)
        assert refused.exit_code == 2
        assert words in refused.stderr


def test_bootstrap_prints_errors_and_intervals_and_writes_replicates(
    model: Path, faithful: Path, rows: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "replicates.csv"
    options = ("bootstrap", model, faithful, "--replicates", 20, "--level", 0.9, "--seed", 1)
    result = run(*options, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "90 % intervals of 20 replicates" in result.stdout.replace("\xa0", " ")
    direct = gmix.bootstrap(gmix.load(model), rows, replicates=20, rng=1)
    found = {(p["component"], p["parameter"]): p for p in json.loads(run(*options, "--json").stdout)["parameters"]}
    assert len(found) == 2 * (1 + 2 * 2)
    mean = found[1, "mean waiting"]
    assert mean["estimate"] == gmix.load(model).mixture.means[1, 1]
    assert mean["error"] == pytest.approx(direct.standard_errors.means[1, 1])
    assert [mean["low"], mean["high"]] == pytest.approx(np.quantile(direct.means[:, 1, 1], [0.05, 0.95]))
    names, values = table(out)
    assert names[:5] == ["replicate", "component", "weight", "mean eruptions", "mean waiting"]
    np.testing.assert_array_equal(values[:, 4].reshape(20, 2), direct.means[:, :, 1])
    for wrong, words in (
        (("--kind", "row"), "did you mean 'rows'"),
        (("--level", 95), "--level 95 is not a probability"),
        (("--replicates", 1), "--replicates"),
    ):
        refused = run("bootstrap", model, faithful, *wrong)
        assert refused.exit_code == 2
        assert words in refused.stderr


def test_bootstrap_corrects_intervals_of_resampled_rows(model: Path, faithful: Path) -> None:
    options = ["bootstrap", model, faithful, "-n", 60, "--json", "--kind", "rows"]
    plain, corrected = (
        json.loads(run(*options, "--interval", interval).stdout)["parameters"] for interval in ("percentile", "bca")
    )
    assert [line["error"] for line in plain] == [line["error"] for line in corrected]
    assert all(line["low"] < line["high"] for line in corrected)
    assert [line["low"] for line in plain] != [line["low"] for line in corrected]
    refused = run("bootstrap", model, faithful, "-n", 9, "--interval", "bca")
    assert "--interval bca needs --kind rows or parametric" in refused.stderr


def test_condition_prints_the_distribution_of_the_other_columns(model: Path, tmp_path: Path) -> None:
    mixture, out = gmix.load(model).mixture, tmp_path / "conditional.csv"
    direct = mixture.condition({"waiting": 80.0})
    result = run("condition", model, "waiting=80", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("eruptions given waiting = 80\n")
    document = json.loads(run("condition", model, "waiting=80", "--json").stdout)
    assert document["given"] == {"waiting": 80.0}
    assert document["means"] == direct.means.tolist()
    names, values = table(out)
    assert names == ["component", "weight", "mean eruptions", "cov eruptions eruptions"]
    np.testing.assert_array_equal(values[:, 1], direct.weights)
    for wrong, words in (
        ("wating=80", "the model has no column 'wating', but eruptions and waiting; did you mean 'waiting'?"),
        ("waiting", "'waiting' is not a column with a value; write one as in waiting=1.5"),
        ("waiting=long", "has no finite number after the equals sign"),
        ("waiting=nan", "'waiting=nan' has no finite number after the equals sign"),
    ):
        refused = run("condition", model, wrong)
        assert refused.exit_code == 2
        assert words in refused.stderr
    assert "none is left" in run("condition", model, "waiting=80", "eruptions=2").stderr
    assert "has two values" in run("condition", model, "waiting=80", "waiting=70").stderr


def test_options_of_the_library_are_options_of_its_commands(faithful: Path) -> None:
    commands = typer.main.get_command(app).commands
    options = {name: {o for p in command.params for o in p.opts} for name, command in commands.items()}
    for name in ("fit", "select", "report", "impute"):
        assert options[name] >= {"--threads", "--tolerance", "--max-iterations", "--effort"}, name
    for name in ("predict", "score", "outliers", "merge", "bootstrap"):
        assert "--threads" in options[name], name
    given = ("fit", faithful, "-k", 2, "-c", "full", "--json")
    few = json.loads(run(*given, "--max-iterations", 3, "--effort", 0, "--threads", 1).stdout)
    direct = gmix.fit(faithful, 2, covariance="full", max_iterations=3, effort=0.0, rng=0)
    assert (few["log_likelihood"], few["reason"]) == (direct.log_likelihood, "iteration_limit")
    loose = json.loads(run(*given, "--tolerance", 0.1).stdout)
    assert loose["steps"] < json.loads(run(*given).stdout)["steps"]


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("gmix fit points.csv --criterion a", ["aic", "aicc"]),
        ("gmix fit points.csv --covariance VV", ["VVE", "VVI", "VVV"]),
        (
            "gmix fit points.csv -c full,tied-factors-t",
            [f"full,tied-factors-tied-{end}noise" for end in ("", "spherical-")],
        ),
        ("gmix select points.csv --start h", ["hierarchical"]),
        ("gmix predict model.json points.csv --missing ", ["error", "model"]),
        ("gmix predict model.json points.csv --format p", ["parquet"]),
        ("gmix outliers model.json points.csv --by d", ["density", "distance"]),
        ("gmix bootstrap model.json points.csv --kind p", ["parametric"]),
    ],
)
def test_values_complete(words: str, completed: list[str]) -> None:
    asked = {"_GMIX_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    program = "import sys; sys.argv = ['gmix']; from gmix.cli.app import app; app(prog_name='gmix')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert sorted(done.stdout.split()) == completed
