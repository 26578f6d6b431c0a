"""Conversions of mixtures, statistics and priors to documents (dictionaries and lists for a model file) and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ModelFileError, ParameterError
from gmix.model.background import Background
from gmix.model.covariance import Form, Structure, structure as as_structure
from gmix.model.dependence import Dependence
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture, with_dependent_features
from gmix.model.priors import Dirichlet, NormalInverseWishart, Prior
from gmix.model.reference import Reference
from gmix.model.shrinkage import Shrinkage
from gmix.model.statistics import SufficientStatistics
from gmix.model.student import AnyMixture, StudentMixture
from gmix.model_file import UnknownStructureError, as_array, as_float, expect

__all__ = [
    "mixture_document", "mixture_from", "prior_document", "prior_from", "statistics_document", "statistics_from",
]  # fmt: skip

Array = NDArray[np.float64]
Document = dict[str, Any]
_PRIORS = {kind.__name__: kind for kind in (Dirichlet, NormalInverseWishart, Shrinkage)}


def mixture_document(mixture: AnyMixture) -> Document:
    """The document of a mixture, with the columns that follow from others."""
    if isinstance(mixture, StudentMixture):
        degrees = {"degrees_of_freedom": mixture.degrees_of_freedom.tolist(), "estimated": mixture.estimated}
        return mixture_document(mixture.normal) | {"student": degrees}
    dependence = mixture.dependence
    return {
        "structure": _code(mixture.structure),
        "features": mixture.features,
        "weights": mixture.weights.tolist(),
        "means": mixture.independent_part.means.tolist(),
        "covariances": compact_covariances(mixture).tolist(),
        **({} if dependence is None else {"dependence": _dependence_document(dependence)}),
        **({} if mixture.background is None else {"background": mixture.background.document}),
    }


def mixture_from(document: Document) -> AnyMixture:
    """The mixture of a document, to the last bit."""
    normal = _normal_from(document)
    if "student" not in document:
        return normal
    estimated = document["student"]["estimated"]
    degrees = as_array(document["student"]["degrees_of_freedom"], (normal.n_components,))
    expect(estimated in ("none", "all", "each"), "it is not known which degrees of freedom are estimated")
    expect(bool((degrees > 0.0).all()), "the degrees of freedom are not positive")
    return StudentMixture.of(normal, degrees, estimated)


def _normal_from(document: Document) -> GaussianMixture:
    """The mixture of a document, to the last bit, without its degrees of freedom if it has some."""
    structure, features = _structure_from(document["structure"]), document["features"]
    expect(features is None or isinstance(features, list), "the features are not a list of names")
    dependence, names = None, features
    if "dependence" in document:
        dependence = _dependence_from(document["dependence"])
        all_names = [f"x{j + 1}" for j in range(len(dependence.offset))] if features is None else features
        expect(len(all_names) == len(dependence.offset), "the features do not fit the dependence")
        names = [all_names[j] for j in dependence.independent]
    background = Background.from_document(document["background"]) if "background" in document else None
    checked = GaussianMixture(
        document["weights"], document["means"], document["covariances"], structure, names, background
    )
    # The constructor divides the weights by their sum, which may change the last bit; the stored weights are exact.
    # What a background leaves to the components is known to the rounding of one.
    weights = as_array(document["weights"], (checked.n_components,))
    rounding = 0.0 if background is None else 1e-15
    expect(bool(np.allclose(weights, checked.weights, rtol=1e-12, atol=rounding)), "the weights do not sum to one")
    mixture = unchecked_mixture(
        weights, checked.means, compact_covariances(checked), checked.structure, checked.features, background
    )
    if dependence is not None:
        expect(len(dependence.independent) == checked.n_features, "the dependence does not fit the means")
        mixture = with_dependent_features(mixture, dependence, None if features is None else tuple(features))
    return mixture


def _code(kind: Structure) -> str:
    """The code that a file stores for a structure. Raises `ModelFileError` if it is the code of another structure."""
    try:
        known = as_structure(kind.code)
    except ParameterError:
        return kind.code
    if known is not kind:
        raise ModelFileError(
            f"a file cannot hold {kind.code!r} because another structure has this code; give yours a code of its own, "
            "and make it known with gmix.covariance.register"
        )
    return kind.code


def _structure_from(code: Any) -> Structure:
    expect(isinstance(code, str), "the structure is not a code")
    try:
        return as_structure(code)
    except ParameterError:
        raise UnknownStructureError(
            f"structure {code!r}, which this gmix does not know; if it is your own, make it known first, with "
            "gmix.covariance.register; if not, the file is damaged"
        ) from None


def _dependence_document(dependence: Dependence) -> Document:
    return {
        "independent": list(dependence.independent),
        "matrix": dependence.matrix.tolist(),
        "offset": dependence.offset.tolist(),
    }


def _dependence_from(document: Document) -> Dependence:
    independent = document["independent"]
    n_features = len(document["offset"])
    valid = isinstance(independent, list) and all(type(j) is int and 0 <= j < n_features for j in independent)
    expect(valid and 0 < len(set(independent)) == len(independent) < n_features, "the dependence names no columns")
    matrix = as_array(document["matrix"], (n_features, len(independent)))
    expect(bool((matrix[independent] == np.eye(len(independent))).all()), "the dependence contradicts itself")
    return Dependence(tuple(independent), matrix, as_array(document["offset"], (n_features,)))


def statistics_document(statistics: SufficientStatistics) -> Document:
    """The document of sufficient statistics; their form is that of the mixture's structure.

    The `reference` of complete and exact rows is left out, because it follows from the other fields.
    """
    reference, extra = statistics.reference, statistics.extra
    return {
        "mass": statistics.mass.tolist(),
        **({} if (statistics.counts == statistics.mass).all() else {"counts": statistics.counts.tolist()}),
        "mean": statistics.mean.tolist(),
        "scatter": statistics.scatter.tolist(),
        "log_likelihood": statistics.log_likelihood,
        "total_weight": statistics.total_weight,
        **({"extra": {name: array.tolist() for name, array in extra.items()}} if extra else {}),
        **({} if reference.is_complete and reference.error is None else {"reference": _reference_document(reference)}),
    }


def statistics_from(document: Document, version: int, mixture: AnyMixture) -> SufficientStatistics:
    """The statistics of a document of this version, computed under this mixture."""
    form, shape = mixture.structure.form, mixture.independent_part.means.shape
    mass = as_array(document["mass"], shape[:1])
    some = bool(mass.sum() > 0) or mixture.background is not None  # which may have all rows
    expect(bool((mass >= 0).all()) and some, "the masses are those of no rows")
    counts = as_array(document["counts"], shape[:1]) if "counts" in document else mass
    expect(bool((counts >= 0).all()), "a count is negative")
    total_weight = as_float(document["total_weight"]) if version > 3 else float(mass.sum())
    expect(total_weight > 0, "the statistics are those of no rows")
    extra = {name: as_array(values, (shape[0], len(values[0]))) for name, values in _extra(document)}
    expect(_fit_together(extra, mixture), "the further sums are not those of this family")
    statistics = SufficientStatistics(
        form,
        mass,
        as_array(document["mean"], shape),
        as_array(document["scatter"], form.scatter_shape(*shape)),
        as_float(document["log_likelihood"]),
        counts,
        counts,
        total_weight=total_weight,
        extra=extra,
    )
    if "reference" not in document:
        return statistics
    reference = _reference_from(document["reference"], form.of_reference, shape[1], total_weight)
    return replace(statistics, reference=reference)


def _extra(document: Document) -> list[tuple[str, Any]]:
    """The further sums of statistics, by name."""
    extra = document.get("extra", {})
    expect(isinstance(extra, dict) and all(extra.values()), "the further sums are not arrays by name")
    return list(extra.items())


def _fit_together(extra: Mapping[str, Array], mixture: AnyMixture) -> bool:
    """Whether there are the further sums that the family needs, and all have their sizes."""
    k, d = mixture.independent_part.means.shape
    sizes = {"log_factors": k, "joint": k, "hidden": math.prod(mixture.structure.form.shape(k, d))}
    has_factors = mixture.independent_part.components.family.has_factors
    return has_factors <= ("log_factors" in extra) and all(
        array.size == sizes.get(name, array.size) for name, array in extra.items()
    )


def _reference_document(reference: Reference) -> Document:
    return {
        "count": reference.count.tolist(),
        "mean": reference.mean.tolist(),
        "scatter": reference.scatter.tolist(),
        **({} if reference.error is None else {"error": reference.error.tolist()}),
    }


def _reference_from(document: Document, form: Form, n_features: int, total_weight: float) -> Reference:
    count = as_array(document["count"], (n_features,))
    expect(bool((count >= 0).all() and (count > 0).any()), "the reference is that of no cells")
    mean, scatter = as_array(document["mean"], (n_features,)), as_array(document["scatter"], form.shape(1, n_features))
    error = as_array(document["error"], (n_features,)) if "error" in document else None
    expect(error is None or bool((error >= 0).all()), "errors are negative")
    return Reference(form, count, mean, scatter, total_weight, error)


def prior_document(prior: Prior | None) -> list[Document]:
    """The terms of a prior, each with its kind and its parameters; none without a prior.

    Raises `ModelFileError` for a prior that is not gmix's own.
    """
    written = []
    for term in () if prior is None else prior.terms:
        if type(term) not in _PRIORS.values():
            raise ModelFileError(
                f"a file cannot hold {term!r}, which is not gmix's own prior; save dataclasses.replace(fit, prior=None)"
            )
        parameters = {
            name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(term).items()
        }
        written.append({"kind": type(term).__name__, **parameters})
    return written


def prior_from(document: Any) -> Prior | None:
    """The prior of a document; None for no terms."""
    expect(isinstance(document, list), "the prior is not a list of terms")
    prior: Prior | None = None
    for stated in document:
        kind = _PRIORS[stated["kind"]]
        term = kind(**{field.name: stated[field.name] for field in fields(kind)})
        prior = term if prior is None else prior + term
    return prior
