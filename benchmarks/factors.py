"""Processor time of factor models: one EM step beside free covariances, and default sweeps beside EM from the truth.

The tables of the sweeps resemble gene expressions: more columns than rows, and clusters of unequal size with two
factors. In `means` the clusters lie apart in all columns; in `factors` they differ little in their means, each with
factors of its own; in `overlap` one column in twenty differs; in `tied` one in ten does, and the factors are tied.
"""

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
SWEEPS = ["means", "factors", "overlap", "tied"]
SIZE = (300, 500, 2)  # rows, columns and factors of the tables of sweeps
SHARES = [0.4, 0.3, 0.2, 0.1]  # of the clusters


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


def expression_mixture(name: str, seed: int) -> GaussianMixture:
    """Four clusters of a table of sweeps."""
    rng, (_, d, q), k = np.random.default_rng(seed), SIZE, len(SHARES)
    own = name != "tied"
    loadings, noise = rng.normal(size=(k if own else 1, d, q)), rng.uniform(0.5, 2.0, (k if own else 1, d))
    means = np.zeros((k, d))
    if name in ("means", "factors"):
        means = (1.0 if name == "means" else 0.4) * rng.normal(size=(k, d))
    else:
        number, size = (d // 20, 1.0) if name == "overlap" else (d // 10, 1.5)
        for mean in means:
            mean[rng.choice(d, number, replace=False)] = size * rng.choice([-1.0, 1.0], number)
    if name == "overlap":
        loadings *= 0.7
    compact = np.broadcast_to(np.concatenate([noise[..., None], loadings], axis=-1), (k, d, 1 + q))
    return GaussianMixture(SHARES, means, compact, f"{'factors' if own else 'tied-factors-tied-noise'}:{q}")


def sweep(name: str, seed: int) -> None:
    """Fit one table by default, and print the result beside that of EM from the true mixture."""
    true = expression_mixture(name, seed)
    x, label = true.sample_labelled(SIZE[0], rng=seed)
    best = gmix.fit(x, start=true)
    began = time.process_time()
    arguments = {"factors": "auto"} if name == "tied" else {"covariance": "factors"}
    fit = gmix.fit(x, rng=seed, **arguments)
    spent = time.process_time() - began
    agreement = gmix.agreement(label, fit.mixture.predict(x)).adjusted_rand
    print(
        f"{name:8} {seed:4} {spent:8.1f} {len(fit.search.candidates):10} {fit.mixture.structure.code:>6} "
        f"{fit.mixture.n_components:2} {agreement:6.3f} {fit.bic:10.1f} {best.bic:10.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the first shape is less than 20 times faster")
    parser.add_argument("--sweeps", type=int, default=0, help="the number of tables of each kind to fit by default")
    arguments = parser.parse_args()
    check = arguments.check
    if arguments.sweeps:
        print("table    seed  time, s candidates  model  K    ARI        BIC  from truth")
        for name in SWEEPS:
            for seed in range(arguments.sweeps):
                sweep(name, seed)
        return
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
