"""Make small errors in the core, one at a time, and list those that no test notices.

A mutant of Python is tried in a copy of the package. For a mutant of C++ the object that it touches is compiled in a
build folder of its own. Results are kept in build/mutants/results.jsonl, so that the script can be stopped and run
again; a mutant is identified by the text of its line. Files that have changed since `--since` come first.
"""

from __future__ import annotations

import argparse
import json
import math
import queue
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from mutations import Mutant, mutants
from other_build import BUILD, ROOT, configure, copy_package, environment, installed

FOLDER = BUILD / "mutants"
RESULTS = FOLDER / "results.jsonl"
EQUIVALENTS = Path(__file__).with_name("equivalent_mutants.json")

PLACES = [
    *(f"src/gmix/{name}" for name in ("model", "distribution", "inference")),
    *(f"native/{name}" for name in ("kernel", "em", "threads", "python")),
]

# The tests that cover a folder or a file, from those that fail soonest; the longest path that fits a file counts.
COVER: dict[str, str] = json.loads(Path(__file__).with_name("covering_tests.json").read_text(encoding="utf-8"))


def cover(path: str) -> list[str]:
    """The tests that cover a file."""
    [longest] = sorted((place for place in COVER if path.startswith(place)), key=len)[-1:]
    names = [ROOT / "tests" / name for name in COVER[longest].split()]
    return [str(name if name.is_dir() else name.with_suffix(".py")) for name in names]


def changed_files(since: str) -> set[str]:
    """The files that differ from a commit."""
    done = subprocess.run(["git", "diff", "--name-only", since], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def candidates(given: argparse.Namespace) -> list[Mutant]:
    """All mutants in an order that is random but the same in every run, those of changed files first."""
    found: list[Mutant] = []
    for folder in given.places:
        place = ROOT / folder
        files = [place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.?pp")]
        for path in sorted(files):
            found += mutants(path, ROOT)
    random.Random(given.seed).shuffle(found)
    changed = changed_files(given.since)
    return sorted(found, key=lambda mutant: mutant.path not in changed)


def copy_core(source: Path) -> None:
    """Copy the core, with one kernel in place of one per instruction level, so that mutants compile three times faster.

    Files that have not changed keep their times, so that only objects that a mutant changes are compiled.
    """
    for folder in ("native", "release"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                _write(source / path.relative_to(ROOT), path.read_text(encoding="utf-8"))
    _write(source / "pyproject.toml", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    cmake, dispatch = (ROOT / "CMakeLists.txt").read_text(), (ROOT / "native/dispatch.cpp").read_text()
    levels, choice = "set(levels x86-64-v2 x86-64-v3 x86-64-v4)", "#if defined(__x86_64__) || defined(_M_X64)"
    assert levels in cmake
    assert choice in dispatch
    _write(
        source / "CMakeLists.txt", cmake.replace(levels, "set(levels baseline)\nadd_compile_options(-march=x86-64-v3)")
    )
    _write(source / "native/dispatch.cpp", dispatch.replace(choice, "#if 0"))


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class Workplace:
    """A copy of the package, and of the core if mutants of it are wanted, in which one mutant is tried at a time."""

    def __init__(self, folder: Path, native: bool) -> None:
        self.package, self.source, self.build = folder / "package", folder / "source", folder / "build"
        copy_package(self.package, installed())
        if native:
            copy_core(self.source)
            configure(self.source, self.build)
            assert self.compiled()

    def passes(self, tests: list[str], limit: float) -> bool:
        """Whether tests pass in the copy of the package, within a limit in seconds."""
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
                cwd=ROOT, env=environment(self.package), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                check=False, timeout=limit,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def outcome(self, mutant: Mutant, source: str, limit: float) -> str:
        """``"killed"`` if a test fails, ``"no program"`` if it does not compile, and else ``"survived"``."""
        native = not mutant.path.startswith("src/")
        target = self.source / mutant.path if native else self.package / Path(mutant.path).relative_to("src")
        target.write_text(mutant.applied(source), encoding="utf-8")
        try:
            if native and not self.compiled():
                return "no program"
            return "survived" if self.passes(cover(mutant.path), limit) else "killed"
        finally:
            target.write_text(source, encoding="utf-8")

    def compiled(self) -> bool:
        """Compile the copy of the core, and put it into the package; false if that fails."""
        done = subprocess.run(["cmake", "--build", self.build, "--target", "_native"], capture_output=True, check=False)
        if done.returncode == 0:
            [module] = self.build.glob("_native*.so")
            (self.package / "gmix" / module.name).write_bytes(module.read_bytes())
        return done.returncode == 0


class Trials:
    """Mutants tried at several workplaces at once, and their results in a file."""

    def __init__(self, jobs: int, native: bool) -> None:
        self._limits: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()
        self._free = queue.SimpleQueue[Workplace]()
        for j in range(jobs):
            self._free.put(Workplace(FOLDER / f"{'native' if native else 'python'}-{j}", native))

    def limit(self, tests: list[str], workplace: Workplace) -> float:
        """Ten times the seconds that tests take without a mutant; a mutant that takes longer is noticed."""
        key = tuple(tests)
        if key not in self._limits:
            begin = time.monotonic()
            if not workplace.passes(tests, math.inf):
                raise AssertionError(f"these tests fail without a mutant: {' '.join(tests)}")
            self._limits[key] = 30.0 + 10.0 * (time.monotonic() - begin)
        return self._limits[key]

    def run(self, mutant: Mutant, source: str) -> None:
        """Try one mutant."""
        workplace, name = self._free.get(), mutant.name(source)
        try:
            if mutant.path.startswith("native"):
                assert workplace.compiled()  # the object of the last mutant
            result = workplace.outcome(mutant, source, self.limit(cover(mutant.path), workplace))
        finally:
            self._free.put(workplace)
        with self._lock:
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps([name, result]) + "\n")
            print(f"{result:10} {name}", flush=True)


def read_results() -> dict[str, str]:
    """The last result of each mutant whose line still exists; several runs can add lines to the file at once."""
    if not RESULTS.exists():
        return {}
    results = dict(json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines())
    return {name: result for name, result in results.items() if _exists(name)}


@cache
def _lines(path: str) -> set[str]:
    place = ROOT / path
    return {line.strip() for line in place.read_text(encoding="utf-8").splitlines()} if place.exists() else set()


def _exists(name: str) -> bool:
    path, _, rest = name.partition(": ")
    return rest[: rest.rindex(" [")] in _lines(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=40, help="mutants to try in this run (default: %(default)s)")
    parser.add_argument("--since", default="HEAD", help="a commit; files that have changed come first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="try the survivors again, after a test was added")
    parser.add_argument("--report", action="store_true", help="show the results so far, and try none")
    parser.add_argument("places", nargs="*", default=PLACES)
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    equivalents: dict[str, str] = json.loads(EQUIVALENTS.read_text(encoding="utf-8"))
    found = [(mutant, (ROOT / mutant.path).read_text(encoding="utf-8")) for mutant in candidates(given)]
    names = {mutant.name(source) for mutant, source in found}  # of lines that have not changed
    if not given.report:
        before = read_results()
        trials = Trials(given.jobs, any(place.startswith("native") for place in given.places))
        settled = {name for name, result in before.items() if not (given.again and result == "survived")}
        if given.again:
            found = [(mutant, source) for mutant, source in found if mutant.name(source) in before]
        new = [(mutant, source) for mutant, source in found if mutant.name(source) not in settled | equivalents.keys()]
        with ThreadPoolExecutor(given.jobs) as executor:
            list(executor.map(trials.run, *zip(*new[: given.most], strict=True)))
    explained = names & equivalents.keys()
    results = {name: result for name, result in read_results().items() if name in names - explained}
    survivors = [name for name, result in results.items() if result == "survived"]
    programs = sum(result != "no program" for result in results.values())
    print(f"{programs - len(survivors)} of {programs} mutants killed; {len(explained)} explained as equivalent")
    print(*survivors, sep="\n")


if __name__ == "__main__":
    main()
