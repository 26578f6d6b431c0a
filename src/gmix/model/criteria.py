"""Criteria that weigh the log-likelihood of a mixture against its number of parameters. Smaller values are better."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from gmix.base.blas import one_blas_thread
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import Structure
from gmix.model.statistics import SufficientStatistics

__all__ = ["CRITERIA", "aic", "aicc", "bic", "criteria", "criterion", "entropy", "second"]

CRITERIA = {"bic": "BIC", "aic": "AIC", "aicc": "AICc", "icl": "ICL"}  # as displayed


class Mixture(Protocol):
    """What the criteria read from a mixture."""

    @property
    def n_parameters(self) -> int:
        """The number of free parameters."""
        ...

    @property
    def structure(self) -> Structure:
        """What the covariances have in common."""
        ...

    @property
    def components(self) -> Components:
        """The components as the kernel takes them."""
        ...


def aic(log_likelihood: float, n_parameters: int) -> float:
    """``-2 log L + 2 p``: Akaike (1974), *IEEE Transactions on Automatic Control* 19:716.

    >>> aic(-100.0, 3)
    206.0
    """
    return -2.0 * log_likelihood + 2.0 * n_parameters


def aicc(log_likelihood: float, n_parameters: int, mass: float) -> float:
    """``AIC + 2 p (p + 1) / (n - p - 1)``: Hurvich & Tsai (1989), *Biometrika* 76:297; infinite if ``n <= p + 1``.

    >>> aicc(-100.0, 3, 10.0)
    210.0
    """
    denominator = mass - n_parameters - 1.0
    if denominator <= 0:
        return math.inf
    return aic(log_likelihood, n_parameters) + 2.0 * n_parameters * (n_parameters + 1.0) / denominator


def bic(log_likelihood: float, n_parameters: int, mass: float) -> float:
    """``-2 log L + p log n``: Schwarz (1978), *Annals of Statistics* 6:461. The mass n is the weighted number of rows.

    The sign is scikit-learn's; mclust prints the negative, where larger is better.
    """
    return -2.0 * log_likelihood + n_parameters * math.log(mass)


@one_blas_thread()
def entropy(mixture: Mixture, statistics: SufficientStatistics) -> float:
    r"""``-sum_i sum_k r_ik log r_ik``: how uncertain the components of the rows are, in nats.

    It is the log-likelihood minus ``sum_i sum_k r_ik log p_k(x_i)`` for the weighted densities of the components. Both
    are functions of the statistics, so it needs no pass over the rows.
    """
    if "joint" in statistics.extra:  # of rows that are known in part
        joint = float(statistics.extra["joint"].sum())
    else:
        form, components = mixture.structure.form, mixture.components
        scatter = statistics.scatter + form.outer(statistics.mass, statistics.mean - components.means)
        nonempty = statistics.mass > 0
        joint = float(statistics.mass[nonempty] @ components.log_constants[nonempty])
        joint -= form.trace(form.congruence(components.whitener, scatter)) / 2.0
        if components.background is not None:
            joint += _of_background(components.background, statistics)
    return float(np.maximum(statistics.log_likelihood - joint, 0.0))


def _of_background(background: Background, statistics: SufficientStatistics) -> float:
    """What the rows in a background add, where no cells are missing."""
    count = max(statistics.total_weight - float(statistics.counts.sum()), 0.0)
    if count == 0.0:
        return 0.0
    return count * (math.log(background.weight) + float(background.log_densities.sum()))


def criterion(name: str, mixture: Mixture, statistics: SufficientStatistics, n_parameters: int | None = None) -> float:
    """One of `CRITERIA`, for a mixture and the statistics of the rows under it.

    `n_parameters` are those that are free; None for all of the mixture.
    """
    log_likelihood, mass = statistics.log_likelihood, statistics.total_weight
    p = mixture.n_parameters if n_parameters is None else n_parameters
    if name == "aic":
        return aic(log_likelihood, p)
    if name == "aicc":
        return aicc(log_likelihood, p, mass)
    value = bic(log_likelihood, p, mass)
    return value if name == "bic" else value + 2.0 * entropy(mixture, statistics)


def criteria(mixture: Mixture, statistics: SufficientStatistics, n_parameters: int | None = None) -> dict[str, float]:
    """Every criterion of `CRITERIA`, for a mixture and the statistics of the rows under it; see `criterion`.

    ICL is BIC plus twice the `entropy`: McLachlan & Peel (2000), *Finite Mixture Models*, section 6.10. mclust adds the
    entropy of the hard classification instead, ``-sum_i log max_k r_ik``, which is no greater.

    If the weights of the rows stand for another number n of observations than they sum to, give
    ``statistics * (n / statistics.total_weight)``.
    """
    return {name: criterion(name, mixture, statistics, n_parameters) for name in CRITERIA}


def second(criterion: str) -> str:
    """The criterion shown beside the one used for selection: AIC beside BIC, and BIC beside any other."""
    return "aic" if criterion == "bic" else "bic"
