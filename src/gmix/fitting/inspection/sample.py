"""The rows that an inspection reads: all rows of a small table, and a random sub-sample of a large one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.wording import count
from gmix.sources import Source

__all__ = ["ALLOWANCE", "NAMED", "Sample"]

Array = NDArray[np.float64]
NAMED = 5  # columns or components that one sentence names at most
ALLOWANCE = 0.5  # rows that a component may lack, because their probabilities are shared with other components
_ROWS = 10_000  # a value of one row in a thousand still occurs ten times
_NUMBERS = 1_000_000  # rows x columns; 8 MB, and milliseconds to sort


@dataclass(frozen=True, eq=False)
class Sample:
    """Some of the rows of a table that have weight.

    Attributes
    ----------
    rows : ``(n, D)``.
    weight : ``(n,)``; None if every row counts once.
    n_counting : how many rows of the whole table have weight.
    features : the names of the columns, or None.
    threads : the most threads to use.
    observed : ``(D,)`` the weighted number of cells of each column in the whole table; None if no cell is missing.
    """

    rows: NDArray[Any]
    weight: Array | None
    n_counting: int
    features: tuple[str, ...] | None
    threads: int | None = None
    observed: Array | None = None

    @classmethod
    def of(cls, source: Source) -> Self:
        """Draw the rows with a seed of their own, so that the draws of a fit do not depend on them."""
        n = min(_ROWS, max(_NUMBERS // source.n_features, 1))
        sample = source.rows(n, np.random.default_rng(0))
        observed = None if source.missing is None else source.missing.observed
        return cls(sample.values, sample.weights, source.n_counting, source.features, source.threads, observed)

    def column(self, j: int) -> str:
        """A column as a sentence names it: by its name, or else by its number from 0."""
        return f"column {repr(self.features[j]) if self.features else j}"

    def in_rows(self, n: int) -> str:
        """The number of rows of the whole table, in words, that corresponds to `n` rows of the sample."""
        if len(self.rows) == self.n_counting:
            return count(n, "row")
        return f"about {count(round(n * self.n_counting / len(self.rows)), 'row')}"
