"""A Gaussian mixture as a model that EM fits, by maximum likelihood or with a prior."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.model.components import Components
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.model import CompiledStart, Model
from gmix.model.priors import Prior
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["GaussianModel"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GaussianModel(Model):
    """A mixture, and the prior of its parameters if it has one."""

    mixture: GaussianMixture
    prior: Prior | None = None

    def __str__(self) -> str:
        return f"a {self.mixture}"

    def components(self) -> Components:
        return self.mixture.components

    def maximize(self, statistics: SufficientStatistics) -> GaussianModel:
        mixture = self.mixture
        found = GaussianMixture.from_statistics(statistics, mixture.structure, self.prior, mixture.features)
        return replace(self, mixture=found)

    def objective(self, statistics: SufficientStatistics) -> float:
        mixture, prior = self.mixture, self.prior
        if prior is None:
            return statistics.log_likelihood
        log_prior = prior.log_density(mixture.weights, mixture.components, statistics, mixture.structure)
        return statistics.log_likelihood + log_prior

    def compiled(self, reference: Reference) -> CompiledStart | None:
        mixture, prior = self.mixture, self.prior
        structure = mixture.structure
        if not structure.compiled_for(mixture.n_features) or not (prior is None or prior.constant):
            return None
        term = None
        if prior is not None:
            no_rows = SufficientStatistics.none(structure.form, mixture.n_components, reference)
            term = prior.term(no_rows, structure)
            if term.form is not structure.form or term.mean.shape != mixture.means.shape:
                raise ParameterError(
                    f"the term of the prior {prior} has {term.form} form and shape {term.mean.shape}; for this mixture "
                    f"it must have {structure.form} form and shape {mixture.means.shape}"
                )
        return CompiledStart(structure, mixture.weights, mixture.means, compact_covariances(mixture), term)

    def with_parameters(self, weights: Array, means: Array, covariances: Array) -> GaussianModel:
        mixture = self.mixture
        found = unchecked_mixture(weights, means, covariances, mixture.structure, mixture.features)
        return replace(self, mixture=found)
