"""Starts that are built up from one component, by splits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from gmix.base.rows import Rows
from gmix.fitting.em import run_em
from gmix.fitting.neighbors import splits
from gmix.fitting.start.contract import Start, StartingMixtures, n_seed_rows
from gmix.model.covariance import Structure
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Round, StoppingRule
from gmix.sources import MemorySource, Source

__all__ = ["Growing"]

# Components that are split in turn: all, and of many those of most weight; and what that may cost, in rows and
# components of all E-steps of one size.
_SPLITS, _WORK = 20, 1e7
_FIRST, _RULE = Round(StoppingRule(0.0, 3), 3), StoppingRule(1e-3, 20)


@dataclass(frozen=True)
class Growing(Start):
    """K components from the best mixture of K - 1 with one of them split (Vlassis & Likas 2002), beginning with one.

    Each component is split in turn, EM runs from all of these mixtures race, and the best is kept.
    """

    is_made: ClassVar[bool] = True

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        @cache
        def drawn(n_rows: int) -> MemorySource:
            return MemorySource.of_rows(source.rows(n_rows, rng), source)

        def table(n_components: int) -> MemorySource:
            return drawn(min(n_seed_rows(n_components, source.n_features), source.n_counting))

        @cache
        def grown(structure: Structure) -> list[GaussianMixture]:
            return [_one_component(table(1), structure, prior)]

        def starting_mixtures(n_components: int, structure: Structure) -> list[GaussianMixture]:
            best = grown(structure)
            while len(best) < n_components:
                best.append(_larger(table(len(best) + 1), best[-1], prior))
            return [best[n_components - 1]]

        return starting_mixtures


def _one_component(table: MemorySource, structure: Structure, prior: Prior | None) -> GaussianMixture:
    rows: Rows = table.with_points
    labels = np.zeros(len(rows), np.intp)
    statistics = SufficientStatistics.from_labels(structure.form, rows.points, labels, 1, rows.weights)
    return GaussianMixture.from_statistics(statistics, structure, prior, table.features)


def _larger(table: MemorySource, mixture: GaussianMixture, prior: Prior | None) -> GaussianMixture:
    """The best mixture with one component more that EM reaches when one component is split."""
    k = mixture.n_components
    most = max(min(_SPLITS, int(_WORK / (table.n_rows * k))), 1)
    heaviest = np.argsort(-mixture.weights, kind="stable")[:most]
    starts = splits(mixture, heaviest[mixture.weights[heaviest] > 0.0].tolist())
    runs = run_em(table, starts, _RULE, prior, [_FIRST])
    sound = [run for run in runs if not run.collapsed]
    return max(sound or runs, key=lambda run: run.objective).gaussian
