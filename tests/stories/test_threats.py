"""What SECURITY.md claims: files, tables and clusters cannot make gmix run code or reach the network."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import pickle
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run

import gmix

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "native").rglob("*.py"))]
ASSETS = ROOT / "src" / "gmix" / "report" / "assets"

# What runs code that is in data, starts programs, or opens connections.
MODULES = {
    "cloudpickle", "code", "ctypes", "dill", "ftplib", "http", "httpx", "joblib", "marshal", "pickle", "pty",
    "requests", "runpy", "shelve", "skops", "smtplib", "socket", "socketserver", "subprocess", "telnetlib", "urllib",
    "webbrowser", "xml", "xmlrpc", "yaml",
}  # fmt: skip
CALLS = {"__import__", "compile", "eval", "exec", "execfile"}
METHODS = {
    "execl", "execv", "execve", "expr", "fork", "loads_pickle", "popen", "posix_spawn", "read_pickle", "selectExpr",
    "spawnl", "spawnv", "sql", "startfile", "system", "unsafe_load",
}  # fmt: skip
BY_OWNER = {("np", "load"), ("numpy", "load"), ("torch", "load"), ("pickle", "load"), ("pickle", "loads")}
BY_OWNER |= {("np", "fromregex"), ("onnx", "load")}
KEYWORDS = {"allow_pickle", "shell"}


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


def dangers(path: Path) -> Iterator[str]:
    """The lines of a source that could run what is in data."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        found: set[str] = set()
        if isinstance(node, ast.Import):
            found = {alias.name.split(".")[0] for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found = {(node.module or "").split(".")[0]} & MODULES
        elif isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name):
                found = {function.id} & CALLS
            elif isinstance(function, ast.Attribute):
                owner = function.value.id if isinstance(function.value, ast.Name) else ""
                found = {function.attr} & METHODS
                if (owner, function.attr) in BY_OWNER:
                    found = {f"{owner}.{function.attr}"}
                if function.attr == "import_module" and not isinstance(node.args[0], ast.Constant):
                    found = {"import_module"}
            found |= {keyword.arg for keyword in node.keywords if keyword.arg} & KEYWORDS
        if found:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {', '.join(sorted(found))}"


def test_no_source_unpickles_evaluates_starts_programs_or_opens_connections() -> None:
    assert [line for path in SOURCES for line in dangers(path)] == []


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from yaml import load", "eval(x)", "os.system(x)", "np.load(x)", "f(x, allow_pickle=True)",
     "subprocess.run(x, shell=True)", "importlib.import_module(x)", "table.selectExpr(x)"],
)  # fmt: skip
def test_the_search_for_dangers_finds_them(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "line.py").write_text(line)
    assert list(dangers(tmp_path / "line.py"))


def test_scripts_of_the_report_evaluate_no_text_and_open_no_connection() -> None:
    forbidden = r"\beval\b|\bFunction\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\bfetch\(|XMLHttpRequest"
    forbidden += r"|WebSocket|EventSource|sendBeacon|\bimport\(|postMessage|localStorage|document\.cookie"
    for path in (*ASSETS.glob("*.js"), ASSETS / "page.html"):
        assert not re.search(forbidden, path.read_text(encoding="utf-8")), path


def test_the_page_of_a_report_has_no_inline_handlers_and_escapes_every_value() -> None:
    template = (ASSETS / "page.html").read_text(encoding="utf-8")
    markup = re.sub(r"\{[{%].*?[%}]\}", "", template)
    assert not re.search(r"<[^>]*\son\w+\s*=|javascript:|<(base|iframe|object|embed|form)\b", markup, re.IGNORECASE)
    unescaped = re.findall(r"\{\{\s*(\w+)\s*\|\s*safe\s*\}\}", template)
    assert sorted(unescaped) == ["data", "library", "print_style", "script", "script_hashes", "style"]
    assert len(re.findall(r"\|\s*safe", template)) == len(unescaped)
    assert "autoescape=True" in (ASSETS.parent / "__init__.py").read_text(encoding="utf-8")


def test_the_policy_of_a_report_allows_its_own_scripts_only(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    gmix.fit(rows, 1, covariance="full").report(tmp_path / "page.html", rows)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert all(re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", source) for source in rules["script-src"].split())
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert scripts
    assert all(f"'sha256-{each}'" in rules["script-src"] for each in hashes)
    assert page.index("Content-Security-Policy") < page.index("<script")
    assert not any("connect-src" in rule or "unsafe-eval" in rule for rule in rules)
    assert "unsafe" not in rules["script-src"]


def test_a_table_that_is_a_pickle_is_refused_and_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for protocol in (0, 2, 4, 5):
        for name in ("table.csv", "table.parquet", "table.arrow", "table.pkl"):
            path = tmp_path / name
            path.write_bytes(pickle.dumps(Bomb(), protocol=protocol))
            with pytest.raises(gmix.GmixError):
                gmix.fit(path, 1)
    assert capsys.readouterr().out == ""


def test_objects_in_a_table_are_not_called(capsys: pytest.CaptureFixture[str]) -> None:
    table = np.array([[Bomb(), 1.0], [Bomb(), 2.0]], dtype=object)
    with pytest.raises(gmix.DataError):
        gmix.fit(table, 1)
    assert capsys.readouterr().out == ""


def test_a_message_of_a_cluster_that_is_no_arrow_stream_is_not_unpickled(capsys: pytest.CaptureFixture[str]) -> None:
    pa = pytest.importorskip("pyarrow")
    from gmix.sources.messages import pack, unpack

    [array], text = unpack(pack([np.arange(3.0)], "text"))
    assert (array.tolist(), text) == ([0.0, 1.0, 2.0], "text")
    outside = pack([np.arange(3.0)]).replace(np.array([0, 3], "<i4").tobytes(), np.array([0, 1 << 30], "<i4").tobytes())
    for message in (pickle.dumps(Bomb()), b"", pack([np.arange(3.0)])[:50], outside):
        with pytest.raises((pa.ArrowException, OSError, KeyError)):
            unpack(message)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("memory", [1e9, 1.0], ids=["read", "streamed"])
@pytest.mark.parametrize("offset", [1 << 30, -9], ids=["beyond the end", "negative"])
def test_a_table_whose_offsets_point_outside_it_is_refused(tmp_path: Path, offset: int, memory: float) -> None:
    pa = pytest.importorskip("pyarrow")
    rows = np.random.default_rng(0).normal(size=(5, 2))
    table = pa.table({"x": rows[:, 0], "y": rows[:, 1], "name": ["aa", "bb", "cc", "dd", "ee"]})
    path = tmp_path / "table.arrow"
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    sound, damaged = (np.array([0, 2, third, 6, 8, 10], "<i4").tobytes() for third in (4, offset))
    content = path.read_bytes()
    assert content.count(sound) == 1
    path.write_bytes(content.replace(sound, damaged))
    with pytest.raises(gmix.DataError, match=r"table\.arrow, column 'name' cannot be read"):
        gmix.fit(path, 1, memory=memory)


def test_a_table_that_states_more_rows_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    """Arrow would end the process."""
    pa = pytest.importorskip("pyarrow")
    table, path = pa.table({"x": np.random.default_rng(0).normal(size=12_345)}), tmp_path / "table.arrow"
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    stated, more = (np.array([rows], "<i8").tobytes() for rows in (12_345, 1 << 60))
    content = path.read_bytes()
    assert content.count(stated) == 2  # of the batch, and of its column
    path.write_bytes(content.replace(stated, more))
    with pytest.raises(
        gmix.DataError, match=r"table\.arrow cannot be read as Arrow \(it states 1,152,9.* rows, and has"
    ):
        gmix.fit(path, 1)


def test_an_old_arrow_that_unpickles_extension_types_is_not_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [bound] = re.findall(r"pyarrow>=(\d+)", " ".join(project["optional-dependencies"]["tables"]))
    assert int(bound) >= 15  # CVE-2023-47248 was mended in 14.0.1


FORMULAS = ['=HYPERLINK("http://x","y")', "@SUM(1)", "+1+2", "-2+3"]


def test_csv_keeps_formulas_of_the_table_as_they_are_and_adds_none(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 4))
    names = ",".join('"' + name.replace('"', '""') + '"' for name in FORMULAS)
    lines = [",".join(map(repr, row)) for row in rows.tolist()]
    table = tmp_path / "table.csv"
    table.write_text("\n".join([names, *lines]) + "\n")
    fitted = run("fit", table, "--components", 1, "--covariance", "full", "--out", tmp_path / "model.json")
    assert fitted.exit_code == 0, fitted.output
    predicted = run("predict", tmp_path / "model.json", table, "--append", "--out", tmp_path / "out.csv")
    assert predicted.exit_code == 0, predicted.output
    written = (tmp_path / "out.csv").read_text().splitlines()
    assert written[0].replace('""', '"').endswith(",component")
    for line, row in zip(written[1:], lines, strict=True):
        assert line == f"{row},0"


def test_names_of_columns_do_not_control_the_terminal(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    rows = np.random.default_rng(0).normal(size=(40, 2)).tolist()
    table.write_text("\n".join(['"a\x1b[2J\x1b]0;title\x07","b\x9b2J"', *(f"{a},{b}" for a, b in rows)]) + "\n")
    for arguments in (("fit", table, "--components", 2, "--out", tmp_path / "m.json"), ("select", table)):
        output = run(*arguments).output
        assert r"a\x1b[2J" in output or arguments[0] == "select"
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", output)
    (tmp_path / "text.csv").write_text('"a\x1b[2J"\nx\x1b[2J\n')
    assert "\x1b" not in run("fit", tmp_path / "text.csv").output


def test_a_checkpoint_with_hostile_sizes_is_refused(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    path = tmp_path / "fit.checkpoint"
    gmix.fit(rows, 1, covariance="full", checkpoint=path, rng=0)
    first, second, *_ = path.read_text().splitlines()
    entry = json.loads(second)
    for text in ("A" * 1_000_001, "!!!!", base64.b64encode(pickle.dumps(Bomb())).decode()):
        entry["found"] = [dict.fromkeys(entry["found"][0], text)]
        path.write_text(f"{first}\n{json.dumps(entry)}\n")
        with pytest.raises(gmix.ModelFileError, match="is damaged"):
            gmix.fit(rows, 1, covariance="full", checkpoint=path, resume=True, rng=0)


def test_every_test_that_the_page_names_exists() -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 15
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"
