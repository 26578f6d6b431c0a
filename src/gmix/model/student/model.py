"""A Student mixture as a model that EM fits, by maximum likelihood or with a prior."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gmix.model.components import Components
from gmix.model.mixture import GaussianMixture
from gmix.model.model import Model
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.student import degrees as degrees_of_freedom
from gmix.model.student.mixture import StudentMixture

__all__ = ["StudentModel"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StudentModel(Model):
    r"""A Student mixture, with a prior and groups of components if it has these.

    A row of component k is normal with the covariance :math:`\Sigma_k / U` for an unknown precision U, which has a
    Gamma distribution with the mean one. The E-step finds the expected precisions :math:`u_{ik}` of the rows, given the
    cells that they have, besides the responsibilities :math:`r_{ik}`. The M-step is

    .. math:: \mu_k = \frac{\sum_i r_{ik} u_{ik} x_i}{\sum_i r_{ik} u_{ik}}, \qquad
              \Sigma_k = \frac{\sum_i r_{ik} u_{ik} (x_i - \mu_k)(x_i - \mu_k)^\top}{\sum_i r_{ik}}

    with the structure that the scale matrices have, and `gmix.model.student.degrees.best_degrees`. It maximizes the
    expected log density of rows and precisions, so the likelihood never falls: Peel & McLachlan (2000), *Statistics and
    Computing* 10:339. A prior is that of a Gaussian mixture with the means and scale matrices of this one.

    Attributes
    ----------
    mixture : the parameters.
    prior : of the weights, means and scale matrices; None for maximum likelihood.
    groups : ``(K,)`` of float64, the group of each component, which labels of rows name, or -1; None without labels.
    """

    mixture: StudentMixture
    prior: Prior | None = None
    groups: Array | None = None
    frozen: ClassVar[None] = None  # no parameters can be frozen

    def __str__(self) -> str:
        return f"a {self.mixture}"

    def components(self) -> Components:
        components = self.mixture.components
        return components if self.groups is None else components._replace(groups=self.groups)

    def maximize(self, statistics: SufficientStatistics) -> StudentModel:
        before = self.mixture
        normal = GaussianMixture.from_statistics(
            statistics, before.structure, self.prior, before.features, before.background
        )
        degrees = degrees_of_freedom.maximize(before.estimated, statistics, before.degrees_of_freedom)
        return replace(self, mixture=StudentMixture.of(normal, degrees, before.estimated))

    @property
    def n_parameters(self) -> int:
        """The number of free parameters."""
        return self.mixture.n_parameters

    def objective(self, statistics: SufficientStatistics) -> float:
        mixture, prior = self.mixture, self.prior
        if prior is None:
            return statistics.log_likelihood
        log_prior = prior.log_density(mixture.weights, mixture.normal.components, statistics, mixture.structure)
        return statistics.log_likelihood + log_prior
