"""A default fit of a million rows: seconds, memory in addition to the rows, and the chosen candidate.

Two tables of 1,000,000 x 6: three components, and Student's t with four degrees of freedom, which no number of normals
describes. `--check` also fits smaller tables with and without sub-samples and compares the choices.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

import gmix
from gmix.fitting import narrowing


def three_components(n: int, rng: np.random.Generator) -> np.ndarray:
    labels, centers = rng.integers(3, size=n), rng.normal(0.0, 2.0, (3, 6))
    factors = rng.normal(size=(3, 6, 6)) / 2.0 + np.eye(6)
    rows = rng.standard_normal((n, 6))
    for k, (center, factor) in enumerate(zip(centers, factors, strict=True)):
        rows[labels == k] = center + rows[labels == k] @ factor.T
    return rows


def students_t(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_t(4, size=(n, 6))


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    gmix.fit(np.random.default_rng(0).normal(size=(500, 6)), [1, 2], rng=0)  # whatever is loaded once
    for make in (three_components, students_t):
        rows = make(options.rows, np.random.default_rng(0))
        before, began, used = megabytes(), time.perf_counter(), time.process_time()
        fit = gmix.fit(rows, rng=0)
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
        chosen = f"{fit.mixture.structure} {fit.mixture.n_components}, BIC {fit.bic:,.0f}"
        print(
            f"{make.__name__:18}{seconds:7.1f} s  {cpu:6.1f} s of processor  {megabytes() - before:5.0f} MB  {chosen}"
        )
        about_rows = [finding for finding in fit.findings if finding.name == "sub-sample"]
        print(f"  {(about_rows or fit.findings[-1:])[0]}")
    for seed in range(4 if options.check else 0):
        rows = three_components(60_000, np.random.default_rng(seed))
        fits = []
        for large in (narrowing.LARGE, len(rows)):
            narrowing.LARGE = large
            fits.append(gmix.fit(rows, rng=0))
        narrowing.LARGE = 50_000
        print([f"{fit.mixture.structure} {fit.mixture.n_components}, BIC {fit.bic:,.1f}" for fit in fits])


if __name__ == "__main__":
    main()
