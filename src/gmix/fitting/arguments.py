"""What the arguments `components` and `covariance` of a fit ask for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar, cast

from gmix.base.arguments import as_list, is_count
from gmix.base.errors import DataError, ParameterError
from gmix.base.findings import Finding
from gmix.fitting.start import GivenMixture, GivenResponsibilities, Start
from gmix.model.covariance import FACTOR_NAMES, STRUCTURES, E, Structure, V, numbered, structure as as_structure
from gmix.sources import Source

__all__ = ["as_auto", "check_factor_models", "chosen_structures", "component_counts", "structures_in_one_column"]

T = TypeVar("T")
_AUTO = range(1, 10)
_AUTO_FACTORS = range(1, 6)


def as_auto(value: T) -> T:
    """The word ``"auto"`` for any case of its letters; any other value as it is."""
    return cast("T", "auto") if isinstance(value, str) and value.casefold() == "auto" else value


def component_counts(components: int | Iterable[int] | str, start: Start) -> list[int]:
    """The numbers of components to compare, as the argument says, or as the start implies."""
    if isinstance(start, GivenMixture):
        implied = start.mixture.n_components
    elif isinstance(start, GivenResponsibilities):
        implied = start.responsibilities.shape[1]
    else:
        implied = None
    if isinstance(components, str):
        if components != "auto":
            raise ParameterError(f"components is {components!r}; give a number, several, or 'auto'")
        return list(_AUTO) if implied is None else [implied]
    # The rows of the table bound them, and the error for too many says so.
    counts = [components] if is_count(components, most=math.inf) else as_list(components)
    if not counts or not all(is_count(k, most=math.inf) for k in counts):
        raise ParameterError(f"components is {components!r}; give whole numbers above zero")
    return sorted({int(k) for k in counts})


def chosen_structures(
    covariance: str | Structure | Iterable[str | Structure],
    start: Start,
    n_features: int,
    with_prior: bool,
    with_ratio: bool,
    factors: int | Iterable[int] | str | None = None,
) -> tuple[list[Structure], list[Finding]]:
    """The structures to compare, and findings about how they were chosen."""
    several = None if isinstance(covariance, str) else as_list(covariance)
    if factors is not None and isinstance(covariance, str) and covariance == "auto":
        several = list(FACTOR_NAMES)
    if several is None and not (isinstance(covariance, str) and covariance == "auto"):
        several = [covariance]
    if several is not None:
        chosen = _with_factors(several, factors, n_features)
    elif isinstance(start, GivenMixture):
        chosen = [start.mixture.structure]
    elif n_features == 1:
        chosen = [E, V]
    else:
        chosen = [s for s in STRUCTURES if s.compiled_for(n_features) and (s.has_studied_prior or not with_prior)]
        chosen = [s for s in chosen if s.independent] if with_ratio else chosen
    if not chosen:
        raise ParameterError("covariance is an empty list; name at least one structure, or leave it out")
    if n_features == 1:
        return structures_in_one_column(chosen)
    return list(dict.fromkeys(s.in_columns(n_features) for s in chosen)), []


def _with_factors(
    named: list[str | Structure], factors: int | Iterable[int] | str | None, n_features: int
) -> list[Structure]:
    """The structures of these names; a family of factor models stands for its members with these numbers of factors."""
    if factors is None or (isinstance(factors, str) and factors == "auto"):
        numbers = list(_AUTO_FACTORS)
    else:
        given = None if isinstance(factors, str) else as_list(factors)
        given = [factors] if is_count(factors, most=math.inf) else given
        if not given or not all(is_count(q, most=math.inf) for q in given):
            raise ParameterError(f"factors is {factors!r}; give whole numbers above zero, or 'auto' for 1 to 5")
        numbers = sorted({int(q) for q in given})
    chosen: list[Structure] = []
    families = 0
    for name in named:
        member = numbered(name) if isinstance(name, str) else None
        if member is None:
            chosen.append(as_structure(name))
            continue
        families += 1
        members = [member(q) for q in numbers]
        fitting = [each for each in members if each.fits(n_features)]
        chosen += fitting or [members[0].in_columns(n_features)]
    if factors is not None and named and not families:
        raise ParameterError(
            "factors= is the number of factors of factor models; give a structure such as covariance='factors' too, "
            "or leave factors out"
        )
    return chosen


def check_factor_models(structures: list[Structure], source: Source, family: str) -> None:
    """Raise `DataError` for factor models of rows with missing cells or errors, `ParameterError` for another family."""
    sketched = next((s for s in structures if s.form.is_sketch), None)
    if sketched is not None and family != "gaussian":
        raise ParameterError(
            f"{sketched.code} has Gaussian components alone; leave family out, or give another structure"
        )
    if sketched is None or source.is_plain:
        return
    what = "have no missing cells" if source.missing is not None else "have no errors of measurement"
    raise DataError(f"{sketched.code} needs rows that {what}; give another structure, such as covariance='diag'")


def structures_in_one_column(structures: list[Structure]) -> tuple[list[Structure], list[Finding]]:
    """``E`` or ``V`` for each structure, and a finding for each that describes shapes or axes."""
    equivalent = {s: s.in_one_column for s in structures}
    findings = [
        Finding(
            "one column",
            f"{s} describes shapes or axes, which one column does not have; give '{one.with_free_weights}', which "
            "was fitted here",
            "note",
        )
        for s, one in equivalent.items()
        if one is not s and not (s.shared or s.without_covariance_ratio.independent)
    ]
    return list(dict.fromkeys(equivalent.values())), findings
