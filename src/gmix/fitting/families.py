"""The arguments `family` and `degrees_of_freedom` of a fit, and the search over families of components."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_number
from gmix.base.errors import ParameterError
from gmix.base.findings import Finding
from gmix.base.wording import listed, nats
from gmix.fitting.candidates import Search
from gmix.fitting.comparison import compare
from gmix.fitting.search import search
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.start import GivenMixture, Start, WithTails, without_clutter
from gmix.model.covariance import Structure
from gmix.model.criteria import CRITERIA
from gmix.model.student import AnyMixture, StudentMixture
from gmix.sources import Source

__all__ = ["FAMILIES", "check_family", "compare_families"]

FAMILIES = ("gaussian", "student", "auto")
_NORMAL = 200.0  # degrees of freedom above which tails are called Gaussian
_HEAVIEST = 1.0  # degrees of freedom up to which a component has no mean


def check_family(family: str, degrees_of_freedom: object, start: Start, others: Mapping[str, object]) -> None:
    """Raise `ParameterError` for arguments that do not go together.

    `others` are the arguments that need Gaussian components, by name; they are not given if they are None or False.
    """
    of_student = isinstance(start, GivenMixture) and isinstance(start.mixture, StudentMixture)
    if family != "student" and of_student:
        raise ParameterError("start is a StudentMixture; give family='student', or start from its part mixture.normal")
    if family == "gaussian":
        if degrees_of_freedom is not None:
            raise ParameterError("degrees_of_freedom are those of Student components; give family='student' too")
        return
    of_degrees(degrees_of_freedom)
    for name, value in others.items():
        if value is not None and value is not False:
            raise ParameterError(f"{name} needs Gaussian components; leave it out, or give family='gaussian'")


def of_degrees(degrees_of_freedom: object) -> tuple[float | None, bool]:
    """The fixed degrees of freedom or None, and whether each component has its own. Raises `ParameterError`."""
    if degrees_of_freedom is None or (isinstance(degrees_of_freedom, str) and degrees_of_freedom == "each"):
        return None, degrees_of_freedom is not None
    if is_number(degrees_of_freedom) and degrees_of_freedom > 0.0:
        return float(degrees_of_freedom), False
    raise ParameterError(
        f"degrees_of_freedom is {degrees_of_freedom!r}; give a number above zero to fix them, None for one estimate "
        "for all components, or 'each' for an estimate for each"
    )


def compare_families(
    source: Source,
    plan: SearchPlan,
    rng: np.random.Generator,
    background: bool | float | str,
    family: str,
    degrees_of_freedom: object,
) -> tuple[Search, list[Finding]]:
    """The search over the candidates in one family of components, or in both with the better one chosen."""
    if family == "gaussian":
        return compare(source, plan, rng, background)
    if family == "student":
        known, only = _known(source, plan, rng)
        return _student(source, replace(plan, only=only), rng, background, degrees_of_freedom, known)
    gaussian, findings = compare(source, plan, rng, background)
    if gaussian.interrupted:
        return gaussian, findings
    known = {(c.structure, c.n_components): c.run.mixture.without_background for c in gaussian.candidates}
    student, of_student = _student(source, plan, rng, background, degrees_of_freedom, known)
    comparison = _comparison_finding(gaussian, student)
    chosen, about = (student, of_student) if student.is_better(gaussian) else (gaussian, findings)
    return chosen, [*about, comparison]


def _known(
    source: Source, plan: SearchPlan, rng: np.random.Generator
) -> tuple[dict[tuple[Structure, int], AnyMixture], Collection[tuple[Structure, int]] | None]:
    """Gaussian mixtures to start from, those of a search in the rows that are no clutter; and the candidates to fit.

    The moves of the search to better optima know Gaussian components alone.
    """
    if not plan.makes_starts or plan.effort == 0.0 or source.groups is not None:
        return {}, plan.only
    part, _ = without_clutter(source, rng)
    found = search(part, plan, rng)
    known = {(c.structure, c.n_components): c.run.mixture for c in found.candidates}
    best = (found.best.structure, found.best.n_components)
    return known, [best] if found.interrupted else plan.only


def _student(
    source: Source,
    plan: SearchPlan,
    rng: np.random.Generator,
    background: bool | float | str,
    degrees_of_freedom: object,
    known: Mapping[tuple[Structure, int], AnyMixture],
) -> tuple[Search, list[Finding]]:
    """The search over candidates of Student components, without the moves that know Gaussian ones alone."""
    start = WithTails(plan.start, *of_degrees(degrees_of_freedom), known)
    found, findings = compare(source, replace(plan, start=start, effort=0.0), rng, background)
    mixture = found.best.run.mixture
    assert isinstance(mixture, StudentMixture)
    return found, [*findings, *_tail_findings(mixture)]


def _tail_findings(mixture: StudentMixture) -> list[Finding]:
    """What a user should know about degrees of freedom that were estimated."""
    if mixture.estimated == "none":
        return []
    degrees = mixture.degrees_of_freedom
    found = []
    if (normal := degrees > _NORMAL).any():
        text = (
            f"{_components(normal)} more than {_NORMAL:g} degrees of freedom, so tails like a Gaussian's; "
            "compare with family='gaussian', which has fewer parameters"
        )
        found.append(Finding("Gaussian tails", text, "note"))
    if (heavy := degrees <= _HEAVIEST).any():
        text = (
            f"{_components(heavy)} at most {_HEAVIEST:g} degree of freedom, so no mean and no covariance; "
            "look for outliers, or compare more components"
        )
        found.append(Finding("very heavy tails", text, "warning"))
    return found


def _components(chosen: NDArray[np.bool_]) -> str:
    if chosen.all():
        return "the components have" if len(chosen) > 1 else "the component has"
    names = [f"component {k}" for k in np.flatnonzero(chosen)]
    return f"{listed(names, 5)} {'has' if len(names) == 1 else 'have'}"


def _comparison_finding(gaussian: Search, student: Search) -> Finding:
    """Which of two searches, with Gaussian and with Student components, has the better candidate by the criterion."""
    values = [nats(found.best.score(found.criterion)) for found in (gaussian, student)]
    chosen = "Student" if student.is_better(gaussian) else "Gaussian"
    text = (
        f"{CRITERIA[gaussian.criterion]} is {values[0]} with Gaussian and {values[1]} with Student components; the "
        f"{chosen} ones were chosen"
    )
    return Finding("family", text, "note")
