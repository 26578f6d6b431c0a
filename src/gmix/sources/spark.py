"""Rows in a Spark DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gmix.errors import needing
from gmix.sources.partitions import Join, PartitionedSource, Task, reaching

__all__ = ["SparkSource"]

_ANSWER = "partition int, answer binary"


class SparkSource(PartitionedSource):
    """A Spark DataFrame, worked on in its partitions by ``mapInArrow``.

    Every pass computes the DataFrame anew, unless it is cached.
    """

    def __init__(
        self, data: Any, *, columns: list[str] | None = None, sample_weight: Any = None, threads: int | None = None
    ) -> None:
        with needing("spark", "a cluster"):
            import narwhals  # noqa: F401  (tasks need it: said here, before one fails)
            from pyspark.sql.pandas.types import to_arrow_schema
        with reaching("Spark"):
            empty = to_arrow_schema(data.schema).empty_table()
        super().__init__(empty, columns, sample_weight, threads)
        self._data = data.select(*(f"`{name}`" for name in self.names))
        self._count = 0  # of partitions; the first pass tells
        self.look()

    def ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        from pyspark.sql.functions import floor

        with reaching("Spark"):
            answers, count = self._data.mapInArrow(_answering(task), _ANSWER), self._count
            while join is not None and count > self.fan:
                branch = floor(answers["partition"] / self.fan).cast("int")
                answers = answers.groupBy(branch).applyInArrow(_joining(join, self.fan), _ANSWER)
                count = -(-count // self.fan)
            found: list[bytes] = answers.toArrow().sort_by("partition")["answer"].to_pylist()
        self._count = self._count or len(found)
        return found


def _answering(task: Task) -> Callable[[Iterator[Any]], Iterator[Any]]:
    def answering(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa
        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None
        number = context.partitionId()
        yield pa.record_batch({"partition": pa.array([number], pa.int32()), "answer": [task(number, batches)]})

    return answering


def _joining(join: Join, fan: int) -> Callable[[Any], Any]:
    def joining(answers: Any) -> Any:
        import pyarrow as pa

        answers = answers.sort_by("partition")
        branch = answers["partition"][0].as_py() // fan
        joined = join(answers["answer"].to_pylist())
        return pa.table({"partition": pa.array([branch], pa.int32()), "answer": [joined]})

    return joining
