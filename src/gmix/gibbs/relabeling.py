"""Label switching: the same numbers for the same components in all draws of a finite mixture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["relabelings"]

Labels = NDArray[np.integer]
_ROUNDS = 20


def relabelings(draws: Sequence[Labels], n_components: int, pivot: int) -> NDArray[np.intp]:
    """The component ``(M, K)`` of each draw that takes the place of component 0, 1, ....

    Draws are matched with the partition that most draws agree with. It begins as the `pivot`, and each row's most
    frequent label takes the place of its label, until nothing changes: iterative ECR (Rodriguez & Walker 2014, *Journal
    of Computational and Graphical Statistics* 23:25; Papastamoulis & Iliopoulos 2010, the same journal 19:313).
    """
    target = np.asarray(draws[pivot], np.intp)
    orders = np.array([_matched(one, target, n_components) for one in draws])
    for _ in range(_ROUNDS):
        votes = np.zeros((len(target), n_components), np.intp)
        for one, order in zip(draws, orders, strict=True):
            votes[np.arange(len(target)), np.argsort(order)[one]] += 1
        target = votes.argmax(1)
        before, orders = orders, np.array([_matched(one, target, n_components) for one in draws])
        if (before == orders).all():
            break
    return orders


def _matched(labels: Labels, target: NDArray[np.intp], n_components: int) -> NDArray[np.intp]:
    """The label that agrees with each label of the target in as many rows as possible, all taken together."""
    from scipy.optimize import linear_sum_assignment

    pairs = target * n_components + labels
    agreement = np.bincount(pairs, minlength=n_components**2).reshape(n_components, n_components)
    _, order = linear_sum_assignment(agreement, maximize=True)
    return np.asarray(order, np.intp)
