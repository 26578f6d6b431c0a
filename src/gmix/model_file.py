"""Files: a fit saved as JSON and read back. Nothing is ever unpickled."""

from __future__ import annotations

import json
import stat
from dataclasses import fields
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_number
from gmix.base.atomic_write import as_path, written_whole
from gmix.base.errors import GmixError, ModelFileError, ParameterError
from gmix.base.findings import Finding
from gmix.fitting.fit import Fit
from gmix.model.covariance import Structure, structure
from gmix.model.dependence import Dependence
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Dirichlet, NormalInverseWishart, Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason

__all__ = ["load", "save"]

_VERSION = 4  # version 1 has no prior, version 2 no levels of findings, version 3 no weighted number of rows
_PRIORS = {kind.__name__: kind for kind in (Dirichlet, NormalInverseWishart)}
_LARGEST = 1 << 30  # bytes; no mixture that fits in memory as text is larger


def save(fit: Fit, path: str | PathLike[str]) -> None:
    """Write a fit to a JSON file that says everything but the search.

    Numbers are written so that they read back to the last bit. The file appears whole or not at all. Raises
    `ModelFileError` where no file can be made, on a full disk, for a prior that is not gmix's own, and for a structure
    whose code means another one. A structure of your own has to be registered before the file is loaded; see
    `gmix.covariance.register`.
    """
    mixture, statistics = fit.mixture, fit.statistics
    document = {
        "format": "gmix",
        "version": _VERSION,
        "mixture": {
            "structure": _code(mixture.structure),
            "features": mixture.features,
            "weights": mixture.weights.tolist(),
            "means": mixture.independent_part.means.tolist(),
            "covariances": mixture.compact_covariances.tolist(),
            **({} if mixture.dependence is None else {"dependence": _written(mixture.dependence)}),
        },
        "statistics": {
            "mass": statistics.mass.tolist(),
            "mean": statistics.mean.tolist(),
            "scatter": statistics.scatter.tolist(),
            "log_likelihood": statistics.log_likelihood,
            "n_rows": statistics.n_rows,
        },
        "prior": _terms(fit.prior),
        "log_prior": fit.log_prior,
        "history": fit.history,
        "reason": fit.reason.name,
        "n_rows": fit.n_rows,
        "findings": [[finding.name, finding.message, finding.level] for finding in fit.findings],
    }
    with written_whole(path, ModelFileError) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)


def load(path: str | PathLike[str]) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Raises `ModelFileError` for a file that is damaged, not a gmix model, or of a newer version, and for a folder, a
    device or a pipe. It never runs what it finds, and takes no more than a small multiple of the file's size.
    """
    path = as_path(path, ModelFileError)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(
                f"{path} is not a gmix model but a folder, a device or a pipe; give a file that fit.save wrote"
            )
        if status.st_size > _LARGEST:
            raise ModelFileError(f"{path} is larger than any gmix model; is it the right file?")
        with path.open("rb") as file:
            document = json.loads(file.read(status.st_size).decode("utf-8"))
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}; check the path") from None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"{path} is not a gmix model, or is damaged ({error}); give a file that fit.save or gmix fit --out wrote"
        ) from None
    if not isinstance(document, dict) or document.get("format") != "gmix":
        raise ModelFileError(f"{path} is not a gmix model; give a file that fit.save or gmix fit --out wrote")
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise ModelFileError(f"{path} says no version; save the fit again")
    if version > _VERSION:
        raise ModelFileError(f"{path} has version {version} and this gmix reads {_VERSION}; install a newer gmix")
    try:
        return _fit(document)
    except (GmixError, LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelFileError(f"{path} {_refusal(error)}") from None


def _refusal(error: Exception) -> str:
    """Why a document cannot be read, and what to do."""
    if isinstance(error, _UnknownStructureError):
        return f"holds a mixture of {error}"
    reason = str(error) if isinstance(error, GmixError) else "a part is missing or of the wrong kind"
    return f"is damaged ({reason}); save the fit again"


def _fit(document: dict[str, Any]) -> Fit:
    stated, counted = document["mixture"], document["statistics"]
    named, features = _structure(stated["structure"]), stated["features"]
    _expect(features is None or isinstance(features, list), "the features are not a list of names")
    dependence = _read_dependence(stated["dependence"]) if "dependence" in stated else None
    if dependence is not None:
        _expect(features is None or len(features) == len(dependence.offset), "the features do not fit the dependence")
    names = None if dependence is None else [f"x{j + 1}" for j in dependence.independent]
    own = (
        features if dependence is None else names if features is None else [features[j] for j in dependence.independent]
    )
    checked = GaussianMixture(stated["weights"], stated["means"], stated["covariances"], named, own)
    kind = checked.structure
    n_components, n_features = checked.means.shape
    # The constructor divides the weights by their sum, which may move a last bit; keep what was written.
    weights = _array(stated["weights"], (n_components,))
    _expect(bool(np.allclose(weights, checked.weights, rtol=1e-12, atol=0.0)), "the weights do not sum to one")
    mixture = GaussianMixture.unchecked(weights, checked.means, checked.compact_covariances, kind, checked.features)
    if dependence is not None:
        _expect(len(dependence.independent) == n_features, "the dependence does not fit the means")
        mixture = mixture.carrying(dependence, None if features is None else tuple(features))
    mass = _array(counted["mass"], (n_components,))
    _expect(bool((mass >= 0).all() and mass.sum() > 0), "the masses are those of no rows")
    weighted = _number(counted["n_rows"]) if document["version"] > 3 else float(mass.sum())
    _expect(weighted > 0, "the statistics are those of no rows")
    statistics = SufficientStatistics(
        kind.form,
        mass,
        _array(counted["mean"], (n_components, n_features)),
        _array(counted["scatter"], kind.form.shape(n_components, n_features)),
        _number(counted["log_likelihood"]),
        n_rows=weighted,
    )
    history = tuple(_number(value) for value in document["history"])
    _expect(len(history) > 0, "the history is empty")
    n_rows = document["n_rows"]
    _expect(type(n_rows) is int and n_rows > 0, "n_rows is not a count")
    findings = tuple(Finding(*texts) for texts in document["findings"])
    _expect(all(isinstance(text, str) for f in findings for text in (f.name, f.message)), "a finding is not text")
    prior = _prior(document["prior"]) if document["version"] > 1 else None
    if prior is not None:  # or it is not one of such a mixture
        prior.log_density(mixture.weights, mixture.components, statistics, mixture.structure)
    log_prior, reason = _number(document["log_prior"]), Reason[document["reason"]]
    return Fit(mixture, statistics, log_prior, history, reason, n_rows, findings, prior=prior)


class _UnknownStructureError(ModelFileError):
    """A file names a structure that is neither gmix's own nor registered."""


def _code(kind: Structure) -> str:
    """The code that a file stores for a structure; it must not be read back as another structure."""
    try:
        known = structure(kind.code)
    except ParameterError:
        return kind.code
    if known is not kind:
        raise ModelFileError(
            f"a file cannot hold {kind.code!r} because another structure has this code; give yours a code of its own, "
            "and make it known with gmix.covariance.register"
        )
    return kind.code


def _structure(code: Any) -> Structure:
    _expect(isinstance(code, str), "the structure is not a code")
    try:
        return structure(code)
    except ParameterError:
        raise _UnknownStructureError(
            f"structure {code!r}, which this gmix does not know; if it is your own, make it known first, with "
            "gmix.covariance.register; if not, the file is damaged"
        ) from None


def _written(dependence: Dependence) -> dict[str, Any]:
    return {
        "independent": list(dependence.independent),
        "matrix": dependence.matrix.tolist(),
        "offset": dependence.offset.tolist(),
    }


def _read_dependence(stated: dict[str, Any]) -> Dependence:
    independent = stated["independent"]
    n_features = len(stated["offset"])
    sound = isinstance(independent, list) and all(type(j) is int and 0 <= j < n_features for j in independent)
    _expect(sound and 0 < len(set(independent)) == len(independent) < n_features, "the dependence names no columns")
    matrix = _array(stated["matrix"], (n_features, len(independent)))
    _expect(bool((matrix[independent] == np.eye(len(independent))).all()), "the dependence contradicts itself")
    return Dependence(tuple(independent), matrix, _array(stated["offset"], (n_features,)))


def _terms(prior: Prior | None) -> list[dict[str, Any]]:
    """A prior as JSON holds it: the terms of the sum, each with its kind and what it was told; none for no prior."""
    written = []
    for term in () if prior is None else prior.terms:
        if type(term) not in _PRIORS.values():
            raise ModelFileError(
                f"a file cannot hold {term!r}, which is not gmix's own prior; save dataclasses.replace(fit, prior=None)"
            )
        told = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(term).items()}
        written.append({"kind": type(term).__name__, **told})
    return written


def _prior(terms: Any) -> Prior | None:
    _expect(isinstance(terms, list), "the prior is not a list of terms")
    prior: Prior | None = None
    for term in terms:
        kind = _PRIORS[term["kind"]]
        told = {field.name: term[field.name] for field in fields(kind)}
        prior = kind(**told) if prior is None else prior + kind(**told)
    return prior


def _expect(sound: bool, otherwise: str) -> None:
    if not sound:
        raise ModelFileError(otherwise)


def _number(value: Any) -> float:
    _expect(is_number(value), "a number is missing")
    return float(value)


def _array(values: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.array(values, np.float64)
    _expect(
        array.shape == shape and bool(np.isfinite(array).all()),
        f"an array has shape {array.shape} instead of {shape}, or holds a value that is not finite",
    )
    return array
