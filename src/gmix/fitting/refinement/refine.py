"""Refinement of a run: moves to better local optima, until no move that is tried finds one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.fitting.em import Run, run_em
from gmix.fitting.neighbors import in_structure
from gmix.fitting.refinement.effort import Effort
from gmix.fitting.refinement.local import LocalTable, mixture_at
from gmix.fitting.refinement.proposals import Merge, Proposals, Split, part_of
from gmix.model.background import left_weight
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.priors import Prior
from gmix.model.stopping import Reason, Round, StoppingRule, remaining_gain
from gmix.sources import MemorySource

__all__ = ["Place", "Refiner"]

Array = NDArray[np.float64]

_GAIN = 0.02  # nats; a move that gains less leads to the same optimum
_TRIES, _TRIES_PER_COMPONENT = 8, 0.5  # exchanges that are tried although their components alone would lose
_OFTEN = 10  # tries with the same split or the same merge
_NEIGHBORS = 3  # components that overlap most with those of an exchange, and adapt to it
_FIRST_STEPS, _STEPS, _MOST_STEPS = 12, 20, 150  # of a local run
_OPTIMISM = 2.0  # times the estimated remaining gain; a local run that would still lose is given up
_SLOWEST = 0.97  # rate of gains, at most, in that estimate
_EXCHANGE = 1e6  # nanoseconds that proposals of exchanges take for each component
_START = 1e5  # nanoseconds that making a start takes
_NEAREST = 4e5  # nanoseconds that it takes more, in 4 columns, if the M-step of the covariances iterates
_FEW = 20  # components, up to which exchanges with their neighbors are most of the rows
_SWAPS = 8  # swaps that race
_RACES, _RACES_ALONE = 4, 6  # races of swaps in vain, at the least; and where they cost less than exchanges
_RACE_STEPS = 150  # of a race of swaps
_SWAP_RACE = (Round(StoppingRule(0.0, 8), 3), Round(StoppingRule(0.0, 25), 1))
_RACE = (Round(StoppingRule(0.0, 8), 3), Round(StoppingRule(0.0, 20), 2))


class _Exchange(NamedTuple):
    """Two components are merged and another one is split, so their number stays the same."""

    merge: Merge
    split: Split

    @property
    def components(self) -> tuple[int, int, int]:
        return self.merge.first, self.merge.second, self.split.component

    @property
    def gain(self) -> float:
        """A lower bound of the gain in nats, if the covariances of the components are independent."""
        return self.split.gain - self.merge.loss


@dataclass(frozen=True, eq=False)
class Place:
    """A run that reached an optimum, and the moves from there."""

    run: Run
    proposals: Proposals

    @property
    def key(self) -> tuple[int, float]:
        """Sorts optima, the best first: those with fewer spurious components, then those of higher objective."""
        return len(self.spurious), -self.run.objective

    @property
    def spurious(self) -> frozenset[int]:
        """Components that too few rows support, or that have collapsed."""
        return self.proposals.spurious.union(self.run.collapsed)


class Refiner:
    """Moves from local optima of one candidate to better ones.

    A move merges two components and splits a third (Ueda et al. 2000, *Neural Computation* 12:2109), or moves one to a
    random row (random swap; Zhao et al. 2012, *Pattern Recognition Letters* 33:2120). It is accepted if the objective
    rises after EM on all rows of the table, and no further component becomes spurious.

    Parameters
    ----------
    source : the rows, or a sub-sample of them.
    rule : when EM on these rows ends.
    prior : the prior of a MAP fit.
    rng : draws the directions in which components are cut, and the components and rows of swaps.
    effort : counts the work, and ends it.
    is_enough : whether no more swaps should be tried from an optimum, after `vain` races of them.
    swaps : whether to try swaps, which cost more than exchanges on large tables.

    Attributes
    ----------
    vain : the number of races of swaps from the last optimum that found no better one.
    """

    def __init__(
        self,
        source: MemorySource,
        rule: StoppingRule,
        prior: Prior | None,
        rng: np.random.Generator,
        effort: Effort,
        is_enough: Callable[[Place], bool] | None = None,
        *,
        swaps: bool = True,
    ) -> None:
        self.table = LocalTable(source, effort)
        self.rule, self.prior, self.rng, self.effort = rule, prior, rng, effort
        self.is_enough, self.vain, self.swaps = is_enough, 0, swaps

    def moves(self, run: Run) -> Iterator[Place]:
        """The optimum of a run, and then better and better ones, each reached by moves from the one before."""
        place: Place | None = self._at(run)
        movable = run.mixture.n_components > 2
        while place is not None:
            self.vain = 0
            yield place
            place = self._better(place) if movable else None

    def _better(self, place: Place) -> Place | None:
        """A better optimum that a move leads to; None if no move that is tried does."""
        for move in self._kinds(place):
            with suppress(np.linalg.LinAlgError):  # float64 cannot compute a move between nearly singular covariances
                if self.effort.left > 0.0 and (better := move(place)) is not None:
                    return better
        return None

    def _kinds(self, place: Place) -> Sequence[Callable[[Place], Place | None]]:
        """The kinds of moves, the one that costs least first; only exchanges end a spurious component."""
        mixture = place.run.mixture
        k = mixture.n_components
        step = Effort.step(len(self.table.rows), k, mixture.n_parameters)
        if not self.swaps:
            return (self._exchange, self._adapt) if k > _FEW else (self._exchange,)
        if not place.spurious and _RACES_ALONE * _RACE_STEPS * step < k * _EXCHANGE:
            return (partial(self._swap, races=_RACES_ALONE),)
        return self._exchange, self._adapt, partial(self._swap, races=max(_RACES, k // 2))

    def _swap(self, place: Place, races: int) -> Place | None:
        """A better optimum that is reached after one component is moved to a random row; None if none is found."""
        for _ in range(races):
            if self.effort.left <= 0.0 or (self.is_enough is not None and self.is_enough(place)):
                return None
            if (better := self._arrive(place, self._swapped(place), _SWAP_RACE)) is not None:
                return better
            self.vain += 1
        return None

    def _swapped(self, place: Place) -> list[GaussianMixture]:
        """Mixtures in each of which one component is moved to a random row."""
        k, distinct = place.run.mixture.n_components, self.table.cumulative
        rows = np.searchsorted(distinct, self.rng.random(_SWAPS) * distinct[-1])
        moved = []
        for component, row in zip(self.rng.integers(k, size=_SWAPS), rows, strict=True):
            parameters = _Parameters(place.proposals.local)
            parameters.move(int(component), np.asarray(self.table.rows.points[row], np.float64))
            moved.append(parameters.mixture(place.proposals))
        return moved

    def run(
        self, starts: Sequence[GaussianMixture], rounds: Sequence[Round] = (), *, patient: bool = False
    ) -> list[Run]:
        """EM runs on the rows of the table, without those that collapse if not `patient`."""
        source = self.table.source
        runs = run_em(source, starts, self.rule, self.prior, rounds, patient=patient)
        steps = Effort.steps((run.history for run in runs), len(starts), rounds)
        self.effort.spend(steps, source.n_rows, starts[0].n_components, starts[0].n_parameters)
        nearest = 0.0 if starts[0].structure.direct else _NEAREST * (1.0 + starts[0].n_features ** 2 / 16.0)
        self.effort.spent += (_START + nearest) * len(starts)
        if any(run.reason is Reason.INTERRUPTED for run in runs):
            raise KeyboardInterrupt
        return [run for run in runs if patient or (run.reason is not Reason.COLLAPSING and not run.collapsed)]

    def _at(self, run: Run) -> Place:
        return Place(run, Proposals(self.table, run.gaussian, self.rng))

    def _exchange(self, place: Place) -> Place | None:
        """A better optimum after exchanges of different components that gain for certain; None if there are none."""
        if not place.run.mixture.structure.independent:
            return None
        exchanges = _certain(place)
        return self._arrive(place, [_exchanged(place.proposals, exchanges)] if exchanges else [])

    def _adapt(self, place: Place) -> Place | None:
        """A better optimum after exchanges that gain once other components have adapted to them; None if none does."""
        if place.run.mixture.structure.independent:
            return self._arrive(place, self._adapted(place))
        return self._arrive(place, self._raced(place), _RACE)

    def _arrive(self, place: Place, starts: Sequence[GaussianMixture], rounds: Sequence[Round] = ()) -> Place | None:
        """The best optimum that EM reaches from these starts, if it is better than where the moves began."""
        if not starts:
            return None
        # If components collapse one after another, fewer of them are better than none that is tried.
        runs = self.run(starts, rounds if len(starts) > 1 else (), patient=bool(place.spurious))
        worth = [run for run in runs if place.spurious or run.objective > place.run.objective + _GAIN]
        arrived = [self._at(run) for run in worth]
        best = min(arrived, key=lambda one: one.key, default=place)
        return best if best.key < place.key else None

    def _raced(self, place: Place) -> list[GaussianMixture]:
        """The mixtures after the most promising exchanges, each alone."""
        return [_exchanged(place.proposals, [exchange]) for exchange in self._promising(place)]

    def _promising(self, place: Place) -> Iterator[_Exchange]:
        """The exchanges to try, the most promising first."""
        left = _TRIES + int(_TRIES_PER_COMPONENT * place.run.mixture.n_components)
        tries: Counter[object] = Counter()
        for exchange in _ranked(place):
            merge, split = exchange.components[:2], exchange.split.component
            if tries[merge] >= _OFTEN or tries[split] >= _OFTEN:
                continue
            if left == 0 or self.effort.left <= 0.0:
                return
            left -= 1
            tries.update([merge, split])
            yield exchange

    def _adapted(self, place: Place) -> list[GaussianMixture]:
        """One mixture after all exchanges that gain once their neighbors have adapted; none if there are none."""
        proposals, changed = place.proposals, set[int]()
        parameters = _Parameters(proposals.local)
        for exchange in self._promising(place):
            if changed.isdisjoint(exchange.components):
                chosen = _with_neighbors(proposals, exchange)
                adapted = self._adapt_neighbors(proposals, exchange, chosen) if changed.isdisjoint(chosen) else None
                if adapted is not None:
                    parameters.replace(chosen, adapted)
                    changed.update(chosen)
                if len(changed) == proposals.mixture.n_components:
                    break
        return [parameters.mixture(proposals)] if changed else []

    def _adapt_neighbors(self, proposals: Proposals, exchange: _Exchange, chosen: list[int]) -> GaussianMixture | None:
        """The chosen components after an exchange and EM on their rows; None if that gains nothing."""
        positions, rows = proposals.rows_of(chosen)
        limit = proposals.log_likelihood(chosen, rows) + _GAIN
        parameters = _Parameters(proposals.local)
        parameters.exchange(exchange)
        mixture, steps, done = part_of(parameters.local(), chosen), _FIRST_STEPS, 0
        while True:
            ends = self.table.run(rows, [mixture], _GAIN, steps)
            if not ends:
                return None
            [end] = ends
            history, mixture = end.history, mixture_at(end)
            done, steps = done + len(history), _STEPS
            if end.reason is not Reason.ITERATION_LIMIT or done > _MOST_STEPS:
                break
            slowest = (history[-1] - history[-2]) * _SLOWEST / (1.0 - _SLOWEST)
            if history[-1] + _OPTIMISM * min(remaining_gain(history, 0.0), slowest) < limit:
                return None
        return mixture if history[-1] > limit and proposals.are_supported(positions, rows, mixture) else None


class _Parameters:
    """The parameters of a mixture of free covariances, to change some of its components."""

    def __init__(self, mixture: GaussianMixture) -> None:
        self.structure = mixture.structure
        self.weights, self.means = mixture.weights.copy(), mixture.means.copy()
        self.compact = compact_covariances(mixture).copy()

    def replace(self, components: Sequence[int], part: GaussianMixture) -> None:
        """Replace some components by as many others, which divide their weight."""
        chosen = list(components)
        self.weights[chosen] = self.weights[chosen].sum() * part.weights
        self.means[chosen] = part.means
        self.compact[chosen] = compact_covariances(part)

    def move(self, component: int, row: Array) -> None:
        """Move a component to a row, with the mean covariance and the mean weight of all components."""
        self.compact[component] = np.tensordot(self.weights, self.compact, 1) / self.weights.sum()
        self.means[component] = row
        self.weights[component] = self.weights.mean()

    def exchange(self, exchange: _Exchange) -> None:
        first, second, split = exchange.components
        halves, weight = exchange.split.halves, self.weights[split]
        self.weights[first] += self.weights[second]
        self.means[first], self.compact[first] = exchange.merge.mean, exchange.merge.covariance
        self.weights[[split, second]] = weight / 2.0
        self.replace([split, second], halves)

    def local(self) -> GaussianMixture:
        weights = self.weights / self.weights.sum()
        return unchecked_mixture(weights, self.means.copy(), self.compact.copy(), self.structure, None)

    def mixture(self, proposals: Proposals) -> GaussianMixture:
        """The mixture in the structure of the one that the moves began from, or the nearest one."""
        before = proposals.mixture
        k, d = before.means.shape
        if not before.structure.independent:
            dense = self.structure.form.dense(self.compact, k, d)
            means, background = self.means.copy(), before.background
            return in_structure(self.weights, means, dense, before.structure, before.features, background)
        weights = left_weight(before.background) * before.structure.weights(self.weights)
        parameters = weights, self.means.copy(), self.compact.copy()
        return unchecked_mixture(*parameters, before.structure, before.features, before.background)


def _exchanged(proposals: Proposals, exchanges: Sequence[_Exchange]) -> GaussianMixture:
    """The mixture after exchanges that touch different components."""
    parameters = _Parameters(proposals.local)
    for exchange in exchanges:
        parameters.exchange(exchange)
    return parameters.mixture(proposals)


def _certain(place: Place) -> list[_Exchange]:
    """Exchanges of different components that gain for certain, or that end a spurious component."""
    used, chosen = set[int](), list[_Exchange]()
    gains = {split.component: split.gain for split in place.proposals.splits}
    for merge in _by_loss(place):
        if not used.isdisjoint((merge.first, merge.second)):
            continue
        free = (s for s in place.proposals.splits if s.component not in {merge.first, merge.second, *used})
        if (split := next(free, None)) is None:
            break
        ends_spurious = not place.spurious.isdisjoint((merge.first, merge.second))
        exchange = _Exchange(merge, split)
        if not ends_spurious and exchange.gain <= _GAIN:
            break
        if max(gains.get(merge.first, 0.0), gains.get(merge.second, 0.0)) <= split.gain:
            chosen.append(exchange)
            used.update(exchange.components)
    return chosen


def _by_loss(place: Place) -> list[Merge]:
    """Merges, those that end a spurious component first."""
    spurious = place.spurious
    return sorted(place.proposals.merges, key=lambda m: (spurious.isdisjoint((m.first, m.second)), m.loss))


def _ranked(place: Place) -> list[_Exchange]:
    """All exchanges, the most promising first."""
    spurious = place.spurious
    every = [
        _Exchange(merge, split)
        for merge in place.proposals.merges
        for split in place.proposals.splits
        if split.component not in (merge.first, merge.second)
    ]
    return sorted(every, key=lambda e: (spurious.isdisjoint(e.components[:2]), -e.gain))


def _with_neighbors(proposals: Proposals, exchange: _Exchange) -> list[int]:
    """The components of an exchange, and those that overlap most with them."""
    first, second, split = exchange.components
    chosen = [first, second, split]
    for group in ((first, second), (split,)):
        overlap = proposals.overlap[list(group)].sum(0)
        overlap[list(group)] = 0.0
        nearest = np.argsort(-overlap, kind="stable")[:_NEIGHBORS]
        chosen += [int(k) for k in nearest if overlap[k] > 0.0 and int(k) not in chosen]
    return chosen
