"""Proposals of moves: which components to merge, which to split, and what each would gain.

The posterior probabilities of a mixture divide every row among its components. A mixture of fewer components that is
fitted to the shares of some of them is a problem of its own (as in Ueda et al. 2000, *Neural Computation* 12:2109). By
Jensen's inequality, what it gains is a lower bound of what the whole mixture gains if its other components stay. So a
move is judged on the rows of the components that it touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.fitting.neighbors import merged_pairs, release
from gmix.fitting.refinement.local import LocalTable, mixture_at
from gmix.model.covariance import DIAGONAL, SPHERICAL, Structure, structure as as_structure
from gmix.model.kernel import kernel
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.stopping import Round, StoppingRule

__all__ = ["Merge", "Proposals", "Split", "part_of"]

Array = NDArray[np.float64]
_SHARE = 0.01  # of a row; components that have less of it are not fitted to it
_PARTNERS = 3  # the components with which a component may merge: those that overlap it most
_ALL_PAIRS = 6  # components; up to this number all pairs may merge
_DIRECTIONS = 1  # random directions across which a component is cut, besides its longest axis
_CUT_ROWS = 2_000  # rows in which the longest axis of a component is found
_FIRST = Round(StoppingRule(0.0, 5), 1)  # the first steps from both cuts, after which the better one continues
_NUMBERS = 4_000_000  # posterior probabilities of pairs of components that are in memory at once
_STEPS, _TOLERANCE = 60, 0.3  # steps at most, and nats that they need not gain


class Split(NamedTuple):
    """A component, and two components that describe its rows better."""

    component: int
    gain: float  # nats
    halves: GaussianMixture


class Merge(NamedTuple):
    """Two components, and one component that describes their rows worse."""

    first: int
    second: int
    loss: float  # nats
    mean: Array
    covariance: Array  # compact, of one component


def local_structure(structure: Structure) -> Structure:
    """The structure of mixtures that are fitted to the rows of some components: each covariance is free."""
    if structure.independent:
        return structure.with_free_weights
    return as_structure("VVI" if structure.form is DIAGONAL else "VII" if structure.form is SPHERICAL else "VVV")


class Proposals:
    """Splits and merges of the components of a mixture, from one pass over the rows.

    Parameters
    ----------
    table : the rows.
    mixture : the mixture, at a local optimum.
    rng : draws the directions in which components are cut.
    """

    def __init__(self, table: LocalTable, mixture: GaussianMixture, rng: np.random.Generator) -> None:
        self.table, self.mixture, self.rng = table, mixture, rng
        self.local = release(mixture, local_structure(mixture.structure))
        self.needed = self.local.structure.rows_to_trust(mixture.n_features)  # distinct rows, by a free covariance
        self.log_density, posterior = kernel.posterior(table.rows, mixture.components, True, table.source.threads)
        assert posterior is not None
        table.effort.spend(1, len(table.rows), mixture.n_components, mixture.n_parameters)
        self.posterior = np.asfortranarray(posterior)
        self.support = table.distinct @ posterior * table.observed(table.rows, mixture)
        self.spurious = frozenset(
            np.flatnonzero(self.support < mixture.structure.rows_to_trust(mixture.n_features)).tolist()
        )

    def rows_of(self, components: Sequence[int]) -> tuple[NDArray[np.intp], Rows]:
        """The rows that belong to some components at least in part, with these parts in their weights."""
        part = self.posterior[:, list(components)].sum(1)
        chosen = np.flatnonzero(part > _SHARE)
        own = self.table.rows[chosen]
        return chosen, replace(own, weights=part[chosen] * own.mass)

    def are_supported(self, chosen: NDArray[np.intp], rows: Rows, mixture: GaussianMixture) -> bool:
        """Whether each component of a mixture of such rows rests on enough distinct rows."""
        posterior = kernel.posterior(rows, mixture.components, True, self.table.source.threads)[1]
        assert posterior is not None
        part = rows.mass / self.table.rows[chosen].mass
        support = (self.table.distinct[chosen] * part) @ posterior * self.table.observed(rows, mixture)
        return bool((support >= self.needed).all())

    @cached_property
    def splits(self) -> list[Split]:
        """The best split of each component that has enough rows, the one that gains most first."""
        found = [self._split(int(k)) for k in np.flatnonzero(self.support >= 2 * self.needed)]
        return sorted((split for split in found if split is not None), key=lambda split: -split.gain)

    def _split(self, component: int) -> Split | None:
        chosen, rows = self.rows_of([component])
        table, structure = self.table, self.local.structure
        whole, before = self._whole(rows)
        cuts = table.divided(rows, _cuts(rows, whole, self.rng), 2, structure)
        ends = table.run(rows, cuts, _TOLERANCE, _STEPS, [_FIRST])
        for end in sorted(ends, key=lambda end: -end.history[-1]):
            halves = mixture_at(end)
            if self.are_supported(chosen, rows, halves):
                return Split(component, end.history[-1] - before, halves)
        return None

    def _whole(self, rows: Rows) -> tuple[GaussianMixture, float]:
        """One component for rows, and their log-likelihood under it."""
        labels = [np.zeros(len(rows), np.intp)]
        [whole] = self.table.divided(rows, labels, 1, self.local.structure)
        return whole, self.table.log_likelihood(rows, whole)

    @cached_property
    def overlap(self) -> Array:
        """How many rows two components share ``(K, K)``: the sums of the products of their posterior probabilities."""
        weights = self.table.rows.weights
        weighted = self.posterior if weights is None else self.posterior * weights[:, None]
        return np.asarray(weighted.T @ self.posterior)

    @cached_property
    def merges(self) -> list[Merge]:
        """Merges of each component with those that overlap it most, the one that loses least first."""
        pairs = np.array(self._pairs())
        at_once = max(_NUMBERS // len(self.posterior), 1)
        found = [merge for begin in range(0, len(pairs), at_once) for merge in self._merges(pairs[begin:][:at_once])]
        return sorted(found, key=lambda merge: merge.loss)

    def _pairs(self) -> list[tuple[int, int]]:
        k = self.mixture.n_components
        if k <= _ALL_PAIRS:
            return list(combinations(range(k), 2))
        relative = self.overlap / np.maximum(self.overlap.sum(1), np.finfo(float).tiny)
        np.fill_diagonal(relative, -1.0)
        partners = np.argsort(-relative, axis=1, kind="stable")[:, :_PARTNERS]
        return sorted({(min(i, int(j)), max(i, int(j))) for i in range(k) for j in partners[i]})

    def _merges(self, pairs: NDArray[np.intp]) -> list[Merge]:
        """Merges of some pairs. Each replaces two components by one with their mean and covariance."""
        form, n_features = self.local.structure.form, self.mixture.n_features
        weights, means, compact = self.mixture.weights, self.mixture.means, compact_covariances(self.local)
        first, second = pairs.T
        both, mean, covariance = merged_pairs(form, weights, means, compact, first, second)
        part = self.posterior[:, first] + self.posterior[:, second]
        log_part = np.log(np.maximum(part, np.finfo(float).tiny))
        weighted = part * self.table.rows.mass[:, None]
        mass = weighted.sum(0)
        before = (weighted * (self.log_density[:, None] + log_part)).sum(0) - mass * np.log(both)
        if self.table.rows.incomplete or self.table.rows.errors is not None:
            after = self._log_likelihoods(mean, covariance, weighted)
        else:
            log_determinant = 2.0 * form.log_determinant(form.factor(covariance), len(pairs), n_features)
            after = -0.5 * mass * (log_determinant + n_features * (1.0 + np.log(2.0 * np.pi)))
        return [
            Merge(int(i), int(j), float(loss), center, one)
            for i, j, loss, center, one in zip(first, second, before - after, mean, covariance, strict=True)
        ]

    def _log_likelihoods(self, means: Array, compact: Array, weights: Array) -> Array:
        """The log-likelihood ``(P,)`` of the rows with weights ``(N, P)`` under each of P Gaussians."""
        structure, one, found = self.local.structure, np.ones(1), []
        for pair, weight in enumerate(weights.T):
            covariance = structure.form.take(compact, [pair])
            gaussian = unchecked_mixture(one, means[pair][None], covariance, structure, None)
            found.append(self.table.log_likelihood(replace(self.table.rows, weights=weight), gaussian))
        return np.array(found)

    def log_likelihood(self, components: Sequence[int], rows: Rows) -> float:
        """The log-likelihood of rows under some of the components alone."""
        return self.table.log_likelihood(rows, part_of(self.local, components))


def part_of(mixture: GaussianMixture, components: Sequence[int]) -> GaussianMixture:
    """Some of the components as a mixture of their own."""
    chosen = list(components)
    weights, compact = mixture.weights[chosen], compact_covariances(mixture)
    total = max(float(weights.sum()), float(np.finfo(float).tiny))
    structure = mixture.structure
    return unchecked_mixture(weights / total, mixture.means[chosen], compact[chosen], structure, None)


def _cuts(rows: Rows, whole: GaussianMixture, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Labels that cut rows in two at their mean: across their longest axis, and across random directions."""
    standard = (rows.points - whole.means[0]) / np.sqrt(whole.covariances[0].diagonal())
    every = -(-len(standard) // _CUT_ROWS)
    few, mass = standard[::every], rows.mass[::every]
    spread, axes = np.linalg.eigh((few * mass[:, None]).T @ few / mass.sum())
    seen = spread > 1e-10  # directions without spread cannot be whitened
    random = axes[:, seen] / np.sqrt(spread[seen]) @ rng.normal(size=(int(seen.sum()), _DIRECTIONS))
    directions = np.column_stack([axes[:, -1], random])
    return list((standard @ directions > 0.0).T.astype(np.intp))
