"""Tables that are read in blocks: files larger than memory, and other objects that yield blocks."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.columns import Column
from gmix.base.columns.frames import frame_columns, frame_names
from gmix.base.errors import DataError, one_of
from gmix.base.findings import Finding
from gmix.base.missing import MISSING, MissingCells
from gmix.base.rows import Rows
from gmix.base.table import as_rows, as_weights, check_finite, is_frame, largest_value, read_rows
from gmix.model.components import Components
from gmix.model.kernel import CHUNK, grouped_chunk, kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.sources.source import LocalSource, check_mass, mean_of_cells, selected

__all__ = ["Blocks", "GivenBlocks", "Piece", "StreamSource"]

T = TypeVar("T")
_BYTES = 8 << 20  # of a block: large enough to keep threads busy, small enough for the caches


class Piece(NamedTuple):
    """Successive rows of a table, any number of them."""

    columns: Sequence[NDArray[Any]]  # D arrays of n numbers
    weight: NDArray[np.float64] | None


class Blocks(ABC):
    """A table that is read in pieces, the same rows in the same order each time.

    Attributes
    ----------
    names : the names of the columns, or None.
    n_features : the number of columns.
    dtype : the dtype of the rows, float32 or float64.
    weighted : whether every piece has weights.
    n_bytes : the memory that all rows would take, or an upper bound; infinite if it is not known.
    findings : findings about the table, such as columns that are left out.
    """

    names: tuple[str, ...] | None
    n_features: int
    dtype: np.dtype[Any]
    weighted: bool
    n_bytes: float
    findings: tuple[Finding, ...] = ()

    @abstractmethod
    def pieces(self) -> Iterator[Piece]:
        """The rows, from the first to the last."""

    @abstractmethod
    def where(self, row: int) -> str:
        """The position of a row in words for an error message, such as its file, row group and row."""

    def read(self) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Read all rows ``(N, D)`` and their weights into memory."""
        pieces = list(self.pieces())
        rows = np.empty((sum(len(piece.columns[0]) for piece in pieces), self.n_features), self.dtype)
        for j in range(self.n_features):
            rows[:, j] = np.concatenate([piece.columns[j] for piece in pieces])
        weights = [piece.weight for piece in pieces if piece.weight is not None]
        return rows, np.concatenate(weights) if weights else None


class GivenBlocks(Blocks):
    """An object that yields blocks, arrays ``(n, D)`` or DataFrames, each time it is iterated."""

    n_bytes = np.inf

    def __init__(self, blocks: Iterable[Any], columns: list[str] | None = None, weight: str | None = None) -> None:
        self._blocks, self._columns, self._weight = blocks, columns, weight
        first = next(iter(blocks))
        array, self.names, self.findings = read_rows(first, columns, weight, self._filled)
        self._names_of_first = frame_names(first) if is_frame(first) else None
        self.n_features, self.dtype = array.shape[1], array.dtype
        self.weighted = weight is not None

    def pieces(self) -> Iterator[Piece]:
        for number, block in enumerate(self._blocks):
            self._check_columns(number, block)
            rows, _ = as_rows(block, None if self.names is None else list(self.names), self._weight)
            if rows.shape[1] != self.n_features:
                raise DataError(
                    f"block {number} has {rows.shape[1]} columns and the first has {self.n_features}; "
                    "give every block the same"
                )
            if rows.dtype != self.dtype:
                raise DataError(
                    f"block {number} holds {rows.dtype} and the first holds {self.dtype}; give every block the same"
                )
            weight = None if self._weight is None else as_rows(block, [self._weight])[0][:, 0].astype(np.float64)
            yield Piece(list(rows.T), weight)

    def _check_columns(self, number: int, block: Any) -> None:
        """Raise `DataError` if a block has other columns than the first; unused columns may be missing."""
        names, first = frame_names(block) if is_frame(block) else None, self._names_of_first
        if names == first:
            return
        used = {*(self.names or ()), *([self._weight] if self._weight else [])}
        if names is None or not used <= set(names) or (self._columns is None and not set(names) <= set(first or ())):
            raise DataError(
                f"block {number} has the columns {names} and the first has {first}; give every block the same"
            )

    def _filled(self, names: list[str]) -> Iterator[Column]:
        """The columns among `names` that have a value in any block."""
        for block in self._blocks:
            if is_frame(block):
                yield from (c for c in frame_columns(block) if c.name in names and not c.empty)

    def where(self, row: int) -> str:
        begin = 0
        for number, piece in enumerate(self.pieces()):
            if row < begin + len(piece.columns[0]):
                return f"block {number}, row {row - begin}"
            begin += len(piece.columns[0])
        return f"row {row}"


class _Selected(Blocks):
    """Some of the columns of a table that is read in pieces."""

    def __init__(self, table: Blocks, columns: Sequence[int]) -> None:
        self._table, self._columns = table, columns
        self.names, self.n_features = selected(table.names, columns), len(columns)
        self.dtype, self.weighted = table.dtype, table.weighted
        self.n_bytes = table.n_bytes * len(columns) / table.n_features

    def pieces(self) -> Iterator[Piece]:
        for columns, weight in self._table.pieces():
            yield Piece([columns[j] for j in self._columns], weight)

    def where(self, row: int) -> str:
        return self._table.where(row)


class StreamSource(LocalSource):
    """A table that is read again in every pass; a thread reads the next block during the E-step on the current one.

    The number of rows in a block does not depend on the pieces, and the kernel adds up one sum over all blocks, so the
    statistics have the same bits as those of the same rows in memory. Two blocks are held at a time, together at most
    `memory` bytes.

    Raises `DataError` for an empty table, and for values and weights that cannot be used, with their position.
    """

    def __init__(
        self,
        table: Blocks,
        *,
        sample_weight: ArrayLike | None = None,
        threads: int | None = None,
        memory: float = 2 * _BYTES,
        missing: str = "model",
    ) -> None:
        one_of(missing, MISSING, "missing")
        self.table, self.threads = table, threads
        self.features, self.n_features, self.findings = table.names, table.n_features, table.findings
        self._weight = None if sample_weight is None else as_weights(sample_weight, np.size(sample_weight))
        self._weighted = table.weighted or self._weight is not None
        row_bytes = table.n_features * table.dtype.itemsize + 8 * self._weighted
        chunks = int(min(_BYTES, memory / 2) // (row_bytes * CHUNK))
        self.block_rows = max(chunks, 1) * CHUNK
        self.n_rows = self.n_counting = 0
        self._check_table(missing == "model")
        if self.missing is not None:
            unit = grouped_chunk(self.n_features)
            self.block_rows = max(self.block_rows // unit, 1) * unit

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.table.dtype

    def select(self, columns: Sequence[int]) -> StreamSource:
        chosen = copy.copy(self)
        chosen.table = _Selected(self.table, columns)
        chosen.features, chosen.n_features = chosen.table.names, len(columns)
        chosen.center = self.center[:, list(columns)]
        if self.missing is not None:
            chosen.count_missing()
        chosen.__dict__.pop("_references", None)
        return chosen

    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        def metered() -> Iterator[Rows]:
            for block in self.blocks():
                yield block if references is not None else block.completed(self.center[0])
                if self.meter is not None:
                    self.meter.rows(len(block))

        return kernel.expect(metered(), components, references, threads=self.threads, coarse=coarse)

    def rows(self, n: int, rng: np.random.Generator) -> Rows:
        # The same draw as for a table in memory, so that the sub-sample is the same.
        count = self.n_counting
        chosen = np.sort(rng.choice(count, size=n, replace=False)) if count > n else np.arange(count)
        values, weights = np.empty((len(chosen), self.n_features), self.table.dtype), np.empty(len(chosen))
        begin = done = 0
        for block in self.blocks():
            counting = np.flatnonzero(block.mass)
            end = int(np.searchsorted(chosen, begin + len(counting)))
            drawn = block[counting[chosen[done:end] - begin]]
            values[done:end], weights[done:end] = drawn.values, drawn.mass
            begin, done = begin + len(counting), end
        weighted = self._weighted or self.n_counting < self.n_rows
        return Rows(values, weights if weighted else None, incomplete=self.missing is not None)

    def blocks(self) -> Iterator[Rows]:
        total = 0
        with closing(_read_in_thread(self._blocks_of_pieces())) as blocks:
            for block in blocks:
                yield block.without_empty
                total += len(block)
        if self.n_rows and total != self.n_rows:
            raise DataError(
                f"the table had {self.n_rows} rows when it was first read and has {total} now; "
                "give one that does not change while it is fitted"
            )

    def _blocks_of_pieces(self) -> Iterator[Rows]:
        """Blocks of a fixed size from pieces of any size, in two buffers that are used alternately."""
        size, n_rows = self.block_rows, 0
        buffers = [np.empty((size, self.n_features), self.table.dtype, order="F") for _ in range(2)]
        weights = [np.empty(size if self._weighted else 0) for _ in range(2)]
        current = filled = 0
        for columns, piece_weight in self.table.pieces():
            length, taken = len(columns[0]), 0
            weight = piece_weight if self._weight is None else self._weight[n_rows : n_rows + length]
            if weight is not None and len(weight) < length:
                raise DataError(
                    f"sample_weight has shape ({len(weight) + n_rows},) and the table has more rows; give one weight "
                    "per row"
                )
            n_rows += length
            while taken < length:
                step = min(size - filled, length - taken)
                for j, column in enumerate(columns):
                    buffers[current][filled : filled + step, j] = column[taken : taken + step]
                if weight is not None:
                    weights[current][filled : filled + step] = weight[taken : taken + step]
                filled, taken = filled + step, taken + step
                if filled == size:
                    yield self._block(buffers[current], weights[current])
                    current, filled = 1 - current, 0
        if self._weight is not None and len(self._weight) != n_rows:
            raise DataError(
                f"sample_weight has shape {self._weight.shape}; the table has {n_rows} rows, so give ({n_rows},)"
            )
        if filled:
            yield self._block(buffers[current], weights[current])[:filled]

    def _block(self, values: NDArray[Any], weights: NDArray[np.float64]) -> Rows:
        return Rows(values, weights if self._weighted else None, incomplete=self.missing is not None)

    def _check_table(self, may_miss: bool) -> None:
        """Read the table once to count its rows, find their mean, and raise errors before a fit begins."""
        n_rows = 0
        mass = largest = 0.0
        missing = MissingCells.none(self.n_features)

        def checked() -> Iterator[Rows]:
            nonlocal n_rows, mass, largest, missing
            for block in self.blocks():
                largest = max(largest, self._check_block(block.values, block.weights, n_rows, may_miss))
                rows = replace(block, incomplete=may_miss).without_empty
                missing = missing.and_of(rows)
                yield rows
                n_rows += len(rows)
                self.n_counting += len(rows) if rows.weights is None else int(np.count_nonzero(rows.weights))
                mass += len(block) if block.weights is None else float(block.weights.sum())

        blocks = checked()
        if (first := next(blocks, None)) is None:
            raise DataError("the table has no rows; gmix needs at least one")
        center = mean_of_cells(chain([first], blocks), self.n_features, None, self.threads)
        check_mass(mass)
        limit = largest_value(self.n_features, max(mass, n_rows))
        if not largest < limit:
            begin = 0
            for block in self.blocks():
                check_finite(block.values, self.features, limit, partial(self._place, begin), missing=may_miss)
                begin += len(block)
        if missing:
            self.missing, center = missing, center * missing.rows_per_cell
        self.n_rows, self.mass, self.center = n_rows, missing.weight if missing else mass, center

    def count_missing(self) -> None:
        """Find what is missing in all rows, and count those that have a value and a weight, in one pass."""
        missing, self.n_counting = MissingCells.none(self.n_features), 0
        for block in self.blocks():
            missing = missing.and_of(block)
            self.n_counting += int(np.count_nonzero(block.mass))
        self.missing = missing

    def _check_block(self, rows: NDArray[Any], weight: NDArray[np.float64] | None, begin: int, may_miss: bool) -> float:
        """The largest absolute value of a block that begins at a row. Raises `DataError` for values not finite."""
        check_finite(rows, self.features, place=partial(self._place, begin), missing=may_miss)
        if weight is not None and not ((weight >= 0) & (weight < 1e100)).all():  # NaN compares false
            row = int(np.argmin((weight >= 0) & (weight < 1e100)))
            raise DataError(
                f"the weight of {self._place(begin, row)} is {weight[row]}; "
                "give numbers from 0 (the row does not count) to 1e100"
            )
        return max(-float(np.fmin.reduce(rows, axis=None)), float(np.fmax.reduce(rows, axis=None)))

    def _place(self, begin: int, row: int) -> str:
        return self.table.where(begin + row)


def _read_in_thread(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items; a thread reads the next one while the caller uses the current one."""
    end: Any = object()
    with ThreadPoolExecutor(1, "gmix-reader") as reader:
        following = reader.submit(next, items, end)
        while (item := following.result()) is not end:
            following = reader.submit(next, items, end)
            yield item
