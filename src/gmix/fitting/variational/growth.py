"""Fits in which the number of components changes: births, merges and deletes, each judged by the exact lower bound."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.fitting.em import run_models
from gmix.fitting.variational.assignment import Assignment
from gmix.fitting.variational.moves import Move, Moves, in_order
from gmix.fitting.variational.run import Changes, VariationalRun, occupied
from gmix.model.covariance import TIED
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, StoppingRule
from gmix.model.variational import ParameterDistribution, VariationalModel
from gmix.sources import MemorySource, Source

__all__ = ["Growth"]

Array = NDArray[np.float64]
_ROWS = 100_000  # of a source that is not in memory, with which moves are found
_BETWEEN = StoppingRule(1e-4, 5)  # steps on all rows after moves
_ROUNDS = 50  # of moves, with an effort of one
_ROUNDING = 1e-11  # of the bound; removing empty components does not lower it by more
_JUDGED = 8  # groups of moves in a round, at most, that all rows judge
_TRIES = 3  # to divide a component
_SAME = 0.05  # a component has changed if its count did by more, or its mean by more standard deviations


class Growth:
    """Changes the number of components as long as the lower bound rises.

    All rounds of moves are found with the same rows, and judged by the exact lower bound of all rows.

    Parameters
    ----------
    source : all rows.
    prior : of the parameters, which this class `suits`.
    most : the largest number of components; None for no limit.
    rule : when the run after the moves ends.
    rng : draws what moves begin from.
    deadline : the time by `time.monotonic` at which no further moves begin; None for no limit.
    """

    def __init__(
        self,
        source: Source,
        prior: ParameterDistribution,
        most: int | None,
        rule: StoppingRule,
        rng: np.random.Generator,
        deadline: float | None,
    ) -> None:
        self.source, self.prior, self.most, self.rule, self.rng = source, prior, most, rule, rng
        self.deadline = deadline
        self.tried = _Tried()

    @staticmethod
    def suits(prior: ParameterDistribution) -> bool:
        """Whether the lower bound is a sum over components: they do not share a precision."""
        return prior.structure.form is not TIED

    def improved(self, run: VariationalRun, effort: float) -> VariationalRun:
        """The run after all moves that raised the bound, with the components that have rows; or the run itself."""
        place, interrupted = self._run(run.statistics.reordered(occupied(run.statistics)), Changes()), False
        for _ in range(math.ceil(_ROUNDS * effort)):
            if (interrupted := place.reason is Reason.INTERRUPTED) or self._is_late:
                break
            untried = self.tried.left(place)
            try:
                after = self._moved(place, untried)
            except KeyboardInterrupt:
                interrupted = True
                break
            if after is None and not untried:
                break
            place = after or place
        ordered = not self.prior.weights.exchangeable  # so that the order of the components is one more move
        moved = place.bound > run.bound and (ordered or any(place.changes))
        found = run.continued(place) if moved else run
        if interrupted:
            return replace(found, reason=Reason.INTERRUPTED)
        if not moved:
            return run
        [end] = run_models(self.source, [found.model], self.rule)
        return found.continued(VariationalRun.of(end))

    @property
    def _is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def _moved(self, run: VariationalRun, untried: Sequence[int]) -> VariationalRun | None:
        """The run after moves, by which some of the components may be divided; None if no moves raise the bound.

        If the moves do not raise it together, half of them may, and so on.
        """
        components, statistics = run.model.components(), run.statistics
        assignment = Assignment.of(self._rows, components, self.source.threads)
        moves = Moves(self.prior, statistics, assignment, self.rng, self.source.threads)
        found = [*moves.merges(), *moves.deletes(components), *moves.births(untried)]
        groups = deque([self._compatible(found, statistics.n_components)])
        for _ in range(_JUDGED):
            if not groups:
                break
            chosen, after_moves = groups[0], moves.after(groups.popleft())
            if not chosen and after_moves.n_components == statistics.n_components:
                break
            after = self._run(after_moves, _changes(chosen))
            if after.bound > run.bound - (0.0 if chosen else _ROUNDING * abs(run.bound)):
                return run.continued(after)
            if after.reason is Reason.INTERRUPTED:
                raise KeyboardInterrupt
            if len(chosen) > 1:
                half = len(chosen) // 2
                groups.extend([chosen[:half], chosen[half:]])
        return None

    def _compatible(self, moves: Sequence[Move], n_components: int) -> list[Move]:
        """Moves that touch different components, those that gain most first."""
        chosen, touched = list[Move](), set[int]()
        room = math.inf if self.most is None else self.most - n_components
        for move in sorted(moves, key=lambda move: -move.gain):
            if touched.isdisjoint(move.removed) and move.growth <= room:
                chosen.append(move)
                touched.update(move.removed)
                room -= move.growth
        return chosen

    def _run(self, statistics: SufficientStatistics, changes: Changes) -> VariationalRun:
        """Some steps from the posterior after rows with some statistics."""
        prior = self.prior.of_first(statistics.n_components)
        start = VariationalModel.of_statistics(prior, in_order(prior, statistics))
        [end] = run_models(self.source, [start], _BETWEEN)
        return replace(VariationalRun.of(end), changes=changes)

    @cached_property
    def _rows(self) -> Rows:
        """All rows, if they are in memory; otherwise a sub-sample of them."""
        source = self.source
        if isinstance(source, MemorySource):
            return source.with_points.counting
        return MemorySource.points_of(source.rows(_ROWS, self.rng), source)


class _Tried:
    """The components that could not be divided, as far as they have not changed since."""

    def __init__(self) -> None:
        self.counts, self.means, self.times = np.empty(0), np.empty((0, 0)), np.empty(0, np.intp)

    def left(self, run: VariationalRun) -> list[int]:
        """The components to divide now, which are then counted as tried once more."""
        counts, means = run.statistics.counts, run.model.posterior.mean
        times = np.zeros(len(counts), np.intp)
        for k, deviation in enumerate(_deviations(run.model.posterior)):
            if len(self.counts):
                step = np.abs(self.means - means[k]) / deviation
                same = (step.max(1) < _SAME) & (np.abs(self.counts - counts[k]) <= _SAME * counts[k])
                times[k] = self.times[same].max(initial=0)
        left = np.flatnonzero(times < _TRIES)
        times[left] += 1
        self.counts, self.means, self.times = counts, means, times
        return [int(k) for k in left]


def _changes(moves: Sequence[Move]) -> Changes:
    return Changes(*(sum(move.kind == kind for move in moves) for kind in ("birth", "merge", "delete")))


def _deviations(posterior: ParameterDistribution) -> Array:
    """The standard deviations ``(K, D)`` of the columns of each component."""
    k, d = posterior.mean.shape
    dense = posterior.structure.form.dense(posterior.covariances, k, d)
    return np.sqrt(np.diagonal(dense, axis1=1, axis2=2))
