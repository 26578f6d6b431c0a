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
_NUMBERS = 2**20  # in a block of rows, with one copy of each row per component
_ACCURATE = 1e6  # variance of factors in units of the noise, up to which the difference of squares is accurate
_SPARSE = 0.5  # of the rows; if fewer have a share in a component, the moments are computed from these alone


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
            every, squared, log_density, responsibilities = self.rows_of.posterior(part)
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
                self._add_moments(k, weight, *every[k])

    def _add_moments(self, k: int, weight: Array, whitened: Array, projected: Array) -> None:
        some = np.flatnonzero(weight)
        if len(some) < _SPARSE * len(weight):
            weight, whitened, projected = weight[some], whitened[some], projected[some]
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
        _, _, density, responsibilities = rows_of.posterior(part)
        log_density[at], left, _ = with_background(components, part, density)
        posteriors[at] = responsibilities * left[:, None]
        begin += len(part)
    return log_density, posteriors


class _WhitenedRows:
    """Rows as the components of a factor model see them."""

    def __init__(self, components: Components) -> None:
        self.components, self.parts = components, Whitening.of(components.factor)
        signal = self.parts.signal
        self.explained = self.parts.inner(signal / (1.0 + signal))
        self.removed = self.parts.inner(self.parts.values / (1.0 + self.parts.values))
        self.accurate = signal.max(1, initial=0.0) <= _ACCURATE

    @np.errstate(over="ignore", invalid="ignore")  # rows may be so distant that their log density is minus infinity
    def posterior(self, rows: Rows) -> tuple[list[tuple[Array, Array]], Array, Array, Array]:
        """What each component sees, squared distances ``(N, K)``, log densities ``(N,)``, responsibilities ``(N, K)``.

        A component sees rows divided by the deviations of its noise ``(N, D)``, and their projections ``(N, q)``.
        """
        components = self.components
        family, n_features = components.family, components.means.shape[1]
        every = [self._seen(rows.values, k) for k in range(len(components.means))]
        squared = np.stack([self._squared(k, *seen) for k, seen in enumerate(every)], axis=1)
        joint = family.log_density(components.log_constants, squared, n_features)
        evidence = log_evidence(components, rows)
        if rows.labels is not None and components.groups is not None:
            label = rows.labels[:, None]
            joint = np.where((label < 0) | (components.groups == label), joint, -np.inf)
        distances = np.sqrt(squared)
        if not np.isfinite(squared).all():
            exact = [np.hypot.reduce(self._whitened(k, *seen), axis=-1) for k, seen in enumerate(every)]
            distances = np.stack(exact, axis=1)
        log_density, responsibilities = normalize(joint, distances.T[..., None], components.log_constants, evidence)
        return every, squared, log_density, responsibilities

    def _seen(self, values: NDArray[np.floating], k: int) -> tuple[Array, Array]:
        whitened = np.subtract(values, self.components.means[k], dtype=np.float64)
        whitened /= self.parts.deviation[k]
        return whitened, whitened @ self.parts.axes[k]

    def _squared(self, k: int, whitened: Array, projected: Array) -> Array:
        if self.accurate[k]:
            explained = np.einsum("nq,nq->n", projected @ self.explained[k], projected)
            return np.asarray(np.maximum(np.einsum("nd,nd->n", whitened, whitened) - explained, 0.0))
        return np.asarray(np.square(self._whitened(k, whitened, projected)).sum(1))

    def _whitened(self, k: int, whitened: Array, projected: Array) -> Array:
        return np.asarray(whitened - (projected @ self.removed[k]) @ self.parts.axes[k].T)


def _blocks(rows: Rows, components: Components) -> Iterator[Rows]:
    """Parts of a chunk that fit in the cache with a copy of each row per component."""
    if rows.incomplete and np.isnan(rows.values).any():
        raise DataError(
            "factor structures need rows with all cells; impute the missing cells, leave out the rows that have them, "
            "or give another covariance structure"
        )
    if rows.errors is not None:
        raise DataError("factor structures do not model errors of measurement; give another covariance structure")
    size = max(_NUMBERS // components.means.size, 64)
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]
