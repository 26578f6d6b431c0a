"""Compares the candidates of a fit, with and without a background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gmix.base.findings import Finding
from gmix.fitting import narrowing
from gmix.fitting.background import background_findings, background_of, comparison_finding
from gmix.fitting.candidates import Search
from gmix.fitting.search import search
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.start import GivenMixture, WarmStart, WithBackground
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import Source

__all__ = ["compare"]


def compare(
    source: Source, plan: SearchPlan, rng: np.random.Generator, background: bool | float | str
) -> tuple[Search, list[Finding]]:
    """The search over the candidates, with or without a background or both ways, and its findings."""
    plan.progress.n_stages = _n_searches(source, plan) * (2 if background == "auto" else 1)
    without = _compare(source, plan, rng) if background is False or background == "auto" else None
    if without is not None and (background is False or without[0].interrupted):
        return without
    start = WithBackground(plan.start, background_of(background, source), plan.frozen)
    found, findings = _compare(source, replace(plan, start=start), rng)
    findings = [*findings, *background_findings(found.best.run.mixture, source.n_counting)]
    if without is None:
        return found, findings
    comparison = comparison_finding(without[0], found)
    chosen, about = (found, findings) if found.is_better(without[0]) else without
    return chosen, [*about, comparison]


def _is_narrowed(source: Source, plan: SearchPlan) -> bool:
    """Whether sub-samples of the table leave out some of the candidates."""
    large = source.n_counting > narrowing.LARGE and source.groups is None  # a sub-sample would have few labels
    return len(plan.candidates) > 1 and plan.makes_starts and large


def _n_searches(source: Source, plan: SearchPlan) -> int:
    """The number of searches, on sub-samples and on all rows."""
    return 1 + (len(narrowing.stage_sizes(source)) if _is_narrowed(source, plan) else 0)


def _compare(source: Source, plan: SearchPlan, rng: np.random.Generator) -> tuple[Search, list[Finding]]:
    """Compare the candidates on all rows, after sub-samples of a large table have left some of them out."""
    if not _is_narrowed(source, plan):
        return search(source, plan, rng), []
    narrowed = narrowing.narrowed(source, plan, rng)
    if not narrowed.interrupted:
        return replace(search(source, narrowed.plan, rng), left_out=narrowed.left_out), [narrowed.finding]
    # One more pass evaluates the best so far. The journal must not record it: a resumed fit does not repeat it.
    assert isinstance(narrowed.plan.start, WarmStart)
    [best] = narrowed.plan.start.mixture_of.values()
    rule = StoppingRule(plan.rule.tolerance, 0)
    [candidate] = search(
        source.watched(source.meter, None), replace(narrowed.plan, start=GivenMixture(best), rule=rule), rng
    ).candidates
    stopped = replace(candidate, run=replace(candidate.run, reason=Reason.INTERRUPTED))
    found = Search((stopped,), interrupted=True, criterion=plan.criterion, left_out=narrowed.left_out)
    return found, [narrowed.finding]
