"""Covariance structures, and the door that turns their names into objects."""

from __future__ import annotations

from gmix.covariance.diagonal import EEI, EVI, VEI, VVI
from gmix.covariance.ellipsoidal import EEE, EEV, EVE, EVV, VEE, VEV, VVE, VVV
from gmix.covariance.form import DIAGONAL, FORMS, FULL, SPHERICAL, TIED, Form
from gmix.covariance.spherical import EII, VII
from gmix.covariance.structure import Structure
from gmix.errors import ParameterError, nearest

__all__ = [
    "DIAGONAL", "DIRECT", "EEE", "EEI", "EEV", "EII", "EVE", "EVI", "EVV", "FORMS", "FULL", "SPHERICAL", "STRUCTURES",
    "TIED", "VEE", "VEI", "VEV", "VII", "VVE", "VVI", "VVV", "Form", "Structure", "of_parts", "structure",
]  # fmt: skip

DIRECT: tuple[Structure, ...] = (VII, VVI, EEE, VVV)  # those read from the scatter by one division
# From the poorest to the richest: each comes after those within it.
STRUCTURES: tuple[Structure, ...] = (EII, VII, EEI, VEI, EVI, VVI, EEE, VEE, EVE, VVE, EEV, VEV, EVV, VVV)
_UNIVARIATE = {"E": EEE, "V": VVV}


def structure(name: str | Structure) -> Structure:
    """Turn a code or a name into a `Structure`: ``"VVV"`` or ``"full"``, ``"EEE"`` or ``"tied"``, and so on.

    An ``"E"`` before the three letters makes the weights equal: ``"EVVV"``. In one dimension ``"E"`` and ``"V"`` stand
    for one variance and for one a component.

    Raises `ParameterError` for a name that nobody knows, with the nearest one that is known.

    >>> structure("full"), structure("vii")
    (VVV, VII)
    """
    if isinstance(name, Structure):
        return name
    known = {s.code: s for s in STRUCTURES} | {s.name: s for s in STRUCTURES} | _UNIVARIATE
    equal = {f"E{s.code}": s.with_equal_weights for s in STRUCTURES}
    if isinstance(name, str):
        for candidate in (name, name.upper(), name.lower()):
            if candidate in known or candidate in equal:
                return known.get(candidate) or equal[candidate]
        raise ParameterError(
            f"covariance {name!r} is not a structure; known are {', '.join(known)}{nearest(name, known)}"
        )
    raise ParameterError(f"covariance must be a name such as 'full' or 'VVV', not {name!r}")


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
