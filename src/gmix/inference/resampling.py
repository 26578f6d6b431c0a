"""Resampled tables, and EM runs on them that start from a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import DataError
from gmix.fitting.em import Run, run_em
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource, Source

__all__ = ["drawn_table", "resampled", "reweighted", "warm_run"]

_MOST_DRAWN = 1e9  # rows that are drawn from a mixture, at most
_MOST_COUNTED = 1e18  # draws with replacement, at most, which only count rows


def resampled(source: MemorySource, mixture: GaussianMixture, kind: str, rng: np.random.Generator) -> MemorySource:
    """A resampled table whose weights have the same sum."""
    weight = source.everything.mass
    mass = weight.sum()
    if kind == "parametric":
        return drawn_table(mixture, mass, source, rng)
    if kind == "rows" and mass > _MOST_COUNTED:
        raise _too_heavy(mass)
    return _with_weights(
        source, rng.gamma(weight) if kind == "weights" else rng.multinomial(max(round(mass), 1), weight / mass)
    )


def reweighted(source: MemorySource, rng: np.random.Generator) -> MemorySource:
    """The table with random weights for multiple imputation, which have the same sum.

    A row of weight w gets the sum of a Poisson and of a gamma variable, each of mean w / 2, before all are scaled to
    the sum. Mean and variance are w, as they must be (Praestgaard & Wellner 1993, *Annals of Probability* 21:2053), and
    no row gets weight zero. Gamma variables alone, the Bayesian bootstrap, gave slightly short intervals, and Poisson
    variables alone, which amount to drawing rows, slightly long ones and more components that collapsed.
    """
    weight = source.everything.mass
    if weight.sum() > _MOST_COUNTED:
        raise _too_heavy(weight.sum())
    return _with_weights(source, rng.poisson(weight / 2.0) + rng.gamma(weight / 2.0))


def _with_weights(source: MemorySource, drawn: NDArray[Any]) -> MemorySource:
    """The table with weights in proportion to those that were drawn, and of the same sum as its own."""
    mass = source.everything.mass.sum()
    if not drawn.sum() > 0:
        raise DataError(f"sample_weight adds up to {mass:.3g} rows, too few to draw from; give larger weights")
    return MemorySource(source.array, sample_weight=drawn * (mass / drawn.sum()), threads=source.threads)


def drawn_table(mixture: GaussianMixture, mass: float, source: Source, rng: np.random.Generator) -> MemorySource:
    """As many rows drawn from the mixture as the weights sum to, which lack the same cells as rows of a source."""
    if mass > _MOST_DRAWN:
        raise _too_heavy(mass)
    drawn = mixture.sample(max(round(mass), 1), rng=rng)
    if source.missing is not None:
        drawn[_missing_cells(source, len(drawn), rng)] = np.nan
    return MemorySource(drawn, threads=source.threads)


def _missing_cells(source: Source, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which cells of `n` rows are missing ``(n, D)``: those of the rows of the source, or of rows drawn by weight."""
    rows = source.rows(source.n_counting, rng)
    missing, mass = np.isnan(rows.values), rows.mass
    if n == len(rows) and (mass == 1.0).all():
        return np.asarray(missing)
    return np.asarray(missing[rng.choice(len(rows), size=n, p=mass / mass.sum())])


def _too_heavy(mass: float) -> DataError:
    return DataError(f"sample_weight adds up to {mass:.3g} rows, too many to draw; give smaller weights")


def warm_run(start: GaussianMixture, source: Source, prior: Prior | None) -> Run:
    """EM on a resampled table, which is close to the one that `start` was fitted to."""
    [run] = run_em(source, [start], StoppingRule(), prior)
    if run.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    return run
