"""Starts with a background: components from the rows that lie close together, and the other rows in the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.fitting.neighbors import in_background
from gmix.fitting.start.contract import FromStart, StartingMixtures
from gmix.fitting.start.given import GivenResponsibilities
from gmix.model.background import Background
from gmix.model.covariance import Structure
from gmix.model.frozen import Frozen
from gmix.model.priors import Prior
from gmix.model.student import AnyMixture
from gmix.sources import MemorySource, Source

__all__ = ["WithBackground", "probability_of_clutter", "without_clutter"]

Array = NDArray[np.float64]
_ROWS = 20_000  # in which rows far from others are found
_NEIGHBORS = 12  # the one to which distances are taken
_ITERATIONS = 50
_LEAST, _MOST = 0.01, 0.5  # weight of a background to start from
_UNKNOWN = 0.05  # the weight that a background gets beside a mixture that is given


@dataclass(frozen=True, eq=False)
class WithBackground(FromStart):
    """The mixtures of another start, each with a background.

    A start from rows alone is made from the rows that are more likely than not no clutter, because seeds are drawn to
    isolated rows (`probability_of_clutter`).

    Attributes
    ----------
    start : makes the components.
    background : the density of the background; its weight is estimated.
    frozen : the parameters that EM leaves as they are; None if all are free.
    """

    background: Background
    frozen: Frozen | None = None

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        weight = _UNKNOWN
        if isinstance(self.start, GivenResponsibilities):
            weight = self.start.in_background(source) or _UNKNOWN
        if self.is_made and source.groups is None:  # labeled rows are no clutter
            source, weight = without_clutter(source, rng)
        made, background = self.start.mixtures(source, prior, rng), self.background.with_weight(weight)

        def starting_mixtures(n_components: int, structure: Structure) -> list[AnyMixture]:
            return [in_background(mixture, background, self.frozen) for mixture in made(n_components, structure)]

        return starting_mixtures


def without_clutter(source: Source, rng: np.random.Generator) -> tuple[Source, float]:
    """Rows of a source that are more likely than not no clutter, and the share of the others."""
    rows = source.rows(_ROWS, rng)
    if len(rows) <= 2 * _NEIGHBORS:
        return source, _UNKNOWN
    table = MemorySource.of_rows(rows, source)
    clutter = probability_of_clutter(table.points) > 0.5
    share = float(np.average(clutter, weights=rows.weights))
    if not share < _MOST:
        return source, _UNKNOWN
    return MemorySource.of_rows(table.with_points[~clutter], source), max(share, _LEAST)


def probability_of_clutter(values: NDArray[Any]) -> Array:
    r"""The probability ``(N,)`` that a row belongs to the thinner of two Poisson processes.

    The distance to the k-th nearest neighbor in d columns has a density in proportion to a Gamma density of
    :math:`D_k^d`, with the shape k and a rate in proportion to the intensity. EM fits a mixture of two (Byers & Raftery
    1998, *Journal of the American Statistical Association* 93:577). Distances are measured in units of the ranges of
    the columns.
    """
    from scipy.spatial import KDTree

    x = np.asarray(values, np.float64)
    ranges = np.ptp(x, axis=0)
    x = (x - x.min(0)) / np.where(ranges > 0.0, ranges, 1.0)
    distances = KDTree(x).query(x, [_NEIGHBORS + 1])[0][:, 0]
    log_volume = x.shape[1] * np.log(np.maximum(distances, np.finfo(float).tiny))
    volume = np.exp(np.clip(log_volume - np.median(log_volume), -700.0, 700.0))
    clutter: Array = (log_volume > np.quantile(log_volume, 0.9)).astype(np.float64)
    if not clutter.any():  # as many neighbors are near every row
        return clutter
    for _ in range(_ITERATIONS):
        share = np.clip(clutter.mean(), 1e-6, 1.0 - 1e-6)
        thin = _NEIGHBORS * clutter.sum() / max(float(clutter @ volume), np.finfo(float).tiny)
        dense = _NEIGHBORS * (1.0 - clutter).sum() / max(float((1.0 - clutter) @ volume), np.finfo(float).tiny)
        log_odds = np.log(share / (1.0 - share)) + _NEIGHBORS * np.log(thin / dense) - (thin - dense) * volume
        clutter = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700.0, 700.0)))
    return np.asarray(clutter)
