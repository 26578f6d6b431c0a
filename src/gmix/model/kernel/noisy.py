"""Rows with errors, in NumPy: the definition of what native/kernel/paths/noisy.hpp computes.

A row is a true value plus an error. Under component k the true value is ``mu_k + L_k u`` and the error is ``F e``,
with independent standard normal u and e. The present cells are therefore a linear function of u and e, and the
distribution of u given these cells is normal; see Bovy, Hogg and Roweis (2011), arXiv:0905.2979, equation 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.families import GAUSSIAN
from gmix.model.kernel.responsibilities import log_evidence, normalize

__all__ = ["conditionals"]

Array = NDArray[np.float64]
_ROWS = 256  # at a time, each with a matrix for each component


class Conditional(NamedTuple):
    """The distribution of the whitened true values u of rows under each component, given their present cells."""

    mean: Array  # (K, N, D)
    root: Array  # (K, N, D, D): the covariance is root @ root.mT
    hidden_root: Array  # the same of rows without errors in their present cells
    log_density: Array  # (N,)
    responsibilities: Array  # (N, K)


def conditionals(rows: Rows, components: Components) -> Iterator[tuple[NDArray[np.intp], Conditional]]:
    """Positions of rows, and what is known of these; each row comes once."""
    if components.family is not GAUSSIAN:
        raise ValueError("only Gaussian components take rows with errors")
    labels = np.full(len(rows), -1.0) if rows.labels is None or components.groups is None else rows.labels
    for label in np.unique(labels):
        chosen = np.flatnonzero(labels == label)
        allowed = components
        if label >= 0:
            constants = np.where(components.groups == label, components.log_constants, -np.inf)
            allowed = components._replace(log_constants=constants)
        for begin in range(0, len(chosen), _ROWS):
            some = chosen[begin : begin + _ROWS]
            yield some, _conditional(rows[some], allowed)


@np.errstate(over="ignore", invalid="ignore")  # rows may be so distant that squares overflow
def _conditional(rows: Rows, components: Components) -> Conditional:
    (k, d), form = components.means.shape, components.form
    values = np.asarray(rows.values, np.float64)
    present = ~np.isnan(values)
    residuals = np.where(present, values - components.means[:, None], 0.0)  # (K, N, D)
    factor = form.dense(components.factor, k, d)[:, None] * present[:, :, None]
    volume, z, mean, root = _solved(factor, _error_root(rows, present), residuals)
    hidden_root = _solved(factor, _error_root(Rows(values), present), residuals)[-1]
    # The density of the present cells under each component, over that of u at zero.
    missing = d - present.sum(1)
    log_ratio = form.log_determinant(components.factor, k, d)[:, None] - missing * GAUSSIAN.log_constant(1) - volume
    log_ratio = log_ratio - np.square(z).sum(-1) / 2
    joint = components.log_constants + log_ratio.T
    evidence = log_evidence(components, rows)
    return Conditional(mean, root, hidden_root, *normalize(joint, z, components.log_constants, evidence))


def _solved(factor: Array, errors: Array, residuals: Array) -> tuple[Array, Array, Array, Array]:
    """The log determinants ``(K, N)`` of (A F), residuals whitened by it, and the conditional means and roots of u.

    With ``(A F)' = Q R``, the cells are ``R' Q' (u e)'``. So R determines their density, and they determine the first D
    entries of ``Q' (u e)'``. The other entries remain independent standard normal.
    """
    d = factor.shape[-1]
    stacked = np.concatenate([factor.mT, np.broadcast_to(errors, factor.shape).mT], axis=-2)
    q, r = np.linalg.qr(stacked, mode="complete")
    r = r[..., :d, :]
    z = np.linalg.solve(r.mT, residuals[..., None])
    volume = np.log(np.abs(np.diagonal(r, axis1=-2, axis2=-1))).sum(-1)
    return volume, z[..., 0], (q[..., :d, :d] @ z)[..., 0], q[..., :d, d:]


def _error_root(rows: Rows, present: NDArray[np.bool_]) -> Array:
    """Matrices ``(N, D, D)`` F; missing cells have unit errors, which are independent of all others."""
    missing = np.where(present, 0.0, 1.0)[:, :, None] * np.eye(present.shape[1])
    if rows.errors is None:
        return missing
    if rows.errors.ndim == 2:
        return missing + np.sqrt(np.where(present, rows.errors, 0.0))[:, :, None] * np.eye(present.shape[1])
    covariances = np.where(present[:, :, None] & present[:, None], rows.errors, missing)
    deviation = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    scale = np.divide(1.0, deviation, out=np.zeros(deviation.shape), where=deviation > 0)
    values, vectors = np.linalg.eigh(covariances * scale[:, :, None] * scale[:, None])
    return np.asarray(deviation[:, :, None] * vectors * np.sqrt(np.maximum(values, 0.0))[:, None])
