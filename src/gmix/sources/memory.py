"""Rows in memory: an array, a memory map or a DataFrame."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_list
from gmix.base.columns import Roles
from gmix.base.columns.frames import frame_cells
from gmix.base.errors import DataError, ParameterError, one_of
from gmix.base.labels import RowLabels, as_labels
from gmix.base.missing import MISSING, MissingCells
from gmix.base.row_errors import checked_errors
from gmix.base.rows import Rows, errors_in
from gmix.base.table import check_finite, given_errors, is_frame, largest_value, read_rows, weights_of
from gmix.base.wording import count
from gmix.model.components import Components
from gmix.model.covariance import Form
from gmix.model.kernel import kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.student import AnyMixture
from gmix.sources.filling import filled
from gmix.sources.source import (
    LocalSource,
    Source,
    check_mass,
    drawn_positions,
    mean_of_cells,
    selected,
    unit_component,
)

__all__ = ["MemorySource", "expect"]

_BLOCK = 65_536  # rows


class MemorySource(LocalSource):
    """A table in memory, whose array is never copied. NaN is a missing cell.

    Attributes
    ----------
    trim : the share of the weight that every E-step leaves out, that of the rows of lowest density.
    components_per_row : the most components that a row may belong to while EM runs; None for all.
    errors : of the values, as in `gmix.base.rows.Rows`; None if they are exact.

    Parameters
    ----------
    row_errors, row_covariance : as `gmix.fit` takes them.
    missing : ``"model"`` to accept missing cells, ``"error"`` to refuse them.
    place : says in an error message where a row came from.

    Raises `DataError` for an empty table, infinite values, text, and weights or labels that do not match the rows.
    """

    trim: float = 0.0
    components_per_row: int | None = None
    errors: NDArray[np.float64] | None = None
    label_arrays: Mapping[str, NDArray[np.float64]] = MappingProxyType({})  # `gmix.base.labels.RowLabels.arrays`

    def __init__(
        self,
        data: Any,
        *,
        sample_weight: ArrayLike | str | None = None,
        labels: Any = None,
        columns: list[str] | None = None,
        threads: int | None = None,
        missing: str = "model",
        place: Callable[[int], str] = "row {}".format,
        row_errors: Any = None,
        row_covariance: ArrayLike | None = None,
    ) -> None:
        missing = one_of(missing, MISSING, "missing")
        roles = Roles.of(columns, sample_weight, labels, row_errors)
        table = read_rows(data, roles)
        self.array, self.features, self.findings = table
        self.n_rows, self.n_features = self.array.shape
        if self.n_rows == 0:
            raise DataError("the table has no rows; gmix needs at least one")
        self.weight = weights_of(data, sample_weight, self.n_rows)
        total = self.n_rows if self.weight is None else self.weight.sum()
        check_mass(total, roles.weight)
        limit = largest_value(self.n_features, max(total, self.n_rows))
        if check_finite(self.array, self.features, limit, place, missing=missing == "model"):
            self._leave_out_empty_rows()
        self.n_counting = self.n_rows if self.weight is None else int(np.count_nonzero(self.weight))
        self.mass = float(self.n_rows if self.weight is None else self.weight.sum())
        self.threads, self._place = threads, place
        if labels is not None:
            cells = labels if roles.labels is None else frame_cells(data, roles.labels)
            self.set_labels(as_labels(cells, self.n_rows, place))
        if (errors := given_errors(data, table, row_errors, row_covariance)) is not None:
            self.set_errors(errors)

    def _leave_out_empty_rows(self) -> None:
        """Count the missing cells, and give weight zero to rows without any value."""
        rows = Rows(self.array, self.weight, incomplete=True)
        self.missing = MissingCells.none(self.n_features).and_of(rows)
        self.weight = rows.without_empty.weights

    @classmethod
    def of_rows(cls, rows: Rows, source: Source) -> MemorySource:
        """Some rows of a source as a table of their own, with its names of columns and its threads."""
        names = list(source.features) if source.features else None
        table = cls(rows.values, sample_weight=rows.weights, columns=names, threads=source.threads)
        if rows.filled is not None:
            table.points = rows.filled
        if isinstance(source, MemorySource):
            table.trim, table.components_per_row = source.trim, source.components_per_row
        if table.missing is not None and table.lacks_a_column:
            table.center = np.where(table.missing.observed > 0.0, table.center, source.center)
        table.errors, table.least_error = rows.errors, source.least_error
        if source.groups is not None:
            found = {"labels": rows.labels, "log_evidence": rows.log_evidence}
            arrays = {name: array for name, array in found.items() if array is not None}
            table.set_labels(RowLabels(source.groups, arrays))
        return table

    def set_labels(self, labels: RowLabels) -> None:
        """Give the rows labels."""
        self.groups, self.label_arrays = labels

    def set_errors(self, errors: NDArray[np.float64]) -> None:
        """Give the values errors. Raises `DataError` for errors that cannot be used, with the row."""
        self.errors = errors
        self.least_error = checked_errors(self.everything, self.features, self.place)

    @property
    def has_soft_labels(self) -> bool:
        return "log_evidence" in self.label_arrays

    def of_label(self, number: int) -> MemorySource:
        chosen = copy.copy(self)
        chosen.weight = self.everything.of_label(number).mass
        chosen.n_counting = int(np.count_nonzero(chosen.weight))
        return chosen

    def place(self, row: int) -> str:
        return self._place(row)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.array.dtype
        return dtype

    def select(self, columns: Sequence[int]) -> MemorySource:
        chosen = MemorySource(
            self.array[:, list(columns)],
            sample_weight=self.weight,
            columns=list(selected(self.features, columns)),
            threads=self.threads,
        )
        chosen.findings, chosen.trim = self.findings, self.trim
        chosen.components_per_row = self.components_per_row
        chosen.groups, chosen.label_arrays = self.groups, self.label_arrays
        if self.errors is not None and self.least_error is not None:
            chosen.errors = errors_in(self.errors, list(columns))
            chosen.least_error = self.least_error[list(columns)]
        return chosen

    @property
    def lacks_a_column(self) -> bool:
        """Whether a column has no value in any row of positive weight."""
        return self.missing is not None and not self.missing.observed.all()

    @property
    def everything(self) -> Rows:
        """All rows."""
        labels: dict[str, Any] = dict(self.label_arrays)
        return Rows(self.array, self.weight, **labels, errors=self.errors, incomplete=self.missing is not None)

    @cached_property
    def points(self) -> NDArray[Any]:
        """The values ``(N, D)``, where missing cells have their conditional means under one Gaussian for all rows."""
        return self.array if self.missing is None else filled(self)

    @classmethod
    def points_of(cls, rows: Rows, source: Source) -> Rows:
        """Some rows of a source, with `points` if cells are missing."""
        return cls.of_rows(rows, source).with_points if rows.incomplete and rows.filled is None else rows

    @property
    def with_points(self) -> Rows:
        """All rows, with `points` if cells are missing."""
        return self.everything if self.missing is None else replace(self.everything, filled=self.points)

    @property
    def in_memory(self) -> Rows | None:
        counted = self.meter is not None or self.journal is not None
        return None if counted or self.trim else self.everything

    def trimmed(self, trim: float) -> MemorySource:
        """The same table, of which every E-step leaves out this share of the weight."""
        chosen = copy.copy(self)
        chosen.trim = trim
        chosen.__dict__.pop("_references", None)
        return chosen

    def truncated(self, components_per_row: int) -> MemorySource:
        """The same table, each row of which belongs to at most this many components while EM runs."""
        chosen = copy.copy(self)
        chosen.components_per_row = components_per_row
        return chosen

    def reference(self, form: Form) -> Reference:
        reference = super().reference(form)
        return reference.scaled((1.0 - self.trim) * reference.total_weight) if self.trim else reference

    def kept(self, log_density: NDArray[np.float64]) -> NDArray[np.float64]:
        """The weights ``(N,)`` of the rows, less those of the lowest density that are trimmed.

        The last row that is trimmed may be so in part, so that the weights always sum to the same.
        """
        mass = self.everything.mass
        order = np.argsort(log_density, kind="stable")
        before = np.cumsum(mass[order]) - mass[order]
        kept = np.empty(self.n_rows)
        kept[order] = np.clip(before + mass[order] - self.trim * mass.sum(), 0.0, mass[order])
        return kept

    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        if references is None and not self.is_plain:
            return super()._pass(components, references, coarse)
        if self.trim and references is not None:
            return [self._trimmed_pass(*each) for each in zip(components, references, strict=True)]
        return kernel.expect(self.everything, components, references, threads=self.threads, coarse=coarse)

    def _trimmed_pass(self, components: Components, reference: Reference) -> SufficientStatistics:
        rows = self.everything
        log_density, _ = kernel.posterior(rows, components, False, self.threads)
        rows = replace(rows, weights=self.kept(log_density))
        return kernel.expect(rows, [components], [reference], threads=self.threads)[0]

    def blocks(self) -> Iterator[Rows]:
        for begin in range(0, self.n_rows, _BLOCK):
            yield self.everything[begin : begin + _BLOCK]

    def rows(self, n: int, rng: np.random.Generator) -> Rows:
        counting = self.everything.counting
        if len(counting) <= n:
            return self.with_points.counting
        return counting[drawn_positions(len(counting), n, rng)]


def expect(
    block: Any,
    mixtures: Sequence[AnyMixture],
    *,
    sample_weight: ArrayLike | str | None = None,
    row_errors: Any = None,
    row_covariance: ArrayLike | None = None,
    threads: int | None = None,
) -> list[SufficientStatistics]:
    """The E-step on a block of rows ``(N, D)`` under each of several mixtures.

    Together with ``+`` on the results and `GaussianMixture.from_statistics` it is all that EM needs, on any engine. The
    statistics of an empty block are zero and change no sum.

    Parameters
    ----------
    block : array ``(N, D)``, or a DataFrame, whose columns are matched with the features of the mixtures by name.
    mixtures : mixtures of the same features, which share one pass over the rows.
    sample_weight : ``(N,)``, or the name of a column. A row of weight 2 counts twice; a row of weight 0 is ignored.
    row_errors, row_covariance : the errors of the rows, as `gmix.fit` takes them.
    threads : the most threads to use; the result has the same bits.

    Returns
    -------
    One `SufficientStatistics` for each mixture, in their order.

    Raises `DataError` for rows that cannot be used, and `ParameterError` for mixtures of other features.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture(
    ...     [0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]]
    ... )
    >>> [statistics] = gmix.expect([[0.0], [1.0], [4.0]], [mixture])
    >>> statistics.mass.round(3)
    array([1.982, 1.018])
    """
    listed = as_list(mixtures)
    if listed is None or not all(isinstance(m, AnyMixture) for m in listed):
        raise ParameterError(f"mixtures is {mixtures!r}; give a list of GaussianMixture")
    features = next((m.features for m in listed if m.features), None)
    chosen = list(features) if features and is_frame(block) else None
    table = read_rows(block, Roles.of(chosen, sample_weight, None, row_errors))
    array, names = table.array, table.names
    weight = weights_of(block, sample_weight, len(array))
    limit = largest_value(array.shape[1], len(array) if weight is None else max(weight.sum(), len(array)))
    errors = given_errors(block, table, row_errors, row_covariance)
    incomplete = check_finite(array, names, limit, missing=True)
    rows = Rows(array, weight, errors=errors, incomplete=incomplete).without_empty
    least_error = None if errors is None else checked_errors(rows, names)
    for mixture in listed:
        if mixture.n_features != array.shape[1]:
            raise ParameterError(
                f"{mixture} does not fit rows of {count(array.shape[1], 'column')}; give as many as features"
            )
        if names and mixture.features and mixture.features != names:
            raise ParameterError(
                f"a mixture of {list(mixture.features)} does not fit rows of {list(names)}; give the same columns"
            )
    components = [m.components for m in listed]
    plain = not rows.incomplete and errors is None
    if not len(rows) or (plain and all(m.background is None for m in listed)):
        return kernel.expect(rows, components, threads=threads)
    missing = MissingCells.none(array.shape[1]).and_of(rows)
    center = mean_of_cells([rows], array.shape[1], missing, threads)
    units = [unit_component(each.form, center) for each in components]
    complete = kernel.expect(rows.completed(center[0]), units, threads=threads)
    references = [Reference.of_cells(each.reference, center[0], missing).with_error(least_error) for each in complete]
    return kernel.expect(rows, components, references, threads=threads)
