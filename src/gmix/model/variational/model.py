"""Variational Bayes as a model that EM fits: Bishop, *Pattern Recognition and Machine Learning*, section 10.2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from gmix.base.wording import count
from gmix.model.components import Components
from gmix.model.model import Model
from gmix.model.statistics import SufficientStatistics
from gmix.model.variational.parameters import ParameterDistribution

__all__ = ["VariationalModel"]


@dataclass(frozen=True, eq=False)
class VariationalModel(Model):
    r"""An approximate posterior of the parameters, and the prior.

    The E-step finds the responsibilities that maximize the lower bound given the distribution of the parameters, and
    the M-step finds the distribution given the responsibilities. Both have the form of EM: a component's weighted
    density in the E-step is

    .. math:: \log \rho_k(x) = E \log w_k + \tfrac12 E \log|\Lambda_k| - \tfrac D2 \log 2\pi - \frac{D}{2\beta_k}
              - \tfrac12 (x - m_k)^\top E[\Lambda_k] (x - m_k)

    (equation 10.46 with 10.64 to 10.66), and the lower bound of the log evidence (10.70) after the E-step is

    .. math:: \sum_i \log \sum_k \rho_k(x_i) - \mathrm{KL}(q \,\|\, p)

    with the divergence of the posterior of the parameters from the prior. If cells of a row are missing, their
    distribution given the component is one more factor of the posterior: it is normal with the precision
    :math:`E[\Lambda_k]_{mm}`, and its entropy is a part of :math:`\log \rho_k`, which becomes the integral of
    :math:`\rho_k` over the missing cells. So the E-step for incomplete rows is that of EM under these components. The
    same is true of rows with errors of measurement, whose true values are the unknowns.
    """

    prior: ParameterDistribution
    posterior: ParameterDistribution

    @classmethod
    def of_statistics(cls, prior: ParameterDistribution, statistics: SufficientStatistics) -> VariationalModel:
        """The model after rows with these statistics."""
        return cls(prior, prior.with_rows(statistics))

    def __str__(self) -> str:
        return f"a variational posterior of {count(self.posterior.n_components, 'component')}"

    def components(self) -> Components:
        return self.posterior.expected

    def maximize(self, statistics: SufficientStatistics) -> VariationalModel:
        return replace(self, posterior=self.prior.with_rows(statistics))

    def objective(self, statistics: SufficientStatistics) -> float:
        """The lower bound of the log evidence, in nats."""
        return statistics.log_likelihood - self.divergence

    @cached_property
    def divergence(self) -> float:
        """The Kullback-Leibler divergence of the posterior of the parameters from the prior, in nats."""
        return self.posterior.divergence(self.prior)
