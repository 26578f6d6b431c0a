"""Standard errors from the observed information: the curvature of the log-likelihood at its maximum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, of_kind
from gmix.fitting.result import Fit, StandardErrors, in_independent_columns
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import SPHERICAL, TIED, Structure, Tangents
from gmix.model.dependence import Dependence
from gmix.model.kernel import kernel
from gmix.model.mixture import GaussianMixture, unchecked_mixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.sources import MEMORY, LocalSource, Source, source_for

__all__ = ["checked_statistics", "source_of", "standard_errors", "statistics_of"]

Array = NDArray[np.float64]
_STEP = 1e-3  # standard deviations; the relative error of a central difference is the square of this
_NUMBERS = 4_000_000  # log densities that are held at a time
_SAME_ROWS = 1e-6  # relative; log-likelihoods that differ by more belong to different rows


@one_blas_thread()
def standard_errors(
    fit: Fit,
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    robust: bool = False,
) -> StandardErrors:
    r"""Compute the standard errors of a fit from the observed information of its rows.

    .. math:: \operatorname{cov}(\hat\theta) \approx I^{-1}, \qquad
              I = -\frac{\partial^2 \log L}{\partial\theta\,\partial\theta^\top}\Big|_{\hat\theta}

    The score is a function of the sufficient statistics, because the gradient of the log-likelihood is that of the
    expected complete-data log-likelihood (Fisher's identity; Louis 1982, *Journal of the Royal Statistical Society B*
    44:226, equation 3.1). Central differences of the score at the fit are the information. They take one pass over the
    rows with two mixtures for each parameter (McLachlan & Peel 2000, *Finite Mixture Models*, section 2.15). Parameters
    that a structure makes equal change together. With a prior, the log posterior is differentiated.

    With `robust`, the covariance is the sandwich

    .. math:: I^{-1} J I^{-1}, \qquad J = \sum_i \omega_i^2 s_i s_i^\top, \qquad
              s_i = \frac{\partial \log p(x_i)}{\partial\theta}\Big|_{\hat\theta}

    where each row is one observation, whatever its weight :math:`\omega_i` (White 1982, *Econometrica* 50:1; with the
    weights of a survey, Binder 1983, *International Statistical Review* 51:279). The scale of the weights does not
    matter. This is right for weights that are not counts, and for rows that are not quite a mixture of Gaussians. With
    a prior, the mean of the :math:`\omega_i s_i` is subtracted from each.

    All errors are NaN if the information is not positive definite, because a component is empty or has collapsed or
    EM did not reach a maximum. They are also NaN if rotated axes mix columns of such different units that float64 loses
    the smaller ones. The errors of a column that follows from several others (`GaussianMixture.dependence`) are NaN
    too. Standard errors are valid if every component has many rows. If components overlap and rows are few,
    `gmix.bootstrap` is safer.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, columns : the rows of the fit. A row of weight 2 counts twice, unless `robust` is true.
    threads : the most threads to use.
    robust : use the sandwich, which takes as many evaluations of the density as the information. The rows must not be
        on a cluster.

    Raises `DataError` for rows that are not those of the fit.

    >>> import gmix
    >>> x = gmix.GaussianMixture([1.0], [[0.0]], [[[4.0]]]).sample(400, rng=7)
    >>> fit = gmix.fit(x, 1, covariance="full")
    >>> gmix.standard_errors(fit, x).means.round(4), (fit.mixture.covariances[0, 0] / 400) ** 0.5
    (array([[0.0963]]), array([0.09634605]))
    """
    source = source_of(fit, data, sample_weight=sample_weight, columns=columns, threads=threads)
    if robust and not isinstance(source, LocalSource):
        raise DataError("robust standard errors need rows that this process reads; fit a sub-sample for them")
    dependence, fit = fit.mixture.dependence, in_independent_columns(fit)
    errors = _errors(fit, source, robust)
    return errors if dependence is None else _carried(errors, dependence)


def _errors(fit: Fit, source: Source, robust: bool) -> StandardErrors:
    statistics, mixture = checked_statistics(fit, source), fit.mixture
    nothing = (np.full_like(array, np.nan) for array in (mixture.weights, mixture.means, mixture.covariances))
    unknown = StandardErrors(*nothing)  # type: ignore[arg-type]  # there are three arrays
    if mixture.background is not None:
        unknown = replace(unknown, background=np.nan)
        if not mixture.background.weight > 0.0:
            return unknown
    if mixture.collapsed(statistics) or not (statistics.mass > 0).all():
        return unknown
    try:
        point = _Point.of(mixture)
        moved = [point.moved(step * direction) for direction in np.eye(point.n_directions) for step in (_STEP, -_STEP)]
        components = [p.mixture(mixture.features).components for p in moved]
        found = source.expect(components)
    except np.linalg.LinAlgError:
        return unknown
    scores = np.array([p.score(s, fit.prior) for p, s in zip(moved, found, strict=True)])
    with np.errstate(invalid="ignore"):
        information = (scores[1::2] - scores[::2]) / (2.0 * _STEP)
    spread = _spread(source, components) if robust and isinstance(source, LocalSource) else None
    return point.errors((information + information.T) / 2.0, spread)


def _spread(source: LocalSource, moved: Sequence[Components]) -> Array:
    """The covariance ``(P, P)`` of the sum of the weighted scores, if each row is one observation.

    The score of a row in each direction is a difference between two of the `moved` mixtures. The scores sum to zero
    except with a prior.
    """
    size = len(moved) // 2
    total, squares, n_rows = np.zeros(size), np.zeros((size, size)), 0
    for block in source.blocks():
        counting = block.counting
        for begin in range(0, len(counting), max(_NUMBERS // len(moved), 1)):
            rows = counting[begin : begin + max(_NUMBERS // len(moved), 1)]
            density = np.stack([kernel.posterior(rows, each, False, source.threads)[0] for each in moved])
            scores = rows.mass * (density[::2] - density[1::2]) / (2.0 * _STEP)
            total, squares, n_rows = total + scores.sum(1), squares + scores @ scores.T, n_rows + len(rows)
    return squares - np.outer(total, total) / n_rows


def _carried(errors: StandardErrors, dependence: Dependence) -> StandardErrors:
    """The errors of all columns from those of the independent ones.

    A column that follows from several would need the correlations of their errors, so its errors are NaN.
    """
    several = np.count_nonzero(dependence.matrix, axis=1) > 1
    matrix = np.where(several[:, None], np.nan, np.abs(dependence.matrix))
    means, covariances = errors.means @ matrix.T, matrix @ errors.covariances @ matrix.T
    return StandardErrors(errors.weights, means, covariances, errors.background)


def source_of(
    fit: Fit,
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    memory: float = MEMORY,
) -> Source:
    """The source of the rows of a fit, its columns matched with the features by name."""
    of_kind(fit, Fit, "fit", "the Fit that gmix.fit returned")
    if fit.groups is not None or fit.frozen is not None:
        what = "labels" if fit.frozen is None else "frozen parameters"
        raise ParameterError(f"the errors of a fit with {what} are not known; fit without, from start=fit.mixture")
    return source_for(fit.mixture, data, sample_weight=sample_weight, columns=columns, threads=threads, memory=memory)


def statistics_of(fit: Fit, source: Source) -> SufficientStatistics:
    """The statistics of the rows under the fit. Raises `DataError` if they are not the rows of the fit."""
    statistics = source.statistics(fit.mixture.components)
    if not abs(statistics.log_likelihood - fit.log_likelihood) <= _SAME_ROWS * max(abs(fit.log_likelihood), fit.mass):
        raise DataError(
            f"these are not the rows of the fit: their log-likelihood is {statistics.log_likelihood:.6g}, and that of "
            f"the fit is {fit.log_likelihood:.6g}; give the same rows, weights and columns"
        )
    return statistics


def checked_statistics(fit: Fit, source: Source) -> SufficientStatistics:
    """`statistics_of` the rows under the fit. Raises `ParameterError` if the prior of the fit is not known."""
    statistics = statistics_of(fit, source)
    if fit.log_prior and fit.prior is None:
        raise ParameterError(
            f"the prior that contributed {fit.log_prior:.6g} nats to this fit is not known; state it, with "
            "dataclasses.replace(fit, prior=...), or fit again"
        )
    return statistics


class _Point:
    """A point in the space of parameters: a mixture, and the directions in which its parameters can change.

    Covariances change along the tangents of their structure, means in units of their component's frame, and weights
    by their logarithms, so the units of the data do not matter.
    """

    def __init__(
        self,
        weights: Array,
        means: Array,
        tangents: Tangents,
        structure: Structure,
        background: Background | None = None,
        free: list[int] | None = None,
    ) -> None:
        self.weights, self.means, self.tangents, self.structure = weights, means, tangents, structure
        self.frames, self.background = tangents.frames, background
        # The weights, of which the last is the background's if there is one, sum to one, so all but one are free. A
        # moved point keeps the same free ones.
        components = range(len(means))
        heaviest = int(weights[: len(means)].argmax())
        others = [] if structure.equal_weights else [k for k in components if k != heaviest]
        self.free = [*others, *range(len(means), len(weights))] if free is None else free

    @classmethod
    def of(cls, mixture: GaussianMixture) -> _Point:
        tangents = mixture.structure.tangents(mixture.weights, mixture.covariances)
        background = mixture.background
        weights = mixture.weights if background is None else np.append(mixture.weights, background.weight)
        return cls(weights, mixture.means, tangents, mixture.structure, background)

    @property
    def n_directions(self) -> int:
        return len(self.free) + self.means.size + self.tangents.n_directions

    def split(self, directions: Array) -> list[Array]:
        """Directions ``(..., P)``, split into those of the weights, the means and the covariances."""
        return np.split(directions, np.cumsum([len(self.free), self.means.size]), axis=-1)

    def moved(self, direction: Array) -> _Point:
        weights, means, motions = self.split(direction)
        growth = np.ones_like(self.weights)
        growth[self.free] = np.exp(weights)
        return _Point(
            self.weights * growth / (self.weights @ growth),
            self.means + (self.frames @ means.reshape(*self.means.shape, 1))[..., 0],
            self.tangents.moved(motions),
            self.structure,
            self.background,
            self.free,
        )

    def mixture(self, features: tuple[str, ...] | None) -> GaussianMixture:
        compact = self.structure.form.compress(self.frames @ self.frames.mT)
        weights, background = self.weights[: len(self.means)], self.background
        if background is not None:
            background = background.with_weight(float(self.weights[-1]))
        return unchecked_mixture(weights, self.means, compact, self.structure, features, background)

    @np.errstate(over="ignore", invalid="ignore")
    def score(self, statistics: SufficientStatistics, prior: Prior | None) -> Array:
        """The derivatives of the log-likelihood, or log posterior, in all directions."""
        in_background = statistics.total_weight - statistics.counts.sum()
        if prior is not None:
            statistics = statistics + prior.term(statistics, self.structure)
        n_components, n_features = self.means.shape
        form, step = statistics.form, statistics.mean - self.means
        scatter = form.dense(statistics.scatter + form.outer(statistics.mass, step), n_components, n_features)
        if form is TIED:  # a sum over the components, whose covariances change together
            scatter = scatter / n_components
        if form is SPHERICAL:  # a sum over the columns
            scatter = scatter / n_features
        divisor = statistics.divisor[:, None, None] * np.eye(n_features)
        inverse = np.linalg.inv(self.frames)
        means = statistics.mass[:, None] * (inverse @ step[..., None])[..., 0]
        covariances = self.tangents.along(inverse @ scatter @ inverse.mT - divisor)
        counts = statistics.counts
        if self.background is not None:
            counts = np.append(counts, in_background)
        weights = counts - self.weights * counts.sum()
        return np.concatenate([weights[self.free], means.ravel(), covariances])

    @np.errstate(divide="ignore", over="ignore", invalid="ignore")
    def errors(self, information: Array, spread: Array | None = None) -> StandardErrors:
        """The standard errors of weights, means and covariances, from the inverse of the information.

        If the `spread` of the score is given, the covariance is their sandwich.
        """
        try:
            unit = np.sqrt(np.diagonal(information))
            root = np.linalg.inv(np.linalg.cholesky(information / unit / unit[:, None])) / unit
            if spread is not None:
                values, vectors = np.linalg.eigh(root @ spread @ root.T)
                root = np.sqrt(np.maximum(values, 0.0))[:, None] * (vectors.T @ root)
        except np.linalg.LinAlgError:
            root = np.full_like(information, np.nan)
        weights, means, motions = self.split(root)  # ``root.T @ root`` is the covariance of the directions
        means = means.reshape(-1, *self.means.shape, 1)
        jacobian = self.weights[:, None] * (np.eye(len(self.weights)) - self.weights)[:, self.free]
        x = self.tangents.sum(motions)
        change = self.frames @ (x + x.mT) @ self.frames.mT

        def norm(changes: Array) -> Array:
            return np.asarray(np.hypot.reduce(changes, 0))  # squares may overflow or underflow

        found = norm(weights @ jacobian.T)
        background = None if self.background is None else float(found[-1])
        return StandardErrors(found[: len(self.means)], norm((self.frames @ means)[..., 0]), norm(change), background)
