"""Starts: the first mixtures of a climb, made from the data or given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.covariance import FULL, Structure
from gmix.errors import ParameterError, nearest
from gmix.mixture import GaussianMixture
from gmix.priors import NormalInverseWishart, Prior
from gmix.sources import MemorySource, Source
from gmix.statistics import SufficientStatistics

__all__ = ["GivenMixture", "GivenResponsibilities", "KMeansPlusPlus", "Start", "as_start"]

Array = NDArray[np.float64]
_ROWS = 20_000  # seeds are chosen among at most this many


class Start(ABC):
    """A way to the first mixtures."""

    @abstractmethod
    def mixtures(
        self, source: Source, n_components: int, structure: Structure, prior: Prior | None, rng: np.random.Generator
    ) -> list[GaussianMixture]:
        """One or more mixtures to climb from, all with these components and this structure."""


@dataclass(frozen=True)
class KMeansPlusPlus(Start):
    """Greedy k-means++ seeds (Arthur & Vassilvitskii 2007), a few steps of Lloyd's, and one M-step; `runs` times.

    Distances are measured after whitening by the covariance of all rows, so the units of the columns and the
    directions of the axes do not matter. The first covariances are held up by a weak prior, so that a seed with few
    rows is not a collapse.
    """

    runs: int = 8
    sweeps: int = 5

    def mixtures(
        self, source: Source, n_components: int, structure: Structure, prior: Prior | None, rng: np.random.Generator
    ) -> list[GaussianMixture]:
        rows, weight = source.rows(_ROWS, rng)
        total = SufficientStatistics.from_responsibilities(FULL, rows, np.ones((len(rows), 1)), weight)
        points, mass = _whiten(rows, total), np.ones(len(rows)) if weight is None else weight
        # Unlike the prior's default scale, this one turns and stretches with the data whatever the structure.
        scale = total.scatter[0] / total.mass[0] / n_components ** (2.0 / source.n_features)
        steady = NormalInverseWishart(scale=scale)
        mixtures = []
        for _ in range(self.runs):
            labels = _cluster(points, mass, n_components, self.sweeps, rng)
            statistics = SufficientStatistics.from_responsibilities(
                structure.form, rows, np.eye(n_components)[labels], weight
            )
            mixtures.append(GaussianMixture.from_statistics(statistics, structure, steady, source.features))
        return mixtures


@dataclass(frozen=True, eq=False)
class GivenMixture(Start):
    """A mixture to go on from."""

    mixture: GaussianMixture

    def mixtures(
        self, source: Source, n_components: int, structure: Structure, prior: Prior | None, rng: np.random.Generator
    ) -> list[GaussianMixture]:
        given = self.mixture
        if (given.n_components, given.n_features) != (n_components, source.n_features):
            raise ParameterError(
                f"start is a {given}; the fit wants {n_components} components in {source.n_features} columns"
            )
        same = given.structure is structure
        return [
            GaussianMixture(
                structure.weights(given.weights),
                given.means,
                given.compact_covariances if same else _in_form(given, structure),
                structure,
                source.features,
            )
        ]


@dataclass(frozen=True, eq=False)
class GivenResponsibilities(Start):
    """Labels ``(N,)`` or responsibilities ``(N, K)``, one row for each row of a table in memory."""

    responsibilities: Array

    def mixtures(
        self, source: Source, n_components: int, structure: Structure, prior: Prior | None, rng: np.random.Generator
    ) -> list[GaussianMixture]:
        if not isinstance(source, MemorySource):
            raise ParameterError(
                "a start by labels or responsibilities needs a table in memory; give a mixture instead"
            )
        if self.responsibilities.shape != (source.n_rows, n_components):
            raise ParameterError(
                f"start speaks of {self.responsibilities.shape[0]} rows and {self.responsibilities.shape[1]} "
                f"components; the fit has {source.n_rows} and {n_components}"
            )
        statistics = SufficientStatistics.from_responsibilities(
            structure.form, source.array, self.responsibilities, source.weight
        )
        return [GaussianMixture.from_statistics(statistics, structure, prior, source.features)]


def as_start(start: Any) -> Start:
    """Turn what a person writes into a `Start`: ``"auto"``, ``"k-means++"``, a mixture, labels or responsibilities."""
    if isinstance(start, Start):
        return start
    if isinstance(start, GaussianMixture):
        return GivenMixture(start)
    if isinstance(start, str):
        if start in ("auto", "k-means++"):
            return KMeansPlusPlus()
        known = ["auto", "k-means++"]
        raise ParameterError(
            f"start {start!r} is not a way to begin{nearest(start, known)}; known are {', '.join(known)}"
        )
    try:
        given = np.asarray(start)
    except ValueError:  # rows of unequal length
        given = np.empty(0)
    if given.ndim == 1 and given.dtype.kind in "iub" and len(given):
        if not (given.min() >= 0 and given.max() < len(given)):
            raise ParameterError(
                f"start holds labels from {given.min()} to {given.max()} for {len(given)} rows; "
                "labels count components from 0"
            )
        return GivenResponsibilities(np.eye(int(given.max()) + 1)[given.astype(np.intp)])
    if given.ndim == 2 and given.dtype.kind in "fiub":
        share = given.astype(np.float64)
        if (share >= 0).all() and np.allclose(share.sum(1), 1.0, atol=1e-3):
            return GivenResponsibilities(share / share.sum(1, keepdims=True))
        raise ParameterError("start holds responsibilities that are negative or do not sum to one in each row")
    raise ParameterError("start must be 'auto', 'k-means++', a mixture, integer labels (N,) or responsibilities (N, K)")


def _in_form(given: GaussianMixture, structure: Structure) -> Array:
    """The covariances of another structure, as near as this one can hold them."""
    if given.structure.within(structure):
        return np.array(structure.form.compress(given.covariances))
    return structure.nearest(given.weights, given.covariances)


def _whiten(rows: NDArray[Any], total: SufficientStatistics) -> Array:
    """Rows whose covariance is the identity, in every direction in which they spread at all."""
    deviation = np.sqrt(total.variances)
    points = (np.asarray(rows, np.float64) - total.mean[0]) / deviation
    correlation = FULL.rescale(total.scatter[0] / total.mass[0], 1.0 / deviation)
    values, vectors = np.linalg.eigh(correlation)
    spread = values > 1e-10 * max(float(values[-1]), 1e-300)
    return np.asarray(points @ vectors[:, spread] / np.sqrt(values[spread]))


def _cluster(points: Array, mass: Array, n_components: int, sweeps: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Labels ``(N,)`` by k-means++ and Lloyd's steps."""
    centres = _seed(points, mass, n_components, rng)
    labels = _squared_distances(points, centres).argmin(1)
    for _ in range(sweeps):
        share = np.eye(n_components)[labels] * mass[:, None]
        size = share.sum(0)
        centres = np.where(size[:, None] > 0, share.T @ points / np.maximum(size, 1e-300)[:, None], centres)
        labels = _squared_distances(points, centres).argmin(1)
    return np.asarray(labels)


def _seed(points: Array, mass: Array, n_components: int, rng: np.random.Generator) -> Array:
    """Each seed the best of a few rows drawn with probability proportional to the squared distance to those chosen."""
    trials = 2 + int(np.log(n_components))
    chosen = [int(rng.choice(len(points), p=mass / mass.sum()))]
    closest = _squared_distances(points, points[chosen])[:, 0]
    while len(chosen) < n_components:
        potential = closest * mass
        total = potential.sum()
        probability = potential / total if total > 0 else mass / mass.sum()  # fewer distinct rows than components
        tried = rng.choice(len(points), size=trials, p=probability)
        closer = np.minimum(closest[:, None], _squared_distances(points, points[tried]))
        best = int((mass @ closer).argmin())
        chosen.append(int(tried[best]))
        closest = closer[:, best]
    return points[chosen]


def _squared_distances(points: Array, centres: Array) -> Array:
    """``(N, K)``; the points are centred and of unit scale, so expanding the square costs no digit that matters."""
    return np.asarray(np.maximum((points**2).sum(1)[:, None] - 2.0 * points @ centres.T + (centres**2).sum(1), 0.0))
