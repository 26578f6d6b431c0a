"""What a report shows of the rows: a sub-sample for its charts, the most unusual rows, and counts of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.labels import Groups, Label
from gmix.base.missing import MissingCells
from gmix.base.rows import Rows
from gmix.fitting.result import Fit
from gmix.model.background import with_background
from gmix.model.outliers import chi_squared_tail
from gmix.model.regions import highest_density
from gmix.model.student import AnyMixture, StudentMixture
from gmix.plot.bins import edges_of
from gmix.sources import MemorySource, Source

__all__ = ["DECIDED", "REGION", "LabeledRows", "RowSummary", "Unusual"]

Array = NDArray[np.float64]
_READ = 10_000_000  # numbers that are read of a table that is not in memory
_DRAWN, _CELLS = 5_000, 300_000  # rows, and numbers about them, that a page can hold and a browser can draw
_UNUSUAL, _CANDIDATES = 10, 200  # rows that are listed, and of how many they are chosen if cells are missing
_BLOCK = 100_000  # rows that are judged together
_PATTERNS = 6  # sets of missing cells that are listed
REGION = 0.99  # the part of the mixture within the region whose outside rows are counted
DECIDED = 0.9  # the least posterior probability with which the component of a row counts as known


@dataclass(frozen=True)
class Unusual:
    """A row, and the probability that a draw has no more density, as `GaussianMixture.outlier_score` says.

    The `weight` is that of `StudentMixture.outlier_weights`; None under Gaussian components.
    """

    number: int | None
    values: Array
    component: int
    log_density: float
    tail: float
    weight: float | None


@dataclass(frozen=True)
class LabeledRows:
    """How the labels of rows agree with the components.

    Attributes
    ----------
    names : the labels.
    agreement : ``(G, F)`` the total weight of the rows that have each label, by what is most probable without it: the
        G labels, then no label if there are components without one, then the background if there is one.
    of_components : ``(K,)`` the position of the label of each component among the names, or -1.
    drawn : ``(n,)`` the position of the label of each row in the charts, or -1 where it is not known.
    """

    names: tuple[Label, ...]
    agreement: Array
    of_components: NDArray[np.intp]
    drawn: NDArray[np.intp]

    @property
    def n_agreeing(self) -> float:
        """The total weight of the rows whose label is the most probable one."""
        return float(np.trace(self.agreement))


@dataclass(frozen=True)
class RowSummary:
    """What a report shows of the rows of a table under a mixture.

    Attributes
    ----------
    n_read : the number of rows of positive weight that were read: all of a table in memory.
    weighted : whether the rows have weights.
    mass : the total weight of the rows that were read.
    outside : the total weight of those outside the region that holds 99 % of the mixture, with missing cells drawn from
        the mixture; None if it is not known, or if rows of low density are trimmed.
    decided : the proportion whose component has a posterior probability of at least 0.9.
    in_background : the number of rows that most probably belong to the background.
    n_trimmed : the number of rows that the fit left out.
    labeled : the labels of rows and of components; None for a fit without labels or with soft ones.
    unusual : the rows of the least density, in ascending order; if cells are missing, those of the least probability.
    missing : the missing cells of the whole table; None if there are none.
    patterns : the most frequent sets of cells that rows lack, as positions of columns, and the number of rows of each.
    numbers : the positions of the rows in the charts, counted from 0; None where they are not known.
    values, responsibilities, log_density : of the rows in the charts, ``(n, D)``, ``(n, K)`` and ``(n,)``; a
        background has one more column of the responsibilities.
    weights, trimmed : their weights and whether they are trimmed, ``(n,)``; None if no row has another weight, or if
        none is trimmed.
    errors : ``(D, 2)`` the median and the largest standard error of the cells of each column; None if they are exact.
    histograms : the edges of the bins and the density in them, for each shown column.
    """

    n_read: int
    weighted: bool
    mass: float
    outside: float | None
    decided: float
    in_background: int
    n_trimmed: int
    labeled: LabeledRows | None
    unusual: tuple[Unusual, ...]
    missing: MissingCells | None
    patterns: tuple[tuple[tuple[int, ...], int], ...]
    numbers: NDArray[np.intp] | None
    values: Array
    responsibilities: Array
    log_density: Array
    weights: Array | None
    trimmed: NDArray[np.bool_] | None
    errors: Array | None
    histograms: list[tuple[Array, Array]]

    @classmethod
    def of(cls, source: Source, fit: Fit, shown: list[int]) -> RowSummary:
        rng, mixture = np.random.default_rng(0), fit.mixture
        in_memory = source if isinstance(source, MemorySource) else None
        table = source.rows(max(_READ // source.n_features, 1), rng) if in_memory is None else in_memory.everything
        rows, mass = table.values, table.mass
        counting = np.flatnonzero(mass > 0)
        judged = _judged(table, fit, source.groups)
        kept = mass if in_memory is None or not fit.trim else in_memory.kept(judged.log_density)
        left_out = (kept == 0.0) & (mass > 0.0)
        least, log_densities, tails = _least(mixture, table, counting)
        n_drawn = int(np.clip(_CELLS // (mixture.n_components + len(shown)), 200, _DRAWN))
        drawn = counting
        if len(counting) > n_drawn:
            drawn = np.union1d(rng.choice(counting, n_drawn, replace=False), least)
        numbered = in_memory is not None or (table.weights is None and len(rows) == source.n_rows)
        weighted = table.weights is not None and not (source.missing is not None and (mass[counting] == 1.0).all())
        return cls(
            n_read=len(counting),
            weighted=weighted,
            mass=float(mass.sum()),
            outside=None if left_out.any() else judged.outside,
            decided=float(kept @ judged.decided) / float(kept.sum()),
            in_background=int(np.count_nonzero(judged.in_background[counting])),
            n_trimmed=int(left_out.sum()),
            labeled=_labeled(table, fit, source.groups, judged.found, drawn),
            unusual=tuple(
                Unusual(int(i) if numbered else None, np.asarray(rows[i], np.float64), int(k), float(f), float(p), w)
                for i, k, f, p, w in zip(
                    least,
                    mixture.predict(table[least]),
                    log_densities,
                    tails,
                    _weights(mixture, rows[least]),
                    strict=True,
                )
            ),
            missing=source.missing,
            patterns=_patterns(np.isnan(rows[counting])),
            numbers=drawn if numbered else None,
            values=np.asarray(rows[drawn], np.float64),
            responsibilities=with_background(mixture.responsibilities(table[drawn]), mixture.background),
            log_density=judged.log_density[drawn],
            weights=mass[drawn] if weighted else None,
            trimmed=left_out[drawn] if left_out.any() else None,
            errors=_standard_errors(table[counting]),
            histograms=[_histogram(np.asarray(rows[counting, j], np.float64), kept[counting]) for j in shown],
        )


class _Judged(NamedTuple):
    """What the mixture says about all rows.

    `found` are the columns of `LabeledRows.agreement` that the rows belong to.
    """

    log_density: Array
    decided: NDArray[np.bool_]
    in_background: NDArray[np.bool_]
    found: NDArray[np.intp]
    outside: float | None


def _judged(table: Rows, fit: Fit, groups: Groups | None) -> _Judged:
    mixture, rows, mass = fit.mixture, table.values, table.mass
    n, fill = len(rows), np.random.default_rng(0)
    log_density, outside = np.empty(n), 0.0
    decided, in_background, found = np.empty(n, bool), np.empty(n, bool), np.zeros(n, np.intp)
    # A background of a stated density has no draws, so there is no region that holds a part of the mixture. Each row
    # with errors has a density of its own.
    has_region = table.errors is None and (mixture.background is None or mixture.background.density is None)
    level = highest_density(mixture, [REGION])[0] if has_region else -np.inf
    for block in np.array_split(np.arange(n), n // _BLOCK + 1):
        part = slice(block[0], block[-1] + 1)
        log_density[part] = completed = mixture.log_density(table[part])
        share = with_background(mixture.responsibilities(table[part]), mixture.background)
        decided[part] = share.max(1) >= DECIDED
        in_background[part] = share.argmax(1) == mixture.n_components
        if fit.groups is not None and groups is not None:
            found[part] = _by_label(share, groups.numbers(fit.groups), len(groups.names)).argmax(1)
        if has_region and np.isnan(rows[part]).any():
            completed = mixture.log_density(mixture.impute(rows[part], rng=fill))
        outside += float(mass[part] @ (completed < level))
    return _Judged(log_density, decided, in_background, found, outside if has_region else None)


def _by_label(share: Array, groups: Array, n_labels: int) -> Array:
    """The probabilities ``(N, F)`` of labels, of no label and of a background, from responsibilities with its own.

    ``groups (K,)`` are the positions of the labels of the components, or -1.
    """
    columns = [*range(n_labels), *([-1] if (groups < 0).any() else [])]
    member = np.asarray(groups[:, None] == columns, np.float64)
    return np.column_stack([share[:, : len(groups)] @ member, share[:, len(groups) :]])


def _labeled(
    table: Rows, fit: Fit, groups: Groups | None, found: NDArray[np.intp], drawn: NDArray[np.intp]
) -> LabeledRows | None:
    """The labels of the rows, of which `found` are the most probable ones without knowing them."""
    if fit.groups is None or groups is None or table.labels is None:
        return None
    numbers, n_found = table.labels.astype(np.intp), len(groups.names) + (None in fit.groups)
    known, agreement = numbers >= 0, np.zeros((len(groups.names), n_found + (fit.mixture.background is not None)))
    np.add.at(agreement, (numbers[known], found[known]), table.mass[known])
    return LabeledRows(groups.names, agreement, groups.numbers(fit.groups).astype(np.intp), numbers[drawn])


def _least(mixture: AnyMixture, table: Rows, counting: NDArray[np.intp]) -> tuple[NDArray[np.intp], Array, Array]:
    """The most unusual ones among the `counting` rows, their log densities and the p-values of these.

    There are none if rows have errors: outlier scores are those of exact values.
    """
    rows = table.values
    if table.errors is not None:
        return counting[:0], np.zeros(0), np.zeros(0)
    # Rows with the same cells are as unusual as their density is low. Densities of other cells are not comparable, and
    # each set of cells has its own distribution of them, which takes long to compute. So the distance to the nearest
    # component, that of the completed row, selects some of the incomplete rows.
    complete = counting[~np.isnan(rows[counting]).any(1)]
    log_density = mixture.without_background.log_density(rows[complete])
    candidates = complete[np.argsort(log_density, kind="stable")[:_UNUSUAL]]
    if len(complete) < len(counting):
        p_values = np.concatenate(
            [_distance_p_value(mixture, rows[part]) for part in np.array_split(counting, len(counting) // _BLOCK + 1)]
        )
        candidates = np.union1d(candidates, counting[np.argsort(p_values, kind="stable")[:_CANDIDATES]])
    scores = mixture.outlier_score(rows[candidates])
    order = np.lexsort((scores.log_density, scores.density_p_value))[:_UNUSUAL]
    return candidates[order], scores.log_density[order], scores.density_p_value[order]


def _distance_p_value(mixture: AnyMixture, rows: NDArray[Any]) -> Array:
    """About the probability ``(N,)`` that a draw is as far from the nearest component in the cells that a row has."""
    distance = mixture.outlier_score(mixture.impute(rows)).distance
    return chi_squared_tail(distance, np.maximum((~np.isnan(rows)).sum(1), 1))


def _weights(mixture: AnyMixture, rows: NDArray[Any]) -> list[float] | list[None]:
    """How much each row counts in the means of Student components; None for each row under Gaussian ones."""
    if not isinstance(mixture, StudentMixture):
        return [None] * len(rows)
    return [float(weight) for weight in mixture.outlier_weights(rows)]


def _standard_errors(rows: Rows) -> Array | None:
    """The median and the largest standard error of the cells of each column, ``(D, 2)``; None if they are exact."""
    if rows.errors is None:
        return None
    variances = rows.errors if rows.errors.ndim == 2 else np.diagonal(rows.errors, axis1=1, axis2=2)
    present = [column[~missing] for column, missing in zip(variances.T, np.isnan(rows.values).T, strict=True)]
    return np.sqrt([(np.median(column), column.max()) if len(column) else (0.0, 0.0) for column in present])


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
