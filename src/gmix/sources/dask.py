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
from gmix.sources.pass_limit import PassLimit

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
        return _computed(answers, self.limit)


def _computed(answers: list[Any], limit: PassLimit) -> list[Any]:
    """The results of delayed answers. Only a distributed scheduler is held to the limit of time."""
    import dask

    with limit.one_pass("Dask") as seconds:
        client = getattr(dask.base.get_scheduler(collections=answers), "__self__", None)
        if client is None or seconds is None:  # threads and processes of this machine end with it
            return list(dask.compute(*answers))
        from distributed import wait

        futures = client.compute(answers)
        try:
            wait(futures, timeout=seconds)  # type: ignore[no-untyped-call]
            return list(client.gather(futures))
        finally:
            for future in futures:  # the scheduler ends jobs that nobody waits for, but errors keep references to them
                future.release()


def _first_rows(pieces: list[Any]) -> Any:
    """The first rows of the first partition that is not empty."""
    import dask

    head = dask.delayed(partial(_head, LOOK))
    [first] = _computed([head(pieces[0])], PassLimit())
    return first if len(first) else next(filter(len, _computed([head(piece) for piece in pieces], PassLimit())), first)


def _distinct(data: Any, name: str) -> list[Any]:
    """The distinct cells of a column."""
    [cells] = _computed([data[name].unique()], PassLimit())
    return list(cells)


def _head(n: int, piece: Any) -> Any:
    return piece.head(n)


def _filled(pieces: list[Any], names: list[str]) -> list[Column]:
    """The columns among `names` that have a value in any partition."""
    import dask

    look = dask.delayed(partial(_with_values, names))
    found = _computed([look(piece) for piece in pieces], PassLimit())
    return [column for columns in found for column in columns]


def _with_values(names: list[str], piece: Any) -> list[Column]:
    return [column for column in frame_columns(piece) if column.name in names and not column.empty]


def _answer(read: Read, task: Task, number: int, piece: Any) -> bytes:
    return task(number, read([piece]))
