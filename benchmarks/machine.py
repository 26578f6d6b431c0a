"""The machine: its name, the speed of its matrix product, and the memory of this process.

python benchmarks/machine.py float64    # operations per second of a matrix product in this process
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np


def name() -> str:
    """Processor, number of cores, memory and system."""
    info = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = models[0] if models else platform.processor()
    return f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def product_speed(dtype: str) -> float:
    """Floating-point operations per second of a matrix product of order 1000, the best of eight."""
    a = np.random.default_rng(0).normal(size=(1000, 1000)).astype(dtype)
    best = float("inf")
    for _ in range(8):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    return 2e9 / best


def keep_to(threads: int) -> None:
    """Limit this process, and those that it starts, to this number of processors and threads."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    os.environ |= {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")}
    with contextlib.suppress(ImportError):  # libraries that are loaded already do not read the environment again
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)


def processors() -> int:
    return len(os.sched_getaffinity(0))


def memory(what: str) -> float:
    """Megabytes that this process holds (``VmRSS``) or held at most since `forget_peak` (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    print(product_speed(sys.argv[1]))
