"""A source of rows that are read again in every pass, from tables that are read in pieces."""

from __future__ import annotations

import copy
import math
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.errors import DataError, one_of
from gmix.base.labels import Groups, as_labels
from gmix.base.missing import MISSING, MissingCells
from gmix.base.row_errors import GivenErrors, checked_errors
from gmix.base.rows import Rows, errors_in
from gmix.base.table import as_weights, check_finite, largest_value
from gmix.base.wording import count
from gmix.model.components import Components
from gmix.model.kernel import CHUNK, grouped_chunk, kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.sources.blocks import Blocks, SelectedColumns
from gmix.sources.source import LocalSource, check_mass, drawn_positions, mean_of_cells

__all__ = ["StreamSource"]

T = TypeVar("T")
_ARGUMENTS = {"weights": "sample_weight", "labels": "labels", "log_evidence": "labels", "errors": "the errors"}
_EACH = {"weights": "weight", "labels": "label", "log_evidence": "row of labels", "errors": "row of errors"}
_BYTES = 8 << 20  # of a block: large enough to keep threads busy, small enough for the caches


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
        labels: Any = None,
        threads: int | None = None,
        memory: float = 2 * _BYTES,
        missing: str = "model",
        errors: GivenErrors | None = None,
    ) -> None:
        missing = one_of(missing, MISSING, "missing")
        self.table, self.threads = table, threads
        self.features, self.n_features, self.findings = table.names, table.n_features, table.findings
        weight = None if sample_weight is None else as_weights(sample_weight, np.size(sample_weight))
        self._given: dict[str, NDArray[np.float64]] = {} if weight is None else {"weights": weight}
        self._common_errors = None if errors is None or len(errors.numbers) > 1 else errors.numbers
        if errors is not None and self._common_errors is None:
            self._given["errors"] = errors.numbers
        self.only_label: int | None = None  # the group that other rows have weight zero for; see `of_label`
        if labels is not None:
            self.groups, arrays = as_labels(labels)
            self._given |= arrays
        elif table.label_names is not None:
            self.groups = Groups.of_names(table.label_names)
        row_bytes = table.n_features * table.dtype.itemsize + 8 * sum(map(math.prod, self._shapes.values()))
        chunks = int(min(_BYTES, memory / 2) // (row_bytes * CHUNK))
        self.block_rows = max(chunks, 1) * CHUNK
        self.n_rows = self.n_counting = 0
        self._check_table(missing == "model")
        if self.missing is not None or self.groups is not None:
            unit = grouped_chunk(self.n_features)
            self.block_rows = max(self.block_rows // unit, 1) * unit

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.table.dtype

    def select(self, columns: Sequence[int]) -> StreamSource:
        chosen = copy.copy(self)
        chosen.table = SelectedColumns(self.table, columns)
        chosen.features, chosen.n_features = chosen.table.names, len(columns)
        chosen.center = self.center[:, list(columns)]
        chosen.select_errors(list(columns))
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
        chosen = drawn_positions(self.n_counting, n, rng)
        weighted = "weights" in self._shapes or self.n_counting < self.n_rows
        parts, begin, done = list[Rows](), 0, 0
        for block in self.blocks():
            counting = np.flatnonzero(block.mass)
            end = int(np.searchsorted(chosen, begin + len(counting)))
            drawn = block[counting[chosen[done:end] - begin]]
            parts.append(replace(drawn, weights=drawn.mass if weighted else None))
            begin, done = begin + len(counting), end
        return Rows.joined(parts)

    @property
    def has_soft_labels(self) -> bool:
        return "log_evidence" in self._given

    def of_label(self, number: int) -> StreamSource:
        chosen = copy.copy(self)
        chosen.only_label = number
        chosen.n_counting = sum(int(np.count_nonzero(block.mass)) for block in chosen.blocks())
        return chosen

    def place(self, row: int) -> str:
        return self.table.where(row)

    def blocks(self) -> Iterator[Rows]:
        total = 0
        with closing(_read_in_thread(self._blocks_of_pieces())) as blocks:
            for block in blocks:
                yield (block if self.only_label is None else block.of_label(self.only_label)).without_empty
                total += len(block)
        if self.n_rows and total != self.n_rows:
            raise DataError(
                f"the table had {count(self.n_rows, 'row')} when it was first read and has {total:,} now; "
                "give one that does not change while it is fitted"
            )

    def _blocks_of_pieces(self) -> Iterator[Rows]:
        """Blocks of a fixed size from pieces of any size, in two buffers that are used alternately."""
        size, n_rows = self.block_rows, 0
        buffers = [self._buffer(size) for _ in range(2)]
        current = filled = 0
        for piece in self.table.pieces():
            length, taken = piece.n_rows, 0
            arrays = {**piece.arrays, **self._given_for(n_rows, length)}
            n_rows += length
            while taken < length:
                step = min(size - filled, length - taken)
                for j, column in enumerate(piece.columns):
                    buffers[current].values[filled : filled + step, j] = column[taken : taken + step]
                for name, array in arrays.items():
                    buffers[current].arrays[name][filled : filled + step] = array[taken : taken + step]
                filled, taken = filled + step, taken + step
                if filled == size:
                    yield self._as_rows(buffers[current])
                    current, filled = 1 - current, 0
        self._check_lengths(n_rows)
        if filled:
            yield self._as_rows(buffers[current])[:filled]

    def _as_rows(self, buffer: Rows) -> Rows:
        """The rows of a buffer, with what all of them have in common."""
        common = self._common_errors
        errors = buffer.errors if common is None else GivenErrors(common).of_rows(len(buffer))
        return replace(buffer, errors=errors, incomplete=self.missing is not None)

    def _given_for(self, begin: int, length: int) -> dict[str, NDArray[np.float64]]:
        """The parts of given arrays for some of the rows. Raises `DataError` if they are too short."""
        parts = {name: array[begin : begin + length] for name, array in self._given.items()}
        for name, part in parts.items():
            if len(part) < length:
                raise DataError(
                    f"{_ARGUMENTS[name]} has shape {self._given[name].shape} and the table has more rows; give one "
                    f"{_EACH[name]} per row"
                )
        return parts

    def _check_lengths(self, n_rows: int) -> None:
        """Raise `DataError` if given arrays are longer than the table."""
        for name, array in self._given.items():
            if len(array) != n_rows:
                needed = (n_rows, *array.shape[1:])
                raise DataError(
                    f"{_ARGUMENTS[name]} has shape {array.shape}; the table has {count(n_rows, 'row')}, "
                    f"so give {needed}"
                )

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of what each row has besides its values, by the names of `gmix.base.rows.Rows`."""
        return {**self.table.shapes, **{name: array.shape[1:] for name, array in self._given.items()}}

    def _buffer(self, size: int) -> Rows:
        """Memory for a block of rows."""
        values = np.empty((size, self.n_features), self.table.dtype, order="F")
        arrays: dict[str, Any] = {name: np.empty((size, *shape)) for name, shape in self._shapes.items()}
        return Rows(values, **arrays)

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
                if rows.errors is not None:
                    least = checked_errors(rows, self.features, partial(self._place, n_rows))
                    self.least_error = least if self.least_error is None else np.minimum(self.least_error, least)
                missing = missing.and_of(rows)
                yield rows
                n_rows += len(rows)
                self.n_counting += len(rows) if rows.weights is None else int(np.count_nonzero(rows.weights))
                mass += len(block) if block.weights is None else float(block.weights.sum())

        blocks = checked()
        if (first := next(blocks, None)) is None:
            raise DataError("the table has no rows; gmix needs at least one")
        center = mean_of_cells(chain([first], blocks), self.n_features, None, self.threads)
        check_mass(mass, self.table.weight_name)
        limit = largest_value(self.n_features, max(mass, n_rows))
        if not largest < limit:
            begin = 0
            for block in self.blocks():
                check_finite(block.values, self.features, limit, partial(self._place, begin), missing=may_miss)
                begin += len(block)
        if missing:
            self.missing, center = missing, center * missing.rows_per_cell
        self.n_rows, self.mass, self.center = n_rows, missing.weight if missing else mass, center

    def select_errors(self, columns: list[int]) -> None:
        """Keep the errors of some columns."""
        self.least_error = None if self.least_error is None else self.least_error[columns]
        if self._common_errors is not None:
            self._common_errors = errors_in(self._common_errors, columns)
        if "errors" in self._given:
            self._given = {**self._given, "errors": errors_in(self._given["errors"], columns)}

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
        as_weights(weight, len(rows), lambda row: self.table.where_weight(begin + row))
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
