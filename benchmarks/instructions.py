"""Instructions of EM steps, counted by callgrind: the same number on a busy machine as on an idle one.

The script runs itself under valgrind, which emulates a processor with AVX2. A call of getppid, which nothing
else calls, marks the beginning and the end of each workload. The counts are compared with those in
instructions.json or, for a change of the code, with those of another checkout that was built by the same compiler. More
than a tenth above them is an error.

python benchmarks/instructions.py                     # compare with instructions.json
python benchmarks/instructions.py --before ../before  # compare with another checkout, which make has built
python benchmarks/instructions.py --write             # write instructions.json
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

KNOWN = Path(__file__).with_name("instructions.json")
MARK = "getppid"
ALLOWED = 0.10  # relative; more instructions are an error


def workloads() -> dict[str, Callable[[], Any]]:
    """Steps of EM on small tables, each on one thread."""
    import numpy as np

    import gmix

    rng = np.random.default_rng(0)

    def step(n: int, d: int, k: int, structure: str, missing: float = 0.0, dtype: str = "float64") -> Callable[[], Any]:
        rows = (rng.normal(size=(n, d)) + 4.0 * rng.integers(k, size=(n, 1))).astype(dtype)
        means = 4.0 * np.arange(k)[:, None] + np.zeros((k, d))
        mixture = gmix.GaussianMixture(np.full(k, 1 / k), means, np.stack([np.eye(d)] * k), structure)
        [statistics] = gmix.expect(rows, [mixture], threads=1)
        mixture = gmix.GaussianMixture.from_statistics(statistics, structure)
        rows = np.where(rng.uniform(size=rows.shape) < missing, np.nan, rows).astype(dtype)

        def run() -> None:
            [statistics] = gmix.expect(rows, [mixture], threads=1)
            gmix.GaussianMixture.from_statistics(statistics, mixture.structure)

        return run

    table = rng.normal(size=(300, 3)) + 4.0 * rng.integers(2, size=(300, 1))
    return {
        "full, 4000 x 4, 5 components": step(4000, 4, 5, "VVV"),
        "full, 2000 x 20, 5 components": step(2000, 20, 5, "VVV"),
        "diagonal, 4000 x 10, 10 components": step(4000, 10, 10, "VVI"),
        "spherical, 4000 x 10, 10 components": step(4000, 10, 10, "VII"),
        "shared, 4000 x 4, 5 components": step(4000, 4, 5, "EEE"),
        "full, 1000 x 4, 5 components, missing cells": step(1000, 4, 5, "VVV", missing=0.2),
        "full, 4000 x 4, 5 components, float32": step(4000, 4, 5, "VVV", dtype="float32"),
        "fit of 300 x 3, 2 components": lambda: gmix.fit(table, 2, covariance="full", rng=0, threads=1),
    }


def run_marked() -> None:
    """Run every workload twice, and mark the second time: the first one loads modules."""
    steps = workloads()
    for step in steps.values():
        step()
    for step in steps.values():
        os.getppid()
        step()
        os.getppid()


def count(python: str) -> dict[str, int]:
    """The instructions of every workload in this interpreter's gmix."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SystemExit("valgrind is not installed; on Debian: apt install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        command = [valgrind, "--tool=callgrind", f"--dump-before={MARK}", f"--callgrind-out-file={out}"]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        run = [*command, python, __file__, "--run"]
        subprocess.run(run, env=environment, check=True, cwd=folder, stderr=subprocess.DEVNULL)
        parts = [Path(folder) / f"counts.{number}" for number in range(2, 2 * len(workloads()) + 1, 2)]
        totals = [int(re.findall(r"^(?:totals|summary): (\d+)", part.read_text(), re.MULTILINE)[0]) for part in parts]
    return dict(zip(workloads(), totals, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout, which make has built")
    parser.add_argument("--write", action="store_true", help="write instructions.json")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run_marked()
        return
    found = count(sys.executable)
    if options.write:
        KNOWN.write_text(json.dumps(found, indent=1) + "\n")
    before = (
        count(str(options.before / ".venv" / "bin" / "python")) if options.before else json.loads(KNOWN.read_text())
    )
    print("| workload | before | now | change |\n|---|---|---|---|")
    for name, number in found.items():
        print(f"| {name} | {before[name]:,} | {number:,} | {number / before[name] - 1.0:+.1%} |")
    slower = [name for name, number in found.items() if number > (1.0 + ALLOWED) * before[name]]
    if slower:
        raise SystemExit(f"more than {ALLOWED:.0%} more instructions: {'; '.join(slower)}")


if __name__ == "__main__":
    main()
