"""Reads the argument `freeze` of a fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from gmix.base.arguments import as_list, is_count
from gmix.base.errors import ParameterError, nearest
from gmix.base.wording import count, listed
from gmix.fitting.start import GivenMixture, Start
from gmix.model.covariance import Structure
from gmix.model.frozen import Frozen
from gmix.model.mixture import GaussianMixture

__all__ = ["frozen_start"]

_NAMES = tuple(field.name for field in fields(Frozen))


def frozen_start(start: Start, freeze: Any, structures: Iterable[Structure]) -> tuple[Start, Frozen | None]:
    """The start of a fit with frozen parameters, and which they are; None if there are none.

    Raises `ParameterError` if the start is no mixture, for a component that it does not have, and for covariances that
    a structure cannot hold.
    """
    if freeze is None:
        return start, None
    if not isinstance(start, GivenMixture) or not isinstance(start.mixture, GaussianMixture):
        raise ParameterError(
            "freeze holds parameters of a start; give start=, a GaussianMixture (of a Fit: fit.mixture)"
        )
    if not isinstance(freeze, Mapping) or not set(freeze) <= set(_NAMES):
        unknown = next((name for name in freeze if name not in _NAMES), None) if isinstance(freeze, Mapping) else None
        hint = nearest(unknown, _NAMES) if isinstance(unknown, str) else ""
        raise ParameterError(
            f"freeze is {freeze!r}{hint}; give a dictionary with some of {listed([repr(name) for name in _NAMES])}, "
            "each with a list of components or True for all"
        )
    frozen = Frozen(**{name: _components(name, which, start.mixture) for name, which in freeze.items()})
    for structure in structures:
        _check(frozen, structure, start.mixture)
    return replace(start, exact=True), frozen or None


def _components(name: str, which: Any, mixture: GaussianMixture) -> tuple[int, ...]:
    """The positions of the components whose parameters are frozen."""
    every = range(mixture.n_components)
    if which is True or which is False:
        return tuple(every) if which else ()
    chosen = [which] if is_count(which, 0) else as_list(which)
    if chosen is None or not all(is_count(k, 0) for k in chosen):
        raise ParameterError(f"freeze[{name!r}] is {which!r}; give a list of components, numbered from 0, or True")
    for k in chosen:
        if k not in every:
            raise ParameterError(
                f"freeze[{name!r}] names component {k}, and the start has {mixture.n_components}, numbered from 0; "
                f"give numbers below {mixture.n_components}"
            )
    return tuple(sorted({int(k) for k in chosen}))


def _check(frozen: Frozen, structure: Structure, mixture: GaussianMixture) -> None:
    """Raise `ParameterError` if frozen parameters contradict a structure."""
    if frozen.weights and structure.equal_weights:
        raise ParameterError("freeze holds weights and equal_weights makes them equal; leave one of them out")
    if not frozen.covariances:
        return
    if not structure.contains(mixture.structure):
        raise ParameterError(
            f"freeze holds covariances of the start, whose structure is {mixture.structure}, and {structure} cannot "
            f"have them; leave covariance out, or fit {mixture.structure.code!r}"
        )
    if len(frozen.covariances) < mixture.n_components and not structure.independent:
        raise ParameterError(
            f"freeze holds the covariances of {len(frozen.covariances)} of {count(mixture.n_components, 'component')}, "
            f"and {structure} relates those of all; freeze all with True, or fit 'VVV', 'VVI' or 'VII'"
        )
