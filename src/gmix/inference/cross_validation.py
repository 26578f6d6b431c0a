"""Cross-validation: the likelihood of rows that a mixture was not fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError
from gmix.base.other_names import other_words
from gmix.base.progress import Reporting, counting
from gmix.base.rows import Rows
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.em import run_em
from gmix.fitting.result import Fit, in_independent_columns
from gmix.inference.standard_errors import checked_statistics, source_of
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource

__all__ = ["cross_validate"]

Array = NDArray[np.float64]
_MOST_DIVIDED = 10_000_000  # copies of rows that are placed in folds one by one
_MOST_COUNTED = 1e18  # copies of rows that an integer can count


@other_words(
    {
        "cv": "folds={}",
        "k": "folds={}",
        "n_splits": "folds={}",
        "covariance": "gmix.fit(data, covariance={}) as the first argument",
        "components": "gmix.fit(data, {}) as the first argument",
    }
)
@one_blas_thread()
def cross_validate(
    fit: Fit,
    data: Any,
    *,
    folds: int = 10,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    rng: Rng = None,
    progress: Reporting = None,
) -> float:
    """Cross-validated deviance: ``-2 sum_f log L(rows of fold f | mixture of the other folds)``; smaller is better.

    Every row is in one fold. If all weights are whole numbers, they count rows, and the copies of a row may be in
    different folds. With other weights, equal rows are in the same fold. EM starts from the fit each time, so it finds
    the optimum near the fit without the rows of the fold. AIC approximates the same number. Smyth (2000), *Statistics
    and Computing* 10:63; Stone (1977), *Journal of the Royal Statistical Society B* 39:44.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, columns : the rows of the fit, in memory.
    folds : the number of folds, from 2 to the number of rows, copies included.
    threads : the most threads to use.
    rng : a seed or a `numpy.random.Generator` for the folds. To compare fits on the same folds, give the same seed.
    progress : shows the folds that are done and the estimated time left, as in `gmix.fit`; a function is called after
        every fold.

    Returns
    -------
    The deviance, minus twice a log-likelihood in nats.

    Raises `DataError` for rows that are not those of the fit, and `ParameterError` for an invalid number of folds.

    >>> import gmix
    >>> x = gmix.GaussianMixture(
    ...     [0.5, 0.5], [[0.0], [5.0]], [[[1.0]], [[1.0]]]
    ... ).sample(300, rng=1)
    >>> fits = [gmix.fit(x, k, covariance="full", rng=0) for k in (1, 2)]
    >>> [round(gmix.cross_validate(fit, x, rng=0)) for fit in fits]
    [1443, 1252]
    """
    source = source_of(fit, data, sample_weight=sample_weight, columns=columns, threads=threads)
    if fit.groups is not None:
        raise ParameterError(
            "cross-validation of a fit with labels is not supported; fit without labels, from start=fit.mixture"
        )
    fit = in_independent_columns(fit)
    if not isinstance(source, MemorySource):
        raise DataError("cross-validation needs rows in memory; fit and validate a sub-sample")
    checked_statistics(fit, source)
    rows = _rows(source)
    log_likelihood = 0.0
    with counting(progress, folds, "fold") as advance:
        for number, held_out in enumerate(_folds(rows.mass, folds, as_generator(rng))):
            others = MemorySource.of_rows(replace(rows, weights=rows.mass - held_out), source)
            if others.lacks_a_column:
                raise DataError("all values of a column are in one fold; give another rng, or leave the column out")
            [run] = run_em(others, [fit.mixture], StoppingRule(), fit.prior, frozen=fit.frozen)
            if run.reason is Reason.INTERRUPTED:
                raise KeyboardInterrupt
            some = held_out > 0
            log_density = run.mixture.log_density(rows[some], threads=source.threads)
            log_likelihood += float(held_out[some] @ log_density)
            advance(number + 1)
    return -2.0 * log_likelihood


def _rows(source: MemorySource) -> Rows:
    """The rows of a table. If the table has weights and no errors, equal rows are joined, at the first of them."""
    if source.weight is None or source.errors is not None:
        return source.everything.counting
    counting = source.everything.counting
    distinct = DistinctRows.of(counting.values, counting.mass)
    order = np.argsort(distinct.first)
    return replace(counting, values=distinct.values[order], weights=distinct.weight[order])


def _folds(weight: Array, folds: int, rng: np.random.Generator) -> Iterator[Array]:
    """The weights ``(N,)`` of the rows in each fold. Rows whose weights are whole numbers are divided into copies."""
    copies = np.ones(len(weight), np.intp)
    if weight.sum() < _MOST_COUNTED and (weight == np.rint(weight)).all():
        copies = weight.astype(np.intp)
    if not is_count(folds, 2) or folds > copies.sum():
        raise ParameterError(f"folds is {folds!r}; give a whole number from 2 to the rows of the table, {copies.sum()}")
    if copies.sum() > _MOST_DIVIDED:  # folds of slightly different sizes, which take less memory
        yield from rng.multinomial(copies, np.full(folds, 1.0 / folds)).T * (weight / copies)
        return
    row = np.repeat(np.arange(len(weight)), copies)
    fold = rng.permutation(len(row)) % folds
    for number in range(folds):
        yield np.bincount(row[fold == number], minlength=len(weight)) * (weight / copies)
