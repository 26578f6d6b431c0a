"""`read_parameters`: a mixture from the parameters that mclust, MATLAB or Spark estimated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from gmix.base.arguments import as_numbers
from gmix.base.errors import ParameterError
from gmix.base.other_names import other_words
from gmix.base.wording import listed
from gmix.exchange.contract import Parameters
from gmix.exchange.layouts import ARRAYS, COLUMNS, FROM, model_name, parameters_of_rows
from gmix.exchange.parameter_files import Columns, contents
from gmix.model.mixture import GaussianMixture

__all__ = ["read_parameters"]


@other_words()
def read_parameters(
    source: str | PathLike[str] | Mapping[str, Any], features: Sequence[str] | None = None
) -> GaussianMixture:
    """Read a mixture from the parameters that mclust, MATLAB or Spark estimated.

    Which of them wrote the parameters is recognized from their names:

    * mclust: `pro`, `mean` and `sigma`, as in ``m$parameters``; `modelName` is the structure, and `Vinv` the density
      of the noise component, which becomes a background;
    * MATLAB: `ComponentProportion`, `mu` and `Sigma`, as in a ``gmdistribution``;
    * Spark: `weights`, and `gaussians` with `mean` and `cov`, as in a ``GaussianMixtureModel``.

    Parameters
    ----------
    source : the path of a file of JSON or CSV, or a mapping with the same names. Arrays of JSON have the shapes of
        that software. A table of CSV has one row per component, with columns such as ``pro``, ``mean.1``, ``mean.2``,
        ``sigma.1`` and so on, in which a matrix is written row by row; for Spark, ``weights``, ``mean_1`` and
        ``cov_1``. What follows the name of a mean is the name of a feature, unless it is a number. The outputs of R's
        ``write.csv(unlist(m$parameters))`` and of ``gmix convert model.json parameters.csv`` are read too.
    features : the names of the columns; they replace those of the table.

    Returns
    -------
    The `GaussianMixture` of these parameters.

    Raises `ParameterError` for a file that cannot be read, for a name that is missing, and for arrays that do not fit.

    >>> import gmix
    >>> gmix.read_parameters(
    ...     {
    ...         "ComponentProportion": [0.4, 0.6],
    ...         "mu": [[0, 0], [5, 5]],
    ...         "Sigma": [[1, 0], [0, 2]],
    ...     }
    ... )
    GaussianMixture(EEE, 2 components, 2 features)
    """
    try:
        found = contents(source)
        parameters = _of_columns(found) if isinstance(found, Columns) else _of_document(found)
        if features is not None:
            parameters["features"] = features
        return GaussianMixture(**parameters)
    except ParameterError as error:
        if isinstance(source, Mapping):
            raise
        raise ParameterError(f"{source}: {error}") from None


def _of_document(document: dict[str, Any]) -> Parameters:
    if document.get("format") == "gmix":
        raise ParameterError("it is a model file; read it with gmix.load(path).mixture")
    if "sigmasq" in document:  # mclust's name for the variances of one column
        document = {"sigma": document["sigmasq"], **document}
    return FROM[_recognized(ARRAYS, document)](document)


def _of_columns(table: Columns) -> Parameters:
    found = {name: table.of(name) for names in COLUMNS.values() for name in names}
    names = COLUMNS[_recognized(COLUMNS, [name for name in found if found[name]] or table.cells)]
    weights, means, covariances = (as_numbers(list(found[name].values()), f"{name} of the table").T for name in names)
    parameters = parameters_of_rows(weights[:, 0], means, covariances, model_name(table.cells))
    features = list(found[names[1]])
    return parameters if any(not name or name.isdigit() for name in features) else {**parameters, "features": features}


def _recognized(wanted: Mapping[str, Sequence[str]], given: Iterable[str]) -> str:
    """The software of which most names are given. Raises `ParameterError` if one of its names is missing."""
    known = list(given)
    software = max(wanted, key=lambda software: sum(name in known for name in wanted[software]))
    missing = [name for name in wanted[software] if name not in known]
    if len(missing) == len(wanted[software]):
        choices = "; ".join(f"{listed(names)} of {software}" for software, names in wanted.items())
        there = f"{listed(known, 5)} are not the parameters of a mixture" if known else "it is empty"
        raise ParameterError(f"{there}; give {choices}")
    if missing:
        named = f"the parameters of {software} are {listed(wanted[software])}"
        raise ParameterError(f"there is no {' and no '.join(missing)}; {named}")
    return software
