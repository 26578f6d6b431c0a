"""Tables of points and weights of rows, read from arrays, DataFrames and sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_names, as_real, faulty_cell
from gmix.base.columns import FilledColumns, Roles, choose_columns, is_index
from gmix.base.errors import DataError
from gmix.base.findings import Finding
from gmix.base.layout import check_layout
from gmix.base.row_errors import GivenErrors, signed_squares
from gmix.base.wording import count

__all__ = [
    "Table", "as_points", "as_rows", "as_weights", "check_finite", "choose_columns", "errors_of", "given_errors",
    "is_frame", "is_index", "largest_value", "read_rows", "weights_of",
]  # fmt: skip

_BLOCK = 65_536  # rows that are checked together, so that a check takes little memory


def is_frame(data: Any) -> bool:
    """Return whether a table is a DataFrame or an Arrow table, whose columns have names."""
    return not isinstance(data, np.ndarray) and hasattr(type(data), "columns")


class Table(NamedTuple):
    """The numbers of a table.

    Attributes
    ----------
    array : ``(N, D)`` of float32 or float64.
    names : of the columns; None if they have none.
    findings : about the columns that were left out.
    """

    array: NDArray[Any]
    names: tuple[str, ...] | None
    findings: tuple[Finding, ...] = ()


def as_rows(
    data: Any, columns: list[str] | None = None, weight: str | None = None
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Convert a table to an array ``(N, D)`` of float32 or float64, and the names of its columns or None.

    An array of these types is not copied, whatever its order in memory. A sequence of N numbers is one column. Of a
    DataFrame, the columns that `columns` names are used, or all numeric ones except `weight` and an index; if all of
    them are float32, so is the array.

    Raises `DataError` for text, complex numbers, more than two dimensions, or no column at all.
    """
    array, names, _ = read_rows(data, Roles(as_names(columns), weight))
    return array, names


def read_rows(data: Any, roles: Roles, filled: FilledColumns | None = None) -> Table:
    """Read the values of a table as `as_rows` does, with a finding about the columns that are left out.

    Columns with another role are not among the values, unless they are named as such. `filled` finds values in the
    later rows of a larger table that begins with these; see `gmix.base.columns.choose`.
    """
    columns = roles.values
    if is_frame(data):
        from gmix.base.columns.frames import read_frame

        return Table(*read_frame(data, columns, roles.of_rows, filled))
    if roles.weight is not None:
        raise DataError(f"sample_weight names a column, {roles.weight!r}, and the table is an array; give numbers (N,)")
    if roles.labels is not None:
        raise DataError(
            f"labels names a column, {roles.labels!r}, and the table is an array; give one label for each row"
        )
    if roles.errors:
        raise DataError("row_errors names columns, and the table is an array; give numbers (N, D)")
    check_layout(data)
    array = _real(data)
    check_layout(array)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise DataError(f"the table has {array.ndim} dimensions; gmix needs rows and columns, an array (N, D)")
    if array.shape[1] == 0:
        raise DataError("the table has no column; gmix needs at least one")
    if columns is None:
        return Table(array, None)
    if not all(isinstance(name, str) for name in columns) or not len(columns) == len(set(columns)) == array.shape[1]:
        raise DataError(
            f"columns is {columns!r}; the array has {count(array.shape[1], 'column')}, so give as many different names"
        )
    return Table(array, tuple(columns))


def as_points(
    data: Any, features: Sequence[str] | None, weight: str | None = None
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Read points as `as_rows` does, and choose the columns of a DataFrame by the names of a mixture's features."""
    return as_rows(data, list(features) if features and is_frame(data) else None, weight)


def _real(data: Any) -> NDArray[Any]:
    if hasattr(data, "toarray"):
        raise DataError("the table is a sparse matrix; give it as an array, with its method toarray()")
    try:
        if isinstance(data, np.ma.MaskedArray):  # masked values are missing ones
            data = np.ma.filled(data.astype(np.float64), np.nan)
        elif hasattr(data, "to_numpy") and hasattr(data, "isna"):  # pandas has a missing value that NumPy cannot read
            data = data.to_numpy(na_value=np.nan) if data.isna().any() else data
        array = np.asarray(data)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"the table holds something that is not a number, or rows of unequal length ({error}); "
            "choose numeric columns"
        ) from None
    if array.dtype.kind in "OUS":
        if (fault := faulty_cell(array)) is not None:
            raise DataError(_about_cell(*fault) if array.ndim else _about_object(data))
        array = array.astype(np.float64)
    if array.dtype.kind not in "fiub":
        raise DataError(f"the table holds {array.dtype} values; gmix needs real numbers")
    if array.dtype in (np.float32, np.float64) and array.dtype.isnative and array.flags.aligned:
        return array  # an array that came over a network may be misaligned
    return array.astype(np.float32 if array.dtype == np.float16 else np.float64)


def _about_cell(place: tuple[int, ...], fault: str) -> str:
    column = f", column {place[1]}" if len(place) > 1 else ""
    return f"row {place[0]}{column} holds {fault}; choose numeric columns"


def _about_object(data: Any) -> str:
    return f"the table is a {type(data).__name__}; gmix needs rows and columns, an array (N, D) or a DataFrame"


def check_finite(
    rows: NDArray[Any],
    names: tuple[str, ...] | None = None,
    limit: float = np.inf,
    place: Callable[[int], str] = "row {}".format,
    *,
    missing: bool = False,
) -> bool:
    """Return whether any cell is missing, which NaN means.

    Raises `DataError` if a value is infinite or beyond the limit, or NaN unless cells may be `missing`; with its row,
    its column and the remedy.
    """
    incomplete = False
    for begin in range(0, len(rows), _BLOCK):
        block = rows[begin : begin + _BLOCK]
        if -limit < float(block.min()) and float(block.max()) < limit:  # NaN compares false
            continue
        right = np.abs(block) < np.float64(limit)
        if missing:
            absent = np.isnan(block)
            incomplete = incomplete or bool(absent.any())
            right |= absent
        if right.all():
            continue
        row, column = (int(i) for i in np.argwhere(~right)[0])
        value = block[row, column]
        where = f"{place(begin + row)}, column {repr(names[column]) if names else column}"
        if np.isfinite(value):
            raise DataError(
                f"{where} is {value:.3g}, whose square is beyond float64; divide the column by a large number"
            )
        wrong = np.isinf(rows) if missing else ~np.isfinite(rows)
        total = int(wrong.any(axis=1).sum())
        raise DataError(
            f"{where} is {'NaN' if np.isnan(value) else 'infinite'} ({total} of {len(rows)} rows have such a value); "
            "drop these rows or fill them in before the fit"
        )
    return incomplete


def largest_value(n_features: int, mass: float) -> float:
    """The largest value whose squares, summed over rows of this mass, stay in the range of float64."""
    return float(np.sqrt(np.finfo(np.float64).max / (64.0 * n_features * max(mass, 1.0))))


def as_weights(
    sample_weight: ArrayLike | None, n_rows: int, place: Callable[[int], str] = "sample_weight[{}]".format
) -> NDArray[np.float64] | None:
    """Check the weights ``(N,)`` of rows: finite and not negative.

    Raises `DataError`, in which `place` says where a weight is.
    """
    if sample_weight is None:
        return None
    try:
        weight = np.require(as_real(sample_weight), np.float64, ["C", "A"])
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"sample_weight must hold one number for each row ({error})") from None
    if weight.shape != (n_rows,):
        raise DataError(
            f"sample_weight has shape {weight.shape}; the table has {count(n_rows, 'row')}, so give ({n_rows},)"
        )
    wrong = ~((weight >= 0) & (weight < 1e100))  # NaN compares false
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{place(row)} is {weight[row]}; give weights from 0 (the row does not count) to 1e100")
    return weight


def given_errors(
    data: Any, table: Table, row_errors: Any, row_covariance: ArrayLike | None
) -> NDArray[np.float64] | None:
    """The errors of the rows of a table that the arguments of `gmix.fit` state, unchecked; None if there are none.

    They are variances ``(N, D)`` or covariances ``(N, D, D)``. Raises `DataError` for a wrong shape or name.
    """
    n_rows, n_features = table.array.shape
    roles = Roles.of(None, None, None, row_errors)
    given = GivenErrors.of(None if roles.errors else row_errors, row_covariance, n_features)
    if given is not None:
        return given.of_rows(n_rows)
    return errors_of(data, roles.errors_of(table.names or ())) if roles.errors else None


def errors_of(data: Any, columns: Sequence[str | None]) -> NDArray[np.float64]:
    """The variances ``(N, D)`` of errors whose standard deviations are in these columns of a DataFrame.

    None stands for a column without errors. A negative error becomes a negative number; see
    `gmix.base.row_errors.checked_errors`.
    """
    named = list(dict.fromkeys(name for name in columns if name is not None))
    found = dict(zip(named, as_rows(data, named)[0].T, strict=True))
    exact = np.zeros(len(next(iter(found.values()))))
    return signed_squares(np.column_stack([exact if name is None else found[name] for name in columns]))


def weights_of(data: Any, sample_weight: ArrayLike | str | None, n_rows: int) -> NDArray[np.float64] | None:
    """The checked weights ``(N,)`` of the rows of a table: from numbers, or from the column of this name."""
    if not isinstance(sample_weight, str):
        return as_weights(sample_weight, n_rows)
    name = sample_weight
    return as_weights(as_rows(data, [name])[0][:, 0], n_rows, lambda row: f"row {row}, column {name!r}")
