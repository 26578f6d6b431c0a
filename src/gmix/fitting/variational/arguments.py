"""Reads the arguments of a variational fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gmix.base.errors import ParameterError, one_of
from gmix.fitting.start import GivenMixture, Start
from gmix.model.covariance import Structure
from gmix.model.variational import VariationalPrior

__all__ = ["check_structures", "variational_covariance", "variational_prior"]

_INFERENCE = ("em", "variational")
_FORMS = ("full", "tied", "diag", "spherical")
_WHY = {  # of arguments that variational Bayes has no place for
    "equal_weights": "the posterior is of free weights",
    "covariance_ratio": "the prior keeps components from collapsing",
    "trim": "the lower bound is that of all rows",
    "components_per_row": "its E-step is exact",
    "freeze": "every parameter has a posterior",
    "labels": "components do not belong to groups",
    "background": "every row belongs to a component; compare fits with inference='em' for a background",
    "criterion": "the lower bound compares the candidates",
}


def variational_prior(inference: object, prior: object, others: Mapping[str, object]) -> VariationalPrior | None:
    """The prior of a variational fit; None if inference is not variational.

    Raises `ParameterError` for another word, for a prior of another kind, and for one of the other arguments that do
    not go with it. They are those that the user gave, and False or None for the others.
    """
    if one_of(inference, _INFERENCE, "inference") == "em":
        return None
    for name, value in others.items():
        if value is not None and value is not False:
            raise ParameterError(f"{name} does not go with inference='variational': {_WHY[name]}; leave it out")
    if prior is None:
        return VariationalPrior()
    if isinstance(prior, VariationalPrior):
        return prior
    raise ParameterError(
        f"prior is {prior!r}; with inference='variational' give a gmix.VariationalPrior, or None for its defaults"
    )


def variational_covariance(
    covariance: str | Structure | Iterable[str | Structure], start: Start
) -> str | Structure | Iterable[str | Structure]:
    """The structures to compare: all four for ``"auto"``, or that of a given mixture."""
    if isinstance(covariance, str) and covariance == "auto" and not isinstance(start, GivenMixture):
        return _FORMS
    return covariance


def check_structures(structures: Iterable[Structure]) -> None:
    """Raise `ParameterError` for a structure without conjugate distributions."""
    for structure in structures:
        if not structure.direct or structure.equal_weights or structure.covariance_ratio is not None:
            raise ParameterError(
                f"variational inference has no posterior for {structure.called}; give covariance='full', 'tied', "
                "'diag' or 'spherical', or several of them"
            )
