"""Columns of Arrow tables, record batches, and the schemas of Parquet and Arrow files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.columns.column import LOOK, Column, Kind, kind_of_cells

__all__ = ["arrow_columns", "arrow_distinct", "arrow_kind", "arrow_numbers", "has_value", "with_cells"]

_KINDS = {  # by the functions of pyarrow.types that recognize a type
    "is_boolean": Kind.BOOLEANS,
    "is_integer": Kind.NUMBERS, "is_floating": Kind.NUMBERS, "is_decimal": Kind.NUMBERS,
    "is_string": Kind.TEXT, "is_large_string": Kind.TEXT, "is_string_view": Kind.TEXT,
    "is_date": Kind.DATES, "is_timestamp": Kind.DATES,
    "is_time": Kind.TIMES,
    "is_duration": Kind.DURATIONS, "is_interval": Kind.DURATIONS,
    "is_dictionary": Kind.CATEGORIES,
    "is_null": Kind.EMPTY,
}  # fmt: skip
_PANDAS = {  # by pandas' metadata, for columns that a file stores as plain integers
    "categorical": Kind.CATEGORIES,
    "date": Kind.DATES, "datetime": Kind.DATES, "datetimetz": Kind.DATES,
    "time": Kind.TIMES,
    "timedelta": Kind.DURATIONS,
}  # fmt: skip
_EXTENSION = b"ARROW:extension:name"  # in the metadata of a field whose extension type is not registered


def arrow_kind(kind: Any) -> Kind:
    """The kind of the cells of an Arrow type."""
    from pyarrow import types

    if types.is_run_end_encoded(kind):
        kind = kind.value_type
    if hasattr(kind, "extension_name"):
        return Kind.DATES if kind.extension_name == "pandas.period" else Kind.OTHER
    return next((found for name, found in _KINDS.items() if hasattr(types, name) and getattr(types, name)(kind)),
                Kind.OTHER)  # fmt: skip


def arrow_columns(schema: Any) -> list[Column]:
    """Describe the columns of a schema by its types and pandas' metadata.

    pandas stores in the schema which fields are the index of its rows, and of what type each column was.
    """
    from pyarrow import types

    index, kinds = _of_pandas(schema)
    columns = []
    for name in dict.fromkeys(schema.names):
        field = schema.field(name)
        kind, extension = arrow_kind(field.type), (field.metadata or {}).get(_EXTENSION)
        if extension is not None:
            kind = Kind.DATES if extension == b"pandas.period" else Kind.OTHER
        if kind is Kind.NUMBERS:
            kind = _PANDAS.get(kinds.get(name, ""), kind)
        categories = arrow_kind(field.type.value_type if types.is_dictionary(field.type) else field.type)
        columns.append(
            Column(
                name,
                kind,
                str(field.type),
                numeric_categories=kind is Kind.CATEGORIES and categories is Kind.NUMBERS,
                single=str(field.type) in ("float", "halffloat"),
                labels_rows=name in index,
            )
        )
    return columns


def _of_pandas(schema: Any) -> tuple[set[str], dict[str, str]]:
    """The fields that are an index of pandas, and the types of the others; both empty if the metadata is damaged."""
    try:
        stored = schema.pandas_metadata or {}
        index = {entry for entry in stored.get("index_columns", ()) if isinstance(entry, str)}
        kinds = {str(entry.get("field_name") or entry["name"]): str(entry["pandas_type"])
                 for entry in stored.get("columns", ())}  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError):
        return set(), {}
    return index, kinds


def with_cells(column: Column, cells: Any) -> Column:
    """Describe a column also by its first cells, an Arrow array."""
    if len(cells) == 0:
        return column
    if not has_value(cells):
        return column._replace(empty=True)
    doubt = kind_of_cells(cells.slice(0, LOOK).to_pylist())[1] if column.kind is Kind.TEXT else ""
    return column._replace(doubt=doubt)


def has_value(cells: Any) -> bool:
    """Return whether a cell of an Arrow array is neither null nor NaN."""
    from pyarrow import compute, types

    if cells.null_count == len(cells):
        return False
    return not (types.is_floating(cells.type) and compute.all(compute.is_null(cells, nan_is_null=True)).as_py())


def arrow_distinct(array: Any) -> tuple[list[Any], NDArray[np.intp]]:
    """The distinct cells of an Arrow array as Python objects, and the place of each cell among them, -1 for null."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_run_end_encoded(array.type):
        array = compute.run_end_decode(array)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    encoded = array.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.fill_null(-1).to_numpy().astype(np.intp)


def arrow_numbers(array: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert an Arrow array or chunked array to NumPy's, with NaN for null."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_run_end_encoded(array.type):
        array = compute.run_end_decode(array)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    kind = pa.from_numpy_dtype(dtype)
    array = array if array.type == kind else array.cast(kind, safe=False)
    return np.asarray(array.to_numpy() if isinstance(array, pa.ChunkedArray) else array.to_numpy(zero_copy_only=False))
