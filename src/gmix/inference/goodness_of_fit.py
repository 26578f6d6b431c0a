"""How well a mixture fits rows: distances between what was observed and what the mixture says, with p-values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError
from gmix.base.other_names import other_words
from gmix.base.progress import Reporting, counting
from gmix.base.wording import count
from gmix.fitting.result import Fit, in_independent_columns
from gmix.inference.resampling import resampled, warm_run
from gmix.inference.standard_errors import checked_statistics, collapsed, fitted_model, source_of
from gmix.model.goodness import Empirical, conditional_probabilities, distance_tails, marginal_probabilities
from gmix.model.mixture import GaussianMixture
from gmix.notebook import goodness_html
from gmix.sources import MemorySource

__all__ = ["GoodnessOfFit", "goodness_of_fit"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GoodnessOfFit:
    """Kolmogorov-Smirnov distances between rows and a mixture, and the distances in tables drawn from the mixture.

    Attributes
    ----------
    names : the columns, without those that follow from others.
    values : ``(D,)``, the weighted number of observed cells of each column.
    marginal : ``(D,)``, the distance of each column from its distribution.
    conditional : ``(D,)``, the distance of each column from its distribution given the columns before it; NaN if no row
        has all cells.
    distances : that of the Mahalanobis distances from those of Gaussian components; see `gmix.plot.distances`.
    replicates : ``(R, 2 D + 1)``, the same distances, in this order, in tables that were drawn and fitted.
    """

    names: tuple[str, ...]
    values: Array
    marginal: Array
    conditional: Array
    distances: float
    replicates: Array

    @property
    def p_values(self) -> Array:
        """The share of tables, this one among them, with at least each distance: ``(2 D + 1,)``; NaN without any.

        Their order is that of `replicates`: marginal, conditional, and of Mahalanobis distances.
        """
        observed = np.r_[self.marginal, self.conditional, self.distances]
        if not len(self.replicates):
            return np.full(observed.shape, np.nan)
        as_far = (self.replicates >= observed).sum(0)
        return np.where(np.isnan(observed), np.nan, (1 + as_far) / (1 + len(self.replicates)))

    def __repr__(self) -> str:
        worst = int(np.argmax(self.marginal))
        return (
            f"GoodnessOfFit({count(len(self.names), 'column')}, largest marginal distance {self.marginal[worst]:.3f} "
            f"of {self.names[worst]}, {count(len(self.replicates), 'replicate')})"
        )

    def __str__(self) -> str:
        p = self.p_values
        d, tested = len(self.names), len(self.replicates) > 0
        width = max(20, *(len(name) for name in self.names)) + 2

        def cell(distance: float, p_value: float) -> str:
            text = "-" if np.isnan(distance) else f"{distance:.3f}" + f" (p = {p_value:.2g})" * tested
            return f"{text:>{20 if tested else 12}}"

        lines = ["Kolmogorov-Smirnov distances"]
        lines.append(f"  {'column':<{width}}" + "".join(f"{head:>{20 if tested else 12}}" for head in _HEADS))
        for j, name in enumerate(self.names):
            cells = cell(self.marginal[j], p[j]) + cell(self.conditional[j], p[d + j])
            lines.append(f"  {name:<{width}}" + cells)
        lines.append(f"  {'Mahalanobis distance':<{width}}" + cell(self.distances, p[-1]))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return goodness_html(self)


_HEADS = ("marginal", "conditional")


@other_words({"n": "replicates={}", "n_resamples": "replicates={}", "n_boot": "replicates={}"})
@one_blas_thread()
def goodness_of_fit(
    fit: Fit,
    data: Any,
    *,
    replicates: int = 0,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    rng: Rng = None,
    progress: Reporting = None,
) -> GoodnessOfFit:
    r"""Compare rows with a mixture: the distance of each column, and that of the Mahalanobis distances.

    .. math:: D_j = \sup_u \bigl| \hat F_j(u) - u \bigr|

    for the probability integral transforms of each column, alone and given the columns before it
    (`GaussianMixture.rosenblatt`), and for the squared Mahalanobis distances from the components, which are
    chi-squared if these are Gaussian. `gmix.plot.probability_transform`, `gmix.plot.quantiles` and
    `gmix.plot.distances` show where the rows depart.

    A mixture that was fitted to the rows is closer to them than the truth, so tables of the Kolmogorov-Smirnov test do
    not apply. With `replicates`, tables are drawn from the mixture and fitted from its parameters, which gives p-values
    of the right size (the parametric bootstrap: Stute, González Manteiga & Presedo Quindimil 1993, *Metrika* 40:243).
    With thousands of rows, harmless departures have small p-values too: look at the distances.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, columns : rows, in memory and without errors of measurement. With `replicates`, those of the
        fit. Cells may be missing: the columns are compared by the cells that they have, their conditional distributions
        by the rows that have all cells, and Mahalanobis distances by the cells of each row.
    replicates : the number of tables to draw; the p-value is a multiple of 1 / (R + 1).
    threads : the most threads to use.
    rng : a seed or a `numpy.random.Generator`.
    progress : shows the replicates that are done and the estimated time left, as in `gmix.fit`; a function is called
        after every replicate.

    Returns
    -------
    A `GoodnessOfFit`.

    Raises `DataError` for rows that are not those of the fit, and `ParameterError` for a fit with labels and
    `replicates`.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture(
    ...     [0.5, 0.5], [[0.0], [5.0]], [[[1.0]], [[1.0]]]
    ... )
    >>> x = mixture.sample(200, rng=1)
    >>> fits = [gmix.fit(x, k, covariance="full", rng=0) for k in (1, 2)]
    >>> for fit in fits:
    ...     found = gmix.goodness_of_fit(fit, x, replicates=99, rng=0)
    ...     print(found.marginal.round(3), found.p_values[0])
    [0.148] 0.01
    [0.033] 0.51
    """
    if not is_count(replicates, 0):
        raise ParameterError(f"replicates is {replicates!r}; give a whole number, or 0 for no p-values")
    generator = as_generator(rng)
    source = source_of(fit, data, sample_weight=sample_weight, columns=columns, threads=threads)
    if not isinstance(source, MemorySource):
        raise DataError("goodness of fit needs rows in memory; give a sub-sample")
    if replicates and fit.groups is not None:
        raise ParameterError("p-values of a fit with labels are not known; give replicates=0")
    fit = in_independent_columns(fit)
    if fit.statistics.reference.error is not None:
        raise ParameterError(
            "the fit describes rows without their errors of measurement, and the rows have errors; compare the rows "
            "with mixture.convolve(errors) in gmix.plot.quantiles"
        )
    mixture = fit.gaussian("goodness_of_fit")
    observed, replicated = _distances(mixture, source), list[Array]()
    if replicates:
        checked_statistics(fit, source)
        model = fitted_model(fit, source)
        with counting(progress, replicates, "replicate") as advance:
            for done in range(replicates):
                table = resampled(source, mixture, "parametric", generator)
                run = warm_run(model, table)
                if not (table.lacks_a_column or collapsed(run.model, run.statistics)):
                    replicated.append(_distances(run.gaussian, table))
                advance(done + 1)
    d = fit.mixture.n_features
    rows, mass = source.everything.values, source.everything.mass
    values = (mass[:, None] * ~np.isnan(rows)).sum(0)
    tables = np.array(replicated).reshape(len(replicated), 2 * d + 1)
    return GoodnessOfFit(fit.mixture.names, values, observed[:d], observed[d:-1], float(observed[-1]), tables)


def _distances(mixture: GaussianMixture, source: MemorySource) -> Array:
    """The distances ``(2 D + 1,)``: marginal, conditional, and of Mahalanobis distances."""
    rows, mass = np.asarray(source.everything.values, np.float64), source.everything.mass
    tails, shares = distance_tails(mixture, rows)
    columns = [*marginal_probabilities(mixture, rows).T, *conditional_probabilities(mixture, rows).T]
    samples = [Empirical.of(column, mass) for column in columns]
    samples.append(Empirical.of(1.0 - tails.ravel(), (shares * mass[:, None]).ravel()))
    return np.array([sample.distance for sample in samples])
