"""Moves that change the number of components: births, merges and deletes, and what each adds to the lower bound.

If the responsibilities of the rows are given, the lower bound is, but for a constant, the entropy of the
responsibilities plus the logarithm of the normalizer of the posterior (Bishop 2006, section 10.2). If components do not
share a precision, the normalizer is a sum over components, apart from that of the weights. So the gain of a move
depends on the statistics of the components that it touches and on the counts alone (Hughes & Sudderth 2013, *Advances
in Neural Information Processing Systems* 26). The E-step that follows can only add to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.fitting.k_means import cluster
from gmix.fitting.start.labeled import SeedRows
from gmix.fitting.variational.assignment import Assignment, entropy_terms
from gmix.fitting.variational.run import occupied
from gmix.model.components import Components
from gmix.model.kernel import kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.model.variational import ParameterDistribution, VariationalModel

__all__ = ["Move", "Moves", "in_order", "joined"]

Array = NDArray[np.float64]
_GAIN = 0.01  # nats; moves that gain less are left out
_ROWS, _ROWS_PER_COLUMN = 1000, 10  # of a component, at most, to which two new ones are fitted
_SWEEPS = 10  # of Lloyd's iteration that divide them at first
_RACE = (Round(StoppingRule(0.0, 3), 1),)  # between the divisions in several coordinates
_FIT = StoppingRule(1e-3, 20)
_FEWEST = 1.0  # rows of a new component
_NEIGHBORS = 5  # with which a component may merge
_LIGHTEST = 10  # components that may be deleted
_TOUCHED = 1e-3  # of a row, at least, that a component takes over from a deleted one


@dataclass(frozen=True, eq=False)
class Move:
    """A change of some components.

    Attributes
    ----------
    kind : ``"birth"``, ``"merge"`` or ``"delete"``.
    removed : the components that are replaced.
    made : the statistics of those in their place.
    gain : what this adds to the lower bound at the least, in nats.
    """

    kind: str
    removed: tuple[int, ...]
    made: SufficientStatistics
    gain: float

    @property
    def growth(self) -> int:
        """The number of components after the move less that before."""
        return self.made.n_components - len(self.removed)


class Moves:
    """The moves from a posterior.

    Parameters
    ----------
    prior : of the parameters; components do not share a precision.
    statistics : of all rows under the posterior.
    assignment : of the rows in memory, which are all rows or a sub-sample of them.
    rng : draws the rows to which new components are fitted, and their starts.
    threads : the most threads to use.
    """

    def __init__(
        self,
        prior: ParameterDistribution,
        statistics: SufficientStatistics,
        assignment: Assignment,
        rng: np.random.Generator,
        threads: int | None,
    ) -> None:
        self.prior, self.statistics, self.assignment = prior, statistics, assignment
        self.rng, self.threads = rng, threads
        self.scale = statistics.total_weight / float(assignment.rows.mass.sum())

    def births(self, components: Iterable[int]) -> list[Move]:
        """Divisions of some of the components in two."""
        return _gaining(self._birth(k) for k in components)

    def merges(self) -> list[Move]:
        """Pairs of near components as one."""
        first, second = self._neighbors
        if not len(first):
            return []
        together = self.statistics.reordered(first) + self.statistics.reordered(second)
        own = self._normalizers
        gains = self._normalizers_of(together) - own[first] - own[second]
        moves = []
        for pair, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
            gain = float(gains[pair]) + self._gain_of_weights((a, b), together.counts[[pair]])
            if gain > _GAIN:  # the entropy that is lost makes it smaller
                made = self._on_reference(together.reordered(np.array([pair])))
                lost = self.scale * self.assignment.lost_entropy(a, b)
                moves.append(Move("merge", (a, b), made, gain - lost))
        return _gaining(moves)

    def deletes(self, components: Components) -> list[Move]:
        """The lightest components removed, their rows given to the others; `components` are those of the posterior."""
        lightest = np.argsort(self.statistics.counts, kind="stable")[:_LIGHTEST]
        if self.statistics.n_components == 1:
            return []
        return _gaining(self._delete(int(k), components) for k in lightest)

    def after(self, moves: Sequence[Move]) -> SufficientStatistics:
        """The statistics after moves that touch different components, without empty components."""
        removed = [k for move in moves for k in move.removed]
        kept = np.setdiff1d(occupied(self.statistics), removed)
        parts = [self.statistics.reordered(kept), *(move.made for move in moves)]
        return self._on_reference(joined(parts))

    def _birth(self, component: int) -> Move | None:
        _, rows = self.assignment.members(component)
        total = float(rows.mass.sum())
        if total < 2.0 * _FEWEST or len(rows) < 2:
            return None
        fitted = self._two(rows)
        if fitted is None:
            return None
        whole, before = self._collapsed(self._single(rows), rows)
        parts, after = self._collapsed(fitted, rows)
        if parts.counts.min() < _FEWEST:
            return None
        gain = self.scale * (after - before)
        made, whole = parts * self.scale, whole * self.scale
        gain += float(self._normalizers_of(made).sum() - self._normalizers_of(whole).sum())
        gain += self._gain_of_weights((component,), made.counts)
        return Move("birth", (component,), self._on_reference(made), gain)

    def _two(self, rows: Rows) -> VariationalModel | None:
        """Two components that are fitted to some of the rows; None if one of them is empty."""
        most = _ROWS + _ROWS_PER_COLUMN * self.prior.n_features
        if len(rows) > most:
            rows = rows[np.sort(self.rng.choice(len(rows), most, replace=False))]
        form, reference = self.statistics.form, self._reference_of(rows)
        labels = [cluster(points, rows.mass, 2, _SWEEPS, self.rng) for points in SeedRows.of_points(rows).points]
        labels = [each for each in labels if len(np.unique(each)) == 2]
        if not labels:
            return None
        prior = self.prior.of_first(2)
        statistics = kernel.label_statistics(form, rows, labels, 2, reference)
        starts = [VariationalModel.of_statistics(prior, in_order(prior, each)) for each in statistics]
        rounds = _RACE if len(starts) > 1 else ()
        end = kernel.run(rows, starts, reference, _FIT, rounds, threads=self.threads)[0]
        if end.reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        assert end.model is None or isinstance(end.model, VariationalModel)
        return end.model

    def _single(self, rows: Rows) -> VariationalModel:
        """One component for rows."""
        form, reference = self.statistics.form, self._reference_of(rows)
        [whole] = kernel.label_statistics(form, rows, [np.zeros(len(rows), np.intp)], 1, reference)
        return VariationalModel.of_statistics(self.prior.of_first(1), whole)

    def _collapsed(self, model: VariationalModel, rows: Rows) -> tuple[SufficientStatistics, float]:
        """The statistics of rows under a model, and the entropy of their responsibilities and missing cells."""
        [found] = kernel.expect(rows, [model.components()], [self._reference_of(rows)], threads=self.threads)
        return found, found.log_likelihood - model.posterior.expected_log_likelihood(found)

    def _delete(self, component: int, components: Components) -> Move | None:
        k = self.statistics.n_components
        others = np.delete(np.arange(k), component)
        chosen, rows = self.assignment.members(component)
        if not len(chosen):
            return None
        left = components.take(others)
        reference = self._reference_of(rows)
        [taken] = kernel.expect(rows, [left], [reference], threads=self.threads)
        _, shares = kernel.posterior(rows, left, True, self.threads)
        assert shares is not None
        before = self.assignment.shares[chosen].toarray()
        after = before[:, others] + before[:, [component]] * shares
        mass = self.assignment.rows.mass[chosen]
        entropy = float(mass @ (entropy_terms(after).sum(1) - entropy_terms(before).sum(1)))
        touched = np.flatnonzero(taken.counts > _TOUCHED)
        if not len(touched):
            return None
        receiving = others[touched]
        made = self._on_reference(self.statistics.reordered(receiving) + taken.reordered(touched) * self.scale)
        removed = (component, *receiving.tolist())
        gain = self.scale * entropy + self._gain_of_weights(removed, made.counts)
        gain += float(self._normalizers_of(made).sum() - self._normalizers[list(removed)].sum())
        return Move("delete", removed, made, gain)

    def _gain_of_weights(self, removed: tuple[int, ...], made: Array) -> float:
        """What the weights add to the gain of a move after which there are components with `made` rows."""
        counts = np.append(np.delete(self.statistics.counts, removed), made)
        return self._of_weights(counts) - self._of_weights(self.statistics.counts)

    def _of_weights(self, counts: Array) -> float:
        """The part of the lower bound that is due to the weights."""
        prior = self.prior.weights.of_first(len(counts))
        counts = counts if prior.exchangeable else -np.sort(-counts)
        return prior.with_counts(counts).log_normalizer() - prior.log_normalizer()

    @cached_property
    def _normalizers(self) -> Array:
        return self._normalizers_of(self.statistics)

    def _normalizers_of(self, statistics: SufficientStatistics) -> Array:
        """The logarithm ``(K,)`` of the normalizer of each component with these statistics, less that of its prior."""
        posterior = self.prior.of_first(statistics.n_components).with_rows(statistics)
        return posterior.component_normalizers - self._prior_normalizer

    @cached_property
    def _prior_normalizer(self) -> float:
        return float(self.prior.of_first(1).component_normalizers[0])

    @cached_property
    def _neighbors(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs of components whose means are close, relative to the mean covariance, the smaller number first."""
        statistics, k = self.statistics, self.statistics.n_components
        if k == 1:
            return np.empty(0, np.intp), np.empty(0, np.intp)
        posterior = self.prior.of_first(k).with_rows(statistics)
        form = posterior.structure.form
        dense = form.dense(posterior.covariances, k, posterior.n_features)
        pooled = np.tensordot(statistics.counts / statistics.counts.sum(), dense, 1)
        means = np.linalg.solve(np.linalg.cholesky(pooled), (posterior.mean - posterior.mean.mean(0)).T).T
        squares = (means**2).sum(1)
        distances = squares[:, None] + squares - 2.0 * means @ means.T
        np.fill_diagonal(distances, np.inf)
        nearest = np.argsort(distances, axis=1)[:, : min(_NEIGHBORS, k - 1)]
        pairs = np.stack([np.repeat(np.arange(k), nearest.shape[1]), nearest.ravel()])
        first, second = np.unique(np.sort(pairs, axis=0), axis=1)
        return first, second

    def _reference_of(self, rows: Rows) -> Reference:
        return self.statistics.reference.scaled(float(rows.mass.sum()))

    def _on_reference(self, statistics: SufficientStatistics) -> SufficientStatistics:
        return statistics.on(self.statistics.reference)


def in_order(prior: ParameterDistribution, statistics: SufficientStatistics) -> SufficientStatistics:
    """The statistics with components of many rows first, if the prior of the weights depends on the order."""
    if prior.weights.exchangeable:
        return statistics
    return statistics.reordered(np.argsort(-statistics.counts, kind="stable"))


def _gaining(moves: Iterable[Move | None]) -> list[Move]:
    return [move for move in moves if move is not None and move.gain > _GAIN]


def joined(parts: Sequence[SufficientStatistics]) -> SufficientStatistics:
    """The statistics of all components of several parts, one after another, without further sums."""
    return replace(
        parts[0],
        extra={},
        counts=np.concatenate([part.counts for part in parts]),
        mass=np.concatenate([part.mass for part in parts]),
        mean=np.concatenate([part.mean for part in parts]),
        scatter=np.concatenate([part.scatter for part in parts]),
        divisor=np.concatenate([part.divisor for part in parts]),
    )
