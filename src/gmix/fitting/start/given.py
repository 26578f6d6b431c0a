"""Starts that the user gives: a mixture, labels or responsibilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.fitting.neighbors import nearest, release
from gmix.fitting.start.contract import Start, StartingMixtures
from gmix.model.background import left_weight
from gmix.model.covariance import Structure
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.student import AnyMixture, normal_part, same_family
from gmix.sources import MemorySource, Source

__all__ = ["GivenMixture", "GivenResponsibilities", "as_given"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GivenMixture(Start):
    """A mixture to start from; if `exact`, its parameters are not changed in any bit."""

    mixture: AnyMixture
    exact: bool = False

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        given = self.mixture

        def starting_mixtures(n_components: int, structure: Structure) -> list[AnyMixture]:
            if (given.n_components, given.n_features) != (n_components, source.n_features):
                raise ParameterError(
                    f"start is a {given}; give one with {count(n_components, 'component')} and "
                    f"{count(source.n_features, 'column')}, as the fit has"
                )
            near = release(given, structure) if structure.contains(given.structure) else nearest(given, structure)
            weights, compact, features = given.weights, compact_covariances(normal_part(near)), source.features
            if self.exact:
                return [unchecked_mixture(weights, given.means, compact, structure, features, given.background)]
            weights = left_weight(given.background) * structure.weights(weights)
            made = GaussianMixture(weights, given.means, compact, structure, features, given.background)
            return [same_family(given, made)]

        return starting_mixtures


@dataclass(frozen=True, eq=False)
class GivenResponsibilities(Start):
    """Labels ``(N,)`` or responsibilities ``(N, K)``, one row for each row of a table in memory.

    Rows that are labeled -1, as of the background, have no responsibilities.
    """

    responsibilities: Array

    def in_background(self, source: Source) -> float:
        """The share of the rows that belong to the background."""
        weights = source.weight if isinstance(source, MemorySource) else None
        return float(np.average(~self.responsibilities.any(1), weights=weights))

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        if not isinstance(source, MemorySource):
            raise ParameterError("labels or responsibilities as a start need a table in memory; give a mixture instead")

        def starting_mixtures(n_components: int, structure: Structure) -> list[GaussianMixture]:
            if self.responsibilities.shape != (source.n_rows, n_components):
                raise ParameterError(
                    f"start has {_size(*self.responsibilities.shape)}; give one with "
                    f"{_size(source.n_rows, n_components)}, as the fit has"
                )
            statistics = SufficientStatistics.from_responsibilities(
                structure.form, source.points, self.responsibilities, source.weight
            )
            return [GaussianMixture.from_statistics(statistics, structure, prior, source.features)]

        return starting_mixtures


def as_given(value: Any, n_components: int | None = None) -> GivenMixture | GivenResponsibilities | None:
    """The start that a mixture, labels or responsibilities are; None if the value is none of these.

    Labels are of `n_components` components; if that is None, of as many as the highest label says. Raises
    `ParameterError` for labels or responsibilities that are invalid. The label -1 is that of the background.
    """
    if isinstance(value, AnyMixture):
        return GivenMixture(value)
    try:
        given = np.asarray(value)
    except ValueError:  # rows of unequal length
        return None
    if given.ndim == 1 and given.dtype.kind in "iub" and len(given):
        least, most = int(given.min()), int(given.max())
        if not (least >= -1 and 0 <= most < (n_components or len(given))):
            raise ParameterError(
                f"start holds labels from {least} to {most} for {count(len(given), 'row')}; number the components "
                "from 0"
            )
        labels, n_components = given.astype(np.intp), n_components or most + 1
        return GivenResponsibilities(np.eye(n_components)[labels] * (labels >= 0)[:, None])
    if given.ndim == 2 and given.dtype.kind in "fiub":
        share = given.astype(np.float64)
        if (share >= 0).all() and np.allclose(share.sum(1), 1.0, atol=1e-3):
            return GivenResponsibilities(share / share.sum(1, keepdims=True))
        raise ParameterError(
            "start holds responsibilities that are negative or do not sum to one in each row; normalize them"
        )
    return None


def _size(n_rows: int, n_components: int) -> str:
    return f"{count(n_rows, 'row')} and {count(n_components, 'component')}"
