"""The warm-up of a chain: a start, and splits and merges that only look for partitions of a high joint density."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from gmix.fitting.k_means import cluster
from gmix.gibbs.conjugate import Moments
from gmix.gibbs.label_draws import drawn_labels
from gmix.gibbs.moves import nearer_of_two, separated, sub_clusters
from gmix.gibbs.state import State

__all__ = ["Search", "starting_labels"]

Array = NDArray[np.float64]
_SWEEPS = 6  # of Lloyd's iteration at the start, and of Gibbs sampling that finds sub-clusters
_SAMPLE, _SAMPLE_PER_COLUMN = 1000, 10  # rows that sub-clusters are found from
_TRIALS = 3  # to split the same cluster
_NEIGHBORS = 4  # clusters that each may merge with
_AT_ONCE = 1 << 23  # numbers of the scatter matrices of pairs that are in memory together
_FARTHEST_OF = 8


def starting_labels(rows: Array, n_clusters: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Labels of rows by k-means in standardized columns."""
    if n_clusters == 1:
        return np.zeros(len(rows), np.intp)
    scale = rows.std(0)
    points = (rows - rows.mean(0)) / np.where(scale > 0.0, scale, 1.0)
    return cluster(points, np.ones(len(rows)), n_clusters, _SWEEPS, rng)


class Search:
    """Splits and merges that raise the joint density of rows and partition.

    These are no steps of a chain with the posterior as its distribution. A cluster for which several trials found no
    split is not tried again until its rows change.
    """

    def __init__(self, state: State, rng: np.random.Generator, threads: int | None) -> None:
        self.state, self.rng, self.threads = state, rng, threads
        self._tried = Counter[tuple[int, int]]()

    def improve(self) -> None:
        """Try to split every cluster, and to merge neighbors."""
        state = self.state
        for number in range(len(state.counts)):
            if state.counts[number] > 1.0 and not np.isneginf(state.prior.log_of_one_more(state.n_clusters)):
                self._split(number)
        if state.n_clusters > 1:
            _merge_neighbors(state)

    def _split(self, number: int) -> None:
        state, rng = self.state, self.rng
        members = state.members(number)
        known = len(members), int(members[0])
        if self._tried[known] == _TRIALS:
            return
        self._tried[known] += 1
        members = rng.permutation(members)
        some = state.rows[members[: _FARTHEST_OF + 1]]
        scale = some.std(0)
        distances = (((some - some[0]) / np.where(scale > 0.0, scale, 1.0)) ** 2).sum(1)
        farthest = int(np.argmax(distances))
        if farthest > 1:
            members[[1, farthest]] = members[[farthest, 1]]
        rows = state.rows[members]
        sample = rows[: _SAMPLE + _SAMPLE_PER_COLUMN * rows.shape[1]]
        components = sub_clusters(state, sample, nearer_of_two(sample), _SWEEPS, rng, self.threads)
        labels = separated(drawn_labels(rows, components, rng, self.threads))
        moments = Moments.of_labels(state.model.form, rows, labels, 2)
        ratio, marginals = state.split_ratio(number, moments)
        if ratio > 0.0:
            state.split(number, members[labels == 1], moments, marginals)


def _merge_neighbors(state: State) -> None:
    first, second = _neighbors(state)
    size = max(_AT_ONCE // max(state.model.n_features**2, 1), 1)
    parts = [slice(begin, begin + size) for begin in range(0, len(first), size)]
    ratios = np.concatenate([state.merge_ratios(first[part], second[part])[0] for part in parts])
    chosen, taken = list[tuple[int, int]](), set[int]()
    for pair in np.argsort(-ratios):
        a, b = int(first[pair]), int(second[pair])
        if ratios[pair] > 0.0 and not taken & {a, b}:
            chosen.append((a, b))
            taken |= {a, b}
    for a, b in sorted(chosen, key=lambda pair: -pair[1]):  # the numbers of clusters after the second one change
        _, together, marginal = state.merge_ratios(np.array([a]), np.array([b]))
        state.merge(a, b, together, marginal)


def _neighbors(state: State) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of clusters whose means are close, the one with the smaller number first."""
    occupied = state.occupied
    scale = state.rows.std(0)
    means = state.moments.mean[occupied] / np.where(scale > 0.0, scale, 1.0)
    squares = (means**2).sum(1)
    distances = squares[:, None] + squares - 2.0 * means @ means.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, : min(_NEIGHBORS, len(occupied) - 1)]
    pairs = np.stack([np.repeat(np.arange(len(occupied)), nearest.shape[1]), nearest.ravel()])
    pairs = np.unique(np.sort(pairs, axis=0), axis=1)
    return occupied[pairs[0]], occupied[pairs[1]]
