"""Truncated E-steps in NumPy: each row belongs to a few components alone (Forster & Luecke 2018, AISTATS)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["TruncatedEStep", "found_near", "neighbors_among"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]
_ROWS = 2048  # that are worked on together
_LEAST = -60.0 * float(np.log(2.0))  # of the log density of a component that is kept, beside that of the likeliest


class TruncatedEStep:
    """The E-steps that `Kernel.truncated` describes; the densities of all components are known, and most are ignored.

    Parameters
    ----------
    expect : `Kernel.expect`, which the densities of components that are not kept are zero for.

    Attributes
    ----------
    kept : ``(N, C)`` the components that each row keeps, the likeliest first.
    neighbors : ``(K, G)`` those of each component; None before the first E-step.
    """

    def __init__(
        self,
        expect: Callable[..., list[SufficientStatistics]],
        rows: Rows,
        labels: Places,
        n_kept: int,
        n_neighbors: int,
        reference: Reference,
    ) -> None:
        self.expect, self.rows, self.n_neighbors, self.reference = expect, rows, n_neighbors, reference
        self.kept = np.repeat(labels[:, None], n_kept, 1)
        self.neighbors: Places | None = None

    def __call__(self, components: Components) -> SufficientStatistics:
        self.neighbors = neighbors_among(_expected_log_densities(components), self.n_neighbors, self.neighbors)
        parts = [self._add(slice(begin, begin + _ROWS), components) for begin in range(0, len(self.rows), _ROWS)]
        return reduce(add, parts)

    def _add(self, at: slice, components: Components) -> SufficientStatistics:
        """The statistics of some of the rows, for which what they keep is brought up to date."""
        rows, k = self.rows[at], len(components.means)
        assert self.neighbors is not None
        self.kept[at] = found_near(_log_densities(rows, components), self.kept[at], self.neighbors)
        evidence = np.where(_chosen(self.kept[at], k), 0.0, -np.inf)
        own_groups = components._replace(groups=np.arange(k, dtype=np.float64))
        rows = replace(rows, log_evidence=evidence)
        [found] = self.expect(rows, [own_groups], [self.reference])
        return replace(found, extra={})


def neighbors_among(closeness: Array, n: int, before: Places | None) -> Places:
    """The `n` others ``(K, n)`` with the largest closeness ``(K, K)``, the largest first.

    They are sought among all, or among those before and their neighbors. Without as many, the others are the
    component itself.
    """
    k = len(closeness)
    candidates = np.ones((k, k), bool)
    if before is not None:
        near = _chosen(before, k)
        candidates = near | (near @ near)
    closeness = np.where(candidates & ~np.eye(k, dtype=bool), closeness, -np.inf)
    order = np.argsort(-closeness, axis=1, kind="stable")[:, :n]
    found = np.isfinite(np.take_along_axis(closeness, order, 1))
    return np.where(found, order, np.arange(k)[:, None])


def found_near(log_densities: Array, kept: Places, neighbors: Places) -> Places:
    """What rows with these log densities ``(N, K)`` keep, given what they kept before and the neighbors."""
    every, k = np.arange(len(kept)), log_densities.shape[1]
    near, seen = _chosen(neighbors, k), _chosen(kept, k)
    best = np.where(seen, log_densities, -np.inf).argmax(1)
    seen |= seen @ near
    while True:
        known = np.where(seen, log_densities, -np.inf)
        likeliest = known.argmax(1)
        moved = known[every, likeliest] > known[every, best]
        if not moved.any():
            break
        best = np.where(moved, likeliest, best)
        seen |= near[best] & moved[:, None]
    order = np.argsort(-known, axis=1, kind="stable")[:, : kept.shape[1]]
    values = np.take_along_axis(known, order, 1)
    order = np.where(values > values[:, :1] + _LEAST, order, order[:, :1])
    return np.concatenate([order, np.repeat(order[:, :1], kept.shape[1] - order.shape[1], 1)], 1)


def _chosen(places: Places, k: int) -> NDArray[np.bool_]:
    """Whether each of k components is among those of a row of `places` ``(N, C)``."""
    chosen = np.zeros((len(places), k), bool)
    np.put_along_axis(chosen, places, True, 1)
    return chosen


def _log_densities(rows: Rows, components: Components) -> Array:
    """The log density ``(N, K)`` of each row and component."""
    residuals = np.asarray(rows.values, np.float64) - components.means[:, None]
    squared = np.square(components.form.apply(components.whitener, residuals)).sum(-1)
    return np.asarray(components.log_constants - 0.5 * squared.T)


def _expected_log_densities(components: Components) -> Array:
    """The expected log density ``(K, K)`` of a row of each component under each."""
    k, d = components.means.shape
    variances = np.broadcast_to(components.form.covariances(components.factor, d).reshape(k, -1), (k, d))
    residuals = (components.means[:, None] - components.means) ** 2 + variances[:, None]
    return np.asarray(components.log_constants - 0.5 * (residuals / variances).sum(-1))
