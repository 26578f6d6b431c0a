"""Two versions of gmix, compared in pairs: steps of EM from the same start, and default fits of small tables.

    git worktree add ../before <commit> && make -C ../before .venv/built
    python benchmarks/versions.py --before ../before --workloads standard,sweeps --rounds 15
    GMIX_LEVEL=x86-64-v3 python benchmarks/versions.py --before ../before

Each version runs in its own process. They take turns with every measurement, in alternating order. Times are processor
time. A ratio compares this version with the other one within one round. The output has the median of the ratios, a 95 %
interval of the median from the order statistics, and the log-likelihoods.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
from workloads import Workload, chosen

HERE = Path(__file__).parents[1]
WORKER = """
import json, sys, time, numpy as np, gmix
for line in sys.stdin:
    path, steps = json.loads(line)
    table = np.load(path)
    rows = table["rows"]
    settings = {"rng": 0}
    if steps:
        start = gmix.GaussianMixture(table["weights"], table["means"], table["covariances"], str(table["structure"]))
        settings = {"start": start, "max_iterations": steps, "tolerance": 0.0, "covariance": start.structure}
    began = time.process_time()
    fit = gmix.fit(rows, progress=False, **settings)
    print(json.dumps([time.process_time() - began, fit.log_likelihood / len(rows)]), flush=True)
"""
SECONDS = 1.0  # of a measurement of steps, about


class Version:
    """A checkout of gmix with its own environment, which runs in its own process."""

    def __init__(self, checkout: Path) -> None:
        python = checkout / ".venv" / "bin" / "python"
        self.process = subprocess.Popen(
            [str(python), "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def measure(self, path: Path, steps: int) -> tuple[float, float]:
        """Seconds, and the log-likelihood per row."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([str(path), steps]), file=self.process.stdin, flush=True)
        seconds, reached = json.loads(self.process.stdout.readline())
        return seconds, reached


def interval(ratios: list[float]) -> tuple[float, float]:
    """A 95 % interval of the median, from the order statistics (an inverted sign test)."""
    ordered, n = sorted(ratios), len(ratios)
    rank = max(int(n / 2 - 0.98 * math.sqrt(n)), 0)
    return ordered[rank], ordered[n - 1 - rank]


def tables(names: str, folder: Path) -> list[tuple[str, Path, int]]:
    """The names, files and steps of the workloads; no steps for a default fit."""
    found = []
    for name in names.split(","):
        if name == "sweeps":
            for title, columns in {"iris": range(4), "faithful": range(2), "galaxies": range(1)}.items():
                data = HERE / "tests" / "reference" / "data" / f"{title}.csv"
                rows = np.loadtxt(data, delimiter=",", skiprows=1, usecols=columns, ndmin=2)
                path = folder / f"{title}.npz"
                np.savez(path, rows=rows)
                found.append((title, path, 0))
        else:
            found += [(w.name, *stored(w, folder)) for w in chosen(name)]
    return found


def stored(workload: Workload, folder: Path) -> tuple[Path, int]:
    """The file of a workload, and the steps to measure."""
    rows, (weights, means, covariances) = workload.table()
    compact = {"tied": covariances[0], "diag": covariances[0].diagonal() * np.ones_like(means)}
    spherical = np.full(len(means), covariances[0, 0, 0])
    covariances = {**compact, "spherical": spherical}.get(workload.structure, covariances)
    path = folder / f"{workload.name}.npz"
    np.savez(path, rows=rows, weights=weights, means=means, covariances=covariances, structure=workload.structure)
    return path, max(2, min(int(SECONDS * 2e9 / workload.multiply_adds()), 300))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a built checkout of the other version")
    parser.add_argument("--workloads", default="standard,sweeps")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    folder = HERE / "build" / "bench" / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    before, now = Version(given.before), Version(HERE)
    heads = ["workload", "steps", "seconds", "ratio", "95 %", "difference in log-likelihood per row"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, path, steps in tables(given.workloads, folder):
        before.measure(path, steps)
        now.measure(path, steps)
        ratios, seconds, difference = [], [], 0.0
        for turn in range(given.rounds):
            order = (before, now) if turn % 2 else (now, before)
            measured = {version: version.measure(path, steps) for version in order}
            ratios.append(measured[now][0] / measured[before][0])
            seconds.append(measured[before][0])
            difference = measured[now][1] - measured[before][1]
        low, high = interval(ratios)
        row = f"| {name} | {steps or 'default fit'} | {np.median(seconds):.3g} | {np.median(ratios):.3f} "
        print(row + f"| {low:.3f} to {high:.3f} | {difference:.1e} |", flush=True)
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
