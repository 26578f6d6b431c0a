"""Repeated rows: how many different rows a table has, and on how many of them a component rests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DistinctRows"]

Array = NDArray[np.float64]
_SHARE = 0.1  # of all weight; a row that has it, and
_TIMES = 10.0  # times the weight of the median row, is no coincidence of rounded values


@dataclass(frozen=True, eq=False)
class DistinctRows:
    """The different rows of a table.

    Attributes
    ----------
    values : ``(M, D)``, each once.
    which : ``(N,)`` the distinct row that each row of the table is.
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
        """The different ones among ``rows (N, D)`` that have weight ``(N,)``; without weights, each has one."""
        n_rows = len(rows)
        weight = np.ones(n_rows) if weight is None else weight
        first = np.sort(rows[:, 0])
        if n_rows and (first[1:] != first[:-1]).all():  # usual, and quickly seen
            return cls(rows, np.arange(n_rows), weight)
        order = np.lexsort(np.asarray(rows).T)
        ordered = rows[order]
        begins = np.ones(n_rows, bool)
        begins[1:] = (ordered[1:] != ordered[:-1]).any(1)
        which = np.empty(n_rows, np.intp)
        which[order] = np.cumsum(begins) - 1
        return cls(ordered[begins], which, weight)

    @property
    def n_rows(self) -> int:
        """How many rows the table has."""
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
        """How many rows of the table are the heaviest distinct row."""
        return int(np.count_nonzero(self.which == self.weight.argmax()))

    @property
    def rarest_count(self) -> int:
        """How many rows of the table are the rarest distinct row."""
        return int(np.bincount(self.which).min())

    @property
    def commonest(self) -> NDArray[Any]:
        """The values of the heaviest distinct row ``(D,)``."""
        return np.asarray(self.values[self.weight.argmax()])

    @cached_property
    def repeated(self) -> NDArray[np.intp]:
        """The distinct rows that are repeated so often that a component may rest on one of them alone.

        Each has a tenth of all weight, and ten times as much as the median row: values that are merely rounded, or few,
        repeat alike.
        """
        weight = self.weight
        often = (weight >= _SHARE * weight.sum()) & (weight >= _TIMES * np.median(weight))
        return np.flatnonzero(often)

    def are_few(self, most: int) -> bool:
        """Say whether there are at most so many distinct rows, each of them there at least twice on average."""
        return len(self.values) <= most and 2 * len(self.values) <= self.n_rows

    def at_least(self, share: Array) -> Array:
        """What `effective` is at least for components of a share ``(K,)`` of all weight, whichever rows are theirs."""
        total, most, excess = self._bounds
        return np.asarray(np.maximum(share * total / most, share * total - excess))

    @cached_property
    def _bounds(self) -> tuple[float, float, float]:
        """All weight, that of the heaviest distinct row, and all beyond the median's, in units of the median's."""
        relative = self._relative
        return float(relative.sum()), float(relative.max()), float(np.maximum(relative - 1.0, 0.0).sum())

    @cached_property
    def _relative(self) -> Array:
        """The weight ``(M,)`` of each distinct row in units of the median's."""
        return np.asarray(self.weight / np.median(self.weight))

    @cached_property
    def _first(self) -> NDArray[np.intp]:
        """The first row of the table ``(M,)`` that is each distinct row."""
        return np.asarray(np.unique(self.which, return_index=True)[1])

    def effective(self, responsibilities: Array) -> Array:
        r"""How many distinct rows each component rests on, effectively, ``(K,)``, by responsibilities ``(N, K)``.

        Of distinct rows g of weight :math:`w_g`, that is :math:`\sum_g r_{gk} \min(1, w_g / \tilde w)` with the median
        weight :math:`\tilde w`: a repeated row counts once, and a row of hardly any weight hardly.
        """
        if len(self.values) < self.n_rows:  # equal rows have equal responsibilities
            responsibilities = responsibilities[self._first]
        return np.asarray(np.minimum(self._relative, 1.0) @ responsibilities)
