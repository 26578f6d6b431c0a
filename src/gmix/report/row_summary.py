"""What a report shows of the rows: a sub-sample for its charts, the most unusual rows, and counts of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from gmix.base.missing import MissingCells
from gmix.model.background import with_background
from gmix.model.mixture import GaussianMixture
from gmix.model.regions import highest_density, tail_probability
from gmix.plot.style import edges_of
from gmix.sources import MemorySource, Source

__all__ = ["DECIDED", "REGION", "RowSummary", "Unusual"]

Array = NDArray[np.float64]
_READ = 10_000_000  # numbers that are read of a table that is not in memory
_DRAWN, _CELLS = 5_000, 300_000  # rows, and numbers about them, that a page can hold and a browser can draw
_UNUSUAL, _CANDIDATES = 10, 200  # rows that are listed, and of how many they are chosen if cells are missing
_PATTERNS = 6  # sets of missing cells that are listed
REGION = 0.99  # the part of the mixture within the region whose outside rows are counted
DECIDED = 0.9  # the least posterior probability with which the component of a row counts as known


@dataclass(frozen=True)
class Unusual:
    """A row, and the probability that a draw from the mixture has no more density."""

    number: int | None
    values: Array
    component: int
    log_density: float
    tail: float


@dataclass(frozen=True)
class RowSummary:
    """What a report shows of the rows of a table under a mixture.

    Attributes
    ----------
    n_read : the number of rows of positive weight that were read: all of a table in memory.
    weighted : whether the rows have weights.
    mass : the total weight of the rows that were read.
    outside : the total weight of those outside the region that holds 99 % of the mixture, with missing cells drawn from
        the mixture.
    decided : the proportion whose component has a posterior probability of at least 0.9.
    unusual : the rows of the least density, in ascending order; if cells are missing, those of the least probability.
    missing : the missing cells of the whole table; None if there are none.
    patterns : the most frequent sets of cells that rows lack, as positions of columns, and the number of rows of each.
    numbers : the positions of the rows in the charts, counted from 0; None where they are not known.
    values, responsibilities, log_density : of the rows in the charts, ``(n, D)``, ``(n, K)`` and ``(n,)``; a
        background has one more column of the responsibilities.
    histograms : the edges of the bins and the density in them, for each shown column.
    """

    n_read: int
    weighted: bool
    mass: float
    outside: float
    decided: float
    unusual: tuple[Unusual, ...]
    missing: MissingCells | None
    patterns: tuple[tuple[tuple[int, ...], int], ...]
    numbers: NDArray[np.intp] | None
    values: Array
    responsibilities: Array
    log_density: Array
    histograms: list[tuple[Array, Array]]

    @classmethod
    def of(cls, source: Source, mixture: GaussianMixture, shown: list[int]) -> RowSummary:
        rng = np.random.default_rng(0)
        weight: Array | None
        if isinstance(source, MemorySource):
            rows, weight = source.array, source.weight
        else:
            sample = source.rows(max(_READ // source.n_features, 1), rng)
            rows, weight = sample.values, sample.weights
        mass = np.ones(len(rows)) if weight is None else weight
        counting = np.flatnonzero(mass > 0)
        log_density, decided, outside, fill = np.empty(len(rows)), 0.0, 0.0, np.random.default_rng(0)
        level = highest_density(mixture, [REGION])[0]
        for block in np.array_split(np.arange(len(rows)), len(rows) // 100_000 + 1):
            part = slice(block[0], block[-1] + 1)
            log_density[part] = completed = mixture.log_density(rows[part])
            share = with_background(mixture.responsibilities(rows[part]), mixture.background)
            decided += float(mass[part] @ (share.max(1) >= DECIDED))
            if np.isnan(rows[part]).any():
                completed = mixture.log_density(mixture.impute(rows[part], rng=fill))
            outside += float(mass[part] @ (completed < level))
        least, tails = _least(mixture, rows, counting, log_density)
        n_drawn = int(np.clip(_CELLS // (mixture.n_components + len(shown)), 200, _DRAWN))
        drawn = counting
        if len(counting) > n_drawn:
            drawn = np.union1d(rng.choice(counting, n_drawn, replace=False), least)
        numbered = isinstance(source, MemorySource) or (weight is None and len(rows) == source.n_rows)
        labels = mixture.predict(rows[least])
        return cls(
            n_read=len(counting),
            weighted=weight is not None and not (source.missing is not None and (mass[counting] == 1.0).all()),
            mass=float(mass.sum()),
            outside=outside,
            decided=decided / float(mass.sum()),
            unusual=tuple(
                Unusual(
                    int(i) if numbered else None,
                    np.asarray(rows[i], np.float64),
                    int(k),
                    float(log_density[i]),
                    float(p),
                )
                for i, k, p in zip(least, labels, tails, strict=True)
            ),
            missing=source.missing,
            patterns=_patterns(np.isnan(rows[counting])),
            numbers=drawn if numbered else None,
            values=np.asarray(rows[drawn], np.float64),
            responsibilities=with_background(mixture.responsibilities(rows[drawn]), mixture.background),
            log_density=log_density[drawn],
            histograms=[_histogram(np.asarray(rows[counting, j], np.float64), mass[counting]) for j in shown],
        )


def _least(
    mixture: GaussianMixture, rows: NDArray[Any], counting: NDArray[np.intp], log_density: Array
) -> tuple[NDArray[np.intp], Array]:
    """The most unusual ones among the `counting` rows, and the probabilities that a draw has no more density."""
    least = counting[np.argsort(log_density[counting], kind="stable")[:_UNUSUAL]]
    incomplete = np.isnan(rows[counting]).any(1)
    if not incomplete.any():
        return least, tail_probability(mixture, log_density[least])
    # Densities of different cells are not comparable, and each set of cells has its own distribution of them, which
    # takes long to compute. So the distance to the nearest component, that of the completed row, selects some rows.
    p_values = np.concatenate(
        [_distance_p_value(mixture, rows[part]) for part in np.array_split(counting, len(counting) // 100_000 + 1)]
    )
    far = counting[np.argsort(p_values, kind="stable")[:_CANDIDATES]]
    complete = counting[~incomplete]
    rare = complete[np.argsort(log_density[complete], kind="stable")[:_UNUSUAL]]
    candidates = np.union1d(far, rare)
    tails = mixture.outlier_score(rows[candidates]).density_p_value
    order = np.argsort(tails, kind="stable")[:_UNUSUAL]
    return candidates[order], tails[order]


def _distance_p_value(mixture: GaussianMixture, rows: NDArray[Any]) -> Array:
    """About the probability ``(N,)`` that a draw is as far from the nearest component in the cells that a row has."""
    distance = mixture.outlier_score(mixture.impute(rows)).distance
    with np.errstate(over="ignore"):
        return np.asarray(gammaincc(np.maximum((~np.isnan(rows)).sum(1), 1) / 2.0, np.square(distance) / 2.0))


def _patterns(missing: NDArray[np.bool_]) -> tuple[tuple[tuple[int, ...], int], ...]:
    """The most frequent sets of missing cells in rows ``(N, D)``, and their numbers of rows."""
    sets, times = np.unique(missing, axis=0, return_counts=True)
    order = np.argsort(-times, kind="stable")[:_PATTERNS]
    return tuple((tuple(np.flatnonzero(sets[i]).tolist()), int(times[i])) for i in order)


def _histogram(values: Array, mass: Array) -> tuple[Array, Array]:
    values, mass = values[~np.isnan(values)], mass[~np.isnan(values)]
    if not len(values):
        return np.array([0.0, 1.0]), np.zeros(1)
    heights, edges = np.histogram(values, edges_of(values), weights=mass)
    return edges, heights / (heights.sum() * np.diff(edges))
