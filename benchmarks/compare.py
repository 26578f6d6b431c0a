"""Side by side: time of an EM step, log-likelihood reached and memory, each measured in a fresh process.

    python benchmarks/compare.py --peers gmix,sklearn,onedal --repeats 5 --out benchmarks/results.md

Every peer climbs from the same start for the same number of steps on the same threads. A step's time is the slope
between a short and a long climb, so what a library does once does not count; the runs of all peers are interleaved.
The share of the machine's speed is that of a float64 (or float32) matrix product in the same process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from peers import PEERS
from workloads import WORKLOADS, Workload


def matrix_product_speed(dtype: str) -> float:
    """Floating-point operations per second of a matrix product of order 1000, the best of five."""
    a = np.random.default_rng(0).normal(size=(1000, 1000)).astype(dtype)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    return 2e9 / best


def measure(peer: str, workload: Workload, threads: int) -> dict[str, float]:
    """One climb in this process: nanoseconds a row and step, log-likelihood per row, memory above the data."""
    rows = workload.rows()
    start = workload.start(rows)
    climb = PEERS[peer]
    speed = matrix_product_speed(workload.dtype)
    few, many = 2, 2 + max(3, min(200, int(2e8 / workload.operations()) + 3))
    climb(workload, rows[: max(workload.k * 20, workload.d * 4)], start, 1, threads)  # imports and warm caches
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    climb(workload, rows, start, few, threads)
    between = time.perf_counter()
    likelihood = climb(workload, rows, start, many, threads)
    seconds = (time.perf_counter() - between) - (between - began)
    step = seconds / (many - few)
    return {
        "nanoseconds": 1e9 * step / workload.n,
        "log_likelihood": likelihood,
        "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "share": 2.0 * workload.operations() / step / speed,
    }


def measure_apart(peer: str, index: int, threads: int) -> dict[str, float] | None:
    """`measure` in a fresh process whose libraries all keep to the same number of threads."""
    limits = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")}
    command = [sys.executable, __file__, "--one", peer, str(index), "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | limits, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def table(chosen: list[int], peers: list[str], repeats: int, threads: int) -> str:
    """A Markdown table: medians, with the spread of the time in brackets."""
    lines = [
        "| rows x columns, components | peer | ns per row and step | against gmix | log-likelihood per row "
        "| MB above data | share of matrix product |",
        "|---|---|---|---|---|---|---|",
    ]
    for index in chosen:
        runs: dict[str, list[dict[str, float]]] = {peer: [] for peer in peers}
        for _ in range(repeats):
            for peer in peers:
                if (run := measure_apart(peer, index, threads)) is not None:
                    runs[peer].append(run)
        middle = {
            peer: {key: statistics.median(run[key] for run in found) for key in found[0]}
            for peer, found in runs.items()
            if found
        }
        for peer, m in middle.items():
            times = [run["nanoseconds"] for run in runs[peer]]
            ratio = f"{m['nanoseconds'] / middle['gmix']['nanoseconds']:.1f}" if "gmix" in middle else ""
            spread = f"[{min(times):.4g}, {max(times):.4g}]"
            lines.append(
                f"| {WORKLOADS[index]} | {peer} | {m['nanoseconds']:.4g} {spread} | {ratio} "
                f"| {m['log_likelihood']:.9g} | {m['memory']:.0f} | {m['share']:.0%} |"
            )
            print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default="gmix,sklearn")
    parser.add_argument("--workloads", default="", help="numbers of the workloads, from 0; all without it")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("PEER", "NUMBER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        peer, index = options.one
        print(json.dumps(measure(peer, WORKLOADS[int(index)], options.threads)))
        return
    chosen = [int(i) for i in options.workloads.split(",")] if options.workloads else list(range(len(WORKLOADS)))
    text = table(chosen, options.peers.split(","), options.repeats, options.threads)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
