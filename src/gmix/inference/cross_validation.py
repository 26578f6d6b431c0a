"""Cross-validation: what a mixture's likelihood is worth on rows that it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError
from gmix.fitting.em import run_em
from gmix.fitting.result import Fit, in_independent_columns
from gmix.inference.standard_errors import rows_of, source_of
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
    """``-2 sum_f log L(rows of fold f | mixture of the other folds)``; smaller is better, and AIC is what it tends to.

    Every row is in one fold. Each mixture climbs from the fit, so it is the optimum near that one, without the rows
    held out. Smyth (2000), *Statistics and Computing* 10:63; Stone (1977), *Journal of the Royal Statistical Society B*
    39:44.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, columns : the same rows as there, in memory.
    folds : how many, from 2 to the number of rows.
    threads : how many to use at most.
    rng : a seed or a `numpy.random.Generator`, for the folds. Compare fits on the same folds: give the same seed.

    Raises `DataError` for rows that the fit was not made from, and `ParameterError` for folds that cannot be made.

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
    rows_of(fit, source)
    fold = np.full(source.n_rows, -1)
    fold[counting] = as_generator(rng).permutation(len(counting)) % folds
    held_out = 0.0
    for number in range(folds):
        out = fold == number
        rest = MemorySource(source.array, sample_weight=np.where(out, 0.0, weight), threads=source.threads)
        [run] = run_em(rest, [fit.mixture], StoppingRule(), fit.prior)
        if run.reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        held_out += float(weight[out] @ run.mixture.log_density(source.array[out], threads=source.threads))
    return -2.0 * held_out
