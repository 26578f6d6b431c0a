"""Standard errors from the observed information: the curvature of the log-likelihood at its maximum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, of_kind
from gmix.base.other_names import other_words
from gmix.base.rows import Rows
from gmix.fitting.result import Fit, StandardErrors, in_independent_columns
from gmix.inference.point import Point
from gmix.model.components import Components
from gmix.model.dependence import Dependence
from gmix.model.frozen import Frozen
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import kernel
from gmix.model.statistics import SufficientStatistics
from gmix.model.student import StudentModel
from gmix.sources import MEMORY, LocalSource, Source, source_for

__all__ = [
    "Curvature", "checked_statistics", "collapsed", "curvature", "fitted_model", "of_directions", "root_of",
    "source_of", "standard_errors", "statistics_of",
]  # fmt: skip

Array = NDArray[np.float64]
_STEP = 1e-3  # standard deviations; the relative error of a central difference is the square of this
_NUMBERS = 4_000_000  # log densities that are held at a time
_SAME_ROWS = 1e-6  # relative; log-likelihoods that differ by more belong to different rows


@other_words()
@one_blas_thread()
def standard_errors(
    fit: Fit,
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    labels: Any = None,
    row_errors: Any = None,
    row_covariance: ArrayLike | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    robust: bool = False,
) -> StandardErrors:
    r"""Compute the standard errors of a fit from the observed information of its rows.

    .. math:: \operatorname{cov}(\hat\theta) \approx I^{-1}, \qquad
              I = -\frac{\partial^2 \log L}{\partial\theta\,\partial\theta^\top}\Big|_{\hat\theta}

    The score is a function of the sufficient statistics, because the gradient of the log-likelihood is that of the
    expected complete-data log-likelihood (Fisher's identity; Louis 1982, *Journal of the Royal Statistical Society B*
    44:226). Central differences of the score at the fit are the information. They take one pass over the rows with two
    mixtures for each parameter (McLachlan & Peel 2000, *Finite Mixture Models*, section 2.15). Parameters that a
    structure makes equal change together. With a prior, the log posterior is differentiated.

    With `robust`, the covariance is the sandwich

    .. math:: I^{-1} J I^{-1}, \qquad J = \sum_i \omega_i^2 s_i s_i^\top, \qquad
              s_i = \frac{\partial \log p(x_i)}{\partial\theta}\Big|_{\hat\theta}

    where each row is one observation, whatever its weight :math:`\omega_i` (White 1982, *Econometrica* 50:1; with the
    weights of a survey, Binder 1983, *International Statistical Review* 51:279). The scale of the weights does not
    matter. This is right for weights that are not counts, and for rows that are not quite a mixture of Gaussians. With
    a prior, the mean of the :math:`\omega_i s_i` is subtracted from each.

    Frozen parameters have standard errors of zero, and the information is that of the free ones. If rows have labels,
    the likelihood is that of the rows and their labels.

    All errors are NaN if the information is not positive definite, because a component is empty or has collapsed or
    EM did not reach a maximum. They are also NaN if rotated axes mix columns of such different units that float64 loses
    the smaller ones. The errors of a column that follows from several others (`GaussianMixture.dependence`) are NaN
    too. Standard errors are valid if every component has many rows. If components overlap and rows are few,
    `gmix.bootstrap` is safer.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, labels, row_errors, row_covariance, columns : the rows of the fit, with their labels and errors
        if they have some. A row of weight 2 counts
        twice, unless `robust` is true.
    threads : the most threads to use.
    robust : use the sandwich, which takes as many evaluations of the density as the information. The rows must not be
        on a cluster.

    Returns
    -------
    A `StandardErrors` with the shapes of the parameters of the mixture.

    Raises `DataError` for rows that are not those of the fit.

    >>> import gmix
    >>> x = gmix.GaussianMixture([1.0], [[0.0]], [[[4.0]]]).sample(400, rng=7)
    >>> fit = gmix.fit(x, 1, covariance="full")
    >>> (
    ...     gmix.standard_errors(fit, x).means.round(4),
    ...     (fit.mixture.covariances[0, 0] / 400) ** 0.5,
    ... )
    (array([[0.0979]]), array([0.0979122]))
    """
    rows = {"labels": labels, "row_errors": row_errors, "row_covariance": row_covariance}
    source = source_of(fit, data, sample_weight=sample_weight, columns=columns, threads=threads, **rows)
    if robust and not isinstance(source, LocalSource):
        raise DataError(
            "robust standard errors need rows that this process reads, not rows on a cluster; fit a sub-sample for them"
        )
    dependence, fit = fit.mixture.dependence, in_independent_columns(fit)
    errors = _errors(fit, source, robust)
    return errors if dependence is None else _carried(errors, dependence)


class Curvature(NamedTuple):
    """The curvature of the objective at a fit, and the mixtures that it was found with.

    Attributes
    ----------
    point : the fit, and the P directions in which its parameters are free.
    moved : ``2 P`` mixtures, a small step forth and back along each direction.
    information : ``(P, P)``, minus the second derivatives.
    """

    point: Point
    moved: list[Components]
    information: Array

    def scores(self, rows: Rows, threads: int | None) -> Array:
        """The weighted score of each row in each direction ``(P, N)``: differences between two of the mixtures."""
        density = np.stack([kernel.posterior(rows, each, False, threads)[0] for each in self.moved])
        return np.asarray(rows.mass * (density[::2] - density[1::2]) / (2.0 * _STEP))

    def blocks(self, source: LocalSource) -> Iterator[Rows]:
        """The rows that have weight, in blocks whose log densities under the mixtures fit in memory."""
        size = max(_NUMBERS // max(len(self.moved), 1), 1)
        for block in source.blocks():
            counting = block.counting
            for begin in range(0, len(counting), size):
                yield counting[begin : begin + size]


def curvature(fit: Fit, source: Source) -> Curvature | None:
    """The curvature at a fit of these rows; None if a component is empty or has collapsed."""
    statistics, mixture, model = (
        checked_statistics(fit, source),
        fit.gaussian("standard_errors"),
        fitted_model(fit, source),
    )
    if not _is_interior(model, statistics):
        return None
    try:
        point = Point.of(mixture, fit.frozen)
        if not point.n_directions:
            return Curvature(point, [], np.zeros((0, 0)))
        moved = [point.moved(step * direction) for direction in np.eye(point.n_directions) for step in (_STEP, -_STEP)]
        components = [replace(model, mixture=p.mixture(mixture.features)).components() for p in moved]
        found = source.expect(components)
    except np.linalg.LinAlgError:
        return None
    scores = np.array([p.score(s, fit.prior) for p, s in zip(moved, found, strict=True)])
    with np.errstate(invalid="ignore"):
        information = (scores[1::2] - scores[::2]) / (2.0 * _STEP)
    return Curvature(point, components, (information + information.T) / 2.0)


def _errors(fit: Fit, source: Source, robust: bool) -> StandardErrors:
    found = curvature(fit, source)
    if found is None:
        return _unknown(fitted_model(fit, source))
    if not found.point.n_directions:
        return of_directions(found.point, found.information)
    spread = _spread(source, found) if robust and isinstance(source, LocalSource) else None
    try:
        return of_directions(found.point, root_of(found.information, spread))
    except np.linalg.LinAlgError:
        return _unknown(fitted_model(fit, source))


def _is_interior(model: GaussianModel, statistics: SufficientStatistics) -> bool:
    """Whether no component with a free parameter is empty or has collapsed, and a background has some weight."""
    frozen, background = model.frozen or Frozen(), model.mixture.background
    known = set(frozen.means) & set(frozen.covariances) & set(frozen.weights)
    empty = set(np.flatnonzero(~(statistics.mass > 0)).tolist()) - known
    all_weights = len(frozen.weights) == model.mixture.n_components
    lacks_background = background is not None and not background.weight > 0.0 and not all_weights
    return not (collapsed(model, statistics) or empty or lacks_background)


def _unknown(model: GaussianModel) -> StandardErrors:
    """Standard errors that are NaN, but those of frozen parameters."""
    mixture, frozen = model.mixture, model.frozen or Frozen()
    weights, means, covariances = (
        np.full_like(array, np.nan) for array in (mixture.weights, mixture.means, mixture.covariances)
    )
    weights[list(frozen.weights)] = means[list(frozen.means)] = covariances[list(frozen.covariances)] = 0.0
    known = len(frozen.weights) == mixture.n_components
    return StandardErrors(weights, means, covariances, None if mixture.background is None else 0.0 if known else np.nan)


@np.errstate(divide="ignore", over="ignore", invalid="ignore")
def root_of(information: Array, spread: Array | None = None) -> Array:
    """A root ``R`` of the covariance ``R' R`` of the directions: the inverse of the information.

    If the `spread` of the score is given, the covariance is their sandwich. Raises ``LinAlgError`` if the information
    is not positive definite.
    """
    unit = np.sqrt(np.diagonal(information))
    root = np.linalg.inv(np.linalg.cholesky(information / unit / unit[:, None])) / unit
    if np.isnan(root).any():
        raise np.linalg.LinAlgError("the information is not known")
    if spread is None:
        return np.asarray(root)
    values, vectors = np.linalg.eigh(root @ spread @ root.T)
    return np.asarray(np.sqrt(np.maximum(values, 0.0))[:, None] * (vectors.T @ root))


@np.errstate(over="ignore", invalid="ignore")
def of_directions(point: Point, root: Array) -> StandardErrors:
    """The standard errors of weights, means and covariances, from a root of the covariance of the directions."""
    changes = point.changes(root)

    def norm(changes: Array) -> Array:
        return np.asarray(np.hypot.reduce(changes, 0))  # squares may overflow or underflow

    weights = norm(changes.weights)
    background = None if point.background is None else float(weights[-1])
    return StandardErrors(weights[: len(point.means)], norm(changes.means), norm(changes.covariances), background)


def _spread(source: LocalSource, found: Curvature) -> Array:
    """The covariance ``(P, P)`` of the sum of the weighted scores, if each row is one observation.

    The scores sum to zero except with a prior.
    """
    size = found.point.n_directions
    total, squares, n_rows = np.zeros(size), np.zeros((size, size)), 0
    for rows in found.blocks(source):
        scores = found.scores(rows, source.threads)
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
    **rows: Any,
) -> Source:
    """The source of the rows of a fit, its columns matched with the features by name; see `source_for`."""
    of_kind(fit, Fit, "fit", "the Fit that gmix.fit returned")
    if fit.trim:
        raise ParameterError(
            "a fit with trim has no standard errors and no bootstrap; fit without trim, from start=fit.mixture"
        )
    return source_for(
        fit.mixture,
        data,
        sample_weight=sample_weight,
        columns=columns,
        threads=threads,
        memory=memory,
        **rows,
    )


def fitted_model(fit: Fit, source: Source) -> GaussianModel:
    """The fit as a model of its rows, whose components have the groups that the labels name.

    Raises `ParameterError` for a variational fit, for a fit of Student components, and unless the rows have labels if
    the fit has, and `DataError` for other labels.
    """
    groups = _groups(fit, source)
    return GaussianModel(fit.gaussian("the spread of estimates"), fit.prior, groups, fit.frozen)


def _groups(fit: Fit, source: Source) -> Array | None:
    """The group of each component, which the labels of the rows name; None without labels."""
    fit.require_estimates("take the standard deviations in fit.posterior.spread")
    if (fit.groups is None) != (source.groups is None):
        raise ParameterError(
            "this is a fit without labels; leave labels out"
            if fit.groups is None
            else "this is a fit with labels; give labels=, those of the rows"
        )
    if fit.groups is None or source.groups is None:
        return None
    groups = source.groups.numbers(fit.groups)
    if absent := [name for name in source.groups.names if name not in fit.groups]:
        raise DataError(f"the fit has no label {absent[0]!r}; give the labels that were fitted")
    return groups


def collapsed(model: GaussianModel | StudentModel, statistics: SufficientStatistics) -> set[int]:
    """The components whose covariances EM has moved to their floor; frozen ones may be as narrow as they are."""
    frozen = () if model.frozen is None else model.frozen.covariances
    return set(model.mixture.collapsed(statistics)) - set(frozen)


def statistics_of(fit: Fit, source: Source) -> SufficientStatistics:
    """The statistics of the rows under the fit. Raises `DataError` if they are not the rows of the fit."""
    statistics = source.statistics(fit.mixture.components._replace(groups=_groups(fit, source)))
    if not abs(statistics.log_likelihood - fit.log_likelihood) <= _SAME_ROWS * max(abs(fit.log_likelihood), fit.mass):
        raise DataError(
            f"these are not the rows of the fit: their log-likelihood is {statistics.log_likelihood:.6g}, and that of "
            f"the fit is {fit.log_likelihood:.6g}; give the same rows, weights, columns and errors"
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
