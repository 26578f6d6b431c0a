"""Complete default fits of gmix and scikit-learn, including starts: seconds and log-likelihood.

    python benchmarks/whole_fits.py --workloads 1e3x2x2,1e6x2x5 --rounds 5

Both get the number of components and the structure, and no other argument. The last two columns are the time to equal
log-likelihood: if one of them ends lower, it starts again with further seeds, and its times are added up, until it is
within a ten-thousandth of a nat per row of the other; "never" means not within ten starts.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import machine
from sklearn.mixture import GaussianMixture
from workloads import chosen

import gmix

CLOSE = 1e-4  # nats per row
STARTS = 10

Outcome = tuple[float, float]  # seconds, log-likelihood per row


def ours(rows: Any, k: int, structure: str, seed: int) -> Outcome:
    began = time.perf_counter()
    fit = gmix.fit(rows, k, covariance=structure, rng=seed)
    return time.perf_counter() - began, fit.log_likelihood / len(rows)


def theirs(rows: Any, k: int, structure: str, seed: int) -> Outcome:
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(k, covariance_type=structure, random_state=seed).fit(rows)
    return time.perf_counter() - began, float(model.score(rows))


def until(first: Outcome, target: float, again: Callable[[int], Outcome]) -> float:
    """Seconds until a log-likelihood is reached, by the first fit and as many further ones as needed."""
    seconds, reached = first
    for start in range(1, STARTS):
        if reached >= target - CLOSE:
            return seconds
        more, reached = again(1000 * start)
        seconds += more
    return seconds if reached >= target - CLOSE else float("inf")


def row(name: str, outcomes: list[tuple[Outcome, Outcome]], equal: list[tuple[float, float]]) -> str:
    mine, other = ([outcome[i] for outcome in outcomes] for i in (0, 1))
    seconds = [statistics.median(s for s, _ in side) for side in (mine, other)]
    reached = [statistics.median(likelihood for _, likelihood in side) for side in (mine, other)]
    waits = [statistics.median(pair[i] for pair in equal) for i in (0, 1)]
    texts = [f"{wait:.4g}" if wait < float("inf") else "never" for wait in waits]
    return (
        f"| {name} | {seconds[0]:.4g} | {seconds[1]:.4g} | {seconds[1] / seconds[0]:.1f} "
        f"| {reached[0]:.6f} | {reached[1]:.6f} | {texts[0]} | {texts[1]} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--workloads", default="fits", help="names or groups, see workloads.py; large: ten million rows"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    machine.keep_to(options.threads)
    print(f"{machine.name()}; {options.threads} thread{'s' * (options.threads > 1)}; medians of {options.rounds}.\n")
    print(
        "| N x D x K | gmix s | scikit-learn s | ratio | log-likelihood per row | scikit-learn's "
        "| gmix s to the higher | scikit-learn s to the higher |"
    )
    print("|---|---|---|---|---|---|---|---|")
    gmix.fit([0.0, 1.0, 5.0], 1, covariance="full", rng=0)
    for workload in chosen(options.workloads):
        rows, _ = workload.table()
        problem = rows, workload.k, workload.structure
        outcomes, equal = [], []
        for seed in range(options.rounds):
            mine, other = ours(*problem, seed), theirs(*problem, seed)
            target = max(mine[1], other[1])
            outcomes.append((mine, other))
            equal.append((
                until(mine, target, lambda more: ours(*problem, seed + more)),  # noqa: B023
                until(other, target, lambda more: theirs(*problem, seed + more)),  # noqa: B023
            ))  # fmt: skip
        print(row(workload.name, outcomes, equal), flush=True)


if __name__ == "__main__":
    main()
