"""Distinct rows: how many a table has, and on how many of them a component rests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DistinctRows"]

Array = NDArray[np.float64]
# Rows that coincide because values are rounded, or few, have less than both: this share of all weight, and this
# multiple of the weight of the median distinct row.
_SHARE, _MULTIPLE = 0.1, 10.0


@dataclass(frozen=True, eq=False)
class DistinctRows:
    """The distinct rows of a table, and their weights.

    Attributes
    ----------
    values : ``(M, D)`` the distinct rows.
    which : ``(N,)`` the index into `values` for each row of the table.
    row_weight : ``(N,)`` the weight of each row of the table.

    >>> table = DistinctRows.of(np.array([[1.0], [2.0], [1.0], [1.0]]))
    >>> table.values.ravel(), table.weight
    (array([1., 2.]), array([3., 1.]))
    """

    values: NDArray[Any]
    which: NDArray[np.intp]
    row_weight: Array

    @classmethod
    def of(cls, rows: NDArray[Any], weight: Array | None = None) -> DistinctRows:
        """The distinct ones among ``rows (N, D)`` with weights ``(N,)``; None for weights of one."""
        n_rows = len(rows)
        weight = np.ones(n_rows) if weight is None else weight
        first = np.sort(rows[:, 0])
        if n_rows and (first[1:] != first[:-1]).all() and not np.isnan(first[-1]):  # common, and fast to check
            return cls(rows, np.arange(n_rows), weight)
        order = np.lexsort(np.asarray(rows).T)
        ordered = rows[order]
        begins = np.ones(n_rows, bool)
        missing = np.isnan(ordered)  # rows with the same missing cells may be equal
        begins[1:] = ((ordered[1:] != ordered[:-1]) & ~(missing[1:] & missing[:-1])).any(1)
        which = np.empty(n_rows, np.intp)
        which[order] = np.cumsum(begins) - 1
        return cls(ordered[begins], which, weight)

    @property
    def n_rows(self) -> int:
        """The number of rows of the table."""
        return len(self.which)

    @cached_property
    def weight(self) -> Array:
        """The weight ``(M,)`` of each distinct row."""
        return np.asarray(np.bincount(self.which, self.row_weight, len(self.values)), np.float64)

    @property
    def is_weighted(self) -> bool:
        """Say whether rows of the table differ in weight."""
        return bool(self.n_rows and np.ptp(self.row_weight) > 0)

    @property
    def heaviest_count(self) -> int:
        """How many rows of the table equal the heaviest distinct row."""
        return int(np.count_nonzero(self.which == self.weight.argmax()))

    @property
    def rarest_count(self) -> int:
        """How many rows of the table equal the distinct row that is repeated least."""
        return int(np.bincount(self.which).min())

    @property
    def commonest(self) -> NDArray[Any]:
        """The values of the heaviest distinct row ``(D,)``."""
        return np.asarray(self.values[self.weight.argmax()])

    @cached_property
    def repeated(self) -> NDArray[np.intp]:
        """Indices of the distinct rows that are repeated so often that a component may rest on one of them alone.

        Each has a tenth of all weight, and ten times the weight of the median distinct row.
        """
        weight = self.weight
        often = (weight >= _SHARE * weight.sum()) & (weight >= _MULTIPLE * np.median(weight))
        return np.flatnonzero(often)

    def are_few(self, most: int) -> bool:
        """Whether there are at most `most` distinct rows, which occur at least twice on average."""
        return len(self.values) <= most and 2 * len(self.values) <= self.n_rows

    def at_least(self, share: Array) -> Array:
        """A lower bound ``(K,)`` of `effective` for components with a share ``(K,)`` of all weight."""
        total, most, excess = self._bounds
        return np.asarray(np.maximum(share * total / most, share * total - excess))

    @cached_property
    def _bounds(self) -> tuple[float, float, float]:
        """The sum, the maximum and the excess over one of the relative weights."""
        relative = self._relative
        return float(relative.sum()), float(relative.max()), float(np.maximum(relative - 1.0, 0.0).sum())

    @cached_property
    def _relative(self) -> Array:
        """The weight ``(M,)`` of each distinct row, relative to the median distinct row."""
        return np.asarray(self.weight / np.median(self.weight))

    @property
    def shares(self) -> Array:
        """How much of a distinct row each row of the table is, ``(N,)``; see `effective`."""
        return np.asarray((np.minimum(self._relative, 1.0) / self.weight)[self.which] * self.row_weight)

    @cached_property
    def first(self) -> NDArray[np.intp]:
        """The position ``(M,)`` in the table at which each distinct row occurs first."""
        return np.asarray(np.unique(self.which, return_index=True)[1])

    def effective(self, responsibilities: Array) -> Array:
        r"""The effective number of distinct rows ``(K,)`` that each component rests on, by responsibilities ``(N, K)``.

        For distinct rows g of weight :math:`w_g` it is :math:`\sum_g r_{gk} \min(1, w_g / \tilde w)` with the median
        weight :math:`\tilde w`. A repeated row counts once, and a row of very small weight counts very little.
        """
        if len(self.values) < self.n_rows:  # equal rows have equal responsibilities
            responsibilities = responsibilities[self.first]
        return np.asarray(np.minimum(self._relative, 1.0) @ responsibilities)
