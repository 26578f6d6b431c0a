"""Resampled tables, and EM runs on them that start from a fit."""

from __future__ import annotations

import numpy as np

from gmix.base.errors import DataError
from gmix.fitting.em import Run, run_em
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource, Source

__all__ = ["drawn_table", "resampled", "warm_run"]

_MOST_DRAWN = 1e9  # rows that are drawn from a mixture, at most
_MOST_COUNTED = 1e18  # draws with replacement, at most, which only count rows


def resampled(source: MemorySource, mixture: GaussianMixture, kind: str, rng: np.random.Generator) -> Source:
    """A resampled table whose weights have the same sum."""
    weight = source.everything.mass
    mass = weight.sum()
    if kind == "parametric":
        return drawn_table(mixture, mass, source.threads, rng)
    if kind == "rows" and mass > _MOST_COUNTED:
        raise _too_heavy(mass)
    drawn = rng.gamma(weight) if kind == "weights" else rng.multinomial(max(round(mass), 1), weight / mass)
    if not drawn.sum() > 0:
        raise DataError(f"sample_weight adds up to {mass:.3g} rows, too few to draw from; give larger weights")
    return MemorySource(source.array, sample_weight=drawn * (mass / drawn.sum()), threads=source.threads)


def drawn_table(mixture: GaussianMixture, mass: float, threads: int | None, rng: np.random.Generator) -> MemorySource:
    """A table of rows drawn from the mixture, as many as the weights sum to."""
    if mass > _MOST_DRAWN:
        raise _too_heavy(mass)
    return MemorySource(mixture.sample(max(round(mass), 1), rng=rng), threads=threads)


def _too_heavy(mass: float) -> DataError:
    return DataError(f"sample_weight adds up to {mass:.3g} rows, too many to draw; give smaller weights")


def warm_run(start: GaussianMixture, source: Source, prior: Prior | None) -> Run:
    """EM on a resampled table, which is close to the one that `start` was fitted to."""
    [run] = run_em(source, [start], StoppingRule(), prior)
    if run.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    return run
