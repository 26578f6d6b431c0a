"""The function `gmix.fit`: checks its arguments, compares the candidates, and returns a `gmix.Fit`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.arguments import Rng, as_generator, is_number
from gmix.base.atomic_write import as_path
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, one_of
from gmix.base.findings import Finding
from gmix.base.other_names import other_words
from gmix.base.progress import Reporting, check_progress, meter
from gmix.base.wording import count
from gmix.fitting.arguments import (
    as_auto,
    check_factor_models,
    chosen_structures,
    component_counts,
    structures_in_one_column,
)
from gmix.fitting.background import check_background
from gmix.fitting.families import FAMILIES, check_family, compare_families
from gmix.fitting.freezing import frozen_start
from gmix.fitting.from_search import error_findings, fit_from_search, inspected, missing_findings
from gmix.fitting.inspection import Sample
from gmix.fitting.labeling import label_findings, labeled_source, labeled_start
from gmix.fitting.open_ranges import OpenRanges
from gmix.fitting.other_words import OTHER_WORDS
from gmix.fitting.result import Fit
from gmix.fitting.search_findings import dependence_finding
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.search_progress import SearchProgress
from gmix.fitting.start import as_start
from gmix.fitting.trimming import trimmed, with_trimmed_rows
from gmix.fitting.truncated import truncated, truncation_findings
from gmix.fitting.variational import VariationalPlan, variational_covariance, variational_fit, variational_prior
from gmix.model.covariance import Structure
from gmix.model.criteria import CRITERIA
from gmix.model.dependence import Dependence, find_dependence
from gmix.model.mixture import with_dependent_features
from gmix.model.priors import Prior, as_prior
from gmix.model.stopping import Deadline, StoppingRule
from gmix.model.student import normal_part, same_family
from gmix.model.variational import VariationalPrior
from gmix.sources import MEMORY, Journal, Source, as_source

__all__ = ["fit"]

_CHANCE = 0.002  # `StoppingRule.chance` of a default fit
_DEPENDENCE_ROWS = 2_000  # rows in which dependent columns are searched for
_LONG = 100_000  # numbers in a table; passes over fewer are too fast to be counted one by one


@other_words(OTHER_WORDS)
@one_blas_thread()
def fit(
    data: Any,
    components: int | Iterable[int] | Mapping[Any, int] | str = "auto",
    *,
    covariance: str | Structure | Iterable[str | Structure] = "auto",
    factors: int | Iterable[int] | str | None = None,
    criterion: str = "bic",
    family: str = "gaussian",
    degrees_of_freedom: float | str | None = None,
    equal_weights: bool = False,
    covariance_ratio: float | None = None,
    trim: float = 0.0,
    components_per_row: int | None = None,
    prior: Prior | VariationalPrior | None = None,
    inference: str = "em",
    start: Any = "auto",
    freeze: Mapping[str, Any] | None = None,
    sample_weight: ArrayLike | str | None = None,
    labels: Any = None,
    row_errors: Any = None,
    row_covariance: ArrayLike | None = None,
    missing: str = "model",
    background: bool | float | str = False,
    columns: list[str] | None = None,
    tolerance: float | None = None,
    max_iterations: int = StoppingRule.max_iterations,
    memory: float = MEMORY,
    threads: int | None = None,
    rng: Rng = None,
    effort: float = 1.0,
    seconds: float | None = None,
    progress: Reporting = None,
    checkpoint: str | PathLike[str] | None = None,
    resume: bool = False,
) -> Fit:
    """Fit mixtures to a table by EM, Gaussian ones by default, and return the best by a criterion.

    Parameters
    ----------
    data : array or memory map ``(N, D)`` of float32 or float64 in any memory order; a DataFrame or Arrow table; the
        path of a CSV, Parquet or Arrow file, of a folder of them, or a pattern such as ``"points-*.parquet"``; a
        `gmix.CSV`, which states how CSV files are written; a
        ``pyarrow.dataset.Dataset``; blocks, as a list or any object that can be iterated again and again; a
        Dask array or DataFrame, or a Spark DataFrame; or a `gmix.sources.Source`. A sequence of N numbers is one
        column.
    components : a number of components, several to compare, or ``"auto"`` for 1 to 9. On tables of more than 50,000
        rows, sub-samples first rule out candidates that are clearly worse (`gmix.fitting.narrowing.narrowed`). With
        `labels`, ``"auto"`` is one for each label. Components beyond that have no label: only unlabeled rows come from
        them, as from a class that nobody has labeled. A mapping gives each label its number of components, and None
        that of components without a label: ``{"setosa": 1, "virginica": 2, None: 1}``.
    covariance : the code or name of a structure, several to compare, or ``"auto"`` for all fourteen of
        `gmix.covariance.STRUCTURES`. Beyond 24 columns, ``"auto"`` omits the four that rotate axes; with a prior it
        omits VEE, EVE, VVE and EVV. Tables with one column have two structures: ``"E"``, one variance for all
        components, and ``"V"``, one for each.
    factors : the number of factors for names such as ``covariance="factors"``, several to compare, or ``"auto"`` for 1
        to 5. With ``covariance="auto"`` it compares all eight models of `gmix.covariance.Factors`.
    criterion : which criterion chooses among several candidates: ``"bic"``, ``"aic"``, ``"aicc"``, ``"icl"``,
        ``"caic"`` or ``"sabic"``; see `gmix.criteria`.
    family : ``"gaussian"`` for Gaussian components, ``"student"`` for Student's t, whose tails are heavier, so that
        outliers do not move the means (Peel & McLachlan 2000), or ``"auto"`` for the better one by the criterion.
        Student components go with all structures, sources and kinds of rows but errors of measurement, and not with
        `freeze`, `trim` and variational inference; the result is a `StudentMixture`.
    degrees_of_freedom : of Student components: None for one estimate for all, ``"each"`` for an estimate for each, or
        a number that is not estimated. Estimates are between 0.1 and 1,000.
    equal_weights : give all components the same weight, and count K - 1 parameters fewer.
    covariance_ratio : the largest allowed ratio of the largest eigenvalue to the smallest, over the covariances of all
        components, 1 or more; None for no bound. It keeps components from becoming narrow around a few rows. This is
        the restriction of tclust, for the structures VVV, VVI and VII (``V`` in one column); ``"auto"`` then compares
        only these. The bound compares variances of columns as they are, so give the columns comparable units: shifts,
        one common factor and, for VVV and VII, rotations do not matter, but factors of single columns do. The bound
        does not change ``n_parameters`` and the criteria. See `gmix.covariance.Structure.with_covariance_ratio`.
    trim : leave out this share of the rows, by weight, from 0 to 0.5: at every step those of the lowest density. The
        likelihood is that of the other rows (Neykov, Filzmoser, Dimova & Neytchev 2007). With ``covariance_ratio`` it
        is the method of tclust. For a table in memory. Criteria of fits with different ``trim`` cannot be compared.
    components_per_row : for thousands of components: the most components that a row may belong to while EM runs, such
        as 5; None for all. EM then maximizes the lower bound ``sum_n log sum_(c in C_n) w_c N_c(x_n)``, where ``C_n``
        are the likeliest components of row n that were found among those of the step before and their neighbors
        (truncated variational EM, Forster & Lücke 2018). The bound does not fall, and the time of a step grows much
        more slowly than the number of components. The statistics and the log-likelihood of the fit are exact, those of
        one more E-step with all components; a finding says by how much they are above the bound. For complete rows of a
        table in memory, and covariances ``"diag"``, ``"spherical"`` and others with independent columns. Such a fit
        makes no trials (`effort`).
    prior : `NormalInverseWishart`, `Shrinkage`, `Dirichlet` or a sum of these for a MAP fit; None for maximum
        likelihood. With ``inference="variational"``, a `VariationalPrior`.
    inference : ``"em"`` for estimates of the parameters by EM, or ``"variational"`` for an approximate posterior
        distribution of them by variational Bayes, which is `Fit.posterior`; see `VariationalPrior` for the model. The
        mixture then has expected weights and means, and inverses of expected precisions. The structures are full,
        tied, diag and spherical, and the lower bound of the log evidence takes the place of the criterion. Superfluous
        components are left empty. It goes with sample weights, missing cells, errors of measurement and all sources,
        but not with `labels`, `freeze`, `background`, `trim`, `equal_weights` and `covariance_ratio`.
    start : how the mixtures that EM starts from are made: ``"auto"``, ``"k-means++"``, ``"adaptive"``,
        ``"hierarchical"`` or ``"grow"``; or a start of your own: a `GaussianMixture`, labels ``(N,)``, responsibilities
        ``(N, K)``, or a function ``start(rows, n_components, rng)`` that receives rows ``(N, D)`` and returns one of
        these. EM runs without acceleration from a start of your own, and with it from all others (`StoppingRule`).
    freeze : parameters of the mixture `start` that stay as they are, to the last bit:
        ``{"means": [0, 1], "covariances": True, "weights": [2]}`` names components, or all by True. EM estimates the
        others, and only these are counted as parameters. Covariances of some components can be frozen if their
        structure is VVV, VVI or VII (``V`` in one column), those of all in any structure.
    sample_weight : ``(N,)``, or the name of a column. A row of weight 2 counts twice; a row of weight 0 is ignored.
    labels : ``(N,)`` text or numbers, or the name of a column, which is then not a feature: the group that each row is
        known to come from; -1, None, NaN or null if it is not known. A row with a label is held to the components of
        its group, the others are free. Or soft labels, ``(N, G)`` numbers zero or more, in memory: the density of a
        row is ``sum_g labels[g] sum_(k in g) w_k N_k(x)``. A fit with labels starts from the labeled rows and makes
        no trials (`effort`). See `Fit.groups` and `Fit.classify`.
    row_errors : standard deviations of the errors of measurement, independent and normal with mean zero: ``(D,)`` the
        same for all rows, or ``(N, D)``, or columns of the table by name, a list with one for each column or a mapping
        ``{"mass": "mass_error"}``; columns that it does not name are exact. The fit is then the mixture of the true
        values, by extreme deconvolution (Bovy, Hogg & Roweis 2011).
    row_covariance : covariances of the errors, ``(D, D)`` or ``(N, D, D)``, in place of `row_errors`. On a cluster,
        errors of single rows are given by names of columns.
    missing : what to do about missing cells, NaN or null: ``"model"`` fits the cells that the rows have, by EM under
        the assumption that cells are missing at random, and says so in a finding; ``"error"`` refuses them. Rows
        without any cell are left out.
    background : whether rows may belong to no component but to a uniform background in the box of all rows, as in
        mclust's noise component; its weight is estimated. ``"auto"`` fits both ways and keeps what the criterion
        prefers. A number is a density of your own for the background, in place of that of the box. A `start` that is a
        mixture with a background keeps its background. The background has the soft label 1 in every row, and rows with
        a known label do not belong to it. See `gmix.Background`.
    columns : which columns of a DataFrame or a file to use; names for the columns of an array. None: all numeric
        columns but an index. A finding of the fit names the other columns and says why they are left out.
    tolerance : stop when the estimated remaining gain is below this many nats per row. None: 1e-6. With ``"auto"``
        starts on tables of 20,000 numbers or more it is a 500th of ``p / 2n`` if that is larger, for p parameters
        and n rows; by chance alone, the log-likelihood per row at the optimum is ``p / 2n`` higher than that of new
        rows.
    max_iterations : the most iterations that a run takes.
    memory : bytes. A file that needs more is streamed in every pass instead; the result has the same bits.
    threads : the most threads to use; None for every processor that this process may use. The result has the same bits.
    rng : a seed or a `numpy.random.Generator` for the starts and the moves of the search.
    effort : how much work the search for better local optima may do: 1 by default; 10 allows ten times as much; 0
        allows none, so that EM runs only from the first starts. It counts operations, never time, so the result is the
        same on every machine. The search stops earlier if a better optimum is unlikely; with more effort, the chance
        must be smaller. There is no such search from a start that you give. See `Fit.optima`.
    seconds : after this time the fit ends with the best so far, as after Ctrl-C; the result then depends on the clock.
        A fit takes at least one step. None for no limit.
    progress : True shows the progress of a fit that takes longer than a second in one line: the candidates that are
        done, the one under way, the share of the work, and the estimated time left. None does so on a terminal only;
        False shows nothing. A function is called with a `gmix.Progress` after every pass over the rows, and after
        every candidate that is fitted to a sub-sample of them.
    checkpoint : a file that keeps the result of every pass. It must not exist yet, unless `resume` is true. Then a fit
        that was killed continues where it was, to the same bits. Give it the same rows, settings and seed.

    Returns
    -------
    The best candidate as a `Fit`; its ``search`` has the others.

    Raises
    ------
    ClusterError
        if the cluster that holds the rows fails.
    DataError
        for a table that cannot be used as it is. The message names the row and the column, and says what to do.
    ParameterError
        for an invalid argument.

    >>> import gmix
    >>> points = gmix.GaussianMixture(
    ...     [0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]]
    ... ).sample(500, rng=1)
    >>> fit = gmix.fit(points, rng=1)
    >>> fit.mixture.n_components
    2
    """
    criterion, family = one_of(criterion, CRITERIA, "criterion"), one_of(family, FAMILIES, "family")
    components, covariance = as_auto(components), as_auto(covariance)
    factors, background = as_auto(factors), as_auto(background)
    posterior_prior = variational_prior(
        inference,
        prior,
        {
            "equal_weights": equal_weights,
            "covariance_ratio": covariance_ratio,
            "trim": trim or None,
            "components_per_row": components_per_row,
            "freeze": freeze,
            "labels": labels,
            "background": background,
            "criterion": None if criterion == "bic" else criterion,
        },
    )
    _check_effort(effort)
    deadline = _deadline(seconds)
    source = as_source(
        data,
        sample_weight=sample_weight,
        labels=labels,
        row_errors=row_errors,
        row_covariance=row_covariance,
        columns=columns,
        threads=threads,
        memory=memory,
        missing=missing,
    )
    source, components = labeled_source(trimmed(source, trim), components)
    starts = as_start(start) if source.groups is None else labeled_start(as_start(start))
    check_background(background, starts, trim)
    of_gaussians = {"row_errors": source.least_error, "freeze": freeze, "trim": trim or None}
    check_family(family, degrees_of_freedom, starts, of_gaussians | {"inference='variational'": posterior_prior})
    makes_starts = starts.is_made
    rule: StoppingRule = StoppingRule(
        StoppingRule.tolerance if tolerance is None else tolerance,
        max_iterations,
        accelerate=makes_starts,
        chance=_CHANCE if makes_starts and tolerance is None else 0.0,
    )
    rule = rule if deadline is None else Deadline(**asdict(rule), time=deadline)
    prior = as_prior(prior) if posterior_prior is None else None
    covariance = covariance if posterior_prior is None else variational_covariance(covariance, starts)
    check_progress(progress)
    counts = component_counts(components, starts)
    structures, findings = chosen_structures(
        covariance, starts, source.n_features, prior is not None, covariance_ratio is not None, factors
    )
    check_factor_models(structures, source, family)
    others = {"family": family != "gaussian", "background": background, "trim": trim, "checkpoint": checkpoint}
    source = truncated(source, components_per_row, structures, others)
    if equal_weights:
        structures = [s.with_equal_weights for s in structures]
    if covariance_ratio is not None:
        structures = [s.with_covariance_ratio(covariance_ratio) for s in structures]
    starts, frozen = frozen_start(starts, freeze, structures)
    about_rows = [*missing_findings(source), *label_findings(source), *error_findings(source)]
    findings = [*source.findings, *about_rows, *findings]
    counts, more_findings = _supported_counts(counts, source, chosen=isinstance(components, str) or len(counts) > 1)
    findings += more_findings
    table = source
    sample = Sample.of(source)  # read before the fit: a source that fails afterwards would lose the fit
    with ExitStack() as open_files:
        journal = None
        if checkpoint is not None:
            journal = open_files.enter_context(
                closing(Journal(as_path(checkpoint, what="checkpoint"), resume, source.n_rows, source.n_features))
            )
            rng = journal.seed if rng is None else rng
        counter = meter(progress, rule.tolerance)
        if counter is not None:
            open_files.enter_context(closing(counter))
            counter.limit(seconds)
        reported = SearchProgress(counter, source.n_rows)
        long = callable(progress) or source.n_rows * source.n_features > _LONG
        source, generator = source.watched(counter if long else None, journal), as_generator(rng)
        if posterior_prior is not None:
            settings = starts, rule, posterior_prior, effort, reported, isinstance(components, str)
            return variational_fit(source, VariationalPlan(counts, structures, *settings), findings, sample, generator)
        several = len(counts) * len(structures) > 1 and makes_starts and (prior is None or prior.suits_any_columns)
        dependence, about_columns = _dependence(source) if several else (None, [])
        features = source.features
        findings += about_columns
        if dependence is not None:
            source = source.select(dependence.independent)
            structures = structures_in_one_column(structures)[0] if source.n_features == 1 else structures
        named = not isinstance(components, str) and covariance != "auto"
        plan = SearchPlan(
            counts, structures, starts, rule, prior, criterion, named=named, frozen=frozen, progress=reported,
            effort=effort if components_per_row is None else 0.0,
            open_ranges=OpenRanges.of(components, covariance, factors),
        )  # fmt: skip
        found, more_findings = compare_families(source, plan, generator, background, family, degrees_of_freedom)
        if not several and found.best.collapsed and not found.interrupted:
            findings += _cause_of_collapse(source.watched(None, None))  # because a resumed fit repeats this pass
    found = found.in_order if makes_starts else found
    more_findings += truncation_findings(source, found.best.run.history)
    fit = fit_from_search(found, source.n_rows, [*findings, *more_findings], prior, source.groups)
    if dependence is not None:
        extended = with_dependent_features(normal_part(fit.mixture), dependence, features)
        fit = replace(fit, mixture=same_family(fit.mixture, extended))
    return with_trimmed_rows(inspected(fit, sample, max(counts) if len(counts) > 1 else None), table)


def _check_effort(effort: float) -> None:
    """Raise `ParameterError` unless effort is a finite number, zero or more."""
    if not (is_number(effort) and effort >= 0.0):
        raise ParameterError(f"effort is {effort!r}; give a number, zero or more; the default is 1")


def _deadline(seconds: float | None) -> float | None:
    """The time by `time.monotonic` at which the fit ends; None for no limit. Raises `ParameterError`."""
    if not (seconds is None or (is_number(seconds) and seconds > 0.0)):
        raise ParameterError(f"seconds is {seconds!r}; give a number above zero, or None for no limit")
    return None if seconds is None else time.monotonic() + seconds


def _supported_counts(counts: list[int], source: Source, *, chosen: bool) -> tuple[list[int], list[Finding]]:
    """The numbers of components that do not exceed the number of rows, with a finding if others are dropped.

    Raises `DataError` if none is left, or if one is dropped and no criterion chooses among them.
    """
    most = source.n_counting
    empty = 0 if source.missing is None else source.missing.empty_rows
    of = {source.n_rows - empty: " with a value", source.n_rows: ""}.get(most, " with weight")
    rows = "row" if most == 1 else "rows"
    kept = [k for k in counts if k <= most]
    if not kept or not (chosen or len(kept) == len(counts)):
        raise DataError(
            f"{max(counts)} components are more than the table has {rows}{of} ({most}); ask for fewer components"
        )
    tried = f"at most {count(most, 'component')} {'was' if most == 1 else 'were'} tried"
    cut = Finding("range cut", f"the table has {most} {rows}{of}, so {tried}", "note")
    return kept, [cut] if len(kept) < len(counts) else []


def _suspected_dependence(source: Source) -> Dependence | None:
    """How columns follow from others in the complete rows of a sub-sample; None if they do not or have errors."""
    if source.n_features == 1 or source.least_error is not None:
        return None
    sample = source.rows(max(_DEPENDENCE_ROWS, 4 * source.n_features), np.random.default_rng(0))
    complete = sample.complete
    return find_dependence(complete.values) if len(complete) else None


def _dependence(source: Source) -> tuple[Dependence | None, list[Finding]]:
    """How columns follow from others in all rows, or None if they do not; and a finding about it."""
    dependence = _suspected_dependence(source)
    if dependence is None:
        return None, []
    if source.obeys(dependence):
        return dependence, [dependence_finding(dependence, source.features)]
    if source.missing is not None and source.obeys(dependence, complete=True):
        return None, [dependence_finding(dependence, source.features, complete=True)]
    return None, []


def _cause_of_collapse(source: Source) -> list[Finding]:
    """A finding about columns that follow from others, which makes components collapse."""
    cause = _suspected_dependence(source)
    if cause is None or not source.obeys(cause, complete=True):
        return []
    return [dependence_finding(cause, source.features, carried=False)]
