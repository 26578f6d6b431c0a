"""Tables that are not rows and columns of numbers: an error says how to make them so."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from gmix.base.errors import DataError

__all__ = ["check_layout"]


def check_layout(data: Any) -> None:
    """Raise `DataError` for names of files, dicts, lists of dicts, and arrays of more than two dimensions.

    >>> check_layout({"a": [1.0, 2.0]})
    Traceback (most recent call last):
    gmix.base.errors.DataError: the table is a dict; give pandas.DataFrame(table), whose columns have names
    """
    if hasattr(data, "toarray"):  # a sparse matrix may be a dict too; its readers say what to do
        return
    if isinstance(data, (str, PathLike)):
        raise DataError(
            f"rows are needed here, and {str(data)!r} is the name of a file; read it, as pandas.read_csv does, or call "
            "gmix.predict_to or gmix.impute, which read files"
        )
    if isinstance(data, Mapping):
        raise DataError("the table is a dict; give pandas.DataFrame(table), whose columns have names")
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], Mapping):
        raise DataError("the table is a list of dicts; give pandas.DataFrame(table), whose columns have names")
    shape = getattr(data, "shape", ())
    if isinstance(shape, tuple) and len(shape) > 2:
        what = "makes each pixel of an image a row" if len(shape) == 3 else "makes the last axis the columns"
        raise DataError(
            f"the table has {len(shape)} dimensions {shape}; gmix needs rows and columns, an array (N, D); "
            f"reshape(-1, {shape[-1]}) {what}"
        )
