"""Cross-validation: the likelihood of rows that a mixture was not fitted to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError
from gmix.fitting.em import run_em
from gmix.fitting.result import Fit, in_independent_columns
from gmix.inference.standard_errors import checked_statistics, source_of
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource

__all__ = ["cross_validate"]


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
) -> float:
    """Cross-validated deviance: ``-2 sum_f log L(rows of fold f | mixture of the other folds)``; smaller is better.

    Every row is in one fold. EM starts from the fit each time, so it finds the optimum near the fit without the rows of
    the fold. AIC approximates the same number. Smyth (2000), *Statistics and Computing* 10:63; Stone (1977), *Journal
    of the Royal Statistical Society B* 39:44.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, columns : the rows of the fit, in memory.
    folds : the number of folds, from 2 to the number of rows.
    threads : the most threads to use.
    rng : a seed or a `numpy.random.Generator` for the folds. To compare fits on the same folds, give the same seed.

    Raises `DataError` for rows that are not those of the fit, and `ParameterError` for an invalid number of folds.

    >>> import gmix
    >>> x = gmix.GaussianMixture([0.5, 0.5], [[0.0], [5.0]], [[[1.0]], [[1.0]]]).sample(300, rng=1)
    >>> [round(gmix.cross_validate(gmix.fit(x, k, covariance="full", rng=0), x, rng=0)) for k in (1, 2)]
    [1448, 1246]
    """
    source = source_of(fit, data, sample_weight=sample_weight, columns=columns, threads=threads)
    fit = in_independent_columns(fit)
    if not isinstance(source, MemorySource):
        raise DataError("cross-validation needs rows in memory; fit and validate a sub-sample")
    weight = source.everything.mass
    counting = np.flatnonzero(weight)
    if not is_count(folds, 2) or folds > len(counting):
        raise ParameterError(
            f"folds is {folds!r}; give a whole number from 2 to the rows of the table, {len(counting)}"
        )
    checked_statistics(fit, source)
    fold = np.full(source.n_rows, -1)
    fold[counting] = as_generator(rng).permutation(len(counting)) % folds
    log_likelihood = 0.0
    for number in range(folds):
        held_out = fold == number
        others = MemorySource(source.array, sample_weight=np.where(held_out, 0.0, weight), threads=source.threads)
        [run] = run_em(others, [fit.mixture], StoppingRule(), fit.prior)
        if run.reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        log_density = run.mixture.log_density(source.array[held_out], threads=source.threads)
        log_likelihood += float(weight[held_out] @ log_density)
    return -2.0 * log_likelihood
