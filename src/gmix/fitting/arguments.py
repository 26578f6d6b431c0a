"""What the arguments `components` and `covariance` of a fit ask for."""

from __future__ import annotations

from collections.abc import Iterable

from gmix.base.arguments import as_list, is_count
from gmix.base.errors import ParameterError
from gmix.base.findings import Finding
from gmix.fitting.start import GivenMixture, GivenResponsibilities, Start
from gmix.model.covariance import STRUCTURES, E, Structure, V, structure as as_structure

__all__ = ["chosen_structures", "component_counts", "structures_in_one_column"]

_AUTO = range(1, 10)


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
    counts = [components] if is_count(components) else as_list(components)
    if not counts or not all(is_count(k) for k in counts):
        raise ParameterError(f"components is {components!r}; give whole numbers above zero")
    return sorted({int(k) for k in counts})


def chosen_structures(
    covariance: str | Structure | Iterable[str | Structure],
    start: Start,
    n_features: int,
    with_prior: bool,
    with_ratio: bool,
) -> tuple[list[Structure], list[Finding]]:
    """The structures to compare, and findings about how they were chosen."""
    several = None if isinstance(covariance, str) else as_list(covariance)
    if several is not None:
        chosen = [as_structure(c) for c in several]
    elif covariance != "auto":
        chosen = [as_structure(covariance)]  # type: ignore[arg-type]  # or it is an error
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
