"""A copy of the package, with another compiled core if wanted, that tests import in place of the installed one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

__all__ = ["BUILD", "ROOT", "configure", "copy_package", "environment", "installed"]

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
# An editable installation has a finder of its own that comes before every path. Python runs this file at its start.
_SITE = """import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "_editable_skbc_gmix"]
"""


def copy_package(folder: Path, native: Path) -> None:
    """Copy the package, with this compiled module and the stub of the installed one, into a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "src", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (native, installed().with_name("_native.pyi")):
        shutil.copy2(file, folder / "gmix")
    (folder / "sitecustomize.py").write_text(_SITE)


def installed() -> Path:
    """The compiled module that is installed."""
    spec = find_spec("gmix._native")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment in which Python imports the package in this folder."""
    return os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | more


def configure(source: Path, build: Path, options: Iterable[str] = ()) -> None:
    """Configure a build by CMake and Ninja, with ccache if there is one."""
    cache = shutil.which("ccache")
    launcher = [f"-DCMAKE_CXX_COMPILER_LAUNCHER={cache}"] if cache else []
    nanobind = subprocess.run(
        [sys.executable, "-m", "nanobind", "--cmake_dir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    subprocess.run(
        [
            "cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "--no-warn-unused-cli",
            f"-DPython_EXECUTABLE={sys.executable}", f"-Dnanobind_DIR={nanobind}", *launcher, *options,
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
