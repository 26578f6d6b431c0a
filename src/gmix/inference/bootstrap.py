"""The bootstrap: what fits of other tables of the same kind would be, and whether one component more is real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, one_of
from gmix.base.wording import count
from gmix.fitting.candidates import Search
from gmix.fitting.em import Run, run_em
from gmix.fitting.from_search import fit_from_search
from gmix.fitting.result import Fit, StandardErrors, in_independent_columns
from gmix.fitting.search import SearchPlan, search
from gmix.fitting.start import KMeansPlusPlus
from gmix.inference.standard_errors import rows_of, source_of
from gmix.model.covariance import Structure, structure as as_structure
from gmix.model.mixture import GaussianMixture, with_dependent_features
from gmix.model.priors import Prior
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource, Source, as_source

__all__ = ["Bootstrap", "LikelihoodRatioTest", "bootstrap", "likelihood_ratio_test"]

Array = NDArray[np.float64]
_KINDS = ("weights", "rows", "parametric")
_MOST, _COUNTED = 1e9, 1e18  # rows that are drawn, and that are counted as drawn


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """The parameters of R fits to tables like the one that was seen, component k of each like component k of the fit.

    An interval of 95 % for every mean is ``np.quantile(replicates.means, [0.025, 0.975], axis=0)``.

    Attributes
    ----------
    weights : ``(R, K)``.
    means : ``(R, K, D)``.
    covariances : ``(R, K, D, D)``.
    collapsed : how many fits more had a collapsed component, and were left out.
    """

    weights: Array
    means: Array
    covariances: Array
    collapsed: int

    def __repr__(self) -> str:
        n_replicates, k, d = self.means.shape
        return (
            f"Bootstrap({count(n_replicates, 'replicate')}, {count(k, 'component')}, {count(d, 'feature')}, "
            f"{self.collapsed} collapsed)"
        )

    @property
    def standard_errors(self) -> StandardErrors:
        """The standard deviations over the replicates."""
        return StandardErrors(*(_deviation(part) for part in (self.weights, self.means, self.covariances)))


@one_blas_thread()
def bootstrap(
    fit: Fit,
    data: Any,
    *,
    kind: str = "weights",
    replicates: int = 999,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    rng: Rng = None,
) -> Bootstrap:
    """Fit again and again to tables like the one that was seen, each climb from the fit.

    Components are matched with those of the fit so that the sum of their symmetric Kullback divergences is least.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, columns : the same rows as there, in memory. Weight 2 is a row twice.
    kind : ``"weights"`` gives every row an exponential weight, and so collapses less often where components are small
        (the weighted-likelihood bootstrap: Newton & Raftery 1994, *Journal of the Royal Statistical Society B* 56:3);
        ``"rows"`` draws rows with replacement (Efron 1979, *Annals of Statistics* 7:1); ``"parametric"`` draws new rows
        from the mixture. O'Hagan et al. (2019), *Computational Statistics* 34:1779, compare them.
    replicates : how many tables.
    threads : how many to use at most.
    rng : a seed or a `numpy.random.Generator`.

    Raises `DataError` for rows that the fit was not made from.

    >>> import gmix
    >>> x = gmix.GaussianMixture([1.0], [[0.0]], [[[4.0]]]).sample(400, rng=7)
    >>> fit = gmix.fit(x, 1, covariance="full")
    >>> gmix.bootstrap(fit, x, replicates=200, rng=1).standard_errors.means.round(2)
    array([[0.09]])
    """
    one_of(kind, _KINDS, "kind")
    if not is_count(replicates, 2):
        raise ParameterError(f"replicates is {replicates!r}; give a whole number above one")
    generator = as_generator(rng)
    source = source_of(fit, data, sample_weight=sample_weight, columns=columns, threads=threads)
    if not isinstance(source, MemorySource):
        raise DataError("the bootstrap needs rows in memory; fit and bootstrap a sub-sample, or use standard_errors")
    whole, fit = fit.mixture, in_independent_columns(fit)
    rows_of(fit, source)
    kept, collapsed = [], 0
    for _ in range(replicates):
        run = _climb(fit.mixture, _like(source, fit.mixture, kind, generator), fit.prior)
        if run.mixture.collapsed(run.statistics):
            collapsed += 1
        else:
            order = _matched(run.mixture, fit.mixture)
            found = run.mixture
            if whole.dependence is not None:
                found = with_dependent_features(found, whole.dependence, whole.features)
            kept.append((found, order))
    if len(kept) < 2:
        raise DataError(f"{collapsed} of {replicates} fits collapsed; fit fewer components or give a prior")
    weights, means, covariances = (
        np.array([getattr(mixture, part)[order] for mixture, order in kept])
        for part in ("weights", "means", "covariances")
    )
    return Bootstrap(weights, means, covariances, collapsed)


def _deviation(replicates: Array) -> Array:
    away = np.hypot.reduce(replicates - replicates.mean(0), 0)  # squares may leave the range of float64
    return np.asarray(away / np.sqrt(len(replicates) - 1))


def _like(source: MemorySource, mixture: GaussianMixture, kind: str, rng: np.random.Generator) -> Source:
    """Another table of the same kind, of the same mass."""
    weight = source.everything.mass
    mass = weight.sum()
    if kind == "parametric":
        return _drawn(mixture, mass, source.threads, rng)
    if kind == "rows" and mass > _COUNTED:
        raise _too_heavy(mass)
    drawn = rng.gamma(weight) if kind == "weights" else rng.multinomial(max(round(mass), 1), weight / mass)
    if not drawn.sum() > 0:
        raise DataError(f"sample_weight adds up to {mass:.3g} rows, too few to draw from; give larger weights")
    return MemorySource(source.array, sample_weight=drawn * (mass / drawn.sum()), threads=source.threads)


def _drawn(mixture: GaussianMixture, mass: float, threads: int | None, rng: np.random.Generator) -> MemorySource:
    if mass > _MOST:
        raise _too_heavy(mass)
    return MemorySource(mixture.sample(max(round(mass), 1), rng=rng), threads=threads)


def _too_heavy(mass: float) -> DataError:
    return DataError(f"sample_weight adds up to {mass:.3g}, and so many rows would be drawn; give smaller weights")


def _climb(start: GaussianMixture, source: Source, prior: Prior | None) -> Run:
    [run] = run_em(source, [start], StoppingRule(), prior)
    if run.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    return run


def _matched(mixture: GaussianMixture, reference: GaussianMixture) -> NDArray[np.intp]:
    """Which component of the mixture is most like each component of the reference, all in all."""
    from scipy.optimize import linear_sum_assignment

    step = reference.means[:, None] - mixture.means
    there, here = reference.covariances[:, None], mixture.covariances[None]
    inverse, other = np.linalg.inv(there), np.linalg.inv(here)
    divergence = np.einsum("kjab,kjba->kj", inverse, here) + np.einsum("kjab,kjba->kj", other, there)
    divergence = divergence + np.einsum("kja,kjab,kjb->kj", step, inverse + other, step)
    return np.asarray(linear_sum_assignment(divergence)[1])


@dataclass(frozen=True, eq=False)
class LikelihoodRatioTest:
    """Whether one component more fits better than chance alone would make it.

    Attributes
    ----------
    null, alternative : the fits with K and K + 1 components.
    replicates : ``(R,)`` the statistic on tables drawn from the null.
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
        """The part of the tables, the one that was seen among them, whose statistic is at least as large."""
        return float((1 + np.count_nonzero(self.replicates >= self.statistic)) / (1 + len(self.replicates)))

    def __repr__(self) -> str:
        k = self.null.mixture.n_components
        return (
            f"LikelihoodRatioTest({self.null.mixture.structure}, {count(k, 'component')} against {k + 1}: "
            f"statistic {self.statistic:.4g}, p = {self.p_value:.3g})"
        )


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
) -> LikelihoodRatioTest:
    r"""Test K components against K + 1 by the parametric bootstrap.

    .. math:: 2 \log \frac{L_{K+1}}{L_K}

    does not have the usual chi-squared distribution, so it is compared with its values on tables drawn from the mixture
    of K components (McLachlan 1987, *Applied Statistics* 36:318). Both mixtures are searched for as `gmix.fit` does, on
    each table anew. To choose a number of components, test 1, 2 and so on until the p-value is no longer small.

    Parameters
    ----------
    data, sample_weight, columns, threads : as for `gmix.fit`. Tables drawn have as many rows as the weights add up to.
    components : K.
    covariance : one structure, its code or its name.
    replicates : how many tables to draw; the p-value is a multiple of one part in one more than these.
    rng : a seed or a `numpy.random.Generator`.

    >>> import gmix
    >>> x = gmix.GaussianMixture([0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]]).sample(60, rng=1)
    >>> gmix.likelihood_ratio_test(x, 1, replicates=19, rng=0).p_value
    0.05
    """
    if not is_count(components):
        raise ParameterError(f"components is {components!r}; give a whole number above zero")
    if not is_count(replicates):
        raise ParameterError(f"replicates is {replicates!r}; give a whole number above zero")
    source = as_source(data, sample_weight=sample_weight, columns=columns, threads=threads)
    if components >= source.n_counting:
        raise DataError(
            f"{components} + 1 components are more than the table has rows ({source.n_counting}); test fewer"
        )
    structure, generator = as_structure(covariance).in_columns(source.n_features), as_generator(rng)
    null, alternative = _both(source, components, structure, generator)
    if round(null.mass) <= components:
        raise DataError(f"sample_weight adds up to {null.mass:.3g} rows, too few to draw from; give larger weights")
    gains = []
    for _ in range(replicates):
        fewer, more = _both(
            _drawn(null.mixture, null.mass, source.threads, generator), components, structure, generator
        )
        gains.append(2.0 * (more.log_likelihood - fewer.log_likelihood))
    return LikelihoodRatioTest(null, alternative, np.array(gains))


def _both(source: Source, components: int, structure: Structure, rng: np.random.Generator) -> tuple[Fit, Fit]:
    plan = SearchPlan([components, components + 1], [structure], KMeansPlusPlus(), StoppingRule())
    found = search(source, plan, rng)
    if found.interrupted or any(c.run.reason is Reason.INTERRUPTED for c in found.candidates):
        raise KeyboardInterrupt
    null, alternative = (
        fit_from_search(Search((candidate,)), source.n_rows) for candidate in found.in_order.candidates
    )
    return null, alternative
