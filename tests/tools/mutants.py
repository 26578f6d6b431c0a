"""Make small errors in the core, one at a time, and list those that no test notices.

A mutant of Python is tried in a copy of the package. For a mutant of C++ the object that it touches is compiled in a
build folder of its own. Results are kept in build/mutants/results.json, so that the script can be stopped and run
again; a mutant is identified by the text of its line. Files that have changed since `--since` come first.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

from mutations import Mutant, mutants
from other_build import BUILD, ROOT, configure, copy_package, environment

FOLDER = BUILD / "mutants"
RESULTS = FOLDER / "results.json"
EQUIVALENTS = Path(__file__).with_name("equivalent_mutants.json")
PACKAGE = FOLDER / "package"
NATIVE = FOLDER / "native"
TOO_LONG = 900  # seconds; a mutant that takes longer is noticed

# The tests that cover a folder or a file, from those that fail soonest; the longest path that fits a file counts.
COVER = {
    "src/gmix/model": "twins/test_kernel laws/test_mixture laws/test_em laws/test_structures laws/test_files",
    "src/gmix/model/families.py": "twins/test_families laws/test_student",
    "src/gmix/model/covariance": "laws/test_structures laws/test_em laws/test_covariance_ratio twins/test_maximization "
    "laws/test_information extensions",
    "src/gmix/model/kernel": "twins laws/test_mixture",
    "src/gmix/model/student": "laws/test_student laws/test_student_fit twins/test_families",
    "src/gmix/model/variational": "laws/test_variational laws/test_variational_fit",
    "src/gmix/model/criteria.py": "laws/test_judging laws/test_choosing laws/test_weights laws/test_background",
    "src/gmix/model/priors.py": "laws/test_em laws/test_weights reference/test_mclust laws/test_judging",
    "src/gmix/model/outliers.py": "laws/test_outliers", "src/gmix/model/density_tail.py": "laws/test_outliers",
    "src/gmix/model/goodness.py": "laws/test_goodness", "src/gmix/model/gradient.py": "laws/test_gradient",
    "src/gmix/model/imputation.py": "laws/test_imputation laws/test_missing",
    "src/gmix/model/dependence.py": "laws/test_degenerate", "src/gmix/model/frozen.py": "laws/test_freeze",
    "src/gmix/model/regions.py": "laws/test_mixture laws/test_algebra", "src/gmix/model/univariate.py":
    "laws/test_probabilities laws/test_mixture laws/test_background", "src/gmix/model/document.py": "laws/test_files",
    "src/gmix/model/background.py": "laws/test_background twins/test_background_rows",
    "src/gmix/model/m_step.py": "twins/test_maximization laws/test_em laws/test_background laws/test_any_table",
    "src/gmix/model/statistics.py": "laws/test_sums laws/test_em laws/test_any_table",
    "src/gmix/model/stopping.py": "laws/test_runs laws/test_em twins/test_em_twin laws/test_acceleration",
    "src/gmix/model/blur.py": "laws/test_row_errors", "src/gmix/model/observed.py": "laws/test_missing_inference",
    "src/gmix/model/sampling.py": "laws/test_mixture twins/test_draws",
    "src/gmix/distribution": "laws/test_algebra laws/test_probabilities laws/test_separation laws/test_modes "
    "laws/test_rosenblatt laws/test_intervals laws/test_pooling",
    "src/gmix/fitting": "laws/test_choosing laws/test_starts laws/test_refinement laws/test_findings laws/test_em "
    "laws/test_degenerate",
    "src/gmix/fitting/variational": "laws/test_variational_fit",
    "src/gmix/fitting/background.py": "laws/test_background",
    "src/gmix/fitting/labeling.py": "laws/test_labels", "src/gmix/fitting/freezing.py": "laws/test_freeze",
    "src/gmix/fitting/narrowing.py": "laws/test_narrowing laws/test_sub_samples",
    "src/gmix/fitting/families.py": "laws/test_student_fit", "src/gmix/fitting/stepwise.py": "laws/test_stepwise",
    "src/gmix/fitting/start/with_background.py": "laws/test_background",
    "src/gmix/fitting/distinct.py": "laws/test_degenerate",
    "native/kernel": "twins", "native/em": "twins laws/test_em laws/test_acceleration", "native/threads": "twins",
}  # fmt: skip


def cover(path: str) -> list[str]:
    """The tests that cover a file."""
    [longest] = sorted((place for place in COVER if path.startswith(place)), key=len)[-1:]
    names = [ROOT / "tests" / name for name in COVER[longest].split()]
    return [str(name if name.is_dir() else name.with_suffix(".py")) for name in names]


def changed_files(since: str) -> set[str]:
    """The files that differ from a commit."""
    done = subprocess.run(["git", "diff", "--name-only", since], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def candidates(folders: list[str], since: str, seed: int) -> list[Mutant]:
    """All mutants in an order that is random but the same in every run, those of changed files first."""
    found: list[Mutant] = []
    for folder in folders:
        place = ROOT / folder
        files = [place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.?pp")]
        for path in sorted(files):
            found += mutants(path, ROOT)
    random.Random(seed).shuffle(found)
    changed = changed_files(since)
    return sorted(found, key=lambda mutant: mutant.path not in changed)


def passes(tests: list[str], limit: float = TOO_LONG) -> bool:
    """Whether tests pass in the copy of the package."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=ROOT, env=environment(PACKAGE), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            timeout=limit,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def outcome(mutant: Mutant, source: str) -> str:
    """``"killed"`` if a test fails, ``"no program"`` if it does not compile, and else ``"survived"``."""
    changed = mutant.applied(source)
    if mutant.path.startswith("src/"):
        target = PACKAGE / Path(mutant.path).relative_to("src")
        target.write_text(changed, encoding="utf-8")
        try:
            return "survived" if passes(cover(mutant.path)) else "killed"
        finally:
            target.write_text(source, encoding="utf-8")
    target = NATIVE / "source" / mutant.path
    target.write_text(changed, encoding="utf-8")
    try:
        if not compiled():
            return "no program"
        return "survived" if passes(cover(mutant.path)) else "killed"
    finally:
        target.write_text(source, encoding="utf-8")


def compiled() -> bool:
    """Compile the copy of the core, and put it into the package; false if that fails."""
    build = NATIVE / "build"
    done = subprocess.run(["cmake", "--build", build, "--target", "_native"], capture_output=True, check=False)
    if done.returncode == 0:
        [module] = build.glob("_native*.so")
        (PACKAGE / "gmix" / module.name).write_bytes(module.read_bytes())
    return done.returncode == 0


def prepare(native: bool) -> None:
    """Copy the package, and the core if mutants of it are wanted."""
    from importlib.util import find_spec

    spec = find_spec("gmix._native")
    assert spec is not None
    assert spec.origin is not None
    copy_package(PACKAGE, Path(spec.origin))
    if native:
        copy_core(NATIVE / "source")
        configure(NATIVE / "source", NATIVE / "build")
        assert compiled()


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=40, help="mutants to try in this run (default: %(default)s)")
    parser.add_argument("--since", default="HEAD", help="a commit; files that have changed come first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", action="store_true", help="show the results so far, and try none")
    parser.add_argument("places", nargs="*", default=["src/gmix/model", "src/gmix/fitting", "src/gmix/distribution"])
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    results: dict[str, str] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    equivalents: dict[str, str] = json.loads(EQUIVALENTS.read_text(encoding="utf-8"))
    if not given.report:
        prepare(any(place.startswith("native") for place in given.places))
        tried, sound = 0, dict[tuple[str, ...], bool]()
        for mutant in candidates(given.places, given.since, given.seed):
            source = (ROOT / mutant.path).read_text(encoding="utf-8")
            name = mutant.name(source)
            if name in results or name in equivalents:
                continue
            if tried == given.most:
                break
            tried += 1
            results[name] = outcome(mutant, source)
            tests = tuple(cover(mutant.path))
            if results[name] == "killed" and tests not in sound:
                sound[tests] = (not mutant.path.startswith("native") or compiled()) and passes(list(tests))
                if not sound[tests]:
                    sys.exit(f"these tests fail without a mutant: {' '.join(tests)}")
            print(f"{results[name]:10} {name}", flush=True)
            RESULTS.write_text(json.dumps(results, indent=1))
    survivors = [name for name, result in results.items() if result == "survived" and name not in equivalents]
    programs = sum(result != "no program" for name, result in results.items() if name not in equivalents)
    print(f"{programs - len(survivors)} of {programs} mutants killed; {len(equivalents)} explained as equivalent")
    print(*survivors, sep="\n")


if __name__ == "__main__":
    main()
