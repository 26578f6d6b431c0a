"""Draws from the posterior of a Dirichlet-process mixture, beside the Bayesian mixture of scikit-learn.

The table is generated as the benchmark of DPMMSubClusters does (Dinari, Yu, Freifeld & Fisher 2019): weights from a
flat Dirichlet distribution, means with independent normal coordinates, and covariances from an inverse Wishart
distribution with D + 2 degrees of freedom and the identity. The accuracy is the normalized mutual information of
the last partition with the true classes. scikit-learn is given the true number of classes.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import BayesianGaussianMixture

import gmix

Array = NDArray[np.float64]
LEAST, MOST_SECONDS = 0.70, 120.0


def generated(
    n_rows: int, n_columns: int, n_classes: int, variance: float, rng: np.random.Generator
) -> tuple[Array, NDArray[np.intp]]:
    """Rows ``(N, D)`` and their classes ``(N,)``."""
    counts = rng.multinomial(n_rows, rng.dirichlet(np.ones(n_classes)))
    parts = []
    for count in counts.tolist():
        mean = np.sqrt(variance) * rng.standard_normal(n_columns)
        root = np.tril(rng.standard_normal((n_columns, n_columns)), -1)  # of a Wishart matrix, the inverse covariance
        root[np.diag_indices(n_columns)] = np.sqrt(rng.chisquare(n_columns + 2.0 - np.arange(n_columns)))
        parts.append(mean + np.linalg.solve(root.T, rng.standard_normal((n_columns, count))).T)
    classes = np.repeat(np.arange(n_classes), counts)
    order = rng.permutation(n_rows)
    return np.concatenate(parts)[order], classes[order]


def report(name: str, seconds: float, own: float, labels: NDArray[np.intp], classes: NDArray[np.intp]) -> float:
    """Print a line of the table, and return the normalized mutual information."""
    found = float(normalized_mutual_info_score(classes, labels))
    print(f"{name:<42}{seconds:>10.1f}{own:>12.1f}{len(np.unique(labels)):>10}{found:>8.3f}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=128)
    parser.add_argument("--classes", type=int, default=79)
    parser.add_argument("--variance", type=float, default=100.0, help="of the means in each column")
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=5, help="of scikit-learn; 0 leaves it out")
    parser.add_argument("--check", action="store_true", help="fail below an accuracy of 0.70, or after 120 seconds")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    rows, classes = generated(given.rows, given.columns, given.classes, given.variance, rng)
    print(f"{given.rows} rows, {given.columns} columns, {given.classes} classes, variance {given.variance:g}")
    print(f"{'':<42}{'seconds':>10}{'processor':>12}{'clusters':>10}{'NMI':>8}")
    began, own = time.perf_counter(), time.process_time()
    draws = gmix.posterior(rows, draws=given.draws, warmup=given.warmup, chains=1, rng=1)
    seconds, own = time.perf_counter() - began, time.process_time() - own
    labels = draws.labels[0][-1].astype(np.intp)
    found = report(f"gmix, {given.warmup} + {given.draws} sweeps", seconds, own, labels, classes)
    if given.iterations:
        settings = {"weight_concentration_prior_type": "dirichlet_process", "max_iter": given.iterations}
        began, own = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            theirs = BayesianGaussianMixture(n_components=given.classes, random_state=0, **settings).fit_predict(rows)
        wall, own = time.perf_counter() - began, time.process_time() - own
        report(f"scikit-learn, {given.iterations} iterations", wall, own, theirs, classes)
    if given.check and not (found >= LEAST and seconds < MOST_SECONDS):
        raise SystemExit(f"an accuracy of {found:.3f} after {seconds:.0f} seconds")


if __name__ == "__main__":
    main()
