"""One measurement of one peer in this process; `compare.py` starts it, in the environment of that peer.

    python measure.py PEER FOLDER N D K STRUCTURE DTYPE STEPS SECONDS

Runs EM on FOLDER/rows from FOLDER/start, alternately for one step and for STEPS more, until SECONDS have passed. Writes
the resulting parameters to FOLDER/reached, and prints the fields of `compare.Run`.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import forget_peak, memory
from peers import RUNS, Reached


def timed(run: Callable[[int], Reached], steps: int, seconds: float) -> tuple[float, float, Reached]:
    """Seconds of a step, seconds of the long run, and its result.

    The shortest times of the short and of the long run count, because disturbances can only make a run longer.
    """
    short = whole = float("inf")
    ends = time.perf_counter() + seconds
    while True:
        first = time.perf_counter()
        few = run(1)
        second = time.perf_counter()
        many = run(1 + steps)
        third = time.perf_counter()
        short, whole = min(short, second - first), min(whole, third - second)
        if third > ends:
            return (whole - short) / (many.steps - few.steps), whole, many


def main() -> None:
    peer, folder, *numbers, structure, dtype, steps, seconds = sys.argv[1:]
    n, d, k = map(int, numbers)
    rows = np.fromfile(Path(folder, "rows"), dtype).reshape(n, d)
    flat = np.fromfile(Path(folder, "start"))
    start = flat[:k], flat[k : k + k * d].reshape(k, d), flat[k + k * d :].reshape(k, d, d)
    with contextlib.suppress(Exception):  # too few rows for some; this call only imports and warms caches
        RUNS[peer](rows[: 20 * k], start, structure, 1)
    if peer == "gmmx":  # compiles anew for every shape and number of steps
        for count in (1, 1 + int(steps)):
            RUNS[peer](rows, start, structure, count)
    forget_peak()
    before = memory("VmRSS")
    step, whole, reached = timed(lambda count: RUNS[peer](rows, start, structure, count), int(steps), float(seconds))
    peak = memory("VmHWM")
    with Path(folder, "reached").open("wb") as file:
        for part in (reached.weights, reached.means, reached.covariances):
            np.asarray(part, np.float64).tofile(file)
    print(json.dumps({"step": step, "whole": whole, "steps": reached.steps, "megabytes": peak - before}))


if __name__ == "__main__":
    main()
