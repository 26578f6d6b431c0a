"""The rules by which a search sets candidates aside, and chooses the best run of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmix.base.rows import Rows
from gmix.fitting.candidates import Candidate
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.em import Run
from gmix.fitting.refinement.optima import Optima
from gmix.model.covariance import Structure
from gmix.model.kernel import kernel
from gmix.model.observed import observed_share
from gmix.model.priors import Prior
from gmix.sources import Source

__all__ = ["Judge"]

_ROWS = 10_000  # the most that are drawn
_ALLOWANCE = 0.5  # rows by which a component may have fewer distinct rows than it needs
_NEAR = 1e-6  # standard deviations of a column; a collapsed component within them of a repeated row stands for it


@dataclass(frozen=True, eq=False)
class Judge:
    """Decides which runs are sound: no component has collapsed or has the support of too few distinct rows.

    Attributes
    ----------
    distinct : the distinct rows of the table or of a sub-sample.
    n_rows : the number of rows of the table that have weight.
    rows : the rows that `distinct` was made from; None if a component may rest on any number of rows.
    lenient : whether collapsed components are sound, because the table has few distinct rows.
    alone : whether there is one candidate. Then no criterion penalizes small components, so they need more rows, and a
        component that collapses on a repeated row is not sound.
    threads : the most threads to use.
    """

    distinct: DistinctRows
    n_rows: int
    rows: Rows | None = None
    lenient: bool = False
    alone: bool = False
    threads: int | None = None

    @classmethod
    def of(cls, source: Source, sample: Source, most: int, prior: Prior | None, *, alone: bool = False) -> Judge:
        """The judge of candidates with at most `most` components, on a source and a sub-sample of it."""
        rows = sample.rows(_ROWS, np.random.default_rng(0))  # draws nothing from the fit's own generator
        distinct = DistinctRows.of(rows.values, rows.weights)
        lenient = not alone and distinct.are_few(most)
        return cls(distinct, source.n_counting, None if prior is not None else rows, lenient, alone, source.threads)

    @classmethod
    def of_given_start(cls, source: Source) -> Judge:
        """The judge of a single candidate whose start was given: a run from there is kept whatever it rests on.

        It needs no pass over the rows.
        """
        return cls(DistinctRows.of(np.empty((0, source.n_features))), source.n_counting, alone=True)

    @property
    def has_repeated_rows(self) -> bool:
        return not self.alone and len(self.distinct.repeated) > 0

    def supportable(self, candidates: list[tuple[Structure, int]], n_features: int) -> list[tuple[Structure, int]]:
        """The candidates that have enough distinct rows; if there are none, those with the fewest components."""
        complete = self.distinct.n_rows == self.n_rows
        distinct = len(self.distinct.values) if complete else self.n_rows
        least = min(k for _, k in candidates)
        if self.rows is None or self.lenient:  # each component needs one distinct row of its own
            supported = [(s, k) for s, k in candidates if k <= distinct]
        else:
            supported = [(s, k) for s, k in candidates if s.rows_needed_by_all(k, n_features) <= distinct]
        return supported or [(s, k) for s, k in candidates if k == least]

    def candidate(self, runs: Sequence[Run], seconds: float) -> Candidate:
        """The best sound run as a candidate; if there is none, the best that did not collapse, or else the best."""
        objectives = [run.objective for run in runs]
        first = runs[0]
        optima = Optima.of_objectives(objectives, first.mixture.n_parameters, first.statistics.total_weight)
        judged: list[Candidate] = []
        for run in sorted(runs, key=lambda run: (not self.lenient and bool(self._collapsed(run)), -run.objective)):
            repeated = self._on_repeated_rows(run)
            unsupported = tuple(k for k in self._unsupported(run) if k not in repeated)
            judged.append(Candidate(run, optima, self._collapsed(run), seconds, unsupported, repeated))
            if self.lenient or not judged[-1].is_set_aside:
                return judged[-1]
        return judged[0]

    def _collapsed(self, run: Run) -> tuple[int, ...]:
        """The components that collapsed, without those that stand for a repeated row."""
        return tuple(k for k in run.collapsed if k not in self._on_repeated_rows(run))

    def _on_repeated_rows(self, run: Run) -> tuple[int, ...]:
        """The components that collapsed to a row that is repeated very often."""
        if not (run.collapsed and self.has_repeated_rows):
            return ()
        values = self.distinct.values[self.distinct.repeated]
        tolerance = _NEAR * np.sqrt(run.statistics.reference.variances)
        near = (np.abs(run.mixture.means[:, None] - values) <= tolerance).all(2).any(1)
        return tuple(k for k in run.collapsed if near[k])

    def _unsupported(self, run: Run) -> tuple[int, ...]:
        """The components that too few distinct rows support."""
        if self.rows is None:
            return ()
        structure, n_features = run.mixture.structure, run.mixture.n_features
        needed = structure.rows_to_trust(n_features) if self.alone else structure.rows_needed(n_features) - _ALLOWANCE
        share = run.statistics.counts / run.statistics.total_weight
        observed = observed_share(run.mixture.components, run.statistics)
        if (observed * self.distinct.at_least(share) >= needed).all():
            return ()
        responsibilities = kernel.posterior(self.rows, run.model.components(), True, self.threads)[1]
        assert responsibilities is not None
        rests_on = self.distinct.effective(responsibilities)
        if self.distinct.n_rows < self.n_rows:  # unless rows repeat, the table has more distinct rows than these
            repeats = rests_on < responsibilities.sum(0) / 2.0
            rests_on = np.where(repeats, rests_on, np.maximum(rests_on, share * self.n_rows))
        return tuple(int(k) for k in np.flatnonzero(observed * rests_on < needed))
