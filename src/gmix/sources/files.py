"""Tables in files: CSV and Parquet, read into memory."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.errors import DataError
from gmix.rows import choose_columns

__all__ = ["Table", "open_table", "read_table"]

_LOOK = 1000  # cells of a column of text that are looked at to tell whether numbers were meant


class Table(NamedTuple):
    """The numbers of a file.

    Attributes
    ----------
    names : of the columns that were read.
    rows : ``(N, D)``; an empty cell is NaN.
    left_out : the names of the columns that hold no numbers and were not asked for.
    """

    names: tuple[str, ...]
    rows: NDArray[np.float64]
    left_out: tuple[str, ...]


def read_table(
    path: str | PathLike[str], columns: Sequence[str] | None = None
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Read the numeric columns of a CSV or Parquet file, or those that are named: names and ``(N, D)``.

    Raises `DataError` as `open_table` does.
    """
    table = open_table(path, columns)
    return table.names, table.rows


def open_table(path: str | PathLike[str], columns: Sequence[str] | None = None) -> Table:
    """Read a CSV or Parquet file.

    Of a CSV file the delimiter (comma, semicolon or tab) is recognized, a file named ``.gz`` is unpacked, and a first
    line of numbers alone is a row, not a header: the columns are then called x1, x2 and so on.

    Raises `DataError` for a file that is missing, empty or unreadable, a column that is not there or holds text where
    numbers are wanted, and a table without a column of numbers.
    """
    path = Path(path)
    _check_path(path)
    import pyarrow as pa

    try:
        table = _parquet(path, columns) if _is_parquet(path) else _csv(path)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        kind = "Parquet" if _is_parquet(path) else "CSV"
        reason = str(error).split("\n")[0].rstrip(".")
        raise DataError(f"{path} cannot be read as {kind} ({reason}); check the file") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}); check the file and its permissions"
        ) from None
    names = [str(name).strip() for name in table.column_names]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path} has {names.count(name)} columns called {name!r}; rename one of them")
    if table.num_rows == 0:
        raise DataError(f"{path} has no rows under its header; gmix needs at least one")
    places = range(len(names)) if columns is None else choose_columns(names, list(columns))
    chosen: list[str] = []
    values: list[NDArray[np.float64]] = []
    left_out: list[str] = []
    for place in places:
        numbers = _numbers(table.column(place), f"{path}, column {names[place]!r}", columns is not None)
        if numbers is None:
            left_out.append(names[place])
        else:
            chosen.append(names[place])
            values.append(numbers)
    if not values:
        raise DataError(f"{path} has no column of numbers; its columns are {names}")
    return Table(tuple(chosen), np.column_stack(values), tuple(left_out))


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a directory; give a CSV or Parquet file")
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        remedy = f"did you mean {str(path.with_name(near[0]))!r}?" if near else "check the path"
        raise DataError(f"there is no file {path}; {remedy}")
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"{path} is empty; gmix needs a header and at least one row")


def _is_parquet(path: Path) -> bool:
    if path.suffix.lower() in (".parquet", ".pq"):
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False


def _parquet(path: Path, columns: Sequence[str] | None) -> Any:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        if columns is None:
            return file.read()
        names = list(file.schema_arrow.names)
        choose_columns(names, list(columns))
        return file.read(columns=list(columns))


def _csv(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    with pa.input_stream(str(path)) as file:
        head = file.read(1 << 16).decode("utf-8-sig", errors="replace").splitlines()
    lines = [line for line in head if line.strip()][:2]
    first = lines[0] if lines else ""
    delimiter = max(",;\t", key=first.count)
    second = lines[1] if len(lines) > 1 else ""
    comma = delimiter == ";" and "," in second and "." not in second  # 3,14 as most of Europe writes it
    cells = [cell.strip().strip('"') for cell in first.split(delimiter)]
    headless = all(_is_number(cell.replace(",", ".") if comma else cell) for cell in cells)
    with pa.input_stream(str(path)) as file:
        return csv.read_csv(
            file,
            csv.ReadOptions(column_names=[f"x{i + 1}" for i in range(len(cells))] if headless else None),
            csv.ParseOptions(delimiter=delimiter),
            csv.ConvertOptions(decimal_point="," if comma else ".", strings_can_be_null=True),
        )


def _numbers(column: Any, where: str, wanted: bool) -> NDArray[np.float64] | None:
    """The column as numbers; None if it holds none and nobody asked for it."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
    if pa.types.is_boolean(kind) and wanted:
        return np.asarray(column.cast(pa.uint8()).cast(pa.float64()).to_numpy(), np.float64)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _parsed(column.to_pylist(), where, wanted)
    if wanted:
        what = "is empty" if pa.types.is_null(kind) else f"holds {kind}, not numbers"
        raise DataError(f"{where} {what}; name other columns")
    return None


def _parsed(texts: list[str | None], where: str, wanted: bool) -> NDArray[np.float64] | None:
    """A column of text as numbers, if it was asked for or most of its cells are numbers."""
    looked = [_is_number(text) for text in texts[:_LOOK] if text is not None]
    if not wanted and 2 * sum(looked) <= len(looked):
        return None
    for row, text in enumerate(texts):
        if text is not None and not _is_number(text):
            raise DataError(
                f"{where}, row {row} (counted from 0) holds {text[:40]!r}, which is not a number; "
                "correct it, or name other columns"
            )
    return np.array([np.nan if text is None else float(text) for text in texts])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
