"""Covariance structures, and the door that turns their names into objects."""

from __future__ import annotations

from gmix.base.errors import ParameterError, nearest
from gmix.model.covariance.diagonal import EEI, EVI, VEI, VVI
from gmix.model.covariance.ellipsoidal import EEE, EEV, EVE, EVV, VEE, VEV, VVE, VVV, E, V
from gmix.model.covariance.form import DIAGONAL, FORMS, FULL, SPHERICAL, TIED, Form
from gmix.model.covariance.spherical import EII, VII
from gmix.model.covariance.structure import Structure

__all__ = [
    "DIAGONAL", "DIRECT", "EEE", "EEI", "EEV", "EII", "EVE", "EVI", "EVV", "FORMS", "FULL", "SPHERICAL", "STRUCTURES",
    "TIED", "VEE", "VEI", "VEV", "VII", "VVE", "VVI", "VVV", "E", "Form", "Structure", "V", "in_columns", "of_parts",
    "structure",
]  # fmt: skip

DIRECT: tuple[Structure, ...] = (VII, VVI, EEE, VVV, E, V)  # those read from the scatter by one division
# From the poorest to the richest: each comes after those within it.
STRUCTURES: tuple[Structure, ...] = (EII, VII, EEI, VEI, EVI, VVI, EEE, VEE, EVE, VVE, EEV, VEV, EVV, VVV)
_IN_ONE_COLUMN = {EEE: E, VVV: V}  # the same structures, whose letters for shapes and axes mean nothing there


def structure(name: str | Structure) -> Structure:
    """Turn a code or a name into a `Structure`: ``"VVV"`` or ``"full"``, ``"EEE"`` or ``"tied"``, and so on.

    An ``"E"`` before the letters makes the weights equal: ``"EVVV"``. One column has two structures: ``"E"`` is one
    variance for all components, and ``"V"`` one for each.

    Raises `ParameterError` for a name that nobody knows, with the nearest one that is known.

    >>> structure("full"), structure("vii")
    (VVV, VII)
    """
    if isinstance(name, Structure):
        return name
    every = (*STRUCTURES, E, V)
    known = {s.code: s for s in STRUCTURES} | {s.name: s for s in every}
    equal = {s.with_equal_weights.code: s.with_equal_weights for s in every}
    if isinstance(name, str):
        for candidate in (name, name.upper(), name.lower()):
            if candidate in known or candidate in equal:
                return known.get(candidate) or equal[candidate]
        raise ParameterError(
            f"covariance {name!r} is not a structure; known are {', '.join(known)}{nearest(name, known)}"
        )
    raise ParameterError(f"covariance must be a name such as 'full' or 'VVV', not {name!r}")


def in_columns(structure: Structure, n_features: int) -> Structure:
    """The structure as it is called for this many columns: ``EEE`` and ``VVV`` of one column are ``E`` and ``V``.

    >>> in_columns(VVV, 1), in_columns(V, 2), in_columns(VVI, 1)
    (V, VVV, VVI)
    """
    names = _IN_ONE_COLUMN if n_features == 1 else {one: several for several, one in _IN_ONE_COLUMN.items()}
    named = names.get(structure.with_free_weights, structure.with_free_weights)
    return named.with_equal_weights if structure.equal_weights else named


def of_parts(whole: Structure) -> Structure:
    """The poorest structure that marginals and conditionals of a mixture of this structure are sure to have.

    Conditionals of components of equal weights have others. Parts of proportional ellipsoids are proportional; parts of
    ellipsoids of one volume, shape or orientation share none of these.

    >>> of_parts(EEE), of_parts(EVI), of_parts(VEV)
    (EEE, VVI, VVV)
    """
    whole = whole.with_free_weights
    if whole.shape == "I" or (whole.shape == "E" and whole.orientation != "V"):
        return whole
    return VVI if whole.orientation == "I" else VVV
