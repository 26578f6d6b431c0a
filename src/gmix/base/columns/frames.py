"""Columns of DataFrames: pandas, Polars, Arrow tables, and every other kind that narwhals reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.columns.arrow import arrow_columns, arrow_numbers, with_cells
from gmix.base.columns.column import (
    LOOK,
    Column,
    FilledColumns,
    Kind,
    check_unambiguous,
    check_usable,
    choose,
    choose_columns,
    distinct_names,
    kind_of_cells,
)
from gmix.base.errors import DataError, needing
from gmix.base.findings import Finding

__all__ = ["FrameRows", "frame_cells", "frame_columns", "frame_names", "read_frame"]

_KINDS = {  # by the names of narwhals' types, or of pandas' types that narwhals lacks
    "Boolean": Kind.BOOLEANS,
    "String": Kind.TEXT,
    "Categorical": Kind.CATEGORIES, "Enum": Kind.CATEGORIES,
    "Date": Kind.DATES, "Datetime": Kind.DATES,
    "Time": Kind.TIMES,
    "Duration": Kind.DURATIONS,
    "Binary": Kind.OTHER, "List": Kind.OTHER, "Array": Kind.OTHER, "Struct": Kind.OTHER,
    "PeriodDtype": Kind.DATES, "IntervalDtype": Kind.OTHER,
}  # fmt: skip
_LETTERS = {  # by NumPy's letters, for types that narwhals does not read: sparse, complex, long double
    "i": Kind.NUMBERS, "u": Kind.NUMBERS, "f": Kind.NUMBERS, "b": Kind.BOOLEANS, "c": Kind.COMPLEX,
    "M": Kind.DATES, "m": Kind.DURATIONS,
}  # fmt: skip


class FrameRows(NamedTuple):
    """The numbers of a DataFrame.

    Attributes
    ----------
    array : ``(N, D)`` of float32 or float64.
    names : of its columns.
    findings : about the columns that were left out.
    """

    array: NDArray[Any]
    names: tuple[str, ...]
    findings: tuple[Finding, ...]


def read_frame(
    data: Any,
    wanted: Sequence[str] | None = None,
    apart: Collection[str | None] = (),
    filled: FilledColumns | None = None,
) -> FrameRows:
    """Read the wanted columns of a DataFrame, or all numeric ones except an index and those `apart`.

    If all of them are float32, so is the array. `filled` finds values in the later rows of a larger table.

    Raises `DataError` for a column that does not exist or holds no numbers, and if there is no numeric column.
    """
    frame, series, names = _read(data, wanted)
    if wanted is None:
        chosen, findings = choose(_columns(frame, series, look=True), apart, filled)
        check_unambiguous((column.name for column in chosen), names)
    else:
        check_unambiguous(wanted, names)
        choose_columns(list(series), list(wanted))
        columns = {column.name: column for column in _columns(frame, {name: series[name] for name in wanted})}
        chosen, findings = [columns[name] for name in wanted], ()
    dtype = np.dtype(np.float32 if all(column.single for column in chosen) else np.float64)
    array = np.column_stack([_numbers(series[column.name], column, dtype) for column in chosen])
    return FrameRows(array.astype(dtype, copy=False), tuple(column.name for column in chosen), findings)


def frame_columns(data: Any) -> list[Column]:
    """Describe all columns of a DataFrame, and its index, by their types and cells."""
    frame, series, _ = _read(data)
    return _columns(frame, series, look=True)


def frame_cells(data: Any, name: str) -> list[Any]:
    """The cells of a column as Python objects, missing ones None. Raises `DataError` if there is no such column."""
    _, series, names = _read(data, [name])
    check_unambiguous([name], names)
    choose_columns(list(series), [name])
    return _cells(series[name])


def frame_names(data: Any) -> list[str]:
    """The names of the columns of a DataFrame."""
    return list(_read(data)[1])


def _read(data: Any, wanted: Sequence[str] | None = None) -> tuple[Any, dict[str, Any], list[str]]:
    """The table of any library, its columns by `distinct_names`, with an index of pandas if it is wanted, and names."""
    with needing("tables", "a DataFrame"):
        import narwhals.stable.v2 as nw
        from narwhals.exceptions import DuplicateError
    if hasattr(data, "__arrow_c_array__"):  # an Arrow record batch
        import pyarrow as pa

        data = pa.table(data)
    index = [name for name in _index(data) if name in (wanted or ()) and name not in data.columns]
    data = data.reset_index(level=index) if index else data
    try:
        frame = nw.from_native(data)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        series = {str(values.name): values for values in frame.iter_columns()}  # a name may be a number
    except TypeError:
        raise DataError(f"gmix cannot read a {type(data).__name__}; give an array or a DataFrame") from None
    except DuplicateError:
        names, distinct = _with_distinct_names(data)
        return *_read(distinct)[:2], names
    return frame.to_native(), series, list(series)


def _with_distinct_names(data: Any) -> tuple[list[str], Any]:
    """The names of the columns of a table of pandas or Arrow, and the table with `distinct_names`."""
    if hasattr(data, "column_names"):  # Arrow
        return data.column_names, data.rename_columns(distinct_names(data.column_names))
    names = [str(name) for name in data.columns]
    return names, data.set_axis(distinct_names(names), axis=1)


def _index(data: Any) -> list[str]:
    """The names of the index of a pandas DataFrame; a range or an index without a name only numbers the rows."""
    index = getattr(data, "index", None)
    if index is None or type(index).__name__ == "RangeIndex":
        return []
    return [name for name in getattr(index, "names", ()) if isinstance(name, str)]


def _columns(frame: Any, series: dict[str, Any], *, look: bool = False) -> list[Column]:
    """Describe columns; with `look`, also whether they have values, and the index."""
    if any(values.implementation.is_pyarrow() for values in series.values()):
        columns = [column for column in arrow_columns(frame.schema) if column.name in series]
        columns = [with_cells(column, frame.column(column.name)) for column in columns] if look else columns
        return [column._replace(type=str(series[column.name].dtype)) for column in columns]
    columns = [_column(name, values, look) for name, values in series.items()]
    index = [name for name in _index(frame) if look and name not in series]
    return columns + [Column(name, Kind.INDEX, "index", labels_rows=True) for name in index]


def _column(name: str, series: Any, look: bool) -> Column:
    kind, doubt = _kind(series)
    known, native = type(series.dtype).__name__, getattr(series.to_native(), "dtype", None)
    return Column(
        name,
        kind,
        str(native if known in ("Unknown", "Object") else series.dtype),
        numeric_categories=kind is Kind.CATEGORIES and _holds_numbers(series),
        single=known in ("Float16", "Float32") or (getattr(native, "kind", "") == "f" and _width(native) <= 4),
        empty=look and len(series) > 0 and not (_has_value(series.head(LOOK)) or _has_value(series)),
        doubt=doubt,
    )


def _kind(series: Any) -> tuple[Kind, str]:
    """The kind of a column and the doubt about it, by its type if that suffices, and otherwise by its cells."""
    dtype, native = series.dtype, getattr(series.to_native(), "dtype", None)
    if dtype.is_numeric():
        return Kind.NUMBERS, ""
    if str(native) == "object":  # narwhals reads a column without values as text
        return kind_of_cells(_cells(series))
    kind = _KINDS.get(type(dtype).__name__) or _KINDS.get(type(native).__name__)
    kind = kind or _LETTERS.get(getattr(native, "kind", ""))
    if kind is Kind.TEXT:
        return kind, kind_of_cells(_cells(series.head(LOOK)))[1]
    return (kind, "") if kind else kind_of_cells(_cells(series))


def _width(dtype: Any) -> int:
    """The bytes of a cell, sparse or not."""
    return int(getattr(dtype, "subtype", dtype).itemsize)


def _cells(series: Any) -> list[Any]:
    """The cells as Python objects, missing ones None."""
    cells = zip(series.to_list(), series.is_null().to_list(), strict=True)
    return [None if missing else cell for cell, missing in cells]


def _has_value(series: Any) -> bool:
    missing = series.is_null()
    if series.dtype.is_float():
        missing = missing | series.is_nan()
    return not bool(missing.all())


def _holds_numbers(series: Any) -> bool:
    """Return whether categories are numbers."""
    try:
        return bool(series.cat.get_categories().dtype.is_numeric())
    except (TypeError, AttributeError):
        return False


def _numbers(series: Any, column: Column, dtype: np.dtype[Any]) -> NDArray[Any]:
    import narwhals.stable.v2 as nw

    check_usable(column)
    native = series.to_native()
    if series.implementation.is_pyarrow():
        return arrow_numbers(native, dtype)
    try:
        with np.errstate(over="ignore"):  # a value that is too large becomes infinite, and a later check finds its row
            return np.asarray(series.cast(nw.Float32 if dtype == np.float32 else nw.Float64).to_numpy())
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"column {column.name!r} holds something that is not a number ({error}); leave it out or convert it"
        ) from None
