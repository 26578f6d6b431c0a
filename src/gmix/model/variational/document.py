"""Conversions of a posterior to a document (dictionaries and lists for a model file) and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from gmix.base.errors import ModelFileError
from gmix.model.covariance import Structure
from gmix.model.mixture import GaussianMixture
from gmix.model.variational.parameters import ParameterDistribution
from gmix.model.variational.posterior import Posterior
from gmix.model.variational.precisions import law_of
from gmix.model.variational.weights import DirichletWeights, StickBreakingWeights, WeightDistribution
from gmix.model_file import as_array, as_float, expect

__all__ = ["posterior_document", "posterior_from"]

Document = dict[str, Any]
_ARRAYS = ("mass", "mean", "divisor", "scatter", "floor")


def posterior_document(posterior: Posterior) -> Document:
    """The document of a posterior with its prior. The evidence of other candidates is left out, as a search is."""
    return {
        "parameters": _parameters_document(posterior.parameters),
        "prior": _parameters_document(posterior.prior),
        "counts": posterior.counts.tolist(),
        "lower_bound": posterior.lower_bound,
    }


def posterior_from(document: Document, mixture: GaussianMixture) -> Posterior:
    """The posterior of a document, whose expectations are this mixture, to the last bit."""
    structure, shape = mixture.structure, mixture.means.shape
    counts = as_array(document["counts"], shape[:1])
    parameters, prior = (_parameters_from(document[name], structure, shape) for name in ("parameters", "prior"))
    expect(type(parameters.weights) is type(prior.weights), "the posterior and the prior are of different kinds")
    try:
        parameters.divergence(prior)
    except np.linalg.LinAlgError:
        raise ModelFileError("the posterior has a scale that is not positive definite") from None
    return Posterior(parameters, prior, counts, as_float(document["lower_bound"]), mixture.features)


def _parameters_document(parameters: ParameterDistribution) -> Document:
    weights = parameters.weights
    if isinstance(weights, StickBreakingWeights):
        stated = {"first": weights.first.tolist(), "second": weights.second.tolist()}
    else:
        assert isinstance(weights, DirichletWeights)
        stated = {"concentration": weights.concentration.tolist()}
    return {"weights": stated, **{name: getattr(parameters, name).tolist() for name in _ARRAYS}}


def _parameters_from(document: Document, structure: Structure, shape: tuple[int, int]) -> ParameterDistribution:
    k, d = shape
    shapes = dict(zip(_ARRAYS, [(k,), shape, (k,), structure.form.shape(k, d), (d,)], strict=True))
    arrays = {name: as_array(document[name], shapes[name]) for name in _ARRAYS}
    expect(all(bool((arrays[name] > 0.0).all()) for name in ("mass", "divisor", "floor")), "a precision is negative")
    return ParameterDistribution(structure, law_of(structure.form), _weights_from(document["weights"], k), **arrays)


def _weights_from(document: Document, n_components: int) -> WeightDistribution:
    arrays = {name: as_array(values, (n_components,)) for name, values in document.items()}
    expect(all(bool((array > 0.0).all()) for array in arrays.values()), "a concentration is negative")
    if "concentration" in arrays:
        return DirichletWeights(arrays["concentration"])
    return StickBreakingWeights(**arrays)
