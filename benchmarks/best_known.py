"""The best known optimum of every table of the quality benchmark, and the search that finds it.

    python benchmarks/best_known.py --tables faithful,digits --seconds 60

`best_known.json` has, for every table, the highest known log-likelihood of a mixture with full covariances and without
a spurious component. A component is spurious if fewer than 2 (D + 1) distinct rows support it, that is, if its
posterior probabilities add up to less than this over the distinct rows. The search runs EM to convergence from the
generating mixture, from the fits of `gmix.fit`, from many single starts (k-means of standardized and of whitened rows
in turn), and from random swaps (Fränti 2018) of the best mixture found so far: one component is removed, and another
one is split in two.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import machine
import numpy as np
from generated import Array
from sklearn.cluster import KMeans
from tables import Table, chosen

import gmix

STORE = Path(__file__).resolve().parent / "best_known.json"
HAS_EFFORT = "effort" in signature(gmix.fit).parameters
TOLERANCE, ITERATIONS = 1e-9, 10_000
SINGLE_RUNS = 400
_SAME = 1e-3  # nats over all rows; optima that differ by less are the same
_NO_WIDTH = 1e-4  # standard deviations of all rows
_FITS = 10  # fits of `gmix.fit` per search


@dataclass(frozen=True)
class BestKnown:
    """The best known optimum of a table.

    Attributes
    ----------
    log_likelihood : nats of all rows.
    found_by : the method that found it.
    from_truth : the log-likelihood that EM reaches from the generating mixture; None for real tables.
    hits, single_runs : how many single starts were tried, and how many of them ended at this optimum.
    support : the distinct rows that support the least supported component.
    mean_square : of the rows; if it differs, the table has changed.
    """

    log_likelihood: float
    n_parameters: int
    found_by: str
    from_truth: float | None
    hits: int
    single_runs: int
    support: float
    mean_square: float

    def describes(self, table: Table) -> bool:
        """Whether it was found on the rows of this table."""
        return self.n_parameters == table.n_parameters and bool(np.isclose(self.mean_square, mean_square(table), 1e-9))


class Optimum(NamedTuple):
    """A converged mixture, its log-likelihood in nats, and the method that found it."""

    log_likelihood: float
    mixture: gmix.GaussianMixture
    found_by: str


def mean_square(table: Table) -> float:
    return float((table.rows**2).mean())


def stored() -> dict[str, BestKnown]:
    """The best known optima, by the names of the tables."""
    if not STORE.exists():
        return {}
    return {name: BestKnown(**values) for name, values in json.loads(STORE.read_text()).items()}


def store(name: str, best: BestKnown) -> None:
    every = stored() | {name: best}
    STORE.write_text(json.dumps({n: asdict(every[n]) for n in sorted(every)}, indent=1) + "\n")


def support(rows: Array, responsibilities: Array) -> float:
    """The number of distinct rows that support the least supported component, from responsibilities ``(N, K)``."""
    _, first = np.unique(rows, axis=0, return_index=True)
    return float(responsibilities[first].sum(0).min())


def is_spurious(table: Table, mixture: gmix.GaussianMixture, responsibilities: Array) -> bool:
    """Whether fewer than 2 (D + 1) distinct rows support a component, or one has zero variance in some direction."""
    few = support(table.rows, responsibilities) < 2.0 * (int(table.rows.shape[1]) + 1)
    return few or _least_width(table.rows, mixture.covariances) < _NO_WIDTH


def _least_width(rows: Array, covariances: Array) -> float:
    """The least standard deviation of any component in any direction, in standard deviations of all rows."""
    inverse = np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(rows.T))))
    return float(np.sqrt(max(np.linalg.eigvalsh(inverse @ covariances @ inverse.T).min(), 0.0)))


def converged(table: Table, start: Any, found_by: str) -> Optimum | None:
    """The optimum to which EM converges from this start; None if the fit fails."""
    try:
        fit = gmix.fit(
            table.rows, table.n_components, covariance="VVV", start=start, tolerance=TOLERANCE,
            max_iterations=ITERATIONS, threads=1,
        )  # fmt: skip
    except gmix.GmixError:
        return None
    return Optimum(fit.log_likelihood, fit.mixture, found_by)


def single_start(table: Table, seed: int) -> Optimum | None:
    """The optimum from one k-means clustering of standardized rows, or of whitened rows if the seed is odd."""
    points = (table.rows - table.rows.mean(0)) / table.rows.std(0)
    if seed % 2:
        values, vectors = np.linalg.eigh(np.cov(points.T).reshape(points.shape[1], -1))
        points = points @ vectors / np.sqrt(values)
    labels = KMeans(table.n_components, n_init=1, random_state=seed).fit_predict(points)
    return converged(table, labels, "single start")


def swapped(mixture: gmix.GaussianMixture, rng: np.random.Generator) -> gmix.GaussianMixture:
    """The mixture with one component removed, and another one split in a random direction."""
    k = mixture.n_components
    removed, split = rng.choice(k, size=2, replace=False)
    weights, means, covariances = (np.array(v) for v in (mixture.weights, mixture.means, mixture.covariances))
    direction = rng.normal(size=mixture.n_features)
    step = 0.7 * np.linalg.cholesky(covariances[split]) @ (direction / np.linalg.norm(direction))
    means[removed], means[split] = means[split] + step, means[split] - step
    covariances[removed] = covariances[split] = covariances[split] - 0.8 * np.outer(step, step)
    weights[removed] = weights[split] = weights[split] / 2
    return gmix.GaussianMixture(weights / weights.sum(), means, covariances, structure="VVV")


def _given(table: Table) -> Iterator[Optimum | None]:
    """The optima from the generating mixture and from fits of `gmix.fit`."""
    if table.truth is not None:
        yield converged(table, gmix.GaussianMixture(*table.truth, structure="VVV"), "generating mixture")
    for seed in range(_FITS):
        options: dict[str, Any] = {"effort": 10.0} if HAS_EFFORT else {}
        fit = gmix.fit(table.rows, table.n_components, covariance="VVV", rng=1_000 + seed, threads=1, **options)
        yield converged(table, fit.mixture, "gmix.fit, effort 10" if HAS_EFFORT else "gmix.fit")


class _Best:
    """The best optimum without a spurious component so far."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.optimum: Optimum | None = None

    def offer(self, optimum: Optimum | None) -> None:
        if optimum is None or (self.optimum and optimum.log_likelihood <= self.optimum.log_likelihood + _SAME):
            return
        if not is_spurious(self.table, optimum.mixture, optimum.mixture.responsibilities(self.table.rows)):
            self.optimum = optimum


def search(table: Table, seconds: float, single_runs: int) -> BestKnown | None:
    """Search for the best optimum of a table, for about this many seconds of processor time.

    Single starts, at most `single_runs`, get a third of the time, fits another third, and swaps the remaining time.
    Returns None if every optimum found has a spurious component.
    """
    began, best, from_truth = time.process_time(), _Best(table), None
    reached: list[float] = []
    while (len(reached) < single_runs and time.process_time() - began < seconds / 3) or not reached:
        optimum = single_start(table, len(reached))
        reached.append(-np.inf if optimum is None else optimum.log_likelihood)
        best.offer(optimum)
    middle = time.process_time()
    for optimum in _given(table):
        if optimum and optimum.found_by == "generating mixture":
            from_truth = optimum.log_likelihood
        best.offer(optimum)
        if time.process_time() - middle > seconds / 3:
            break
    rng = np.random.default_rng(0)
    while best.optimum and table.n_components > 1 and time.process_time() - began < seconds:
        optimum = converged(table, swapped(best.optimum.mixture, rng), "random swap")
        best.offer(optimum)
    if best.optimum is None:
        return None
    value, mixture, found_by = best.optimum
    hits = sum(abs(log_likelihood - value) <= table.allowance for log_likelihood in reached)
    rows_behind = support(table.rows, mixture.responsibilities(table.rows))
    return BestKnown(
        value, table.n_parameters, found_by, from_truth, hits, len(reached), rows_behind, mean_square(table)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default="all", help="names, or quick, real, generated, all")
    parser.add_argument("--seconds", type=float, default=120.0, help="processor time per table")
    parser.add_argument(
        "--single-runs", type=int, default=SINGLE_RUNS, help="largest number of single starts per table"
    )
    options = parser.parse_args()
    machine.keep_to(1)
    for table in chosen(options.tables):
        renew(table, options.seconds, options.single_runs)


def renew(table: Table, seconds: float, single_runs: int) -> None:
    """Search again, and store the optimum unless a better one of the same rows is known already."""
    found = search(table, seconds, single_runs)
    if found is None:
        print(f"{table}: every optimum found has a spurious component")
        return
    best, before = found, stored().get(table.name)
    if before and before.describes(table) and before.log_likelihood > found.log_likelihood:
        short = before.log_likelihood - found.log_likelihood
        print(f"{table}: this search ends {short:.3f} nats below the best known")
        best = before
    store(table.name, best)
    print(
        f"{table}: {best.log_likelihood:.4f} by {best.found_by}, reached by {best.hits} of {best.single_runs} "
        f"single starts; support {best.support:.1f}; from the truth {best.from_truth}",
        flush=True,
    )


if __name__ == "__main__":
    main()
