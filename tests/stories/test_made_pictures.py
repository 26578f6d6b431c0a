"""The pictures that are in the repository are those that today's code and data make."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "make_pictures.py"))


def test_every_picture_was_made_of_its_inputs_as_they_are(script: dict[str, Any]) -> None:
    stale = [
        f"{picture}: changed since it was made: {', '.join(what)}" for picture, what in script["changed"]().items()
    ]
    assert not stale, "\n".join([*stale, "run make pictures, look at the pictures, and commit them"])


def test_every_picture_that_a_page_shows_is_made(script: dict[str, Any]) -> None:
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    shown = {
        name for page in pages for name in re.findall(r"pictures/([\w.-]+\.png)", page.read_text(encoding="utf-8"))
    }
    assert shown <= {picture for work in script["WORK"] for picture in work.pictures}
    for work in script["WORK"]:
        for path in work.inputs:
            assert (ROOT / path).exists(), path


def test_a_changed_input_is_noticed(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    for path in ("docs/pictures", "src/gmix/plot", "src/gmix/report", "src/gmix/data"):
        shutil.copytree(ROOT / path, copy / path)
    for path in ("docs/make_pictures.py", "src/gmix/demo.py", "benchmarks/chart.py", "benchmarks/workloads.py"):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy / path)
    shutil.copytree(ROOT / "examples", copy / "examples")

    def changed() -> dict[str, list[str]]:
        return runpy.run_path(str(copy / "docs" / "make_pictures.py"))["changed"]()

    assert changed() == {}
    (copy / "src/gmix/demo.py").write_text("# another demonstration")
    assert changed() == {
        name: ["src/gmix/demo.py"]
        for name in ("clusters.png", "criteria.png", "density.png", "faithful.png", "samples.png")
    }
    (copy / "docs/pictures/speed.png").write_bytes(b"a picture from elsewhere")
    (copy / "docs/pictures/stray.png").write_bytes(b"")
    assert changed()["speed.png"] == ["itself"]
    assert changed()["stray.png"] == ["no work that makes it"]
