"""A file imports only from floors below it, asks structures instead of reading letters, and loads what it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gmix
from gmix.model import covariance

ROOT = Path(__file__).parents[1]
HOUSE = Path(gmix.__file__).parent
FLOORS = {  # each package or module of the house, on the floors from the lowest up
    room: floor
    for floor, rooms in enumerate(
        [
            ["base.errors", "base.wording", "base.blas", "base.rows"],
            [
                "base.findings",
                "base.arguments",
                "base.layout",
                "base.other_names",
                "base.workload",
                "base.progress_line",
                "fitting.other_words",
            ],
            ["base.row_errors", "base.progress"],
            ["base.missing", "base.labels"],
            ["base.columns"],
            ["base.table", "base.atomic_write"],
            ["base.table_file", "model_file"],
            ["model.background"],
            ["model.covariance", "model.univariate", "model.dependence", "model.regions", "model.families"],
            ["model.dependent_features", "model.mixture_arguments", "model.moments"],
            ["model.components", "model.reference", "model.spread", "model.stopping", "fitting.distinct"],
            ["model.statistics"],
            ["model.model"],
            ["_native"],
            ["model.kernel"],
            ["model.priors", "model.criteria", "model.density_tail", "model.goodness", "fitting.k_means"],
            ["model.blur", "model.shrinkage"],
            ["model.m_step", "model.imputation", "model.observed", "model.sampling", "plot", "exchange"],
            ["model.evaluation", "model.outliers", "notebook"],
            ["distribution"],
            ["model.mixture"],
            ["model.frozen", "model.student", "distribution.mixing"],
            ["model.gaussian_model", "model.gradient", "model.document", "model.variational", "exchange.parameters"],
            ["sources"],
            ["fitting.truncated"],
            ["fitting.em", "fitting.stepwise", "fitting.neighbors", "fitting.schedule"],
            ["fitting.start", "fitting.refinement"],
            [
                "fitting.candidates",
                "fitting.optima_text",
                "fitting.summary_text",
                "fitting.classification",
                "fitting.labeling",
                "fitting.freezing",
                "fitting.arguments",
            ],
            ["fitting.judge", "fitting.poorer", "fitting.open_ranges", "fitting.factor_moves"],
            ["fitting.trials"],
            ["fitting.search_progress"],
            ["fitting.search_plan"],
            ["fitting.search"],
            ["fitting.result", "fitting.search_findings", "fitting.narrowing", "fitting.inspection"],
            ["fitting.from_search", "fitting.background", "fitting.trimming"],
            ["fitting.comparison"],
            ["fitting.variational", "fitting.families"],
            ["fitting.fit"],
            ["inference.point"],
            ["inference.standard_errors", "inference.resampling", "inference.pooling"],
            ["inference.intervals"],
            [
                "inference.agreement",
                "inference.bootstrap",
                "inference.goodness_of_fit",
                "inference.imputation",
                "inference.merging",
                "inference.cross_validation",
                "inference.predict",
                "inference.outliers",
            ],
            ["sampler"],
            ["gibbs"],
            ["__init__"],
            ["report", "sklearn"],
            ["demo"],
            ["cli"],
            ["__main__"],
        ]
    )
    for room in rooms
}
# The one import upward, in the method that needs it: `Fit.report`.
DOORS = {("fitting.result", "report")}
FORBIDDEN = {  # rooms, or whole packages, wherever their floors are
    "model.kernel": {"sources"},
    "sources": {"fitting"},
}


def room(module: str) -> str:
    """The room that a module is in: the longest name on a floor that it begins with, or the whole name."""
    parts = module.split(".")
    names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((name for name in names if name in FLOORS), module)


def module_of(path: Path) -> str:
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


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
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "gmix":
                line = f"{path.relative_to(HOUSE)}:{node.lineno}: {source.splitlines()[node.lineno - 1].strip()}"
                yield node, room(".".join(name.split(".")[1:]) or "__init__"), line, id(node) in inside


def wrong(path: Path) -> list[str]:
    mine, found = room(module_of(path)), []
    for _, theirs, line, in_function in imports(path):
        if theirs == mine:
            continue
        if theirs not in FLOORS:  # a name of the package, not a room of it
            found += [f"{line}  <- {theirs!r} stands on no floor"]
        elif in_function and (mine, theirs) in DOORS:
            continue
        elif FORBIDDEN.get(mine, set()) & {theirs, theirs.split(".")[0]} or not FLOORS[theirs] < FLOORS[mine]:
            found += [f"{line}  <- {mine} may not import {theirs}"]
    return found


PACKAGES = {"base", "model", "fitting", "inference"}
FILES = sorted(HOUSE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_a_file_imports_only_from_floors_below_it(path: Path) -> None:
    if path.name == "__init__.py" and module_of(path) in PACKAGES:
        assert not list(imports(path))  # they only say what is in them
        return
    assert room(module_of(path)) in FLOORS, f"{module_of(path)} stands on no floor; give it one in this test"
    assert not wrong(path), "\n" + "\n".join(wrong(path))


def test_every_name_on_a_floor_is_a_room() -> None:
    there = {module_of(path) for path in FILES} | {"_native"}
    assert set(FLOORS) <= there
    packages = {str(path.parent.relative_to(HOUSE)) for path in HOUSE.glob("*/__init__.py")}
    assert packages <= {name.split(".")[0] for name in FLOORS}


def test_a_broken_floor_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "HOUSE", tmp_path)
    for name, line in (
        ("model/kernel/compiled", "from gmix.sources import MemorySource"),
        ("model/kernel/compiled", "import gmix.fitting.em"),
        ("sources/memory", "from gmix.fitting.distinct import DistinctRows"),
        ("sources/stream", "import gmix.fitting.em"),
        ("base/table", "from gmix.model import mixture"), ("model/mixture", "from gmix import report"),
        ("model/covariance/form", "from ..statistics import SufficientStatistics"),
        ("plot/line", "def f():\n    import gmix.cli"),
        ("plot/line", "from gmix.model.mixture import GaussianMixture"),
        ("model/mixture", "def f():\n    from gmix.report import report"),
    ):  # fmt: skip
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
        [said] = wrong(path)
        assert said.startswith(f"{name}.py:")
        assert line.splitlines()[-1].strip() in said
    path = tmp_path / "fitting" / "result.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text("from gmix.base.table import as_rows\ndef report():\n    from gmix.report import report")
    assert wrong(path) == []


LONGEST = 400  # lines of a file that can be read in one sitting


def test_no_file_is_longer_than_can_be_read_in_one_sitting() -> None:
    files = [p for part in ("src", "native") for p in (ROOT / part).rglob("*") if p.suffix in (".py", ".cpp", ".hpp")]
    longer = [str(p.relative_to(ROOT)) for p in files if len(p.read_text("utf-8").splitlines()) > LONGEST]
    assert not longer


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
        "scipy.optimize",
        "scipy.sparse",
        "torch",
        "onnx",
    ]
    program = f"import sys, gmix; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


NAMED = {one.code for one in (*covariance.STRUCTURES, covariance.E, covariance.V)} | {"DIRECT", "STRUCTURES"}
DEFAULTS = {  # where one of gmix's structures is a default or a candidate
    "cli/options.py": {"STRUCTURES"},
    "model/mixture.py": {"VVV"},
    "fitting/arguments.py": {"E", "STRUCTURES", "V"},
}


def readings_of_letters(path: Path) -> list[str]:
    """The lines outside covariance/ that know which structure they have before them, instead of asking it."""
    source, name = path.read_text(encoding="utf-8"), path.relative_to(HOUSE).as_posix()
    if name.startswith("model/covariance/"):
        return []
    allowed, found = DEFAULTS.get(name, set()), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            named = {alias.name for alias in node.names} & NAMED if node.module == "gmix.model.covariance" else set()
            bad = not named <= allowed
        elif isinstance(node, ast.Attribute):
            bad = node.attr in {"letters", "volume", "orientation"} or (
                node.attr == "shape" and _last(node.value) == "structure"
            )
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            codes = [side for side in sides if isinstance(side, ast.Attribute) and side.attr == "code"]
            constants = [side for side in sides if isinstance(side, ast.Constant)]
            bad = any(_last(side) in NAMED for side in sides) or bool(codes and constants)
        else:
            continue
        if bad:
            found.append(f"{name}:{node.lineno}: {source.splitlines()[node.lineno - 1].strip()}")
    return found


def _last(node: ast.expr) -> str:
    """The last word of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_only_covariance_reads_the_letters_of_a_structure(path: Path) -> None:
    assert not readings_of_letters(path)


def test_a_reading_of_letters_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "HOUSE", tmp_path)
    for line in (
        "x = structure.letters", 'x = mixture.structure.orientation == "I"', "x = structure.volume",
        "x = fit.mixture.structure.shape", "x = structure is VEI", "x = structure.with_free_weights in DIRECT",
        "x = structure == covariance.EEV", 'x = "V" not in structure.code',
        "from gmix.model.covariance import EEE, VVV",
    ):  # fmt: skip
        path = tmp_path / "rules.py"
        path.write_text(line)
        assert len(readings_of_letters(path)) >= 1, line
    path.write_text("x = structure.direct and array.shape == other.shape and a.structure.code == b.structure.code")
    assert not readings_of_letters(path)
