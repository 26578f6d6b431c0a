"""What a variational fit knows about the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmix.base.wording import count
from gmix.model.covariance import Structure
from gmix.model.spread import Spread
from gmix.model.student import StudentMixture
from gmix.model.variational.parameters import ParameterDistribution
from gmix.model.variational.student import StudentColumns, predictive

__all__ = ["Posterior"]

Array = NDArray[np.float64]
_EMPTY = 0.5  # rows; a component with fewer is empty


@dataclass(frozen=True, eq=False)
class Posterior:
    """The approximate posterior of the parameters of a mixture, that of a variational fit.

    Attributes
    ----------
    parameters : the distribution of the parameters.
    prior : the distribution before the rows.
    counts : ``(K,)`` the expected number of rows of each component.
    lower_bound : of the log evidence, in nats: the log density of all rows, averaged over the prior of the parameters.
    features : the names of the columns, or None.
    log_evidence : the estimated log evidence of each candidate, by its structure and number of components, where there
        were several: the lower bound plus the logarithm of the number of equivalent orders of the components.
    """

    parameters: ParameterDistribution
    prior: ParameterDistribution
    counts: Array
    lower_bound: float
    features: tuple[str, ...] | None = None
    log_evidence: Mapping[tuple[Structure, int], float] = field(default_factory=dict)

    def __repr__(self) -> str:
        occupied, every = len(self.occupied), self.parameters.n_components
        return f"Posterior({count(every, 'component')}, {occupied} occupied, lower bound {self.lower_bound:.6g})"

    @property
    def occupied(self) -> tuple[int, ...]:
        """The components that half a row at least belongs to; the others are as in the prior."""
        return tuple(np.flatnonzero(self.counts >= _EMPTY).tolist())

    @cached_property
    def spread(self) -> Spread:
        """The standard deviations of weights, means and covariances."""
        return self.parameters.spread()

    @cached_property
    def predictive(self) -> StudentMixture | StudentColumns:
        """The density of new rows, averaged over the posterior of the parameters."""
        return predictive(self.parameters, self.features)
