"""Missing cells: which cells of a table have no value, by column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import DataError
from gmix.base.findings import Finding
from gmix.base.rows import Rows
from gmix.base.wording import count, listed

__all__ = ["MISSING", "MissingCells"]

MISSING = {"model": "fit rows with missing cells", "error": "refuse them"}
_NAMED = 8  # columns that a sentence names
_CHUNK = 2048  # rows whose weights are added up alone


@dataclass(frozen=True, eq=False)
class MissingCells:
    """What is missing in a table. The missing cells of two tables add up.

    Attributes
    ----------
    n_rows : the number of rows.
    by_column : ``(D,)`` missing cells of each column.
    observed : ``(D,)`` weighted number of cells of each column that have a value.
    empty_rows : the number of rows without any value.
    weight : the total weight of the other rows.
    """

    n_rows: int
    by_column: NDArray[np.float64]
    observed: NDArray[np.float64]
    empty_rows: int
    weight: float

    @classmethod
    def none(cls, n_features: int) -> MissingCells:
        """The missing cells of no rows."""
        return cls(0, np.zeros(n_features), np.zeros(n_features), 0, 0.0)

    def and_of(self, rows: Rows) -> MissingCells:
        """What is missing in this table and in further rows.

        The bits of the sums are the same however a table is cut into blocks of a multiple of 2,048 rows.
        """
        total = self
        for begin in range(0, len(rows), _CHUNK):
            total += _of(rows[begin : begin + _CHUNK])
        return total

    @classmethod
    def from_arrays(cls, arrays: Iterable[NDArray[np.float64]]) -> MissingCells:
        """The missing cells whose `arrays` these are."""
        n_rows, by_column, observed, empty_rows, weight = arrays
        return cls(int(n_rows.item()), by_column, observed, int(empty_rows.item()), float(weight.item()))

    @property
    def arrays(self) -> list[NDArray[np.float64]]:
        """All fields as arrays, in order."""
        return [np.asarray(getattr(self, field.name), np.float64) for field in fields(self)]

    def __add__(self, other: MissingCells) -> MissingCells:
        return MissingCells(
            self.n_rows + other.n_rows,
            self.by_column + other.by_column,
            self.observed + other.observed,
            self.empty_rows + other.empty_rows,
            self.weight + other.weight,
        )

    def __bool__(self) -> bool:
        """Whether any cell is missing."""
        return bool(self.by_column.any())

    @property
    def rows_per_cell(self) -> NDArray[np.float64]:
        """The weight of all rows by that of the rows with a cell in each column ``(D,)``; zero for a column of none."""
        return np.divide(self.weight, self.observed, out=np.zeros_like(self.observed), where=self.observed > 0.0)

    def check_columns(self, names: Sequence[str] | None) -> None:
        """Raise `DataError` if a column has no value in any row of positive weight."""
        empty = np.flatnonzero(self.observed <= 0.0)
        if len(empty):
            named = [_column(names, int(j)) for j in empty]
            which = f"{listed(named, _NAMED)} {'has' if len(empty) == 1 else 'have'}"
            raise DataError(f"{which} no value in any row; choose other columns")

    def described(self, names: Sequence[str] | None) -> str:
        """How many cells are missing, and in which columns."""
        columns = np.flatnonzero(self.by_column)
        named = [f"{int(self.by_column[j]):,} of {_column(names, int(j))}" for j in columns]
        total, cells = int(self.by_column.sum()), self.n_rows * len(self.by_column)
        return f"{total:,} of {count(cells, 'cell')} {'is' if total == 1 else 'are'} missing ({listed(named, _NAMED)})"

    def finding(self, names: Sequence[str] | None) -> Finding:
        """What a user should know about a fit to rows with missing cells."""
        left_out = ""
        if self.empty_rows:
            verb = "is" if self.empty_rows == 1 else "are"
            left_out = f"; {count(self.empty_rows, 'row')} without any value {verb} left out"
        return Finding(
            "missing cells",
            f"{self.described(names)} and treated as missing at random: whether a cell is missing may depend on the "
            f"other cells of its row, but not on its own value{left_out}",
            "note",
        )


def _of(rows: Rows) -> MissingCells:
    missing, mass = np.isnan(rows.values), rows.mass
    empty = missing.all(1)
    observed = np.ascontiguousarray(~missing * mass[:, None]).sum(0)
    weight = float(mass[~empty].sum())
    return MissingCells(len(rows), missing.sum(0).astype(float), observed, int(empty.sum()), weight)


def _column(names: Sequence[str] | None, column: int) -> str:
    return f"column {repr(names[column]) if names else column}"
