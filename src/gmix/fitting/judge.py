"""Which runs and candidates a search may prefer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmix.base.rows import Rows
from gmix.fitting.candidates import Candidate
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.em import Run
from gmix.model.covariance import Structure
from gmix.model.kernel import kernel
from gmix.model.priors import Prior
from gmix.sources import Source

__all__ = ["Judge"]

_MOST = 10_000  # rows that are looked at
_HALF = 0.5  # of a row, by which a component may rest on fewer than it needs
_NEAR = 1e-6  # standard deviations of a column; a component nearer to a repeated row stands for it


@dataclass(frozen=True, eq=False)
class Judge:
    """What may be preferred on these rows: no components of too few rows, unless the table has no more to offer."""

    distinct: DistinctRows | None
    n_rows: int
    # The rows among which the distinct ones are; None where it does not matter on how many a component rests.
    rows: Rows | None = None
    lenient: bool = False

    @classmethod
    def of(cls, source: Source, sample: Source, most: int, prior: Prior | None) -> Judge:
        """That of a source, from a sample of it, for at most so many components."""
        rows = sample.rows(_MOST, np.random.default_rng(0))  # draws nothing from the fit's own generator
        distinct = DistinctRows.of(rows.values, rows.weights)
        return cls(distinct, source.n_counting, None if prior is not None else rows, distinct.are_few(most))

    @property
    def has_repeated_rows(self) -> bool:
        return self.distinct is not None and len(self.distinct.repeated) > 0

    def supportable(self, candidates: list[tuple[Structure, int]], n_features: int) -> list[tuple[Structure, int]]:
        """The candidates that this many rows can support; where there are none, those of the fewest components."""
        if self.distinct is None:
            return candidates
        seen_all = self.distinct.n_rows == self.n_rows
        distinct = len(self.distinct.values) if seen_all else self.n_rows
        least = min(k for _, k in candidates)
        if self.rows is None or self.lenient:  # a component may stand for one row, but two for the same row may not
            supported = [(s, k) for s, k in candidates if k <= distinct]
        else:
            supported = [(s, k) for s, k in candidates if s.rows_needed_by_all(k, n_features) <= distinct]
        return supported or [(s, k) for s, k in candidates if k == least]

    def candidate(self, runs: Sequence[Run], seconds: float) -> Candidate:
        """The best of several runs, of which those are better whose components do not collapse and rest on rows."""
        optima = tuple(sorted((run.objective for run in runs), reverse=True))
        judged: list[Candidate] = []
        for run in sorted(runs, key=lambda run: (not self.lenient and bool(self._collapsed(run)), -run.objective)):
            repeated = self._standing_for_a_row(run)
            unsupported = tuple(k for k in self._unsupported(run) if k not in repeated)
            judged.append(Candidate(run, optima, self._collapsed(run), seconds, unsupported, repeated))
            if self.lenient or not judged[-1].is_set_aside:
                return judged[-1]
        return judged[0]

    def _collapsed(self, run: Run) -> tuple[int, ...]:
        """The components that collapsed, but for those that stand for a repeated row."""
        return tuple(k for k in run.collapsed if k not in self._standing_for_a_row(run))

    def _standing_for_a_row(self, run: Run) -> tuple[int, ...]:
        """The components that collapsed to a row that is repeated very often."""
        if self.distinct is None or not (run.collapsed and self.has_repeated_rows):
            return ()
        values, reach = (
            self.distinct.values[self.distinct.repeated],
            _NEAR * np.sqrt(run.statistics.reference.variances),
        )
        near = (np.abs(run.mixture.means[:, None] - values) <= reach).all(2).any(1)
        return tuple(k for k in run.collapsed if near[k])

    def _unsupported(self, run: Run) -> tuple[int, ...]:
        """The components that rest on too few distinct rows."""
        if self.rows is None or self.distinct is None:
            return ()
        needed = run.mixture.structure.rows_needed(run.mixture.n_features) - _HALF
        share = run.statistics.mass / run.statistics.n_rows
        if (self.distinct.at_least(share) >= needed).all():
            return ()
        responsibilities = kernel.posterior(self.rows, run.mixture.components, True)[1]
        assert responsibilities is not None
        rests_on = self.distinct.effective(responsibilities)
        if self.distinct.n_rows < self.n_rows:  # of rows that do not repeat there are more than the sample shows
            repeats = rests_on < responsibilities.sum(0) / 2.0
            rests_on = np.where(repeats, rests_on, np.maximum(rests_on, share * self.n_rows))
        return tuple(int(k) for k in np.flatnonzero(rests_on < needed))
