"""Imputation: the distribution of the missing cells of a row, given its present ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import FULL, TIED
from gmix.model.kernel import kernel

__all__ = ["imputed", "patterns"]

Array = NDArray[np.float64]


@one_blas_thread()
def imputed(
    values: NDArray[Any], components: Components, rng: np.random.Generator | None, threads: int | None = None
) -> Array:
    r"""Rows ``(N, D)`` with missing cells filled in; the other cells are kept.

    Without `rng` they get their conditional means, and with it a draw from their conditional distribution:

    .. math:: x_m \mid x_o \sim \sum_k r_k(x_o) \, N\big(\mu_{k,m} + \Sigma_{k,mo} \Sigma_{k,oo}^{-1} (x_o - \mu_{k,o}),
              \Sigma_{k,mm} - \Sigma_{k,mo} \Sigma_{k,oo}^{-1} \Sigma_{k,om}\big)
    """
    filled = np.array(values, np.float64)
    responsibilities = kernel.posterior(Rows(filled, incomplete=True), components, True, threads)[1]
    assert responsibilities is not None
    if rng is not None:
        responsibilities = _one_component_each(responsibilities, rng)
    for chosen, present in patterns(filled):
        conditional = _Conditional(components, present)
        filled[np.ix_(chosen, conditional.absent)] = conditional.values(filled[chosen], responsibilities[chosen], rng)
    return filled


def patterns(values: NDArray[Any]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """The rows with missing cells, in groups that have the same cells: their positions, and which cells these are."""
    present = ~np.isnan(values)
    incomplete = np.flatnonzero(~present.all(1))
    if not len(incomplete):
        return
    packed = np.packbits(present[incomplete], axis=1)
    _, first, group = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(group.ravel()))
    for number, chosen in enumerate(np.split(incomplete[order], ends[:-1])):
        yield chosen, present[incomplete[first[number]]]


class _Conditional:
    """The distribution of some cells given the others, under each component."""

    def __init__(self, components: Components, present: NDArray[np.bool_]) -> None:
        self.present, self.absent = np.flatnonzero(present), np.flatnonzero(~present)
        (k, d), form = components.means.shape, components.form
        self.means = components.means
        covariances = form.dense(form.congruence(components.factor, form.compress(np.eye(d)[None])), k, d)
        missing = covariances[:, self.absent]
        self.spread = missing[:, :, self.absent]
        self.gain = np.zeros((k, len(self.absent), len(self.present)))
        if form in (FULL, TIED) and len(self.present):
            whitener = FULL.whitener(FULL.factor(covariances[:, self.present][:, :, self.present]))
            whitened = missing[:, :, self.present] @ whitener.mT
            self.gain = whitened @ whitener
            self.spread = self.spread - whitened @ whitened.mT

    def values(self, rows: Array, responsibilities: Array, rng: np.random.Generator | None) -> Array:
        """The missing cells of rows that have the others."""
        values = np.zeros((len(rows), len(self.absent)))
        for k, share in enumerate(responsibilities.T):
            own = np.flatnonzero(share)
            residuals = rows[own][:, self.present] - self.means[k, self.present]
            found = self.means[k, self.absent] + residuals @ self.gain[k].T
            if rng is not None:
                found += rng.standard_normal(found.shape) @ _root(self.spread[k]).T
            values[own] += share[own, None] * found
        return values


def _one_component_each(responsibilities: Array, rng: np.random.Generator) -> Array:
    """Zeros and ones ``(N, K)``: one component of each row, drawn by its probability."""
    sums = np.cumsum(responsibilities, axis=1)
    uniform = rng.random(len(sums)) * sums[:, -1]
    drawn = np.minimum((sums <= uniform[:, None]).sum(1), sums.shape[1] - 1)
    return np.asarray(np.eye(sums.shape[1])[drawn])


def _root(covariance: Array) -> Array:
    """A matrix R with ``R R' = covariance``, which may be singular but for rounding."""
    deviation = np.sqrt(np.maximum(np.diagonal(covariance), np.finfo(np.float64).tiny))
    values, vectors = np.linalg.eigh(covariance / deviation / deviation[:, None])
    return np.asarray(deviation[:, None] * vectors * np.sqrt(np.maximum(values, 0.0)))
