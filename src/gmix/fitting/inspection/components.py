"""Findings about the components of a mixture: how many rows they have, and how well they describe the rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.findings import Finding
from gmix.base.row_errors import drawn_errors
from gmix.base.rows import Rows
from gmix.base.wording import count, listed, percent
from gmix.fitting.inspection.sample import ALLOWANCE, NAMED, Sample
from gmix.model.background import with_background
from gmix.model.covariance import Factors
from gmix.model.observed import observed_share
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.student import AnyMixture

__all__ = ["about_components"]

Array = NDArray[np.float64]

_FEW = 5.0  # rows for each column; fewer estimate a covariance poorly

# Parameters for each number of the table, and for each row. Fits that describe noise have many of both: 134 parameters
# for 65 x 9 numbers are 0.23 and 2.1. Five full components for 100 x 5 numbers, at 0.2 and 1, are the limit.
_PER_NUMBER, _PER_ROW = 0.2, 1.0
_HALF = 0.5  # parameters for each number, too many in any case: with one or two columns, fits of noise reach it

# A component that describes one value of a rounded column has nearly all of its rows there. Of the narrowest species
# of iris, 58 % of the petal widths are 0.2 cm.
_SPIKE = 0.8
_OTHERS = 0.5  # the share of other values in a spike, relative to all rows, is at most this
_TIMES = 5  # rows; a value that occurs less often is no spike

_DECIDED = 0.9  # the posterior probability from which on a row clearly belongs to one component
_UNDECIDED = 0.5  # of the rows
_TAIL = 0.01  # of the mixture, in its region of lowest density
_DRAWS = 4  # for each row, to find that region
_COMPARED = 2_000  # rows with missing cells or errors that are compared with draws, at most
_DEVIATIONS = 3.0  # standard deviations by which the number of rows there may exceed its expectation by chance
_WORK = 2e8  # multiply-adds that the responsibilities may take


def about_components(
    sample: Sample, mixture: AnyMixture, statistics: SufficientStatistics, prior: Prior | None
) -> list[Finding]:
    """Findings about the number of rows of the components, and about how well they describe the rows."""
    step = math.ceil(len(sample.rows) * mixture.n_components * mixture.n_features**2 / _WORK)
    rows = sample.rows[::step]
    mass = np.ones(len(rows)) if sample.weight is None else sample.weight[::step]
    errors = None if sample.errors is None else sample.errors[::step]
    known = Rows(rows, mass, errors=errors, incomplete=sample.observed is not None)
    share = mixture.responsibilities(known, threads=sample.threads)
    return [
        *_few_rows(sample, mixture, statistics, prior),
        *(_many_parameters(sample, mixture.n_parameters, statistics.n_features) if prior is None else ()),
        *_spikes(sample, rows, mass[:, None] * share),
        *_overlap(mass, with_background(share, mixture.background)),
        *_tails(known, mixture, sample.threads),
    ]


def _few_rows(
    sample: Sample, mixture: AnyMixture, statistics: SufficientStatistics, prior: Prior | None
) -> Iterator[Finding]:
    # Masses are scaled to the number of rows, so that the sum of the weights does not matter.
    every = statistics.counts * (sample.n_counting / statistics.total_weight)
    rows = every * observed_share(mixture.components, statistics)
    d, structure = statistics.n_features, mixture.structure

    def named(small: NDArray[np.bool_]) -> str:
        names = [f"component {k} ({_rows_text(every[k], rows[k])})" for k in np.flatnonzero(small)]
        return f"{listed(names, NAMED)} {'has' if len(names) == 1 else 'have'}"

    if isinstance(structure, Factors):  # whose covariances few rows determine, although there are many columns
        least = structure.n_factors + 2
        if (small := (every > 0) & (rows < least - ALLOWANCE)).any():
            yield Finding(
                "few rows",
                f"{named(small)} fewer than {least} rows, the number of factors + 2, and may describe chance; ask for "
                "fewer components or factors",
            )
    elif (small := (every > 0) & (rows < d + 1 - ALLOWANCE)).any():
        yield Finding(
            "few rows",
            f"{named(small)} fewer than {d + 1} rows, the number of columns + 1, and may describe chance; ask for "
            "fewer components, or give a prior",
        )
    elif prior is None and (small := (every > 0) & (rows < _FEW * d)).any():
        yield Finding(
            "few rows",
            f"{named(small)} fewer than {_FEW:g} rows for each column, too few for a precise covariance; ask for fewer "
            "components or a simpler covariance",
            "note",
        )


def _rows_text(every: float, observed: float) -> str:
    """How many rows a component has, and how many of them are observed in the direction in which the fewest are."""
    text = f"{every:.3g} {'row' if round(every, 2) == 1 else 'rows'}"
    same = f"{observed:.3g}" == f"{every:.3g}"
    return text if same else f"{text}, {observed:.2g} of them observed in some direction"


def _many_parameters(sample: Sample, parameters: int, d: int) -> Iterator[Finding]:
    rows = sample.n_counting
    numbers = round(rows * d * (1.0 - np.isnan(sample.rows).mean()))
    per_number, per_row = parameters / numbers, parameters / rows
    if per_number >= _HALF or (per_number >= _PER_NUMBER and per_row >= _PER_ROW):
        missing = ", without missing cells" if numbers < rows * d else ""
        yield Finding(
            "many parameters",
            f"the mixture has {parameters} parameters for {count(numbers, 'number')} ({sample.all_rows} "
            f"and {count(d, 'column')}{missing}), so it may describe chance; ask for fewer components or a simpler "
            "covariance, or give a prior",
        )


def _spikes(sample: Sample, rows: NDArray[Any], share: Array) -> Iterator[Finding]:
    """Components that describe one value of a column; ``share (n, K)`` is the mass of each row in each component."""
    ordered = np.sort(np.ascontiguousarray(rows.T), axis=1)
    constant = ordered[:, 0] == ordered[:, -1]
    repeated = (ordered[:, _TIMES - 1 :] == ordered[:, : max(len(rows) - _TIMES + 1, 0)]).any(1)
    named = []
    for j in np.flatnonzero(repeated & ~constant):
        present = ~np.isnan(rows[:, j])
        values, indices = np.unique(rows[present, j], return_inverse=True)
        total = np.maximum(share[present].sum(0), np.finfo(np.float64).tiny)
        fractions = np.stack([np.bincount(indices, mass, len(values)) for mass in share[present].T]) / total[:, None]
        times = np.bincount(indices, minlength=len(values))
        mode = fractions.argmax(1)
        at_mode, overall = fractions.max(1), (total @ fractions / total.sum())[mode]
        spikes = (at_mode >= _SPIKE) & (1.0 - at_mode < _OTHERS * (1.0 - overall)) & (times[mode] * at_mode >= _TIMES)
        if spikes.any():
            settled = [f"component {k} at {values[mode[k]]:.4g}" for k in np.flatnonzero(spikes)]
            named.append(
                f"{sample.column(int(j))} ({count(len(values), 'different value')}; {', '.join(settled[:NAMED])}"
                f"{', ...' * (len(settled) > NAMED)})"
            )
    if named:
        yield Finding(
            "repeated value",
            f"components describe single values of {listed(named, NAMED)}, which reflect how the values were recorded; "
            "ask for fewer components, give a prior, or leave out columns that are not measurements",
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


def _tails(rows: Rows, mixture: AnyMixture, threads: int | None) -> Iterator[Finding]:
    """A finding if more rows are in the region of lowest density than the mixture has there."""
    if mixture.background is not None and mixture.background.density is not None:
        return  # it has no draws
    if rows.incomplete or rows.errors is not None:
        rows = rows[:: math.ceil(len(rows) / _COMPARED)]
    tails = _rare if rows.errors is None else _rare_among_rows_with_errors
    rare, mass = tails(rows, mixture, threads), rows.mass
    effective = mass.sum() ** 2 / (mass @ mass)  # the number of rows of equal weight that have the same standard error
    outside, expected = effective * (mass @ rare) / mass.sum(), effective * _TAIL
    deviation = math.sqrt(expected * (1.0 + 1.0 / _DRAWS))  # of the rows and of the draws together
    if outside > expected + _DEVIATIONS * deviation + 1.0:
        yield Finding(
            "heavy tails",
            f"the tails of the rows are heavier than the mixture's: {percent(outside / effective, 1)} of the rows are "
            f"in the region of lowest density that contains {percent(_TAIL)} of the mixture; look at the rows of "
            "lowest density for outliers",
            "note",
        )


def _rare(rows: Rows, mixture: AnyMixture, threads: int | None) -> NDArray[np.bool_]:
    """Which rows are where the density is lowest.

    Marginal densities of incomplete rows are not comparable with densities of draws. Their missing cells are therefore
    drawn from the mixture, which makes draws of such rows if it describes them.
    """
    values = mixture.impute(rows.values, rng=0, threads=threads) if rows.incomplete else rows.values
    drawn = mixture.log_density(mixture.sample(_DRAWS * len(values), rng=0, threads=threads), threads=threads)
    return np.asarray(mixture.log_density(values, threads=threads) < np.quantile(drawn, _TAIL))


def _rare_among_rows_with_errors(rows: Rows, mixture: AnyMixture, threads: int | None) -> NDArray[np.bool_]:
    """Which rows have a lower density than 99 draws with the same errors and missing cells, by chance one in 100."""
    assert rows.errors is not None
    rng, lowest = np.random.default_rng(0), np.full(len(rows), np.inf)
    for _ in range(round(1.0 / _TAIL) - 1):
        drawn = mixture.sample(len(rows), rng=rng, threads=threads) + drawn_errors(rows.errors, rng)
        drawn[np.isnan(rows.values)] = np.nan
        lowest = np.minimum(lowest, mixture.log_density(replace(rows, values=drawn), threads=threads))
    return np.asarray(mixture.log_density(rows, threads=threads) < lowest)
