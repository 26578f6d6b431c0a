"""Starts: the mixtures that EM runs begin from, made from the rows or given by the user."""

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
    "GivenMixture", "GivenResponsibilities", "KMeansPlusPlus", "Start", "StartingMixtures", "WarmStart", "as_start",
]  # fmt: skip

Array = NDArray[np.float64]
_FAR = 1e60  # standard deviations, to which standardized values are clipped
# Rows among which seeds are chosen: in all, per component, and per component and column, whichever is most.
_ROWS, _ROWS_PER_COMPONENT, _ROWS_PER_MEAN = 2_000, 100, 10
_MOST = 20_000  # the last of these is at most this


StartingMixtures = Callable[[int, Structure], list[GaussianMixture]]


class Start(ABC):
    """How the mixtures that EM runs begin from are made."""

    @abstractmethod
    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        """A function that returns the starting mixtures, one or more, for a number of components and a structure."""


@dataclass(frozen=True, eq=False)
class _SeedRows:
    """The rows among which seeds are chosen, and the coordinates in which their distances are measured."""

    rows: Rows
    points: list[Array]  # (N, P) in each of the coordinates that distances are measured in
    sphere: Array  # (D, D) points whose scatter is the covariance of all rows

    @classmethod
    def of(cls, source: Source, n_rows: int, rng: np.random.Generator) -> _SeedRows:
        rows = source.rows(n_rows, rng)
        reference = _reference(FULL, rows)
        values, vectors = _principal_axes(reference)
        standard = _standardize(rows.values, reference)
        points = [standard]
        if source.n_features > 1:  # whitening one column would repeat its standardized values
            spread = values > 1e-10  # directions without spread cannot be whitened
            points.insert(0, standard @ vectors[:, spread] / np.sqrt(values[spread]))
        sphere = (vectors * np.sqrt(np.maximum(values, 0.0))).T * np.sqrt(reference.variances)
        return cls(rows, points, sphere)

    def clusters(self, n_components: int, runs: int, sweeps: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
        """The distinct labelings that several runs of k-means find."""
        found = (
            cluster(coordinates, self.rows.mass, n_components, sweeps, rng)
            for _ in range(runs // 2)
            for coordinates in self.points
        )
        return list({labels.tobytes(): labels for labels in found}.values())


@dataclass(frozen=True)
class KMeansPlusPlus(Start):
    """Greedy k-means++ seeds (Arthur & Vassilvitskii 2007), Lloyd's k-means and one M-step, repeated `runs` times.

    Every other run measures distances after whitening by the covariance of all rows, so that neither the units of the
    columns nor the directions of the axes matter. The other runs standardize the columns instead, because among many
    whitened columns the few in which clusters differ matter little. With one column both are the same, and half the
    runs suffice. The first M-step adds a few rows with the covariance of all rows to each component, so that a
    component with few rows does not collapse.
    """

    runs: int = 8
    sweeps: int = 40

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        d = source.n_features

        @cache
        def seed_rows(n_rows: int) -> _SeedRows:
            return _SeedRows.of(source, n_rows, rng)

        @cache
        def reference(seeds: _SeedRows, form: Form) -> Reference:
            return _reference(form, seeds.rows)

        @cache
        def clusters(n_components: int) -> tuple[_SeedRows, list[NDArray[np.intp]]]:
            wanted = max(_ROWS, _ROWS_PER_COMPONENT * n_components, min(_ROWS_PER_MEAN * d * n_components, _MOST))
            seeds = seed_rows(min(wanted, source.n_counting))
            return seeds, seeds.clusters(n_components, self.runs, self.sweeps, rng)

        @cache
        def statistics(n_components: int, form: Form) -> list[SufficientStatistics]:
            seeds, labels = clusters(n_components)
            every = kernel.label_statistics(form, seeds.rows, labels, n_components, reference(seeds, form))
            # The scatter of the added rows is equivariant: it rotates and scales with the data, as the default scale
            # of a prior does not.
            return _padded(every, 2.0 * d + 4.0, seeds.sphere / n_components ** (1.0 / d))

        return lambda n_components, structure: mixtures_from_statistics(
            statistics(n_components, structure.form), structure, prior, source.features
        )


@dataclass(frozen=True, eq=False)
class GivenMixture(Start):
    """A mixture to start from."""

    mixture: GaussianMixture

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        given = self.mixture

        def starting_mixtures(n_components: int, structure: Structure) -> list[GaussianMixture]:
            if (given.n_components, given.n_features) != (n_components, source.n_features):
                raise ParameterError(
                    f"start is a {given}; give one with {n_components} components and {source.n_features} columns, "
                    "as the fit has"
                )
            compact = compact_covariances(given) if given.structure is structure else _in_structure(given, structure)
            weights = structure.weights(given.weights)
            return [GaussianMixture(weights, given.means, compact, structure, source.features)]

        return starting_mixtures


@dataclass(frozen=True, eq=False)
class WarmStart(KMeansPlusPlus):
    """The starts of `KMeansPlusPlus`, and for each structure and number of components one mixture fitted before."""

    mixture_of: Mapping[tuple[Structure, int], GaussianMixture] = field(default_factory=dict)

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        seeded = super().mixtures(source, prior, rng)
        return lambda n_components, structure: [
            *seeded(n_components, structure),
            self.mixture_of[structure, n_components],
        ]


@dataclass(frozen=True, eq=False)
class GivenResponsibilities(Start):
    """Labels ``(N,)`` or responsibilities ``(N, K)``, one row for each row of a table in memory."""

    responsibilities: Array

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        if not isinstance(source, MemorySource):
            raise ParameterError("labels or responsibilities as a start need a table in memory; give a mixture instead")

        def starting_mixtures(n_components: int, structure: Structure) -> list[GaussianMixture]:
            if self.responsibilities.shape != (source.n_rows, n_components):
                raise ParameterError(
                    f"start has {self.responsibilities.shape[0]} rows and {self.responsibilities.shape[1]} "
                    f"components; give one with {source.n_rows} rows and {n_components} components, as the fit has"
                )
            statistics = SufficientStatistics.from_responsibilities(
                structure.form, source.array, self.responsibilities, source.weight
            )
            return [GaussianMixture.from_statistics(statistics, structure, prior, source.features)]

        return starting_mixtures


def as_start(start: Any) -> Start:
    """Convert ``"auto"``, ``"k-means++"``, a mixture, labels or responsibilities to a `Start`."""
    if isinstance(start, Start):
        return start
    if isinstance(start, GaussianMixture):
        return GivenMixture(start)
    if isinstance(start, str):
        if start in ("auto", "k-means++"):
            return KMeansPlusPlus()
        known = ["auto", "k-means++"]
        raise ParameterError(
            f"start {start!r} is not known{nearest(start, known)}; give {' or '.join(map(repr, known))}"
        )
    try:
        given = np.asarray(start)
    except ValueError:  # rows of unequal length
        given = np.empty(0)
    if given.ndim == 1 and given.dtype.kind in "iub" and len(given):
        if not (given.min() >= 0 and given.max() < len(given)):
            raise ParameterError(
                f"start holds labels from {given.min()} to {given.max()} for {len(given)} rows; "
                "number the components from 0"
            )
        return GivenResponsibilities(np.eye(int(given.max()) + 1)[given.astype(np.intp)])
    if given.ndim == 2 and given.dtype.kind in "fiub":
        share = given.astype(np.float64)
        if (share >= 0).all() and np.allclose(share.sum(1), 1.0, atol=1e-3):
            return GivenResponsibilities(share / share.sum(1, keepdims=True))
        raise ParameterError(
            "start holds responsibilities that are negative or do not sum to one in each row; normalize them"
        )
    raise ParameterError(
        "start must be 'auto', 'k-means++', a mixture (of a Fit: fit.mixture), integer labels (N,) or responsibilities "
        "(N, K)"
    )


def _in_structure(given: GaussianMixture, structure: Structure) -> Array:
    """The covariances of a mixture in a structure, compact; the nearest ones if the structure does not allow them."""
    if structure.contains(given.structure):
        return np.array(structure.form.compress(given.covariances))
    return structure.nearest(given.weights, given.covariances)


def _padded(every: list[SufficientStatistics], few: float, corners: Array) -> list[SufficientStatistics]:
    """The statistics with `few` more rows in each component, or less if it has many, whose scatter is the corners'."""
    form = every[0].form
    mass = np.stack([statistics.mass for statistics in every])
    extra = few * np.minimum(few / np.maximum(mass, few), 1.0)
    share = extra / few
    one = (FULL if form is TIED else form).scatter(np.ones((1, len(corners))), corners[None])
    scatter = np.stack([statistics.scatter for statistics in every]) + (
        share.sum(1)[:, None, None] * one if form is TIED else share.reshape(*share.shape, *(1,) * (one.ndim - 1)) * one
    )
    return [
        SufficientStatistics(form, m, s.mean, w, np.nan, total_weight=s.total_weight, reference=s.reference)
        for s, m, w in zip(every, mass + extra, scatter, strict=True)
    ]


def _reference(form: Form, rows: Rows) -> Reference:
    """The reference term of some rows."""
    labels = np.zeros(len(rows), np.intp)
    return SufficientStatistics.from_labels(form, rows.values, labels, 1, rows.weights).reference


def _standardize(values: NDArray[Any], reference: Reference) -> Array:
    """Rows about their mean, in standard deviations of each column."""
    with np.errstate(over="ignore"):  # a row of tiny weight may be very far from the mean
        deviations = (np.asarray(values, np.float64) - reference.mean) / np.sqrt(reference.variances)
    return np.asarray(np.clip(deviations, -_FAR, _FAR))


def _principal_axes(reference: Reference) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of the correlation of all rows."""
    deviation = np.sqrt(reference.variances)
    with np.errstate(over="ignore"):  # the correlation of a constant column is rounding error
        correlation = np.clip(reference.scatter[0] / reference.total_weight / deviation / deviation[:, None], -1.0, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    return values, vectors
