"""A person at the command line: real files, what is printed, what is written, and what every mistake gets to hear."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from command_line import FAITHFUL_ROWS, run, table

import gmix
from gmix.cli.app import app
from gmix.fitting.optima_text import chance_text, trials_text
from gmix.sources.files import open_table

pa = pytest.importorskip("pyarrow")
from pyarrow import csv, parquet  # noqa: E402


def test_fit_prints_a_table_and_writes_model_labels_and_picture(faithful: Path, tmp_path: Path) -> None:
    out, labels, picture = tmp_path / "model.json", tmp_path / "labels.csv", tmp_path / "points.png"
    result = run(
        "fit", faithful, "--components", "1-3", "--covariance", "full,tied", "--out", out, "--labels", labels,
        "--plot", picture,
    )  # fmt: skip
    assert result.exit_code == 0
    for words in (
        "3 components, EEE (tied)",
        "eruptions",
        "BIC 2314.3",
        "best of",
        str(out),
        str(labels),
        str(picture),
    ):
        assert words in result.stdout
    found = gmix.load(out)
    assert found.bic == pytest.approx(2314.296, abs=0.01)
    assert found.mixture.features == ("eruptions", "waiting")
    names, values = table(labels)
    assert names == ["component"]
    assert np.array_equal(values[:, 0], found.mixture.predict(open_table(faithful).rows))
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    """A table on whose single values components settle."""
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(["visits", *map(str, np.random.default_rng(0).poisson(2.0, 500))]) + "\n")
    return path


def test_every_command_shows_the_findings_of_the_fit(counts: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    fit = gmix.fit(counts, rng=0)
    shown = [f"{finding.level}: {finding}" for finding in fit.findings]
    warnings = [f"gmix: {line}" for line in shown if line.startswith("warning")]
    assert 0 < len(warnings) < len(shown)
    for command in (["fit"], ["select"], ["report", "-o", tmp_path / "page.html"]):
        assert set(shown) <= set(run(command[0], counts, *command[1:]).stdout.splitlines())
    assert [
        f"{f['level']}: {f['name']}: {f['message']}"
        for f in json.loads(run("fit", counts, "--json").stdout)["findings"]
    ] == shown
    for command in (["fit", counts, "--out", "-"], ["select", counts, "--json"]):
        result = run(*command)
        json.loads(result.stdout)
        assert result.stderr.splitlines() == warnings
        assert run(*command, "--quiet").stderr == ""


def test_fits_of_one_column_are_called_e_and_v_everywhere(faithful: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    from gmix.plot import criteria

    rows = np.loadtxt(faithful, delimiter=",", skiprows=1)[:, :1]
    page, out = tmp_path / "page.html", tmp_path / "model.json"
    options = ("--columns", "eruptions", "-k", "1-3")
    printed = run("fit", faithful, *options, "--out", out).stdout
    printed += run("select", faithful, *options).stdout
    printed += run("fit", faithful, *options, "--json").stdout
    assert run("report", faithful, *options, "-o", page).exit_code == 0
    printed += page.read_text(encoding="utf-8").partition('<script type="application/gzip"')[0] + out.read_text()
    fit = gmix.fit(rows, range(1, 4), rng=0)
    assert fit.search is not None
    printed += f"{fit} {fit.search} {fit.mixture} {fit.summary()} {fit.search.table()} {fit.search.candidates}"
    printed += " ".join(str(line.get_label()) for line in criteria(fit).lines)
    assert "EEE" not in printed
    assert "VVV" not in printed
    assert {row["structure"] for row in fit.search.table()} == {"E", "V"}
    assert json.loads(out.read_text())["mixture"]["structure"] == fit.mixture.structure.code == "V"


def test_fit_for_machines(faithful: Path) -> None:
    result = run("fit", faithful, "-k", "2", "--covariance", "full", "--prior", "--json", "--seed", "3")
    document = json.loads(result.stdout)
    direct = gmix.fit(faithful, 2, covariance="full", prior=gmix.NormalInverseWishart(), rng=3)
    assert document["bic"] == direct.bic
    assert document["means"] == direct.mixture.means.tolist()
    assert document["features"] == ["eruptions", "waiting"]
    assert document["converged"] is True
    assert (document["prior"], document["log_posterior"]) == ("NormalInverseWishart()", direct.log_posterior)
    assert "under NormalInverseWishart()\n" in run("fit", faithful, "-k", "2", "--covariance", "full", "--prior").stdout
    assert (
        run("fit", faithful, "-k", "2", "--covariance", "full", "--prior", "--json", "--seed", "3").stdout
        == result.stdout
    )


def test_fit_says_how_sure_it_is(faithful: Path, tmp_path: Path) -> None:
    options = ("-k", 2, "--covariance", "full", "--prior", "--errors")
    assert run("fit", faithful, *options).stdout.count("error ") == 2
    said = json.loads(run("fit", faithful, *options, "--json").stdout)
    rows = np.loadtxt(faithful, delimiter=",", skiprows=1)
    prior = gmix.NormalInverseWishart()
    errors = gmix.standard_errors(gmix.fit(rows, 2, covariance="full", prior=prior, rng=0), rows)
    np.testing.assert_allclose(said["standard_errors"]["means"], errors.means, rtol=1e-6)
    equal = tmp_path / "equal.csv"
    equal.write_text("a\n1\n1\n1\n")
    said = json.loads(run("fit", equal, "-k", 1, "--errors", "--json").stdout)
    assert said["standard_errors"]["means"] == [[None]]


def test_fit_says_which_optima_it_met(faithful: Path, tmp_path: Path) -> None:
    options = ("-k", 5, "-c", "VVI")
    fit = gmix.fit(faithful, 5, covariance="VVI", rng=0)
    assert fit.optima is not None
    document = json.loads(run("fit", faithful, *options, "--json").stdout)
    assert document["chance_of_better"] == fit.optima.chance_of_better
    assert document["optima_weight"] == fit.mass
    assert [(one["objective"], one["times"]) for one in document["optima"]] == [
        (one.objective, one.times) for one in fit.optima.found
    ]
    for text in (fit.summary(), run("fit", faithful, *options).stdout):
        assert trials_text(fit.optima, fit.mass) in text
        assert chance_text(fit.optima) in text
    none = ("fit", faithful, *options, "--effort", 0)
    document = json.loads(run(*none, "--json").stdout)
    assert (document["optima"], document["optima_weight"], document["chance_of_better"]) == ([], None, None)
    assert "chance" not in run(*none).stdout
    assert run("fit", faithful, *options, "--seconds", 60).exit_code == 0
    model = tmp_path / "model.json"
    fit.save(model)
    for more in (("--effort", 2), ("--seconds", 1)):
        refused = run("report", faithful, "--model", model, "--out", tmp_path / "page.html", *more)
        assert (refused.exit_code, "--model is fitted already" in refused.stderr) == (2, True)


def test_json_has_no_number_that_json_cannot_write(tmp_path: Path) -> None:
    def refused(constant: str) -> None:
        raise AssertionError(constant)

    few = tmp_path / "few.csv"
    few.write_text("a,b\n1,2\n2,4.5\n3,3\n4,9\n")  # too few rows for a corrected AIC
    options = ("-k", "1-2", "-c", "full,tied", "--json")
    fit = json.loads(run("fit", few, *options).stdout, parse_constant=refused)
    table = json.loads(run("select", few, *options).stdout, parse_constant=refused)
    assert fit["aicc"] is None
    assert [row["aicc"] for row in table] == [row["aicc"] for row in fit["candidates"]] == [None] * 4


def test_parquet_is_read_and_written_and_columns_can_be_chosen(faithful: Path, tmp_path: Path) -> None:
    path, labels = tmp_path / "faithful.parquet", tmp_path / "labels.parquet"
    parquet.write_table(csv.read_csv(faithful), path)
    assert np.array_equal(open_table(path).rows, open_table(faithful).rows)
    result = run("fit", path, "-k", 2, "--columns", "waiting", "--covariance", "full", "--json", "--labels", labels)
    assert json.loads(result.stdout)["features"] == ["waiting"]
    assert parquet.read_table(labels).column_names == ["component"]
    assert parquet.read_table(labels).num_rows == 272


def test_text_columns_are_left_out_with_a_note_unless_named(tmp_path: Path) -> None:
    path = tmp_path / "named.csv"
    path.write_text("length,species,width\n" + "".join(f"{i % 7},kind {i % 2},{i * i % 11}\n" for i in range(40)))
    result = run("fit", path, "-k", 1, "--json")
    assert json.loads(result.stdout)["features"] == ["length", "width"]
    assert result.stderr == "gmix: note: columns left out: 'species' (text)\n"
    assert {"name": "columns left out", "message": "'species' (text)", "level": "note"} in json.loads(result.stdout)[
        "findings"
    ]
    for command in ("fit", "select"):
        result = run(command, path, "-k", "1-2", "-c", "full")
        assert result.stderr == "gmix: note: columns left out: 'species' (text)\n"
        assert "left out" not in result.stdout  # it has been printed
    result = run("fit", path, "--columns", "length,species")
    assert result.exit_code == 2
    assert "row 0, column 'species'" in result.stderr


def test_predict_gives_components_and_probabilities(model: Path, faithful: Path, tmp_path: Path) -> None:
    mixture, rows = gmix.load(model).mixture, open_table(faithful).rows
    assert run("predict", model, faithful).stdout.split()[1:4] == [str(k) for k in mixture.predict(rows[:3])]
    out = tmp_path / "probabilities.csv"
    assert run("predict", model, faithful, "--probabilities", "--out", out).stdout == ""
    names, values = table(out)
    assert names == ["component", "p0", "p1", "log_density"]
    assert np.array_equal(values[:, 1:3], mixture.responsibilities(rows))
    assert np.array_equal(values[:, 3], mixture.log_density(rows))


def test_predict_finds_the_models_columns_by_name(model: Path, faithful: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join(",".join(("x", *reversed(line.split(",")))) for line in FAITHFUL_ROWS) + "\n")
    assert run("predict", model, turned).stdout == run("predict", model, faithful).stdout


def test_a_large_sample_is_written_block_by_block(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmix.model.sampling._BLOCK", 100)
    out, mixture = tmp_path / "draws.parquet", gmix.load(model).mixture
    assert run("sample", model, 130, "--seed", 7, "--out", out).exit_code == 0
    assert parquet.ParquetFile(out).metadata.num_row_groups == 3
    values = parquet.read_table(out).to_pandas().to_numpy()
    assert np.array_equal(values, mixture.sample(130, rng=7))


def test_sample_draws_by_seed(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "draws.csv"
    assert run("sample", model, 50, "--seed", 7, "--out", out).exit_code == 0
    names, values = table(out)
    assert names == ["eruptions", "waiting"]
    assert np.array_equal(values, gmix.load(model).mixture.sample(50, rng=7))
    assert run("sample", model, 50, "--seed", 7).stdout == out.read_text()


def test_plot_with_and_without_points(model: Path, faithful: Path, tmp_path: Path) -> None:
    for name, points in (("with.svg", [faithful]), ("without.pdf", [])):
        assert run("plot", model, *points, "--out", tmp_path / name).exit_code == 0
        assert (tmp_path / name).stat().st_size > 2000


@pytest.mark.parametrize("kind", ["probabilities", "conditional", "quantiles", "distances"])
def test_plot_draws_how_well_a_model_fits(model: Path, faithful: Path, tmp_path: Path, kind: str) -> None:
    assert run("plot", model, faithful, "--kind", kind, "--out", tmp_path / "fit.png").exit_code == 0
    assert (tmp_path / "fit.png").stat().st_size > 10_000
    refused = run("plot", model, "--kind", kind, "--out", tmp_path / "fit.png")
    assert "compares the model with a table; give the table too" in refused.stderr


def test_a_table_and_a_model_come_through_pipes(model: Path, faithful: Path) -> None:
    made = run("fit", "-", "-k", 2, "--covariance", "full", "--out", "-", given=faithful.read_bytes())
    assert made.stdout == model.read_text() + "\n"
    draws = run("sample", "-", 20, given=made.stdout_bytes).stdout
    assert draws == run("sample", model, 20).stdout
    for form in ("csv", "parquet", "arrow"):
        piped = run("convert", faithful, "-", "--format", form).stdout_bytes
        assert run("predict", model, "-", given=piped).stdout == run("predict", model, faithful).stdout
    assert "standard input is empty" in run("fit", "-", given=b"").stderr


def test_every_format_is_written_and_read_back(faithful: Path, tmp_path: Path) -> None:
    rows = open_table(faithful).rows
    for name in ("faithful.parquet", "faithful.pq", "faithful.arrow", "faithful.feather", "again.csv", "plain"):
        assert run("convert", faithful, tmp_path / name).exit_code == 0
        assert np.array_equal(open_table(tmp_path / name).rows, rows)


def test_the_parameters_of_a_model_as_a_table(model: Path, tmp_path: Path) -> None:
    out, mixture = tmp_path / "parameters.csv", gmix.load(model).mixture
    run("convert", model, out)
    names, values = table(out)
    assert names[:4] == ["component", "weight", "mean eruptions", "mean waiting"]
    assert np.array_equal(values[:, 1], mixture.weights)
    assert np.array_equal(values[:, names.index("cov eruptions waiting")], mixture.covariances[:, 0, 1])
    again = gmix.read_parameters(out)
    assert again.features == mixture.features
    assert np.array_equal(again.covariances, mixture.covariances)


def test_a_model_becomes_an_onnx_model(model: Path, faithful: Path, tmp_path: Path) -> None:
    onnx, out, mixture = pytest.importorskip("onnx"), tmp_path / "model.onnx", gmix.load(model).mixture
    assert run("convert", model, out).exit_code == 0
    assert onnx.load(out) == gmix.to_onnx(mixture)
    assert run("convert", model, out, "--dtype", "float64").exit_code == 0
    assert onnx.load(out) == gmix.to_onnx(mixture, dtype="float64")
    assert "only a model is converted to ONNX" in run("convert", faithful, out).stderr
    assert "--format csv is for tables" in run("convert", model, out, "--format", "csv").stderr
    assert "give 'float32' or 'float64'" in run("convert", model, out, "--dtype", "float16").stderr


def test_score_says_how_well_a_model_describes_a_table(model: Path, faithful: Path) -> None:
    fit, rows = gmix.load(model), open_table(faithful).rows
    said = json.loads(run("score", model, faithful, "--json").stdout)
    assert said["rows"] == 272
    assert np.isclose(said["log_likelihood"], fit.log_likelihood, rtol=1e-12)
    assert run("score", model, faithful).stdout.startswith("272 rows, log-likelihood -1130.26")
    each = run("score", model, faithful, "--rows").stdout.split()
    assert [float(value) for value in each[1:]] == fit.mixture.log_density(rows).tolist()
    assert "leave out --rows" in run("score", model, faithful, "--rows", "--weights", "times").stderr


def test_a_table_in_blocks_and_one_with_weights(faithful: Path, tmp_path: Path) -> None:
    twice = tmp_path / "twice.csv"
    twice.write_text("eruptions,waiting,times\n" + "".join(f"{line},2\n" for line in FAITHFUL_ROWS[1:]))
    options = ("-k", 2, "--covariance", "full", "--json")
    plain = run("fit", faithful, *options).stdout
    assert run("fit", faithful, *options, "--memory", "1K").stdout == plain
    heavy = json.loads(run("fit", twice, *options, "--weights", "times").stdout)
    assert heavy["features"] == ["eruptions", "waiting"]
    model = tmp_path / "model.json"
    run("fit", twice, *options, "--weights", "times", "--out", model)
    scored = json.loads(run("score", model, twice, "--weights", "times", "--json").stdout)
    assert np.isclose(scored["log_likelihood"], heavy["log_likelihood"], rtol=1e-9)
    assert np.isclose(scored["log_likelihood_per_row"], heavy["log_likelihood"] / 544, rtol=1e-9)
    assert np.isclose(heavy["log_likelihood"], 2 * json.loads(plain)["log_likelihood"], rtol=1e-9)


def test_quiet_prints_nothing(faithful: Path, tmp_path: Path) -> None:
    named = tmp_path / "named.csv"
    named.write_text("\n".join(f"{line},x" for line in FAITHFUL_ROWS) + "\n")
    result = run("fit", named, "-k", 1, "--quiet", "--out", tmp_path / "quiet.json")
    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "quiet.json").exists()
    result = run("select", named, "-k", "1,2", "-c", "EEE", "--quiet", "--plot", tmp_path / "quiet.png")
    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "quiet.png").exists()


def test_the_ratio_of_eigenvalues_is_bounded(faithful: Path, tmp_path: Path) -> None:
    model, page = tmp_path / "model.json", tmp_path / "page.html"
    assert run("fit", faithful, "-k", 2, "-c", "full", "--covariance-ratio", 20, "--out", model).exit_code == 0
    mixture = gmix.load(model).mixture
    assert mixture.structure.code == "VVV:20"
    values = np.linalg.eigvalsh(mixture.covariances)
    assert values.max() == pytest.approx(20.0 * values.min())
    by_code = json.loads(run("fit", faithful, "-k", 2, "-c", "full:20", "--json").stdout)
    assert by_code["structure"] == "VVV:20"
    refused = run("fit", faithful, "-k", 2, "-c", "tied", "--covariance-ratio", 20)
    assert refused.exit_code == 2
    assert "VVV" in refused.stderr
    assert run("fit", faithful, "--covariance-ratio", 0.5).exit_code == 2
    assert run("report", faithful, "-k", 2, "--covariance-ratio", 20, "--out", page).exit_code == 0
    assert "no eigenvalue more than 20 times another" in page.read_text(encoding="utf-8")
    refused = run("report", faithful, "--model", model, "--covariance-ratio", 20)
    assert refused.exit_code == 2


def test_rows_of_lowest_density_are_trimmed(faithful: Path, tmp_path: Path) -> None:
    result = run("fit", faithful, "-k", 2, "--trim", 0.1)
    assert result.exit_code == 0
    assert "27 rows with a log density of at most" in " ".join(result.stdout.split())
    refused = run("fit", faithful, "-k", 2, "--trim", 0.7)
    assert refused.exit_code == 2
    assert "trim is 0.7" in refused.stderr


def test_rows_may_belong_to_a_background(faithful: Path, tmp_path: Path) -> None:
    rows = np.genfromtxt(faithful, delimiter=",", skip_header=1)
    noise = np.random.default_rng(4).uniform([1.0, 35.0], [6.0, 105.0], (30, 2))
    path, model, labels = tmp_path / "noisy.csv", tmp_path / "model.json", tmp_path / "labels.csv"
    np.savetxt(path, np.vstack([rows, noise]), delimiter=",", header="eruptions,waiting", comments="")
    result = run("fit", path, "-k", 2, "--background", "--errors", "--out", model, "--labels", labels)
    assert result.exit_code == 0
    assert re.search(r"background +0\.1", result.stdout)
    assert (np.loadtxt(labels, skiprows=1) == -1).sum() > 15
    assert "background" in json.loads(run("fit", path, "-k", 2, "--background", "--json").stdout)
    compared = run("fit", path, "-k", 2, "--background-auto")
    assert "without a background" in compared.stdout
    page = tmp_path / "report.html"
    gmix.load(model).report(page, path)
    assert "uniform background" in page.read_text(encoding="utf-8")
    assert run("plot", model, path, "--out", tmp_path / "plot.png").exit_code == 0


def test_what_fits_takes_the_same_options() -> None:
    commands = typer.main.get_command(app).commands
    options = {name: {o for p in command.params for o in p.opts} for name, command in commands.items()}
    for name in ("fit", "select", "report"):
        assert options[name] >= {
            "--components", "--covariance", "--criterion", "--equal-weights", "--covariance-ratio", "--prior",
            "--start", "--effort", "--seconds", "--columns", "--weights", "--memory", "--quiet", "--seed",
        }  # fmt: skip
    stating = {"--delimiter", "--decimal", "--skip-rows", "--header", "--missing-value"}
    for name, command in commands.items():
        if name != "demo" and any(p.name == "points" for p in command.params):
            assert "--memory" in options[name], name
            assert options[name] >= stating, name
    assert options["convert"] >= stating


def test_a_device_is_written_to_and_stays_a_device(faithful: Path) -> None:
    assert run("fit", faithful, "-k", 1, "--quiet", "--out", "/dev/null", "--labels", "/dev/null").exit_code == 0
    assert Path("/dev/null").is_char_device()


def test_completion_knows_the_commands() -> None:
    asked = {"_GMIX_COMPLETE": "complete_bash", "COMP_WORDS": "gmix pre", "COMP_CWORD": "1"}
    program = "import sys; sys.argv = ['gmix']; from gmix.cli.app import app; app(prog_name='gmix')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["predict"]


def test_version_and_help() -> None:
    assert run("--version").stdout == f"gmix {gmix.__version__}\n"
    for command in ("fit", "predict", "score", "sample", "plot", "convert", "demo"):
        assert command in run("--help").stdout
        assert run(command, "--help").exit_code == 0
    assert "Examples:" in run("fit", "--help").stdout


def test_an_index_of_the_rows_is_no_feature(tmp_path: Path) -> None:
    rows = np.random.default_rng(3).normal(size=(30, 2))
    index = np.arange(30.0)
    for name in ("", "Unnamed: 0", "__index_level_0__"):
        values = pa.table({name: index, "a": rows[:, 0], "b": rows[:, 1]})
        parquet.write_table(values, tmp_path / "points.parquet")
        csv.write_csv(values, tmp_path / "points.csv")
        for path in ("points.parquet", "points.csv"):
            result = run("fit", tmp_path / path, "-k", 1, "--json")
            assert json.loads(result.stdout)["features"] == ["a", "b"]
            called = repr(name) if name else "a column without a name"
            assert result.stderr == f"gmix: note: columns left out: {called} (index)\n"
        assert gmix.fit(values, 1).mixture.features == ("a", "b")
        assert gmix.fit(values, 1, columns=[name, "a"]).mixture.features == (name, "a")
        assert gmix.fit(values.select([name]), 1).mixture.features == (name,)  # it is all there is


def test_a_reader_that_has_seen_enough_ends_it_quietly(model: Path) -> None:
    command = [sys.executable, "-m", "gmix", "sample", str(model), "200000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "eruptions,waiting\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=20) == 0


def test_colors_are_for_terminals_that_want_them() -> None:
    def colored(**environment: str) -> bool:
        plain = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
        command = [sys.executable, "-m", "gmix", "fit", "--help"]
        env = plain | {"TERM": "xterm-256color"} | environment
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        return re.search(r"\x1b\[[\d;]*3\d", done.stdout) is not None

    assert colored(FORCE_COLOR="1")
    assert not colored(FORCE_COLOR="1", NO_COLOR="1")
    assert not colored()


def test_the_seed_is_zero_by_default(faithful: Path) -> None:
    options = ("fit", faithful, "-k", "3", "-c", "VVV", "--json")
    assert run(*options).stdout == run(*options, "--seed", 0).stdout
    assert json.loads(run(*options).stdout)["bic"] == gmix.fit(faithful, 3, covariance="VVV", rng=0).bic


def test_start_names_a_method(faithful: Path) -> None:
    options = ("fit", faithful, "-k", "3", "-c", "VVV", "--json")
    for name in ("hierarchical", "grow"):
        direct = gmix.fit(faithful, 3, covariance="VVV", start=name, rng=0)
        assert json.loads(run(*options, "--start", name).stdout)["bic"] == direct.bic
    wrong = run(*options, "--start", "grown")
    assert wrong.exit_code == 2
    assert "did you mean 'grow'" in wrong.stderr


def test_select_ranks_every_candidate(faithful: Path, tmp_path: Path) -> None:
    picture = tmp_path / "criteria.png"
    result = run("select", faithful, "-k", "1-3", "-c", "EEE,VVV", "--criterion", "icl", "--plot", picture)
    assert result.exit_code == 0
    assert "best of 6 candidates by ICL" in result.stdout
    ranked = [line.split()[:2] for line in result.stdout.splitlines() if line.strip()[:3] in ("EEE", "VVV")]
    assert ranked[0] == ["VVV", "2"]
    assert len(ranked) == 6
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = json.loads(run("select", faithful, "-k", "1-3", "-c", "EEE,VVV", "--json").stdout)
    assert min(rows, key=lambda row: row["bic"])["structure"] == "EEE"
    options = ("-k", "2,3", "-c", "EEE,VVV", "--prior", "--equal-weights")
    rows = json.loads(run("select", faithful, *options, "--json").stdout)
    direct = gmix.fit(faithful, [2, 3], covariance=["EEE", "VVV"], prior=gmix.NormalInverseWishart(), rng=0,
                      equal_weights=True)  # fmt: skip
    assert direct.search is not None
    assert [row["bic"] for row in rows] == [c.bic for c in direct.search.candidates]
    rows = json.loads(run("select", faithful, "-k", "1,2", "--covariance-ratio", "50", "--json").stdout)
    assert {row["structure"] for row in rows} == {"VVV:50", "VVI:50", "VII:50"}
    alone = run("select", faithful, "-k", "2", "-c", "EEE")
    assert alone.exit_code == 2
    assert "only one candidate" in alone.stderr
