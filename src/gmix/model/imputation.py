"""Imputation: the distribution of the missing cells of a row, given its present ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import FULL, TIED
from gmix.model.dependence import Dependence
from gmix.model.kernel import kernel

__all__ = ["imputed", "patterns"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
_TOGETHER = 1 << 18  # entries of the covariances that are solved together, so that they take little memory


@one_blas_thread()
def imputed(
    rows: Rows,
    components: Components,
    rng: np.random.Generator | None,
    threads: int | None = None,
    dependence: Dependence | None = None,
    widths: Array | None = None,
) -> Array:
    r"""The values ``(N, D)`` of rows with missing cells filled in; the other cells are kept.

    The components are those of the independent columns if there is a `dependence`. Labels of rows count. `widths`
    ``(N, K)`` multiply the deviations of draws from the conditional means under each component; None for ones.

    Without `rng` they get their conditional means, and with it a draw from their conditional distribution:

    .. math:: x_m \mid x_o \sim \sum_k r_k(x_o) \, N\big(\mu_{k,m} + \Sigma_{k,mo} \Sigma_{k,oo}^{-1} (x_o - \mu_{k,o}),
              \Sigma_{k,mm} - \Sigma_{k,mo} \Sigma_{k,oo}^{-1} \Sigma_{k,om}\big)

    # Implementation
    To draw, a whole row y is drawn from one component. Then :math:`y_m + \Sigma_{mo} \Sigma_{oo}^{-1} (x_o - y_o)` has
    the conditional distribution (Hoffman & Ribak 1991, *Astrophysical Journal* 380:L5), and no conditional covariance
    needs to be factored. So both cases complete rows from others: from draws, or from the mean.
    """
    if dependence is not None:
        part = imputed(rows.select(dependence.independent), components, rng, threads, None, widths)
        known = dependence.expand(part)
        return np.where(np.isnan(rows.values), known, rows.values)
    filled = np.array(rows.values, np.float64)
    incomplete = np.flatnonzero(np.isnan(filled).any(1))
    if not len(incomplete):
        return filled
    incomplete, pattern, patterns = _by_pattern(filled, incomplete)
    values = filled[incomplete]
    given = replace(rows[incomplete], values=values, incomplete=True)
    responsibilities = kernel.posterior(given, components, True, threads)[1]
    assert responsibilities is not None
    background = components.background
    if rng is not None:
        responsibilities = _one_component_each(responsibilities, rng, whole=background is not None)
    noise = None if rng is None else rng.standard_normal(values.shape)
    found = np.zeros(values.shape)
    for k, share in enumerate(responsibilities.T):
        own = np.flatnonzero(share)
        component = _Component(components, k)
        others = component.others(None if noise is None else noise[own], len(own))
        completed = component.completed(values[own], others, pattern[own], patterns)
        if widths is not None:
            center = component.completed(values[own], component.others(None, len(own)), pattern[own], patterns)
            completed = center + widths[incomplete[own], k, None] * (completed - center)
        found[own] += share[own, None] * completed
    if background is not None:
        left = np.maximum(1.0 - responsibilities.sum(1, keepdims=True), 0.0)
        found += left * (background.mean if rng is None else background.sample(len(values), rng))
    filled[incomplete] = np.where(np.isnan(values), found, values)
    return filled


def _one_component_each(responsibilities: Array, rng: np.random.Generator, *, whole: bool = False) -> Array:
    """Zeros and ones ``(N, K)``: one component of each row, drawn by its probability.

    If `whole`, a row may have come from none, with the probability that its components leave.
    """
    if whole:
        left = np.maximum(1.0 - responsibilities.sum(1, keepdims=True), 0.0)
        return _one_component_each(np.hstack([responsibilities, left]), rng)[:, :-1]
    sums = np.cumsum(responsibilities, axis=1)
    uniform = rng.random(len(sums)) * sums[:, -1]
    drawn = np.minimum((sums <= uniform[:, None]).sum(1), sums.shape[1] - 1)
    return np.asarray(np.eye(sums.shape[1])[drawn])


def _by_pattern(values: Array, rows: Positions) -> tuple[Positions, Positions, NDArray[np.bool_]]:
    """Rows ordered by pattern, the pattern ``(N,)`` of each, and which cells are present in each pattern ``(P, D)``."""
    present = ~np.isnan(values[rows])
    _, first, pattern = np.unique(np.packbits(present, axis=1), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(pattern.ravel(), kind="stable")
    return rows[order], pattern.ravel()[order], present[first]


def patterns(values: NDArray[Any]) -> Iterator[tuple[Positions, NDArray[np.bool_]]]:
    """The rows with missing cells, in groups that have the same cells: their positions, and which cells these are."""
    incomplete = np.flatnonzero(np.isnan(values).any(1))
    rows, pattern, present = _by_pattern(values, incomplete)
    ends = np.cumsum(np.bincount(pattern, minlength=len(present)))
    yield from zip(np.split(rows, ends[:-1]), present, strict=True) if len(incomplete) else ()


class _Component:
    """The distribution of some cells of a row given the others, under one component."""

    def __init__(self, components: Components, k: int) -> None:
        self.form, self.mean = components.form, components.means[k]
        self.factor = self.form.take(components.factor, [k])

    def others(self, noise: Array | None, n: int) -> Array:
        """Rows ``(n, D)`` to complete others from: draws, made of standard normal `noise`, or the mean."""
        if noise is None:
            return np.broadcast_to(self.mean, (n, len(self.mean)))
        return np.asarray(self.mean + self.form.apply(self.factor, noise[None])[0])

    def completed(self, rows: Array, others: Array, pattern: Positions, patterns: NDArray[np.bool_]) -> Array:
        """The `others` plus what the present cells of `rows` say about their differences in the missing cells."""
        if self.form not in (FULL, TIED) or not len(rows):
            return others
        factor = self.factor.reshape(len(self.mean), -1)
        deviation = np.sqrt((factor**2).sum(1))
        correlation = (factor / deviation[:, None]) @ (factor / deviation[:, None]).T
        differences = np.where(np.isnan(rows), 0.0, (rows - others) / deviation)
        known, begins = np.unique(pattern, return_index=True)
        ends = [*begins[1:], len(rows)]
        for begin, end, gain in zip(begins, ends, _gains(correlation, patterns[known]), strict=True):
            differences[begin:end] = differences[begin:end] @ gain
        return np.asarray(others + differences * deviation)


def _gains(correlation: Array, present: NDArray[np.bool_]) -> Iterator[Array]:
    r"""The matrix ``(D, D)`` of each pattern ``(P, D)`` that converts differences in present cells to missing ones.

    It is :math:`R_{oo}^{-1} R_{om}`, and zero elsewhere.
    """
    together = max(_TOGETHER // correlation.size, 1)
    for begin in range(0, len(present), together):
        block = present[begin : begin + together]
        counts = block.sum(1)
        gains = np.zeros((len(block), *correlation.shape))
        for count in np.unique(counts):
            alike = np.flatnonzero(counts == count)[:, None, None]
            observed = np.nonzero(block[alike[:, 0, 0]])[1].reshape(len(alike), -1, 1)
            absent = np.nonzero(~block[alike[:, 0, 0]])[1].reshape(len(alike), 1, -1)
            within = correlation[observed, observed.mT]
            gains[alike, observed, absent] = np.linalg.solve(within, correlation[observed, absent])
        yield from gains
