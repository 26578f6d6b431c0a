"""Findings about a search: which candidates were set aside or not fitted, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmix.base.findings import Finding
from gmix.base.wording import count, percent
from gmix.fitting.candidates import Search
from gmix.fitting.distinct import DistinctRows
from gmix.model.covariance import Structure
from gmix.model.criteria import CRITERIA
from gmix.model.dependence import Dependence
from gmix.model.stopping import Reason

__all__ = ["dependence_finding", "end_findings", "search_findings"]

_OFTEN = 0.02  # of the rows; a row that is repeated more often attracts components
_LISTED = 14  # structures that a finding names, at most
_SHOWN = 6  # values of a row that a finding shows


def dependence_finding(
    dependence: Dependence, features: Sequence[str] | None, *, carried: bool = True, complete: bool = False
) -> Finding:
    """The finding that columns follow from others.

    If not `carried`, the mixture was fitted to them and is singular. If they follow in `complete` rows alone, because
    other rows lack the cells that a cell follows from, the mixture was fitted to all columns too.
    """
    one = len(dependence.dependent) == 1
    equations = dependence.described(features) if features else dependence
    these = "this column" if one else "these columns"
    if complete:
        message = (
            f"in all rows without missing cells {equations}, but some other rows have {these} and lack the columns "
            f"that determine {'it' if one else 'them'}, so the mixture was fitted to all columns; compute the missing "
            f"cells from the equation, or leave {these} out"
        )
    elif carried:
        message = (
            f"in all rows {equations}, so the mixture was fitted to the other columns and extended to "
            f"{'this one' if one else 'these'}; densities and criteria refer to the other columns"
        )
    else:
        message = (
            f"in all rows {equations}, so every component has zero variance in some direction; leave {these} out; to "
            "ask for fewer components does not help"
        )
    return Finding("dependent columns", message, "note")


def search_findings(found: Search) -> list[Finding]:
    """The findings about the best candidate of a search, and about those that were set aside or not fitted."""
    run, mass = found.best.run, found.best.run.statistics.mass
    findings = [
        Finding("empty component", f"component {k} has no rows; ask for fewer components")
        for k in np.flatnonzero(mass <= 0)
    ]
    findings += [
        Finding(
            "collapsed component",
            f"component {k} ({_rows(mass[k])}) has zero variance in some direction, because rows repeat or a "
            "column follows from others; ask for fewer components or a simpler covariance, or give a prior",
        )
        for k in (() if found.lenient else found.best.collapsed)  # if lenient, `_repeated` explains them
    ]
    needed = found.best.structure.rows_to_trust(run.mixture.n_features)
    findings += [
        Finding(
            "spurious component",
            f"component {k} ({_rows(mass[k])}) is supported by fewer than {needed} distinct rows, so its "
            "density does not describe new rows; ask for fewer components or a simpler covariance, or bound "
            "covariance_ratio",
        )
        for k in (found.best.unsupported if found.distinct is None else ())
        if k not in found.best.collapsed
    ]
    findings += [*_set_aside(found), *_untried(found), *_repeated(found)]
    return [*findings, *end_findings(run.reason, found.interrupted)]


def end_findings(reason: Reason, interrupted: bool) -> list[Finding]:
    """What a user should know about why the best run ended, and about a search that was cut short."""
    findings = []
    if reason is Reason.ITERATION_LIMIT:
        findings.append(Finding("not converged", f"EM ended before it converged: {reason.value}"))
    if interrupted:
        findings.append(
            Finding(
                "interrupted",
                "the search was stopped early, and this is the best result so far; fit again, or allow more time",
            )
        )
    return findings


def _rows(mass: float) -> str:
    return f"{mass:.4g} {'row' if mass == 1.0 else 'rows'}"


def _set_aside(found: Search) -> list[Finding]:
    """The number of candidates that were set aside, and the reason for the best of them."""
    if not found.set_aside or found.distinct is None:
        return []
    best, every = found.set_aside[0], len(found.candidates) == len(found.set_aside)
    needed = best.structure.rows_needed(best.run.mixture.n_features)
    few = f"a component is supported by fewer than {needed} distinct rows"
    why = "a component has collapsed" if best.collapsed else few
    often = found.distinct.heaviest_count > max(needed, _OFTEN * found.distinct.n_rows)
    repeats = f"; rows repeat: {_repeats(found.distinct)}" if often else ""
    return [
        Finding(
            "candidates set aside",
            f"{len(found.set_aside)} of {count(len(found.candidates), 'candidate')} were set aside because a component "
            f"has collapsed or is supported by too few distinct rows; the best of them was {best.structure} with "
            f"{count(best.n_components, 'component')} ({CRITERIA[found.criterion]} "
            f"{best.score(found.criterion):.6g}; {why}){repeats}"
            + ("; it is returned because every candidate was set aside" if every else ""),
            "warning" if every else "note",
        )
    ]


def _untried(found: Search) -> list[Finding]:
    """The candidates that were not tried: the table has too few distinct rows for them, or smaller ones are better."""
    better = CRITERIA[found.criterion]
    reasons = {
        "the table has too few distinct rows": found.untried,
        f"others with fewer components or factors have a better {better}": found.unpromising,
    }
    return [
        Finding("range cut", f"some candidates were not tried, because {reason}: {_least(candidates)}", "note")
        for reason, candidates in reasons.items()
        if candidates
    ]


def _least(candidates: Sequence[tuple[Structure, int]]) -> str:
    """Names of structures, and the least number of components of each."""
    least: dict[Structure, int] = {}
    for structure, k in candidates:
        least[structure] = min(k, least.get(structure, k))
    codes: dict[int, list[str]] = {}
    for structure, k in least.items():
        codes.setdefault(k, []).append(structure.code)
    if len(least) > _LISTED:
        return f"{count(len(candidates), 'candidate')} of {count(len(least), 'structure')}"
    parts = [f"{', '.join(names)} with {count(k, 'component')} or more" for k, names in sorted(codes.items())]
    return "; ".join(parts)


def _repeated(found: Search) -> list[Finding]:
    """The finding that rows repeat, if this changes the meaning of components."""
    if found.distinct is None:
        return []
    if found.lenient:
        rows = count(len(found.distinct.values), "distinct row")
        return [
            Finding(
                "few different rows",
                f"the table has only {rows}, which are repeated, so a component may describe only one of them, and "
                "its density is then meaningless; count the rows instead",
            )
        ]
    standing = found.best.repeated
    if not standing and found.distinct.rarest_count > 1:
        different = f"only {len(found.distinct.values):,} of {found.distinct.n_rows:,} rows are distinct"
        message = (
            f"every row is repeated, and {different}; each copy counts as a row, so too many components may be chosen; "
            "leave the copies out if they are not separate observations"
        )
        return [Finding("copied rows", message, "note")]
    if not standing:
        return []
    numbers = ", ".join(map(str, standing))
    one = len(standing) == 1
    which = f"component {numbers} describes" if one else f"components {numbers} describe"
    return [
        Finding(
            "repeated rows",
            f"{_repeats(found.distinct)}; {which} repeated rows only and {'has' if one else 'have'} zero variance, so "
            "densities there are meaningless, and the criteria compare only candidates with such a component",
        )
    ]


def _repeats(distinct: DistinctRows) -> str:
    """The row that repeats most often, and how often."""
    values, times = distinct.commonest, distinct.heaviest_count
    part = f" ({percent(distinct.weight.max() / distinct.weight.sum())} of all weight)" * distinct.is_weighted
    share = f"{times:,} of {distinct.n_rows:,} rows{part} {'is' if times == 1 else 'are'}"
    shown = ["missing" if np.isnan(value) else f"{value:.6g}" for value in values[:_SHOWN]]
    shown += ["..."] * (len(values) > _SHOWN)
    return f"{share} {shown[0]}" if len(values) == 1 else f"{share} ({', '.join(shown)})"
