"""Columns that follow from others: constants, sums, the same thing in other units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.wording import listed

__all__ = ["Dependence", "find_dependence", "independent_columns"]

Array = NDArray[np.float64]
_SUSPECTED = 1e-6  # of a column; what departs less from a plane may do so by rounding
_ROUNDING = 8.0  # units in the last place of the terms of a sum, and as many more for each term
_NOTHING = 1e-9  # of a column's range; a column that contributes less to another does not contribute
_SLACK = 1e-6  # of the width of a tenth of the rows
_SPARE = 3  # rows more than columns, before it means something that they lie in a plane


@dataclass(frozen=True, eq=False)
class Dependence:
    r"""How the columns of a table follow from some of them: :math:`x = A\,x_I + b` for every row.

    Attributes
    ----------
    independent : the positions I of the d columns that the others follow from.
    matrix : A, ``(D, d)``; its independent rows are those of the identity.
    offset : b, ``(D,)``.
    slack : ``(D,)`` by how much a row may depart from this, besides rounding.
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
        """All columns ``(N, D)`` of points of the independent ones ``(N, d)``."""
        return np.asarray(points @ self.matrix.T + self.offset)

    def departs(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        """Say for each of ``rows (N, D)`` whether it lies off the plane by more than rounding."""
        known = np.asarray(rows[:, list(self.independent)], np.float64)
        eps = float(np.finfo(rows.dtype if rows.dtype == np.float32 else np.float64).eps)
        off, slack = np.zeros(len(rows), bool), np.broadcast_to(self.slack, len(self.offset))
        for j in self.dependent:
            terms = np.abs(known) @ np.abs(self.matrix[j]) + np.abs(self.offset[j]) + np.abs(rows[:, j])
            units = _ROUNDING + np.count_nonzero(self.matrix[j])
            off |= np.abs(rows[:, j] - known @ self.matrix[j] - self.offset[j]) > units * eps * terms + slack[j]
        return off

    def __str__(self) -> str:
        return self.described([f"x{j + 1}" for j in range(len(self.offset))])

    def described(self, names: Sequence[str]) -> str:
        """The equations of the dependent columns, by the names of all."""
        equations = []
        for j in self.dependent:
            terms = [_term(a, names[i]) for a, i in zip(self.matrix[j], self.independent, strict=True) if a]
            terms += [_term(self.offset[j])] if self.offset[j] or not terms else []
            equations.append(f"{names[j]} = {' '.join(terms).removeprefix('+ ')}")
        return listed(equations)


def _term(factor: float, name: str = "") -> str:
    """One term of a sum, with its sign: ``+ 1.8 name``, ``- name`` where the factor is minus one."""
    sign, size = ("-" if factor < 0 else "+"), f"{abs(factor):.6g}"
    return f"{sign} {name}" if name and size == "1" else f"{sign} {size} {name}".rstrip()


def independent_columns(vectors: Array, tolerance: Array | float = _SUSPECTED) -> list[int]:
    """The columns of ``vectors (N, D)`` that are not zero and do not follow linearly from those before them.

    A column follows if no more than the `tolerance` of it, one number or ``(D,)``, is orthogonal to the others.
    """
    norms = np.sqrt((vectors**2).sum(0))
    some = np.flatnonzero(norms > 0)
    if not len(some):
        return []
    columns = np.linalg.qr(vectors[:, some] / norms[some])[1]
    chosen: list[int] = []
    basis = np.zeros((len(columns), 0))
    for j, column, least in zip(some, columns.T, np.broadcast_to(tolerance, len(norms))[some], strict=True):
        off = column
        for _ in range(2):  # once more, because the first time leaves rounding
            off = off - basis @ (basis.T @ off)
        if (size := float(np.linalg.norm(off))) > least:
            basis, chosen = np.column_stack([basis, off / size]), [*chosen, int(j)]
    return chosen


def find_dependence(rows: NDArray[Any]) -> Dependence | None:
    """How columns of ``rows (N, D)`` follow from those before them; None if none do.

    They do if no row departs by more than rounding, or than a millionth of the width that a tenth of the rows have in
    that column: a covariance of such rows is singular to float64. The answer does not depend on the units of the
    columns. Of fewer rows than columns it says nothing.
    """
    x = np.asarray(rows, np.float64)
    n_rows, n_features = x.shape
    eps = float(np.finfo(rows.dtype).eps)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = x.min(0), x.max(0)
        middle = low / 2.0 + high / 2.0
        rounding = _ROUNDING * eps * np.maximum(np.abs(low), np.abs(high))
        constant = high - low <= rounding
        centred = x - middle
        unit = np.where(constant, 0.0, high - low)
        scale = np.where(constant, 1.0, unit)
        centred = np.where(constant, 0.0, centred / scale)
        centred -= centred.mean(0)
        independent = independent_columns(centred, np.maximum(_SUSPECTED, n_features * rounding / scale))
    if not independent or len(independent) == n_features or n_rows < len(independent) + 1 + _SPARE:
        return None
    near = max(n_rows // 10, 2)
    ordered = np.sort(x, axis=0)
    slack = _SLACK * np.median(ordered[near:] - ordered[:-near], axis=0)
    dependence = replace(_equations(x, centred, unit, independent, max(_NOTHING, _ROUNDING * eps)), slack=slack)
    return None if dependence.departs(rows).any() else dependence


def _equations(x: Array, centred: Array, unit: Array, independent: list[int], nothing: float) -> Dependence:
    """Those of the other columns in the independent ones, whose deviations are `centred` in a unit of each column.

    Coefficients that contribute `nothing` in these units are left out.
    """
    n_features, mean = x.shape[1], x.mean(0)
    largest = np.abs(x[:, independent]).max(0)
    matrix, offset = np.zeros((n_features, len(independent))), np.zeros(n_features)
    basis = centred[:, independent]
    for j in range(n_features):
        if j in independent:
            matrix[j, independent.index(j)] = 1.0
        elif unit[j] > 0:
            share = np.linalg.lstsq(basis, centred[:, j], rcond=None)[0]
            some = np.flatnonzero(np.abs(share) > nothing)
            share = np.linalg.lstsq(basis[:, some], centred[:, j], rcond=None)[0]
            matrix[j, some] = share * (unit[j] / unit[[independent[i] for i in some]])
            offset[j] = mean[j] - matrix[j] @ mean[independent]
            if abs(offset[j]) < _ROUNDING * np.finfo(np.float64).eps * (np.abs(matrix[j]) @ largest):
                offset[j] = 0.0
        else:
            offset[j] = x[0, j]
    return Dependence(tuple(independent), matrix, offset)
