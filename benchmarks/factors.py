"""Processor time of one EM step of factor models beside free covariances, for tables of many columns."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture

Array = NDArray[np.float64]
SHAPES = [(5_000, 500, 10, 5), (2_000, 200, 5, 3), (300, 500, 4, 2)]  # rows, columns, components, factors
REPEATS = 3


def true_mixture(n_features: int, n_components: int, n_factors: int) -> GaussianMixture:
    """Components that lie apart, with loadings and noise of their own."""
    rng = np.random.default_rng(0)
    shape = (n_components, n_features)
    compact = np.concatenate([rng.uniform(0.5, 2.0, (*shape, 1)), rng.normal(size=(*shape, n_factors))], axis=-1)
    weights = np.full(n_components, 1.0 / n_components)
    return GaussianMixture(weights, rng.normal(size=shape), compact, f"factors:{n_factors}")


def seconds(step: Callable[[], object]) -> float:
    """The least processor time of several calls."""
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        step()
        times.append(time.process_time() - began)
    return min(times)


def em_step(x: Array, mixture: GaussianMixture) -> GaussianMixture:
    [statistics] = gmix.expect(x, [mixture])
    after = GaussianMixture.from_statistics(statistics, mixture.structure)
    after.components  # noqa: B018  (factored at its first use)
    return after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the first shape is less than 20 times faster")
    check = parser.parse_args().check
    print(
        f"{'rows':>6} {'columns':>8} {'components':>11} {'factors':>8} {'full, s':>9} {'factors, s':>11} {'ratio':>6}"
    )
    for n_rows, n_features, n_components, n_factors in SHAPES:
        mixture = true_mixture(n_features, n_components, n_factors)
        x = mixture.sample(n_rows, rng=1)
        full = GaussianMixture(mixture.weights, mixture.means, mixture.covariances)
        full.components, mixture.components  # noqa: B018
        of_full, of_factors = seconds(lambda: em_step(x, full)), seconds(lambda: em_step(x, mixture))  # noqa: B023
        ratio = of_full / of_factors
        print(
            f"{n_rows:6} {n_features:8} {n_components:11} {n_factors:8} {of_full:9.3f} {of_factors:11.4f} {ratio:6.1f}",
            flush=True,
        )
        if check and n_rows == SHAPES[0][0] and ratio < 20.0:
            raise SystemExit("a step of factor models is less than 20 times faster")


if __name__ == "__main__":
    main()
