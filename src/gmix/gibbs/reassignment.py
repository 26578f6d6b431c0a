"""Draws of the label of one row given those of all others, averaged over the parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.gibbs.conjugate import Moments
from gmix.gibbs.state import State

__all__ = ["reassign"]

Array = NDArray[np.float64]


def reassign(state: State, row: int, rng: np.random.Generator) -> bool:
    """Draw the label of a row, which may become a cluster of its own; return whether it changed.

    This is a step of algorithm 3 of Neal (2000), *Journal of Computational and Graphical Statistics* 9:249.
    """
    own, x = int(state.labels[row]), state.rows[row]
    alone = state.counts[own] == 1.0
    occupied = state.occupied
    others = occupied[occupied != own]
    single = Moments(state.model.form, np.ones(1), x[None], np.zeros(state.model.form.shape(1, len(x))))
    repeated = single.take(np.zeros(len(others), np.intp))
    with_row = state.moments.take(others).united(repeated)
    left = single if alone else _without(state.moments.take([own]), x)
    found = state.model.log_marginals(with_row.joined(single).joined(left))
    of_others, of_single, of_left = found[:-2], found[-2], found[-1]
    sizes, prior = state.counts[others], state.prior
    log_shares = of_others - state.log_marginals[others] + _added(state, sizes)
    n_clusters = len(others) + (not alone)
    new = of_single + prior.log_of_one_more(n_clusters) + float(prior.log_of_counts(np.ones(1))[0])
    if alone:
        log_shares = np.append(log_shares, new)
    else:
        stay = state.log_marginals[own] - of_left + _added(state, left.count)[0]
        log_shares = np.append(log_shares, [stay, new])
    ends = np.cumsum(np.exp(log_shares - log_shares.max()))
    chosen = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
    if chosen < len(others):
        if alone:
            state.merge(int(others[chosen]), own, with_row.take([chosen]), of_others[[chosen]])
        else:
            parts = left.joined(with_row.take([chosen]))
            state.move(row, int(others[chosen]), parts, np.array([of_left, of_others[chosen]]))
        return True
    if chosen > len(others) and not alone:
        state.split(own, np.array([row]), left.joined(single), np.array([of_left, of_single]))
        return True
    return False


def _added(state: State, sizes: Array) -> Array:
    """What one more row in clusters of these sizes adds to the log probability of the partition."""
    return state.prior.log_of_counts(sizes + 1.0) - state.prior.log_of_counts(sizes)


def _without(moments: Moments, x: Array) -> Moments:
    """The moments of a group without one of its rows."""
    count = moments.count - 1.0
    step = x - moments.mean[0]
    scatter = moments.scatter - moments.form.outer(moments.count / count, step[None])
    return Moments(moments.form, count, moments.mean - step / count, scatter)
