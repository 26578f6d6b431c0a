"""What a report shows of the rows: a sub-sample for its charts, the most unusual rows, and counts of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmix.model.mixture import GaussianMixture
from gmix.model.regions import highest_density, tail_probability
from gmix.plot.style import edges_of
from gmix.sources import MemorySource, Source

__all__ = ["DECIDED", "REGION", "RowSummary", "Unusual"]

Array = NDArray[np.float64]
_READ = 10_000_000  # numbers that are read of a table that is not in memory
_DRAWN, _CELLS = 5_000, 300_000  # rows, and numbers about them, that a page can hold and a browser can draw
_UNUSUAL = 10  # rows that are listed
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
    outside : the total weight of those outside the region that holds 99 % of the mixture.
    decided : the proportion whose component has a posterior probability of at least 0.9.
    unusual : the rows of the least density, in ascending order.
    numbers : the positions of the rows in the charts, counted from 0; None where they are not known.
    values, responsibilities, log_density : of the rows in the charts, ``(n, D)``, ``(n, K)`` and ``(n,)``.
    histograms : the edges of the bins and the density in them, for each shown column.
    """

    n_read: int
    weighted: bool
    mass: float
    outside: float
    decided: float
    unusual: tuple[Unusual, ...]
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
        log_density, decided = np.empty(len(rows)), 0.0
        for block in np.array_split(np.arange(len(rows)), len(rows) // 100_000 + 1):
            part = slice(block[0], block[-1] + 1)
            log_density[part] = mixture.log_density(rows[part])
            decided += float(mass[part] @ (mixture.responsibilities(rows[part]).max(1) >= DECIDED))
        least = counting[np.argsort(log_density[counting], kind="stable")[:_UNUSUAL]]
        n_drawn = int(np.clip(_CELLS // (mixture.n_components + len(shown)), 200, _DRAWN))
        drawn = counting
        if len(counting) > n_drawn:
            drawn = np.union1d(rng.choice(counting, n_drawn, replace=False), least)
        numbered = isinstance(source, MemorySource) or (weight is None and len(rows) == source.n_rows)
        tails = tail_probability(mixture, log_density[least])
        labels = mixture.predict(rows[least])
        outside = mass @ (log_density < highest_density(mixture, [REGION])[0])
        return cls(
            n_read=len(counting),
            weighted=weight is not None,
            mass=float(mass.sum()),
            outside=float(outside),
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
            numbers=drawn if numbered else None,
            values=np.asarray(rows[drawn], np.float64),
            responsibilities=mixture.responsibilities(rows[drawn]),
            log_density=log_density[drawn],
            histograms=[_histogram(np.asarray(rows[counting, j], np.float64), mass[counting]) for j in shown],
        )


def _histogram(values: Array, mass: Array) -> tuple[Array, Array]:
    heights, edges = np.histogram(values, edges_of(values), weights=mass)
    return edges, heights / (heights.sum() * np.diff(edges))
