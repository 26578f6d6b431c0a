"""A table larger than memory: write a Parquet file, fit it as a stream, and compare passes with reading the file.

    python benchmarks/larger_than_memory.py --rows 100e6 --folder build/bench            # 1.8 GB on disk
    python benchmarks/larger_than_memory.py --rows 10e6 --folder build/bench --check     # bit for bit against memory

Each measurement runs in its own process, so that the peak of resident memory is that of this measurement.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

NAMES = ["a", "b", "c", "d"]
K = 5
GROUP = 1_000_000  # rows of a row group
BUDGET = 1e8  # bytes of memory that the stream may use for rows


def make(path: Path, n: int) -> None:
    """Write five overlapping clusters in four columns of float32, one row group at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    centres = rng.normal(scale=2.5, size=(K, len(NAMES)))
    shapes = rng.normal(size=(K, 4, 4)) / 2.0 + np.eye(4)
    schema = pa.schema([(name, pa.float32()) for name in NAMES])
    partial = path.with_suffix(".partial")
    with parquet.ParquetWriter(partial, schema) as file:
        for begin in range(0, n, GROUP):
            labels = rng.integers(K, size=min(GROUP, n - begin))
            rows = rng.standard_normal((len(labels), 4))
            for k in range(K):
                rows[labels == k] = rows[labels == k] @ shapes[k] + centres[k]
            file.write_batch(pa.record_batch(list(rows.astype(np.float32).T.copy()), schema))
    partial.rename(path)


def read(path: Path, _steps: int) -> dict[str, Any]:
    """Only read the file with pyarrow, batch by batch."""
    from pyarrow import parquet

    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        with parquet.ParquetFile(path) as file:
            rows = sum(batch.num_rows for batch in file.iter_batches(batch_size=131_072))
        seconds.append(time.perf_counter() - began)
    return {"rows": rows, "seconds": statistics.median(seconds)}


def fit(data: Any, steps: int, budget: float = 1e15) -> dict[str, Any]:
    import gmix

    rates = []
    began = time.perf_counter()
    found = gmix.fit(data, K, covariance="full", columns=NAMES, rng=0, max_iterations=steps, memory=budget,
                     progress=lambda progress: rates.append(progress.rows_per_second))  # fmt: skip
    return {
        "seconds": time.perf_counter() - began,
        "passes": len(rates),
        "rows_per_second": statistics.median(rates[1:]),  # the first counts the rows as a whole
        "bits": [float.hex(x) for x in [*found.history, *found.mixture.covariances.ravel(), *found.mixture.means.flat]],
        "reason": found.reason.name,
    }


def stream(path: Path, steps: int) -> dict[str, Any]:
    return fit(path, steps, BUDGET)


def memory(path: Path, steps: int) -> dict[str, Any]:
    from pyarrow import parquet

    table = parquet.read_table(path)
    return fit(np.column_stack([table[name].to_numpy() for name in NAMES]), steps)


def measured(what: str, path: Path, steps: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--measure", what, "--folder", str(path), "--steps", str(steps)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=float, default=10e6)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--check", action="store_true", help="fit the same rows in memory too, and compare every bit")
    parser.add_argument("--measure", choices=["read", "stream", "memory"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        answer = globals()[given.measure](given.folder, given.steps)
        print(json.dumps(answer | {"rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
        return
    n = int(given.rows)
    given.folder.mkdir(parents=True, exist_ok=True)
    path = given.folder / f"rows-{n}.parquet"
    if not path.exists():
        make(path, n)
    results = {what: measured(what, path, given.steps) for what in ["read", "stream", *["memory"] * given.check]}
    reading = n / results["read"]["seconds"]
    print(f"{n:,} rows of 4 float32, {path.stat().st_size / 1e6:.0f} MB of Parquet; {K} full components\n")
    print("| | rows/s | a pass, s | of reading | peak RSS, MB | in all, s |")
    print("|---|---:|---:|---:|---:|---:|")
    for what, result in results.items():
        rate = result.get("rows_per_second", reading)
        print(f"| {what} | {rate / 1e6:.1f} M | {n / rate:.2f} | {rate / reading:.0%} | {result['rss'] / 1e6:.0f} | "
              f"{result['seconds']:.1f} |")  # fmt: skip
    if given.check:
        same = results["stream"]["bits"] == results["memory"]["bits"]
        print(
            f"\nThe stream's history, means and covariances are {'' if same else 'NOT '}those in memory, bit for bit."
        )
        sys.exit(not same)


if __name__ == "__main__":
    main()
