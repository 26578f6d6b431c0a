"""Standard errors from the observed information: how sharply the likelihood falls off about its top."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError, of_kind
from gmix.fitting.result import Fit, StandardErrors, in_independent_columns
from gmix.model.covariance import FULL, SPHERICAL, TIED, Structure
from gmix.model.dependence import Dependence
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.statistics import Evidence, SufficientStatistics
from gmix.sources import MEMORY, Source, source_for

__all__ = ["rows_of", "source_of", "standard_errors", "statistics_of"]

Array = NDArray[np.float64]
_STEP = 1e-3  # standard deviations; the error of a central difference of this step is a millionth
_LOST = 1e-6  # of the variances; axes that give a covariance back no better have lost it
_ROUND = 1e-6  # relative; axes whose variances differ by less are those of a circle, which does not turn
_SAME = 1e-6  # relative; log-likelihoods that differ by more are of different rows


@one_blas_thread()
def standard_errors(
    fit: Fit,
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
) -> StandardErrors:
    r"""The standard errors of a fit, from the observed information of the rows that it was fitted to.

    .. math:: \operatorname{cov}(\hat\theta) \approx I^{-1}, \qquad
              I = -\frac{\partial^2 \log L}{\partial\theta\,\partial\theta^\top}\Big|_{\hat\theta}

    The score is a function of the sufficient statistics: the gradient of the log-likelihood is that of the expected
    log-likelihood of rows and components together (Fisher's identity; Louis 1982, *Journal of the Royal Statistical
    Society B* 44:226, equation 3.1). Its differences about the fit are the information, in one pass over the rows with
    two mixtures for each parameter (McLachlan & Peel 2000, *Finite Mixture Models*, section 2.15). Parameters that a
    structure holds equal move together. With a prior it is the log posterior that is differentiated.

    All are NaN where the information is not positive definite: where a component is empty or has collapsed, or where
    the fit did not reach a top; and where axes that are not the columns' own mix columns of such different units that
    float64 loses the smaller. A column that follows from several others (`GaussianMixture.dependence`) has none either.
    They hold for many rows in every component; where components overlap and rows are few,
    `gmix.bootstrap` is safer.

    Parameters
    ----------
    fit : what `gmix.fit` returned.
    data, sample_weight, columns : the same rows as there. Weight 2 is a row twice.
    threads : how many to use at most.

    Raises `DataError` for rows that the fit was not made from.

    >>> import gmix
    >>> x = gmix.GaussianMixture([1.0], [[0.0]], [[[4.0]]]).sample(400, rng=7)
    >>> fit = gmix.fit(x, 1, covariance="full")
    >>> gmix.standard_errors(fit, x).means.round(4), (fit.mixture.covariances[0, 0] / 400) ** 0.5
    (array([[0.0963]]), array([0.09634605]))
    """
    source = source_of(fit, data, sample_weight=sample_weight, columns=columns, threads=threads)
    dependence, fit = fit.mixture.dependence, in_independent_columns(fit)
    errors = _errors(fit, source)
    return errors if dependence is None else _carried(errors, dependence)


def _errors(fit: Fit, source: Source) -> StandardErrors:
    statistics, mixture = rows_of(fit, source), fit.mixture
    unknown = StandardErrors(*(np.full_like(a, np.nan) for a in (mixture.weights, mixture.means, mixture.covariances)))
    if mixture.collapsed(statistics) or not (statistics.mass > 0).all():
        return unknown
    try:
        here = _Place.of(mixture)
        there = [here.moved(step * direction) for direction in np.eye(here.n_directions) for step in (_STEP, -_STEP)]
        counted = source.expect([place.mixture(mixture.features) for place in there])
    except np.linalg.LinAlgError:
        return unknown
    scores = np.array([place.score(s, fit.prior) for place, s in zip(there, counted, strict=True)])
    with np.errstate(invalid="ignore"):
        information = (scores[1::2] - scores[::2]) / (2.0 * _STEP)
    return here.errors((information + information.T) / 2.0)


def _carried(errors: StandardErrors, dependence: Dependence) -> StandardErrors:
    """Those of all columns; NaN for columns that follow from several, whose errors need the correlations of errors."""
    several = np.count_nonzero(dependence.matrix, axis=1) > 1
    matrix = np.where(several[:, None], np.nan, np.abs(dependence.matrix))
    return StandardErrors(errors.weights, errors.means @ matrix.T, matrix @ errors.covariances @ matrix.T)


def source_of(
    fit: Fit,
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    memory: float = MEMORY,
) -> Source:
    """What should be the rows of a fit, its features found by their names."""
    of_kind(fit, Fit, "fit", "the Fit that gmix.fit returned: it knows its rows")
    return source_for(fit.mixture, data, sample_weight=sample_weight, columns=columns, threads=threads, memory=memory)


def statistics_of(fit: Fit, source: Source) -> SufficientStatistics:
    """The statistics of the rows under the fit, if they are the rows of the fit."""
    [statistics] = source.expect([fit.mixture])
    if not abs(statistics.log_likelihood - fit.log_likelihood) <= _SAME * max(abs(fit.log_likelihood), fit.mass):
        raise DataError(
            f"these are not the rows of the fit: their log-likelihood is {statistics.log_likelihood:.6g}, and that of "
            f"the fit {fit.log_likelihood:.6g}; give the same rows, weights and columns"
        )
    return statistics


def rows_of(fit: Fit, source: Source) -> SufficientStatistics:
    """The statistics of the rows under the fit, if they are the rows of the fit and its prior is known."""
    statistics = statistics_of(fit, source)
    if fit.log_prior and fit.prior is None:
        raise ParameterError(
            f"the prior that contributed {fit.log_prior:.6g} nats to this fit is not known; state it, with "
            "dataclasses.replace(fit, prior=...), or fit again"
        )
    return statistics


class _Place:
    """A mixture, and the directions in which its parameters can move.

    The covariance of component k is ``F F'`` with a frame ``F = frames[k]``, and a direction changes the frame to
    ``F (I + X)``. Means move in units of their own component's frame, and weights by their logarithms: so the units of
    the data do not matter.
    """

    def __init__(
        self,
        weights: Array,
        means: Array,
        frames: Array,
        structure: Structure,
        moving: NDArray[np.bool_] | None = None,
        lone: list[int] | None = None,
    ) -> None:
        self.weights, self.means, self.frames, self.structure = weights, means, frames, structure
        self.motions = _Motions(structure, frames)
        self.moving = self.motions.moving if moving is None else moving  # which of the motions are any
        # The weight of the heaviest component takes up what the others leave, also where a move makes another heavier.
        heaviest = int(weights.argmax())
        others = [] if structure.equal_weights else [k for k in range(len(weights)) if k != heaviest]
        self.lone = others if lone is None else lone

    @classmethod
    def of(cls, mixture: GaussianMixture) -> _Place:
        return cls(mixture.weights, mixture.means, _frames(mixture), mixture.structure)

    @property
    def n_directions(self) -> int:
        return len(self.lone) + self.means.size + int(self.moving.sum())

    def split(self, directions: Array) -> list[Array]:
        """Directions ``(..., P)`` as those of the weights, the means and the frames."""
        return np.split(directions, np.cumsum([len(self.lone), self.means.size]), axis=-1)

    def moved(self, direction: Array) -> _Place:
        weights, means, motions = self.split(direction)
        growth = np.ones_like(self.weights)
        growth[self.lone] = np.exp(weights)
        return _Place(
            self.weights * growth / (self.weights @ growth),
            self.means + (self.frames @ means.reshape(*self.means.shape, 1))[..., 0],
            self.frames + self.frames @ self.turned(motions),
            self.structure,
            self.moving,
            self.lone,
        )

    def turned(self, motions: Array) -> Array:
        """What motions ``(..., P)`` add up to, ``(..., K, D, D)``."""
        every = np.zeros((*motions.shape[:-1], len(self.moving)))
        every[..., self.moving] = motions
        return self.motions.sum(every)

    def mixture(self, features: tuple[str, ...] | None) -> GaussianMixture:
        compact = self.structure.form.compress(self.frames @ self.frames.mT)
        return GaussianMixture.unchecked(self.weights, self.means, compact, self.structure, features)

    @np.errstate(over="ignore", invalid="ignore")
    def score(self, statistics: SufficientStatistics, prior: Prior | None) -> Array:
        """The derivatives of the log-likelihood, or log posterior, in all directions."""
        evidence = Evidence.of(statistics)
        if prior is not None:
            evidence += prior.unseen(statistics, self.structure)
        n_components, n_features = self.means.shape
        form, step = statistics.form, evidence.mean - self.means
        scatter = form.dense(evidence.scatter + form.outer(evidence.mass, step), n_components, n_features)
        if form is TIED:  # a sum over the components, which move together
            scatter = scatter / n_components
        if form is SPHERICAL:  # a sum over the columns
            scatter = scatter / n_features
        divisor = evidence.divisor[:, None, None] * np.eye(n_features)
        inverse = np.linalg.inv(self.frames)
        pull = evidence.mass[:, None] * (inverse @ step[..., None])[..., 0]
        motions = self.motions.along(inverse @ scatter @ inverse.mT - divisor)[self.moving]
        counts = evidence.counts - self.weights * evidence.counts.sum()
        return np.concatenate([counts[self.lone], pull.ravel(), motions])

    @np.errstate(divide="ignore", over="ignore", invalid="ignore")
    def errors(self, information: Array) -> StandardErrors:
        """What the inverse of the information says of the parameters."""
        try:
            unit = np.sqrt(np.diagonal(information))
            root = np.linalg.inv(np.linalg.cholesky(information / unit / unit[:, None])) / unit
        except np.linalg.LinAlgError:
            root = np.full_like(information, np.nan)
        weights, means, motions = self.split(root)  # ``root.T @ root`` is the covariance of the directions
        means = means.reshape(-1, *self.means.shape, 1)
        share = self.weights[:, None] * (np.eye(len(self.weights)) - self.weights)[:, self.lone]
        turned = self.turned(motions)
        change = self.frames @ (turned + turned.mT) @ self.frames.mT

        def size(moves: Array) -> Array:
            return np.asarray(np.hypot.reduce(moves, 0))  # squares may leave the range of float64

        return StandardErrors(size(weights @ share.T), size((self.frames @ means)[..., 0]), size(change))


def _frames(mixture: GaussianMixture) -> Array:
    """Matrices ``F (K, D, D)`` with covariances ``F F'``, whose columns are axes where the structure speaks of axes.

    Raises ``LinAlgError`` where columns of very different units leave no such axes in float64.
    """
    structure, covariances = mixture.structure, mixture.covariances
    if structure.orientation == "I":
        return np.sqrt(covariances)
    if structure.orientation == structure.shape:
        return FULL.factor(covariances)
    if structure.orientation == "V":
        along, axes = np.linalg.eigh(covariances)
    else:
        # Axes that all share are those of any sum; the parts are unequal, lest mirror images add up to a circle.
        volume = np.exp(np.linalg.slogdet(covariances).logabsdet / mixture.n_features)
        part = 1.0 / (volume * np.sqrt(np.arange(2, mixture.n_components + 2)))
        _, axes = np.linalg.eigh(np.tensordot(part, covariances, 1))
        along = np.einsum("ji,kjl,li->ki", axes, covariances, axes)
    frames = np.asarray(axes * np.sqrt(np.maximum(along, 0.0))[:, None, :])
    deviation = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    lost = np.abs(frames @ frames.mT - covariances) > _LOST * deviation[:, :, None] * deviation[:, None, :]
    if lost.any() or not (along > 0).all():
        raise np.linalg.LinAlgError("float64 holds no axes of these covariances")
    return frames


class _Motions:
    """The directions ``X (K, D, D)`` in which a structure lets covariances move, each component in its frame.

    Volumes grow, shapes stretch at the same volume, axes turn: for each component alone, or for all together. Where
    shape and orientation are both free or both common, stretches in any direction do for both.
    """

    def __init__(self, structure: Structure, frames: Array) -> None:
        self.n_components, self.n_features = frames.shape[:2]
        self.letters = [structure.volume, structure.shape, structure.orientation]
        self.stretches = structure.shape == structure.orientation
        if self.stretches:
            self.letters[2] = "I"
        self.above = np.triu_indices(self.n_features, 1)
        deviation = np.linalg.norm(frames, axis=1)
        i, j = self.above
        self.ratio = deviation[:, j] / deviation[:, i]  # (K, pairs): to turn two axes is to exchange their variances

    @property
    def counts(self) -> list[int]:
        """How many directions each letter has in one component."""
        pairs = len(self.above[0])
        return [1, self.n_features - 1 + self.stretches * pairs, pairs]

    @property
    def moving(self) -> NDArray[np.bool_]:
        """Which directions ``(P,)`` change a covariance: the axes of a circle do not turn."""
        each = [np.full((self.n_components, count), True) for count in self.counts]
        each[2] = np.abs(self.ratio - 1.0 / self.ratio) > _ROUND
        return self._gathered([part.astype(float) for part in each]) > 0

    def along(self, x: Array) -> Array:
        """The inner product ``(P,)`` of each direction with ``x (K, D, D)``."""
        i, j = self.above
        diagonal, upper, lower = np.diagonal(x, axis1=1, axis2=2), x[:, i, j], x[:, j, i]
        stretch = diagonal[:, :-1] - diagonal[:, -1:]
        if self.stretches:
            stretch = np.concatenate([stretch, upper + lower], axis=1)
        grow = diagonal.sum(1, keepdims=True)
        return self._gathered([grow / 2.0, stretch / 2.0, self.ratio * upper - lower / self.ratio])

    def sum(self, amounts: Array) -> Array:
        """The sum ``(..., K, D, D)`` of the directions, each so many times as ``amounts (..., P)`` say."""
        grow, stretch, turn = self._spread(amounts)
        (i, j), d = self.above, self.n_features
        x = np.zeros((*turn.shape[:-1], d, d))
        if self.stretches:
            x[..., i, j] = x[..., j, i] = stretch[..., d - 1 :] / 2.0
        else:
            x[..., i, j], x[..., j, i] = self.ratio * turn, -turn / self.ratio
        ends = -stretch[..., : d - 1].sum(-1, keepdims=True)
        x[..., np.arange(d), np.arange(d)] = (np.concatenate([stretch[..., : d - 1], ends], axis=-1) + grow) / 2.0
        return x

    def _gathered(self, each: list[Array]) -> Array:
        """What every letter makes of its values ``(K, M)``: none, their sum over the components, or all of them."""
        made = {"I": [x[:0].ravel() for x in each], "E": [x.sum(0) for x in each], "V": [x.ravel() for x in each]}
        return np.concatenate([made[letter][part] for part, letter in enumerate(self.letters)])

    def _spread(self, amounts: Array) -> list[Array]:
        """The amounts of every letter in each component, ``(..., K, M)``."""
        parts, at, before = [], 0, amounts.shape[:-1]
        for letter, count in zip(self.letters, self.counts, strict=True):
            rows = {"I": 0, "E": 1, "V": self.n_components}[letter]
            part = amounts[..., at : at + rows * count].reshape(*before, rows, count)
            at += rows * count
            shape = (*before, self.n_components, count)
            parts.append(np.broadcast_to(part if rows else 0.0, shape))
        return parts
