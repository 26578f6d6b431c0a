"""Rows that come in blocks: tables larger than memory, and whatever can be read again and again."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.columns import Column
from gmix.base.columns.frames import frame_columns, frame_names
from gmix.base.errors import DataError
from gmix.base.findings import Finding
from gmix.base.rows import Rows
from gmix.base.table import as_rows, as_weights, check_finite, is_frame, largest_value, read_rows
from gmix.model.components import Components
from gmix.model.covariance import DIAGONAL
from gmix.model.kernel import CHUNK, kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.sources.source import LocalSource, selected, unit_component

__all__ = ["Blocks", "GivenBlocks", "Piece", "StreamSource"]

T = TypeVar("T")
_BYTES = 8 << 20  # of a block: enough to keep threads busy, little enough to stay near the processor


class Piece(NamedTuple):
    """Some rows of a table, in any number."""

    columns: Sequence[NDArray[Any]]  # D arrays of n numbers
    weight: NDArray[np.float64] | None


class Blocks(ABC):
    """A table that is read in pieces, the same rows in the same order each time.

    Attributes
    ----------
    names : of the columns, if they have some.
    n_features : how many columns there are.
    dtype : float32 or float64, of the rows.
    weighted : whether every piece has weights.
    n_bytes : what the rows would take in memory, or more; infinite where nobody knows.
    findings : about the table: columns that are left out.
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
        """Where a row stands, in words for an error: the row itself, the file, the row group."""

    def read(self) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """All rows ``(N, D)`` and their weights, in memory."""
        pieces = list(self.pieces())
        rows = np.empty((sum(len(piece.columns[0]) for piece in pieces), self.n_features), self.dtype)
        for j in range(self.n_features):
            rows[:, j] = np.concatenate([piece.columns[j] for piece in pieces])
        weights = [piece.weight for piece in pieces if piece.weight is not None]
        return rows, np.concatenate(weights) if weights else None


class GivenBlocks(Blocks):
    """Any object that can be iterated again and again and gives arrays ``(n, D)`` or DataFrames."""

    n_bytes = np.inf

    def __init__(self, blocks: Iterable[Any], columns: list[str] | None = None, weight: str | None = None) -> None:
        self._blocks, self._columns, self._weight = blocks, columns, weight
        first = next(iter(blocks))
        array, self.names, self.findings = read_rows(first, columns, weight, self._filled)
        self._known = frame_names(first) if is_frame(first) else None
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
                    f"block {number} holds {rows.dtype} and the first {self.dtype}; give every block the same"
                )
            weight = None if self._weight is None else as_rows(block, [self._weight])[0][:, 0].astype(np.float64)
            yield Piece(list(rows.T), weight)

    def _check_columns(self, number: int, block: Any) -> None:
        """Say where a block has other names than the first; columns that are not used may be missing."""
        theirs = frame_names(block) if is_frame(block) else None
        if theirs == self._known:
            return
        used, known = {*(self.names or ()), *([self._weight] if self._weight else [])}, set(self._known or ())
        if theirs is None or not used <= set(theirs) or (self._columns is None and not set(theirs) <= known):
            raise DataError(
                f"block {number} has the columns {theirs} and the first {self._known}; give every block the same"
            )

    def _filled(self, names: list[str]) -> Iterator[Column]:
        """Those of the columns that have a value in any block."""
        for block in self._blocks:
            if is_frame(block):
                yield from (c for c in frame_columns(block) if c.name in names and not c.empty)

    def where(self, row: int) -> str:
        at = 0
        for number, piece in enumerate(self.pieces()):
            if row < at + len(piece.columns[0]):
                return f"block {number}, row {row - at}"
            at += len(piece.columns[0])
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
    """A table that is read again in every pass, one block while the one before is worked on.

    The blocks are of a fixed number of rows whatever the pieces that the table comes in, and the kernel carries its
    sums on from one to the next: the bits are those of the same rows in memory. Two blocks are held at a time,
    together at most `memory` bytes.

    Raises `DataError` for an empty table, and for values and weights that cannot be used, with the place.
    """

    def __init__(
        self,
        table: Blocks,
        *,
        sample_weight: ArrayLike | None = None,
        threads: int | None = None,
        memory: float = 2 * _BYTES,
    ) -> None:
        self.table, self.threads = table, threads
        self.features, self.n_features, self.findings = table.names, table.n_features, table.findings
        self._weight = None if sample_weight is None else as_weights(sample_weight, np.size(sample_weight))
        self._weighted = table.weighted or self._weight is not None
        row_bytes = table.n_features * table.dtype.itemsize + 8 * self._weighted
        chunks = int(min(_BYTES, memory / 2) // (row_bytes * CHUNK))
        self.block_rows = max(chunks, 1) * CHUNK
        self.n_rows = self.n_counting = 0
        self._look()

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.table.dtype

    def select(self, columns: Sequence[int]) -> StreamSource:
        chosen = copy.copy(self)
        chosen.table = _Selected(self.table, columns)
        chosen.features, chosen.n_features = chosen.table.names, len(columns)
        chosen.center = self.center[:, list(columns)]
        chosen.__dict__.pop("_references", None)
        return chosen

    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        def metered() -> Iterator[Rows]:
            for block in self.blocks():
                yield block
                if self.meter is not None:
                    self.meter.rows(len(block))

        return kernel.expect(metered(), components, references, threads=self.threads, coarse=coarse)

    def rows(self, n: int, rng: np.random.Generator) -> Rows:
        # The very draw of a table in memory, so that the sub-sample is the same.
        count = self.n_counting
        chosen = np.sort(rng.choice(count, size=n, replace=False)) if count > n else np.arange(count)
        kept, weights = np.empty((len(chosen), self.n_features), self.table.dtype), np.empty(len(chosen))
        at = done = 0
        for block in self.blocks():
            counting = np.flatnonzero(block.mass)
            upto = int(np.searchsorted(chosen, at + len(counting)))
            mine = block[counting[chosen[done:upto] - at]]
            kept[done:upto], weights[done:upto] = mine.values, mine.mass
            at, done = at + len(counting), upto
        return Rows(kept, weights if self._weighted else None)

    def blocks(self) -> Iterator[Rows]:
        total = 0
        with closing(_ahead(self._cut())) as cut:
            for block in cut:
                yield block
                total += len(block)
        if self.n_rows and total != self.n_rows:
            raise DataError(
                f"the table had {self.n_rows} rows when it was first read and has {total} now; "
                "give one that does not change while it is fitted"
            )

    def _cut(self) -> Iterator[Rows]:
        """Blocks of a fixed size, out of pieces of any size, in two buffers that take turns."""
        size, at = self.block_rows, 0
        buffers = [np.empty((size, self.n_features), self.table.dtype, order="F") for _ in range(2)]
        weights = [np.empty(size if self._weighted else 0) for _ in range(2)]
        turn = filled = 0
        for columns, own in self.table.pieces():
            length, taken = len(columns[0]), 0
            weight = own if self._weight is None else self._weight[at : at + length]
            if weight is not None and len(weight) < length:
                raise DataError(f"sample_weight has shape ({len(weight) + at},); the table has more rows")
            at += length
            while taken < length:
                step = min(size - filled, length - taken)
                for j, column in enumerate(columns):
                    buffers[turn][filled : filled + step, j] = column[taken : taken + step]
                if weight is not None:
                    weights[turn][filled : filled + step] = weight[taken : taken + step]
                filled, taken = filled + step, taken + step
                if filled == size:
                    yield Rows(buffers[turn], weights[turn] if self._weighted else None)
                    turn, filled = 1 - turn, 0
        if self._weight is not None and len(self._weight) != at:
            raise DataError(f"sample_weight has shape {self._weight.shape}; the table has {at} rows, so give ({at},)")
        if filled:
            yield Rows(buffers[turn], weights[turn] if self._weighted else None)[:filled]

    def _look(self) -> None:
        """Read everything once: count, find the mean, and refuse what cannot be used before a climb begins."""
        at = 0
        mass = largest = 0.0

        def checked() -> Iterator[Rows]:
            nonlocal at, mass, largest
            for block in self.blocks():
                largest = max(largest, self._check(block.values, block.weights, at))
                yield block
                at += len(block)
                self.n_counting += len(block) if block.weights is None else int(np.count_nonzero(block.weights))
                mass += len(block) if block.weights is None else float(block.weights.sum())

        blocks, origin = checked(), unit_component(DIAGONAL, np.zeros((1, self.n_features)))
        if (first := next(blocks, None)) is None:
            raise DataError("the table has no rows; gmix needs at least one")
        [sums] = kernel.expect(chain([first], blocks), [origin], threads=self.threads)
        if mass < 1e-100:
            raise DataError(f"sample_weight adds up to zero ({mass:.3g}); at least one row must count")
        limit = largest_value(self.n_features, max(mass, at))
        if not largest < limit:
            at = 0
            for block in self.blocks():
                check_finite(block.values, self.features, limit, partial(self._place, at))
                at += len(block)
        self.n_rows, self.center = at, sums.mean

    def _check(self, rows: NDArray[Any], weight: NDArray[np.float64] | None, at: int) -> float:
        """The largest absolute value of a block that begins at a row; raises `DataError` for what is no number."""
        low, high = float(rows.min()), float(rows.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            row, column = (int(i) for i in np.argwhere(~np.isfinite(rows))[0])
            name = repr(self.features[column]) if self.features else column
            what = "NaN" if np.isnan(rows[row, column]) else "infinite"
            raise DataError(
                f"{self._place(at, row)}, column {name} is {what}; drop such rows or fill them in before the fit"
            )
        if weight is not None and not ((weight >= 0) & (weight < 1e100)).all():  # NaN compares false
            row = int(np.argmin((weight >= 0) & (weight < 1e100)))
            raise DataError(
                f"the weight of {self._place(at, row)} is {weight[row]}; "
                "give numbers from 0 (the row does not count) to 1e100"
            )
        return max(-low, high)

    def _place(self, begin: int, row: int) -> str:
        return self.table.where(begin + row)


def _ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, the next one made by a thread while one is used."""
    nothing: Any = object()
    with ThreadPoolExecutor(1, "gmix-reader") as reader:
        coming = reader.submit(next, items, nothing)
        while (item := coming.result()) is not nothing:
            coming = reader.submit(next, items, nothing)
            yield item
