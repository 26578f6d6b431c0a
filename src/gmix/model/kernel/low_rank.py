r"""The E-step of factor models in NumPy, by products of matrices, without a matrix ``(D, D)``.

A row is divided by the deviations of the noise, ``y = (x - mu_k) / deviation_k``, and projected on the axes of the
factors, ``t = axes_k' y``. The squared Mahalanobis distance is then :math:`|y|^2 - t' H^2 (I + H^2)^{-1} t` (Woodbury),
and the expected factors are :math:`(I + H^2)^{-1} H t`. A step costs ``N K D q`` operations.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import DataError
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import LowRank
from gmix.model.covariance.low_rank import Whitening
from gmix.model.families import GAUSSIAN
from gmix.model.kernel.responsibilities import joint_densities, log_evidence, normalize
from gmix.model.kernel.with_background import joint_of_background, with_background
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["LowRankSums", "low_rank_posterior"]

Array = NDArray[np.float64]
_NUMBERS = 2**18  # in a block of rows
_ACCURATE = 1e6  # variance of factors in units of the noise, up to which the difference of squares is accurate
_LARGEST = 1e6  # times a squared distance; larger sums are not subtracted from one another to compute it


class LowRankSums:
    """The sums of one pass under one mixture, in the coordinates `y` about the current means."""

    def __init__(self, components: Components) -> None:
        form = components.form
        assert isinstance(form, LowRank)
        (k, d), rank = components.means.shape, form.n_factors
        self.components, self.form, self.log_likelihood = components, form, 0.0
        self.rows_of = _WhitenedRows(components)
        self.counts, self.mass, self.joint = np.zeros(k), np.zeros(k), np.zeros(k)
        self.first, self.squares, self.products = np.zeros((k, d)), np.zeros((k, d)), np.zeros((k, d, rank))

    def add(self, rows: Rows) -> None:
        components = self.components
        for part in _blocks(rows.counting, components):
            squared, log_density, responsibilities = self.rows_of.posterior(part)
            together, left, log_background = with_background(components, part, log_density)
            share = (responsibilities * (left * part.mass)[:, None]).T  # (K, N)
            self.log_likelihood += float(part.mass @ together)
            self.counts += share.sum(1)
            if rows.is_partial:
                self.joint += joint_densities(share, responsibilities, log_density)
                self.joint += joint_of_background(part, left, log_background) / len(share)
            if components.family is not GAUSSIAN:
                share = share * components.family.share_factor(squared, components.means.shape[1]).T
            self.mass += share.sum(1)
            for k, weight in enumerate(share):
                self._add_moments(k, weight, part.values)

    def _add_moments(self, k: int, weight: Array, values: NDArray[np.floating]) -> None:
        if not weight.all():
            some = np.flatnonzero(weight)
            weight, values = weight[some], values[some]
        whitened, projected = self.rows_of.seen(values, k)
        self.first[k] += weight @ whitened
        self.products[k] += whitened.T @ (projected * weight[:, None])
        self.squares[k] += weight @ np.square(whitened, out=whitened)

    def statistics(self, reference: Reference | None) -> SufficientStatistics:
        """The sums, centered on the new means and in the coordinates of the data."""
        form, mass, components, parts = self.form, self.mass, self.components, self.rows_of.parts
        inverse = np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)[:, None]
        step = self.first * inverse
        projected = (step[:, None, :] @ parts.axes)[:, 0]
        squares = np.maximum(self.squares - mass[:, None] * step**2, 0.0)
        products = self.products - (mass[:, None] * step)[..., None] * projected[:, None, :]
        signal = parts.signal
        products = products @ parts.inner(np.sqrt(signal) / (1.0 + signal))
        deviation = parts.deviation[..., None]
        scatter = [deviation**2 * squares[..., None], deviation * products]
        found = SufficientStatistics(
            form,
            mass,
            components.means + parts.deviation * step,
            np.concatenate([*scatter, form.covariances(components.factor, step.shape[1])], axis=-1),
            self.log_likelihood,
            self.counts,
            self.counts,
            extra={"joint": self.joint[:, None]} if self.joint.any() else {},
        )
        return found if reference is None else found.on(reference)


def low_rank_posterior(rows: Rows, components: Components) -> tuple[Array, Array]:
    """Log densities ``(N,)`` and responsibilities ``(N, K)`` of rows under a factor model."""
    rows_of = _WhitenedRows(components)
    log_density, posteriors = np.empty(len(rows)), np.empty((len(rows), len(components.means)))
    begin = 0
    for part in _blocks(rows, components):
        at = slice(begin, begin + len(part))
        _, density, responsibilities = rows_of.posterior(part)
        log_density[at], left, _ = with_background(components, part, density)
        posteriors[at] = responsibilities * left[:, None]
        begin += len(part)
    return log_density, posteriors


class _WhitenedRows:
    """Rows as the components of a factor model see them."""

    def __init__(self, components: Components) -> None:
        self.components, self.parts = components, Whitening.of(components.factor)
        parts, signal = self.parts, self.parts.signal
        self.explained = parts.inner(signal / (1.0 + signal))
        self.removed = parts.inner(parts.values / (1.0 + parts.values))
        self.exact = signal.max(1, initial=0.0) > _ACCURATE
        self.center = components.means.mean(0)
        offset = components.means - self.center
        self.precision, axes = parts.deviation**-2, parts.axes / parts.deviation[..., None]
        self.constant, self.origin = (offset**2 * self.precision).sum(1), (offset[:, None, :] @ axes)[:, 0]
        self.directions = np.concatenate([(offset * self.precision).T, *axes], axis=1)

    @np.errstate(over="ignore", invalid="ignore")  # rows may be so distant that their log density is minus infinity
    def posterior(self, rows: Rows) -> tuple[Array, Array, Array]:
        """Squared distances ``(N, K)``, log densities ``(N,)`` and responsibilities ``(N, K)``."""
        components = self.components
        family, n_features = components.family, components.means.shape[1]
        squared, distances = self._distances(rows.values)
        joint = family.log_density(components.log_constants, squared, n_features)
        evidence = log_evidence(components, rows)
        if rows.labels is not None and components.groups is not None:
            label = rows.labels[:, None]
            joint = np.where((label < 0) | (components.groups == label), joint, -np.inf)
        log_density, responsibilities = normalize(joint, distances.T[..., None], components.log_constants, evidence)
        return squared, log_density, responsibilities

    def _distances(self, values: NDArray[np.floating]) -> tuple[Array, Array]:
        """Squared distances ``(N, K)``, and distances, which are finite even if their squares are not.

        Squares are expanded about one center for all components, so that products of matrices compute them. Where
        this loses digits, they are computed from the residuals.
        """
        k, rank = self.origin.shape
        x = np.subtract(values, self.center, dtype=np.float64)
        linear, projected = np.split(x @ self.directions, [k], axis=1)
        projected = projected.reshape(len(x), k, rank) - self.origin
        explained = ((projected.swapaxes(0, 1) @ self.explained) * projected.swapaxes(0, 1)).sum(-1).T
        whole = np.square(x, out=x) @ self.precision.T + self.constant
        squared = whole - 2.0 * linear - explained
        lost = self.exact | ~(whole <= _LARGEST * np.maximum(squared, 1.0))
        squared = np.maximum(squared, 0.0)
        distances = np.sqrt(squared)
        for j in np.flatnonzero(lost.any(0)):
            some = np.flatnonzero(lost[:, j])
            whitened = self._whitened(int(j), *self.seen(values[some], int(j)))
            squared[some, j] = np.square(whitened).sum(1)
            distances[some, j] = np.hypot.reduce(whitened, axis=-1)
        return squared, distances

    def seen(self, values: NDArray[np.floating], k: int) -> tuple[Array, Array]:
        """Rows divided by the deviations of the noise of a component ``(N, D)``, and their projections ``(N, q)``."""
        whitened = np.subtract(values, self.components.means[k], dtype=np.float64)
        whitened /= self.parts.deviation[k]
        return whitened, whitened @ self.parts.axes[k]

    def _whitened(self, k: int, divided: Array, projected: Array) -> Array:
        return np.asarray(divided - (projected @ self.removed[k]) @ self.parts.axes[k].T)


def _blocks(rows: Rows, components: Components) -> Iterator[Rows]:
    """Parts of a chunk that fit in the cache."""
    if rows.incomplete and np.isnan(rows.values).any():
        raise DataError(
            "factor structures need rows with all cells; impute the missing cells, leave out the rows that have them, "
            "or give another covariance structure"
        )
    if rows.errors is not None:
        raise DataError("factor structures do not model errors of measurement; give another covariance structure")
    size = max(_NUMBERS // components.means.shape[1], 64)
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]
