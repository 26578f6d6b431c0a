"""Columns that follow from others: constants, sums, and the same quantity in another unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.wording import listed

__all__ = ["Dependence", "find_dependence", "independent_columns"]

Array = NDArray[np.float64]
_SUSPECTED = 1e-6  # of a column's norm; a smaller departure from a plane may be rounding
_ROUNDING = 8.0  # units in the last place of the terms of a sum, and one more for each term
_NEGLIGIBLE = 1e-9  # of a column's range; a smaller contribution of one column to another is left out
_SLACK = 1e-6  # of the width of a tenth of the rows
_SPARE = 3  # rows in addition to those that always lie in a plane, so that it is not an accident if they do


@dataclass(frozen=True, eq=False)
class Dependence:
    r"""How the columns of a table follow from some of them: :math:`x = A\,x_I + b` for every row.

    Attributes
    ----------
    independent : the positions I of the d columns that the others follow from.
    matrix : A, ``(D, d)``; its independent rows are those of the identity.
    offset : b, ``(D,)``.
    slack : ``(D,)`` by how much a row may depart from this, in addition to rounding.
    """

    independent: tuple[int, ...]
    matrix: Array
    offset: Array
    slack: Array | float = 0.0

    @property
    def dependent(self) -> tuple[int, ...]:
        """The positions of the columns that follow from others."""
        return tuple(j for j in range(len(self.offset)) if j not in self.independent)

    def expand(self, points: Array) -> Array:
        """All columns ``(N, D)`` of points that have the independent columns ``(N, d)``."""
        return np.asarray(points @ self.matrix.T + self.offset)

    def departs(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        """Return for each of ``rows (N, D)`` whether it departs from the plane by more than rounding and the slack.

        A row also departs if it has a dependent cell, but not the cells that this one follows from.
        """
        known = np.asarray(rows[:, list(self.independent)], np.float64)
        absent = np.isnan(known)
        known = np.where(absent, 0.0, known)
        eps = float(np.finfo(rows.dtype if rows.dtype == np.float32 else np.float64).eps)
        departs, slack = np.zeros(len(rows), bool), np.broadcast_to(self.slack, len(self.offset))
        for j in self.dependent:
            departs |= ~np.isnan(rows[:, j]) & absent[:, self.matrix[j] != 0.0].any(1)
            terms = np.abs(known) @ np.abs(self.matrix[j]) + np.abs(self.offset[j]) + np.abs(rows[:, j])
            units = _ROUNDING + np.count_nonzero(self.matrix[j])
            departs |= np.abs(rows[:, j] - known @ self.matrix[j] - self.offset[j]) > units * eps * terms + slack[j]
        return departs

    def __str__(self) -> str:
        return self.described([f"x{j + 1}" for j in range(len(self.offset))])

    def described(self, names: Sequence[str]) -> str:
        """The equations of the dependent columns, with these names of all columns."""
        equations = []
        for j in self.dependent:
            terms = [_term(a, names[i]) for a, i in zip(self.matrix[j], self.independent, strict=True) if a]
            terms += [_term(self.offset[j])] if self.offset[j] or not terms else []
            equations.append(f"{names[j]} = {' '.join(terms).removeprefix('+ ')}")
        return listed(equations)


def _term(factor: float, name: str = "") -> str:
    """One term of a sum, with its sign: ``+ 1.8 name``, or ``- name`` for a factor of minus one."""
    sign, size = ("-" if factor < 0 else "+"), f"{abs(factor):.6g}"
    return f"{sign} {name}" if name and size == "1" else f"{sign} {size} {name}".rstrip()


def independent_columns(vectors: Array, tolerance: Array | float = _SUSPECTED) -> list[int]:
    """The columns of ``vectors (N, D)`` that are not zero and do not follow linearly from those before them.

    A column follows if its part that is orthogonal to the others is at most `tolerance`, one number or ``(D,)``, times
    its norm.
    """
    norms = np.sqrt((vectors**2).sum(0))
    nonzero = np.flatnonzero(norms > 0)
    if not len(nonzero):
        return []
    columns = np.linalg.qr(vectors[:, nonzero] / norms[nonzero])[1]
    chosen: list[int] = []
    basis = np.zeros((len(columns), 0))
    for j, column, limit in zip(nonzero, columns.T, np.broadcast_to(tolerance, len(norms))[nonzero], strict=True):
        residual = column
        for _ in range(2):  # the second time removes the rounding error of the first
            residual = residual - basis @ (basis.T @ residual)
        if (size := float(np.linalg.norm(residual))) > limit:
            basis, chosen = np.column_stack([basis, residual / size]), [*chosen, int(j)]
    return chosen


def find_dependence(rows: NDArray[Any]) -> Dependence | None:
    """How columns of ``rows (N, D)`` follow from those before them; None if no column does.

    A column follows if no row departs by more than rounding, or by more than a millionth of the width of a tenth of the
    rows in that column: the covariance of such rows is singular in float64. The result does not depend on the units of
    the columns. It is also None if there are too few rows to decide.
    """
    x = np.asarray(rows, np.float64)
    n_rows, n_features = x.shape
    eps = float(np.finfo(rows.dtype).eps)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = x.min(0), x.max(0)
        middle = low / 2.0 + high / 2.0
        rounding = _ROUNDING * eps * np.maximum(np.abs(low), np.abs(high))
        constant = high - low <= rounding
        centered = x - middle
        unit = np.where(constant, 0.0, high - low)
        scale = np.where(constant, 1.0, unit)
        centered = np.where(constant, 0.0, centered / scale)
        centered -= centered.mean(0)
        independent = independent_columns(centered, np.maximum(_SUSPECTED, n_features * rounding / scale))
    if not independent or len(independent) == n_features or n_rows < len(independent) + 1 + _SPARE:
        return None
    tenth = max(n_rows // 10, 2)
    ordered = np.sort(x, axis=0)
    slack = _SLACK * np.median(ordered[tenth:] - ordered[:-tenth], axis=0)
    dependence = replace(_equations(x, centered, unit, independent, max(_NEGLIGIBLE, _ROUNDING * eps)), slack=slack)
    return None if dependence.departs(rows).any() else dependence


def _equations(x: Array, centered: Array, unit: Array, independent: list[int], negligible: float) -> Dependence:
    """The equations of the other columns in the independent ones.

    They are solved for deviations, which are `centered` and in a `unit` of each column. Coefficients of at most
    `negligible` in these units are left out.
    """
    n_features, mean = x.shape[1], x.mean(0)
    largest = np.abs(x[:, independent]).max(0)
    matrix, offset = np.zeros((n_features, len(independent))), np.zeros(n_features)
    basis = centered[:, independent]
    for j in range(n_features):
        if j in independent:
            matrix[j, independent.index(j)] = 1.0
        elif unit[j] > 0:
            coefficients = np.linalg.lstsq(basis, centered[:, j], rcond=None)[0]
            kept = np.flatnonzero(np.abs(coefficients) > negligible)
            coefficients = np.linalg.lstsq(basis[:, kept], centered[:, j], rcond=None)[0]
            matrix[j, kept] = coefficients * (unit[j] / unit[[independent[i] for i in kept]])
            offset[j] = mean[j] - matrix[j] @ mean[independent]
            if abs(offset[j]) < _ROUNDING * np.finfo(np.float64).eps * (np.abs(matrix[j]) @ largest):
                offset[j] = 0.0
        else:
            offset[j] = x[0, j]
    return Dependence(tuple(independent), matrix, offset)
