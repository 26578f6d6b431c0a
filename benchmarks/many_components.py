"""The time of an EM step where few of many components matter to a row, and of default fits with 1,000 components.

Steps with separated components are compared with the same step where the components overlap, so that all of them are
evaluated. The log-likelihood of some rows is compared with that of the same mixture with full covariances, for which
all components are evaluated. Steps of truncated EM are compared with exact ones, and so are the log-likelihoods after
as many steps from the same start. A fit is compared with EM from the parameters that generated the rows. Times are
processor seconds of all threads, of E-steps the least of three.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import gmix
from gmix.base.rows import Rows
from gmix.fitting.truncated import NEIGHBORS, nearest_components
from gmix.model.kernel import kernel

Array = NDArray[np.float64]
STEPS = [(500_000, 32, 2000, 4.0), (500_000, 32, 2000, 6.0), (500_000, 16, 1000, 6.0), (500_000, 16, 300, 6.0)]
TRUNCATED = [
    (500_000, 32, 2000, 4.0, 0),
    (500_000, 32, 2000, 3.0, 0),
    (500_000, 32, 2000, 1.2, 40),
    (500_000, 32, 2000, 0.8, 40),
]
PER_ROW = 5  # components, in truncated EM
STEPS_OF_EM = 12
FITS = [(100_000, 16, 1000, 3.0), (1_000_000, 16, 1000, 3.0)]
COMPARED = 4096  # rows whose log-likelihoods are compared
OVERLAP = 0.3  # standard deviation of the means, in those of a component


class Generated(NamedTuple):
    """Rows, and the diagonal mixture that they are from."""

    rows: Array
    mixture: gmix.GaussianMixture


def generated(n: int, d: int, k: int, separation: float, groups: int = 0) -> Generated:
    """Rows of separated components or, if there are groups of them, of components that overlap within groups."""
    rng = np.random.default_rng(0)
    means, deviations = separation * rng.standard_normal((k, d)), np.exp(0.3 * rng.standard_normal((k, d)))
    if groups:
        means += 6.0 * rng.standard_normal((groups, d))[rng.integers(0, groups, k)]
    weights = rng.dirichlet(np.full(k, 3.0))
    own = rng.choice(k, n, p=weights)
    rows = means[own] + deviations[own] * rng.standard_normal((n, d))
    covariances = deviations[:, :, None] ** 2 * np.eye(d)
    return Generated(rows, gmix.GaussianMixture(weights, means, covariances, structure="VVI"))


def step_time(of: Generated) -> float:
    """The least processor time of a few E-steps."""
    times = []
    for _ in range(3):
        began = time.process_time()
        gmix.expect(of.rows, [of.mixture])
        times.append(time.process_time() - began)
    return min(times)


def compare_steps(share: float) -> None:
    head = f"{'rows':>9}{'columns':>9}{'K':>6}{'means':>7}{'all':>9}{'step':>9}{'ratio':>7}{'log-likelihood':>16}"
    print(head, flush=True)
    for rows, d, k, separation in STEPS:
        n = int(rows * share)
        apart, overlapping = generated(n, d, k, separation), generated(n, d, k, OVERLAP)
        every, step = step_time(overlapping), step_time(apart)
        some, mixture = apart.rows[:COMPARED], apart.mixture
        [statistics] = gmix.expect(some, [mixture])
        full = gmix.GaussianMixture(mixture.weights, mixture.means, mixture.covariances, structure="VVV")
        exact = float(full.log_density(some).sum())
        gap = abs(statistics.log_likelihood - exact) / abs(exact)
        print(f"{n:>9}{d:>9}{k:>6}{separation:>7}{every:>9.3f}{step:>9.3f}{every / step:>7.1f}{gap:>16.1e}", flush=True)


def truncated_step_time(of: Generated) -> float:
    """The least processor time of a few truncated E-steps after the first."""
    components, rows = of.mixture.components, Rows(of.rows)
    [statistics] = gmix.expect(of.rows, [of.mixture])
    labels = nearest_components(rows, components)
    step = kernel.truncated(rows, labels, PER_ROW, NEIGHBORS, statistics.reference)
    step(components)
    times = []
    for _ in range(3):
        began = time.process_time()
        step(components)
        times.append(time.process_time() - began)
    return min(times)


def after_some_steps(of: Generated, per_row: int | None) -> float:
    """The log-likelihood after some steps of EM, from means that are half a standard deviation off."""
    k, d = of.mixture.means.shape
    covariances = np.tile(np.diag(np.einsum("kjj->j", of.mixture.covariances) / k), (k, 1, 1))
    means = of.mixture.means + 0.5 * np.random.default_rng(1).standard_normal((k, d))
    start = gmix.GaussianMixture(np.full(k, 1.0 / k), means, covariances, structure="VVI")
    more = {"start": start, "max_iterations": STEPS_OF_EM, "components_per_row": per_row}
    return gmix.fit(of.rows, k, covariance="diag", **more).log_likelihood


def compare_truncated(share: float) -> None:
    head = f"{'rows':>9}{'columns':>9}{'K':>6}{'means':>7}{'groups':>7}{'all':>9}{'step':>9}{'ratio':>7}"
    print(f"\n{head}{'truncated':>11}{'ratio':>7}{'loss in %':>11}", flush=True)
    for rows, d, k, separation, groups in TRUNCATED:
        n = int(rows * share)
        every = step_time(generated(n, d, k, OVERLAP))
        of = generated(n, d, k, separation, groups)
        step, truncated = step_time(of), truncated_step_time(of)
        exact, reached = (after_some_steps(of, per_row) for per_row in (None, PER_ROW))
        sizes = f"{n:>9}{d:>9}{k:>6}{separation:>7}{groups:>7}"
        times = f"{every:>9.3f}{step:>9.3f}{every / step:>7.1f}{truncated:>11.3f}{every / truncated:>7.1f}"
        print(f"{sizes}{times}{100.0 * (exact - reached) / abs(exact):>11.4f}", flush=True)


def compare_fits(share: float) -> None:
    head = f"\n{'rows':>9}{'columns':>9}{'K':>6}{'means':>7}{'fit':>9}{'nats per row below EM from the truth':>38}"
    print(head, flush=True)
    for rows, d, k, separation in FITS:
        n = int(rows * share)
        table, truth = generated(n, d, k, separation)
        began = time.process_time()
        fit = gmix.fit(table, k, covariance="diag", rng=0)
        taken = time.process_time() - began
        best = gmix.fit(table, k, covariance="diag", start=truth)
        gap = (best.log_likelihood - fit.log_likelihood) / n
        print(f"{n:>9}{d:>9}{k:>6}{separation:>7}{taken:>9.1f}{gap:>38.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="the share of the rows that is used")
    share = parser.parse_args().share
    compare_steps(share)
    compare_truncated(share)
    compare_fits(share)


if __name__ == "__main__":
    main()
