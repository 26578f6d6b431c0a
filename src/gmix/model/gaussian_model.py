"""A Gaussian mixture as a model that EM fits, by maximum likelihood or with a prior."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.model.blur import Blur
from gmix.model.components import Components
from gmix.model.frozen import Frozen
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.model import CompiledStart, Model
from gmix.model.priors import Prior
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["GaussianModel"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GaussianModel(Model):
    """A mixture, with a prior, groups of components and frozen parameters if it has these.

    Attributes
    ----------
    mixture : the parameters.
    prior : of the parameters; None for maximum likelihood.
    frozen : the parameters that EM leaves as they are; None if all are free.
    groups : ``(K,)`` of float64, the group of each component, which labels of rows name, or -1; None without labels.
    """

    mixture: GaussianMixture
    prior: Prior | None = None
    groups: Array | None = None
    frozen: Frozen | None = None

    def __str__(self) -> str:
        return f"a {self.mixture}"

    def components(self) -> Components:
        components = self.mixture.components
        return components if self.groups is None else components._replace(groups=self.groups)

    def maximize(self, statistics: SufficientStatistics) -> GaussianModel:
        mixture = self.mixture
        if self.frozen is not None:
            return replace(self, mixture=self.frozen.maximize(mixture, statistics, self.prior))
        found = GaussianMixture.from_statistics(
            statistics, mixture.structure, self.prior, mixture.features, mixture.background
        )
        return replace(self, mixture=found)

    @property
    def n_parameters(self) -> int:
        """The number of free parameters."""
        return self.mixture.n_parameters if self.frozen is None else self.frozen.n_parameters(self.mixture)

    def objective(self, statistics: SufficientStatistics) -> float:
        mixture, prior = self.mixture, self.prior
        if prior is None:
            return statistics.log_likelihood
        log_prior = prior.log_density(mixture.weights, mixture.components, statistics, mixture.structure)
        return statistics.log_likelihood + log_prior

    def compiled(self, reference: Reference) -> CompiledStart | None:
        mixture, prior = self.mixture, self.prior
        structure = mixture.structure
        if self.frozen is not None or not structure.compiled_for(mixture.n_features):
            return None
        blur = prior.variances if isinstance(prior, Blur) else None
        if not (prior is None or blur is not None or prior.constant):
            return None
        term = None
        if prior is not None and blur is None:
            no_rows = SufficientStatistics.none(structure.form, mixture.n_components, reference)
            term = prior.term(no_rows, structure)
            if term.form is not structure.form or term.mean.shape != mixture.means.shape:
                raise ParameterError(
                    f"the term of the prior {prior} has {term.form} form and shape {term.mean.shape}; for this mixture "
                    f"it must have {structure.form} form and shape {mixture.means.shape}"
                )
        compact = compact_covariances(mixture)
        parameters = mixture.weights, mixture.means, compact
        return CompiledStart(structure, *parameters, term, self.groups, mixture.background, blur)

    def with_parameters(self, weights: Array, means: Array, covariances: Array) -> GaussianModel:
        mixture = self.mixture
        background = mixture.background
        if background is not None:
            background = background.with_weight(max(1.0 - sum(weights.tolist()), 0.0))
        found = unchecked_mixture(weights, means, covariances, mixture.structure, mixture.features, background)
        return replace(self, mixture=found)
