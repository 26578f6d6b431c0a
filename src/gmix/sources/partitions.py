"""Rows in the partitions of a cluster: tasks go to the rows, and only statistics come back.

An engine needs one method, `PartitionedSource.ask`: run a task on every partition and hand back the answers. What
travels in a pass are names of functions in this file and Arrow buffers; gmix pickles nothing. Before the first pass an
engine hands over the first rows, which decide what columns are used.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.columns import FilledColumns
from gmix.base.errors import ClusterError, DataError, ParameterError
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
Join = Callable[[Iterable[bytes]], bytes]  # answers of neighboring partitions, in order -> one answer
_THROWN = re.compile(r"[A-Za-z_][\w.]*(Error|Exception)\b: ")  # the last line of a traceback
_FIELDS = ("counts", "mass", "mean", "scatter", "divisor", "log_likelihood", "n_rows")  # of statistics
_SAME = 1e-9  # by how much the mass of all rows may differ between two passes, relative: more than rounding


class PartitionedSource(Source):
    """A table whose partitions stay where they are.

    Statistics of a partition are added up block by block, and those of partitions in a tree that depends on their
    number alone. So neither the order in which workers finish nor a task that is run again changes a bit.

    Parameters
    ----------
    head : a table with the columns of every partition, of no rows or, where no columns are named, the first ones.
    columns, sample_weight : names, as `gmix.fit` takes them.
    threads : of the kernel in each task; None for one, since the cluster gives every core a task of its own.
    filled : says which of some columns that are empty in `head` have a value in any partition.

    # Implementation
    A constructor ends with `look`, which raises `DataError` for an empty table and for values that cannot be used,
    with the partition and the column.
    """

    fan = 16  # answers that are joined at once; part of the result's bits, so never a setting

    def __init__(
        self,
        head: Any,
        columns: list[str] | None,
        sample_weight: Any,
        threads: int | None,
        filled: FilledColumns | None = None,
    ) -> None:
        if not (sample_weight is None or isinstance(sample_weight, str)):
            raise ParameterError("the rows are on a cluster, so sample_weight must be there too; name its column")
        rows, self.features, self.findings = read_rows(head, columns, sample_weight, filled)
        if sample_weight is not None:
            as_rows(head, [sample_weight])
        self.names = [*(self.features or ()), *([] if sample_weight is None else [sample_weight])]
        self.n_features, self._dtype = rows.shape[1], rows.dtype
        self._weighted = sample_weight is not None
        self.read: Read = partial(_read, None if self.features is None else list(self.features), sample_weight)
        self.threads = threads

    @abstractmethod
    def ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        """The answers of all partitions, in order; with a `join`, those of neighbors may be joined where they are."""

    def rows(self, n: int, rng: np.random.Generator) -> Rows:
        # The very draw of a table in memory, so that the sub-sample is the same.
        ends = np.cumsum(self._counting)
        count = self.n_counting
        chosen = np.sort(rng.choice(count, size=n, replace=False)) if count > n else np.arange(count)
        parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
        each = _packed([part - end + size for part, end, size in zip(parts, ends, self._counting, strict=True)])
        answers = [_unpacked(answer)[0] for answer in self.ask(partial(_picked, each))]
        rows, weight = (np.concatenate(arrays) for arrays in zip(*answers, strict=True))
        if len(weight) != len(chosen):
            raise self._changed(f"{len(chosen)} rows were chosen and {len(weight)} found")
        return Rows(rows.reshape(-1, self.n_features).astype(self._dtype), weight if self._weighted else None)

    def select(self, columns: Sequence[int]) -> PartitionedSource:
        return _Selected(self, list(columns))

    def obeys(self, dependence: Dependence) -> bool:
        columns = np.array(dependence.independent, np.float64)
        slack = np.broadcast_to(dependence.slack, self.n_features)
        stated = _packed([columns, dependence.matrix, dependence.offset, slack])
        return not any(_unpacked(answer)[0][0].any() for answer in self.ask(partial(_departing, stated)))

    @property
    def center(self) -> Array:
        return np.asarray(self._center[None])

    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        task = partial(_expected, _asked(components), 1 if self.threads is None else self.threads)
        found = _statistics(_joined(self.ask(task, _joined)))
        if not abs((mass := found[0].n_rows) / self._mass - 1.0) < _SAME:
            raise self._changed(f"the rows weighed {self._mass:.12g} when they were first read and {mass:.12g} now")
        return found if references is None else [s.on(r) for s, r in zip(found, references, strict=True)]

    def _changed(self, what: str) -> DataError:
        return DataError(f"{what}; give a table that is the same each time it is computed, or persist it")

    def look(self) -> None:
        """Read everything once: count, and refuse what cannot be used before a climb begins."""
        answers = [_unpacked(answer) for answer in self.ask(partial(_looked, self.features))]
        for _, error in answers:
            if error:
                raise DataError(error)
        counts, largest, sums = zip(*(arrays for arrays, _ in answers), strict=True)
        self._counting = [int(count) for _, count, _ in counts]
        self.n_counting = sum(self._counting)
        self.n_rows, self._mass = sum(int(n) for n, _, _ in counts), sum(float(mass) for _, _, mass in counts)
        if self.n_rows == 0:
            raise DataError("the table has no rows; gmix needs at least one")
        check_mass(self._mass)
        most = np.array([np.broadcast_to(values, self.n_features) for values in largest])
        beyond = ~(most < largest_value(self.n_features, max(self._mass, self.n_rows)))
        if beyond.any():
            number, column = (int(i) for i in np.argwhere(beyond)[0])
            raise DataError(
                f"partition {number}: column {repr(self.features[column]) if self.features else column} reaches "
                f"{most[number, column]:.3g}, whose square is beyond float64; divide it by a large number"
            )
        self._center = sum(sums) / self._mass


class _Selected(PartitionedSource):
    """Some of the columns of a table on a cluster."""

    def __init__(self, table: PartitionedSource, columns: list[int]) -> None:
        self.__dict__.update(vars(table))
        self._table, self._columns = table, columns
        self.features, self.n_features = selected(table.features, columns), len(columns)
        self._center = table._center[columns]  # noqa: SLF001  (of its own kind)
        self.__dict__.pop("_references", None)

    def ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        return self._table.ask(partial(_of_columns, self._columns, task), join)


@contextmanager
def reaching(engine: str) -> Iterator[None]:
    """Around a call of a cluster: say what can be done where it fails."""
    try:
        yield
    except Exception as error:
        raise ClusterError(
            f"{engine} could not finish a pass over the rows ({type(error).__name__}: {_gist(str(error))}); "
            "see that its session is open and that its workers can be reached, stay alive, and have gmix installed"
        ) from error


def _gist(said: str) -> str:
    """What an engine says in a line: where it hands on a traceback of Python, that of its last line, else the first."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    thrown = [line for line in lines if _THROWN.match(line)]
    return (thrown or lines or [""])[-1 if thrown else 0]


# Beside the rows ------------------------------------------------------------------------------------------------------


def _looked(names: tuple[str, ...] | None, number: int, blocks: Iterable[Rows]) -> bytes:
    """Counts of a partition, its largest values and sums by column; or what is wrong with it."""
    counts, largest, sums = np.zeros(3), np.zeros(1), np.zeros(1)

    def place(row: int) -> str:
        return f"row {int(counts[0]) + row}"

    try:
        for block in blocks:
            check_finite(block.values, names, place=place)
            as_weights(block.weights, len(block))
            counts += np.array([len(block), np.count_nonzero(block.mass), block.mass.sum()])
            with np.errstate(over="ignore"):
                largest = np.maximum(largest, np.abs(block.values).max(0, initial=0.0))
                sums = sums + block.mass @ block.values
    except DataError as error:
        return _packed([], f"partition {number}: {error}")
    return _packed([counts, largest, sums])


def _expected(question: bytes, threads: int, number: int, blocks: Iterable[Rows]) -> bytes:  # noqa: ARG001
    """The statistics of a partition."""
    components = _components(question)
    nothing = Rows(np.empty((0, components[0].means.shape[1])))
    every = [kernel.expect(block, components, threads=threads) for block in blocks if len(block)]
    return _sent(reduce(_sum, every or [kernel.expect(nothing, components)]))


def _of_columns(columns: list[int], task: Task, number: int, blocks: Iterable[Rows]) -> bytes:
    """The answer to a task about some of the columns."""
    return task(number, (block.select(columns) for block in blocks))


def _departing(stated: bytes, number: int, blocks: Iterable[Rows]) -> bytes:  # noqa: ARG001
    """Whether any row of a partition that has weight departs from how its columns should follow from one another."""
    columns, matrix, offset, slack = _unpacked(stated)[0]
    independent = tuple(int(column) for column in columns)
    dependence = Dependence(independent, matrix.reshape(len(offset), -1), offset, slack)
    off = any(dependence.departs(block.counting.values).any() for block in blocks)
    return _packed([np.array([off])])


def _picked(each: bytes, number: int, blocks: Iterable[Rows]) -> bytes:
    """The rows at the given places among those of a partition that have weight, and their weights."""
    wanted, at = _unpacked(each)[0][number].astype(np.intp), 0
    kept, weights = [np.zeros(0)], [np.zeros(0)]
    for block in blocks:
        counting = np.flatnonzero(block.mass)
        mine = block[counting[wanted[(wanted >= at) & (wanted < at + len(counting))] - at]]
        kept.append(np.asarray(mine.values, np.float64).ravel())
        weights.append(mine.mass)
        at += len(counting)
    return _packed([np.concatenate(kept), np.concatenate(weights)])


def _joined(answers: Iterable[bytes]) -> bytes:
    """The sum of the statistics of several partitions, in order."""
    return _sent(reduce(_sum, (_statistics(answer) for answer in answers)))


def _read(columns: list[str] | None, weight: str | None, pieces: Iterable[Any]) -> Iterator[Rows]:
    for piece in pieces:
        values, _ = as_rows(piece, columns, weight)
        own = None if weight is None else np.ascontiguousarray(as_rows(piece, [weight])[0][:, 0], np.float64)
        yield Rows(values, own)


def _sum(left: list[SufficientStatistics], right: list[SufficientStatistics]) -> list[SufficientStatistics]:
    return [a + b for a, b in zip(left, right, strict=True)]


# Between the two ------------------------------------------------------------------------------------------------------


def _asked(components: Sequence[Components]) -> bytes:
    arrays = [array for each in components for array in (*each[1:-1], np.array([each.family.degrees_of_freedom]))]
    return _packed(arrays, " ".join(each.form.name for each in components))


def _components(question: bytes) -> list[Components]:
    found = []
    for form, (constants, flat_means, *compact, degrees_of_freedom) in _by_form(*_unpacked(question)):
        means, factor, whitener = _shaped(form, len(constants), flat_means, *compact)
        family = family_of(float(degrees_of_freedom[0]))
        found.append(Components(form, constants, means, factor, whitener, family))
    return found


def _sent(statistics: list[SufficientStatistics]) -> bytes:
    arrays = [np.asarray(getattr(s, name)) for s in statistics for name in _FIELDS]
    return _packed(arrays, " ".join(s.form.name for s in statistics))


def _statistics(answer: bytes) -> list[SufficientStatistics]:
    found = []
    for form, arrays in _by_form(*_unpacked(answer)):
        parts: dict[str, Any] = dict(zip(_FIELDS, arrays, strict=True))
        parts["mean"], parts["scatter"] = _shaped(form, len(parts["mass"]), parts["mean"], parts["scatter"])
        log_likelihood, n_rows = (float(parts.pop(name)[0]) for name in ("log_likelihood", "n_rows"))
        found.append(SufficientStatistics(form, log_likelihood=log_likelihood, n_rows=n_rows, **parts))
    return found


def _by_form(arrays: list[Array], names: str) -> Iterator[tuple[Form, list[Array]]]:
    """The arrays of a message in equal parts, one for the name of each form."""
    forms, each = {form.name: form for form in FORMS}, len(arrays) // max(len(names.split()), 1)
    for number, name in enumerate(names.split()):
        yield forms[name], arrays[each * number : each * (number + 1)]


def _shaped(form: Form, n_components: int, means: Array, *compact: Array) -> list[Array]:
    """Flat arrays as ``(K, D)`` and compact ones."""
    shape = n_components, len(means) // n_components
    return [means.reshape(shape), *(array.reshape(form.shape(*shape)) for array in compact)]


def _packed(arrays: Sequence[NDArray[Any]], words: str = "") -> bytes:
    """Arrays of numbers, flat, and some words, as an Arrow stream."""
    import pyarrow as pa

    flat = pa.array([np.ravel(array).astype(np.float64) for array in arrays], pa.list_(pa.float64()))
    batch = pa.record_batch({"arrays": flat}).replace_schema_metadata({"words": words})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def _unpacked(message: bytes) -> tuple[list[Array], str]:
    import pyarrow as pa

    table = pa.ipc.open_stream(message).read_all()
    return [entry.values.to_numpy() for entry in table["arrays"]], table.schema.metadata[b"words"].decode()
