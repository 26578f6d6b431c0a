"""Which rows belong to which components: the responsibilities of rows in memory that are not close to zero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.kernel import kernel

if TYPE_CHECKING:
    from scipy.sparse import csc_array

__all__ = ["Assignment", "entropy_terms"]

Array = NDArray[np.float64]
_LEAST = 1e-3  # smaller responsibilities are left out
_NUMBERS = 4_000_000  # responsibilities that are computed at once


@dataclass(frozen=True, eq=False)
class Assignment:
    """Responsibilities of rows.

    Attributes
    ----------
    rows : the rows.
    shares : ``(N, K)`` their responsibilities, without those close to zero.
    """

    rows: Rows
    shares: csc_array

    @classmethod
    def of(cls, rows: Rows, components: Components, threads: int | None) -> Assignment:
        """The responsibilities of rows under some components."""
        from scipy.sparse import csc_array, vstack

        step = max(_NUMBERS // len(components.means), 1)
        parts = []
        for begin in range(0, len(rows), step):
            _, shares = kernel.posterior(rows[begin : begin + step], components, True, threads)
            assert shares is not None
            parts.append(csc_array(np.where(shares > _LEAST, shares, 0.0)))
        return cls(rows, csc_array(vstack(parts, format="csc")))

    def members(self, component: int) -> tuple[NDArray[np.intp], Rows]:
        """The rows that belong to a component at least in part: their positions, and with these parts as weights."""
        begin, end = self.shares.indptr[component : component + 2]
        chosen, parts = self.shares.indices[begin:end].astype(np.intp), self.shares.data[begin:end]
        own = self.rows[chosen]
        return chosen, replace(own, weights=parts * own.mass)

    def lost_entropy(self, first: int, second: int) -> float:
        """The entropy of the responsibilities that is lost if two components become one, in nats."""
        (rows, parts), (other_rows, other_parts) = self._column(first), self._column(second)
        _, here, there = np.intersect1d(rows, other_rows, assume_unique=True, return_indices=True)
        a, b = parts[here], other_parts[there]
        lost = entropy_terms(a) + entropy_terms(b) - entropy_terms(a + b)
        return float(self.rows.mass[rows[here]] @ lost)

    def _column(self, component: int) -> tuple[NDArray[np.intp], Array]:
        begin, end = self.shares.indptr[component : component + 2]
        return self.shares.indices[begin:end].astype(np.intp), self.shares.data[begin:end]


def entropy_terms(shares: Array) -> Array:
    """``-r log r`` of each responsibility."""
    return np.asarray(-shares * np.log(np.maximum(shares, np.finfo(float).tiny)))
