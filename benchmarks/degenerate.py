"""Default fits of degenerate tables and of a sound table of the same shape: processor seconds on one thread.

No table should take more than five seconds, nor more than ten times as long as the sound one.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Iterator

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import gmix

SHAPES = [(300, 1), (300, 3), (1000, 4), (1000, 10)]
MOST, TIMES = 5.0, 10.0  # seconds, and times the sound table's


def tables(n: int, d: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    labels, centers = rng.integers(3, size=n), rng.normal(0.0, 4.0, (3, d))
    sound = centers[labels] + rng.normal(size=(n, d))

    def changed(name: str, rows: slice | int, columns: slice | int, values: object) -> tuple[str, np.ndarray]:
        table = sound.copy()
        table[rows, columns] = values
        return name, table

    every = slice(None)
    yield "sound", sound
    yield "one cloud", rng.normal(size=(n, d))
    yield changed("a constant column", every, 0, 1.0)
    yield changed("a sum of columns", every, -1, sound[:, :-1].sum(1))
    yield changed("almost the same column", every, -1, sound[:, 0] + 1e-9 * rng.normal(size=n))
    yield changed("a cell of 1e6", 3, 0, 1e6)
    yield changed("a row of 1e12", 3, every, 1e12)
    yield changed("half the rows at zero", slice(n // 2), every, 0.0)
    yield changed("half of a column at zero", slice(n // 2), 0, 0.0)
    yield changed("a third of the rows in a plane", slice(n // 3), -1, sound[: n // 3, 0])
    yield "every row four times", np.repeat(sound[: n // 4], 4, axis=0)
    yield "four different rows", sound[:4][rng.integers(4, size=n)]
    yield "twenty different rows", sound[:20][rng.integers(20, size=n)]
    yield "zeros and ones", rng.integers(0, 2, (n, d)).astype(float)
    yield "one to five", rng.integers(1, 6, (n, d)).astype(float)
    yield "rounded", np.round(sound)
    yield "zeros in a third of the cells", np.where(rng.random((n, d)) < 0.3, 0.0, sound)
    yield "units from 1e-150 to 1e150", sound * 10.0 ** rng.integers(-150, 150, d)
    yield "Cauchy", rng.standard_t(1, size=(n, d))
    yield "clusters a millionth as wide", 1e6 * centers[labels] + rng.normal(size=(n, d))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    warnings.simplefilter("ignore")
    print(f"{'shape':>10}  {'table':32}{'seconds':>8}{'times':>7}  chosen")
    for n, d in SHAPES:
        usual = 0.0
        for name, table in tables(n, d, np.random.default_rng(seed)):
            began = time.process_time()
            fit = gmix.fit(table, rng=0, threads=1)
            seconds = time.process_time() - began
            usual = usual or seconds
            late = "  TOO LONG" if seconds > MOST or seconds > TIMES * usual else ""
            chosen = f"{fit.mixture.structure} {fit.mixture.n_components}"
            print(f"{f'{n}x{d}':>10}  {name:32}{seconds:8.2f}{seconds / usual:7.1f}  {chosen}{late}", flush=True)


if __name__ == "__main__":
    main()
