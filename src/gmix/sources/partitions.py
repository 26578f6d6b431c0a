"""Tables in the partitions of a cluster: tasks are sent to the rows, and only statistics are sent back.

An engine implements one method, `PartitionedSource.ask`, which runs a task on every partition and returns the answers
within the limit of time that `PassLimit.one_pass` gives.
A pass sends only names of functions in this file and Arrow buffers; gmix pickles no objects. Before the first pass, the
engine provides the first rows, which decide which columns are used.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial, reduce
from operator import add
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.columns import FilledColumns, Roles
from gmix.base.columns.frames import frame_cells
from gmix.base.errors import DataError, ParameterError, one_of
from gmix.base.labels import Groups, Label, label_names, label_numbers, plain_labels
from gmix.base.missing import MISSING, MissingCells
from gmix.base.row_errors import GivenErrors, checked_errors
from gmix.base.rows import Rows
from gmix.base.table import as_rows, as_weights, check_finite, errors_of, largest_value, read_rows
from gmix.model.components import Components
from gmix.model.dependence import Dependence
from gmix.model.kernel import kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.sources.messages import (
    pack,
    pack_components,
    pack_statistics,
    unpack,
    unpack_components,
    unpack_statistics,
)
from gmix.sources.pass_limit import PassLimit
from gmix.sources.source import Source, box_of, check_mass, drawn_positions, selected

__all__ = ["Join", "PartitionedSource", "Read", "Task"]

Array = NDArray[np.float64]
Read = Callable[[Iterable[Any]], Iterator[Rows]]  # pieces of a partition, as the engine has them -> blocks
Task = Callable[[int, Iterable[Rows]], bytes]  # the number of a partition and its blocks -> the answer
Join = Callable[[Iterable[bytes]], bytes]  # answers of successive partitions, in order -> one answer
_SAME_MASS = 1e-9  # relative; a larger difference between the masses of two passes is more than rounding


class PartitionedSource(Source):
    """A table whose partitions stay on a cluster.

    The statistics of a partition are added up block by block, and those of all partitions in a tree that depends only
    on their number. So neither the order in which workers finish nor a repeated task changes a bit.

    Parameters
    ----------
    head : a table with the columns of every partition. It may have no rows if columns are named; otherwise it has the
        first rows.
    columns, sample_weight, labels, row_errors, row_covariance : as `gmix.fit` takes them; names, or errors that all
        rows have in common.
    threads : the threads of the kernel in each task; None for one, because the cluster runs one task on each core.
    filled : returns which of some columns that are empty in `head` have a value in any partition.
    distinct : returns the distinct cells of a column.

    # Implementation
    A constructor ends with `look`, which raises `DataError` for an empty table and for values that cannot be used,
    with the partition and the column.
    """

    fan = 16  # answers that are joined at once; not a setting, because the bits of the result depend on it

    def __init__(
        self,
        head: Any,
        *,
        columns: list[str] | None = None,
        sample_weight: Any = None,
        labels: Any = None,
        row_errors: Any = None,
        row_covariance: Any = None,
        threads: int | None = None,
        missing: str = "model",
        filled: FilledColumns | None = None,
        distinct: Callable[[str], list[Any]] | None = None,
    ) -> None:
        missing = one_of(missing, MISSING, "missing")
        roles = Roles.of(columns, sample_weight, labels, row_errors)
        for name, given, found in (("sample_weight", sample_weight, roles.weight), ("labels", labels, roles.labels)):
            if given is not None and found is None:
                raise ParameterError(f"the rows are on a cluster, so {name} must be the name of a column")
        rows, self.features, self.findings = read_rows(head, roles, filled)
        for name in roles.of_rows:
            frame_cells(head, name) if name == roles.labels else as_rows(head, [name])
        if roles.labels is not None:
            assert distinct is not None
            self.groups = Groups.of_names(label_names(plain_labels(distinct(roles.labels))))
        self.names = list(dict.fromkeys((*(self.features or ()), *roles.of_rows)))
        self.n_features, self._dtype = rows.shape[1], rows.dtype
        self._weighted = roles.weight is not None
        self.only_label: int | None = None  # the group that other rows have weight zero for; see `of_label`
        values = None if self.features is None else list(self.features)
        names = () if self.groups is None else self.groups.names
        errors = _common_errors(row_errors, row_covariance, self.n_features) if not roles.errors else None
        self.read: Read = partial(_read, replace(roles, values=values), names, errors)
        self._may_miss = missing == "model"
        self.limit = PassLimit()
        self.threads = threads

    @abstractmethod
    def ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        """Run a task on every partition, and return the answers in order.

        With a `join`, the cluster may join the answers of successive partitions.
        """

    def _ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        """Run a task as `ask` does; if cells are missing, on incomplete rows."""
        task = task if self.missing is None else partial(_of_incomplete, task)
        return self.ask(task if self.only_label is None else partial(_of_label, self.only_label, task), join)

    def of_label(self, number: int) -> Self:
        chosen = copy.copy(self)
        chosen.only_label = number
        counting = [int(unpack(answer)[0][0][0]) for answer in chosen._ask(_count)]  # noqa: SLF001
        chosen._counting, chosen.n_counting = counting, sum(counting)  # noqa: SLF001
        return chosen

    def rows(self, n: int, rng: np.random.Generator) -> Rows:
        ends = np.cumsum(self._counting)
        chosen = drawn_positions(self.n_counting, n, rng)
        parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
        positions = pack([part - end + size for part, end, size in zip(parts, ends, self._counting, strict=True)])
        answers = [unpack(answer)[0] for answer in self._ask(partial(_chosen_rows, positions))]
        rows, weight, labels, errors = (np.concatenate(arrays) for arrays in zip(*answers, strict=True))
        if len(weight) != len(chosen):
            raise self._changed(f"{len(chosen)} rows were chosen and {len(weight)} found")
        weighted = self._weighted or self.n_counting < self.n_rows
        values = rows.reshape(-1, self.n_features).astype(self._dtype)
        matrices = errors.size > values.size
        return Rows(
            values,
            weight if weighted else None,
            None if self.groups is None else labels,
            errors=errors.reshape(*values.shape, *values.shape[1:] * matrices) if errors.size else None,
            incomplete=self.missing is not None,
        )

    def select(self, columns: Sequence[int]) -> PartitionedSource:
        return _Selected(self, list(columns))

    def obeys(self, dependence: Dependence, *, complete: bool = False) -> bool:
        columns = np.array(dependence.independent, np.float64)
        slack = np.broadcast_to(dependence.slack, self.n_features)
        packed = pack([columns, dependence.matrix, dependence.offset, slack])
        return not any(unpack(answer)[0][0].any() for answer in self._ask(partial(_departs, packed, complete)))

    @property
    def center(self) -> Array:
        return np.asarray(self._center[None])

    def box(self) -> tuple[Array, Array]:
        low, high = zip(*(unpack(answer)[0] for answer in self._ask(_ends)), strict=True)
        return np.min(low, axis=0), np.max(high, axis=0)

    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        fill = pack([] if references is not None or self.is_plain else [self._center])
        task = partial(_expect, pack_components(components), fill, 1 if self.threads is None else self.threads)
        found = unpack_statistics(_join(self._ask(task, _join)))
        if not abs((mass := found[0].total_weight) / self.mass - 1.0) < _SAME_MASS:
            raise self._changed(
                f"the rows had a total weight of {self.mass:.12g} when they were first read and have {mass:.12g} now"
            )
        return found if references is None else [s.on(r) for s, r in zip(found, references, strict=True)]

    def _changed(self, what: str) -> DataError:
        return DataError(f"{what}; give a table that is the same each time it is computed, or persist it")

    def look(self) -> None:
        """Read the table once to count its rows, find their mean, and raise errors before a fit begins."""
        look: Task = partial(_look, self.features)
        answers = [unpack(answer) for answer in self.ask(partial(_of_incomplete, look) if self._may_miss else look)]
        for _, error in answers:
            if error:
                raise DataError(error)
        counts, largest, sums, least, *cells = zip(*(arrays for arrays, _ in answers), strict=True)
        self._counting = [int(count) for _, count, _ in counts]
        self.n_counting = sum(self._counting)
        self.n_rows, self.mass = sum(int(n) for n, _, _ in counts), sum(float(mass) for _, _, mass in counts)
        if self.n_rows == 0:
            raise DataError("the table has no rows; gmix needs at least one")
        if not (missing := reduce(add, map(MissingCells.from_arrays, zip(*cells, strict=True)))):
            check_mass(self.mass)
        by_partition = np.array([np.broadcast_to(values, self.n_features) for values in largest])
        too_large = ~(by_partition < largest_value(self.n_features, max(self.mass, self.n_rows)))
        if too_large.any():
            number, column = (int(i) for i in np.argwhere(too_large)[0])
            raise DataError(
                f"partition {number}: column {repr(self.features[column]) if self.features else column} reaches "
                f"{by_partition[number, column]:.3g}, whose square is beyond float64; divide it by a large number"
            )
        self.missing = missing or None
        self.least_error = np.min([each for each in least if each.size], axis=0) if any(map(np.size, least)) else None
        observed = missing.observed if missing else np.full(self.n_features, self.mass)
        self._center = np.divide(sum(sums), observed, out=np.zeros(self.n_features), where=observed > 0.0)


class _Selected(PartitionedSource):
    """Some of the columns of a table on a cluster."""

    def __init__(self, table: PartitionedSource, columns: list[int]) -> None:
        self.__dict__.update(vars(table))
        self._table, self._columns = table, columns
        self.features, self.n_features = selected(table.features, columns), len(columns)
        self._center = table._center[columns]  # noqa: SLF001  (the table is of the same class)
        self.__dict__.pop("_references", None)
        if self.missing is not None:
            self.look()

    def ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        return self._table.ask(partial(_of_columns, self._columns, task), join)


def _common_errors(row_errors: Any, row_covariance: Any, n_features: int) -> GivenErrors | None:
    """The errors that all rows have in common. Raises `ParameterError` for those of each row."""
    errors = GivenErrors.of(row_errors, row_covariance, n_features)
    if errors is not None and len(errors.numbers) > 1:
        raise ParameterError(
            "the rows are on a cluster, so row_errors must name columns, or be the errors that all rows have in common"
        )
    return errors


# Tasks, which run on the cluster --------------------------------------------------------------------------------------


def _look(names: tuple[str, ...] | None, number: int, blocks: Iterable[Rows]) -> bytes:
    """The row counts of a partition, and by column largest values, sums, least errors, missing cells; or an error."""
    counts, largest, sums, least = np.zeros(3), np.zeros(1), np.zeros(1), np.empty(0)
    missing = MissingCells.none(1)

    def place(row: int) -> str:
        return f"row {int(counts[0]) + row}"

    try:
        for block in blocks:
            check_finite(block.values, names, place=place, missing=block.incomplete)
            as_weights(block.weights, len(block), lambda row: f"the weight of {place(row)}")
            if block.errors is not None:
                found = checked_errors(block, names, place)
                least = np.minimum(least, found) if least.size else found
            counts += np.array([len(block), np.count_nonzero(block.mass), block.mass.sum()])
            missing = missing.and_of(block)
            with np.errstate(over="ignore"):
                largest = np.fmax(largest, np.fmax.reduce(np.abs(block.values), initial=0.0))
                sums = sums + block.mass @ block.completed(np.zeros(1)).values
    except DataError as error:
        return pack([], f"partition {number}: {error}")
    return pack([counts, largest, sums, least, *missing.arrays])


def _expect(packed: bytes, fill: bytes, threads: int, number: int, blocks: Iterable[Rows]) -> bytes:  # noqa: ARG001
    """The statistics of a partition; as if it were complete and exact if there are values to fill in."""
    components = unpack_components(packed)
    for values in unpack(fill)[0]:
        blocks = (block.completed(values) for block in blocks)
    no_rows = Rows(np.empty((0, components[0].means.shape[1])))
    every = [_of_block(block, components, threads) for block in blocks if len(block)]
    return pack_statistics(reduce(_sum, every or [kernel.expect(no_rows, components)]))


def _of_block(block: Rows, components: Sequence[Components], threads: int) -> list[SufficientStatistics]:
    """The statistics of a block; the counts of components do not add up to its weight if some is a background's."""
    found = kernel.expect(block, components, threads=threads)
    if all(each.background is None for each in components):
        return found
    return [replace(statistics, total_weight=float(block.mass.sum())) for statistics in found]


def _of_columns(columns: list[int], task: Task, number: int, blocks: Iterable[Rows]) -> bytes:
    """The answer to a task on some of the columns."""
    return task(number, (block.select(columns) for block in blocks))


def _of_incomplete(task: Task, number: int, blocks: Iterable[Rows]) -> bytes:
    """The answer to a task on rows in which NaN is a missing cell."""
    return task(number, (replace(block, incomplete=True).without_empty for block in blocks))


def _of_label(label: int, task: Task, number: int, blocks: Iterable[Rows]) -> bytes:
    """The answer to a task on rows with a label, where others have weight zero."""
    return task(number, (block.of_label(label) for block in blocks))


def _count(number: int, blocks: Iterable[Rows]) -> bytes:  # noqa: ARG001
    """The number of rows of positive weight in a partition."""
    return pack([np.array([sum(np.count_nonzero(block.mass) for block in blocks)])])


def _departs(packed: bytes, complete: bool, number: int, blocks: Iterable[Rows]) -> bytes:  # noqa: ARG001
    """Whether any row of positive weight, or any without missing cells, departs from a dependence among the columns."""
    columns, matrix, offset, slack = unpack(packed)[0]
    independent = tuple(int(column) for column in columns)
    dependence = Dependence(independent, matrix.reshape(len(offset), -1), offset, slack)
    counting = (block.counting.complete if complete else block.counting for block in blocks)
    departs = any(dependence.departs(block.values).any() for block in counting)
    return pack([np.array([departs])])


def _ends(number: int, blocks: Iterable[Rows]) -> bytes:  # noqa: ARG001
    """The smallest and the largest value of each column in a partition, in rows of positive weight."""
    return pack(list(box_of(blocks)))


def _chosen_rows(packed: bytes, number: int, blocks: Iterable[Rows]) -> bytes:
    """The rows at given positions among those of positive weight in a partition, their weights, labels and errors."""
    positions, begin = unpack(packed)[0][number].astype(np.intp), 0
    values, weights, labels, errors = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
    for block in blocks:
        counting = np.flatnonzero(block.mass)
        end = begin + len(counting)
        rows = block[counting[positions[(positions >= begin) & (positions < end)] - begin]]
        values.append(np.asarray(rows.values, np.float64).ravel())
        weights.append(rows.mass)
        labels += [] if rows.labels is None else [rows.labels]
        errors += [] if rows.errors is None else [rows.errors.ravel()]
        begin = end
    return pack([np.concatenate(arrays) for arrays in (values, weights, labels, errors)])


def _join(answers: Iterable[bytes]) -> bytes:
    """The sum of the statistics of several partitions, in order."""
    return pack_statistics(reduce(_sum, (unpack_statistics(answer) for answer in answers)))


def _read(roles: Roles, labels: tuple[Label, ...], common: GivenErrors | None, pieces: Iterable[Any]) -> Iterator[Rows]:
    """The rows of pieces of a partition, with the numbers of these labels, and their own errors or `common` ones."""
    weight = roles.weight
    columns = roles.errors_of(roles.values or ())
    for piece in pieces:
        values, _ = as_rows(piece, None if roles.values is None else list(roles.values), weight)
        weights = None if weight is None else np.ascontiguousarray(as_rows(piece, [weight])[0][:, 0], np.float64)
        cells = None if roles.labels is None else plain_labels(frame_cells(piece, roles.labels))
        numbers = None if cells is None else label_numbers(cells, labels)
        errors = errors_of(piece, columns) if columns else None
        yield Rows(values, weights, numbers, errors=errors if common is None else common.of_rows(len(values)))


def _sum(left: list[SufficientStatistics], right: list[SufficientStatistics]) -> list[SufficientStatistics]:
    return [a + b for a, b in zip(left, right, strict=True)]
