"""The bootstrap: standard errors from fits to resampled tables, and a test of K components against K + 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, is_count, is_number
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, one_of
from gmix.base.other_names import other_words
from gmix.base.progress import Reporting, counting
from gmix.base.wording import count
from gmix.fitting.candidates import Search
from gmix.fitting.from_search import fit_from_search
from gmix.fitting.result import Fit, StandardErrors, in_independent_columns
from gmix.fitting.search import search
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.start import KMeansPlusPlus
from gmix.inference.intervals import Intervals, acceleration, bca_levels
from gmix.inference.resampling import drawn_table, resampled, warm_run
from gmix.inference.standard_errors import checked_statistics, collapsed, fitted_model, source_of
from gmix.model.covariance import Structure, structure as as_structure
from gmix.model.frozen import Frozen
from gmix.model.gaussian_model import GaussianModel
from gmix.model.mixture import GaussianMixture, with_dependent_features
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource, Source, as_source

__all__ = ["Bootstrap", "LikelihoodRatioTest", "bootstrap", "likelihood_ratio_test"]

Array = NDArray[np.float64]
_KINDS = ("weights", "rows", "parametric")
_ROUNDING = 1e-12  # by which weights may not sum to one


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """The parameters of R fits to resampled tables. Component k of each is matched with component k of the fit.

    `interval` returns confidence intervals for all parameters.

    Attributes
    ----------
    weights : ``(R, K)``; a background has what they leave.
    means : ``(R, K, D)``.
    covariances : ``(R, K, D, D)``.
    collapsed : the number of further fits, which were left out because a component collapsed, or a column had no value.
    mixture : the mixture of the fit.
    kind : how the tables were made; see `gmix.bootstrap`.
    acceleration : of the weights, means and covariances, each in the shape of the parameter: how fast their standard
        errors change with their values, which BCa intervals correct for. None for random weights.
    """

    weights: Array
    means: Array
    covariances: Array
    collapsed: int
    mixture: GaussianMixture | None = None
    kind: str = "weights"
    acceleration: tuple[Array, Array, Array] | None = None

    def __repr__(self) -> str:
        n_replicates, k, d = self.means.shape
        return (
            f"Bootstrap({count(n_replicates, 'replicate')}, {count(k, 'component')}, {count(d, 'feature')}, "
            f"{self.collapsed} collapsed)"
        )

    @property
    def standard_errors(self) -> StandardErrors:
        """The standard deviations over the replicates."""
        weights, means, covariances = map(_standard_deviation, (self.weights, self.means, self.covariances))
        background = 1.0 - self.weights.sum(1)
        has_one = bool((background > _ROUNDING).any())
        return StandardErrors(weights, means, covariances, float(_standard_deviation(background)) if has_one else None)

    def interval(self, level: float = 0.95, *, kind: str = "percentile") -> Intervals:
        """Confidence intervals for all parameters: their lower and upper ends, as `gmix.inference.intervals.Intervals`.

        Parameters
        ----------
        level : the probability that an interval holds the true value, above 0 and below 1.
        kind : ``"percentile"``, quantiles of the replicates; or ``"bca"``, which corrects the probabilities of the
            quantiles for the bias and the skewness of the estimates (Efron 1987, *Journal of the American Statistical
            Association* 82:171). Variances and weights of small components gain most. It needs about 2,000 replicates
            of ``kind="rows"`` or ``"parametric"``: the distribution of estimates from random weights is twice as
            skewed, which the correction does not know. Intervals follow monotone functions of a parameter, so the root
            of that of a variance is that of the standard deviation.

        Raises `ParameterError` for another level or kind, and for ``"bca"`` with random weights.
        """
        levels = self.levels(level, kind)
        return Intervals(*(
            _quantiles(getattr(self, part), getattr(levels, part)) for part in ("weights", "means", "covariances")
        ))  # fmt: skip

    def levels(self, level: float = 0.95, kind: str = "percentile") -> Intervals:
        """The probabilities whose quantiles of the replicates are the ends of `interval`, which takes the same."""
        kind = one_of(kind, ("percentile", "bca"), "kind")
        if not (is_number(level) and 0.0 < level < 1.0):
            raise ParameterError(f"level is {level!r}; give a number between 0 and 1, such as 0.95")
        parts = self.weights, self.means, self.covariances
        if kind == "percentile":
            ends = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
            return Intervals(*(np.broadcast_to(ends.reshape(2, *[1] * (p.ndim - 1)), (2, *p.shape[1:])) for p in parts))
        mixture = self.mixture
        if mixture is None or self.acceleration is None:
            raise ParameterError("BCa intervals need replicates of kind='rows' or 'parametric'; bootstrap again")
        estimates = mixture.weights, mixture.means, mixture.covariances
        return Intervals(*(
            bca_levels(part, estimate, accelerated, level)
            for part, estimate, accelerated in zip(parts, estimates, self.acceleration, strict=True)
        ))  # fmt: skip


@other_words({"n": "replicates={}", "n_resamples": "replicates={}", "n_boot": "replicates={}"})
@one_blas_thread()
def bootstrap(
    fit: Fit,
    data: Any,
    *,
    kind: str = "weights",
    replicates: int = 999,
    sample_weight: ArrayLike | str | None = None,
    labels: Any = None,
    row_errors: Any = None,
    row_covariance: ArrayLike | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    rng: Rng = None,
    progress: Reporting = None,
) -> Bootstrap:
    """Fit the mixture to many resampled tables, with EM runs that start from the fit.

    Components are matched with those of the fit so that the sum of their symmetric Kullback-Leibler divergences is
    smallest. Those with frozen parameters and those with different labels are not exchanged. A background keeps its
    box, frozen parameters keep every bit, and labels are resampled with their rows.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, labels, row_errors, row_covariance, columns : the rows of the fit, in memory, with their labels
        and errors if they have some. A row of
        weight 2 counts twice, and every table has the same total weight; weights that are not counts should sum to the
        number of observations.
    kind : ``"weights"`` gives every row an exponential random weight, so that small components collapse less often
        (the weighted-likelihood bootstrap: Newton & Raftery 1994, *Journal of the Royal Statistical Society B* 56:3);
        ``"rows"`` draws rows with replacement (Efron 1979, *Annals of Statistics* 7:1); ``"parametric"`` draws new rows
        from the mixture, which lack the same cells as rows of the table, and have the label of their component where
        these have one. O'Hagan et al. (2019), *Computational Statistics* 34:1779, compare them.
    replicates : the number of tables.
    threads : the most threads to use.
    rng : a seed or a `numpy.random.Generator`.
    progress : shows the replicates that are done and the estimated time left, as in `gmix.fit`; a function is called
        after every replicate.

    Returns
    -------
    A `Bootstrap` with the parameters of the R fits that did not collapse.

    Raises `DataError` for rows that are not those of the fit.

    >>> import gmix
    >>> x = gmix.GaussianMixture([1.0], [[0.0]], [[[4.0]]]).sample(400, rng=7)
    >>> fit = gmix.fit(x, 1, covariance="full")
    >>> gmix.bootstrap(fit, x, replicates=200, rng=1).standard_errors.means.round(2)
    array([[0.09]])
    """
    kind = one_of(kind, _KINDS, "kind")
    if not is_count(replicates, 2):
        raise ParameterError(f"replicates is {replicates!r}; give a whole number above one")
    generator = as_generator(rng)
    rows = {"labels": labels, "row_errors": row_errors, "row_covariance": row_covariance}
    source = source_of(fit, data, sample_weight=sample_weight, columns=columns, threads=threads, **rows)
    if not isinstance(source, MemorySource):
        raise DataError("the bootstrap needs rows in memory; fit and bootstrap a sub-sample, or use standard_errors")
    complete, fit = fit.gaussian("bootstrap"), in_independent_columns(fit)
    checked_statistics(fit, source)
    model, mixture = fitted_model(fit, source), fit.gaussian("bootstrap")
    kept, n_collapsed = [], 0
    with counting(progress, replicates, "replicate") as advance:
        for done in range(replicates):
            table = resampled(source, mixture, kind, generator, model.groups)
            run = warm_run(model, table)
            if table.lacks_a_column or collapsed(run.model, run.statistics):
                n_collapsed += 1
            else:
                found = run.gaussian
                order = _matched(found, mixture, _exchangeable(model))
                if complete.dependence is not None:
                    found = with_dependent_features(found, complete.dependence, complete.features)
                kept.append((found, order))
            advance(done + 1)
    if len(kept) < 2:
        raise DataError(f"{n_collapsed} of {replicates} fits collapsed; fit fewer components or give a prior")
    weights, means, covariances = (
        np.array([getattr(mixture, part)[order] for mixture, order in kept])
        for part in ("weights", "means", "covariances")
    )
    accelerated = None if kind == "weights" else acceleration(fit, source, complete.dependence)
    return Bootstrap(weights, means, covariances, n_collapsed, complete, kind, accelerated)


def _quantiles(replicates: Array, probabilities: Array) -> Array:
    """The quantiles ``(2, ...)`` of ``replicates (R, ...)`` at probabilities ``(2, ...)`` of each parameter."""
    flat, levels = replicates.reshape(len(replicates), -1), probabilities.reshape(2, -1)
    found = [np.quantile(own, ends) for own, ends in zip(flat.T, levels.T, strict=True)]
    return np.array(found).T.reshape(probabilities.shape)


def _standard_deviation(replicates: Array) -> Array:
    norm = np.hypot.reduce(replicates - replicates.mean(0), 0)  # squares may overflow or underflow
    same = (replicates == replicates[0]).all(0)  # their mean may differ from them by rounding
    return np.asarray(np.where(same, 0.0, norm / np.sqrt(len(replicates) - 1)))


def _exchangeable(model: GaussianModel) -> NDArray[np.bool_]:
    """Which pairs of components ``(K, K)`` may be matched: those of the same group without frozen parameters."""
    n_components, frozen = model.mixture.n_components, model.frozen or Frozen()
    groups = np.zeros(n_components) if model.groups is None else model.groups
    some = list({*frozen.means, *frozen.covariances, *frozen.weights})
    pairs = groups[:, None] == groups
    pairs[some], pairs[:, some] = False, False
    return np.asarray(pairs | np.eye(n_components, dtype=bool))


def _matched(
    mixture: GaussianMixture, reference: GaussianMixture, exchangeable: NDArray[np.bool_] | None = None
) -> NDArray[np.intp]:
    """The component of the mixture that is matched with each component of the reference mixture.

    `exchangeable` are the pairs ``(K, K)`` that may be matched; None for all.
    """
    from scipy.optimize import linear_sum_assignment

    step = reference.means[:, None] - mixture.means
    wanted, found = reference.covariances[:, None], mixture.covariances[None]
    inverse, other = np.linalg.inv(wanted), np.linalg.inv(found)
    divergence = np.einsum("kjab,kjba->kj", inverse, found) + np.einsum("kjab,kjba->kj", other, wanted)
    divergence = divergence + np.einsum("kja,kjab,kjb->kj", step, inverse + other, step)
    if exchangeable is not None:
        divergence = np.where(exchangeable, divergence, np.inf)
    return np.asarray(linear_sum_assignment(divergence)[1])


@dataclass(frozen=True, eq=False)
class LikelihoodRatioTest:
    """A test of K components against K + 1: whether the gain in likelihood exceeds chance.

    Attributes
    ----------
    null, alternative : the fits with K and K + 1 components.
    replicates : ``(R,)`` the statistic on tables drawn from the mixture of the null.
    """

    null: Fit
    alternative: Fit
    replicates: Array

    @property
    def statistic(self) -> float:
        """Twice the gain in log-likelihood."""
        return 2.0 * (self.alternative.log_likelihood - self.null.log_likelihood)

    @property
    def p_value(self) -> float:
        """The share of tables, the observed one among them, whose statistic is at least the observed one."""
        return float((1 + np.count_nonzero(self.replicates >= self.statistic)) / (1 + len(self.replicates)))

    def __repr__(self) -> str:
        k = self.null.mixture.n_components
        return (
            f"LikelihoodRatioTest({self.null.mixture.structure}, {count(k, 'component')} against {k + 1}: "
            f"statistic {self.statistic:.4g}, p = {self.p_value:.3g})"
        )


@other_words({"n": "replicates={}", "n_resamples": "replicates={}", "n_boot": "replicates={}"})
@one_blas_thread()
def likelihood_ratio_test(
    data: Any,
    components: int,
    *,
    covariance: str | Structure = "full",
    replicates: int = 99,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    rng: Rng = None,
    progress: Reporting = None,
) -> LikelihoodRatioTest:
    r"""Test K components against K + 1 by the parametric bootstrap.

    .. math:: 2 \log \frac{L_{K+1}}{L_K}

    does not have the usual chi-squared distribution. It is therefore compared with its values on tables drawn from the
    mixture of K components (McLachlan 1987, *Applied Statistics* 36:318), each fitted with K and with K + 1
    components, from the starts of `gmix.fit`. To choose a number of components, test 1, 2 and so on until the p-value
    is no longer small.

    Parameters
    ----------
    data, sample_weight, columns, threads : as for `gmix.fit`. Drawn tables have as many rows as the weights sum to, and
        lack the same cells as rows of the table.
    components : K.
    covariance : one structure, its code or its name.
    replicates : R, the number of tables to draw; the p-value is a multiple of 1 / (R + 1).
    rng : a seed or a `numpy.random.Generator`.
    progress : shows the replicates that are done and the estimated time left, as in `gmix.fit`; a function is called
        after every replicate.

    Returns
    -------
    A `LikelihoodRatioTest` with the statistic, its p-value, and the two fits.

    >>> import gmix
    >>> x = gmix.GaussianMixture(
    ...     [0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]]
    ... ).sample(60, rng=1)
    >>> gmix.likelihood_ratio_test(x, 1, replicates=19, rng=0).p_value
    0.05
    """
    if not is_count(components):
        raise ParameterError(f"components is {components!r}; give a whole number above zero")
    if not is_count(replicates):
        raise ParameterError(f"replicates is {replicates!r}; give a whole number above zero")
    source = as_source(data, sample_weight=sample_weight, columns=columns, threads=threads)
    if source.missing is not None:
        source.missing.check_columns(source.features)
    if components >= source.n_counting:
        raise DataError(
            f"{components} + 1 components are more than the table has rows ({source.n_counting}); test fewer"
        )
    structure, generator = as_structure(covariance).in_columns(source.n_features), as_generator(rng)
    null, alternative = _null_and_alternative(source, components, structure, generator)
    if round(null.mass) <= components:
        raise DataError(f"sample_weight adds up to {null.mass:.3g} rows, too few to draw from; give larger weights")
    gains = []
    with counting(progress, replicates, "replicate") as advance:
        for done in range(replicates):
            drawn = drawn_table(null.gaussian("the test"), null.mass, source, generator)
            fewer, more = _null_and_alternative(drawn, components, structure, generator)
            gains.append(2.0 * (more.log_likelihood - fewer.log_likelihood))
            advance(done + 1)
    return LikelihoodRatioTest(null, alternative, np.array(gains))


def _null_and_alternative(
    source: Source, components: int, structure: Structure, rng: np.random.Generator
) -> tuple[Fit, Fit]:
    # The same search for the table and for all replicates, so a cheap one is fair.
    plan = SearchPlan([components, components + 1], [structure], KMeansPlusPlus(), StoppingRule(), effort=0.0)
    found = search(source, plan, rng)
    if found.interrupted or any(c.run.reason is Reason.INTERRUPTED for c in found.candidates):
        raise KeyboardInterrupt
    null, alternative = (
        fit_from_search(Search((candidate,)), source.n_rows) for candidate in found.in_order.candidates
    )
    return null, alternative
