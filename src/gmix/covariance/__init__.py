"""Covariance structures, and the door that turns their names into objects."""

from __future__ import annotations

from gmix.covariance.diagonal import VVI
from gmix.covariance.ellipsoidal import EEE, VVV
from gmix.covariance.form import DIAGONAL, FORMS, FULL, SPHERICAL, TIED, Form
from gmix.covariance.spherical import VII
from gmix.covariance.structure import Structure
from gmix.errors import ParameterError, nearest

__all__ = [
    "DIAGONAL", "DIRECT", "EEE", "FORMS", "FULL", "SPHERICAL", "STRUCTURES", "TIED", "VII", "VVI", "VVV",
    "Form", "Structure", "structure",
]  # fmt: skip

DIRECT: tuple[Structure, ...] = (VII, VVI, EEE, VVV)  # those read from the scatter by one division
STRUCTURES: tuple[Structure, ...] = (VII, VVI, EEE, VVV)  # from the poorest to the richest
_UNIVARIATE = {"E": EEE, "V": VVV}


def structure(name: str | Structure) -> Structure:
    """Turn a code or a name into a `Structure`: ``"VVV"`` or ``"full"``, ``"EEE"`` or ``"tied"``, and so on.

    In one dimension ``"E"`` and ``"V"`` stand for one variance and for one a component.

    Raises `ParameterError` for a name that nobody knows, with the nearest one that is known.

    >>> structure("full"), structure("vii")
    (VVV, VII)
    """
    if isinstance(name, Structure):
        return name
    known = {s.code: s for s in STRUCTURES} | {s.name: s for s in STRUCTURES} | _UNIVARIATE
    if isinstance(name, str):
        for candidate in (name, name.upper(), name.lower()):
            if candidate in known:
                return known[candidate]
        remedy = nearest(name, known) or nearest(name.lower(), known) or nearest(name.upper(), known)
        raise ParameterError(f"covariance {name!r} is not a structure{remedy}; known are {', '.join(known)}")
    raise ParameterError(f"covariance must be a name such as 'full' or 'VVV', not {name!r}")
