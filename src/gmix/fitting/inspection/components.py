"""Findings about the components of a mixture: what they rest on, and how they describe the rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.findings import Finding
from gmix.base.wording import count, listed, percent
from gmix.fitting.inspection.sample import NAMED, Sample
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics

__all__ = ["about_components"]

Array = NDArray[np.float64]

_FEW = 5.0  # rows for each column; a covariance of fewer is a rough guess
_HALF_A_ROW = 0.5  # that a component shares with others, which still leaves it the row

# Parameters for each number of the table, and for each row. Fits that describe noise have both many: 134 parameters for
# 65 x 9 numbers are 0.23 and 2.1. Five full components of 100 x 5 numbers, at 0.2 and 1, are the limit.
_PER_NUMBER, _PER_ROW = 0.2, 1.0
_HALF = 0.5  # parameters for each number: of one or two columns, fits of noise have more parameters than half the rows

# A component on one value of a rounded column has nearly all of its rows there. The narrowest kind of iris has 58 %
# of its petal widths at 0.2 cm.
_SPIKE = 0.8
_LEFT = 0.5  # of the share that is elsewhere in all rows: a rare value of a column with one common value is no spike
_TIMES = 5  # rows; values that occur less often are no spike

_DECIDED = 0.9  # with at least this probability a row belongs to one component
_UNDECIDED = 0.5  # of the rows
_TAIL = 0.01  # of the mixture, in its region of least density
_DRAWS = 4  # for each row, to find that region
_DEVIATIONS = 3.0  # of a count of rare rows, beyond which it is not by chance
_WORK = 2e8  # multiply-adds that looking at the rows may take


def about_components(
    sample: Sample, mixture: GaussianMixture, statistics: SufficientStatistics, prior: Prior | None
) -> list[Finding]:
    """What the components rest on, and how the rows lie among them."""
    step = math.ceil(len(sample.rows) * mixture.n_components * mixture.n_features**2 / _WORK)
    rows = sample.rows[::step]
    mass = np.ones(len(rows)) if sample.weight is None else sample.weight[::step]
    share = mixture.responsibilities(rows, threads=sample.threads)
    return [
        *_few_rows(sample, statistics, prior),
        *(_many_parameters(sample, mixture.n_parameters, statistics.n_features) if prior is None else ()),
        *_spikes(sample, rows, mass[:, None] * share),
        *_overlap(mass, share),
        *_tails(rows, mass, mixture, sample.threads),
    ]


def _few_rows(sample: Sample, statistics: SufficientStatistics, prior: Prior | None) -> Iterator[Finding]:
    # Weights are counted as rows, so that it does not matter what they sum to.
    rows = statistics.mass * (sample.n_counting / statistics.n_rows)
    d = statistics.n_features

    def named(small: NDArray[np.bool_]) -> str:
        each = [
            f"component {k} ({rows[k]:.3g} {'row' if round(rows[k], 2) == 1 else 'rows'})"
            for k in np.flatnonzero(small)
        ]
        return f"{listed(each, NAMED)} {'has' if len(each) == 1 else 'have'}"

    if (small := (rows > 0) & (rows < d + 1 - _HALF_A_ROW)).any():
        yield Finding(
            "few rows",
            f"{named(small)} fewer than {d + 1} rows, the number of columns + 1, and may describe chance; ask for "
            "fewer components, or give a prior",
        )
    elif prior is None and (small := (rows > 0) & (rows < _FEW * d)).any():
        yield Finding(
            "few rows",
            f"{named(small)} fewer than {_FEW:g} rows for each column, few for a covariance; ask for fewer components "
            "or a simpler covariance",
            "note",
        )


def _many_parameters(sample: Sample, parameters: int, d: int) -> Iterator[Finding]:
    rows = sample.n_counting
    per_number, per_row = parameters / (rows * d), parameters / rows
    if per_number >= _HALF or (per_number >= _PER_NUMBER and per_row >= _PER_ROW):
        yield Finding(
            "many parameters",
            f"the mixture has {parameters} parameters for {rows * d:,} numbers ({rows:,} rows of "
            f"{count(d, 'column')}), so it may describe chance; ask for fewer components or a simpler covariance, or "
            "give a prior",
        )


def _spikes(sample: Sample, rows: NDArray[Any], share: Array) -> Iterator[Finding]:
    """Components that stand on one value of a column; ``share (n, K)`` is the mass of each row in each."""
    total = np.maximum(share.sum(0), np.finfo(np.float64).tiny)
    ordered = np.sort(np.ascontiguousarray(rows.T), axis=1)
    constant = ordered[:, 0] == ordered[:, -1]
    repeated = (ordered[:, _TIMES - 1 :] == ordered[:, : max(len(rows) - _TIMES + 1, 0)]).any(1)
    named = []
    for j in np.flatnonzero(repeated & ~constant):
        values, place = np.unique(rows[:, j], return_inverse=True)
        each = np.stack([np.bincount(place, own, len(values)) for own in share.T]) / total[:, None]
        often = np.bincount(place, minlength=len(values))
        at = each.argmax(1)
        overall = (total @ each / total.sum())[at]
        there = each[np.arange(len(each)), at]
        spikes = (there >= _SPIKE) & (1.0 - there < _LEFT * (1.0 - overall)) & (often[at] * there >= _TIMES)
        if spikes.any():
            settled = [f"component {k} at {values[at[k]]:.4g}" for k in np.flatnonzero(spikes)]
            named.append(
                f"{sample.column(int(j))} ({count(len(values), 'different value')}; {', '.join(settled[:NAMED])}"
                f"{', ...' * (len(settled) > NAMED)})"
            )
    if named:
        yield Finding(
            "repeated value",
            f"components settled on single values of {listed(named, NAMED)}; they describe how the values were "
            "recorded, so ask for fewer components, give a prior, or leave out what is no measurement",
        )


def _overlap(mass: Array, share: Array) -> Iterator[Finding]:
    decided = float(mass @ (share.max(1) >= _DECIDED) / mass.sum())
    if decided < _UNDECIDED:
        yield Finding(
            "overlap",
            f"only {percent(decided)} of the rows belong to one component with a probability of at least {_DECIDED}; "
            "to find clusters, ask for fewer components, or merge these with gmix.merge",
            "note",
        )


def _tails(rows: NDArray[Any], mass: Array, mixture: GaussianMixture, threads: int | None) -> Iterator[Finding]:
    """The rows in the region of least density, beside those that the mixture itself has there."""
    drawn = mixture.log_density(mixture.sample(_DRAWS * len(rows), rng=0), threads=threads)
    rare = mixture.log_density(rows, threads=threads) < np.quantile(drawn, _TAIL)
    effective = mass.sum() ** 2 / (mass @ mass)  # rows of one weight whose mean is as sure
    outside, expected = effective * (mass @ rare) / mass.sum(), effective * _TAIL
    chance = math.sqrt(expected * (1.0 + 1.0 / _DRAWS))  # of both counts
    if outside > expected + _DEVIATIONS * chance + 1.0:
        yield Finding(
            "heavy tails",
            f"the tails of the rows are heavier than the mixture's: {percent(outside / effective)} of the rows are "
            f"where the mixture has {percent(_TAIL)}; look at the rows of least density for outliers",
            "note",
        )
