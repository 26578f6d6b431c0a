"""Tests over several kinds at once: every pair of two kinds together, or with `make test-all` every combination."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

__all__ = ["EVERY", "by_pairs"]

EVERY = "GMIX_EVERY_COMBINATION" in os.environ


def by_pairs(**kinds: Mapping[str, Any] | Sequence[Any]) -> pytest.MarkDecorator:
    """Parametrize a test over several kinds: names of arguments, and the values of each, which may have names.

    Any two values of different arguments occur together in at least one test.
    """
    named = [
        dict(each) if isinstance(each, Mapping) else {_name(value): value for value in each} for each in kinds.values()
    ]
    rows = list(product(*(range(len(each)) for each in named)))
    if not EVERY:
        rows = _covering(np.array(rows))
    keys, values = [list(each) for each in named], [list(each.values()) for each in named]
    return pytest.mark.parametrize(
        ",".join(kinds),
        [
            pytest.param(*(v[i] for v, i in zip(values, row, strict=True)),
                         id="-".join(k[i] for k, i in zip(keys, row, strict=True)))
            for row in rows
        ],
    )  # fmt: skip


def _name(value: Any) -> str:
    return getattr(value, "__name__", None) or str(value)


def _covering(rows: np.ndarray) -> list[tuple[int, ...]]:
    """Rows of a product in which any two values of different columns occur together, chosen greedily."""
    sizes = rows.max(0) + 1
    pairs = [(i, j, np.ones((sizes[i], sizes[j]), bool)) for i, j in combinations(range(len(sizes)), 2)]
    if not pairs:
        return [tuple(row) for row in rows.tolist()]
    chosen = []
    while any(left.any() for _, _, left in pairs):
        new = sum(left[rows[:, i], rows[:, j]].astype(int) for i, j, left in pairs)
        row = rows[int(np.argmax(new))]
        for i, j, left in pairs:
            left[row[i], row[j]] = False
        chosen.append(tuple(row.tolist()))
    return chosen
