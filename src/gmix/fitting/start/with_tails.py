"""Starts of Student mixtures: those of Gaussian ones, from all rows and from the rows that lie close together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gmix.fitting.start.contract import FromStart, StartingMixtures
from gmix.fitting.start.with_background import without_clutter
from gmix.model.covariance import Structure
from gmix.model.priors import Prior
from gmix.model.student import LARGEST, SMALLEST, AnyMixture, StudentMixture, normal_part
from gmix.sources import Source

__all__ = ["WithTails"]

_START = 8.0  # degrees of freedom from which EM estimates them, unless the start has its own


@dataclass(frozen=True, eq=False)
class WithTails(FromStart):
    """The mixtures of another start as Student mixtures.

    A start from rows alone is also made from the rows that are more likely than not no clutter, because seeds are drawn
    to outliers.

    Attributes
    ----------
    start : makes Gaussian mixtures, or is a Student mixture.
    fixed : the degrees of freedom of all components; None to estimate them.
    each : whether each component has its own estimate; if not, all have the same one.
    known : one more mixture to start from for some structures and numbers of components.
    """

    fixed: float | None = None
    each: bool = False
    known: Mapping[tuple[Structure, int], AnyMixture] = field(default_factory=dict)

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        makers = [self.start.mixtures(source, prior, rng)]
        if self.is_made and source.groups is None:
            part, _ = without_clutter(source, rng)
            if part is not source:
                makers.append(self.start.mixtures(part, prior, rng))

        def starting_mixtures(n_components: int, structure: Structure) -> list[StudentMixture]:
            made = [mixture for make in makers for mixture in make(n_components, structure)]
            known = self.known.get((structure, n_components))
            return [self.with_degrees(mixture) for mixture in (*made, *([] if known is None else [known]))]

        return starting_mixtures

    def with_degrees(self, mixture: AnyMixture) -> StudentMixture:
        """A mixture with the degrees of freedom from which EM begins."""
        degrees = np.full(mixture.n_components, _START if self.fixed is None else self.fixed)
        if isinstance(mixture, StudentMixture) and self.fixed is None:
            own = np.clip(mixture.degrees_of_freedom, SMALLEST, LARGEST)
            degrees = own if self.each else np.full(len(own), np.average(own, weights=mixture.weights))
        estimated = "none" if self.fixed is not None else "each" if self.each else "all"
        return StudentMixture.of(normal_part(mixture), degrees, estimated)
