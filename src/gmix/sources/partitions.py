"""Tables in the partitions of a cluster: tasks are sent to the rows, and only statistics are sent back.

An engine implements one method, `PartitionedSource.ask`, which runs a task on every partition and returns the answers.
A pass sends only names of functions in this file and Arrow buffers; gmix pickles no objects. Before the first pass, the
engine provides the first rows, which decide which columns are used.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.columns import FilledColumns
from gmix.base.errors import ClusterError, DataError, ParameterError, one_of
from gmix.base.missing import MISSING, MissingCells
from gmix.base.rows import Rows
from gmix.base.table import as_rows, as_weights, check_finite, largest_value, read_rows
from gmix.model.components import Components
from gmix.model.covariance import FORMS, Form
from gmix.model.dependence import Dependence
from gmix.model.families import family_of
from gmix.model.kernel import kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.sources.source import Source, check_mass, selected

__all__ = ["Join", "PartitionedSource", "Read", "Task", "reaching"]

Array = NDArray[np.float64]
Read = Callable[[Iterable[Any]], Iterator[Rows]]  # pieces of a partition, as the engine has them -> blocks
Task = Callable[[int, Iterable[Rows]], bytes]  # the number of a partition and its blocks -> the answer
Join = Callable[[Iterable[bytes]], bytes]  # answers of successive partitions, in order -> one answer
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception)\b: ")  # the last line of a traceback
_FORMS = {form.name: form for form in FORMS}
_SAME_MASS = 1e-9  # relative; a larger difference between the masses of two passes is more than rounding


class PartitionedSource(Source):
    """A table whose partitions stay on a cluster.

    The statistics of a partition are added up block by block, and those of all partitions in a tree that depends only
    on their number. So neither the order in which workers finish nor a repeated task changes a bit.

    Parameters
    ----------
    head : a table with the columns of every partition. It may have no rows if columns are named; otherwise it has the
        first rows.
    columns, sample_weight : names, as `gmix.fit` takes them.
    threads : the threads of the kernel in each task; None for one, because the cluster runs one task on each core.
    filled : returns which of some columns that are empty in `head` have a value in any partition.

    # Implementation
    A constructor ends with `look`, which raises `DataError` for an empty table and for values that cannot be used,
    with the partition and the column.
    """

    fan = 16  # answers that are joined at once; not a setting, because the bits of the result depend on it

    def __init__(
        self,
        head: Any,
        columns: list[str] | None,
        sample_weight: Any,
        threads: int | None,
        filled: FilledColumns | None = None,
        missing: str = "model",
    ) -> None:
        one_of(missing, MISSING, "missing")
        if not (sample_weight is None or isinstance(sample_weight, str)):
            raise ParameterError("the rows are on a cluster, so sample_weight must be the name of a column")
        rows, self.features, self.findings = read_rows(head, columns, sample_weight, filled)
        if sample_weight is not None:
            as_rows(head, [sample_weight])
        self.names = [*(self.features or ()), *([] if sample_weight is None else [sample_weight])]
        self.n_features, self._dtype = rows.shape[1], rows.dtype
        self._weighted = sample_weight is not None
        names = None if self.features is None else list(self.features)
        self.read: Read = partial(_read, names, sample_weight)
        self._may_miss = missing == "model"
        self.threads = threads

    @abstractmethod
    def ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        """Run a task on every partition, and return the answers in order.

        With a `join`, the cluster may join the answers of successive partitions.
        """

    def _ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        """Run a task as `ask` does; if cells are missing, on incomplete rows."""
        return self.ask(task if self.missing is None else partial(_of_incomplete, task), join)

    def rows(self, n: int, rng: np.random.Generator) -> Rows:
        # The same draw as for a table in memory, so that the sub-sample is the same.
        ends = np.cumsum(self._counting)
        count = self.n_counting
        chosen = np.sort(rng.choice(count, size=n, replace=False)) if count > n else np.arange(count)
        parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
        positions = _packed([part - end + size for part, end, size in zip(parts, ends, self._counting, strict=True)])
        answers = [_unpacked(answer)[0] for answer in self._ask(partial(_chosen_rows, positions))]
        rows, weight = (np.concatenate(arrays) for arrays in zip(*answers, strict=True))
        if len(weight) != len(chosen):
            raise self._changed(f"{len(chosen)} rows were chosen and {len(weight)} found")
        weighted = self._weighted or self.n_counting < self.n_rows
        values = rows.reshape(-1, self.n_features).astype(self._dtype)
        return Rows(values, weight if weighted else None, incomplete=self.missing is not None)

    def select(self, columns: Sequence[int]) -> PartitionedSource:
        return _Selected(self, list(columns))

    def obeys(self, dependence: Dependence, *, complete: bool = False) -> bool:
        columns = np.array(dependence.independent, np.float64)
        slack = np.broadcast_to(dependence.slack, self.n_features)
        packed = _packed([columns, dependence.matrix, dependence.offset, slack])
        return not any(_unpacked(answer)[0][0].any() for answer in self._ask(partial(_departs, packed, complete)))

    @property
    def center(self) -> Array:
        return np.asarray(self._center[None])

    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        fill = _packed([] if references is not None or self.missing is None else [self._center])
        task = partial(_expect, _packed_components(components), fill, 1 if self.threads is None else self.threads)
        found = _statistics(_join(self._ask(task, _join)))
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
        answers = [_unpacked(answer) for answer in self.ask(partial(_of_incomplete, look) if self._may_miss else look)]
        for _, error in answers:
            if error:
                raise DataError(error)
        counts, largest, sums, *cells = zip(*(arrays for arrays, _ in answers), strict=True)
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


@contextmanager
def reaching(engine: str) -> Iterator[None]:
    """Convert an exception of a cluster to a `ClusterError` with a remedy."""
    try:
        yield
    except Exception as error:
        raise ClusterError(
            f"{engine} could not finish a pass over the rows ({type(error).__name__}: {_main_line(str(error))}); "
            "check that its session is open and that its workers can be reached, stay alive, and have gmix installed"
        ) from error


def _main_line(message: str) -> str:
    """The most informative line of a message: the last exception of a Python traceback, or else the first line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    exceptions = [line for line in lines if _EXCEPTION.match(line)]
    return (exceptions or lines or [""])[-1 if exceptions else 0]


# Tasks, which run on the cluster --------------------------------------------------------------------------------------


def _look(names: tuple[str, ...] | None, number: int, blocks: Iterable[Rows]) -> bytes:
    """The row counts of a partition, its largest values, sums and missing cells by column, or the error it raises."""
    counts, largest, sums = np.zeros(3), np.zeros(1), np.zeros(1)
    missing = MissingCells.none(1)

    def place(row: int) -> str:
        return f"row {int(counts[0]) + row}"

    try:
        for block in blocks:
            check_finite(block.values, names, place=place, missing=block.incomplete)
            as_weights(block.weights, len(block))
            counts += np.array([len(block), np.count_nonzero(block.mass), block.mass.sum()])
            missing = missing.and_of(block)
            with np.errstate(over="ignore"):
                largest = np.fmax(largest, np.fmax.reduce(np.abs(block.values), initial=0.0))
                sums = sums + block.mass @ block.completed(np.zeros(1)).values
    except DataError as error:
        return _packed([], f"partition {number}: {error}")
    return _packed([counts, largest, sums, *missing.arrays])


def _expect(packed: bytes, fill: bytes, threads: int, number: int, blocks: Iterable[Rows]) -> bytes:  # noqa: ARG001
    """The statistics of a partition, with values in place of missing cells if there are some to fill in."""
    components = _components(packed)
    for values in _unpacked(fill)[0]:
        blocks = (block.completed(values) for block in blocks)
    no_rows = Rows(np.empty((0, components[0].means.shape[1])))
    every = [kernel.expect(block, components, threads=threads) for block in blocks if len(block)]
    return _packed_statistics(reduce(_sum, every or [kernel.expect(no_rows, components)]))


def _of_columns(columns: list[int], task: Task, number: int, blocks: Iterable[Rows]) -> bytes:
    """The answer to a task on some of the columns."""
    return task(number, (block.select(columns) for block in blocks))


def _of_incomplete(task: Task, number: int, blocks: Iterable[Rows]) -> bytes:
    """The answer to a task on rows in which NaN is a missing cell."""
    return task(number, (replace(block, incomplete=True).without_empty for block in blocks))


def _departs(packed: bytes, complete: bool, number: int, blocks: Iterable[Rows]) -> bytes:  # noqa: ARG001
    """Whether any row of positive weight, or any without missing cells, departs from a dependence among the columns."""
    columns, matrix, offset, slack = _unpacked(packed)[0]
    independent = tuple(int(column) for column in columns)
    dependence = Dependence(independent, matrix.reshape(len(offset), -1), offset, slack)
    counting = (block.counting.complete if complete else block.counting for block in blocks)
    departs = any(dependence.departs(block.values).any() for block in counting)
    return _packed([np.array([departs])])


def _chosen_rows(packed: bytes, number: int, blocks: Iterable[Rows]) -> bytes:
    """The rows at given positions among the rows of positive weight in a partition, and their weights."""
    positions, begin = _unpacked(packed)[0][number].astype(np.intp), 0
    values, weights = [np.zeros(0)], [np.zeros(0)]
    for block in blocks:
        counting = np.flatnonzero(block.mass)
        end = begin + len(counting)
        rows = block[counting[positions[(positions >= begin) & (positions < end)] - begin]]
        values.append(np.asarray(rows.values, np.float64).ravel())
        weights.append(rows.mass)
        begin = end
    return _packed([np.concatenate(values), np.concatenate(weights)])


def _join(answers: Iterable[bytes]) -> bytes:
    """The sum of the statistics of several partitions, in order."""
    return _packed_statistics(reduce(_sum, (_statistics(answer) for answer in answers)))


def _read(columns: list[str] | None, weight: str | None, pieces: Iterable[Any]) -> Iterator[Rows]:
    for piece in pieces:
        values, _ = as_rows(piece, columns, weight)
        weights = None if weight is None else np.ascontiguousarray(as_rows(piece, [weight])[0][:, 0], np.float64)
        yield Rows(values, weights)


def _sum(left: list[SufficientStatistics], right: list[SufficientStatistics]) -> list[SufficientStatistics]:
    return [a + b for a, b in zip(left, right, strict=True)]


# Messages between this process and the tasks --------------------------------------------------------------------------


def _packed_components(components: Sequence[Components]) -> bytes:
    arrays = [array for each in components for array in (*each[1:5], np.array([each.family.degrees_of_freedom]))]
    return _packed(arrays, " ".join(each.form.name for each in components))


def _components(packed: bytes) -> list[Components]:
    found = []
    for form, (constants, flat_means, *compact, degrees_of_freedom) in _by_form(*_unpacked(packed)):
        means, factor, whitener = _shaped(form, len(constants), flat_means, *compact)
        family = family_of(float(degrees_of_freedom[0]))
        found.append(Components(form, constants, means, factor, whitener, family))
    return found


def _packed_statistics(statistics: list[SufficientStatistics]) -> bytes:
    arrays = [array for s in statistics for array in s.arrays.values()]
    return _packed(arrays, json.dumps([[s.form.name, list(s.arrays)] for s in statistics]))


def _statistics(packed: bytes) -> list[SufficientStatistics]:
    arrays, words = _unpacked(packed)
    remaining = iter(arrays)
    return [
        SufficientStatistics.from_arrays(_FORMS[form], {name: next(remaining) for name in names})
        for form, names in json.loads(words)
    ]


def _by_form(arrays: list[Array], names: str) -> Iterator[tuple[Form, list[Array]]]:
    """The arrays of a message, split into equal parts, one for each named form."""
    size = len(arrays) // max(len(names.split()), 1)
    for number, name in enumerate(names.split()):
        yield _FORMS[name], arrays[size * number : size * (number + 1)]


def _shaped(form: Form, n_components: int, means: Array, *compact: Array) -> list[Array]:
    """Flat arrays in the shapes of means ``(K, D)`` and of compact matrices."""
    shape = n_components, len(means) // n_components
    return [means.reshape(shape), *(array.reshape(form.shape(*shape)) for array in compact)]


def _packed(arrays: Sequence[NDArray[Any]], text: str = "") -> bytes:
    """Flattened arrays and a text as an Arrow stream."""
    import pyarrow as pa

    flat = pa.array([np.ravel(array).astype(np.float64) for array in arrays], pa.list_(pa.float64()))
    batch = pa.record_batch({"arrays": flat}).replace_schema_metadata({"text": text})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def _unpacked(message: bytes) -> tuple[list[Array], str]:
    import pyarrow as pa

    table = pa.ipc.open_stream(message).read_all()
    return [entry.values.to_numpy() for entry in table["arrays"]], table.schema.metadata[b"text"].decode()
