"""The time of drawing from a mixture, beside scikit-learn and NumPy's normal numbers alone.

Times are wall-clock seconds, the median of several calls in turn, once with all processors and once with one thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture as Theirs
from threadpoolctl import threadpool_limits

import gmix

SHAPES = [(1_000_000, 10, 5), (1_000_000, 2, 3), (1_000_000, 1, 2), (100_000, 50, 20), (1000, 10, 5)]  # N, D, K
REPEATS = 7


def medians(functions: list[Callable[[], Any]]) -> list[float]:
    """The median time of each function; they take turns."""
    times = np.empty((REPEATS, len(functions)))
    for repeat in range(REPEATS):
        for i, function in enumerate(functions):
            began = time.perf_counter()
            function()
            times[repeat, i] = time.perf_counter() - began
    return [float(value) for value in np.median(times, axis=0)]


def compare(n: int, d: int, k: int) -> None:
    rng = np.random.default_rng(0)
    covariances = rng.normal(size=(k, d, d))
    covariances = covariances @ covariances.mT + np.eye(d)
    weights, means = np.full(k, 1.0 / k), 5.0 * rng.normal(size=(k, d))
    ours = gmix.GaussianMixture(weights, means, covariances)
    theirs = Theirs(k, random_state=0)
    theirs.weights_, theirs.means_, theirs.covariances_ = weights, means, covariances
    theirs.precisions_cholesky_ = covariances  # sample() checks only that it is there
    generator = np.random.default_rng(0)
    functions: list[Callable[[], Any]] = [
        lambda: theirs.sample(n),
        lambda: ours.sample(n, rng=0),
        lambda: generator.standard_normal((n, d)),
    ]
    scikit_learn, own, numbers = medians(functions)
    print(f"{n:>9}{d:>9}{k:>4}{scikit_learn:>14.4f}{own:>9.4f}{numbers:>10.4f}{scikit_learn / own:>7.1f}")


def main() -> None:
    print(f"{'draws':>9}{'columns':>9}{'K':>4}{'scikit-learn':>14}{'gmix':>9}{'normals':>10}{'ratio':>7}", flush=True)
    for shape in SHAPES:
        compare(*shape)


if __name__ == "__main__":
    if "--one-thread" in sys.argv:
        with threadpool_limits(1):
            main()
    else:
        main()
        print("\none thread", flush=True)
        subprocess.run(
            [sys.executable, __file__, "--one-thread"], env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True
        )
