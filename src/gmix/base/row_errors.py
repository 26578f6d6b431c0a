"""Errors of measurement: how precisely the values of each row are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_real
from gmix.base.errors import DataError, ParameterError
from gmix.base.rows import Rows
from gmix.base.wording import count

__all__ = ["GivenErrors", "checked_errors", "drawn_errors", "signed_squares"]

Array = NDArray[np.float64]
_BLOCK = 1 << 20  # numbers that are checked together
_ROUNDING = 1e-8  # relative; an eigenvalue or an asymmetry below this is rounding
_LARGEST = 1e300  # of a variance


@dataclass(frozen=True, eq=False)
class GivenErrors:
    """Errors that are given as numbers, those of all rows alike or those of each row.

    Attributes
    ----------
    numbers : ``(1, D)`` or ``(N, D)`` variances of independent errors, or ``(1, D, D)`` or ``(N, D, D)`` covariances;
        negative where a standard error is.
    """

    numbers: Array

    @classmethod
    def of(cls, row_errors: Any, row_covariance: Any, n_features: int) -> GivenErrors | None:
        """The errors of the arguments of `gmix.fit`; None if there are none. Raises `DataError` for a wrong shape."""
        if row_errors is not None and row_covariance is not None:
            raise ParameterError("row_errors and row_covariance both describe the errors of the rows; give one of them")
        if row_covariance is not None:
            numbers = _numbers(row_covariance, "row_covariance")
            if numbers.shape[-2:] != (n_features, n_features) or numbers.ndim > 3:
                raise DataError(
                    f"row_covariance has shape {numbers.shape}; give ({n_features}, {n_features}) for all rows or "
                    f"(N, {n_features}, {n_features})"
                )
            return cls(numbers.reshape(-1, n_features, n_features))
        if row_errors is None:
            return None
        numbers = _numbers(row_errors, "row_errors")
        if n_features == 1 and numbers.ndim <= 1:
            numbers = numbers.reshape(-1, 1)
        if not (numbers.ndim in (1, 2) and numbers.shape[-1] == n_features):
            raise DataError(
                f"row_errors has shape {numbers.shape}; give standard errors ({n_features},) for all rows or "
                f"(N, {n_features})"
            )
        return cls(signed_squares(numbers.reshape(-1, n_features)))

    def of_rows(self, n_rows: int) -> Array:
        """The errors of all rows of a table. Raises `DataError` if there is not one for each row."""
        shape = self.numbers.shape
        if len(self.numbers) not in (1, n_rows):
            what = "row_errors" if len(shape) == 2 else "row_covariance"
            raise DataError(f"{what} has shape {shape} and the table has {count(n_rows, 'row')}; give ({n_rows}, ...)")
        return np.broadcast_to(self.numbers, (n_rows, *shape[1:]))


def _numbers(errors: ArrayLike, what: str) -> Array:
    try:
        return np.require(as_real(errors), np.float64, ["C", "A"])
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{what} must hold numbers, or names of columns for row_errors ({error})") from None


def signed_squares(errors: NDArray[Any]) -> Array:
    """The variances of standard errors; the square of a negative number is negative, so that a check finds it."""
    with np.errstate(over="ignore"):
        return np.asarray(np.copysign(np.square(errors, dtype=np.float64), errors))


def drawn_errors(errors: Array, rng: np.random.Generator) -> Array:
    """Random errors ``(N, D)`` with these variances ``(N, D)`` or covariances ``(N, D, D)``; NaN where these are."""
    normal = rng.standard_normal(errors.shape[:2])
    if errors.ndim == 2:
        return np.asarray(np.sqrt(errors) * normal)
    missing = np.isnan(np.diagonal(errors, axis1=1, axis2=2))
    both = ~(missing[:, :, None] | missing[:, None])
    values, vectors = np.linalg.eigh(np.where(both, errors, 0.0))
    drawn = (vectors @ (np.sqrt(np.maximum(values, 0.0)) * normal)[:, :, None])[..., 0]
    return np.where(missing, np.nan, drawn)


def checked_errors(
    rows: Rows, names: Sequence[str] | None = None, place: Callable[[int], str] = "row {}".format
) -> Array:
    """The smallest variance ``(D,)`` of an error in each column, in rows of positive weight.

    The errors of such a row are at least as large, in all directions, as independent errors of these variances. Errors
    of missing cells do not count.

    Raises `DataError` for errors that are not finite or negative, and for covariances that are not positive
    semi-definite, with the row.
    """
    errors, mass = rows.errors, rows.mass
    assert errors is not None
    least = np.full(errors.shape[1], np.inf)
    step = max(_BLOCK // max(errors[:1].size, 1), 1)
    smallest = _smallest_variances if errors.ndim == 2 else _smallest_of_covariances
    for begin in range(0, len(rows), step):
        block = slice(begin, begin + step)
        found = smallest(errors[block], ~np.isnan(rows.values[block]), names, partial(_place, place, begin))
        least = np.minimum(least, found[mass[block] > 0.0].min(axis=0, initial=np.inf))
    return least


def _place(place: Callable[[int], str], begin: int, row: int) -> str:
    return place(begin + row)


def _smallest_variances(
    variances: Array, present: NDArray[np.bool_], names: Sequence[str] | None, place: Callable[[int], str]
) -> Array:
    wrong = present & ~((variances >= 0.0) & (variances < _LARGEST))  # NaN compares false
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        variance = variances[row, column]
        error = np.copysign(np.sqrt(np.abs(variance)), variance)
        _refuse(error, f"the error of {place(row)}, column {repr(names[column]) if names else column}")
    return np.where(present, variances, np.inf)


def _refuse(error: float, what: str) -> None:
    if np.isnan(error):
        raise DataError(f"{what} is missing and the value is not; give the error, or leave out the value (NaN)")
    if error < 0.0:
        raise DataError(f"{what} is {error:.6g}; give standard errors, zero or more")
    raise DataError(f"{what} is {error:.3g}; leave out the value (NaN) if nothing is known about it")


def _smallest_of_covariances(
    covariances: Array, present: NDArray[np.bool_], names: Sequence[str] | None, place: Callable[[int], str]
) -> Array:
    both = present[:, :, None] & present[:, None]
    identity = np.eye(present.shape[1])
    filled = np.where(both, covariances, np.where(present[:, :, None], 0.0, identity))
    variances = np.diagonal(filled, axis1=1, axis2=2)
    least = _smallest_variances(variances, present, names, place)
    scale = np.sqrt(np.where(variances > 0.0, variances, 1.0))
    with np.errstate(invalid="ignore"):
        correlation = filled / scale[:, :, None] / scale[:, None]
        asymmetric = ~(np.abs(correlation - correlation.mT) <= _ROUNDING).all((1, 2))
    if asymmetric.any():
        row = int(np.argmax(asymmetric))
        raise DataError(
            f"the error covariance of {place(row)} is not symmetric or not finite; give a covariance matrix"
        )
    # A column without error has zeros in its row and its column; its own entry must not count as an eigenvalue.
    exact = (variances == 0.0) & present
    values = np.linalg.eigvalsh(correlation + np.where(exact[:, :, None], identity, 0.0))[:, 0]
    values = np.where(np.where(exact[:, :, None], filled, 0.0).any((1, 2)), -np.inf, values)
    indefinite = values < -_ROUNDING
    if indefinite.any():
        row = int(np.argmax(indefinite))
        raise DataError(
            f"the error covariance of {place(row)} is not positive semi-definite (the smallest eigenvalue of its "
            f"correlations is {values[row]:.3g}); give a covariance matrix"
        )
    share = np.where(values > _ROUNDING, values, 0.0)
    return np.where(present, share[:, None] * least, np.inf)
