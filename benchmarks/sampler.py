"""The sampler beside emcee and zeus: effective draws per evaluation of the density and per second.

Each sampler has the same number of evaluations, its own warm-up included, and the same starts. The effective number of
draws is the smallest bulk-ESS over coordinates, and for emcee and zeus also the number of draws over emcee's estimate
of the autocorrelation time, whichever is larger. The first fifth of their draws is discarded. For the two modes, the
table has the estimated weight of the first mode, 0.7, with its standard error. Seconds are processor time.

zeus and emcee are optional; without them only gmix runs.
"""

from __future__ import annotations

import argparse
import importlib
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import gmix

Array = NDArray[np.float64]
Density = Callable[[Array], Array]
EVALUATIONS, CHAINS, APART = 100_000, 20, 8.0


class Outcome(NamedTuple):
    """The effective draws, evaluations and seconds of a sampler, its largest R-hat, and the weight of a mode."""

    size: float
    evaluations: int
    seconds: float
    r_hat: float
    weight: float
    error: float
    findings: int


def densities(d: int) -> dict[str, Density]:
    """Densities of `d` coordinates."""
    covariance = np.full((d, d), 0.95) + 0.05 * np.eye(d)
    tutorial = gmix.GaussianMixture(
        [0.4, 0.6], [[-1.0, -1.0], [1.0, 2.0]], [[[0.5, 0.2], [0.2, 0.6]], [[1.0, -0.3], [-0.3, 0.8]]]
    )
    means = np.zeros((2, d))
    means[1, 0] = APART

    def banana(x: Array) -> Array:
        bent = x.copy()
        bent[:, 0] /= 2.0
        bent[:, 1] -= 0.5 * (x[:, 0] ** 2 - 4.0)
        return np.asarray(-0.5 * (bent**2).sum(1))

    def ring(x: Array) -> Array:
        return np.asarray(-0.5 * (np.hypot(x[:, 0], x[:, 1]) - 10.0) ** 2 - 0.5 * (x[:, 2:] ** 2).sum(1))

    def funnel(x: Array) -> Array:
        width = x[:, 0]
        return np.asarray(-(width**2) / 18.0 - 0.5 * (d - 1) * width - 0.5 * (x[:, 1:] ** 2).sum(1) * np.exp(-width))

    found = {"tutorial": tutorial.log_density} if d == 2 else {}
    return found | {
        "correlated normal": gmix.GaussianMixture([1.0], np.zeros((1, d)), [covariance]).log_density,
        "banana": banana,
        "two modes": gmix.GaussianMixture([0.7, 0.3], means, [np.eye(d)] * 2).log_density,
        "ring": ring,
        "funnel": funnel,
    }


def starts(name: str, d: int, rng: np.random.Generator) -> Array:
    """Starts of all chains; those of several modes are near each of them."""
    if name == "ring":
        return rng.uniform(-12.0, 12.0, (max(CHAINS, 2 * d + 2), d))
    found = 2.0 * rng.standard_normal((max(CHAINS, 2 * d + 2), d))
    if name == "two modes":
        found /= 2.0
        found[::2, 0] += APART
    return found


def described(draws: Array, size: float, evaluations: int, seconds: float) -> Outcome:
    chains = gmix.Chains(draws.copy(), np.zeros(draws.shape[:2]), np.ones(len(draws)))
    first = (draws[..., :1] < APART / 2.0).astype(np.float64)
    share = float(first.mean())
    independent = gmix.Chains(first, np.zeros(draws.shape[:2]), np.ones(len(draws))).effective_sample_size[0]
    error = float(np.sqrt(share * (1.0 - share) / independent))
    size = max(size, float(chains.effective_sample_size.min()))
    return Outcome(size, evaluations, seconds, float(chains.r_hat.max()), share, error, len(chains.findings))


def ours(log_density: Density, start: Array, seed: int) -> Outcome:
    steps = EVALUATIONS // len(start)
    began = time.process_time()
    chains = gmix.metropolis(log_density, start, steps - steps // 5, warmup=steps // 5, proposal="mixture", rng=seed)
    seconds = time.process_time() - began
    return described(chains.draws, 0.0, chains.evaluations, seconds)


def theirs(package: Any, log_density: Density, start: Array, seed: int) -> Outcome:
    np.random.seed(seed)  # noqa: NPY002  (both packages draw from the global generator)
    evaluations = 0

    def counted(x: Array) -> Array:
        nonlocal evaluations
        evaluations += len(x)
        return log_density(x)

    options = {"verbose": False} if package.__name__ == "zeus" else {}
    sampler = package.EnsembleSampler(len(start), start.shape[1], counted, vectorize=True, **options)
    began = time.process_time()
    steps = EVALUATIONS // len(start)
    if package.__name__ == "zeus":  # a step of slice sampling takes several evaluations
        steps //= 5
        sampler.run_mcmc(start, steps, progress=False)
    else:
        sampler.run_mcmc(start, steps)
    seconds = time.process_time() - began
    draws = sampler.get_chain()[steps // 5 :]
    emcee = importlib.import_module("emcee")
    length = float(np.max(emcee.autocorr.integrated_time(draws, tol=0)))
    return described(draws.transpose(1, 0, 2), draws.shape[0] * draws.shape[1] / length, evaluations, seconds)


def available() -> list[Any]:
    """The packages that are installed; zeus needs emcee here for the autocorrelation time."""
    found = []
    for name in ("emcee", "zeus"):
        try:
            found.append(importlib.import_module(name))
        except ImportError:
            break
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 5, 10])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    packages = available()
    heads = f"{'ESS per 1000':>13}{'per second':>12}{'R-hat':>8}{'findings':>9}  weight"
    print(f"{'density':<19}{'D':>3}  {'sampler':<8}{heads}")
    for d in arguments.dimensions:
        for name, log_density in densities(d).items():
            runs: dict[str, list[Outcome]] = {}
            for seed in range(arguments.seeds):
                start = starts(name, d, np.random.default_rng(seed))
                runs.setdefault("gmix", []).append(ours(log_density, start, seed))
                for package in packages:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        runs.setdefault(package.__name__, []).append(theirs(package, log_density, start, seed))
            for sampler, outcomes in runs.items():
                rate = np.median([1000.0 * one.size / one.evaluations for one in outcomes])
                speed = np.median([one.size / one.seconds for one in outcomes])
                worst, findings = max(one.r_hat for one in outcomes), np.median([one.findings for one in outcomes])
                weight = ""
                if name == "two modes":
                    right = sum(abs(one.weight - 0.7) < 3.0 * one.error for one in outcomes)
                    weight = f"{outcomes[0].weight:.3f} ± {outcomes[0].error:.3f}"
                    weight += f", {right} of {len(outcomes)} within 3 errors"
                print(
                    f"{name:<19}{d:>3}  {sampler:<8}{rate:>13.1f}{speed:>12.0f}{worst:>8.3f}{findings:>9.0f}  {weight}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
