"""Draws of the labels of all rows, given the parameters of the components."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.gibbs.state import State
from gmix.model.components import Components
from gmix.model.kernel import kernel

__all__ = ["drawn_labels", "drawn_labels_of_clusters"]

Array = NDArray[np.float64]
Labels = NDArray[np.intp]
_BLOCK = 65_536  # rows whose responsibilities are in memory at the same time


def drawn_labels(rows: Array, components: Components, rng: np.random.Generator, threads: int | None) -> Labels:
    """Draw the component of each row from its responsibilities."""
    labels = np.empty(len(rows), np.intp)
    for begin in range(0, len(rows), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        labels[block] = _drawn(_responsibilities(rows[block], components, threads), rng)
    return labels


def drawn_labels_of_clusters(
    state: State, components: Components, rng: np.random.Generator, threads: int | None
) -> Labels:
    """Draw the cluster of each row from its responsibilities, and keep every cluster occupied.

    A draw in which clusters may become empty would not leave the posterior invariant, because none of the same draws
    could make them again. So the rows are put in random order, and the draws are those given that the first row of each
    cluster is the same afterwards: it stays, and the rows before it do not join. These conditions hold before and after
    the draw, and so describe a Gibbs step.
    """
    order = rng.permutation(len(state.rows))
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    first = np.full(len(state.counts), len(order))
    np.minimum.at(first, state.labels, position)
    labels = np.empty(len(order), np.intp)
    for begin in range(0, len(order), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        shares = _responsibilities(state.rows[block], components, threads)
        found, at, before = _drawn(shares, rng), position[block], state.labels[block]
        again = np.flatnonzero(first[found] > at)
        allowed = shares[again] * (first <= at[again, None])
        possible = allowed.sum(1) > 0.0
        found[again] = np.where(possible, _drawn(allowed, rng), before[again])
        labels[block] = np.where(first[before] == at, before, found)
    return labels


def _responsibilities(rows: Array, components: Components, threads: int | None) -> Array:
    _, found = kernel.posterior(Rows(rows), components, True, threads)
    assert found is not None
    return found


def _drawn(shares: Array, rng: np.random.Generator) -> Labels:
    """Draw a column for each row ``(n, K)`` in proportion to its numbers."""
    ends = np.cumsum(shares, axis=1)
    level = rng.random(len(shares)) * ends[:, -1]
    return np.asarray(np.minimum(np.count_nonzero(ends <= level[:, None], axis=1), shares.shape[1] - 1), np.intp)
