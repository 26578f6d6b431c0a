"""A file imports only from floors below it, and `import gmix` loads only what it needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gmix

ROOT = Path(__file__).parents[1]
HOUSE = Path(gmix.__file__).parent
FLOORS = {
    room: floor
    for floor, rooms in enumerate(
        [
            ["errors", "wording", "blas"],
            ["findings"],
            ["columns"],
            ["rows", "whole", "dependence", "distinct"],
            ["covariance", "tables", "univariate"],
            ["statistics", "stop", "progress"],
            ["_native"],
            ["kernel"],
            ["seeding", "priors"],
            ["mixture"],
            ["sources", "regions"],
            ["start", "em", "criteria", "predict", "stepwise"],
            ["neighbors"],
            ["search"],
            ["search_findings", "narrowing", "inspection"],
            ["fit"],
            ["information"],
            ["bootstrap", "merging", "validation"],
            ["files", "plot", "report", "sklearn", "options", "csv_options", "console", "cli", "demo", "__main__"],
            ["__init__"],
        ]
    )
    for room in rooms
} | {"metropolis": 4}  # it stands beside, and needs only the floors up to rows
# Methods that open a door upwards, inside the function, where the other room is used.
DOORS = {
    ("mixture", "plot"),
    ("search", "plot"),
    ("fit", "plot"),
    ("fit", "files"),
    ("fit", "report"),
    ("merging", "plot"),
}
# Within the top floor, what is shown may use what draws and what stores.
TOP = {"files": set(), "plot": set(), "report": {"plot"}, "sklearn": {"files", "plot"},
       "demo": {"files", "plot", "report", "metropolis"},
       "cli": {"files", "plot", "report", "demo", "sklearn", "options", "csv_options", "console"},
       "__main__": {"cli"}}  # fmt: skip
FORBIDDEN = {"em": {"sources", "kernel"}, "metropolis": {"covariance"}}


def room(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[ast.stmt, str, str, bool]]:
    """Every import from gmix: the statement, the room it comes from, the line, and whether it is in a function."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    inside = {
        id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)) for n in ast.walk(f)
    }
    here = ["gmix", *path.relative_to(HOUSE).parts[:-1]]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) + 1 - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names = [f"{module}.{alias.name}" if module == "gmix" else module for alias in node.names]
        for name in names:
            if name.split(".")[0] == "gmix":
                line = f"{path.relative_to(HOUSE)}:{node.lineno}: {source.splitlines()[node.lineno - 1].strip()}"
                yield node, [*name.split("."), "__init__"][1], line, id(node) in inside


def wrong(path: Path) -> list[str]:
    mine, found = room(path), []
    for _, theirs, line, in_function in imports(path):
        if theirs == mine or mine == "__init__" or (theirs == "__init__" and FLOORS[mine] == FLOORS["cli"]):
            continue
        if theirs not in FLOORS:  # a name of the package, not a room of it
            found += [f"{line}  <- {theirs!r} stands on no floor"]
        elif in_function and (mine, theirs) in DOORS:
            continue
        elif theirs in FORBIDDEN.get(mine, ()) or not (FLOORS[theirs] < FLOORS[mine] or theirs in TOP.get(mine, ())):
            found += [f"{line}  <- {mine} may not import {theirs}"]
    return found


FILES = sorted(HOUSE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_a_file_imports_only_from_floors_below_it(path: Path) -> None:
    assert room(path) in FLOORS, (
        f"{room(path)} stands on no floor; give it one in this test and in docs/architecture.md"
    )
    assert not wrong(path), "\n" + "\n".join(wrong(path))


def test_the_page_shows_the_floors() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", page, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    shown = [{name for name, _ in re.findall(r"`(\w+)(\.py|/)`", files)} - {"native"} for _, files in rows]
    not_files = {"_native", "__init__", "__main__", "metropolis"}
    floors = [
        {room for room, at in FLOORS.items() if at == floor} - not_files for floor in sorted(set(FLOORS.values()))
    ]
    assert shown == [rooms for rooms in floors if rooms]


def test_a_broken_floor_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "HOUSE", tmp_path)
    for name, line in (
        ("em", "from gmix.sources import MemorySource"), ("em", "import gmix.kernel"),
        ("rows", "from gmix import mixture"),
        ("mixture", "from gmix import plot"), ("covariance", "from .statistics import SufficientStatistics"),
        ("metropolis", "from gmix.mixture import GaussianMixture"), ("plot", "def f():\n    from gmix.cli import app"),
    ):  # fmt: skip
        path = tmp_path / f"{name}.py"
        path.write_text(line)
        [said] = wrong(path)
        assert said.startswith(f"{name}.py:")
        assert line.splitlines()[-1].strip() in said
    path = tmp_path / "mixture.py"
    path.write_text("from gmix.rows import as_rows\ndef plot():\n    from gmix import plot")
    assert wrong(path) == []


def test_importing_gmix_loads_only_what_it_needs() -> None:
    heavy = [
        "sklearn",
        "matplotlib",
        "pyarrow",
        "pandas",
        "narwhals",
        "dask",
        "pyspark",
        "plotly",
        "jinja2",
        "rich",
        "typer",
        "scipy.stats",
    ]
    program = f"import sys, gmix; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
