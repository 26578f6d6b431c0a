"""The pages say what is true: their code runs, prints what they show, and every error and finding has its paragraph."""

from __future__ import annotations

import ast
import doctest
import html
import inspect
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import gmix
from gmix.cli.app import app
from gmix.demo import FAITHFUL, PENGUINS
from gmix.model.covariance import STRUCTURES, names, structure

pa = pytest.importorskip("pyarrow")
from pyarrow import csv, parquet  # noqa: E402

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
CODE = re.compile(r"^( *)```(pycon|python|sh)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    found = CODE.findall(page.read_text(encoding="utf-8"))
    return [textwrap.dedent(text) for _, kind, text in found if kind == language]


def named(pages: list[Path]) -> list[object]:
    return [pytest.param(page, id=page.name) for page in pages]


def tables(folder: Path) -> None:
    """The tables of the repository, where README names them."""
    shutil.copytree(ROOT / "src" / "gmix" / "data", folder / "src" / "gmix" / "data")


@pytest.mark.parametrize("page", named([page for page in PAGES if blocks(page, "pycon")]))
def test_what_a_page_shows_is_what_is_printed(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.name == "interoperation.md":
        pytest.importorskip("scipy", minversion="1.15")  # for `to_scipy`
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(names, "_KNOWN", dict(names._KNOWN))  # a page may register structures of its own
    tables(tmp_path)
    test = doctest.DocTestParser().get_doctest("".join(blocks(page, "pycon")), {}, page.name, str(page), 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("page", named([page for page in PAGES if blocks(page, "python")]))
def test_other_code_is_python_and_names_what_there_is(page: Path) -> None:
    for text in blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "gmix":
                assert hasattr(gmix, node.attr), f"gmix.{node.attr}"


ASSERTING = [
    pytest.param(text, id=f"{page.name}, {i}")
    for page in PAGES
    for i, text in enumerate(blocks(page, "python"))
    if "assert " in text
]


@pytest.mark.parametrize("text", ASSERTING)
def test_code_that_asserts_something_runs(text: str) -> None:
    exec(text, {})  # noqa: S102  (of the project's own pages)


def cells(page: str, column: str) -> Iterator[str]:
    """The code in the tables of a page, from the column of this name."""
    at = None
    for line in (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8").splitlines():
        row = [cell.strip() for cell in line.split("|")[1:-1]]
        if not line.startswith("|"):
            at = None
        elif at is None:
            at = row.index(column) if column in row else -1
        elif at >= 0 and not line.startswith("|---"):
            yield from re.findall(r"`([^`]+)`", row[at])


EXPRESSIONS = [
    pytest.param(code, id=code)
    for page, column in (("coming_from", "gmix"), ("questions", "ask"), ("choosing", "do"))
    for code in dict.fromkeys(cells(page, column))
]


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """What the tables of the pages speak of."""
    table = csv.read_csv(FAITHFUL)
    x = np.column_stack([table[name] for name in table.column_names])
    fit = gmix.fit(table, [1, 2], covariance="full", rng=0)
    labels, few = fit.mixture.predict(x), {"replicates": 3, "rng": 0}
    names = {
        "gmix": gmix,
        "np": np,
        "fit": fit,
        "mixture": fit.mixture,
        "table": table,
        "X": x,
        "x": x,
        "labels": labels,
    }
    names |= {"K": 2, "D": 2, "n": 5, "p": 0.5, "new": x[:3], "w": np.ones(len(x)), "z": np.eye(2)[labels]}
    names |= {"weights": [0.5, 0.5], "means": np.zeros((2, 2)), "covariances": [np.eye(2)] * 2}
    names |= {"Sigma": [np.eye(2)] * 2, "mu": np.zeros((2, 2)), "matrix": np.eye(2), "offset": [0.0, 0.0], "few": few}
    names["responsibilities"] = names["z"]
    return names


@pytest.mark.parametrize("code", EXPRESSIONS)
def test_every_expression_of_a_table_means_something(
    code: str, known: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gmix.sklearn

    monkeypatch.chdir(tmp_path)
    known["fit"].save("fit.json")
    shutil.copy(ROOT / "tests" / "reference" / "data" / "parameters" / "several.csv", "m.csv")
    Path("gm.json").write_text('{"ComponentProportion": 1, "mu": [0, 1], "Sigma": [[1, 0], [0, 2]]}', encoding="utf-8")
    if match := re.fullmatch(r"(\w+)=(.*)", code):  # an argument of gmix.fit
        name, value = match.groups()
        assert name in inspect.signature(gmix.fit).parameters
        if value:
            gmix.fit(known["x"], **({"components": 2, "rng": 0} | {name: eval(value, dict(known))}))  # noqa: S307
    elif code.startswith("."):  # of the mixture, or of the fit
        evaluate(("mixture" if hasattr(known["mixture"], re.split(r"\W", code)[1]) else "fit") + code, known)
    elif not hasattr(known["mixture"], code):
        evaluate(code, known)


def evaluate(code: str, known: dict[str, Any]) -> None:
    """Run an expression; where it is one of a single column, on the first."""
    for slow in ("bootstrap", "likelihood_ratio_test"):
        if f"gmix.{slow}(" in code:
            code = code.removesuffix(")") + ", **few)"
    code = code.removeprefix("fit = ").replace("covariance=...", "covariance='full'")
    if re.search(r"\b(cdf|sf)\(x\)|quantile\(p\)", code):
        mixture = known["mixture"] if "marginal" in code else known["mixture"].marginal([0])
        known = known | {"mixture": mixture, "x": known["x"][:, 0]}
    eval(code, dict(known))  # noqa: S307


def points(folder: Path) -> None:
    """The files that the commands of the pages read."""
    table = csv.read_csv(FAITHFUL)
    for name in ("points.csv", "more.csv", "held_out.csv"):
        csv.write_csv(table, folder / name)
    parquet.write_table(table, folder / "more.parquet")
    with pa.CompressedOutputStream(str(folder / "points.csv.gz"), "gzip") as file:
        csv.write_csv(table, file)
    import lzma

    lines = [f"{a:.2f};{b}".replace(".", ",") for a, b in zip(*table.to_pydict().values(), strict=True)]
    (folder / "points.csv.xz").write_bytes(lzma.compress("\n".join(['"length (a, b)";width', *lines]).encode()))


@pytest.mark.skipif(sys.platform == "win32", reason="the pages show commands of a Unix shell")
@pytest.mark.parametrize("page", named([ROOT / "README.md", ROOT / "docs" / "command_line.md"]))
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    points(tmp_path)
    tables(tmp_path)
    commands = [
        line.split("  #")[0].strip().removeprefix(".venv/bin/")
        for text in blocks(page, "sh")
        for line in text.splitlines()
        if re.search(r"(^|/|\| )gmix (?!demo)", line)
    ]
    assert len(commands) >= 5
    if page.name == "command_line.md":
        commands[0:2] = commands[1::-1]
    where = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "MPLBACKEND": "agg"}
    for command in commands:
        if "|" in command:
            done = subprocess.run(
                ["/bin/bash", "-eo", "pipefail", "-c", command], cwd=tmp_path, env=os.environ | where,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode in (0, 128 + signal.SIGPIPE), done.stderr  # head may have seen enough
        else:
            result = CliRunner().invoke(app, shlex.split(command)[1:])
            assert result.exit_code == 0, result.output
    assert (tmp_path / "model.json").exists()


def test_every_option_that_a_page_names_is_one() -> None:
    group: Any = typer.main.get_command(app)
    known = {option for command in [group, *group.commands.values()] for parameter in command.params
             for option in (*parameter.opts, *parameter.secondary_opts)}  # fmt: skip
    known |= {"--help", "--install-completion"}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for code in [*re.findall(r"`([^`\n]+)`", text), *(line for b in blocks(page, "sh") for line in b.splitlines())]:
            if code.startswith(("--", "gmix ")):
                assert set(re.findall(r"(?<!\S)--[a-z][\w-]*", code.split("#")[0])) <= known | BENCHMARKS, code


BENCHMARKS = {"--workloads", "--check", "--rows"}  # options of the scripts in benchmarks/


def test_the_structures_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "structures.md").read_text(encoding="utf-8")
    words = {"equal": "E", "free": "V", "round": "I", "axes": "I", "": "I"}
    table = [line for line in page.splitlines() if re.match(r"\| `\w{3}` \|", line)]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in table]
    assert [code for code, *_ in rows] == [s.code for s in STRUCTURES]
    for code, name, *letters, parameters in rows:
        same = structure(code)
        assert structure(name or code) is same
        assert "".join(words[word] for word in letters) == code
        assert int(parameters) == same.n_parameters(3, 4) - 2 - 3 * 4
        assert same.with_equal_weights.n_parameters(3, 4) == same.n_parameters(3, 4) - 2


DATA_ERRORS: dict[str, Callable[[Path], Any]] = {
    "row 7, column 'b' is NaN": lambda _: gmix.fit(
        pa.table({"a": [1.0] * 9, "b": [2.0] * 7 + [None, 1.0]}), 1, missing="error"
    ),
    "column 'b' has no value in any row": lambda _: gmix.fit([[1.0, np.nan]] * 3, 1, columns=["a", "b"]),
    "column 'day' holds date32[day], not numbers": lambda path: gmix.fit(dated(path), 1, columns=["day", "a"]),
    "holds '?', which is not a number": lambda path: gmix.fit(written(path, "a,b\n1,2\n3,?\n5,6\n"), 1, columns=["b"]),
    "has 3 cells, and the rows below have 2": lambda path: gmix.fit(written(path, "a,b,c\n1,2\n3,4\n5,7\n"), 1),
    "has 3 cells, and the other rows have 2": lambda path: gmix.fit(written(path, "a,b\n1,2\n3,4,5\n5,7\n"), 1),
    "5 components are more than the table has rows": lambda _: gmix.fit([[1.0], [2.0]], 5),
    "a generator can be read once": lambda _: gmix.fit((np.ones((2, 2)) for _ in range(2)), 1),
    "beyond float64; divide": lambda _: gmix.fit([[1e200], [2.0]], 1),
}


def dated(folder: Path) -> Path:
    days = pa.array([1, 2], pa.int32()).cast(pa.date32())
    parquet.write_table(pa.table({"day": days, "a": [1.0, 2.0]}), folder / "t.parquet")
    return folder / "t.parquet"


def written(folder: Path, text: str) -> Path:
    (folder / "t.csv").write_text(text)
    return folder / "t.csv"


@pytest.mark.parametrize("says", DATA_ERRORS)
def test_an_error_of_the_page_says_what_the_page_says(says: str, tmp_path: Path) -> None:
    with pytest.raises(gmix.DataError) as raised:
        DATA_ERRORS[says](tmp_path)
    said = re.sub(r" \('[^)]*'\)", "", str(raised.value))  # without the cells that are shown
    assert says in said


def test_the_page_shows_these_errors() -> None:
    page = (ROOT / "docs" / "when_it_goes_wrong.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \*(.+?)\* \|", page, re.MULTILINE) == list(DATA_ERRORS)


def test_every_error_and_every_finding_has_its_paragraph() -> None:
    page = (ROOT / "docs" / "when_it_goes_wrong.md").read_text(encoding="utf-8")
    paragraphs = set(re.findall(r"^`([^`]+)`\n: ", page, re.MULTILINE))
    errors = {
        name
        for name in gmix.__all__
        if isinstance(value := getattr(gmix, name), type) and issubclass(value, Exception) and name != "GmixError"
    }
    findings = {
        call.args[0].value
        for path in Path(gmix.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Finding"
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert {"collapsed component", "not converged"} <= findings
    assert errors | findings <= paragraphs, sorted((errors | findings) - paragraphs)
    assert paragraphs - errors - findings == {"ModuleNotFoundError", "ConvergenceWarning"}


def test_a_paragraph_says_whether_its_finding_is_a_note() -> None:
    page = (ROOT / "docs" / "when_it_goes_wrong.md").read_text(encoding="utf-8")
    paragraphs = dict(re.findall(r"^`([^`]+)`\n: (.*?)\n\n", page, re.MULTILINE | re.DOTALL))
    levels: dict[str, set[str]] = {}
    for path in Path(gmix.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Finding" and len(call.args) > 1:
                name, *level = (call.args[0], *call.args[2:], *(word.value for word in call.keywords))
                if isinstance(name, ast.Constant):
                    words = (
                        {n.value for n in ast.walk(level[0]) if isinstance(n, ast.Constant)} if level else {"warning"}
                    )
                    levels.setdefault(name.value, set()).update(words or {"note", "warning"})
    assert len(levels) > 15
    for name, words in levels.items():
        text = " ".join(paragraphs[name].split())
        assert text.startswith("A note. ") == (words == {"note"}) or words > {"note"}, name
        assert len(words) == 1 or re.search("a note|a warning", text), name


def test_every_page_is_in_the_contents_and_every_link_leads_somewhere() -> None:
    contents = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem == "index" or re.search(rf"^{page.stem}$", contents, re.MULTILINE), page.name
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert target.startswith(("http", "gallery/")) or (page.parent / target).exists(), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub and Sphinx make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_to_a_heading_leads_to_one() -> None:
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                there = (page.parent / target) if target else page
                assert anchor in anchors(there), f"{page.name}: {target}#{anchor}"


def test_the_reference_has_every_public_name() -> None:
    reference = (ROOT / "docs" / "reference.rst").read_text(encoding="utf-8")
    for name in gmix.__all__:
        assert re.search(rf"^   gmix\.{name}$", reference, re.MULTILINE), name


def test_the_methods_text_of_the_page_is_that_of_the_report(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    columns = ["bill_length", "bill_depth", "flipper_length", "body_mass", "nitrogen_15"]
    fit = gmix.fit(PENGUINS, columns=columns, rng=0)
    fit.report(tmp_path / "page.html", PENGUINS)
    report = html.unescape(re.sub("<[^>]*>", "", (tmp_path / "page.html").read_text(encoding="utf-8")))
    page = (ROOT / "docs" / "reporting.md").read_text(encoding="utf-8")
    text = re.search(r"(?:^> .*\n)+", page, re.MULTILINE)
    assert text is not None
    assert " ".join(text[0].replace("\n> ", " ").removeprefix("> ").split()) in " ".join(report.split())
