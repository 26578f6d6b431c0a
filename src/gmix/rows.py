"""Rows: what counts as a table of points, and as the weights of its rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.errors import DataError, ParameterError, nearest

__all__ = ["Rng", "as_generator", "as_rows", "as_weights", "check_finite", "choose_columns"]

Rng = int | np.random.Generator | None
_BLOCK = 65_536  # rows looked at together, so that checking needs no memory


def as_generator(rng: Rng) -> np.random.Generator:
    """Turn a seed, a generator or nothing (fresh entropy) into a generator."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"rng must be a seed or a numpy.random.Generator, not {rng!r}") from error


def choose_columns(names: list[str], wanted: list[str]) -> list[int]:
    """The positions of the wanted columns; a name that is not there is an error that names the nearest one."""
    for name in wanted:
        if name not in names:
            raise DataError(f"there is no column {name!r}{nearest(str(name), names)}; the columns are {names}")
    return [names.index(name) for name in wanted]


def as_rows(data: Any, columns: list[str] | None = None) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Turn a table into an array ``(N, D)`` of float32 or float64, and its column names if it has some.

    An array of these types is passed on as it is, not copied, whatever its order in memory. A sequence of N numbers is
    one column. Of a DataFrame the numeric columns are taken, or those that `columns` names.

    Raises `DataError` for text, complex numbers, more than two dimensions, or no column at all.
    """
    if not isinstance(data, np.ndarray) and hasattr(data, "columns"):
        return _frame(data, columns)
    array = np.asarray(data)
    if array.dtype.kind in "OUS":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"the table holds something that is not a number ({error}); choose numeric columns") from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"the table holds {array.dtype} values; gmix needs real numbers")
    if array.dtype not in (np.float32, np.float64) or not array.dtype.isnative:
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise DataError(f"the table has {array.ndim} dimensions; gmix needs rows and columns, an array (N, D)")
    if array.shape[1] == 0:
        raise DataError("the table has no column; gmix needs at least one")
    if columns is None:
        return array, None
    if not all(isinstance(name, str) for name in columns) or len(columns) != array.shape[1]:
        raise DataError(f"columns names {len(columns)} columns of an array that has {array.shape[1]}; give one name each")
    return array, tuple(columns)


def _frame(data: Any, columns: list[str] | None) -> tuple[NDArray[Any], tuple[str, ...]]:
    import narwhals.stable.v2 as nw

    try:
        frame = nw.from_native(data)
    except TypeError:
        raise DataError(f"gmix cannot read a {type(data).__name__}; give an array or a DataFrame") from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if columns is None:
        columns = [name for name, dtype in frame.schema.items() if dtype.is_numeric()]
        if not columns:
            raise DataError(f"the table has no numeric column; its columns are {list(frame.columns)}")
    else:
        choose_columns(list(frame.columns), columns)
    values = []
    for name in columns:
        if not (frame[name].dtype.is_numeric() or frame[name].dtype == nw.Boolean):
            raise DataError(f"column {name!r} holds {frame[name].dtype}, not numbers; leave it out or convert it")
        values.append(frame[name].cast(nw.Float64).to_numpy())
    return np.column_stack(values).astype(np.float64, copy=False), tuple(columns)


def check_finite(rows: NDArray[Any], names: tuple[str, ...] | None = None) -> None:
    """Raise `DataError` if a value is NaN or infinite, with its row, its column, and what to do."""
    for begin in range(0, len(rows), _BLOCK):
        block = rows[begin : begin + _BLOCK]
        if np.isfinite(np.add.reduce(block, axis=None, dtype=np.float64)):
            continue
        bad = ~np.isfinite(block)
        if not bad.any():  # only the sum overflowed
            continue
        row, column = (int(i) for i in np.argwhere(bad)[0])
        kind = "NaN" if np.isnan(block[row, column]) else "infinite"
        total = int((~np.isfinite(rows)).any(axis=1).sum())
        where = repr(names[column]) if names else str(column)
        raise DataError(
            f"row {begin + row}, column {where} is {kind} ({total} of {len(rows)} rows have such a value); "
            "drop these rows or fill them in before the fit"
        )


def as_weights(sample_weight: ArrayLike | None, n_rows: int) -> NDArray[np.float64] | None:
    """Check the weights of the rows: N numbers, finite, none negative, not all zero."""
    if sample_weight is None:
        return None
    weight = np.ascontiguousarray(sample_weight, np.float64)
    if weight.shape != (n_rows,):
        raise DataError(f"sample_weight has shape {weight.shape}; the table has {n_rows} rows, so give ({n_rows},)")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise DataError(f"sample_weight[{int(np.argmax(~(weight >= 0) | np.isinf(weight)))}] is not a number >= 0")
    if not (weight > 0).any():
        raise DataError("sample_weight is zero everywhere; at least one row must count")
    return weight
