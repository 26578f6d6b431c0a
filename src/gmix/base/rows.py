"""Rows: what every source yields and every kernel takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rows"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a table that has been checked, with what is known about each.

    Attributes
    ----------
    values : ``(N, D)`` of float32 or float64, in any memory order.
    weights : ``(N,)`` of float64, zero or more; None where every row counts once.

    # Implementation
    Every field is an array with one entry per row, or None. Whoever takes some of the rows, or sends them elsewhere,
    does so field by field, so that a new kind of row is a new field here.
    """

    values: NDArray[Any]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, chosen: slice | NDArray[Any]) -> Rows:
        """Some of the rows, by a slice, by positions or by a mask."""
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: array[chosen] for name, array in arrays.items() if array is not None})

    def select(self, columns: Sequence[int]) -> Rows:
        """The same rows with some of the columns."""
        return replace(self, values=self.values[:, list(columns)])

    @property
    def counting(self) -> Rows:
        """The rows of positive weight."""
        return self if self.weights is None or self.weights.all() else self[self.weights > 0]

    @property
    def mass(self) -> NDArray[np.float64]:
        """The weights ``(N,)``, ones where there are none."""
        return np.ones(len(self)) if self.weights is None else self.weights
