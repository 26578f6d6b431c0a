"""Run tests under the sanitizers of GCC or clang: for addresses and undefined behavior, and for threads.

The first builds the compiled module, and runs the twins and some laws with it on every instruction level that this
processor has. The second builds the core without Python, and runs tests/native/threads.cpp.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from other_build import BUILD, ROOT, configure, copy_package, environment

FOLDER = BUILD / "sanitize"
LEVELS = ["x86-64-v2", "x86-64-v3", "x86-64-v4"]
TESTS = [
    "tests/twins", "tests/laws/test_em.py", "tests/laws/test_missing.py", "tests/laws/test_weights.py",
    "tests/laws/test_background.py", "tests/laws/test_row_errors.py", "tests/laws/test_student_fit.py",
    "tests/laws/test_variational_fit.py", "tests/laws/test_sampler.py",
]  # fmt: skip
# These measure memory or time, interrupt, or compare with the plain build, which a sanitizer changes on purpose.
LEFT_OUT = "not stub and not memory and not control_c and not interrupt"
OPTIONS = "-g1 -fno-omit-frame-pointer -fno-sanitize-recover=all"
# Python keeps memory until its end. What the core leaks is seen by tests/native, which has no Python.
ADDRESS = "detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=1"
UNDEFINED = "print_stacktrace=1:halt_on_error=1"


def build(source: Path, folder: Path, target: str, sanitizers: str) -> Path:
    """Build a target with these sanitizers, and return its file."""
    flags = f"{OPTIONS} -fsanitize={sanitizers}"
    configure(source, folder, [f"-DCMAKE_CXX_FLAGS={flags}", "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG"])
    subprocess.run(["cmake", "--build", folder, "--target", target], check=True)
    [built] = [path for path in folder.glob(f"{target}*") if path.is_file() and path.suffix not in (".pyi", ".cmake")]
    return built


def runtime(name: str) -> str:
    """Where the compiler has the library of a sanitizer, which must be loaded before Python."""
    found = subprocess.run(["c++", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def check_addresses(levels: list[str], tests: list[str]) -> bool:
    """Run tests with the compiled module under the sanitizers for addresses and undefined behavior."""
    package = FOLDER / "package"
    copy_package(package, build(ROOT, FOLDER / "native", "_native", "address,undefined"))
    passed = True
    for level in levels:
        print(f"addresses and undefined behavior, level {level}", flush=True)
        settings = {
            "LD_PRELOAD": f"{runtime('libasan.so')} {runtime('libstdc++.so')}", "ASAN_OPTIONS": ADDRESS,
            "UBSAN_OPTIONS": UNDEFINED, "GMIX_LEVEL": level, "PYTHONMALLOC": "malloc",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-k", LEFT_OUT, *tests],
            cwd=ROOT, env=environment(package, **settings), check=False,
        )  # fmt: skip
        passed &= done.returncode == 0
    return passed


def check_core(sanitizers: str, levels: list[str]) -> bool:
    """Run the core without Python under these sanitizers."""
    name = sanitizers.replace(",", "-")
    program = build(ROOT / "tests" / "native", FOLDER / name, "threads", sanitizers)
    passed = True
    for level in levels:
        print(f"the core alone with -fsanitize={sanitizers}, level {level}", flush=True)
        settings = {"TSAN_OPTIONS": "halt_on_error=1", "UBSAN_OPTIONS": UNDEFINED, "GMIX_LEVEL": level}
        passed &= subprocess.run([program], env=environment(FOLDER, **settings), check=False).returncode == 0
    return passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["addresses", "core", "threads"], help="default: all of them")
    parser.add_argument("--levels", nargs="+", default=LEVELS, help="default: %(default)s")
    parser.add_argument("tests", nargs="*", default=TESTS, help="for addresses; default: the twins and some laws")
    given = parser.parse_args()
    checks = {
        "threads": lambda: check_core("thread", given.levels),
        "core": lambda: check_core("address,undefined,leak", given.levels),
        "addresses": lambda: check_addresses(given.levels, given.tests),
    }
    passed = [check() for name, check in checks.items() if given.only in (None, name)]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
