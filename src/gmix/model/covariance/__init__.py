"""Covariance structures: gmix's fourteen, those of one column, and those that users register."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from gmix.base.errors import ParameterError
from gmix.model.covariance import names
from gmix.model.covariance.diagonal import EEI, EVI, VEI, VVI
from gmix.model.covariance.ellipsoidal import EEE, EEV, EVE, EVV, VEE, VEV, VVE, VVV, E, V
from gmix.model.covariance.factors import FACTOR_NAMES, Factors, factors
from gmix.model.covariance.form import DIAGONAL, FORMS, FULL, SPHERICAL, TIED, Form
from gmix.model.covariance.low_rank import LowRank, form_named, low_rank
from gmix.model.covariance.names import numbered
from gmix.model.covariance.parsimonious import Parsimonious
from gmix.model.covariance.spherical import EII, VII
from gmix.model.covariance.structure import Structure
from gmix.model.covariance.tangents import Tangents

__all__ = [
    "DIAGONAL", "DIRECT", "EEE", "EEI", "EEV", "EII", "EVE", "EVI", "EVV", "FACTOR_NAMES", "FORMS", "FULL", "SPHERICAL",
    "STRUCTURES", "TIED", "VEE", "VEI", "VEV", "VII", "VVE", "VVI", "VVV", "E", "Factors", "Form", "LowRank",
    "Parsimonious", "Structure", "Tangents", "V", "factors", "form_named", "low_rank", "numbered", "register",
    "structure",
]  # fmt: skip

# From the simplest to the richest: each comes after those that it contains.
STRUCTURES: tuple[Parsimonious, ...] = (EII, VII, EEI, VEI, EVI, VVI, EEE, VEE, EVE, VVE, EEV, VEV, EVV, VVV)
DIRECT: tuple[Parsimonious, ...] = tuple(s for s in (*STRUCTURES, E, V) if s.direct)

for _structure in (*STRUCTURES, E, V):
    names.add(_structure, built_in=True)
for _letters, _name in FACTOR_NAMES.items():
    names.add_numbered(_letters, _name, partial(factors, _letters))

AnyStructure = TypeVar("AnyStructure", bound=Structure)


def structure(name: str | Structure) -> Structure:
    """Turn a code or a name into a `Structure`: ``"VVV"`` or ``"full"``, ``"EEE"`` or ``"tied"``, and so on.

    An ``"E"`` before the code makes the weights equal: ``"EVVV"``. A number after a colon bounds the ratio of the
    eigenvalues of all covariances: ``"VVV:50"``; see `Structure.with_covariance_ratio`. For the structures of
    `Factors` it is the number of factors: ``"UUU:2"`` or ``"factors:2"``. One column has two structures: ``"E"`` is one
    variance for all components, and ``"V"`` one for each.

    Raises `ParameterError` for an unknown name, with the nearest known one.

    >>> structure("full"), structure("vii")
    (VVV, VII)
    """
    if isinstance(name, Structure):
        return name
    if isinstance(name, str):
        return names.named(name)
    raise ParameterError(f"covariance must be a name such as 'full' or 'VVV', not {name!r}")


def register(structure: AnyStructure) -> AnyStructure:
    """Register a structure of your own, so that ``covariance="..."`` and `gmix.load` know its code and name.

    Returns the structure. It replaces a structure that was registered under the same code. Raises `ParameterError` if a
    structure of gmix has that code or name.

    >>> class Unit(Structure):
    ...     "Every covariance is the identity matrix."
    ...
    ...     def n_covariance_parameters(self, n_components, n_features):
    ...         return 0
    ...
    ...     def covariances(self, scatter, divisor, n_features):
    ...         return 0.0 * scatter + 1.0
    >>> register(Unit("UNIT", SPHERICAL))
    UNIT
    >>> import gmix
    >>> gmix.fit(
    ...     [[0.0], [3.0], [9.0]], 2, covariance="UNIT", start=[0, 0, 1]
    ... ).mixture
    GaussianMixture(UNIT, 2 components, 1 feature)
    """
    if not isinstance(structure, Structure):
        raise ParameterError(f"structure is {structure!r}; give an object of a class derived from Structure")
    names.add(structure)
    return structure
