"""Tables that are read in pieces: files, and other objects that yield blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.columns import Column, Roles
from gmix.base.columns.frames import frame_cells, frame_columns, frame_names
from gmix.base.errors import DataError
from gmix.base.findings import Finding
from gmix.base.labels import Label, label_names, label_numbers, plain_labels
from gmix.base.table import as_rows, errors_of, is_frame, read_rows
from gmix.base.wording import count
from gmix.sources.source import selected

__all__ = ["Blocks", "GivenBlocks", "Piece", "SelectedColumns", "shapes_of"]


class Piece(NamedTuple):
    """Successive rows of a table, any number of them.

    Attributes
    ----------
    columns : D arrays of n numbers, the values.
    arrays : what the rows have besides values, by the names of `gmix.base.rows.Rows`.
    """

    columns: Sequence[NDArray[Any]]
    arrays: Mapping[str, NDArray[np.float64]]

    @property
    def n_rows(self) -> int:
        return len(self.columns[0])


class Blocks(ABC):
    """A table that is read in pieces, the same rows in the same order each time.

    Attributes
    ----------
    names : the names of the columns, or None.
    n_features : the number of columns.
    dtype : the dtype of the rows, float32 or float64.
    shapes : the shapes of what each row has besides values, by the names of `Piece.arrays`.
    weight_name : the name of the column of weights; None if there is none.
    label_names : the labels that rows have, in order; None if rows have no labels.
    n_bytes : the memory that all rows would take, or an upper bound; infinite if it is not known.
    findings : findings about the table, such as columns that are left out.
    """

    names: tuple[str, ...] | None
    n_features: int
    dtype: np.dtype[Any]
    shapes: Mapping[str, tuple[int, ...]]
    weight_name: str | None = None
    label_names: tuple[Label, ...] | None = None
    n_bytes: float
    findings: tuple[Finding, ...] = ()

    @abstractmethod
    def pieces(self) -> Iterator[Piece]:
        """The rows, from the first to the last."""

    @abstractmethod
    def where(self, row: int) -> str:
        """The position of a row in words for an error message, such as its file, row group and row."""

    def where_weight(self, row: int) -> str:
        """The position of the weight of a row, in words for an error message."""
        where = self.where(row)
        return f"the weight of {where}" if self.weight_name is None else f"{where}, column {self.weight_name!r}"

    def read(self) -> tuple[NDArray[Any], dict[str, NDArray[np.float64]]]:
        """Read all rows ``(N, D)`` into memory, with what they have besides values; see `Piece.arrays`."""
        pieces = list(self.pieces())
        values = np.empty((sum(piece.n_rows for piece in pieces), self.n_features), self.dtype)
        for j in range(self.n_features):
            values[:, j] = np.concatenate([piece.columns[j] for piece in pieces])
        names = self.shapes if pieces else ()
        return values, {name: np.concatenate([piece.arrays[name] for piece in pieces]) for name in names}


class GivenBlocks(Blocks):
    """An object that yields blocks, arrays ``(n, D)`` or DataFrames, each time it is iterated."""

    n_bytes = np.inf

    def __init__(self, blocks: Iterable[Any], roles: Roles) -> None:
        self._blocks, self._roles = blocks, roles
        first = next(iter(blocks))
        array, self.names, self.findings = read_rows(first, roles, self._filled)
        self._names_of_first = frame_names(first) if is_frame(first) else None
        self.n_features, self.dtype = array.shape[1], array.dtype
        self._errors = roles.errors_of(self.names or ())
        self.shapes, self.weight_name = shapes_of(roles, self.n_features), roles.weight
        if roles.labels is not None:
            every = (self._labels_of(number, block) for number, block in enumerate(blocks))
            self.label_names = label_names(chain.from_iterable(every))

    def pieces(self) -> Iterator[Piece]:
        for number, block in enumerate(self._blocks):
            self._check_columns(number, block)
            rows, _ = as_rows(block, None if self.names is None else list(self.names), self._roles.weight)
            if rows.shape[1] != self.n_features:
                raise DataError(
                    f"block {number} has {count(rows.shape[1], 'column')} and the first has {self.n_features}; "
                    "give every block the same"
                )
            if rows.dtype != self.dtype:
                raise DataError(
                    f"block {number} holds {rows.dtype} and the first holds {self.dtype}; give every block the same"
                )
            arrays = {}
            if self._roles.weight is not None:
                arrays["weights"] = as_rows(block, [self._roles.weight])[0][:, 0].astype(np.float64)
            if self.label_names is not None:
                arrays["labels"] = label_numbers(self._labels_of(number, block), self.label_names)
            if self._errors:
                arrays["errors"] = errors_of(block, self._errors)
            yield Piece(list(rows.T), arrays)

    def _labels_of(self, number: int, block: Any) -> list[Label | None]:
        """The labels of a block."""
        assert self._roles.labels is not None
        if not is_frame(block):
            raise DataError(f"block {number} is an array, which has no column {self._roles.labels!r} of labels")
        return plain_labels(frame_cells(block, self._roles.labels), None, lambda row: f"block {number}, row {row}")

    def _check_columns(self, number: int, block: Any) -> None:
        """Raise `DataError` if a block has other columns than the first; unused columns may be missing."""
        names, first = frame_names(block) if is_frame(block) else None, self._names_of_first
        if names == first:
            return
        used = {*(self.names or ()), *self._roles.of_rows}
        named = self._roles.values is not None
        if names is None or not used <= set(names) or not (named or set(names) <= set(first or ())):
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
            if row < begin + piece.n_rows:
                return f"block {number}, row {row - begin}"
            begin += piece.n_rows
        return f"row {row}"


class SelectedColumns(Blocks):
    """Some of the columns of a table that is read in pieces."""

    def __init__(self, table: Blocks, columns: Sequence[int]) -> None:
        self._table, self._columns = table, columns
        self.names, self.n_features = selected(table.names, columns), len(columns)
        self.dtype, self.weight_name, self.label_names = table.dtype, table.weight_name, table.label_names
        self.shapes = {**table.shapes, **({"errors": (len(columns),)} if "errors" in table.shapes else {})}
        self.n_bytes = table.n_bytes * len(columns) / table.n_features

    def pieces(self) -> Iterator[Piece]:
        for piece in self._table.pieces():
            arrays = dict(piece.arrays)
            if "errors" in arrays:
                arrays["errors"] = arrays["errors"][:, list(self._columns)]
            yield Piece([piece.columns[j] for j in self._columns], arrays)

    def where(self, row: int) -> str:
        return self._table.where(row)


def shapes_of(roles: Roles, n_features: int) -> dict[str, tuple[int, ...]]:
    """The shapes of what each row has besides values, by the names of `gmix.base.rows.Rows`."""
    shapes = {"weights": (), "labels": (), "errors": (n_features,)}
    given = {"weights": roles.weight, "labels": roles.labels, "errors": roles.errors}
    return {name: shape for name, shape in shapes.items() if given[name]}
