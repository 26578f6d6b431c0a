"""The ridge of an M-step that adds the same variances to every row."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmix.model.components import Components
from gmix.model.covariance import Structure
from gmix.model.priors import Prior
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["Blur"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blur(Prior):
    """The M-step treats every row as a small cloud with these variances ``(D,)``: `reg_covar` of scikit-learn.

    It is not the density of a prior, so the log-likelihood may fall from one iteration to the next.
    """

    variances: Array

    @property
    def constant(self) -> bool:
        return False

    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        (k, d), form = statistics.mean.shape, statistics.form
        mass = np.broadcast_to(statistics.mass[:, None], (k, d))
        cloud = form.scatter(mass, np.broadcast_to(np.diag(np.sqrt(self.variances)), (k, d, d)))
        nothing = SufficientStatistics.none(form, k, Reference.none(form, d))
        return replace(nothing, mean=statistics.mean, scatter=cloud)

    def log_density(
        self, weights: Array, mixture: Components, statistics: SufficientStatistics, structure: Structure
    ) -> float:
        return 0.0
