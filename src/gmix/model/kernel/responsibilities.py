"""From log densities of components to responsibilities, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.components import Components

__all__ = ["joint_densities", "log_evidence", "normalize"]

Array = NDArray[np.float64]
_NEGLIGIBLE = 2.0**-100  # smaller responsibilities are set to zero; they are far below rounding


def log_evidence(components: Components, rows: Rows) -> Array | None:
    """What soft labels add to the log density ``(N, K)`` of rows under each component; None if there are none."""
    if rows.log_evidence is None or components.groups is None:
        return None
    return np.asarray(rows.log_evidence[:, components.groups.astype(np.intp)])


def joint_densities(share: Array, responsibilities: Array, log_density: Array) -> Array:
    """The sums ``(K,)`` of the log densities of components over rows, by shares ``(K, N)`` of the rows.

    Rows have these responsibilities ``(N, K)`` and log densities ``(N,)`` of all components together.
    """
    densities = np.log(np.maximum(responsibilities.T, np.finfo(np.float64).tiny)) + log_density
    return np.asarray(np.where(share > 0.0, share * densities, 0.0).sum(1))


@np.errstate(over="ignore", invalid="ignore")
def normalize(joint: Array, z: Array, log_constants: Array, evidence: Array | None = None) -> tuple[Array, Array]:
    """Log densities ``(N,)`` and responsibilities ``(N, K)`` of rows.

    They have the weighted log densities `joint` ``(N, K)``, to which the `evidence` ``(N, K)`` is added, and the
    whitened residuals `z` ``(K, N, D)``.
    """
    impossible = np.isneginf(log_constants) if evidence is None else np.isneginf(log_constants + evidence)
    joint = joint if evidence is None else joint + evidence
    largest = joint.max(1)
    lost = np.isneginf(largest)
    if lost.any():  # if every density is zero in float64, the row belongs to the nearest component
        distances = np.hypot.reduce(z[:, lost], axis=-1).T  # finite even if their squares are not
        excluded = np.isnan(distances) | np.broadcast_to(impossible, joint.shape)[lost]
        distances = np.where(excluded, np.inf, distances)
        order = np.argsort(-log_constants, kind="stable")  # of tied components, the largest constant
        nearest = order[distances[:, order].argmin(1)]
        joint[lost] = np.where(np.arange(joint.shape[1]) == nearest[:, None], 0.0, -np.inf)
    shifted = np.exp(joint - np.where(lost, 0.0, largest)[:, None])
    shifted[shifted < _NEGLIGIBLE] = 0.0
    norm = shifted.sum(1)
    return np.where(lost, -np.inf, largest + np.log(norm)), shifted / norm[:, None]
