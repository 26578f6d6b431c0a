"""Conversions to and from scikit-learn's own mixture classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError, needing
from gmix.exchange.contract import COVARIANCE_TYPES, Mixture, Parameters, without_background, without_dependence
from gmix.model.covariance import FULL, TIED, Form, structure as as_structure
from gmix.model.covariance.form import symmetric

__all__ = ["estimator_of", "parameters_of"]

Array = NDArray[np.float64]
_NEEDED = ("weights_", "means_", "covariances_", "covariance_type")


def estimator_of(mixture: Mixture) -> Any:
    """A fitted ``sklearn.mixture.GaussianMixture`` with the parameters of a mixture."""
    with needing("sklearn", "to_sklearn"):
        from sklearn.mixture import GaussianMixture

    without_background(mixture, "scikit-learn's class")
    without_dependence(mixture, "scikit-learn's class")
    form, components = mixture.structure.form, mixture.components
    estimator = GaussianMixture(mixture.n_components, covariance_type=COVARIANCE_TYPES[form])
    matrices = form in (FULL, TIED)
    whitener = components.whitener
    estimator.weights_, estimator.means_ = mixture.weights.copy(), mixture.means.copy()
    estimator.covariances_ = np.array(form.compress(mixture.covariances))
    estimator.precisions_cholesky_ = np.array(whitener.mT if matrices else whitener)
    estimator.precisions_ = whitener.mT @ whitener if matrices else whitener**2
    estimator.n_features_in_ = mixture.n_features
    if mixture.features is not None:
        estimator.feature_names_in_ = np.array(mixture.features, object)
    estimator.converged_, estimator.n_iter_, estimator.lower_bound_ = True, 0, np.nan
    return estimator


def parameters_of(estimator: Any) -> Parameters:
    """The parameters of the mixture that a fitted estimator describes. Raises `ParameterError` for anything else."""
    if missing := [name for name in _NEEDED if not hasattr(estimator, name)]:
        raise ParameterError(
            f"a {type(estimator).__name__} without {' and '.join(missing)} is not a fitted mixture; give a "
            "GaussianMixture or BayesianGaussianMixture of scikit-learn, and call its fit first"
        )
    means = np.asarray(estimator.means_, np.float64)
    structure = as_structure(estimator.covariance_type)
    names = getattr(estimator, "feature_names_in_", None)
    return {
        "weights": np.asarray(estimator.weights_, np.float64),
        "means": means,
        "covariances": _symmetric(structure.form, np.asarray(estimator.covariances_, np.float64)),
        "structure": structure,
        "features": None if names is None else [str(name) for name in names],
    }


def _symmetric(form: Form, covariances: Array) -> Array:
    """Covariances, symmetric to the last bit; those of float32 rows are symmetric only to that precision."""
    matrices = form in (FULL, TIED) and covariances.ndim > 1
    return symmetric(covariances) if matrices else covariances
