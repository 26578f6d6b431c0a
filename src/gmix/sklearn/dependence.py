"""Columns of a whole table that follow from others, for estimators that fit parts of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.model.dependence import Dependence, find_dependence

__all__ = ["dependence_in"]

_SUSPECTED = 2_000  # rows in which dependent columns are searched for
_BLOCK = 65_536  # rows that are checked together


def dependence_in(values: NDArray[Any]) -> Dependence | None:
    """How columns follow from those before them in all rows ``(N, D)``; None if no column does."""
    n_rows, n_features = values.shape
    if n_features == 1:
        return None
    first = max(_SUSPECTED, 4 * n_features)
    some = values if n_rows <= first else values[np.random.default_rng(0).choice(n_rows, first, replace=False)]
    complete = some[~np.isnan(some).any(1)]
    found = find_dependence(complete) if len(complete) else None
    if found is None:
        return None
    departs = any(found.departs(values[begin : begin + _BLOCK]).any() for begin in range(0, n_rows, _BLOCK))
    return None if departs else found
