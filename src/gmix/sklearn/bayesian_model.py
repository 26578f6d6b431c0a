"""The variational posterior as scikit-learn computes it: its prior, its M-step and its lower bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers
from gmix.base.errors import ParameterError
from gmix.model.covariance import FULL, SPHERICAL, TIED, Structure
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, StoppingRule
from gmix.model.variational import (
    WISHART,
    DirichletWeights,
    ParameterDistribution,
    StickBreakingWeights,
    VariationalModel,
    WeightDistribution,
)

__all__ = ["BoundRule", "FittedModel", "StatedPrior"]

Array = NDArray[np.float64]
Watch = Callable[[Sequence[float], float, Reason | None], None]


class PriorParameters(Protocol):
    """The parameters of an estimator that state the prior."""

    n_components: int
    covariance_type: str
    weight_concentration_prior_type: str
    weight_concentration_prior: float | None
    mean_precision_prior: float | None
    mean_prior: ArrayLike | None
    degrees_of_freedom_prior: float | None
    covariance_prior: Any


@dataclass(frozen=True)
class StatedPrior:
    """The prior that an estimator states, with scikit-learn's defaults."""

    stated: PriorParameters

    def parameters(self, structure: Structure, n_components: int, reference: Reference) -> ParameterDistribution:
        """The prior as a distribution of the parameters of mixtures of rows on this scale.

        scikit-learn uses the functions of a Wishart distribution for all types of covariances. For tied ones, each
        component has a Wishart distribution, and these are equal.
        """
        stated, form, (k, d) = self.stated, structure.form, (n_components, reference.n_features)
        mean = reference.mean if stated.mean_prior is None else as_numbers(stated.mean_prior, "mean_prior")
        if mean.shape != (d,):
            raise ParameterError(f"The parameter 'means' should have the shape of ({d},), but got {mean.shape}")
        degrees = float(d) if stated.degrees_of_freedom_prior is None else float(stated.degrees_of_freedom_prior)
        if not degrees > d - 1.0:
            raise ParameterError(
                f"The parameter 'degrees_of_freedom_prior' should be greater than {d - 1}, but got {degrees:.3f}."
            )
        cells = d if form is SPHERICAL else k if form is TIED else 1.0  # of which a scatter is the sum
        return ParameterDistribution(
            structure,
            WISHART,
            self._weights(k),
            np.full(k, 1.0 if stated.mean_precision_prior is None else float(stated.mean_precision_prior)),
            np.tile(mean, (k, 1)),
            np.full(k, degrees),
            np.broadcast_to(cells * self._covariance(structure, reference), form.shape(k, d)).copy(),
            reference.floor,
        )

    @property
    def concentration(self) -> float:
        """That of the prior of the weights."""
        stated = self.stated.weight_concentration_prior
        return 1.0 / self.stated.n_components if stated is None else float(stated)

    def _weights(self, n_components: int) -> WeightDistribution:
        if self.stated.weight_concentration_prior_type == "dirichlet_process":
            return StickBreakingWeights.of_concentration(self.concentration, n_components)
        return DirichletWeights(np.full(n_components, self.concentration))

    def _covariance(self, structure: Structure, reference: Reference) -> Array:
        """The `covariance_prior` of one component, compact; by default the covariance of the rows."""
        form, d, kind = structure.form, reference.n_features, self.stated.covariance_type
        if self.stated.covariance_prior is None:
            cells = float(d) if form is SPHERICAL else 1.0
            compact = reference.complete_scatter / max(reference.total_weight - 1.0, 1.0) / cells
            return np.asarray(form.lift(compact, reference.floor))
        given = as_numbers(self.stated.covariance_prior, "covariance_prior")
        shape = form.shape(1, d) if form in (SPHERICAL, TIED) else form.shape(1, d)[1:]
        if form is SPHERICAL and given.shape == ():
            given = given[None]
        if given.shape != shape:
            raise ParameterError(
                f"The parameter '{kind} covariance_prior' should have the shape of {shape}, but got {given.shape}"
            )
        if not _is_positive(given, structure):
            dense = form in (FULL, TIED)
            need = "symmetric, positive-definite" if dense else "positive"
            raise ParameterError(f"'{kind} covariance_prior' should be {need}")
        return given if form in (SPHERICAL, TIED) else given[None]


def _is_positive(given: Array, structure: Structure) -> bool:
    if structure.form not in (FULL, TIED):
        return bool((given > 0.0).all())
    try:
        FULL.factor(given[None])
    except np.linalg.LinAlgError:
        return False
    return np.allclose(given, given.T)


@dataclass(frozen=True, eq=False)
class FittedModel(VariationalModel):
    """A posterior whose objective is scikit-learn's lower bound: that after the next M-step, without a constant.

    The constant depends on the prior and the number of rows alone.

    Attributes
    ----------
    ridge : ``(D,)`` what `reg_covar` adds to the variances of the rows of every component; None for nothing.
    """

    ridge: Array | None = None

    def maximize(self, statistics: SufficientStatistics) -> FittedModel:
        if self.ridge is not None:
            form, (k, d) = statistics.form, statistics.mean.shape
            mass = np.broadcast_to(statistics.mass[:, None], (k, d))
            cloud = form.scatter(mass, np.broadcast_to(np.diag(np.sqrt(self.ridge)), (k, d, d)))
            statistics = replace(statistics, scatter=statistics.scatter + cloud)
        return replace(self, posterior=self.prior.with_rows(statistics))

    def objective(self, statistics: SufficientStatistics) -> float:
        """The lower bound with the responsibilities of these statistics and the parameters of their M-step.

        It is the entropy of the responsibilities, and of the distributions of missing cells, plus the logarithm of the
        normalizer of the posterior.
        """
        entropy = statistics.log_likelihood - self.posterior.expected_log_likelihood(statistics)
        return entropy + self.maximize(statistics).posterior.log_normalizer()


@dataclass(frozen=True)
class BoundRule(StoppingRule):
    """scikit-learn's rule: the lower bound changed by less than `change` nats, or `max_iter` iterations are done.

    Attributes
    ----------
    change : nats; None for gmix's rule.
    before : the lower bound before a warm start; minus infinity otherwise.
    watch : is called with the bounds after every iteration.
    """

    before: float = -np.inf
    watch: Watch | None = None

    def judge(self, history: Sequence[float], total_weight: float, at_rest: bool, remaining: float) -> Reason | None:
        """The reason why a run ends after this E-step and its M-step; None if it continues."""
        if self.change is None:
            reason = super().judge(history, total_weight, at_rest, remaining)
        else:
            last = history[-2] if len(history) > 1 else self.before
            reason = Reason.CONVERGED if abs(history[-1] - last) < self.change else None
            if reason is None and len(history) > self.max_iterations:
                reason = Reason.ITERATION_LIMIT
        if self.watch is not None:
            bounds = [self.before, *history]
            if len(history) == 1:  # a run begins
                self.watch(bounds[:1], 1.0, None)
            self.watch(bounds, 1.0, reason)
        return reason
