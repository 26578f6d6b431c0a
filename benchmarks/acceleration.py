"""How many passes over the rows acceleration saves, and the gain that remains when the stopping rule ends a run.

In each case, plain EM and accelerated EM run from the same start. Passes are E-steps, including those of rejected
extrapolations, until the log-likelihood is within 1e-8 (relative) of that of the local optimum. Cases count only if
both runs end at the same optimum. All results are counts, and the same on every machine up to rounding.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix import GaussianMixture, NormalInverseWishart, SufficientStatistics
from gmix.model.components import Components
from gmix.model.covariance import STRUCTURES, VVV, Structure
from gmix.model.families import GAUSSIAN, StudentT
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import RunEnd, kernel
from gmix.model.model import Model
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource

Array = NDArray[np.float64]
CLOSE, MOST = 1e-8, 20_000
STUDENT = StudentT(4.0)
OVERLAP = {"strong": 0.7, "medium": 1.5, "none": 6.0}  # standard deviations of the centers
SHAPES = [(1, 2, 1000), (2, 3, 5000), (2, 8, 5000), (4, 20, 20_000), (5, 5, 5000), (10, 6, 8000)]  # D, K, N
STARTS, FALLS = 60, 1e-5
TABLES = [(2, 8, 2000, 1.0), (2, 8, 2000, 3.0), (5, 5, 2000, 1.0), (4, 15, 4000, 2.0), (6, 4, 200, 1.5)]


@dataclass(frozen=True, eq=False)
class StudentModel(Model):
    """A mixture of Student's t distributions with four degrees of freedom; its M-step runs in Python."""

    mixture: GaussianMixture

    def components(self) -> Components:
        own, d = self.mixture.components, self.mixture.n_features
        constants = own.log_constants - GAUSSIAN.log_constant(d) + STUDENT.log_constant(d)
        return own._replace(log_constants=constants, family=STUDENT)

    def maximize(self, statistics: SufficientStatistics) -> StudentModel:
        return replace(self, mixture=GaussianMixture.from_statistics(statistics, VVV))

    def objective(self, statistics: SufficientStatistics) -> float:
        return statistics.log_likelihood


def until(target: float, accelerate: bool) -> StoppingRule:
    """The rule that ends a run when it reaches this objective or no longer moves."""

    class Until(StoppingRule):
        def judge(
            self, history: Sequence[float], total_weight: float, at_rest: bool, remaining: float
        ) -> Reason | None:
            reached = at_rest or history[-1] >= target
            return Reason.CONVERGED if reached else super().judge(history, total_weight, at_rest, np.inf)

    return Until(0.0, MOST, accelerate)


class Case(NamedTuple):
    group: str
    overlap: str
    source: MemorySource
    start: Model


def rows_of(rng: np.random.Generator, n: int, d: int, k: int, spread: float) -> Array:
    """Rows from components of different shapes and weights."""
    means = spread * rng.normal(size=(k, d))
    axes = np.array([np.linalg.qr(rng.normal(size=(d, d)))[0] * np.exp(rng.normal(size=d) / 2.0) for _ in range(k)])
    labels = rng.choice(k, size=n, p=rng.dirichlet(np.full(k, 4.0)))
    return np.asarray(means[labels] + np.einsum("nij,nj->ni", axes[labels], rng.normal(size=(n, d))))


def start_of(rng: np.random.Generator, rows: Array, k: int, structure: Structure) -> GaussianMixture:
    """A mixture made from the clusters of K-means after three steps from K random rows."""
    centers = rows[rng.choice(len(rows), k, replace=False)]
    for _ in range(4):
        labels = np.square(rows[:, None] - centers).sum(-1).argmin(1)
        centers = np.array([rows[labels == c].mean(0) if (labels == c).any() else centers[c] for c in range(k)])
    return GaussianMixture.from_statistics(SufficientStatistics.from_labels(structure.form, rows, labels, k), structure)


def cases(seeds: int) -> Iterator[Case]:
    for overlap, spread in OVERLAP.items():
        for seed in range(seeds):
            for d, k, n in SHAPES:
                rng = np.random.default_rng([d, k, n, round(10 * spread), seed])
                rows = rows_of(rng, n, d, k, spread)
                yield Case("shapes", overlap, MemorySource(rows), GaussianModel(start_of(rng, rows, k, VVV)))
        for structure in STRUCTURES:
            rng = np.random.default_rng([round(10 * spread), 1])
            rows = rows_of(rng, 3000, 3, 4, spread)
            mixture = start_of(rng, rows, 4, structure)
            yield Case("structures", overlap, MemorySource(rows), GaussianModel(mixture))
            yield Case("with a prior", overlap, MemorySource(rows), GaussianModel(mixture, NormalInverseWishart()))
        yield Case(
            "with weights",
            overlap,
            MemorySource(rows, sample_weight=rng.exponential(size=len(rows))),
            GaussianModel(mixture),
        )
        yield Case("Student's t, a model in Python", overlap, MemorySource(rows), StudentModel(mixture))


def run(case: Case, rule: StoppingRule, start: Model | None = None) -> tuple[int, RunEnd]:
    """The number of E-steps of one run, and its end."""
    passes = 0

    def expect(components: Components, _: bool) -> SufficientStatistics:
        nonlocal passes
        passes += 1
        return case.source.statistics(components)

    start = start or case.start
    [end] = kernel.run(expect, [start], case.source.reference(start.components().form), rule)
    return passes, end


def optimum(case: Case, rule: StoppingRule) -> float:
    """The objective of the optimum to which a run with this rule converges."""
    _, end = run(case, rule)
    assert end.model is not None
    return max(run(case, StoppingRule(0.0, MOST), end.model)[1].history[-1], end.history[-1])


def compare(seeds: int) -> None:
    counts, left = defaultdict[tuple[str, str], list[tuple[int, int]]](list), defaultdict[str, list[float]](list)
    stopped, elsewhere = defaultdict[str, list[int]](list), 0
    for case in cases(seeds):
        weight = case.source.reference(case.start.components().form).total_weight
        best = optimum(case, StoppingRule(1e-13, MOST, accelerate=False))
        ours = optimum(case, StoppingRule(1e-13, MOST))
        for name, end_at in (("plain", best), ("accelerated", ours)):
            rule = StoppingRule(accelerate=name == "accelerated")
            passes, end = run(case, rule)
            stopped[name].append(passes)
            left[name].append((end_at - end.history[-1]) / weight / rule.tolerance)
        if abs(ours - best) > CLOSE * abs(best):
            elsewhere += 1
            continue
        target = best - CLOSE * abs(best)
        plain, accelerated = (run(case, until(target, accelerate))[0] for accelerate in (False, True))
        counts[case.group, case.overlap].append((plain, accelerated))
    print(f"{'':<32}{'overlap':<9}{'cases':>6}{'plain':>8}{'accel.':>8}{'median':>8}{'least':>8}")
    for (group, overlap), pairs in counts.items():
        plain, accelerated = np.array(pairs, float).T
        ratio = plain / accelerated
        print(
            f"{group:<32}{overlap:<9}{len(pairs):>6}{np.median(plain):>8.0f}{np.median(accelerated):>8.0f}"
            f"{np.median(ratio):>7.1f}x{ratio.min():>7.2f}x"
        )
    ratios = np.array([a / b for pairs in counts.values() for a, b in pairs])
    plain = np.array([a for pairs in counts.values() for a, _ in pairs])
    for name, chosen in (("more than 100 plain passes", plain > 100), ("at most 100 plain passes", plain <= 100)):
        print(
            f"{name}: {chosen.sum()} cases, median {np.median(ratios[chosen]):.1f}x, least {ratios[chosen].min():.2f}x"
        )
    print(f"{elsewhere} cases ended at different optima and are not counted")
    print("\nunder the default stopping rule: passes, and the gain that was left, in tolerances")
    for name in left:
        quantiles = " ".join(f"{q:.2f}" for q in np.quantile(left[name], [0.5, 0.8, 0.9, 0.95]))
        print(
            f"  {name:<12} mean {np.mean(stopped[name]):6.0f} passes; quantiles 0.5, 0.8, 0.9, 0.95 left: {quantiles}"
        )


def ends() -> None:
    """Compare where runs from many starts end."""
    print(f"\n{STARTS} starts per table: gap to the best run in nats per row, share of runs with a collapsed component")
    for d, k, n, spread in (
        (2, 8, 2000, 1.0),
        (2, 8, 2000, 3.0),
        (5, 5, 2000, 1.0),
        (4, 15, 4000, 2.0),
        (6, 4, 200, 1.5),
    ):
        rows = rows_of(np.random.default_rng([d, k, n]), n, d, k, spread)
        found = {}
        for accelerate in (False, True):
            rule, runs = StoppingRule(1e-7, MOST, accelerate), []
            for seed in range(STARTS):
                start = start_of(np.random.default_rng(seed), rows, k, VVV)
                runs.append(run(Case("", "", MemorySource(rows), GaussianModel(start)), rule)[1])
            found[accelerate] = np.array([(end.history[-1] / n, end.sound) for end in runs])
        plain, ours = found[False], found[True]
        sound = (plain[:, 1] > 0) & (ours[:, 1] > 0)
        best = max(plain[sound, 0].max(), ours[sound, 0].max())
        print(
            f"  {n} x {d}, {k} components, spread {spread:g}: plain gap {np.mean(best - plain[sound, 0]):.4f}, "
            f"collapsed {np.mean(plain[:, 1] == 0):.2f}; accelerated gap {np.mean(best - ours[sound, 0]):.4f}, "
            f"collapsed {np.mean(ours[:, 1] == 0):.2f}; lower {np.mean(ours[:, 0] < plain[:, 0] - FALLS):.2f}, "
            f"higher {np.mean(ours[:, 0] > plain[:, 0] + FALLS):.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    compare(parser.parse_args().seeds)
    ends()


if __name__ == "__main__":
    main()
