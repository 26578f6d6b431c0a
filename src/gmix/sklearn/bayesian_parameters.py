"""The posterior under scikit-learn's names, and the densities that follow from it."""
# ruff: noqa: N803  (X is scikit-learn's name for the rows)

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from gmix.base.arguments import as_numbers
from gmix.base.errors import ParameterError
from gmix.model.components import Components
from gmix.model.covariance import SPHERICAL, TIED
from gmix.model.evaluation import Evaluation
from gmix.model.families import GAUSSIAN
from gmix.model.mixture import GaussianMixture as Mixture, compact_covariances
from gmix.model.variational import (
    WISHART,
    DirichletWeights,
    ParameterDistribution,
    StickBreakingWeights,
    WeightDistribution,
)
from gmix.sklearn.array_api import as_numpy, in_kind
from gmix.sklearn.protected import LogProbabilities

__all__ = ["BayesianParameters"]

Array = NDArray[np.float64]
_OWN = ("weight_concentration_", "mean_precision_", "degrees_of_freedom_")


class ExpectedDensities(Evaluation):
    """The components whose log densities are expectations under a posterior."""

    dependence = None
    background = None

    def __init__(self, components: Components, features: tuple[str, ...] | None) -> None:
        self.features, self._components = features, components

    @property
    def n_features(self) -> int:
        return int(self._components.means.shape[1])

    @property
    def components(self) -> Components:
        return self._components


class BayesianParameters(LogProbabilities):
    """The parameters of a posterior as plain attributes, which scripts may set, and what follows from them."""

    weight_concentration_prior_type: str
    weight_concentration_: Any
    mean_precision_: NDArray[Any]
    degrees_of_freedom_: Any
    weight_concentration_prior_: float
    mean_precision_prior_: float
    mean_prior_: NDArray[Any]
    degrees_of_freedom_prior_: float
    covariance_prior_: Any

    def _describe_posterior(
        self, posterior: ParameterDistribution, dtype: np.dtype[Any], features: tuple[str, ...] | None, rows: Any
    ) -> None:
        """Set all parameters to those of a posterior, in this type and in kind with `rows`."""
        self._describe(posterior.mixture(features), dtype, rows)
        weights, degrees = posterior.weights, posterior.degrees_of_freedom.astype(dtype)

        def kept(values: Array) -> Any:
            return in_kind(values.astype(dtype), rows)

        if isinstance(weights, StickBreakingWeights):
            self.weight_concentration_ = kept(weights.first), kept(weights.second)
        else:
            assert isinstance(weights, DirichletWeights)
            self.weight_concentration_ = kept(weights.concentration)
        self.mean_precision_ = kept(posterior.mass)
        self.degrees_of_freedom_ = degrees[0] if posterior.structure.form is TIED else kept(degrees)

    def _posterior(self, prior: ParameterDistribution) -> ParameterDistribution:
        """The distribution of the parameters, of the kind of a prior."""
        mixture = self._as_mixture()
        form, (k, d) = mixture.structure.form, mixture.means.shape
        degrees = self._degrees(k)
        factors = degrees * d if form is SPHERICAL else degrees.sum() if form is TIED else degrees
        compact = compact_covariances(mixture)
        scatter = compact * np.reshape(factors, np.shape(factors) + (1,) * (compact.ndim - np.ndim(factors)))
        precisions = as_numbers(as_numpy(self.mean_precision_), "mean_precision_")
        weights = self._weight_distribution()
        return replace(prior, weights=weights, mass=precisions, mean=mixture.means, divisor=degrees, scatter=scatter)

    def _degrees(self, n_components: int) -> Array:
        return np.broadcast_to(
            as_numbers(as_numpy(self.degrees_of_freedom_), "degrees_of_freedom_"), (n_components,)
        ).copy()

    def _weight_distribution(self) -> WeightDistribution:
        if missing := [name for name in _OWN if not hasattr(self, name)]:
            raise NotFittedError(f"{' and '.join(missing)} must be set too, or call fit")
        stated = self.weight_concentration_
        if self.weight_concentration_prior_type == "dirichlet_process":
            if not isinstance(stated, tuple) or len(stated) != 2:
                raise ParameterError("weight_concentration_ of a Dirichlet process is a pair of arrays")
            return StickBreakingWeights(*(as_numbers(as_numpy(part), "weight_concentration_") for part in stated))
        return DirichletWeights(as_numbers(as_numpy(stated), "weight_concentration_"))

    def _evaluated(self) -> Evaluation:
        mixture = self._as_mixture()
        components, (k, d) = mixture.components, mixture.means.shape
        constants = GAUSSIAN.log_constant(d) - components.form.log_determinant(components.factor, k, d)
        constants = constants + self._weight_distribution().expected_logs() + self._shifts(mixture)
        return ExpectedDensities(components._replace(log_constants=constants), mixture.features)

    def _shifts(self, mixture: Mixture) -> Array:
        """The expected log densities ``(K,)`` of the components less the log densities at posterior expectations."""
        k, d = mixture.means.shape
        precisions = as_numbers(as_numpy(self.mean_precision_), "mean_precision_")
        return np.asarray((WISHART.e(self._degrees(k), d) - d / precisions) / 2.0)

    def _estimate_log_prob(self, X: Any, xp: Any = None) -> NDArray[Any]:
        found = super()._estimate_log_prob(X)
        return np.asarray(found + self._shifts(self._as_mixture()).astype(found.dtype))

    def _estimate_log_weights(self, xp: Any = None) -> NDArray[Any]:
        return self._weight_distribution().expected_logs()

    def _get_parameters(self) -> tuple[Any, ...]:
        return (
            self.weight_concentration_,
            self.mean_precision_,
            self.means_,
            self.degrees_of_freedom_,
            self.covariances_,
            self.precisions_cholesky_,
        )

    def _set_parameters(self, params: tuple[Any, ...], xp: Any = None) -> None:
        (
            self.weight_concentration_,
            self.mean_precision_,
            self.means_,
            self.degrees_of_freedom_,
            self.covariances_,
            self.precisions_cholesky_,
        ) = params
        self.weights_ = self._weight_distribution().means()
        factor = np.asarray(as_numpy(self.precisions_cholesky_))
        matrices = factor.ndim > 2 or self.covariance_type == "tied"
        self.precisions_ = in_kind(factor @ factor.mT if matrices else factor**2, self.precisions_cholesky_)
