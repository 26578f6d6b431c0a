"""How close gmix comes to the speed of the processor, and the effect of threads and float32.

    python benchmarks/limits.py --workloads 1e6x8x16

The bound counts the multiply-adds that a step needs for each row and component (`Workload.multiply_adds`), and an
exponential as twenty of them, all at the speed of a matrix product that is measured in the same process. "Same bits"
compares the results of one thread and of all threads.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the matrix product; gmix gets its own number below

import argparse
import statistics
from typing import Any

import machine
import numpy as np
from measure import timed
from peers import Reached
from workloads import Workload, chosen

import gmix

SECONDS = 0.3  # for which a short run is repeated


def step(workload: Workload, rows: Any, start: gmix.GaussianMixture, threads: int) -> tuple[float, gmix.Fit]:
    """Seconds of an EM step, and the fit after several steps."""
    fits = []

    def run(steps: int) -> Reached:
        fit = gmix.fit(
            rows, workload.k, covariance=workload.structure, start=start,
            tolerance=0.0, max_iterations=steps, threads=threads,
        )  # fmt: skip
        fits.append(fit)
        return Reached(len(fit.history) - 1, None, None, None)

    seconds, _, _ = timed(run, workload.steps(), SECONDS)
    return seconds, fits[-1]


def line(workload: Workload, rounds: int, threads: int) -> str:
    rows, stated = workload.table()
    single = rows.astype(np.float32)
    start = gmix.GaussianMixture(*stated, structure=workload.structure)
    times: dict[str, list[float]] = {"one": [], "all": [], "float32": []}
    bounds: dict[str, list[float]] = {"float64": [], "float32": []}
    same = True
    for _ in range(rounds):
        for dtype, found in bounds.items():
            found.append(workload.bound(machine.product_speed(dtype)))
        one, alone = step(workload, rows, start, 1)
        many, together = step(workload, rows, start, threads)
        times["one"].append(one)
        times["all"].append(many)
        times["float32"].append(step(workload, single, start, 1)[0])
        pairs = ((getattr(f.mixture, part) for f in (alone, together)) for part in ("weights", "means", "covariances"))
        same &= alone.history == together.history and all(np.array_equal(*pair) for pair in pairs)
    one, many, half = (statistics.median(times[key]) for key in ("one", "all", "float32"))
    bound, tight = (statistics.median(bounds[key]) for key in ("float64", "float32"))
    per_row = 1e9 / workload.n
    return (
        f"| {workload.name} | {one * per_row:.4g} | {bound * per_row:.4g} | {bound / one:.0%} | {half * per_row:.4g} "
        f"| {tight / half:.0%} | {one / half:.2f} | {one / many:.2f} | {'yes' if same else 'NO'} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", default="standard", help="names or groups, see workloads.py")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=machine.processors())
    options = parser.parse_args()
    print(f"{machine.name()}; medians of {options.rounds}.\n")
    print(
        "| N x D x K | ns per row and step | bound | share of it | float32 ns | share of its bound "
        f"| float32 against float64 | {options.threads} threads against one | same bits |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for workload in chosen(options.workloads):
        print(line(workload, options.rounds, options.threads), flush=True)


if __name__ == "__main__":
    main()
