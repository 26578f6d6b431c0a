"""Variational Bayes beside scikit-learn: processor time of a step, and lower bounds from several starts.

The first table runs `BayesianGaussianMixture` of both from the same start for the same number of steps, and checks that
the lower bounds agree. The second compares the best lower bound of scikit-learn's starts with that of gmix's search, of
full covariances, ten components and the same priors. All times are processor time on one thread.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture as Theirs
from threadpoolctl import threadpool_limits

from gmix.demo import FAITHFUL
from gmix.sklearn import BayesianGaussianMixture

Array = NDArray[np.float64]
SHAPES = [(150, 4, 5), (1000, 4, 10), (10_000, 8, 10), (100_000, 16, 10)]  # N, D, K
TYPES = ("full", "tied", "diag", "spherical")
WEIGHTS = ("dirichlet_distribution", "dirichlet_process")
STEPS, AGREE = 15, 1e-6


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    found = function()
    return time.process_time() - began, found


def of_a_step(kind: Any, settings: dict[str, Any], rows: Array) -> tuple[float, float]:
    """Milliseconds of processor time of one step, without those of the start, and the lower bound at the end."""
    short, _ = min(timed(lambda: kind(**settings, max_iter=1).fit(rows)) for _ in range(2))
    long, model = min((timed(lambda: kind(**settings, max_iter=STEPS).fit(rows)) for _ in range(2)), key=lambda f: f[0])
    return 1e3 * (long - short) / (STEPS - 1), float(np.ravel(model.lower_bound_)[0])


def steps() -> bool:
    """Print the time of a step, and return whether all bounds agree."""
    print("milliseconds of a step")
    print(f"{'rows':>8}{'columns':>9}{'K':>4}  {'covariances':<12}{'scikit-learn':>13}{'gmix':>9}{'ratio':>7}")
    same = True
    for n, d, k in SHAPES:
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(n, d)) + 2.0 * rng.integers(0, 5, (n, 1))
        for covariance_type in TYPES:
            settings: dict[str, Any] = {
                "n_components": k, "covariance_type": covariance_type, "reg_covar": 0.0, "tol": 0.0,
                "init_params": "random", "random_state": 0,
            }  # fmt: skip
            (theirs, their_bound), (ours, our_bound) = (
                of_a_step(kind, settings, rows) for kind in (Theirs, BayesianGaussianMixture)
            )
            same &= abs(our_bound - their_bound) <= AGREE * abs(their_bound)
            print(f"{n:>8}{d:>9}{k:>4}  {covariance_type:<12}{theirs:>13.3f}{ours:>9.3f}{theirs / ours:>7.1f}")
    return same


def tables() -> Iterator[tuple[str, Array]]:
    yield "iris", load_iris().data
    yield "faithful", np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)
    yield "wine", load_wine().data
    yield "digits, 8 PCs", PCA(8).fit_transform(load_digits().data)


def bounds() -> bool:
    """Print the lower bounds that are reached, and return whether gmix's search is nowhere below ten starts."""
    print(f"\n{'table':<15}{'weights':<24}{'1 start':>13}{'10 starts':>13}{'gmix':>13}{'seconds':>9}{'gmix':>7}")
    good = True
    for name, rows in tables():
        for weights in WEIGHTS:
            settings: dict[str, Any] = {
                "n_components": 10, "weight_concentration_prior_type": weights, "random_state": 0,
            }  # fmt: skip
            converged = {**settings, "reg_covar": 0.0, "tol": 1e-5, "max_iter": 10_000}
            one = Theirs(**converged).fit(rows)
            seconds, ten = timed(lambda rows=rows, converged=converged: Theirs(**converged, n_init=10).fit(rows))
            own, ours = timed(
                lambda rows=rows, settings=settings: BayesianGaussianMixture(**settings, n_init="auto").fit(rows)
            )
            good &= ours.lower_bound_ >= ten.lower_bound_ - 0.05
            print(
                f"{name:<15}{weights:<24}{one.lower_bound_:>13.2f}{ten.lower_bound_:>13.2f}{ours.lower_bound_:>13.2f}"
                f"{seconds:>9.2f}{own:>7.2f}"
            )
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail unless bounds agree and none of ours is lower")
    check = parser.parse_args().check
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        same, good = steps(), bounds()
    if check and not (same and good):
        raise SystemExit("lower bounds differ from the same start" if not same else "a search ended below ten starts")


if __name__ == "__main__":
    main()
