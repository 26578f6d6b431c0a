"""Methods that scikit-learn keeps to itself, but that other packages call."""
# ruff: noqa: N803  (X is scikit-learn's name for the rows)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmix.base.arguments import as_numbers
from gmix.model.blur import Blur
from gmix.model.covariance import structure as as_structure
from gmix.model.mixture import (
    GaussianMixture as Mixture,
    compact_covariances,
    unchecked_mixture,
    with_dependent_features,
)
from gmix.model.statistics import SufficientStatistics
from gmix.sklearn.array_api import as_numpy, in_kind
from gmix.sklearn.parameters import FittedParameters
from gmix.sklearn.start import InitParameters, given_parameters

__all__ = ["LogProbabilities", "ProtectedNames"]

Rows = NDArray[Any]
_DOUBLE = np.dtype(np.float64)


class LogProbabilities(FittedParameters):
    """scikit-learn's protected methods about densities, of which two depend on the kind of estimator."""

    def _estimate_log_prob(self, X: Any, xp: Any = None) -> Rows:
        """``log N_k(x)`` of each row and component, ``(N, K)``."""
        rows = as_numpy(X)
        found = [component.log_density(rows) for component in _components(self._as_mixture())]
        return np.stack(found, axis=1).astype(self._precision(rows))

    def _estimate_log_weights(self, xp: Any = None) -> Rows:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(as_numpy(self.weights_)))

    def _estimate_weighted_log_prob(self, X: Any, xp: Any = None) -> Rows:
        """``log w_k N_k(x)`` of each row and component, ``(N, K)``."""
        return np.asarray(self._estimate_log_prob(X) + self._estimate_log_weights())

    def _estimate_log_prob_resp(self, X: Any, xp: Any = None) -> tuple[Rows, Rows]:
        """The log density ``(N,)`` of each row, and the logarithms of its responsibilities ``(N, K)``."""
        joint = self._estimate_weighted_log_prob(X)
        log_density = logsumexp(joint, axis=1)
        with np.errstate(under="ignore"):
            return log_density, joint - log_density[:, None]


class ProtectedNames(LogProbabilities, InitParameters):
    """scikit-learn's protected methods, with its arguments and results, in terms of the public ones.

    They are here because packages that derive from scikit-learn's class or wrap it call them: for criteria of their
    own (`_n_parameters`), for densities of single components, and to save and restore parameters. A fit does not call
    them, so a class that overrides one of them does not change the fit.
    """

    reg_covar: float | None

    def _n_parameters(self) -> int:
        return self._as_mixture().n_parameters

    def _initialize(self, X: Any, resp: Any, xp: Any = None) -> None:
        """Set the parameters to those of responsibilities ``(N, K)``, or to `weights_init` and so on where given."""
        rows, shares = np.asarray(as_numpy(X)), as_numbers(as_numpy(resp), "resp")
        structure = as_structure(self.covariance_type).in_columns(rows.shape[1])
        statistics = SufficientStatistics.from_responsibilities(structure.form, rows, shares, None)
        prior = Blur(np.full(rows.shape[1], self.reg_covar)) if self.reg_covar else None
        given = given_parameters(self, structure, (shares.shape[1], rows.shape[1]))
        drawn = Mixture.from_statistics(statistics, structure, prior)
        dtype = rows.dtype if rows.dtype == np.float32 else _DOUBLE
        self._describe(given.mixture(structure, drawn, None), dtype, X)

    def _get_parameters(self) -> tuple[Rows, Rows, Rows, Rows]:
        return self.weights_, self.means_, self.covariances_, self.precisions_cholesky_

    def _set_parameters(self, params: tuple[Any, Any, Any, Any], xp: Any = None) -> None:
        self.weights_, self.means_, self.covariances_, self.precisions_cholesky_ = params
        factor = np.asarray(as_numpy(self.precisions_cholesky_))
        matrices = factor.ndim > 2 or self.covariance_type == "tied"
        self.precisions_ = in_kind(factor @ factor.mT if matrices else factor**2, self.precisions_cholesky_)


def _components(mixture: Mixture) -> list[Mixture]:
    """Each component as a distribution of its own."""
    part, form, compact = mixture.independent_part, mixture.structure.form, compact_covariances(mixture)
    found = [
        unchecked_mixture(np.ones(1), part.means[[k]], form.take(compact, [k]), mixture.structure, part.features)
        for k in range(mixture.n_components)
    ]
    if mixture.dependence is None:
        return found
    return [with_dependent_features(component, mixture.dependence, mixture.features) for component in found]
