"""Make the pictures in docs/pictures that README and the pages show, from today's code: ``make pictures``.

Each picture declares the code and the data that it is made of. Their hashes are kept beside the pictures; a picture is
made again where one of them has changed, and a test fails until it is. ``--all`` makes every picture.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
MANIFEST = FOLDER / "made_of.json"
DATA = "src/gmix/data/faithful.csv"


@dataclass(frozen=True)
class Work:
    """Pictures that are made together, what files and folders they are made of, and the function that makes them."""

    pictures: tuple[str, ...]
    inputs: tuple[str, ...]
    make: Callable[[Path], None]


def demonstration(folder: Path) -> None:
    import gmix.demo

    made = folder / "demo"
    gmix.demo.demo(made)
    for picture in made.glob("*.png"):
        picture.rename(folder / picture.name)


def first_figure_of(example: str, picture: str) -> Callable[[Path], None]:
    """A function that runs an example of the gallery, and saves its first figure."""

    def make(folder: Path) -> None:
        from matplotlib import pyplot as plt

        plt.close("all")
        os.environ.setdefault("MPLBACKEND", "agg")
        runpy.run_path(str(ROOT / "examples" / example))
        plt.figure(plt.get_fignums()[0]).savefig(folder / picture, dpi=160)
        plt.close("all")

    return make


def speed_chart(folder: Path) -> None:
    chart = ROOT / "benchmarks" / "chart.py"
    subprocess.run(
        [sys.executable, chart, FOLDER / "speed.json", folder], check=True
    )


def reports(folder: Path) -> None:
    import numpy as np

    import gmix

    data = ROOT / DATA
    gmix.fit(data, rng=20).report(folder / "faithful.html", data)
    photograph(
        folder / "faithful.html",
        folder / "report.png",
        first="body",
        last="#scatter",
    )
    eruptions = np.genfromtxt(data, delimiter=",", skip_header=1)
    rows = np.vstack(
        [
            eruptions,
            np.random.default_rng(4).uniform(
                [1.0, 35.0], [6.0, 105.0], (30, 2)
            ),
        ]
    )
    fit = gmix.fit(
        rows, columns=["eruptions", "waiting"], background=True, rng=0
    )
    fit.report(folder / "background.html", rows)
    photograph(
        folder / "background.html",
        folder / "report_background.png",
        first="#rows-title",
        last="#scatter",
    )


def photograph(page: Path, picture: Path, *, first: str, last: str) -> None:
    """Save what Chromium shows of a page, from the top of one element to the end of another."""
    from selenium import webdriver

    program = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    options = webdriver.ChromeOptions()
    options.binary_location = program or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
    ):
        options.add_argument(argument)
    chrome: Any = webdriver.Chrome(
        options=options,
        service=webdriver.ChromeService(shutil.which("chromedriver")),
    )
    try:
        size = {
            "width": 900,
            "height": 900,
            "deviceScaleFactor": 1,
            "mobile": False,
        }
        chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        chrome.get(page.as_uri())
        chrome.set_script_timeout(60)
        chrome.execute_async_script(
            "const done = arguments[0], page = document.documentElement;"
            "const wait = () => page.dataset.ready ? done() : setTimeout(wait, 50); wait();"
        )
        edges = "return arguments[0].map(s => document.querySelector(s).getBoundingClientRect())"
        top, bottom = chrome.execute_script(edges, [first, last])
        y = max(top["top"] - 12, 0)
        clip = {
            "x": 0,
            "y": y,
            "width": 900,
            "height": bottom["bottom"] - y,
            "scale": 1,
        }
        shot = chrome.execute_cdp_cmd(
            "Page.captureScreenshot",
            {"clip": clip, "captureBeyondViewport": True},
        )
        picture.write_bytes(base64.b64decode(shot["data"]))
    finally:
        chrome.quit()


def script_of(page: str) -> Callable[[Path], None]:
    """A function that draws the pictures of a page with the script beside them."""

    def make(folder: Path) -> None:
        runpy.run_path(str(FOLDER / f"{page}.py"))["draw"](folder)

    return make


PLOT = ("src/gmix/plot",)
WORK = (
    Work(
        (
            "clusters.png",
            "criteria.png",
            "density.png",
            "faithful.png",
            "samples.png",
        ),
        (*PLOT, DATA, "src/gmix/demo.py"),
        demonstration,
    ),
    Work(
        ("weights.png",),
        (*PLOT, DATA, "examples/08_counts.py"),
        first_figure_of("08_counts.py", "weights.png"),
    ),
    Work(
        ("background.png",),
        (*PLOT, DATA, "examples/17_background.py"),
        first_figure_of("17_background.py", "background.png"),
    ),
    Work(
        ("labels.png",),
        (*PLOT, "examples/17_labels.py"),
        first_figure_of("17_labels.py", "labels.png"),
    ),
    Work(
        ("speed.png",),
        (
            "benchmarks/chart.py",
            "benchmarks/workloads.py",
            "docs/pictures/speed.json",
        ),
        speed_chart,
    ),
    Work(
        ("report.png", "report_background.png"),
        ("src/gmix/report", *PLOT, DATA),
        reports,
    ),
    Work(
        (
            "penguins.png",
            "penguins_criteria.png",
            "penguins_pairs.png",
            "penguins_intervals.png",
        ),
        (
            *PLOT,
            "src/gmix/data/penguins.csv",
            "docs/pictures/first_mixture.py",
        ),
        script_of("first_mixture"),
    ),
    Work(
        (
            "mixture.png",
            "em_steps.png",
            "penalties.png",
            "bic_misleads.png",
            "structures.png",
        ),
        (*PLOT, DATA, "docs/pictures/explanation.py"),
        script_of("explanation"),
    ),
)


def digest(path: str) -> str:
    """The hash of a file, or of all source files in a folder."""
    whole = ROOT / path
    files = (
        [whole]
        if whole.is_file()
        else sorted(
            p
            for p in whole.rglob("*")
            if p.suffix in {".py", ".css", ".js", ".html"}
        )
    )
    found = hashlib.sha256()
    for file in files:
        found.update(
            file.relative_to(ROOT).as_posix().encode()
            + b"\0"
            + file.read_bytes().replace(b"\r\n", b"\n")
        )
    return found.hexdigest()[:16]


def changed() -> dict[str, list[str]]:
    """The pictures that are not made of today's inputs: each with what has changed, or is missing."""
    known = (
        json.loads(MANIFEST.read_text(encoding="utf-8"))
        if MANIFEST.exists()
        else {}
    )
    found: dict[str, list[str]] = {}
    for work in WORK:
        for picture in work.pictures:
            before, after = (
                known.get(picture, {}),
                record(picture, work.inputs),
            )
            if differing := [
                name
                for name in sorted(before | after)
                if before.get(name) != after.get(name)
            ]:
                found[picture] = differing
    stray = {path.name for path in FOLDER.glob("*.png")} - {
        picture for work in WORK for picture in work.pictures
    }
    return found | {picture: ["no work that makes it"] for picture in stray}


def record(picture: str, inputs: Iterable[str]) -> dict[str, str]:
    """What the manifest says about a picture: the hashes of its inputs, and its own."""
    own = FOLDER / picture
    return {name: digest(name) for name in inputs} | (
        {"itself": digest(f"docs/pictures/{picture}")}
        if own.exists()
        else {}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--all",
        action="store_true",
        help="make every picture, whether its inputs have changed or not",
    )
    options = parser.parse_args()
    os.environ["MPLBACKEND"] = "agg"
    stale = changed()
    known = (
        json.loads(MANIFEST.read_text(encoding="utf-8"))
        if MANIFEST.exists()
        else {}
    )
    for work in WORK:
        if not (options.all or set(work.pictures) & set(stale)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            work.make(Path(folder))
            for picture in work.pictures:
                shutil.copyfile(Path(folder) / picture, FOLDER / picture)
                known[picture] = record(picture, work.inputs)
        MANIFEST.write_text(
            json.dumps(dict(sorted(known.items())), indent=1) + "\n",
            encoding="utf-8",
        )
        print("made", *work.pictures)


if __name__ == "__main__":
    main()
