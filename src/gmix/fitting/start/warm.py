"""Starts from mixtures that were already fitted to some of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from gmix.fitting.start.contract import Start, StartingMixtures
from gmix.fitting.start.k_means_plus_plus import KMeansPlusPlus
from gmix.model.covariance import Structure
from gmix.model.priors import Prior
from gmix.model.student import AnyMixture
from gmix.sources import Source

__all__ = ["WarmStart"]


@dataclass(frozen=True, eq=False)
class WarmStart(Start):
    """The mixtures of another start, and one fitted mixture for each structure and number of components."""

    is_made: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    mixture_of: Mapping[tuple[Structure, int], AnyMixture]
    fresh: Start = field(default_factory=KMeansPlusPlus)

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        fresh = self.fresh.mixtures(source, prior, rng)
        return lambda n_components, structure: [
            *fresh(n_components, structure),
            self.mixture_of[structure, n_components],
        ]
