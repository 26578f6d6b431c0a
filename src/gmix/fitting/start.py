"""Starts: the first mixtures of a climb, made from the data or given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError, nearest
from gmix.base.rows import Rows
from gmix.fitting.k_means import cluster
from gmix.model.covariance import FULL, TIED, Form, Structure
from gmix.model.kernel import kernel
from gmix.model.mixture import GaussianMixture, compact_covariances, mixtures_from_statistics
from gmix.model.priors import Prior
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.sources import MemorySource, Source

__all__ = [
    "Begin", "GivenMixture", "GivenResponsibilities", "KMeansPlusPlus", "Reached", "Start", "as_start",
]  # fmt: skip

Array = NDArray[np.float64]
_FAR = 1e60  # standard deviations; farther points count as this far
# Seeds are chosen among so many rows, or so many a component, or so many for each of a component's columns.
_ROWS, _ROWS_EACH, _ROWS_FOR = 2_000, 100, 10
_MOST = 20_000  # rows, however many columns there are


Begin = Callable[[int, Structure], list[GaussianMixture]]


class Start(ABC):
    """A way to the first mixtures."""

    @abstractmethod
    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> Begin:
        """What gives so many components of a structure their mixtures to climb from, one or more."""


@dataclass(frozen=True, eq=False)
class _SeedRows:
    """The rows among which seeds are chosen, and the coordinates in which their distances are measured."""

    rows: Rows
    points: list[Array]  # (N, P), once for each way of measuring distances
    sphere: Array  # (D, D) points whose scatter is the covariance of all rows

    @classmethod
    def of(cls, source: Source, n_rows: int, rng: np.random.Generator) -> _SeedRows:
        rows = source.rows(n_rows, rng)
        reference = _reference(FULL, rows)
        values, vectors = _principal_axes(reference)
        standard = _standardize(rows.values, reference)
        points = [standard]
        if source.n_features > 1:  # else they are the same, and half as many runs find as much
            spread = values > 1e-10  # else there is nothing to whiten
            points.insert(0, standard @ vectors[:, spread] / np.sqrt(values[spread]))
        sphere = (vectors * np.sqrt(np.maximum(values, 0.0))).T * np.sqrt(reference.variances)
        return cls(rows, points, sphere)

    def clusters(self, n_components: int, runs: int, sweeps: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
        """The labels of the different clusters that several runs of k-means find."""
        found = (
            cluster(coordinates, self.rows.mass, n_components, sweeps, rng)
            for _ in range(runs // 2)
            for coordinates in self.points
        )
        return list({labels.tobytes(): labels for labels in found}.values())  # clear clusters are found often


@dataclass(frozen=True)
class KMeansPlusPlus(Start):
    """Greedy k-means++ seeds (Arthur & Vassilvitskii 2007), some steps of Lloyd's, and one M-step; `runs` times.

    Distances are measured in turn after whitening by the covariance of all rows, so that neither the units of the
    columns nor the directions of the axes matter, and in standard deviations of the columns, because whitening many
    columns drowns the few in which clusters differ. In one column these are the same, and half of the runs are enough.
    The first covariances are held up by a few rows' worth of all rows' covariance, so that a seed with few rows is not
    a collapse.
    """

    runs: int = 8
    sweeps: int = 40

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> Begin:
        d = source.n_features

        @cache
        def seed_rows(n_rows: int) -> _SeedRows:
            return _SeedRows.of(source, n_rows, rng)

        @cache
        def reference(here: _SeedRows, form: Form) -> Reference:
            return _reference(form, here.rows)

        @cache
        def clusters(n_components: int) -> tuple[_SeedRows, list[NDArray[np.intp]]]:
            wanted = max(_ROWS, _ROWS_EACH * n_components, min(_ROWS_FOR * d * n_components, _MOST))
            here = seed_rows(min(wanted, source.n_counting))
            return here, here.clusters(n_components, self.runs, self.sweeps, rng)

        @cache
        def statistics(n_components: int, form: Form) -> list[SufficientStatistics]:
            here, labels = clusters(n_components)
            every = kernel.label_statistics(form, here.rows, labels, n_components, reference(here, form))
            # To each component are added a few rows about its mean, hardly any where it has many, with the covariance
            # of all rows scaled down to its share: unlike a prior's default scale, it turns and stretches with the data
            # whatever the structure.
            return _padded(every, 2.0 * d + 4.0, here.sphere / n_components ** (1.0 / d))

        return lambda n_components, structure: mixtures_from_statistics(
            statistics(n_components, structure.form), structure, prior, source.features
        )


@dataclass(frozen=True, eq=False)
class GivenMixture(Start):
    """A mixture to go on from."""

    mixture: GaussianMixture

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> Begin:
        given = self.mixture

        def begin(n_components: int, structure: Structure) -> list[GaussianMixture]:
            if (given.n_components, given.n_features) != (n_components, source.n_features):
                raise ParameterError(
                    f"start is a {given}; the fit wants {n_components} components in {source.n_features} columns"
                )
            compact = compact_covariances(given) if given.structure is structure else _in_form(given, structure)
            weights = structure.weights(given.weights)
            return [GaussianMixture(weights, given.means, compact, structure, source.features)]

        return begin


@dataclass(frozen=True, eq=False)
class Reached(KMeansPlusPlus):
    """Starts of `KMeansPlusPlus`, and besides a mixture of each structure and count that a sub-sample has led to."""

    mixture_of: Mapping[tuple[Structure, int], GaussianMixture] = field(default_factory=dict)

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> Begin:
        begin = super().mixtures(source, prior, rng)
        return lambda n_components, structure: [
            *begin(n_components, structure),
            self.mixture_of[structure, n_components],
        ]


@dataclass(frozen=True, eq=False)
class GivenResponsibilities(Start):
    """Labels ``(N,)`` or responsibilities ``(N, K)``, one row for each row of a table in memory."""

    responsibilities: Array

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> Begin:
        if not isinstance(source, MemorySource):
            raise ParameterError(
                "a start by labels or responsibilities needs a table in memory; give a mixture instead"
            )

        def begin(n_components: int, structure: Structure) -> list[GaussianMixture]:
            if self.responsibilities.shape != (source.n_rows, n_components):
                raise ParameterError(
                    f"start speaks of {self.responsibilities.shape[0]} rows and {self.responsibilities.shape[1]} "
                    f"components; the fit has {source.n_rows} and {n_components}"
                )
            statistics = SufficientStatistics.from_responsibilities(
                structure.form, source.array, self.responsibilities, source.weight
            )
            return [GaussianMixture.from_statistics(statistics, structure, prior, source.features)]

        return begin


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
    raise ParameterError(
        "start must be 'auto', 'k-means++', a mixture (of a Fit: fit.mixture), integer labels (N,) or responsibilities "
        "(N, K)"
    )


def _in_form(given: GaussianMixture, structure: Structure) -> Array:
    """The covariances of another structure, as near as this one can hold them."""
    if structure.contains(given.structure):
        return np.array(structure.form.compress(given.covariances))
    return structure.nearest(given.weights, given.covariances)


def _padded(every: list[SufficientStatistics], few: float, corners: Array) -> list[SufficientStatistics]:
    """With so `few` rows more in each component whose scatter is that of the `corners`, or less where it has many."""
    form = every[0].form
    mass = np.stack([one.mass for one in every])
    extra = few * np.minimum(few / np.maximum(mass, few), 1.0)
    share = extra / few
    one = (FULL if form is TIED else form).scatter(np.ones((1, len(corners))), corners[None])
    scatter = np.stack([one.scatter for one in every]) + (
        share.sum(1)[:, None, None] * one if form is TIED else share.reshape(*share.shape, *(1,) * (one.ndim - 1)) * one
    )
    return [
        SufficientStatistics(form, m, s.mean, w, np.nan, n_rows=s.n_rows, reference=s.reference)
        for s, m, w in zip(every, mass + extra, scatter, strict=True)
    ]


def _reference(form: Form, rows: Rows) -> Reference:
    """The scale of some rows."""
    one = np.zeros(len(rows), np.intp)
    return SufficientStatistics.from_labels(form, rows.values, one, 1, rows.weights).reference


def _standardize(values: NDArray[Any], reference: Reference) -> Array:
    """Rows about their mean, in standard deviations of each column; those of tiny weight may be very far off."""
    with np.errstate(over="ignore"):
        deviations = (np.asarray(values, np.float64) - reference.mean) / np.sqrt(reference.variances)
    return np.asarray(np.clip(deviations, -_FAR, _FAR))


def _principal_axes(reference: Reference) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of the correlation of all rows."""
    deviation = np.sqrt(reference.variances)
    with np.errstate(over="ignore"):  # that of a constant column is rounding
        correlation = np.clip(reference.scatter[0] / reference.n_rows / deviation / deviation[:, None], -1.0, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    return values, vectors
