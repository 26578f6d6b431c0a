"""Starts from labels: rows are divided into clusters, and one M-step makes a mixture from each division."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.fitting.em import run_em
from gmix.fitting.start.contract import Start, StartingMixtures, n_seed_rows
from gmix.model.covariance import FULL, TIED, Factors, Form, LowRank, Structure, factors, low_rank
from gmix.model.kernel import kernel
from gmix.model.mixture import GaussianMixture, compact_covariances, mixtures_from_statistics, unchecked_mixture
from gmix.model.priors import Prior
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Round, StoppingRule
from gmix.sources import MemorySource, Source

__all__ = ["LabeledStart", "Labels", "SeedRows", "different"]

Array = NDArray[np.float64]
Labels = NDArray[np.intp]
_TIED = StoppingRule(1e-2, 40)  # of factor models with one covariance, from whose clusters others start
_TIED_RACE = (Round(StoppingRule(0.0, 0), 6), Round(StoppingRule(0.0, 8), 2))
_FEW_SYSTEMS, _NUMBERS = 2, 20_000  # of coordinates for other structures; in the rows
_RANDOM = 8  # random starts of a factor model of one component, of tables that are not large
_ROWS_PER_AXIS = 8  # at least, of the principal axes that are whitened if there are many columns
_FAR = 1e60  # standard deviations, to which standardized values are clipped


@dataclass(frozen=True, eq=False)
class SeedRows:
    """The rows that starts are made from, and the coordinates in which their distances are measured."""

    rows: Rows
    points: list[Array]  # (N, P) the rows, in each system of coordinates in which distances are measured
    sphere: Array  # (D, D) points whose scatter is the covariance of all rows

    @classmethod
    def of(cls, source: Source, n_rows: int, rng: np.random.Generator) -> SeedRows:
        return cls.of_rows(source.rows(n_rows, rng), source)

    @classmethod
    def of_rows(cls, rows: Rows, source: Source) -> SeedRows:
        """Some rows of a source."""
        return cls.of_points(MemorySource.points_of(rows, source))

    @classmethod
    def of_points(cls, rows: Rows) -> SeedRows:
        """Rows with `points` if cells are missing."""
        reference = _reference(FULL, rows)
        values, vectors = _principal_axes(reference)
        standard = _standardize(rows.points, reference)
        points = [standard]
        if rows.values.shape[1] > 1:  # whitening one column would repeat its standardized values
            spread = values > 1e-10  # directions without spread cannot be whitened
            points.insert(0, standard @ vectors[:, spread] / np.sqrt(values[spread]))
        sphere = (vectors * np.sqrt(np.maximum(values, 0.0))).T * np.sqrt(reference.variances)
        return cls(rows, points, sphere)

    def along_main_axes(self, n_components: int) -> SeedRows:
        """The same rows with further coordinates: those along the main principal axes, whitened, for several numbers.

        The axes of a table with more columns than rows cannot all be whitened: the rows would have equal distances. If
        few columns differ between clusters and others are correlated, clusters differ along some of the main axes.
        """
        standard = self.points[-1]
        left = np.linalg.svd(standard, full_matrices=False)[0]
        most = min(len(standard) // _ROWS_PER_AXIS, left.shape[1])
        numbers, number = list[int](), max(n_components - 1, 2)
        while number < most:
            numbers.append(number)
            number *= 2
        every = [left[:, :number] * np.sqrt(len(left)) for number in (*numbers, most) if number > 0]
        return replace(self, points=[standard, *every])

    @property
    def are_expensive(self) -> bool:
        """Whether starts for factor models of these rows, along the main axes, take so long that there are fewer."""
        return len(self.points) > _FEW_SYSTEMS and self.rows.values.size > _NUMBERS

    def reference(self, form: Form) -> Reference:
        """The reference, the scale of the data, of these rows."""
        return _reference(form, self.rows)

    def padded(self, every: list[SufficientStatistics]) -> list[SufficientStatistics]:
        """The statistics with a few rows added to each component; their covariance is that of all rows, scaled down.

        One component of complete rows needs no others: its statistics are those of the optimum.
        """
        if every[0].n_components == 1 and not self.rows.incomplete:
            return every
        d = len(self.sphere)
        # The scatter of the added rows rotates and scales with the data. The default scale of a prior does not, so it
        # cannot be used here.
        form = every[0].form
        if isinstance(form, LowRank):
            return _padded_sketches(every, form, 2.0 * form.n_factors + 4.0, self.sphere)
        return _padded(every, 2.0 * d + 4.0, self.sphere / every[0].n_components ** (1.0 / d))


class LabeledStart(Start):
    """A start that divides some of the rows into clusters.

    The M-step adds a few rows with the covariance of all rows to each component, so that a component with few rows
    does not collapse.
    """

    is_made: ClassVar[bool] = True

    @abstractmethod
    def clustering(self, rng: np.random.Generator) -> Callable[[SeedRows, int], list[Labels]]:
        """A function that returns one or more arrays of labels of the rows for a number of components."""

    def n_rows(self, n_components: int, n_features: int) -> int:
        """The number of rows that are divided into clusters; a smaller table is used as a whole."""
        return n_seed_rows(n_components, n_features)

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        d, clustering = source.n_features, self.clustering(rng)

        @cache
        def seed_rows(n_rows: int) -> SeedRows:
            return SeedRows.of(source, n_rows, rng)

        @cache
        def reference(seeds: SeedRows, form: Form) -> Reference:
            return seeds.reference(form)

        @cache
        def clusters(n_components: int, along_main_axes: bool) -> tuple[SeedRows, list[Labels]]:
            seeds = seed_rows(min(self.n_rows(n_components, d), source.n_counting))
            return seeds, clustering(seeds.along_main_axes(n_components) if along_main_axes else seeds, n_components)

        @cache
        def statistics(n_components: int, form: Form) -> list[SufficientStatistics]:
            seeds, labels = clusters(n_components, form.is_sketch)
            every = kernel.label_statistics(form, seeds.rows, labels, n_components, reference(seeds, form))
            return seeds.padded(every)

        @cache
        def tied_clusters(n_components: int, n_factors: int) -> list[Labels]:
            """Clusters of factor models with one covariance, which move on from their starts."""
            seeds, form = clusters(n_components, True)[0], low_rank(n_factors)
            tied = mixtures_from_statistics(statistics(n_components, form), factors("CCU", n_factors), prior, None)
            runs = run_em(MemorySource.of_rows(seeds.rows, source), tied, _TIED, None, _TIED_RACE, patient=False)
            return different(run.mixture.predict(seeds.rows.points) for run in runs)

        @cache
        def after_tied(n_components: int, n_factors: int) -> list[SufficientStatistics]:
            """Statistics from the clusters of tied models with an even number of factors, which two numbers share."""
            seeds, form = clusters(n_components, True)[0], low_rank(n_factors)
            even = 2 * max(n_factors // 2, 1)
            labels = tied_clusters(n_components, even if factors("CCU", even).fits(d) else n_factors)
            every = kernel.label_statistics(form, seeds.rows, labels, n_components, reference(seeds, form))
            return seeds.padded(every)

        def starting_mixtures(n_components: int, structure: Structure) -> list[GaussianMixture]:
            found = statistics(n_components, structure.form)
            if isinstance(structure, Factors) and not structure.shared and n_components > 1:
                found = [*found, *after_tied(n_components, structure.n_factors)]
            made = mixtures_from_statistics(found, structure, prior, source.features)
            if isinstance(structure, Factors) and n_components == 1 and not source.is_large:
                made += [_with_random_factors(made[0], structure, rng) for _ in range(_RANDOM)]
            return made

        return starting_mixtures


def different(labels: Iterable[Labels]) -> list[Labels]:
    """The labels without those that repeat earlier ones."""
    return list({one.tobytes(): one for one in labels}.values())


def _with_random_factors(mixture: GaussianMixture, structure: Factors, rng: np.random.Generator) -> GaussianMixture:
    """The mixture with random factors, because the likelihood of one component may have several local optima too."""
    compact = structure.with_random_factors(mixture.weights, compact_covariances(mixture), rng)
    return unchecked_mixture(mixture.weights, mixture.means, compact, structure, mixture.features)


def _padded(every: list[SufficientStatistics], few: float, corners: Array) -> list[SufficientStatistics]:
    """The statistics with `few` rows added to each component, fewer to large ones; `corners` gives their scatter."""
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


def _padded_sketches(
    every: list[SufficientStatistics], form: LowRank, few: float, corners: Array
) -> list[SufficientStatistics]:
    """The statistics of factor models with `few` rows added to each component, whose columns are not correlated."""
    diagonal = form.of_reference_scatter(np.square(corners).sum(0, keepdims=True) * few)
    padded = []
    for s in every:
        share = np.minimum(few / np.maximum(s.mass, few), 1.0)
        scatter = form.add(s.scatter, form.times(np.repeat(diagonal, s.n_components, 0), share))
        mass = s.mass + few * share
        padded.append(
            SufficientStatistics(
                form, mass, s.mean, scatter, np.nan, total_weight=s.total_weight, reference=s.reference
            )
        )
    return padded


def _reference(form: Form, rows: Rows) -> Reference:
    """The reference, the scale of the data, of these rows."""
    labels = np.zeros(len(rows), np.intp)
    return SufficientStatistics.from_labels(form, rows.points, labels, 1, rows.weights).reference


def _standardize(values: NDArray[Any], reference: Reference) -> Array:
    """Deviations of the rows from their mean, in standard deviations of each column."""
    with np.errstate(over="ignore"):  # a row of tiny weight may be very far from the mean
        deviations = (np.asarray(values, np.float64) - reference.mean) / np.sqrt(reference.variances)
    return np.asarray(np.clip(deviations, -_FAR, _FAR))


def _principal_axes(reference: Reference) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of the correlation matrix of all rows."""
    deviation = np.sqrt(reference.variances)
    with np.errstate(over="ignore"):  # the correlation of a constant column is rounding error
        correlation = np.clip(reference.scatter[0] / reference.total_weight / deviation / deviation[:, None], -1.0, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    return values, vectors
