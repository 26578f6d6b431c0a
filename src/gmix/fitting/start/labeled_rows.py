"""Starts from rows whose labels are known: the components of a group start from its labeled rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import DataError
from gmix.base.labels import Groups
from gmix.base.rows import Rows
from gmix.base.wording import count
from gmix.fitting.k_means import cluster
from gmix.fitting.start.contract import Start, StartingMixtures, n_seed_rows
from gmix.fitting.start.labeled import SeedRows
from gmix.model.covariance import Structure
from gmix.model.mixture import GaussianMixture, mixtures_from_statistics
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.sources import Source

__all__ = ["LabeledRows"]

Array = NDArray[np.float64]
_PER_GROUP = 500  # rows of each group that a start is made from; a smaller group is used as a whole
_CLIPPED = 2.0**-53  # differences of soft labels that are rounding


@dataclass(frozen=True)
class LabeledRows(Start):
    """One M-step from the labeled rows of each group, and from unlabeled rows for components without a label.

    A group of several components is divided by k-means++. Components without a label have k-means++ seeds among the
    unlabeled rows, far from the components with one, and get the unlabeled rows that are nearest to their seeds. Soft
    labels are the responsibilities of the M-step. The start is repeated `runs` times if it depends on random numbers.
    """

    is_made: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    runs: int = 8
    sweeps: int = 40

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        assert source.groups is not None
        every, d = source.groups, source.n_features

        @cache
        def seeds(n_components: int) -> SeedRows:
            n_rows = max(n_seed_rows(n_components, d) // len(every.names), _PER_GROUP)
            return SeedRows.of_rows(_rows(source, every.with_components(n_components), n_rows, rng), source)

        @cache
        def shares(n_components: int) -> list[Array]:
            return self._shares(seeds(n_components), every.with_components(n_components), rng)

        def starting_mixtures(n_components: int, structure: Structure) -> list[GaussianMixture]:
            form, rows = structure.form, seeds(n_components).rows
            reference = seeds(n_components).reference(form)
            made = [
                SufficientStatistics.from_responsibilities(form, rows.points, each, rows.weights).on(reference)
                for each in shares(n_components)
            ]
            return mixtures_from_statistics(seeds(n_components).padded(made), structure, prior, source.features)

        return starting_mixtures

    def _shares(self, seeds: SeedRows, groups: Groups, rng: np.random.Generator) -> list[Array]:
        """The responsibilities ``(N, K)`` of each start; rows that no component starts from have none."""
        draws = groups.free > 0 or max(groups.sizes) > 1
        every = (
            self._divided(points, seeds.rows, groups, rng)
            for _ in range(max(self.runs // 2, 1) if draws else 1)
            for points in (seeds.points if draws else seeds.points[:1])
        )
        return list({shares.tobytes(): shares for shares in every}.values())

    def _divided(self, points: Array, rows: Rows, groups: Groups, rng: np.random.Generator) -> Array:
        """The responsibilities of one start, with distances measured in these coordinates of the rows."""
        shares, first, mass = np.zeros((len(rows), groups.n_components)), 0, rows.mass
        for size, share in zip(groups.sizes, _group_shares(rows, groups).T, strict=True):
            some = np.flatnonzero(share * mass)
            component = np.zeros(len(some), np.intp)
            if size > 1:
                component = cluster(points[some], (share * mass)[some], size, self.sweeps, rng)
            shares[some, first + component] = share[some]
            first += size
        if groups.free > 0:
            known = (shares * mass[:, None])[:, :first]
            centers = known.T @ points / np.maximum(known.sum(0), 1e-300)[:, None]
            some = np.flatnonzero((rows.labels == -1) * mass)
            nearest = _nearest_seeds(points[some], mass[some], centers, groups.free, self.sweeps, rng)
            free = nearest >= first
            shares[some[free], nearest[free]] = 1.0
        return shares


def _rows(source: Source, groups: Groups, n_rows: int, rng: np.random.Generator) -> Rows:
    """Rows of each group, and unlabeled ones if components have no label. Raises `DataError` if there are too few."""
    parts: list[Rows] = []
    labels = [*range(len(groups.names)), *([-1] if groups.free else [])]
    if source.has_soft_labels:
        return source.rows(n_rows * len(groups.names), rng)
    for number in labels:
        some = source.of_label(number)
        size = groups.free if number < 0 else groups.sizes[number]
        if some.n_counting < size:
            raise DataError(_too_few(groups, number, size, some.n_counting))
        parts.append(some.rows(n_rows, rng))
    return Rows.joined(parts)


def _too_few(groups: Groups, number: int, size: int, found: int) -> str:
    only = f"only {count(found, 'row')} {'has' if found == 1 else 'have'}"
    if number < 0:
        what = "every row has a label" if found == 0 else f"{only} no label"
        return f"{what}, so there are no rows for {count(size, 'component')} without a label; ask for fewer components"
    what = "no row with a weight has" if found == 0 else only
    components = count(size, "component")
    return f"{what} the label {groups.names[number]!r}, which has {components}; leave it out or ask for fewer"


def _group_shares(rows: Rows, groups: Groups) -> Array:
    """The probability ``(N, G)`` of each group by the labels alone; zero where nothing is known."""
    if rows.log_evidence is None:
        assert rows.labels is not None
        return np.asarray(rows.labels[:, None] == np.arange(len(groups.names)), np.float64)
    shares = np.exp(rows.log_evidence - rows.log_evidence.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    informed = np.ptp(shares, axis=1) > _CLIPPED
    known = (shares * (rows.mass * informed)[:, None]).sum(0)
    return np.asarray(shares * informed[:, None] if (known > 0.0).all() else shares)


def _nearest_seeds(
    points: Array, mass: Array, centers: Array, n_seeds: int, sweeps: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """The nearest of fixed `centers` and, with higher numbers, of further seeds, to each point.

    The seeds are drawn by k-means++, given the centers, and moved by Lloyd's iteration.
    """
    fixed = len(centers)
    for uniform in rng.random(n_seeds):
        potential = _squared_distances(points, centers).min(1) * mass
        sums = np.cumsum(potential if potential.any() else mass)
        chosen = min(int(np.searchsorted(sums, uniform * sums[-1], side="right")), len(points) - 1)
        centers = np.vstack([centers, points[chosen]])
    nearest = np.asarray(_squared_distances(points, centers).argmin(1))
    for _ in range(sweeps):
        share = (nearest[:, None] == np.arange(fixed, len(centers))) * mass[:, None]
        size = share.sum(0)[:, None]
        centers[fixed:] = np.where(size > 0.0, share.T @ points / np.maximum(size, 1e-300), centers[fixed:])
        before, nearest = nearest, np.asarray(_squared_distances(points, centers).argmin(1))
        if (nearest == before).all():
            break
    return nearest


def _squared_distances(points: Array, centers: Array) -> Array:
    """``(N, K)``; the points are centered and of unit scale, so that the expanded square is accurate enough."""
    return np.asarray((points**2).sum(1)[:, None] - 2.0 * points @ centers.T + (centers**2).sum(1))
