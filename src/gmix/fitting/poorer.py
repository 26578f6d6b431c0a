"""Starts and runs from poorer candidates: a richer candidate is never less likely than one that it contains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gmix.fitting.candidates import Candidate
from gmix.fitting.em import Run, model_of, run_em
from gmix.fitting.neighbors import grow, merges, nearest, release, splits
from gmix.fitting.start import StartingMixtures
from gmix.model.covariance import Structure
from gmix.model.stopping import Reason, StoppingRule
from gmix.model.student import AnyMixture
from gmix.sources import Source

__all__ = ["Neighbor", "from_richer", "neighbors", "poorest_first", "runs_from_neighbors", "starts"]

_RICHER, _MERGES = 3, 3  # richer candidates, and merges of two components, from which a candidate starts


class Neighbor(NamedTuple):
    """The best mixture of a poorer candidate, as a start for a richer one, and whether it was not set aside."""

    mixture: AnyMixture
    log_likelihood: float
    sound: bool


def starts(
    best: dict[tuple[Structure, int], Candidate],
    structure: Structure,
    n_components: int,
    starting_mixtures: StartingMixtures,
) -> tuple[list[AnyMixture], list[Neighbor]]:
    """The starts of a candidate, and its poorer neighbors, which are the last of these starts."""
    poorer, split = neighbors(best, structure, n_components)
    first: list[AnyMixture] = []
    # With an iterative M-step, runs are expensive, and neighbors have already reached the optima of seeds and splits.
    if len(poorer) <= 1 or structure.direct or structure.form.is_sketch:
        first = [*starting_mixtures(n_components, structure), *split()]
    return [*first, *(neighbor.mixture for neighbor in poorer)], poorer


def neighbors(
    best: dict[tuple[Structure, int], Candidate], structure: Structure, n_components: int
) -> tuple[list[Neighbor], Callable[[], Sequence[AnyMixture]]]:
    """Starts that have the likelihoods of poorer candidates, and a function that splits the next smaller mixture."""
    poorer = [
        Neighbor(release(candidate.run.mixture, structure), candidate.log_likelihood, not candidate.is_set_aside)
        for (s, k), candidate in best.items()
        if k == n_components and s is not structure and structure.contains(s)
    ]
    fewer = max((k for s, k in best if s is structure and k < n_components), default=None)
    if fewer is None:
        return poorer, list
    candidate = best[structure, fewer]
    smaller = candidate.run.mixture
    to_split = [int(k) for k in np.flatnonzero(smaller.weights) if fewer == n_components - 1]
    grown = Neighbor(grow(smaller, n_components), candidate.log_likelihood, not candidate.is_set_aside)
    return [*poorer, grown], lambda: splits(smaller, to_split)


def runs_from_neighbors(
    source: Source, poorer: Sequence[Neighbor], runs: Sequence[Run], rule: StoppingRule, patient: bool
) -> list[Run]:
    """Runs from the neighbors that the race dropped although they are better than these runs.

    If EM collapses from all of them, the most likely neighbor is kept as it is.
    """
    sound = sorted((n for n in poorer if n.sound), key=lambda n: -n.log_likelihood)
    if not sound or sound[0].log_likelihood <= _best_objective(runs):
        return []
    more: list[Run] = []
    for neighbor in sound:
        if neighbor.log_likelihood > _best_objective([*runs, *more]):
            more += run_em(source, [neighbor.mixture], rule, patient=patient)
    if sound[0].log_likelihood > _best_objective([*runs, *more]):
        more.append(_unmoved(source, sound[0].mixture))
    return more


def _best_objective(runs: Sequence[Run]) -> float:
    """The highest objective of the runs that did not collapse."""
    return max((run.objective for run in runs if not run.collapsed), default=-np.inf)


def _unmoved(source: Source, mixture: AnyMixture) -> Run:
    """A run that ends where it starts, because EM would collapse from there."""
    model = model_of(source, mixture)
    statistics = source.statistics(model.components())
    history = (statistics.log_likelihood,)
    return Run(model, statistics, history, Reason.COLLAPSING, sound=True)


def from_richer(
    best: dict[tuple[Structure, int], Candidate], structure: Structure, n_components: int
) -> list[AnyMixture]:
    """Starts from richer candidates: with covariances as the structure has them, or with two components merged."""
    richer = [
        candidate
        for (s, k), candidate in best.items()
        if k == n_components and s is not structure and s.contains(structure) and not candidate.is_set_aside
    ]
    richer = sorted(richer, key=lambda candidate: -candidate.log_likelihood)[:_RICHER]
    made: list[AnyMixture] = [nearest(candidate.run.mixture, structure) for candidate in richer]
    more = best.get((structure, n_components + 1))
    if more is not None and not more.is_set_aside:
        made += merges(more.run.gaussian, _MERGES)
    return made


def poorest_first(structures: Sequence[Structure], n_components: int, n_features: int) -> list[Structure]:
    """The structures, each after those that it contains, even if they have equally many parameters."""

    def richness(structure: Structure) -> tuple[int, int]:
        return structure.n_parameters(n_components, n_features), sum(structure.contains(s) for s in structures)

    return sorted(structures, key=richness)
