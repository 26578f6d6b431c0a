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

__all__ = ["dependence_finding", "search_findings"]

_OFTEN = 0.02  # of the rows; a row that is repeated more often attracts components
_SHOWN = 6  # values of a row that a finding shows


def dependence_finding(
    dependence: Dependence, features: Sequence[str] | None, *, carried: bool = True, complete: bool = False
) -> Finding:
    """Say which columns follow from others.

    If not `carried`, the mixture was fitted to them and is singular. If they follow in `complete` rows alone, because
    other rows lack the cells that a cell follows from, the mixture was fitted to all columns too.
    """
    one = len(dependence.dependent) == 1
    equations = dependence.described(features) if features else dependence
    these = "this column" if one else "these columns"
    if complete:
        message = (
            f"in all rows without missing cells {equations}, but other rows have {these} and lack what "
            f"{'it follows' if one else 'they follow'} from, so the mixture was fitted to all columns; compute such "
            f"cells from the equation, or leave {these} out"
        )
    elif carried:
        message = (
            f"in all rows {equations}, so the mixture was fitted to the other columns and carries "
            f"{'this one' if one else 'these'} along; densities and criteria refer to the other columns"
        )
    else:
        message = (
            f"in all rows {equations}, so no component has a width in all columns; leave {these} out, because to ask "
            "for fewer components does not help"
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
            f"component {k} ({mass[k]:.4g} rows) has no width in some direction, because rows repeat or a column "
            "follows from others; ask for fewer components or a simpler covariance, or give a prior",
        )
        for k in (() if found.lenient else found.best.collapsed)  # if lenient, `_repeated` explains them
    ]
    needed = found.best.structure.rows_to_trust(run.mixture.n_features)
    findings += [
        Finding(
            "spurious component",
            f"component {k} ({mass[k]:.4g} rows) rests on fewer than {needed} different rows, so its density says "
            "nothing about new rows; ask for fewer components or a simpler covariance, or bound covariance_ratio",
        )
        for k in (found.best.unsupported if found.distinct is None else ())
        if k not in found.best.collapsed
    ]
    findings += [*_set_aside(found), *_untried(found), *_repeated(found)]
    if run.reason is Reason.ITERATION_LIMIT:
        findings.append(Finding("not converged", f"EM ended before it converged: {run.reason.value}"))
    if found.interrupted:
        findings.append(
            Finding(
                "interrupted",
                "the search was cut short, and this is the best so far; fit again, or give it more time, to go on",
            )
        )
    return findings


def _set_aside(found: Search) -> list[Finding]:
    """Say how many candidates were set aside, and why the best of them was."""
    if not found.set_aside or found.distinct is None:
        return []
    best, every = found.set_aside[0], len(found.candidates) == len(found.set_aside)
    needed = best.structure.rows_needed(best.run.mixture.n_features)
    why = "a component has no width" if best.collapsed else f"a component rests on fewer than {needed} different rows"
    often = found.distinct.heaviest_count > max(needed, _OFTEN * found.distinct.n_rows)
    repeats = f"; rows repeat: {_repeats(found.distinct)}" if often else ""
    return [
        Finding(
            "candidates set aside",
            f"{len(found.set_aside)} of {count(len(found.candidates), 'candidate')} were set aside because a component "
            f"has no width or rests on too few different rows; the best of them was {best.structure} with "
            f"{count(best.n_components, 'component')} ({CRITERIA[found.criterion]} "
            f"{best.score(found.criterion):.6g}; {why}){repeats}"
            + ("; it is returned because there is no other" if every else ""),
            "warning" if every else "note",
        )
    ]


def _untried(found: Search) -> list[Finding]:
    """Say which candidates were not tried because the table has too few different rows for them."""
    if not found.untried:
        return []
    least: dict[Structure, int] = {}
    for structure, k in found.untried:
        least[structure] = min(k, least.get(structure, k))
    codes: dict[int, list[str]] = {}
    for structure, k in least.items():
        codes.setdefault(k, []).append(structure.code)
    parts = [f"{', '.join(names)} with {count(k, 'component')} or more" for k, names in sorted(codes.items())]
    message = f"some candidates were not tried, because the table has too few different rows: {'; '.join(parts)}"
    return [Finding("range cut", message, "note")]


def _repeated(found: Search) -> list[Finding]:
    """Say that rows repeat, where that changes what components mean."""
    if found.distinct is None:
        return []
    if found.lenient:
        rows = count(len(found.distinct.values), "different row")
        return [
            Finding(
                "few different rows",
                f"the table has only {rows}, which repeat, so a component may stand for one of them alone, and then "
                "its density means nothing; count the rows instead",
            )
        ]
    standing = found.best.repeated
    if not standing and found.distinct.rarest_count > 1:
        different = f"only {len(found.distinct.values):,} of {found.distinct.n_rows:,} rows are different"
        message = (
            f"every row is repeated, and {different}; each copy counts as a row, so too many components may be chosen; "
            "leave the copies out if they are not observations of their own"
        )
        return [Finding("copied rows", message, "note")]
    if not standing:
        return []
    numbers = ", ".join(map(str, standing))
    one = len(standing) == 1
    which = f"component {numbers} stands" if one else f"components {numbers} stand"
    return [
        Finding(
            "repeated rows",
            f"{_repeats(found.distinct)}; {which} for repeated rows alone and {'has' if one else 'have'} no width, so "
            "densities there mean nothing, and the criteria compare only candidates with such a component",
        )
    ]


def _repeats(distinct: DistinctRows) -> str:
    """Say which row repeats most often."""
    values, times = distinct.commonest, distinct.heaviest_count
    part = f" ({percent(distinct.weight.max() / distinct.weight.sum())} of all weight)" * distinct.is_weighted
    share = f"{times:,} of {distinct.n_rows:,} rows{part} {'is' if times == 1 else 'are'}"
    shown = ["missing" if np.isnan(value) else f"{value:.6g}" for value in values[:_SHOWN]]
    shown += ["..."] * (len(values) > _SHOWN)
    return f"{share} {shown[0]}" if len(values) == 1 else f"{share} ({', '.join(shown)})"
