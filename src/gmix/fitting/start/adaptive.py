"""Starts whose components are added one by one, around rows that the current mixture describes badly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.fitting.em import run_em
from gmix.fitting.start.contract import Start, StartingMixtures, n_seed_rows
from gmix.fitting.start.labeled import SeedRows
from gmix.model.covariance import FULL, Structure
from gmix.model.kernel import kernel
from gmix.model.mixture import GaussianMixture, compact_covariances, mixtures_from_statistics, unchecked_mixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import StoppingRule
from gmix.sources import MemorySource, Source

__all__ = ["Adaptive"]

Array = NDArray[np.float64]
_UNIFORM = 0.5  # the probability that a seed is drawn in proportion to the weights of the rows
_PART = 0.5  # rows that a new component begins with, as a fraction of those of an average component
_STEP = StoppingRule(0.0, 1)
_FAR = 1e60  # standard deviations, to which whitened deviations are clipped


@dataclass(frozen=True)
class Adaptive(Start):
    """Components are added one by one, each around a seed row that the current mixture describes badly.

    A row is drawn as the seed with probability proportional to its squared Mahalanobis distance to the component that
    it most probably belongs to, or to its weight alone (Bloemer & Bujna 2013, arXiv 1312.5946). The new component
    begins with the rows nearest to the seed, by the covariance of that component. Of several new components, the one
    with the highest objective after one EM step is added.
    """

    is_made: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    runs: int = 2
    trials: int = 4

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        @cache
        def seed_rows(n_rows: int) -> SeedRows:
            return SeedRows.of(source, n_rows, rng)

        def starting_mixtures(n_components: int, structure: Structure) -> list[GaussianMixture]:
            seeds = seed_rows(min(n_seed_rows(n_components, source.n_features), source.n_counting))
            addition = _Addition(seeds, structure, prior, rng, source)
            return [addition.mixture(n_components, self.trials) for _ in range(self.runs)]

        return starting_mixtures


class _Addition:
    """Adds components to mixtures of one structure.

    Parameters
    ----------
    seeds : the rows.
    structure : the structure of the mixtures.
    prior : the prior of a MAP fit.
    rng : draws the seeds.
    source : the table that the rows are from.
    """

    def __init__(
        self,
        seeds: SeedRows,
        structure: Structure,
        prior: Prior | None,
        rng: np.random.Generator,
        source: Source,
    ) -> None:
        self.seeds, self.structure, self.prior, self.rng, self.features = seeds, structure, prior, rng, source.features
        self.source = MemorySource.of_rows(seeds.rows, source)
        self.reference = self.source.reference(structure.form)

    def mixture(self, n_components: int, trials: int) -> GaussianMixture:
        """A mixture with this number of components; each one added is the best of several trials."""
        rows = self.seeds.rows
        mixture = self._maximum(self._labeled(rows, np.zeros(len(rows), np.intp), 1))
        while mixture.n_components < n_components:
            larger = [self._larger(mixture) for _ in range(trials)]
            mixture = max(run_em(self.source, larger, _STEP, self.prior), key=lambda run: run.objective).gaussian
        return mixture

    def _larger(self, mixture: GaussianMixture) -> GaussianMixture:
        """The mixture with one more component, made from the rows near a seed; they belong to no other component."""
        rows, form, k = self.seeds.rows, self.structure.form, mixture.n_components
        chosen = self._near_seed(mixture)
        order = [*range(k), 0]
        weights, compact = np.append(mixture.weights, 0.0), form.take(compact_covariances(mixture), order)
        wider = unchecked_mixture(weights, mixture.means[order], compact, self.structure, None)
        [others] = kernel.expect([rows[~chosen]], [wider.components], [self.reference], threads=1)
        new = self._labeled(rows[chosen], np.full(int(chosen.sum()), k), k + 1)
        mean = np.where(np.arange(k + 1)[:, None] < k, others.mean, new.mean)  # without rows, a mean is arbitrary
        return self._maximum(replace(others, mean=mean) + replace(new, mean=mean))

    def _near_seed(self, mixture: GaussianMixture) -> NDArray[np.bool_]:
        """Whether each row is among those nearest to a seed that is drawn, ``(N,)``."""
        rows = self.seeds.rows
        values, mass = np.asarray(rows.points, np.float64), rows.mass
        nearest = mixture.predict(rows.points)
        whitener = FULL.whitener(FULL.factor(mixture.covariances))
        squared = np.empty(len(rows))
        for k in range(mixture.n_components):
            own = nearest == k
            squared[own] = _squared_norms((values[own] - mixture.means[k]) @ whitener[k].T)
        far = squared * mass
        share = mass / mass.sum()
        if far.sum() > 0.0:
            share = _UNIFORM * share + (1.0 - _UNIFORM) * far / far.sum()
        seed = min(int(np.searchsorted(np.cumsum(share), self.rng.random())), len(rows) - 1)
        distance = _squared_norms((values - values[seed]) @ whitener[nearest[seed]].T)
        order = np.argsort(distance, kind="stable")
        limit = _PART * mass.sum() / (mixture.n_components + 1)
        chosen = np.zeros(len(rows), bool)
        chosen[order[: int(np.searchsorted(np.cumsum(mass[order]), limit)) + 1]] = True
        return chosen

    def _labeled(self, rows: Rows, labels: NDArray[np.intp], n_components: int) -> SufficientStatistics:
        return kernel.label_statistics(self.structure.form, rows, [labels], n_components, self.reference)[0]

    def _maximum(self, statistics: SufficientStatistics) -> GaussianMixture:
        """The M-step with a few rows added to each component, so that none collapses."""
        padded = self.seeds.padded([statistics.on(self.reference)])
        return mixtures_from_statistics(padded, self.structure, self.prior, self.features)[0]


def _squared_norms(deviations: Array) -> Array:
    """The squared norms ``(N,)`` of whitened deviations, which are clipped so that squares do not overflow."""
    return np.asarray((np.clip(deviations, -_FAR, _FAR) ** 2).sum(1))
