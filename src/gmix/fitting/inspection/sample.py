"""The rows that an inspection reads: all rows of a small table, and a random sub-sample of a large one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.wording import count, weighted_rows
from gmix.sources import Source
from gmix.sources.source import drawn_positions

__all__ = ["ALLOWANCE", "NAMED", "Sample"]

Array = NDArray[np.float64]
NAMED = 5  # columns or components that one sentence names at most
ALLOWANCE = 0.5  # rows that a component may lack, because their probabilities are shared with other components
_ROWS = 10_000  # a value of one row in a thousand still occurs ten times
_NUMBERS = 1_000_000  # rows x columns; 8 MB, and milliseconds to sort
_MOST_COUNTED = 1e18  # copies of rows that an integer can count
_MOST_DRAWN = 1e9  # of which NumPy draws some without replacement


def _size(n_features: int) -> int:
    """The largest number of rows in a sample."""
    return min(_ROWS, max(_NUMBERS // n_features, 1))


@dataclass(frozen=True, eq=False)
class Sample:
    """Some of the rows of a table that have weight.

    Attributes
    ----------
    rows : ``(n, D)``.
    weight : ``(n,)``; None if every row counts once.
    n_counting : how many rows of the whole table have weight; their total weight if each is written as often as its
        weight counts it.
    features : the names of the columns, or None.
    threads : the most threads to use.
    observed : ``(D,)`` the weighted number of cells of each column in the whole table; None if no cell is missing.
    errors : of the rows, as in `gmix.base.rows.Rows`; None if they are exact.
    n_written : how many rows of the whole table have weight, each counted once; None if this is `n_counting`.
    positions : ``(n,)`` of the rows among those of the whole table that have weight; None if rows are written often.
    """

    rows: NDArray[Any]
    weight: Array | None
    n_counting: int
    features: tuple[str, ...] | None
    threads: int | None = None
    observed: Array | None = None
    errors: Array | None = None
    n_written: int | None = None
    positions: NDArray[np.intp] | None = None

    @classmethod
    def of(cls, source: Source) -> Self:
        """Draw the rows with a seed of their own, so that the draws of a fit do not depend on them."""
        size = _size(source.n_features)
        sample = source.rows(size, np.random.default_rng(0))
        observed = None if source.missing is None else source.missing.observed
        return cls(
            sample.values,
            sample.weights,
            source.n_counting,
            source.features,
            source.threads,
            observed,
            sample.errors,
            positions=drawn_positions(source.n_counting, size, np.random.default_rng(0)),
        )

    @property
    def has_counts(self) -> bool:
        """Whether the rows have weights that are all whole numbers, so that each says how often its row occurs."""
        return self.weight is not None and bool((self.weight == np.rint(self.weight)).all())

    def counted(self, total_weight: float) -> Sample:
        """A sample of the same table where each row is written as often as its weight counts it.

        Without such weights it is the sample itself. `total_weight` is that of all rows of the table.
        """
        if self.weight is None or not self.has_counts or total_weight >= _MOST_COUNTED:
            return self
        times, size = self.weight.astype(np.int64), _size(self.rows.shape[1])
        if (total := int(times.sum())) > size:
            rng = np.random.default_rng(0)
            few = total < _MOST_DRAWN
            times = rng.multivariate_hypergeometric(times, size) if few else rng.multinomial(size, times / total)
        rows = np.repeat(self.rows, times, axis=0)
        errors = None if self.errors is None else np.repeat(self.errors, times, axis=0)
        repeated = replace(self, rows=rows, errors=errors, weight=None, positions=None)
        return replace(repeated, n_counting=round(total_weight), n_written=self.n_counting)

    def column(self, j: int) -> str:
        """A column as a sentence names it: by its name, or else by its number from 0."""
        return f"column {repr(self.features[j]) if self.features else j}"

    @property
    def is_part(self) -> bool:
        """Whether the table has other rows too."""
        return len(self.rows) < self.n_counting

    @property
    def all_rows(self) -> str:
        """The number of rows of the whole table in words, with their total weight if weights count rows."""
        return weighted_rows(self.n_counting if self.n_written is None else self.n_written, self.n_counting)

    def in_rows(self, n: int) -> str:
        """The number of rows of the whole table, in words, that corresponds to `n` rows of the sample."""
        about = "about " * self.is_part
        total = round(n * self.n_counting / len(self.rows))
        if self.n_written in (None, self.n_counting):
            return f"{about}{count(total, 'row')}"
        return f"rows of total weight {about}{total:,}"
