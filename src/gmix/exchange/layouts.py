"""How mclust, MATLAB and Spark name and lay out the parameters of a mixture.

`ARRAYS` has the names in a document of JSON, which `FROM` converts. `COLUMNS` has the names of weights, means and
covariances in a table of one row per component, which `parameters_of_rows` converts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import as_numbers
from gmix.base.errors import ParameterError
from gmix.exchange.contract import Parameters
from gmix.model.background import Background

__all__ = ["ARRAYS", "COLUMNS", "FROM", "model_name", "parameters_of_rows"]

Array = NDArray[np.float64]
Document = Mapping[str, Any]


def _from_mclust(document: Document) -> Parameters:
    """From ``pro (K,)``, ``mean (D, K)`` and ``sigma (D, D, K)``; with a `Vinv`, the last weight is of the noise."""
    weights, means, sigma = _vector(document, "pro"), _numbers(document, "mean"), _numbers(document, "sigma")
    density = _vector(document, "Vinv") if _is_stated(document, "Vinv") else np.zeros(0)
    n_components = max(len(weights) - len(density), 1)
    n_features = max(means.size // n_components, 1)
    means = _shaped(means, "mean", (n_features, n_components))
    if n_features == sigma.size == 1:  # one variance for all
        sigma = np.broadcast_to(sigma.ravel(), n_components)
    sigma = _shaped(sigma, "sigma", (n_features, n_features, n_components))
    found = _parameters(weights[:n_components], means.T, np.moveaxis(sigma, -1, 0), model_name(document))
    if len(density):
        found["background"] = Background.of_density(float(weights[-1]), float(density[0]), n_features)
    return found


def model_name(document: Document) -> str:
    """The structure that mclust calls `modelName`; the X of one component stands for E."""
    if not _is_stated(document, "modelName"):
        return "full"
    return str(np.ravel(document["modelName"])[0]).replace("X", "E")


def _from_matlab(document: Document) -> Parameters:
    """From ``ComponentProportion (K,)``, ``mu (K, D)`` and `Sigma`: ``(D, D)`` or ``(1, D)``, for each or for all."""
    weights, means = _vector(document, "ComponentProportion"), _numbers(document, "mu")
    sigma = _numbers(document, "Sigma")
    n_components = len(weights)
    n_features = max(means.size // max(n_components, 1), 1)
    means = _shaped(means, "mu", (n_components, n_features))
    if sigma.ndim < 3 and sigma.size in (n_features, n_features**2):  # MATLAB writes no last axis of length one
        sigma = sigma.reshape(-1, n_features, 1)
    elif sigma.ndim < 3:
        sigma = _shaped(sigma, "Sigma", (n_features, n_features, n_components))
    shared, diagonal = sigma.shape[-1] < n_components, len(sigma) < n_features
    sigma = _shaped(sigma, "Sigma", (1 if diagonal else n_features, n_features, 1 if shared else n_components))
    pages = np.broadcast_to(np.moveaxis(sigma, -1, 0), (n_components, *sigma.shape[:2]))
    structure = ("EEI" if diagonal else "EEE") if shared else ("VVI" if diagonal else "VVV")
    return _parameters(weights, means, pages[:, 0] if diagonal else pages, structure)


def _from_spark(document: Document) -> Parameters:
    """From ``weights (K,)``, and `gaussians`: for each component its `mean` and `cov`."""
    gaussians = document["gaussians"]
    if not isinstance(gaussians, list) or not all(isinstance(part, Mapping) for part in gaussians):
        raise ParameterError("gaussians is not a list of objects; give for each component its mean and cov")
    if any(name not in part for part in gaussians for name in ("mean", "cov")):
        raise ParameterError("one of the gaussians has no mean or no cov; give both for each component")
    means = as_numbers([_values(part["mean"]) for part in gaussians], "mean")
    covariances = as_numbers([_values(part["cov"]) for part in gaussians], "cov")
    means = _shaped(means, "mean", (len(gaussians), max(means.size // max(len(gaussians), 1), 1)))
    covariances = covariances.reshape(len(means), -1) if covariances.size else covariances
    n_features = means.shape[1]
    covariances = _shaped(covariances, "cov", (len(means), n_features**2)).reshape(-1, n_features, n_features)
    return _parameters(_vector(document, "weights"), means, covariances, "VVV")


def _values(value: Any) -> Any:
    """The numbers of a vector or matrix, which Spark writes as an object with `values`."""
    return value["values"] if isinstance(value, Mapping) and "values" in value else value


def parameters_of_rows(weights: Array, means: Array, covariances: Array, structure: str) -> Parameters:
    """The parameters of rows of one component each, with weights ``(K,)``, means ``(K, D)`` and covariances.

    A row has the covariance matrix row by row, or its upper triangle, or D variances.
    """
    n_components, n_features = means.shape
    if covariances.shape[1] == n_features**2:
        return _parameters(weights, means, covariances.reshape(n_components, n_features, n_features), structure)
    upper = np.triu_indices(n_features)
    if covariances.shape[1] == len(upper[0]):
        matrices = np.empty((n_components, n_features, n_features))
        matrices[:, *upper] = matrices.mT[:, *upper] = covariances
        return _parameters(weights, means, matrices, structure)
    return _parameters(weights, means, _shaped(covariances, "covariances", means.shape), "VVI")


def _parameters(weights: Array, means: Array, covariances: Array, structure: str) -> Parameters:
    """The arguments of a mixture, with the covariances ``(K, D, D)`` of matrices or of variances ``(K, D)``."""
    if covariances.ndim == 2:
        covariances = covariances[:, :, None] * np.eye(means.shape[1])
    return {"weights": weights, "means": means, "covariances": covariances, "structure": structure}


def _is_stated(document: Document, name: str) -> bool:
    """Whether a document has a value of this name; R's NULL is an empty object or list of JSON."""
    value = document.get(name)
    return not (value is None or (isinstance(value, (Mapping, list)) and not value))


def _numbers(document: Document, name: str) -> Array:
    return as_numbers(document[name], name)


def _vector(document: Document, name: str) -> Array:
    return np.atleast_1d(np.squeeze(_numbers(document, name)))


def _shaped(array: Array, name: str, shape: tuple[int, ...]) -> Array:
    """The array in a shape; an array of one axis is in the column-major order of R.

    Axes of length one may be missing. Raises `ParameterError` for an array of another shape.
    """
    lengths = tuple(n for n in array.shape if n > 1)
    if array.size != np.prod(shape) or (array.ndim > 1 and lengths != tuple(n for n in shape if n > 1)):
        raise ParameterError(f"{name} has shape {array.shape}; to match the other parameters it must be {shape}")
    return array.reshape(shape, order="F" if array.ndim == 1 else "C")


FROM = {"mclust": _from_mclust, "MATLAB": _from_matlab, "Spark": _from_spark}
ARRAYS = {
    "mclust": ("pro", "mean", "sigma"),
    "MATLAB": ("ComponentProportion", "mu", "Sigma"),
    "Spark": ("weights", "gaussians"),
}
COLUMNS = {**ARRAYS, "Spark": ("weights", "mean", "cov"), "gmix convert": ("weight", "mean", "cov")}
