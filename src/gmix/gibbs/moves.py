r"""Moves that split a cluster in two or merge two clusters, accepted by the ratio of their collapsed joint densities.

A move begins with a row i. With probability one half, another row j of its cluster is chosen and a split proposed that
separates them, else a row j of another cluster and the merge of both clusters. A split of a cluster of n rows into
clusters of :math:`n_i` and :math:`n_j` is accepted with probability

.. math:: \min\Big\{1, \; \frac{p(x, \text{split})}{p(x, \text{merged})} \, \frac{n - 1}{N - n_i} \,
          \frac 1{q(\text{split})}\Big\}

where q is the probability that the labels of the other rows are proposed, and a merge with the inverse ratio. There are
two pairs of a split and a merge, with different q:

* Labels from two sub-clusters, which are found by some sweeps of Gibbs sampling among the rows of the cluster alone, or
  for a merge among those of both clusters, from starts that do not depend on the present labels (Jain & Neal 2004,
  *Journal of Computational and Graphical Statistics* 13:158). Labels of all rows are drawn together given the
  parameters of the sub-clusters (Chang & Fisher 2013, *Advances in Neural Information Processing Systems* 26). These
  splits are good, but so must be a split for the merge to be accepted.
* Random labels, :math:`q = \Gamma(n_i) \Gamma(n_j) / \Gamma(n)`. Almost no such split is accepted, but merges of
  clusters that overlap are (Chang & Fisher 2013, section 4.4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from gmix.base.rows import Rows
from gmix.gibbs.conjugate import Moments
from gmix.gibbs.label_draws import drawn_labels
from gmix.gibbs.state import State
from gmix.model.components import Components
from gmix.model.kernel import kernel

__all__ = ["move", "nearer_of_two", "separated", "sub_clusters"]

Array = NDArray[np.float64]
_SWEEPS = 4  # of Gibbs sampling that find sub-clusters


def move(state: State, by_sub_clusters: bool, rng: np.random.Generator, threads: int | None) -> bool | None:
    """Propose a split or a merge; return whether it was accepted, and None if there was nothing to propose."""
    n = len(state.rows)
    i = int(rng.integers(n))
    own = int(state.labels[i])
    count = int(state.counts[own])
    if rng.random() < 0.5:
        if count < 2:
            return None
        members = state.members(own)
        j = int(members[rng.integers(count - 1)])
        j = int(members[-1]) if j == i else j
        return _split(state, own, _with_first(members, i, j), by_sub_clusters, rng, threads)
    if count == n:
        return None
    others = np.flatnonzero(state.labels != own)
    return _merge(state, i, int(others[rng.integers(len(others))]), by_sub_clusters, rng, threads)


def _split(
    state: State, cluster: int, members: NDArray[np.intp], informed: bool, rng: np.random.Generator, threads: int | None
) -> bool:
    """Propose to split a cluster with these members, of which the first two shall be apart."""
    if np.isneginf(state.prior.log_of_one_more(state.n_clusters)):
        return False
    rows, n = state.rows[members], len(members)
    if informed:
        components = sub_clusters(state, rows, _start(rows, rng), _SWEEPS, rng, threads)
        labels = separated(drawn_labels(rows, components, rng, threads))
        log_proposal = _log_proposal(rows, components, labels, threads)
    else:
        labels = separated((rng.random(n) < rng.random()).astype(np.intp))
        log_proposal = _log_random(labels)
    moments = Moments.of_labels(state.model.form, rows, labels, 2)
    ratio, marginals = state.split_ratio(cluster, moments)
    ratio += _log_selection(n, len(state.rows), moments.count[0]) - log_proposal
    accepted = -rng.standard_exponential() < ratio
    if accepted:
        state.split(cluster, members[labels == 1], moments, marginals)
    return bool(accepted)


def _merge(state: State, i: int, j: int, informed: bool, rng: np.random.Generator, threads: int | None) -> bool:
    """Propose to merge the clusters of two rows."""
    first, second = int(state.labels[i]), int(state.labels[j])
    [ratio], together, marginal = state.merge_ratios(np.array([first]), np.array([second]))
    ratio -= _log_selection(int(together.count[0]), len(state.rows), state.counts[first])
    level = -rng.standard_exponential()
    if level >= ratio:  # the probability of the split is at most one
        return False
    if informed:
        members = _with_first(state.members(first, second), i, j)
        rows, labels = state.rows[members], (state.labels[members] == second).astype(np.intp)
        components = sub_clusters(state, rows, _start(rows, rng), _SWEEPS, rng, threads)
        ratio += _log_proposal(rows, components, labels, threads)
    else:
        sizes = state.counts[[first, second]]
        ratio += float(gammaln(sizes).sum() - gammaln(sizes.sum()))
    accepted = level < ratio
    if accepted:
        state.merge(first, second, together, marginal)
    return bool(accepted)


def sub_clusters(
    state: State,
    rows: Array,
    labels: NDArray[np.intp],
    sweeps: int,
    rng: np.random.Generator,
    threads: int | None,
) -> Components:
    """Two components for rows ``(n, D)``, of which the first two rows shall be apart, by sweeps from some labels."""
    model = state.model
    for sweep in range(sweeps + 1):
        moments = Moments.of_labels(model.form, rows, separated(labels), 2)
        counts = moments.count
        if sweep == sweeps:
            break
        components = model.drawn(moments, rng.dirichlet(counts), rng)
        labels = drawn_labels(rows, components, rng, threads)
    return model.expected(moments, counts / counts.sum())


def nearer_of_two(rows: Array) -> NDArray[np.intp]:
    """Which of the first two rows is nearer to each row, relative to the spread of the columns."""
    scale = rows.std(0)
    scaled = (rows - rows[0]) / np.where(scale > 0.0, scale, 1.0)
    direction = scaled[1]
    return np.asarray(scaled @ direction > 0.5 * float(direction @ direction), np.intp)


def _start(rows: Array, rng: np.random.Generator) -> NDArray[np.intp]:
    """Labels that sub-clusters are found from, which do not depend on the present ones."""
    if rng.random() < 0.5:
        return nearer_of_two(rows)
    return (rng.random(len(rows)) < rng.random() ** 2).astype(np.intp)  # the second one is often small


def _log_proposal(rows: Array, components: Components, labels: NDArray[np.intp], threads: int | None) -> float:
    """The log probability of labels ``(n,)`` that are drawn from responsibilities, given those of the first two."""
    _, shares = kernel.posterior(Rows(rows), components, True, threads)
    assert shares is not None
    with np.errstate(divide="ignore"):
        return float(np.log(shares[np.arange(2, len(labels)), labels[2:]]).sum())


def _log_random(labels: NDArray[np.intp]) -> float:
    second = float(labels.sum())
    return float(gammaln(second) + gammaln(len(labels) - second) - gammaln(len(labels)))


def _log_selection(together: int, n_rows: int, first: float) -> float:
    """The log probability that a merge chooses its rows, relative to that of the split that it undoes."""
    return float(np.log(together - 1.0) - np.log(n_rows - first))


def separated(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Labels of which the first two are set to 0 and 1."""
    labels[:2] = 0, 1
    return labels


def _with_first(members: NDArray[np.intp], i: int, j: int) -> NDArray[np.intp]:
    """The members with i and j in front."""
    return np.concatenate([[i, j], members[(members != i) & (members != j)]])
