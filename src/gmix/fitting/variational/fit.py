"""The result of a variational fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gmix.base.findings import Finding, by_importance
from gmix.base.wording import count, listed, nats
from gmix.fitting.inspection import Sample, inspect
from gmix.fitting.result import Fit
from gmix.fitting.search_findings import end_findings
from gmix.fitting.variational.run import Changes, VariationalRun
from gmix.fitting.variational.search import VariationalPlan, best_run, search_runs
from gmix.model.priors import NormalInverseWishart
from gmix.model.stopping import Reason
from gmix.model.variational import Posterior
from gmix.sources import Source

__all__ = ["variational_fit"]

_NAMED = 5  # components in a finding
_CLOSE = 3.0  # nats; a smaller difference of log evidence is at most "positive" to Kass & Raftery (1995), p. 777
_OF_ESTIMATES = ("few rows",)  # findings about estimates that have no prior


def variational_fit(
    source: Source, plan: VariationalPlan, findings: Iterable[Finding], sample: Sample, rng: np.random.Generator
) -> Fit:
    """The best candidate as a fit.

    Its components are in the order of all fits, unless the start or the prior of the weights gives them another.
    """
    runs = search_runs(source, plan, rng)
    run = best_run(runs)
    parameters, prior, counts = run.model.posterior, run.model.prior, run.statistics.counts
    if plan.start.is_made and parameters.weights.exchangeable:
        order = run.statistics.reference.order(parameters.mean)
        parameters, prior, counts = parameters.reordered(order), prior.reordered(order), counts[order]
    features = source.features
    mixture = parameters.mixture(features)
    # The statistics and the likelihood of a fit are those under its mixture.
    statistics = source.watched(source.meter, None).statistics(mixture.components)
    evidence = {(each.model.posterior.structure, each.model.posterior.n_components): each.log_evidence for each in runs}
    posterior = Posterior(parameters, prior, counts, run.bound, features, evidence if len(runs) > 1 else {})
    interrupted = any(each.reason is Reason.INTERRUPTED for each in runs)
    found = [*_about_components(posterior), *_about_changes(run.changes), *_about_choice(runs)]
    found += [
        finding
        for finding in inspect(sample, mixture, statistics, None, None, NormalInverseWishart())
        if finding.name not in _OF_ESTIMATES
    ]
    return Fit(
        mixture,
        statistics,
        0.0,
        run.history,
        Reason.INTERRUPTED if interrupted else run.reason,
        source.n_rows,
        by_importance((*findings, *end_findings(run.reason, interrupted), *found)),
        posterior=posterior,
    )


def _about_components(posterior: Posterior) -> list[Finding]:
    every = range(posterior.parameters.n_components)
    empty = [str(k) for k in every if k not in posterior.occupied]
    if not empty:
        return []
    are = "component {} is" if len(empty) == 1 else "components {} are"
    text = (
        f"{are.format(listed(empty, _NAMED))} empty, with less than half a row each, so {len(posterior.occupied)} of "
        f"{count(len(every), 'component')} describe the rows; the others are as in the prior"
    )
    return [Finding("components emptied", text, "note")]


def _about_changes(changes: Changes) -> list[Finding]:
    """A finding about births, merges and deletes."""
    kinds = [
        (changes.births, f"divided {count(changes.births, 'component')} in two"),
        (changes.merges, f"merged {count(changes.merges, 'pair')} of components"),
        (changes.deletes, f"removed {count(changes.deletes, 'component')} whose rows others describe better"),
    ]
    if not any(changes):
        return []
    done = listed([what for number, what in kinds if number])
    return [Finding("components changed", f"the search {done}, because this raised the lower bound", "note")]


def _about_choice(runs: Sequence[VariationalRun]) -> list[Finding]:
    """A finding if another candidate has nearly the same evidence."""
    ranked = sorted(runs, key=lambda run: -run.log_evidence)
    if len(ranked) < 2 or (gap := ranked[0].log_evidence - ranked[1].log_evidence) >= _CLOSE:
        return []
    other = ranked[1].model.posterior
    text = (
        f"{other.structure} with {count(other.n_components, 'component')} has an estimated log evidence that is "
        f"smaller by only {nats(gap)}; the rows hardly decide between them"
    )
    return [Finding("close rival", text, "note")]
