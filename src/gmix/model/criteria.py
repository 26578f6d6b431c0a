"""Criteria that weigh the log-likelihood of a mixture against its number of parameters. Smaller values are better."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from gmix.base.blas import one_blas_thread
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import Structure
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = [
    "CRITERIA", "aic", "aicc", "bic", "caic", "criteria", "criterion", "entropy", "nec", "penalized", "sabic", "second",
]  # fmt: skip

CRITERIA = {  # as displayed
    "bic": "BIC",
    "aic": "AIC",
    "aicc": "AICc",
    "icl": "ICL",
    "caic": "CAIC",
    "sabic": "SABIC",
}


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


def caic(log_likelihood: float, n_parameters: int, mass: float) -> float:
    """``-2 log L + p (log n + 1)``: the consistent AIC of Bozdogan (1987), *Psychometrika* 52:345.

    >>> caic(-100.0, 3, 1.0)
    203.0
    """
    return -2.0 * log_likelihood + n_parameters * (math.log(mass) + 1.0)


def sabic(log_likelihood: float, n_parameters: int, mass: float) -> float:
    """``-2 log L + p log((n + 2) / 24)``: BIC adjusted for the sample size, Sclove (1987), *Psychometrika* 52:333.

    >>> sabic(-100.0, 3, 22.0)
    200.0
    """
    return -2.0 * log_likelihood + n_parameters * math.log((mass + 2.0) / 24.0)


def penalized(name: str, log_likelihood: float, n_parameters: int, mass: float) -> float:
    """One of `CRITERIA` from the log-likelihood and the penalty alone: ICL without the entropy is BIC."""
    if name == "aic":
        return aic(log_likelihood, n_parameters)
    return _PENALIZED[name](log_likelihood, n_parameters, mass)


_PENALIZED = {"bic": bic, "icl": bic, "aicc": aicc, "caic": caic, "sabic": sabic}


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
        nonempty = statistics.counts > 0
        joint = float(statistics.counts[nonempty] @ components.log_constants[nonempty])
        if components.family.has_factors:
            log_factors, n_cells = statistics.extra["log_factors"].ravel(), components.means.shape[1]
            joint -= components.family.exponents(statistics.counts, log_factors, n_cells)
        else:
            scatter = form.shifted(statistics.scatter, statistics.mass, statistics.mean - components.means)
            joint -= form.quadratic(components.whitener, scatter) / 2.0
        if components.background is not None:
            joint += _of_background(components.background, statistics)
    return float(np.maximum(statistics.log_likelihood - joint, 0.0))


def _of_background(background: Background, statistics: SufficientStatistics) -> float:
    """What the rows in a background add, where no cells are missing."""
    count = max(statistics.total_weight - float(statistics.counts.sum()), 0.0)
    if count == 0.0:
        return 0.0
    log_weight = math.log(background.weight) if background.weight > 0.0 else -math.inf
    return count * (log_weight + float(background.log_densities.sum()))


def criterion(name: str, mixture: Mixture, statistics: SufficientStatistics, n_parameters: int | None = None) -> float:
    """One of `CRITERIA`, for a mixture and the statistics of the rows under it.

    `n_parameters` are those that are free; None for all of the mixture.
    """
    p = mixture.n_parameters if n_parameters is None else n_parameters
    value = penalized(name, statistics.log_likelihood, p, statistics.total_weight)
    return value + 2.0 * entropy(mixture, statistics) if name == "icl" else value


def criteria(mixture: Mixture, statistics: SufficientStatistics, n_parameters: int | None = None) -> dict[str, float]:
    """Every criterion of `CRITERIA`, for a mixture and the statistics of the rows under it; see `criterion`.

    ICL is BIC plus twice the `entropy`: McLachlan & Peel (2000), *Finite Mixture Models*, section 6.10. mclust adds the
    entropy of the hard classification instead, ``-sum_i log max_k r_ik``, which is no greater.

    If the weights of the rows stand for another number n of observations than they sum to, give
    ``statistics * (n / statistics.total_weight)``.
    """
    return {name: criterion(name, mixture, statistics, n_parameters) for name in CRITERIA}


@one_blas_thread()
def nec(mixture: Mixture, statistics: SufficientStatistics) -> float:
    r"""The normalized entropy criterion of a maximum-likelihood fit; smaller is better, and one component has 1.

    .. math:: \mathrm{NEC}(K) = \frac{E(K)}{\log L(K) - \log L(1)}, \quad \mathrm{NEC}(1) = 1

    E is the `entropy`, and L(1) the greatest likelihood of one component of the same structure: Celeux & Soromenho
    (1996), *Journal of Classification* 13:195; with the value for one component of Biernacki, Celeux & Govaert (1999),
    *Pattern Recognition Letters* 20:267. It judges numbers of components of one structure: the best number is the one
    of the least value, or one component if all values exceed 1.

    It is NaN where L(1) does not follow from the statistics: for rows with missing cells or errors of measurement, and
    for a background. It is infinite where K components are no likelier than one. Trimmed rows are left out of both.

    >>> import gmix
    >>> fit = gmix.fit([[0.0], [1.0], [8.0], [9.0], [10.0]], components=2, covariance="E")
    >>> nec(fit.mixture, fit.statistics) < 0.01
    True
    """
    reference = statistics.reference
    incomplete = not reference.is_complete or reference.error is not None or "joint" in statistics.extra
    if incomplete or mixture.components.background is not None:
        return math.nan
    if len(mixture.components.means) == 1:
        return 1.0
    gain = statistics.log_likelihood - _of_one_component(mixture.structure, reference)
    return entropy(mixture, statistics) / gain if gain > 0.0 else math.inf


def _of_one_component(structure: Structure, reference: Reference) -> float:
    """The greatest log-likelihood of complete rows under one component."""
    form, n, n_features = structure.form, reference.total_weight, reference.n_features
    scatter = n * form.lift(reference.scatter / n, reference.floor)  # a constant column has no likelihood without it
    compact = structure.lifted(structure.covariances(scatter, np.array([n]), n_features), reference.floor)
    factor = form.factor(compact)
    squares = form.trace(form.congruence(form.whitener(factor), reference.scatter))
    [half_log_determinant] = form.log_determinant(factor, 1, n_features)
    return float(-n * (n_features / 2.0 * math.log(2.0 * math.pi) + half_log_determinant) - squares / 2.0)


def second(criterion: str) -> str:
    """The criterion shown beside the one used for selection: AIC beside BIC, and BIC beside any other."""
    return "aic" if criterion == "bic" else "bic"
