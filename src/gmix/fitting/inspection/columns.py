"""Findings about the columns of a table and the weights of its rows, which do not depend on the mixture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.findings import Finding
from gmix.base.wording import listed
from gmix.fitting.inspection.sample import ALLOWANCE, NAMED, Sample

__all__ = ["about_columns", "about_row_numbers", "about_weights"]

Array = NDArray[np.float64]

# If the sum of the weights differs from the number of rows by a larger factor, it is hardly the number of observations.
# Uniform random weights sum to half the number of rows, and frequencies to a few times that number.
_FACTOR = 5.0

# Common codes for missing values: repeated nines, eights or sevens, -9, and the limits of integer types.
_CODE = re.compile(r"-?(?:9\.?9+|9{2,}(?:\.9+)?|8{2,}|7{2,})|-9|-32768|32767|65535|-?214748364[78]")
_FILL = 1e19  # fill values of floating-point arrays exceed this: 1e20, 9.97e36, 3.4e38
_OUTSIDE = 3.0  # standard deviations between a code and the nearest other value; the end of a tail may be nearer
_ONCE = 10.0  # the same for a code that occurs once, which may be an outlier
_ONCE_DIGITS = 4  # of a code that occurs once: -999 and 9999 are written on purpose, but 99 may be a measurement
_CODES = 4  # in one column, at most: a survey has several, such as 77, 88 and 99
_ENOUGH = 5  # other values that a spread can be estimated from

# A column with fewer distinct values, and more rows for each, is not continuous. Measurements in tenths, such as those
# of the iris, have five rows for each value in 150 rows; ages and rating scales have more.
_DISTINCT = 100
_ROWS_PER_VALUE = 8.0

# The skewness of an exponential column is 2; that of a lognormal column, with 1/2 as the standard deviation of the
# logarithm, is 1.75.
_SKEWED = 1.5
_LESS = 0.25  # of the skewness; the logarithm of an exponential column has about minus half of it


_NUMBERED = 20  # rows; shorter columns of running numbers are more often a scale or a time than a number of the row


def about_columns(sample: Sample, mass: float) -> list[Finding]:
    """Findings about the values of a table; `mass` is the sum of the weights of all its rows."""
    columns = [column[~np.isnan(column)] for column in np.sort(np.ascontiguousarray(sample.rows.T), axis=1)]
    return [
        *_nearly_empty(sample, mass),
        *_codes(sample, columns),
        *_few_values(sample, columns),
        *_skewed(sample, columns),
    ]


def about_weights(sample: Sample, mass: float) -> Iterator[Finding]:
    """A finding about the weights of a table, whose sum over all rows is `mass`."""
    if sample.weight is None:
        return
    factor = sample.n_counting / mass
    if factor > _FACTOR or (factor < 1.0 / _FACTOR and not sample.has_counts):  # 1,000 may stand for 1,000 rows
        yield Finding(
            "sum of weights",
            f"the weights of {sample.n_counting:,} rows sum to {mass:.4g}, and BIC takes this sum for the number "
            f"of observations; multiply them by {factor:.4g}, so that they sum to the number of rows, or let "
            "them sum to the number of observations that they stand for",
        )


def about_row_numbers(sample: Sample) -> Iterator[Finding]:
    """A finding about columns that increase by one from row to row, in the order of the table.

    The values of a histogram do so too: the only column of rows that have weights is not such a column.
    """
    n_columns = sample.rows.shape[1]
    if sample.positions is None or len(sample.rows) < _NUMBERED or (sample.weight is not None and n_columns == 1):
        return
    starts = sample.rows[0] - sample.positions[0]
    numbered = (sample.rows - sample.positions[:, None] == starts).all(0) & (starts == np.rint(starts))
    if columns := np.flatnonzero(numbered).tolist():
        named = [f"{sample.column(j)} ({', '.join(f'{starts[j] + i:.0f}' for i in range(3))}, ...)" for j in columns]
        one = len(named) == 1
        yield Finding(
            "row numbers",
            f"{listed(named, NAMED)} {'increases' if one else 'increase'} by 1 from row to row; leave "
            f"{'it' if one else 'them'} out, by naming the others with columns= or --columns, if "
            f"{'it only numbers' if one else 'they only number'} the rows",
            "note",
        )


def _nearly_empty(sample: Sample, mass: float) -> Iterator[Finding]:
    """A finding about columns that have fewer values than a component needs, in a table that has enough rows."""
    least = sample.rows.shape[1] + 1
    if sample.observed is None or sample.n_counting < least:
        return
    values = sample.observed * (sample.n_counting / mass)
    few = np.flatnonzero(values < least - ALLOWANCE)
    if len(few):
        named = [f"{sample.column(int(j))} ({values[j]:.3g})" for j in few]
        yield Finding(
            "nearly empty column",
            f"{listed(named, NAMED)} {'has' if len(few) == 1 else 'have'} fewer than {least} values, the number of "
            "columns + 1, so the mixture may describe chance there; leave such columns out",
        )


def _codes(sample: Sample, columns: list[NDArray[Any]]) -> Iterator[Finding]:
    found: dict[str, list[str]] = {}
    for j, column in enumerate(columns):
        values = column
        for _ in range(_CODES if len(values) else 0):
            code = next((value for value in (values[0], values[-1]) if _is_code(value, values)), None)
            if code is None:
                break
            others = values[values != code]
            where = f"{sample.in_rows(len(values) - len(others))} of {sample.column(j)}"
            found.setdefault(_digits(code), []).append(where)
            values = others
    for text, places in found.items():
        yield Finding(
            "missing code",
            f"the value {text} is in {listed(places, NAMED)}, far outside the other values there; if it means a "
            "missing value, put NaN in its place, or state it with --missing-value or gmix.CSV(missing_values=[...])",
        )


def _is_code(value: Any, values: NDArray[Any]) -> bool:
    """Whether the first or last value of a sorted column is written like a code, and far from all other values."""
    text = _digits(value)
    if not _CODE.fullmatch(text) and abs(value) < _FILL:
        return False
    others = values[values != value].astype(np.float64)
    if len(others) < _ENOUGH:
        return False
    gap = others[0] - value if value < others[0] else value - others[-1]
    low, high = np.quantile(others, [0.25, 0.75])
    spread = (high - low) / 1.349 or float(others.std())  # of a normal distribution with these quartiles
    once = len(values) - len(others) == 1
    enough = len(text.replace(".", "")) >= _ONCE_DIGITS
    return bool(gap > (_ONCE if once else _OUTSIDE) * spread and (enough or not once))


def _digits(value: Any) -> str:
    """A value with the fewest digits that identify it, in float32 or float64."""
    return np.format_float_positional(value, trim="-") if abs(value) < _FILL else f"{value:.3g}"


def _few_values(sample: Sample, columns: list[NDArray[Any]]) -> Iterator[Finding]:
    distinct = [1 + np.count_nonzero(np.diff(column)) for column in columns]
    few = [j for j, n in enumerate(distinct) if 1 < n <= min(_DISTINCT, len(columns[j]) / _ROWS_PER_VALUE)]
    if few:
        named = [f"{sample.column(j)} ({'at least ' * sample.is_part}{distinct[j]})" for j in few]
        yield Finding(
            "few values",
            f"{listed(named, NAMED)} {'has' if len(few) == 1 else 'have'} few different values for "
            f"{sample.all_rows}; if components describe single values, ask for fewer components or give a "
            "prior",
            "note",
        )


def _skewed(sample: Sample, columns: list[NDArray[Any]]) -> Iterator[Finding]:
    named = []
    for j, column in enumerate(columns):
        if not (len(column) and column[0] > 0):
            continue
        values = column.astype(np.float64)
        skewness = _skewness(values)
        if skewness > _SKEWED and abs(_skewness(np.log(values))) < _LESS * skewness:
            named.append(f"{sample.column(j)} (skewness {skewness:.1f})")
    if named:
        yield Finding(
            "skewed column",
            f"{listed(named, NAMED)} {'is' if len(named) == 1 else 'are'} positive and strongly skewed; take the "
            "logarithm, which is much less skewed, to describe the rows with fewer components",
            "note",
        )


def _skewness(values: Array) -> float:
    deviations = values - values.mean()
    largest = np.abs(deviations).max()
    if not largest > 0:
        return 0.0
    deviations /= largest  # because cubes of very large or small numbers overflow or underflow
    return float((deviations**3).mean() / (deviations**2).mean() ** 1.5)
