"""The function `gmix.fit`: reads its arguments, compares the candidates, and returns a `gmix.Fit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.arguments import Rng, as_generator, as_list, is_count
from gmix.base.atomic_write import as_path
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, one_of
from gmix.base.findings import Finding
from gmix.base.progress import Progress, meter
from gmix.fitting import narrowing
from gmix.fitting.candidates import Search
from gmix.fitting.from_search import fit_from_search, inspected
from gmix.fitting.inspection import Sample
from gmix.fitting.result import Fit
from gmix.fitting.search import SearchPlan, search
from gmix.fitting.search_findings import dependence_finding
from gmix.fitting.start import GivenMixture, GivenResponsibilities, KMeansPlusPlus, Reached, Start, as_start
from gmix.model.covariance import STRUCTURES, E, Structure, V, structure as as_structure
from gmix.model.criteria import CRITERIA
from gmix.model.dependence import Dependence, find_dependence
from gmix.model.mixture import with_dependent_features
from gmix.model.priors import Prior, as_prior
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MEMORY, Journal, Source, as_source

__all__ = ["fit"]

_AUTO = range(1, 10)
_CHANCE = 0.01  # the part of what chance adds to the likelihood that a climb may leave
_LOOKED_AT = 2_000  # rows that show whether columns follow from others
_LONG = 100_000  # numbers in a table; a fit of fewer is over before anybody asks how far it is


@one_blas_thread()
def fit(
    data: Any,
    components: int | Iterable[int] | str = "auto",
    *,
    covariance: str | Structure | Iterable[str | Structure] = "auto",
    criterion: str = "bic",
    equal_weights: bool = False,
    prior: Prior | None = None,
    start: Any = "auto",
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    tolerance: float | None = None,
    max_iterations: int = StoppingRule.max_iterations,
    memory: float = MEMORY,
    threads: int | None = None,
    rng: Rng = None,
    progress: Callable[[Progress], None] | bool | None = None,
    checkpoint: str | PathLike[str] | None = None,
    resume: bool = False,
) -> Fit:
    """Find the sum of Gaussians that describes a table, by EM.

    Parameters
    ----------
    data : array or memory map ``(N, D)`` of float32 or float64 in any memory order; a DataFrame or Arrow table; the
        path of a CSV, Parquet or Arrow file, of a folder of them, or a pattern such as ``"points-*.parquet"``; a
        `gmix.CSV`, which states how CSV files are written; a
        ``pyarrow.dataset.Dataset``; blocks, as a list or any object that can be iterated again and again; a
        Dask array or DataFrame, or a Spark DataFrame; or a `gmix.sources.Source`. A sequence of N numbers is one
        column.
    components : a count, several to choose from, or ``"auto"`` for 1 to 9. BIC chooses; of a table of more than 50,000
        rows, among the candidates that sub-samples do not show to be worse (`gmix.fitting.narrowing.narrowed`).
    covariance : a structure's code or name, several, or ``"auto"`` for all fourteen of `gmix.covariance.STRUCTURES`,
        without the four that turn axes beyond 24 columns, and with a prior without VEE, EVE, VVE and EVV. One column
        has two, ``"E"`` and ``"V"``: one variance for all components, or one for each. BIC chooses.
    criterion : what chooses among several: ``"bic"``, ``"aic"``, ``"aicc"`` or ``"icl"``; see `gmix.criteria`.
    equal_weights : give all components the same weight, and count K - 1 parameters fewer.
    prior : `NormalInverseWishart`, `Dirichlet` or their sum for a MAP fit; None for maximum likelihood.
    start : ``"auto"``, a `GaussianMixture` to go on from, labels ``(N,)`` or responsibilities ``(N, K)``. From one that
        is given, EM takes its own steps alone; from its own starts it leaps where steps shrink (`Pace`).
    sample_weight : ``(N,)``, or the name of a column; weight 2 is a row twice, weight 0 is no row.
    columns : which columns of a DataFrame or a file; names for those of an array. None: all columns of numbers but an
        index; a finding of the fit names the others and says why they are left out.
    tolerance : the climb ends when what is still to gain is below this many nats a row. None: 1e-6; from starts of its
        own on tables of 20,000 numbers or more, a hundredth of ``p / 2n`` if that is more, for p parameters and n rows:
        by so much, by chance alone, a row's log-likelihood is higher at the top than that of other rows would be.
    max_iterations : the climb ends after this many steps in any case.
    memory : bytes. A file that takes more to read is streamed in every pass instead; the result has the same bits.
    threads : how many to use at most; None for every processor that this process may use. The result is the same.
    rng : a seed or a `numpy.random.Generator` for the starts.
    progress : a function that is given a `gmix.Progress` after every pass over the rows. None: on a terminal, a fit
        that takes longer than a second says how far it is; False: it does not.
    checkpoint : a file that keeps what every pass found. It must not be there yet, unless `resume` says to go on from
        it: then a fit that was killed takes the steps that it would have taken, to the same bits. Give it the same
        rows, settings and seed.

    Raises
    ------
    ClusterError
        where the cluster that holds the rows fails.
    DataError
        for a table that cannot be used as it is; the message says which row and column, and what to do.
    ParameterError
        for an argument that makes no sense.

    >>> import gmix
    >>> points = gmix.GaussianMixture([0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]]).sample(500, rng=1)
    >>> fit = gmix.fit(points, rng=1)
    >>> fit.mixture.n_components
    2
    """
    one_of(criterion, CRITERIA, "criterion")
    source = as_source(data, sample_weight=sample_weight, columns=columns, threads=threads, memory=memory)
    way = as_start(start)
    made = isinstance(way, KMeansPlusPlus)
    rule = StoppingRule(
        StoppingRule.tolerance if tolerance is None else tolerance,
        max_iterations,
        accelerate=made,
        chance=_CHANCE if made and tolerance is None else 0.0,
    )
    prior = as_prior(prior)
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise ParameterError(f"progress is {progress!r}; give a function to tell, False for silence, or None")
    counts = _counts(components, way)
    structures, findings = _structures(covariance, way, source.n_features, prior is not None)
    if equal_weights:
        structures = [s.with_equal_weights for s in structures]
    findings = [*source.findings, *findings]
    counts, told = _within(counts, source, chosen=isinstance(components, str) or len(counts) > 1)
    findings += told
    sample = Sample.of(source)  # read first: a source that fails when the fit is done would take it along
    with ExitStack() as open_files:
        journal = None
        if checkpoint is not None:
            journal = open_files.enter_context(
                closing(Journal(as_path(checkpoint, what="checkpoint"), resume, source.n_rows, source.n_features))
            )
            rng = journal.seed if rng is None else rng
        counter = (
            meter(progress, rule.tolerance) if callable(progress) or source.n_rows * source.n_features > _LONG else None
        )
        if counter is not None:
            open_files.enter_context(closing(counter))
        source, generator = source.watched(counter, journal), as_generator(rng)
        several = len(counts) * len(structures) > 1 and made and (prior is None or prior.suits_any_columns)
        dependence, features = _dependence(source) if several else None, source.features
        if dependence is not None:
            source = source.select(dependence.independent)
            findings.append(dependence_finding(dependence, features))
            structures = _of_one_column(structures)[0] if source.n_features == 1 else structures
        named = not isinstance(components, str) and covariance != "auto"
        plan = SearchPlan(counts, structures, way, rule, prior, criterion, named=named)
        found, told = _search(source, plan, generator)
        if not several and found.best.collapsed and not found.interrupted:
            cause = _dependence(source.watched(None, None))  # a fit that resumes passes over these rows again
            findings += [] if cause is None else [dependence_finding(cause, features, carried=False)]
    fit = fit_from_search(found.in_order if made else found, source.n_rows, [*findings, *told], prior)
    if dependence is not None:
        fit = replace(fit, mixture=with_dependent_features(fit.mixture, dependence, features))
    return inspected(fit, sample, max(counts) if len(counts) > 1 else None)


def _within(counts: list[int], source: Source, *, chosen: bool) -> tuple[list[int], list[Finding]]:
    """The counts of components that the table has rows for; it is an error if there are none, or one was asked for."""
    most = source.n_counting
    rows = "rows" if most == source.n_rows else "rows with weight"
    kept = [k for k in counts if k <= most]
    if not kept or not (chosen or len(kept) == len(counts)):
        raise DataError(
            f"{max(counts)} components are more than the table has {rows} ({most}); ask for fewer components"
        )
    cut = Finding("range cut", f"the table has {most} {rows}, so at most that many components", "note")
    return kept, [cut] if len(kept) < len(counts) else []


def _dependence(source: Source) -> Dependence | None:
    """How columns follow from others in all rows: those of a sub-sample tell how, and all others whether."""
    if source.n_features == 1:
        return None
    sample = source.rows(max(_LOOKED_AT, 4 * source.n_features), np.random.default_rng(0))
    dependence = find_dependence(sample.values)
    return dependence if dependence is not None and source.obeys(dependence) else None


def _search(source: Source, plan: SearchPlan, rng: np.random.Generator) -> tuple[Search, list[Finding]]:
    """Compare the candidates on all rows; of a large table, only those that sub-samples do not leave out."""
    if not (len(plan.candidates) > 1 and plan.makes_starts and source.n_counting > narrowing.LARGE):
        return search(source, plan, rng), []
    able = narrowing.narrowed(source, plan, rng)
    if not able.interrupted:
        return replace(search(source, able.plan, rng), left_out=able.left_out), [able.finding]
    # One pass evaluates the best so far; a fit that resumes does not take it.
    assert isinstance(able.plan.start, Reached)
    [best] = able.plan.start.mixture_of.values()
    rule = StoppingRule(plan.rule.tolerance, 0)
    [candidate] = search(
        source.watched(source.meter, None), replace(able.plan, start=GivenMixture(best), rule=rule), rng
    ).candidates
    stopped = replace(candidate, run=replace(candidate.run, reason=Reason.INTERRUPTED))
    found = Search((stopped,), interrupted=True, criterion=plan.criterion, left_out=able.left_out)
    return found, [able.finding]


def _counts(components: int | Iterable[int] | str, start: Start) -> list[int]:
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


def _structures(
    covariance: str | Structure | Iterable[str | Structure], start: Start, n_features: int, with_prior: bool
) -> tuple[list[Structure], list[Finding]]:
    """The structures to try, and what a person should know about their choice."""
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
    if not chosen:
        raise ParameterError("covariance is an empty list; name at least one structure, or leave it out")
    if n_features == 1:
        return _of_one_column(chosen)
    return list(dict.fromkeys(s.in_columns(n_features) for s in chosen)), []


def _of_one_column(structures: list[Structure]) -> tuple[list[Structure], list[Finding]]:
    """``E`` or ``V`` for each structure, and a finding for those that a person may have meant otherwise."""
    in_one = {s: s.in_one_column for s in structures}
    findings = [
        Finding(
            "one column",
            f"{s} speaks of shapes or axes, and one column has neither; give '{one.with_free_weights}', as here",
            "note",
        )
        for s, one in in_one.items()
        if one is not s and not (s.shared or s.independent)
    ]
    return list(dict.fromkeys(in_one.values())), findings
