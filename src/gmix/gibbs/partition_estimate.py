"""Summaries of drawn partitions: which rows belong together, and the partition that is closest to all draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["closest_partition", "co_clustering", "expected_information"]

Array = NDArray[np.float64]
Labels = NDArray[np.intp]
Drawn = Sequence[NDArray[np.unsignedinteger]]
_WORK = 2e8  # labels that are compared to choose among the draws
_MOST_DRAWS = 500  # with which partitions are compared
_MOST_ROWS = 5_000  # that are moved one at a time
_SWEEPS = 20


def co_clustering(draws: Drawn, rows: NDArray[np.intp]) -> Array:
    """The share of draws ``(n, n)`` in which each pair of some rows belongs to one cluster."""
    together = np.zeros((len(rows), len(rows)))
    for labels in draws:
        own = labels[rows]
        together += own[:, None] == own
    return together / len(draws)


def expected_information(labels: Labels, draws: Drawn) -> float:
    r"""The variation of information, in nats, between a partition and the draws, averaged over the draws.

    .. math:: \mathrm{VI}(c, c') = \sum_{k, h} \frac{n_{kh}}N
              \Big(\log \frac{n_k}{n_{kh}} + \log \frac{n_h}{n_{kh}}\Big)

    with n_kh rows in cluster k of one partition and cluster h of the other (Meila 2007, *Journal of Multivariate
    Analysis* 98:873).
    """
    k, own = int(labels.max()) + 1, _entropy_term(np.bincount(labels)).sum()
    total = 0.0
    for other in draws:
        joint = np.bincount(labels * (int(other.max()) + 1) + other, minlength=k)
        total += own + _entropy_term(np.bincount(other)).sum() - 2.0 * _entropy_term(joint).sum()
    return float(total / len(draws) / len(labels))


def closest_partition(draws: Drawn, rng: np.random.Generator) -> Labels:
    """The partition ``(N,)`` with the smallest expected variation of information from the draws that was found.

    It is the best of the draws, of which single rows are then moved to other clusters or to new ones as long as that
    helps (Dahl, Johnson & Mueller 2022, *Journal of Computational and Graphical Statistics* 31:1189). The loss is that
    of Wade & Ghahramani (2018), *Bayesian Analysis* 13:559. Beyond 5,000 rows no row is moved.
    """
    n = len(draws[0])
    spread = np.unique(np.linspace(0, len(draws) - 1, _MOST_DRAWS).astype(np.intp))
    compared = [draws[i] for i in spread]
    most = max(int(_WORK / (n * len(compared))), 1)
    candidates = [draws[i] for i in np.unique(np.linspace(0, len(draws) - 1, most).astype(np.intp))]
    distinct = {one.tobytes(): one for one in map(_numbered, candidates)}
    best = min(distinct.values(), key=lambda labels: expected_information(labels, compared))
    return _numbered(_Sweeper(best, compared).swept(rng)) if n <= _MOST_ROWS else best


class _Sweeper:
    """Moves of single rows, with the numbers of rows that each cluster shares with those of each draw.

    Apart from what stays the same, the loss is the sum of ``f(n_k)`` less twice the mean sum of ``f(n_kh)`` with
    ``f(n) = n log n``.
    """

    def __init__(self, labels: Labels, draws: Drawn) -> None:
        self.labels, self.draws = labels.copy(), np.stack([one.astype(np.intp) for one in draws])
        m, n = self.draws.shape
        self.size = min(2 * int(labels.max()) + 10, n)  # clusters that there is room for
        self.counts = np.bincount(labels, minlength=self.size)
        self.shared = np.zeros((m, int(self.draws.max()) + 1, self.size), np.intp)
        for one, other in zip(self.shared, self.draws, strict=True):
            np.add.at(one, (other, labels), 1)
        steps = _entropy_term(np.arange(n + 1))
        self.added = np.append(np.diff(steps), 0.0)  # to the sums by one more row

    def swept(self, rng: np.random.Generator) -> Labels:
        """The labels after sweeps over the rows in random order, until none moves."""
        for _ in range(_SWEEPS):
            moved = sum(self._moved(row) for row in rng.permutation(len(self.labels)).tolist())
            if not moved:
                break
        return self.labels

    def _moved(self, row: int) -> bool:
        every, own, before = np.arange(len(self.draws)), self.draws[:, row], int(self.labels[row])
        self._add(row, before, -1)
        loss = self.added[self.counts] - 2.0 * self.added[self.shared[every, own]].mean(0)
        used = self.counts > 0
        candidates = np.append(np.flatnonzero(used), np.flatnonzero(~used)[:1])
        after = int(candidates[np.argmin(loss[candidates])])
        if (used[before] and loss[before] <= loss[after] + 1e-12) or (not used[before] and not used[after]):
            after = before
        self._add(row, after, 1)
        self.labels[row] = after
        return after != before

    def _add(self, row: int, cluster: int, change: int) -> None:
        self.counts[cluster] += change
        self.shared[np.arange(len(self.draws)), self.draws[:, row], cluster] += change


def _entropy_term(counts: NDArray[np.intp]) -> Array:
    """``n log n``, and zero for n = 0."""
    return np.asarray(counts * np.log(np.maximum(counts, 1)))


def _numbered(labels: NDArray[np.integer]) -> Labels:
    """The same partition with clusters numbered as they first appear."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], np.intp)
