"""Mistakes and interruptions at the command line: one clear line, the right status, and nothing half written."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run

from gmix.sources.files import open_table

pa = pytest.importorskip("pyarrow")

NUMBERS = "a,b\n" + "".join(f"{i % 5},{i * i % 7}\n" for i in range(20))


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (None, [], ["there is no file", "check the path"]),
        ("", [], ["is empty"]),
        ("a,b\n", [], ["no rows"]),
        ("a,b\nx,y\nz,w\n", [], ["no column of numbers", "['a', 'b']"]),
        (NUMBERS + "3,oops\n", [], ["line 22, row 20, column 'b'", "'oops'", "correct it"]),
        (
            NUMBERS + "3,\n",
            ["--missing", "error"],
            ["points.csv, line 22, row 20, column 'b' is NaN", "1 of 21 rows", "drop these rows or fill them in"],
        ),
        (NUMBERS, ["--missing", "drop"], ["--missing 'drop' is not known", "model, error"]),
        (NUMBERS + "inf,1\n", [], ["row 20, column 'a' is infinite"]),
        (
            NUMBERS + "1,2,3\n",
            [],
            ["line 22, row 20 has 3 cells ('1,2,3')", "the other rows have 2", "correct the line"],
        ),
        ("a,a\n1,2\n", [], ["2 columns called 'a'", "rename"]),
        (NUMBERS, ["-k", "21"], ["21 components are more than the table has rows (20)", "fewer"]),
        (NUMBERS, ["-k", "two"], ["'two' is not a count", "1-8"]),
        (NUMBERS, ["-k", "8-1"], ["empty range"]),
        (NUMBERS, ["-k", "0"], ["not a count"]),
        (NUMBERS, ["--covariance", "ful"], ["'ful' is not a structure", "did you mean 'full'?"]),
        (NUMBERS, ["--columns", "a,bb"], ["there is no column 'bb'", "did you mean 'b'?"]),
        (NUMBERS, ["--columns", "a,,b"], ["different names with commas"]),
        (NUMBERS, ["--out", "nowhere/model.json"], ["there is no directory nowhere", "make it first"]),
        (NUMBERS, ["--out", "."], [". is a directory"]),
        (NUMBERS, ["--out", "model.pkl"], ["model.pkl would be a model file, which is JSON", "as in model.json"]),
        (NUMBERS, ["points.csv"], ["there are more arguments than needed: points.csv"]),
        (NUMBERS, ["--componets", "2"], ["there is no option --componets", "did you mean '--components'?"]),
        (NUMBERS, ["--threads", "0"], ["invalid value for '--threads'", "1"]),
        (NUMBERS, ["--tolerance", "-1"], ["--tolerance is -1.0", "zero or more"]),
        (NUMBERS, ["--max-iterations", "-1"], ["invalid value for '--max-iterations'"]),
        (NUMBERS, ["--labels", "nowhere/labels.csv"], ["there is no directory nowhere"]),
        (NUMBERS, ["--plot", "points.txt"], ["points.txt", ".png, .svg or .pdf"]),
        (NUMBERS, ["--plot", "points.gif"], ["points.gif is not a picture that can be drawn", ".png, .svg or .pdf"]),
        (NUMBERS, ["--out", "points.csv/model.json"], ["points.csv is a file, not a directory; give another path"]),
        (NUMBERS, ["-k", "1" + "0" * 20], ["components are more than the table has rows (20); ask for fewer"]),
        (NUMBERS, ["-k", "1-1" + "0" * 20], ["'1-100000000000000000000' is a range of too many numbers", "as in 1-8"]),
        (
            NUMBERS,
            ["-c", "factors", "-k", "2"],
            ["'factors:1' (UUU:1) has more parameters than 'full' in 2 columns; give 'full'\n"],
        ),
        (NUMBERS, ["--seed", "-1"], ["invalid value for '--seed'", "0"]),
        (NUMBERS, ["--effort", "-1"], ["--effort is -1.0", "zero or more"]),
        (NUMBERS, ["--seconds", "0"], ["--seconds is 0.0; give a number above zero\n"]),
    ],
)
def test_a_mistake_in_fit_gets_a_line_and_status_2(
    text: str | None, options: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("points.csv").write_text(text)
    result = run("fit", "points.csv", *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("gmix: ")
    assert 1 <= len(result.stderr.splitlines()) <= 2
    for part in words:
        assert part in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ([] if text is None else ["points.csv"])


def test_names_are_known_in_any_case_of_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text(NUMBERS)
    fit = ["fit", "points.csv", "--criterion", "BIC", "-c", "Full", "-k", "Auto", "--out", "model.json"]
    result = run(*fit)
    assert (result.exit_code, result.stderr) == (0, "")
    assert run("fit", "points.csv", "-k", 1, "-c", "AUTO", "-q").exit_code == 0
    for arguments in (["outliers", "model.json", "points.csv", "--by", "Distance"], ["sample", "model.json", 3]):
        result = run(*arguments, "--format", "CSV")
        assert (result.exit_code, result.stderr) == (0, "")


def test_remedies_name_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text(NUMBERS)
    fit = ["fit", "points.csv", "-k", 1, "-c", "full", "-q"]
    assert run(*fit, "--checkpoint", "run.ck").exit_code == 0
    again = run(*fit, "--checkpoint", "run.ck")
    assert "gmix: there is a checkpoint run.ck; continue it with --resume, or delete it" in again.stderr
    assert run(*fit, "--family", "student", "--out", "student.json").exit_code == 0
    bootstrap = run("bootstrap", "student.json", "points.csv", "-n", 2)
    assert "needs Gaussian components, and these are Student; fit with --family gaussian" in bootstrap.stderr
    exact = run("fit", "points.csv", "--row-errors", "a=b", "--family", "student")
    assert "--row-errors needs Gaussian components; leave it out, or give --family gaussian" in exact.stderr
    degrees = run("fit", "points.csv", "--degrees-of-freedom", 0, "--family", "student")
    assert "--degrees-of-freedom is 0.0" in degrees.stderr
    assert "None" not in degrees.stderr


def test_mistakes_with_models_and_directories(model: Path, faithful: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("eruption,waiting\n1,2\n")
    cut = tmp_path / "cut.json"
    cut.write_text(model.read_text()[:300])
    for arguments, words in (
        (["predict", faithful, faithful], "is not a gmix model"),
        (["predict", cut, faithful], "is not a gmix model"),
        (["predict", tmp_path / "none.json", faithful], "there is no file"),
        (["predict", model, other], "did you mean 'eruption'?"),
        (["predict", model, tmp_path], "is not CSV, Parquet or Arrow"),
        (["sample", tmp_path, 3], "is not a gmix model"),
        (["plot", model, "--out", tmp_path], "is a directory"),
        (["demo", "--out", faithful], "faithful.csv is a file; name a folder"),
        (["demo", "--out", faithful / "deep"], "faithful.csv is a file; name a folder"),
        (["convert", model, tmp_path / "x.txt"], "end its name in .csv, .parquet, .arrow or .onnx"),
        (["predict", model, faithful, "--out", tmp_path / "x.txt"], "end its name in .csv, .parquet or .arrow\n"),
        (["sample", model, 10**20], "n is 100000000000000000000; give the number of points to draw, from 0 to 4,611,6"),
        (["sample", model, "-1"], "there is no option -1, and no number here may be negative; give 0 or more"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("points.csv", "points.csv, line 22, row 20"),
        ("points.csv.gz", "points.csv.gz, line 22, row 20"),
        ("-", "standard input, line 22, row 20"),
        ("semicolons.csv", "semicolons.csv, line 22, row 20"),
        ("folder", "folder/b.csv, line 22, row 20"),
        ("points.parquet", "points.parquet, row 20"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "predict"])
def test_a_missing_cell_that_is_refused_is_named(
    command: str, name: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = NUMBERS + "3,\n"
    Path("points.csv").write_text(text)
    Path("points.csv.gz").write_bytes(gzip.compress(text.encode()))
    Path("semicolons.csv").write_text(text.replace(",", ";"))
    Path("folder").mkdir()
    Path("folder/a.csv").write_text(NUMBERS)
    Path("folder/b.csv").write_text(text)
    assert run("convert", "points.csv", "points.parquet").exit_code == 0
    assert run("fit", "points.csv", "-k", 1, "-c", "full", "-q", "--out", "model.json").exit_code == 0
    arguments = ["fit", name] if command == "fit" else ["predict", "model.json", name]
    result = run(*arguments, "--missing", "error", given=text.encode() if name == "-" else None)
    assert result.exit_code == 2
    assert f"gmix: {where}, column 'b' is NaN" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_name_that_two_columns_have_matters_only_where_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("a,b,a\n" + "".join(f"{i % 5},{i % 7},{i % 3}\n" for i in range(30)))
    for columns in ([], ["--columns", "b,a"], ["--columns", "b", "--weights", "a"]):
        result = run("fit", path, "-k", 1, *columns)
        assert (result.exit_code, "points.csv has 2 columns called 'a'; rename them" in result.stderr) == (2, True)
    result = run("fit", path, "-k", 1, "--columns", "b", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["features"] == ["b"]


def test_no_argument_shows_the_help() -> None:
    result = run()
    assert result.exit_code == 0
    assert result.stdout.rstrip() == run("--help").stdout.rstrip()
    assert result.stderr == ""


def test_too_little_memory_is_no_traceback(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path) -> None:
        raise MemoryError

    monkeypatch.setattr("gmix.load", full)
    result = run("sample", model, 3)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "gmix: there is not enough memory for this; ask for fewer rows or columns\n"


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
@pytest.mark.parametrize(
    "command",
    [
        "gmix fit faithful.csv -k 1-3 -c full | true",
        "gmix select faithful.csv -k 1-3 -c full | head -1",
        "gmix fit faithful.csv -k 2 -c full --json | head -1",
        "gmix --help | true",
        "gmix fit --help | head -1",
        "gmix sample model.json 10000000000000 | head -1",
        "gmix fit faithful.csv -k 2 -c full --quiet >&-",
        "gmix fit faithful.csv -k 2 -c full >&-",
        "gmix fit faithful.csv -k 2 -c full 2>&-",
    ],
)
def test_a_closed_pipe_or_stream_is_no_error(command: str, faithful: Path, model: Path) -> None:
    script = Path(sys.executable).with_name("gmix")  # which opens closed streams before NumPy is imported
    program = str(script) if script.exists() else f"{sys.executable} -m gmix"
    before, pipe, after = command.replace("gmix ", f"{{ {program} ", 1).partition(" |")
    shell = f"{before}; echo status $? >&3; }}{pipe}{after}" if pipe else f"{before}; echo status $? >&3; }}"
    done = subprocess.run(  # noqa: S602  (of the command above)
        f"exec 3>status; {shell}", shell=True, cwd=faithful.parent, capture_output=True, text=True, check=False
    )
    assert (faithful.parent / "status").read_text() == "status 0\n"
    assert done.stderr == ""


def test_usage_mistakes_end_with_status_2(model: Path) -> None:
    for arguments in (["frobnicate"], ["fit"], ["sample", model, "--", "-3"], ["sample", model, "many"]):
        assert run(*arguments).exit_code == 2


def test_a_file_without_header_with_semicolons_or_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    for text, names in (
        ("1.5,2\n3,4\n", ("x1", "x2")),
        ("a;b\n1.5;2\n3;4\n", ("a", "b")),
        ("a;b\n1,5;2\n3;4\n", ("a", "b")),
        ("\ufeffa\tb\r\n1.5\t2\r\n3\t4\r\n", ("a", "b")),
        ("a ,b\n1.5,2\n\n3,4", ("a", "b")),
        ("a|b\n1.5|2\n3|4\n", ("a", "b")),
        ("1.5 2\n3 4\n", ("x1", "x2")),  # as numpy.savetxt writes
        ("  a  b\n1.5   2\n  3  4\n", ("a", "b")),
        ("0,1\n1.5,2\n3,4\n", ("0", "1")),  # as pandas writes what has no names
        ("0,1\n3,4\n", ("x1", "x2")),
    ):
        path.write_text(text, encoding="utf-8")
        read = open_table(path)
        assert read.names == names
        assert read.rows.tolist() == [[0.0, 1.0] if text.startswith("0,1\n3") else [1.5, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"a,b", "has no rows under its header"),
        (b"PK\x03\x04...", "a spreadsheet or an archive; save the table as CSV"),
        (b"\x93NUMPY...", "an array of NumPy; save the table as CSV"),
        (b'{"format": "gmix"}', "is JSON; save the table as CSV"),
        (b"<!DOCTYPE html><html>404</html>", "is a page of HTML; save the table as CSV"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is a picture; save the table as CSV"),
        (b"%PDF-1.7\n%\xe2\xe3", "is PDF; save the table as CSV"),
        ("größe,b\n1,2\n".encode("latin-1"), "not written in UTF-8; save it as CSV in UTF-8"),
        (b",,a\n1,2,3\n", "has 2 columns without a name; name them"),
    ],
)
def test_what_is_no_table_is_told_apart(content: bytes, remedy: str, tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes(content)
    assert remedy in run("fit", path).stderr


INTERRUPTED = """
import signal, sys
from importlib.metadata import entry_points

class Finder:
    def find_spec(self, name, *_):
        if name == "WHERE":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
[command] = [point for point in entry_points(group="console_scripts") if point.name == "gmix"]
command.load()()
"""


@pytest.mark.parametrize("where", ["gmix", "numpy", "pyarrow._parquet"])
def test_interrupted_anywhere_it_says_so_and_leaves_nothing(
    where: str, model: Path, faithful: Path, tmp_path: Path
) -> None:
    (tmp_path / "spooled").mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.replace("WHERE", where), "predict", str(model), "-", "-o", "out.parquet"],
        input=faithful.read_bytes(), capture_output=True, check=False, cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path / "spooled")},
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, b"", b"gmix: interrupted; nothing more is written\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["faithful.csv", "model.json", "spooled"]


def test_interrupted_in_a_fit_it_says_so_and_writes_nothing(tmp_path: Path) -> None:
    points, out = tmp_path / "points.csv", tmp_path / "model.json"
    rows = np.random.default_rng(1).standard_normal((100_000, 3))
    points.write_text("a,b,c,name\n" + "".join(f"{a},{b},{c},someone\n" for a, b, c in rows.tolist()))
    command = [sys.executable, "-m", "gmix", "fit", str(points), "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "gmix: note: columns left out: 'name' (text)\n"  # now the fit begins
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "gmix: interrupted; nothing more is written\n"
    assert not out.exists()


def test_interrupted_in_a_sample_it_ends_after_the_block(model: Path) -> None:
    command = [sys.executable, "-m", "gmix", "sample", str(model), str(10**13)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "eruptions,waiting\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "gmix: interrupted; nothing more is written\n")
