"""Rows in a Spark DataFrame."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Thread, Timer
from typing import Any
from uuid import uuid4

import numpy as np

from gmix.base.columns import Column
from gmix.base.columns.arrow import arrow_columns
from gmix.base.columns.column import LOOK
from gmix.base.errors import needing
from gmix.base.rows import Rows
from gmix.sources.partitions import Join, PartitionedSource, Read, Task
from gmix.sources.pass_limit import PassLimit

__all__ = ["SparkSource"]

_INTERRUPTS = "spark.job.interruptOnCancel"  # whether a cancelled job ends its tasks at once
_FIELDS = ("values", "weights", "labels", "errors")  # of `gmix.base.rows.Rows`
_BYTES = 4 << 20  # of rows in a block, at least; in such large blocks, Spark's cost per block does not matter


class SparkSource(PartitionedSource):
    """A Spark DataFrame, read by tasks on its partitions.

    The DataFrame is computed once, by ``mapInArrow``, and packed into large blocks, which Spark keeps in memory and on
    disk while the source is in use. Every pass is a job over these blocks. Blocks that are lost with a worker are
    computed again.

    Spark Connect has no such jobs. With it, every pass computes the DataFrame again, unless it is cached. The arguments
    are those of `PartitionedSource`.
    """

    _run: Callable[[Task, Join | None], list[bytes]]

    def __init__(self, data: Any, *, columns: list[str] | None = None, **settings: Any) -> None:
        with needing("spark", "a cluster"):
            import narwhals  # noqa: F401  (tasks need it; without it, fail here and not in a task)
            from pyspark import StorageLevel
        self._session = data.sparkSession
        with _one_pass(self._session, PassLimit()):
            head = data.limit(0 if columns else LOOK).toArrow()
        settings |= {"filled": partial(_filled, data, head.schema), "distinct": partial(_distinct, data)}
        super().__init__(head, columns=columns, **settings)
        with _one_pass(self._session, PassLimit()):
            table = data.select(*(f"`{name}`" for name in self.names))
            packed = table.mapInArrow(partial(_pack, self.read), ", ".join(f"{name} binary" for name in _FIELDS))
            try:
                blocks = packed.rdd.map(partial(_unpack, self._dtype, self.n_features))
            except (AttributeError, NotImplementedError):  # Spark Connect
                self._run = partial(_ask_table, table, self.read)
            else:
                self._run = partial(_ask_blocks, blocks.persist(StorageLevel.MEMORY_AND_DISK), self.fan)
                # In its own thread, because the garbage collector may run during another call of Spark.
                release = Thread(target=_unpersist, args=(blocks,), daemon=True)
                weakref.finalize(self._run, release.start).atexit = False
        self.look()

    def ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        with _one_pass(self._session, self.limit):
            return self._run(task, join)


@contextmanager
def _one_pass(session: Any, limit: PassLimit) -> Iterator[None]:
    """Cancel the jobs that this thread starts, after the limit of time, so that waiting for them is an error."""
    with limit.one_pass("Spark") as seconds:
        if seconds is None:
            yield
            return
        begin, end, cancel = _tagging(session)
        tag = f"gmix-{uuid4()}"
        timer = Timer(seconds, _quietly, (cancel, tag))
        timer.daemon = True
        begin(tag)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            _quietly(end, tag)


def _tagging(session: Any) -> tuple[Callable[[str], None], Callable[[str], None], Callable[[str], Any]]:
    """How to tag the jobs that this thread starts, how to stop that, and how to cancel the jobs that have a tag."""
    try:
        context = session.sparkContext
    except AttributeError:  # Spark Connect
        return session.addTag, session.removeTag, session.interruptTag
    interrupts = context.getLocalProperty(_INTERRUPTS)

    def begin(tag: str) -> None:
        context.addJobTag(tag)
        context.setLocalProperty(_INTERRUPTS, "true")

    def end(tag: str) -> None:
        context.removeJobTag(tag)
        context.setLocalProperty(_INTERRUPTS, interrupts)

    return begin, end, context.cancelJobsWithTag


def _quietly(change: Callable[[str], Any], tag: str) -> None:
    with suppress(Exception):  # the session may have ended, which ends its jobs
        change(tag)


def _distinct(table: Any, name: str) -> list[Any]:
    """The distinct cells of a column."""
    with _one_pass(table.sparkSession, PassLimit()):
        return list(table.select(f"`{name}`").distinct().toArrow().column(0).to_pylist())


def _filled(table: Any, schema: Any, names: list[str]) -> list[Column]:
    """The columns among `names` that have a value in any row."""
    from pyspark.sql import functions

    floats = {name for name, kind in table.dtypes if kind in ("float", "double")}
    cells = {name: functions.col(f"`{name}`") for name in names}
    values = [functions.nanvl(cell, functions.lit(None)) if name in floats else cell for name, cell in cells.items()]
    with _one_pass(table.sparkSession, PassLimit()):
        [counts] = table.agg(*map(functions.count, values)).collect()
    filled = {name for name, count in zip(names, counts, strict=True) if count}
    return [column for column in arrow_columns(schema) if column.name in filled]


# Passes over blocks that Spark keeps ----------------------------------------------------------------------------------


def _pack(read: Read, batches: Iterable[Any]) -> Iterator[Any]:
    """The fields of rows as bytes, in large blocks."""
    import pyarrow as pa

    def packed() -> Any:
        arrays = Rows.joined(held).arrays
        parts = [arrays[name].tobytes() if name in arrays else None for name in _FIELDS]
        return pa.record_batch([pa.array([part], pa.binary()) for part in parts], list(_FIELDS))

    held: list[Rows] = []
    for block in read(batches):
        held.append(block)
        if sum(block.values.nbytes for block in held) >= _BYTES:
            yield packed()
            held = []
    if held:
        yield packed()


def _unpack(dtype: Any, n_features: int, packed: Any) -> Rows:
    values = np.frombuffer(packed[0], dtype).reshape(-1, n_features)
    weights, labels, errors = (None if array is None else np.frombuffer(array) for array in packed[1:])
    if errors is not None:
        errors = errors.reshape(*values.shape, *values.shape[1:] * (errors.size > values.size))
    return Rows(values, weights, labels, errors=errors)


def _unpersist(blocks: Any) -> None:
    with suppress(Exception):  # the session may have ended, which releases the blocks
        blocks.unpersist()


def _ask_blocks(blocks: Any, fan: int, task: Task, join: Join | None) -> list[bytes]:
    answers = blocks.mapPartitionsWithIndex(partial(_answer, task))
    while join is not None and (count := answers.getNumPartitions()) > fan:
        branches = answers.partitionBy(-(-count // fan), lambda number: number // fan)
        answers = branches.mapPartitionsWithIndex(partial(_join, join))
    return [answer for _, answer in sorted(answers.collect())]


def _answer(task: Task, number: int, blocks: Iterable[Rows]) -> Iterator[tuple[int, bytes]]:
    yield number, task(number, blocks)


def _join(join: Join, number: int, answers: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    yield number, join([answer for _, answer in sorted(answers)])


# Passes over the DataFrame, with Spark Connect ------------------------------------------------------------------------


def _ask_table(
    table: Any,
    read: Read,
    task: Task,
    join: Join | None,  # noqa: ARG001  (the driver joins)
) -> list[bytes]:
    answers = table.mapInArrow(partial(_answer_in_arrow, read, task), "number int, answer binary")
    found: list[bytes] = answers.toArrow().sort_by("number")["answer"].to_pylist()
    return found


def _answer_in_arrow(read: Read, task: Task, batches: Iterator[Any]) -> Iterator[Any]:
    import pyarrow as pa
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None
    number = context.partitionId()
    yield pa.record_batch({"number": pa.array([number], pa.int32()), "answer": [task(number, read(batches))]})
