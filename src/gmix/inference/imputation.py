"""Multiple imputation: completed tables whose differences include the uncertainty of the mixture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, of_kind
from gmix.base.findings import Finding
from gmix.base.other_names import other_words
from gmix.base.progress import Reporting, counting
from gmix.base.rows import Rows
from gmix.base.wording import count
from gmix.fitting.result import Fit, in_independent_columns
from gmix.inference.pooling import PooledEstimate
from gmix.inference.resampling import reweighted, warm_run
from gmix.inference.standard_errors import checked_statistics, collapsed, fitted_model
from gmix.model.imputation import imputed
from gmix.model.mixture import GaussianMixture, with_dependent_features
from gmix.sources import MemorySource, source_of_features

__all__ = ["Imputations", "impute"]

Array = NDArray[np.float64]
Estimate = Callable[[Array], tuple[ArrayLike, ArrayLike]]
_ATTEMPTS = 10  # mixtures that may collapse for each that is kept


@dataclass(frozen=True, eq=False)
class Imputations(Sequence[Array]):
    """Completed copies of a table: ``len(imputations)`` arrays ``(N, D)``, by position or in a loop.

    Tables are completed when they are asked for, and each table is the same every time. Only the rows and the mixtures
    are held in memory.

    Attributes
    ----------
    rows : ``(N, D)`` the table, whose missing cells are NaN. It is not copied.
    mass : the total weight of the rows that have a value; their number, if rows have no weights.
    mixtures : the mixture that each table is completed from.
    seed : the missing cells of table i are drawn by ``numpy.random.default_rng([seed, i])``.
    findings : warnings about the mixtures.
    threads : the most threads to use.
    labels : the labels of the rows, as fields of `gmix.base.rows.Rows`; empty if there are none.
    groups : the number ``(K,)`` of the group of each component that labels name; None without labels.
    """

    rows: NDArray[Any]
    mass: float
    mixtures: tuple[GaussianMixture, ...]
    seed: int
    findings: tuple[Finding, ...] = ()
    threads: int | None = None
    labels: Mapping[str, Array] = field(default_factory=dict)
    groups: Array | None = None

    def __len__(self) -> int:
        return len(self.mixtures)

    def __getitem__(self, i: Any) -> Any:
        """Table i, ``(N, D)``; for a slice, a list of tables."""
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        position = range(len(self))[i]
        generator, mixture = np.random.default_rng([self.seed, position]), self.mixtures[position]
        labels: dict[str, Any] = dict(self.labels)
        rows, components = Rows(self.rows, **labels, incomplete=True), mixture.components
        if self.groups is not None:
            components = components._replace(groups=self.groups)
        return imputed(rows, components, generator, self.threads, mixture.dependence)

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        n, d = self.rows.shape
        return f"Imputations({count(len(self), 'table')}, {count(n, 'row')}, {count(d, 'column')})"

    def pool(self, estimate: Estimate, *, degrees_of_freedom: float | None = None) -> PooledEstimate:
        """Estimate from each completed table, and pool the estimates by Rubin's rules.

        Parameters
        ----------
        estimate : a function of a completed table ``(N, D)`` that returns one or more values and their variances
            (squared standard errors), two numbers or two arrays of the same shape. They should be what you would
            report if no cell were missing.
        degrees_of_freedom : of this estimate without missing cells. By default the number of rows (their total weight)
            less the number of values, as for the coefficients of a regression; infinity for a large sample.

        Raises `ParameterError` for an estimate that cannot be pooled. See `PooledEstimate.of` for the formulas.
        """
        if not callable(estimate):
            raise ParameterError(
                f"estimate is {estimate!r}; give a function of a table that returns value and variance"
            )
        pairs = [_pair(estimate(table)) for table in self]
        if degrees_of_freedom is None:
            degrees_of_freedom = max(self.mass - np.size(pairs[0][0]), 1.0)
        values, variances = zip(*pairs, strict=True)
        return PooledEstimate.of(list(values), list(variances), degrees_of_freedom)


def _pair(estimate: Any) -> tuple[ArrayLike, ArrayLike]:
    try:
        value, variance = estimate
    except (TypeError, ValueError):
        raise ParameterError(
            f"the estimate returned {estimate!r}; return two things, the value and its variance, as numbers or arrays"
        ) from None
    return value, variance


@other_words()
@one_blas_thread()
def impute(
    fit: Fit,
    data: Any,
    n: int = 20,
    *,
    sample_weight: ArrayLike | str | None = None,
    labels: Any = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    rng: Rng = None,
    progress: Reporting = None,
) -> Imputations:
    r"""Complete a table n times, for confidence intervals that include what is not known about the missing cells.

    .. math:: \theta_i \sim p(\theta \mid x_o), \qquad x_{m,i} \sim p(x_m \mid x_o, \theta_i), \qquad i = 1, \dots, n

    Each table is completed from a mixture of its own. The mixture is fitted to the rows with random weights, by an EM
    run that starts from the fit. The mixtures therefore differ as much as the rows leave the parameters uncertain, and
    so do the completed tables. Then the missing cells are drawn from their conditional distribution given the other
    cells of the row.

    Estimates from the completed tables are pooled by `Imputations.pool`. It is assumed that the cells are missing at
    random, and that the structure and the number of components are right.

    Multiple imputation is by Rubin (1987), *Multiple Imputation for Nonresponse in Surveys*; imputation from EM runs on
    resampled rows, by Honaker & King (2010), *American Journal of Political Science* 54:561. The weights have the mean
    and variance of counts of rows drawn with replacement, but none is zero (Praestgaard & Wellner 1993, *Annals of
    Probability* 21:2053).

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, labels, columns : the rows of the fit, in memory, and its labels if it has some. A row of
        weight 2 counts twice.
    n : the number of tables. 20 suffice for most intervals; take more if much is missing.
    threads : the most threads to use.
    rng : a seed or a `numpy.random.Generator`.
    progress : shows the tables that are done and the estimated time left, as in `gmix.fit`; a function is called after
        every table.

    Returns
    -------
    An `Imputations`, a sequence of completed tables ``(N, D)``.

    Raises `DataError` for rows that are not those of the fit, and if the mixtures collapse.

    >>> import gmix, numpy as np
    >>> x = gmix.GaussianMixture(
    ...     [1.0], [[0.0, 0.0]], [[[1.0, 0.8], [0.8, 1.0]]]
    ... ).sample(300, rng=1)
    >>> x[x[:, 0] > 0, 1] = np.nan  # missing at random, given the first column
    >>> fit = gmix.fit(x, 1, covariance="full")
    >>> imputations = gmix.impute(fit, x, rng=1)
    >>> imputations
    Imputations(20 tables, 300 rows, 2 columns)
    >>> imputations.pool(
    ...     lambda table: (table[:, 1].mean(), table[:, 1].var(ddof=1) / len(table))
    ... )
    PooledEstimate(-0.1416 ± 0.083, 95 % interval -0.3105 to 0.02733, 62% of the information missing)
    """
    of_kind(fit, Fit, "fit", "the Fit that gmix.fit returned")
    if not is_count(n):
        raise ParameterError(f"n is {n!r}; give a whole number above zero")
    generator = as_generator(rng)
    source = source_of_features(
        fit.mixture, data, sample_weight=sample_weight, columns=columns, threads=threads, labels=labels
    )
    if not isinstance(source, MemorySource):
        raise DataError("imputation needs rows in memory; impute a sub-sample, or use the mixture's method impute")
    if source.least_error is not None:
        raise DataError(
            "imputation needs rows without errors; for rows with errors, use the mixture's method expected_values"
        )
    with counting(progress, n, "table") as advance:
        mixtures, findings = _re_estimated(fit, source, n, generator, advance)
    seed = int(generator.integers(1 << 63))
    mass, groups = float(source.everything.mass.sum()), fitted_model(fit, source).groups
    return Imputations(source.array, mass, mixtures, seed, findings, threads, dict(source.label_arrays), groups)


def _re_estimated(
    fit: Fit, table: MemorySource, n: int, rng: np.random.Generator, advance: Callable[[int], None]
) -> tuple[tuple[GaussianMixture, ...], tuple[Finding, ...]]:
    """The mixtures of n reweighted tables, and findings about them."""
    dependence, features, fit = fit.mixture.dependence, fit.mixture.features, in_independent_columns(fit)
    source = table if dependence is None else table.select(dependence.independent)
    checked_statistics(fit, source)
    model = fitted_model(fit, source)
    kept: list[GaussianMixture] = []
    n_collapsed = unconverged = 0
    while len(kept) < n:
        run = warm_run(model, reweighted(source, rng))
        if collapsed(run.model, run.statistics):
            n_collapsed += 1
            if n_collapsed > _ATTEMPTS * (len(kept) + 1):
                raise DataError(
                    f"{n_collapsed} of {n_collapsed + len(kept)} mixtures of reweighted rows collapsed; fit fewer "
                    "components or give a prior"
                )
            continue
        unconverged += not run.reason.converged
        found = run.gaussian
        kept.append(found if dependence is None else with_dependent_features(found, dependence, features))
        advance(len(kept))
    return tuple(kept), tuple(_findings(n, n_collapsed, unconverged))


def _findings(n: int, collapsed: int, unconverged: int) -> Iterator[Finding]:
    if collapsed:
        yield Finding(
            "collapsed mixtures",
            f"{collapsed} of {collapsed + n} mixtures of reweighted rows collapsed and were replaced, so the tables "
            "may differ too little; fit fewer components or give a prior",
        )
    if unconverged:
        yield Finding("not converged", f"{unconverged} of {n} EM runs on reweighted rows ended before they converged")
