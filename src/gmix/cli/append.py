"""A table with further columns: all cells of the input, and what was computed for each of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.base.table_file import Block, write_table, write_texts
from gmix.base.wording import listed
from gmix.sources.arrow import ArrowTable
from gmix.sources.csv.table import CsvTable

__all__ = ["write_with_columns"]


def write_with_columns(table: ArrowTable, columns: Iterator[Block], to: Path | IO[bytes], form: str) -> None:
    """Write all columns of a table, and after them further columns, which are given block by block.

    CSV from CSV keeps the text of all cells, and the format. Raises `ParameterError` if a name is used twice.
    """
    further = _Columns(columns)
    if twice := [repr(name) for name in further.names if name in table.all_names]:
        called = f"column called {twice[0]}" if len(twice) == 1 else f"columns called {listed(twice)}"
        raise ParameterError(f"the table already has a {called}; rename it there, or leave out --append")
    if form == "csv" and isinstance(table, CsvTable):
        names = [*table.dialect.names, *further.names]
        write_texts(_texts(table, further), names, to, table.dialect.delimiter)
    else:
        write_table(_batches(table, further), to, form)


def _texts(table: CsvTable, further: _Columns) -> Iterator[list[tuple[str, ...]]]:
    for rows in table.texts():
        added = further.next_rows(len(rows))
        cells = [[_text(table, cell) for cell in column.tolist()] for column in added.values()]
        yield [(*row, *more) for row, more in zip(rows, zip(*cells, strict=True), strict=True)]


def _text(table: CsvTable, cell: object) -> str:
    if isinstance(cell, float):
        return table.number_as_text(cell)
    return "" if cell is None else str(cell)


def _batches(table: ArrowTable, further: _Columns) -> Iterator[Any]:
    import pyarrow as pa

    for batch in table.batches():
        added = further.next_rows(batch.num_rows)
        arrays = [*batch.columns, *(pa.array(column, from_pandas=True) for column in added.values())]
        yield pa.record_batch(arrays, names=[*batch.schema.names, *added])


class _Columns:
    """Columns that are given in blocks, and taken in blocks of another size."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self._blocks = blocks
        self._ready: list[Block] = [next(blocks)]
        self.names = list(self._ready[0])

    def next_rows(self, n: int) -> dict[str, NDArray[Any]]:
        """The next `n` rows."""
        while _length(self._ready) < n:
            self._ready.append(next(self._blocks))
        joined = {name: np.concatenate([block[name] for block in self._ready]) for name in self.names}
        self._ready = [{name: column[n:] for name, column in joined.items()}]
        return {name: column[:n] for name, column in joined.items()}


def _length(blocks: list[Block]) -> int:
    return sum(len(next(iter(block.values()))) for block in blocks)
