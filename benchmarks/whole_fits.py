"""Whole fits with defaults, starts included: gmix beside scikit-learn, seconds and log-likelihood reached.

    python benchmarks/whole_fits.py

Both are told the number of components and the structure and nothing else. Medians of several tables each.
"""

from __future__ import annotations

import statistics
import time
import warnings

from sklearn.mixture import GaussianMixture
from workloads import Workload

import gmix

CASES = [
    Workload(150, 4, 3),
    Workload(1_000, 2, 2),
    Workload(10_000, 4, 5),
    Workload(100_000, 10, 10),
    Workload(1_000_000, 2, 5),
    Workload(10_000, 10, 5, "diag"),
    Workload(100_000, 3, 8, "spherical"),
    Workload(100_000, 10, 10, "tied"),
]


def main() -> None:
    print("| rows x columns, components | gmix s | scikit-learn s | ratio | log-likelihood per row | scikit-learn's |")
    print("|---|---|---|---|---|---|")
    gmix.fit([0.0, 1.0, 5.0], 1, covariance="full", rng=0)
    for case in CASES:
        rows = case.rows()
        repeats = 5 if case.n <= 100_000 else 1
        ours, theirs, ours_reached, theirs_reached = [], [], [], []
        for seed in range(repeats):
            began = time.perf_counter()
            fit = gmix.fit(rows, case.k, covariance=case.structure, rng=seed)
            between = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = GaussianMixture(case.k, covariance_type=case.structure, random_state=seed).fit(rows)
            theirs.append(time.perf_counter() - between)
            ours.append(between - began)
            ours_reached.append(fit.log_likelihood / case.n)
            theirs_reached.append(float(model.score(rows)))
        a, b = statistics.median(ours), statistics.median(theirs)
        print(
            f"| {case} | {a:.4g} | {b:.4g} | {b / a:.1f} "
            f"| {statistics.median(ours_reached):.6f} | {statistics.median(theirs_reached):.6f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
