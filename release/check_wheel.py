"""Check a wheel that is installed in this environment: its metadata, its compiled core, and a fit.

Needs gmix and what it depends on, and nothing else. Prints what it checked.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

LEVELS = ["x86-64-v2", "x86-64-v3", "x86-64-v4"] if platform.machine() in ("x86_64", "AMD64") else [""]
FIT = """
import numpy as np, gmix
rows = np.random.default_rng(0).normal(size=(200, 2)) + 5.0 * np.repeat([[0.0, 0.0], [1.0, 1.0]], 100, axis=0)
print(repr(float(gmix.fit(rows, 2, covariance="full", rng=0).log_likelihood)))
"""


def check_metadata() -> str:
    """The version. Raises AssertionError if licenses or the bill of materials are missing."""
    installed = distribution("gmix")
    files = {str(path).replace("\\", "/") for path in installed.files or ()}
    for name in ("LICENSE", "licenses/nanobind.txt", "licenses/robin_map.txt", "licenses/tables.txt"):
        assert any(path.endswith(f".dist-info/licenses/{name}") for path in files), f"{name} is not in the wheel"
    [sbom] = [path for path in installed.files or () if str(path).endswith("gmix.cdx.json")]
    bill = json.loads(Path(str(sbom.locate())).read_text(encoding="utf-8"))
    assert {"nanobind", "robin-map"} <= {part["name"] for part in bill["components"]}
    assert bill["metadata"]["component"]["version"] == installed.version
    return installed.version


def check_core() -> str:
    """The tag of the compiled module. Raises AssertionError if gmix runs without it."""
    from gmix import _native
    from gmix.model.kernel import kernel

    assert type(kernel).__name__ == "CompiledKernel", "gmix does not use its compiled core"
    return Path(str(_native.__file__)).name


def likelihood(level: str) -> float:
    """The log-likelihood of a small fit on processors of this level."""
    run = [sys.executable, "-W", "ignore", "-c", FIT]
    found = subprocess.run(run, env={**os.environ, "GMIX_LEVEL": level}, capture_output=True, text=True, check=True)
    return float(found.stdout)


def main() -> None:
    version, core = check_metadata(), check_core()
    found = {level or platform.machine(): likelihood(level) for level in LEVELS}
    assert np.allclose(list(found.values()), next(iter(found.values())), rtol=1e-10), found
    print(f"gmix {version}, {core}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"{', '.join(found)} agree")


if __name__ == "__main__":
    main()
