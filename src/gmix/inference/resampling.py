"""Resampled tables, and EM runs on them that start from a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import DataError, ParameterError
from gmix.base.labels import RowLabels
from gmix.base.row_errors import drawn_errors
from gmix.base.rows import Rows
from gmix.fitting.em import Run, run_models
from gmix.model.gaussian_model import GaussianModel
from gmix.model.mixture import GaussianMixture
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource, Source

__all__ = ["drawn_table", "resampled", "reweighted", "warm_run"]

_MOST_DRAWN = 1e9  # rows that are drawn from a mixture, at most
_MOST_COUNTED = 1e18  # draws with replacement, at most, which only count rows

Array = NDArray[np.float64]


def resampled(
    source: MemorySource, mixture: GaussianMixture, kind: str, rng: np.random.Generator, groups: Array | None = None
) -> MemorySource:
    """A resampled table whose weights have the same sum.

    `groups` are those of the components of the mixture, if rows have labels.
    """
    weight = source.everything.mass
    mass = weight.sum()
    if kind == "parametric":
        return drawn_table(mixture, mass, source, rng, groups)
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
    """The table with weights in proportion to those that were drawn, and of the same sum as its own.

    Rows keep their labels and errors.
    """
    mass = source.everything.mass.sum()
    if not drawn.sum() > 0:
        raise DataError(f"sample_weight adds up to {mass:.3g} rows, too few to draw from; give larger weights")
    table = MemorySource(source.array, sample_weight=drawn * (mass / drawn.sum()), threads=source.threads)
    table.groups, table.label_arrays = source.groups, source.label_arrays
    table.errors, table.least_error = source.errors, source.least_error
    return table


def drawn_table(
    mixture: GaussianMixture,
    mass: float,
    source: Source,
    rng: np.random.Generator,
    groups: Array | None = None,
) -> MemorySource:
    """As many rows drawn from the mixture as the weights sum to, with errors and missing cells as rows of a source.

    Rows have the label of their component where rows of the source have one. A row that is drawn from the background,
    or from a component without a label, has none.
    """
    if mass > _MOST_DRAWN:
        raise _too_heavy(mass)
    if source.has_soft_labels:
        raise ParameterError(
            "rows that are drawn from a mixture have no soft labels; resample the rows, with kind='weights' or 'rows'"
        )
    drawn, components = mixture.sample_labelled(max(round(mass), 1), rng=rng, threads=source.threads)
    if source.is_plain and groups is None:
        return MemorySource(drawn, threads=source.threads)
    pattern = _pattern(source, len(drawn), rng)
    if pattern.errors is not None:
        drawn += drawn_errors(pattern.errors, rng)
    if source.missing is not None:
        drawn[np.isnan(pattern.values)] = np.nan
    table = MemorySource(drawn, threads=source.threads)
    if pattern.errors is not None:
        table.set_errors(pattern.errors)
    if groups is not None and source.groups is not None and pattern.labels is not None:
        labels = np.where((pattern.labels >= 0.0) & (components >= 0), groups[components], -1.0)
        table.set_labels(RowLabels(source.groups, {"labels": labels}))
    return table


def _pattern(source: Source, n: int, rng: np.random.Generator) -> Rows:
    """The `n` rows whose errors, missing cells and labels are copied: those of the source, or drawn by weight."""
    rows = source.rows(source.n_counting, rng)
    mass = rows.mass
    if n == len(rows) and (mass == 1.0).all():
        return rows
    return rows[rng.choice(len(rows), size=n, p=mass / mass.sum())]


def _too_heavy(mass: float) -> DataError:
    return DataError(f"sample_weight adds up to {mass:.3g} rows, too many to draw; give smaller weights")


def warm_run(model: GaussianModel, source: Source) -> Run:
    """EM on a resampled table, which is close to the one that the `model` was fitted to."""
    [end] = run_models(source, [model], StoppingRule())
    if end.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    return Run.of(end)
