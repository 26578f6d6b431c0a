"""Dirichlet processes fitted by variational Bayes without a given number of components, beside scikit-learn.

The first table is that of `benchmarks/posterior.py`. The others have 20,000 rows, 8 columns and 30 clusters, which lie
apart or overlap. gmix decides how many components there are, scikit-learn is given the number or a limit. Both have the
same prior, and the lower bounds are those of the same definition: scikit-learn's responsibilities are followed by one
step of gmix. NMI is the normalized mutual information with the true classes.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from numpy.typing import NDArray
from posterior import generated
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import BayesianGaussianMixture

import gmix
from gmix.model.covariance import structure
from gmix.model.statistics import SufficientStatistics
from gmix.model.variational import VariationalModel
from gmix.sources import MemorySource

Array = NDArray[np.float64]
Classes = NDArray[np.intp]
PRIOR = gmix.VariationalPrior(weights="dirichlet process", concentration=1.0)
LEAST, MOST_SECONDS = 0.70, 120.0


def clusters(
    distance: float, rng: np.random.Generator, n: int = 20_000, d: int = 8, k: int = 30
) -> tuple[Array, Classes]:
    """Rows ``(N, D)`` and their classes, from clusters whose means have this standard deviation in each column."""
    weights, means = rng.dirichlet(np.full(k, 3.0)), distance * rng.normal(size=(k, d))
    roots = rng.normal(size=(k, d, d))
    covariances = roots @ roots.transpose(0, 2, 1) / d + 0.3 * np.eye(d)
    return gmix.GaussianMixture(weights, means, covariances).sample_labelled(n, rng=rng)


def lower_bound(rows: Array, responsibilities: Array) -> float:
    """The lower bound after one step from some responsibilities, heavy components first."""
    kind, source = structure("full"), MemorySource(rows)
    reference = source.reference(kind.form)
    statistics = SufficientStatistics.from_responsibilities(kind.form, rows, responsibilities).on(reference)
    statistics = statistics.reordered(np.argsort(-statistics.counts, kind="stable"))
    model = VariationalModel.of_statistics(PRIOR.parameters(kind, len(statistics.counts), reference), statistics)
    return model.objective(source.statistics(model.components()))


def ours(rows: Array, classes: Classes) -> tuple[float, float]:
    """Print a line about the fit of gmix, and return its accuracy and its time on the clock."""
    began, own = time.perf_counter(), time.process_time()
    fit = gmix.fit(rows, covariance="full", inference="variational", prior=PRIOR, rng=0)
    seconds, own = time.perf_counter() - began, time.process_time() - own
    assert fit.posterior is not None
    labels = fit.mixture.predict(rows)
    return line("gmix", seconds, own, len(fit.posterior.occupied), labels, classes, fit.posterior.lower_bound), seconds


def theirs(rows: Array, classes: Classes, n_components: int, iterations: int) -> None:
    """Print a line about the fit of scikit-learn."""
    settings = {"weight_concentration_prior": 1.0, "max_iter": iterations, "random_state": 0}
    began, own = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = BayesianGaussianMixture(n_components=n_components, **settings).fit(rows)
    seconds, own = time.perf_counter() - began, time.process_time() - own
    shares = model.predict_proba(rows)
    occupied = int((shares.sum(0) >= 0.5).sum())
    name = f"scikit-learn, {n_components} components, {model.n_iter_} iterations"
    line(name, seconds, own, occupied, shares.argmax(1), classes, lower_bound(rows, shares))


def line(
    name: str, seconds: float, own: float, occupied: int, labels: Classes, classes: Classes, bound: float
) -> float:
    """Print a line of a table, and return the normalized mutual information."""
    found = float(normalized_mutual_info_score(classes, labels))
    print(f"{name:<45}{seconds:>9.1f}{own:>11.1f}{occupied:>10}{found:>8.3f}{bound:>14.1f}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=5, help="of scikit-learn on the first table; 0 leaves it out")
    parser.add_argument("--check", action="store_true", help="fail below an accuracy of 0.70, or after 120 seconds")
    given = parser.parse_args()
    print(f"{'':<45}{'seconds':>9}{'processor':>11}{'occupied':>10}{'NMI':>8}{'lower bound':>14}")
    print("100,000 rows, 128 columns, 79 classes")
    rows, classes = generated(100_000, 128, 79, 100.0, np.random.default_rng(0))
    accuracy, seconds = ours(rows, classes)
    if given.iterations:
        theirs(rows, classes, 79, given.iterations)
    for distance, what in ((4.0, "that lie apart"), (0.8, "that overlap")):
        print(f"20,000 rows, 8 columns, 30 clusters {what}")
        rows, classes = clusters(distance, np.random.default_rng(0))
        ours(rows, classes)
        if given.iterations:
            theirs(rows, classes, 50, 500)
    if given.check and not (accuracy >= LEAST and seconds < MOST_SECONDS):
        raise SystemExit(f"an accuracy of {accuracy:.3f} after {seconds:.0f} seconds")


if __name__ == "__main__":
    main()
