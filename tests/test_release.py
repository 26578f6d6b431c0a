"""What a release consists of agrees: versions, bounds, licenses, workflows, and the commands that they call."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import gmix

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CONFIGURATIONS = [
    *sorted((ROOT / ".github").rglob("*.yml")),
    *(ROOT / name for name in (".readthedocs.yaml", ".pre-commit-config.yaml", "release/conda/recipe.yaml")),
]


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in parsed(path)["jobs"].values() for step in job["steps"]]


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([\w./-]+):(?!=)", makefile, re.MULTILINE))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_a_configuration_is_yaml(path: Path) -> None:
    assert isinstance(parsed(path), dict)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_pins_its_actions_and_has_no_more_rights_than_it_needs(path: Path) -> None:
    document = parsed(path)
    assert document["permissions"] == {"contents": "read"}
    for name, job in document["jobs"].items():
        assert job.get("permissions", {}) == ({"id-token": "write"} if name == "publish" else {})
    text = path.read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "pull_request_target" not in text
    used = re.findall(r"uses: (.*)", text)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+", action), action
    for step in steps(path):
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False
        assert "${{ github.event" not in step.get("run", "")  # a title of a pull request is no command


def test_only_tags_are_published_and_by_trusted_publishing() -> None:
    publish = parsed(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]["publish"]
    assert publish["if"] == "github.event_name == 'push' && startsWith(github.ref, 'refs/tags/v')"
    assert publish["environment"]["name"] == "pypi"
    assert set(publish["needs"]) == {"sdist", "wheels", "newer"}


def test_every_target_of_make_that_is_called_exists() -> None:
    named = [*CONFIGURATIONS, *sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
    called = {
        (path.name, target)
        for path in named
        for target in re.findall(
            r"(?:run: |- |`|^)make (?:-C \w+ )?([a-z][\w-]*)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert len(called) > 10
    missing = {(page, target) for page, target in called if target not in targets()}
    assert missing == set()


def test_files_that_workflows_run_exist() -> None:
    for path in WORKFLOWS:
        for step in steps(path):
            for script in re.findall(r"[\w/]+\.py", step.get("run", "")):
                assert (ROOT / script).is_file(), script


def test_pre_commit_runs_what_make_lint_and_types_run() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [hooks] = [repository["hooks"] for repository in parsed(ROOT / ".pre-commit-config.yaml")["repos"]]
    for hook in hooks:
        program = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert f"$(bin)/{program}" in makefile


def test_versions_agree() -> None:
    version = PROJECT["project"]["version"]
    assert gmix.__version__ == version
    assert parsed(ROOT / "CITATION.cff")["version"] == version
    assert parsed(ROOT / "release" / "conda" / "recipe.yaml")["context"]["version"] == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_has_what_its_format_requires() -> None:
    citation = parsed(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == PROJECT["project"]["license"]
    assert all("name" in author or {"family-names", "given-names"} <= set(author) for author in citation["authors"])


def test_bounds_agree() -> None:
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert f"find_package(Python {lowest} REQUIRED" in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert PROJECT["tool"]["mypy"]["python_version"] == lowest
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{lowest.replace('.', '')}"
    assert f"cp{lowest.replace('.', '')}-*" in PROJECT["tool"]["cibuildwheel"]["build"]
    assert f"{PROJECT['tool']['scikit-build']['wheel']['py-api']}-*" in PROJECT["tool"]["cibuildwheel"]["build"]
    recipe = parsed(ROOT / "release" / "conda" / "recipe.yaml")["requirements"]
    conda = {each.replace(" ", "") for each in (*recipe["run"], *recipe["host"])}
    assert {*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]} <= conda
    needed = PROJECT["tool"]["scikit-build"]["minimum-version"]
    assert f"scikit-build-core>={needed}" in PROJECT["build-system"]["requires"]


@pytest.mark.parametrize("option", [[], ["--build"]])
def test_every_requirement_has_a_lower_bound(option: list[str]) -> None:
    run = [sys.executable, str(ROOT / "release" / "lowest.py"), *option]
    lines = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines
    assert all(re.fullmatch(r"[\w-]+(\[\w+\])?==[\d.]+", line) for line in lines)


def test_the_bill_of_materials_lists_what_is_compiled_into_a_wheel(tmp_path: Path) -> None:
    nanobind = pytest.importorskip("nanobind")
    run = [sys.executable, str(ROOT / "release" / "sbom.py"), "--nanobind", str(Path(nanobind.__file__).parent)]
    subprocess.run([*run, "--compiler", "GNU 12", "--out", str(tmp_path / "bill.json")], check=True)
    bill = json.loads((tmp_path / "bill.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["version"] == gmix.__version__
    libraries = {part["name"]: part for part in bill["components"] if part["type"] == "library"}
    assert libraries["nanobind"]["version"] == nanobind.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", libraries["robin-map"]["version"])
    tables = {part["name"] for part in bill["components"] if part["type"] == "data"}
    assert tables == {path.name for path in (ROOT / "src" / "gmix" / "data").iterdir()}
    for name, text in (("nanobind", "Wenzel Jakob"), ("robin_map", "Thibaut Goetghebuer-Planchon")):
        assert text in (ROOT / "licenses" / f"{name}.txt").read_text(encoding="utf-8")
    assert PROJECT["project"]["license-files"] == ["LICENSE", "licenses/*.txt"]


WITHOUT_LOCKS = """
import importlib, pathlib, sys
import gmix.base.atomic_write
from gmix.base.errors import ParameterError
sys.platform, sys.modules["fcntl"] = "win32", None
atomic_write = importlib.reload(gmix.base.atomic_write).atomic_write
path = pathlib.Path(sys.argv[1])
for text in ("first", "second"):
    with atomic_write(path, ParameterError) as draft:
        draft.write_text(text)
assert path.read_text() == "second"
assert [each.name for each in path.parent.iterdir()] == [path.name]
"""


def test_files_are_written_on_systems_without_locks(tmp_path: Path) -> None:
    run = [sys.executable, "-c", WITHOUT_LOCKS, str(tmp_path / "file")]
    assert subprocess.run(run, capture_output=True, text=True, check=False).stderr == ""
