"""Side by side: time of an EM step, log-likelihood reached and memory, each measured in a fresh process.

    python benchmarks/compare.py --peers gmix,sklearn,onedal --rounds 5 --out benchmarks/results

Every peer climbs from the same start on the same threads. A step's time is the slope between a short and a long climb
over the steps that were taken, so what a library does once does not count; the rounds of all peers are interleaved and
their medians quoted. The share of the machine's speed is that of a matrix product in the same process. Results are
written after each workload, as a table and the numbers behind it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from peers import PEERS
from workloads import GROWTH, WORKLOADS, Workload

ENVIRONMENTS = Path(__file__).resolve().parent.parent / "build" / "peers"
LONG = 3e9  # multiply-adds of the long climb, about
ENOUGH = 1.0  # seconds
Run = dict[str, float]


def matrix_product_speed(dtype: str) -> float:
    """Floating-point operations per second of a matrix product of order 1000, the best of five."""
    a = np.random.default_rng(0).normal(size=(1000, 1000)).astype(dtype)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    return 2e9 / best


def measure(peer: str, workload: Workload, threads: int) -> Run:
    """Two climbs in this process: nanoseconds a row and step, log-likelihood per row, memory above the data in MB."""
    rows = workload.rows()
    start = workload.start(rows)
    climb = PEERS[peer].climb
    speed = matrix_product_speed(workload.dtype)
    few, many = 2, 2 + int(min(max(LONG / workload.operations(), 3), 100))
    climb(workload, rows, start, 1, threads)  # imports, compilation and warm caches
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    short, seconds = float("inf"), float("inf")
    ends = time.perf_counter() + ENOUGH
    while True:  # short climbs are taken again until their best time is known
        began = time.perf_counter()
        _, short_steps = climb(workload, rows, start, few, threads)
        between = time.perf_counter()
        likelihood, long_steps = climb(workload, rows, start, many, threads)
        short, seconds = min(short, between - began), min(seconds, time.perf_counter() - between)
        if time.perf_counter() > ends:
            break
    step = (seconds - short) / max(long_steps - short_steps, 1)
    return {
        "nanoseconds": 1e9 * step / workload.n,
        "seconds": seconds,
        "steps": long_steps,
        "log_likelihood": likelihood,
        "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "share": 2.0 * workload.operations() / step / speed,
    }


def measure_apart(peer: str, workload: Workload, threads: int) -> Run | None:
    """`measure` in a fresh process, in the peer's own environment if it has one; None where the peer cannot."""
    able = PEERS[peer]
    if workload.structure not in able.structures or workload.operations() > able.largest:
        return None
    own = ENVIRONMENTS / peer / "bin" / "python"
    limits = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")}
    task = json.dumps([peer, workload.n, workload.d, workload.k, workload.structure, workload.dtype, threads])
    command = [str(own) if own.exists() else sys.executable, __file__, "--one", task]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | limits, timeout=300, check=True)
        return json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, json.JSONDecodeError, IndexError) as error:
        last = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
        print(f"{peer} cannot climb {workload}: {' '.join(last)}", file=sys.stderr)
        return None


def medians(workload: Workload, peers: list[str], rounds: int, threads: int) -> dict[str, Run]:
    """Every peer's median of each figure, with the least and greatest time; rounds of all peers interleaved."""
    runs: dict[str, list[Run]] = {peer: [] for peer in peers}
    for number in range(rounds):
        for peer in peers:
            if (number == 0 or runs[peer]) and (run := measure_apart(peer, workload, threads)) is not None:
                runs[peer].append(run)
    answer = {}
    for peer, found in runs.items():
        if found:
            times = [run["nanoseconds"] for run in found]
            middle = {key: statistics.median(run[key] for run in found) for key in found[0]}
            answer[peer] = middle | {"least": min(times), "greatest": max(times)}
    return answer


def lines(workload: Workload, found: dict[str, Run]) -> list[str]:
    """Rows of the Markdown table."""
    ours = found.get("gmix", {}).get("nanoseconds", float("nan"))
    return [
        f"| {workload} | {peer} | {m['nanoseconds']:.4g} [{m['least']:.4g}, {m['greatest']:.4g}] "
        f"| {m['nanoseconds'] / ours:.1f} | {m['seconds']:.3g} | {m['steps']:.0f} | {m['log_likelihood']:.9g} "
        f"| {m['memory']:.0f} | {m['share']:.0%} |"
        for peer, m in found.items()
    ]


def machine() -> str:
    """The processor, as Linux names it, and what runs on it."""
    try:
        names = [s.split(":")[1].strip() for s in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in s]
    except OSError:
        names = [platform.processor()]
    return f"{names[0]}, {len(names)} cores, Python {platform.python_version()}, NumPy {np.__version__}"


def report(out: Path, threads: int, results: list[tuple[Workload, dict[str, Run]]]) -> None:
    """Write the table, and the numbers for `chart.py`."""
    head = [
        f"{machine()}; {threads} thread{'s' * (threads > 1)}; {time.strftime('%Y-%m-%d')}.",
        "",
        "| rows x columns, components | peer | ns per row and step [least, greatest] | against gmix | s in all | steps "
        "| log-likelihood per row | MB above data | share of matrix product |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    body = [line for workload, found in results for line in lines(workload, found)]
    out.with_suffix(".md").write_text("\n".join([*head, *body]) + "\n")
    numbers = [{"workload": vars(workload) | {"name": str(workload)}, "peers": found} for workload, found in results]
    out.with_suffix(".json").write_text(json.dumps({"machine": machine(), "results": numbers}, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default="gmix,sklearn", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--workloads", default="", help="numbers of the workloads, from 0; all without it")
    parser.add_argument("--growth", action="store_true", help="growth in rows, columns and components instead")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where to write results, without an ending")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        peer, n, d, k, structure, dtype, threads = json.loads(options.one)
        print(json.dumps(measure(peer, Workload(n, d, k, structure, dtype), threads)))
        return
    chosen = [w for curve in GROWTH.values() for w in curve] if options.growth else WORKLOADS
    if options.workloads:
        chosen = [chosen[int(i)] for i in options.workloads.split(",")]
    results = []
    for workload in chosen:
        results.append((workload, medians(workload, options.peers.split(","), options.rounds, options.threads)))
        print("\n".join(lines(*results[-1])), flush=True)
        if options.out:
            report(options.out, options.threads, results)


if __name__ == "__main__":
    main()
