"""Rows in a Dask array or DataFrame."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gmix.base.columns import Column
from gmix.base.columns.column import LOOK
from gmix.base.columns.frames import frame_columns
from gmix.base.errors import DataError, needing
from gmix.sources.partitions import Join, PartitionedSource, Read, Task
from gmix.sources.pass_limit import reaching

__all__ = ["DaskSource"]


class DaskSource(PartitionedSource):
    """A Dask array ``(N, D)`` or DataFrame, read by tasks on Dask's current scheduler.

    Every pass computes the collection again, unless it is persisted. The arguments are those of `PartitionedSource`.
    """

    def __init__(self, data: Any, *, columns: list[str] | None = None, **settings: Any) -> None:
        with needing("dask", "a cluster"):
            import narwhals  # noqa: F401  (tasks need it; without it, fail here and not in a task)
            import pyarrow as pa  # noqa: F401  (the same)
        if hasattr(data, "columns"):
            pieces = data.to_delayed()
            head = data._meta if columns else _first_rows(pieces)  # noqa: SLF001  (Dask documents this attribute)
            settings |= {"filled": partial(_filled, pieces), "distinct": partial(_distinct, data)}
            super().__init__(head, columns=columns, **settings)
            wanted = [name for name in data.columns if str(name) in self.names]
            self._pieces = data[wanted].to_delayed()
        else:
            if data.ndim not in (1, 2):
                raise DataError(f"the array has {data.ndim} dimensions; gmix needs rows and columns, an array (N, D)")
            table = data[:, None] if data.ndim == 1 else data.rechunk({1: -1})
            head = np.empty((0, table.shape[1]), table.dtype)
            super().__init__(head, columns=columns, **settings)
            self._pieces = list(table.to_delayed()[:, 0])
        self.look()

    def ask(self, task: Task, join: Join | None = None) -> list[bytes]:
        import dask

        answer = dask.delayed(partial(_answer, self.read, task))  # one node of the graph for all partitions
        answers = [answer(number, piece) for number, piece in enumerate(self._pieces)]
        while join is not None and len(answers) > 1:
            answers = [dask.delayed(join)(answers[i : i + self.fan]) for i in range(0, len(answers), self.fan)]
        with self.limit.one_pass("Dask") as limit:
            return _computed(answers, limit)


def _computed(answers: list[Any], limit: float | None) -> list[bytes]:
    """The results of delayed answers. Raises `TimeoutError` if a distributed scheduler has none after the limit."""
    import dask

    client = getattr(dask.base.get_scheduler(collections=answers), "__self__", None)
    if client is None or limit is None:  # threads and processes of this machine end with it
        return list(dask.compute(*answers))
    from distributed import wait

    futures = client.compute(answers)
    wait(futures, timeout=limit)  # type: ignore[no-untyped-call]
    return list(client.gather(futures))


def _first_rows(pieces: list[Any]) -> Any:
    """The first rows of the first partition that is not empty."""
    import dask

    head = partial(_head, LOOK)
    with reaching("Dask"):
        [first] = dask.compute(dask.delayed(head)(pieces[0]))
        return first if len(first) else next(filter(len, dask.compute(*map(dask.delayed(head), pieces))), first)


def _distinct(data: Any, name: str) -> list[Any]:
    """The distinct cells of a column."""
    with reaching("Dask"):
        return list(data[name].unique().compute())


def _head(n: int, piece: Any) -> Any:
    return piece.head(n)


def _filled(pieces: list[Any], names: list[str]) -> list[Column]:
    """The columns among `names` that have a value in any partition."""
    import dask

    with reaching("Dask"):
        found = dask.compute(*(dask.delayed(partial(_with_values, names))(piece) for piece in pieces))
    return [column for columns in found for column in columns]


def _with_values(names: list[str], piece: Any) -> list[Column]:
    return [column for column in frame_columns(piece) if column.name in names and not column.empty]


def _answer(read: Read, task: Task, number: int, piece: Any) -> bytes:
    return task(number, read([piece]))
