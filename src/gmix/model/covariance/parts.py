"""The covariances of marginals and conditionals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.factors import Factors
from gmix.model.covariance.form import FULL, symmetric
from gmix.model.covariance.low_rank import projection
from gmix.model.covariance.names import named
from gmix.model.covariance.structure import Structure

__all__ = ["conditional", "marginal"]

Array = NDArray[np.float64]


def marginal(
    structure: Structure, compact: Array, shape: tuple[int, int], chosen: list[int]
) -> tuple[Structure, Array]:
    """The structure and the compact covariances of some of the columns, for ``(K, D)`` means."""
    n_components, n_features = shape
    if isinstance(structure, Factors):
        return _of_factors(structure if len(chosen) == n_features else structure.marginal, compact[:, chosen])
    dense = structure.form.dense(compact, n_components, n_features)[:, chosen][:, :, chosen]
    if len(chosen) < n_features:
        structure = structure.marginal.in_columns(len(chosen))
    return structure, np.array(structure.form.compress(dense))


def conditional(
    structure: Structure, compact: Array, means: Array, given: list[int], free: list[int], point: Array
) -> tuple[Structure, Array, Array]:
    """The structure, the means and the compact covariances of the free columns, given the values of the others."""
    residuals = point - means[:, given]
    if isinstance(structure, Factors):
        regression, known = projection(compact[:, given]), compact[:, given]
        left = np.eye(structure.n_factors) - regression.mT @ known[..., 1:]  # covariances of the factors
        values, vectors = np.linalg.eigh(symmetric(left))
        expected = (residuals[:, None, :] @ regression)[:, 0]
        loadings = compact[:, free, 1:]
        moved = means[:, free] + (loadings @ expected[..., None])[..., 0]
        loadings = loadings @ (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :])
        found = np.concatenate([compact[:, free, :1], loadings], axis=-1)
        return *_of_factors(structure.conditional, found), moved
    dense = structure.form.dense(compact, len(means), means.shape[1])
    whitener = FULL.whitener(FULL.factor(dense[:, given][:, :, given]))
    cross = dense[:, free][:, :, given] @ whitener.mT
    moved = means[:, free] + (cross @ whitener @ residuals[..., None])[..., 0]
    remaining = dense[:, free][:, :, free] - cross @ cross.mT
    structure = structure.marginal.in_columns(len(free))
    return structure, np.array(structure.form.compress(symmetric(remaining))), moved


def _of_factors(structure: Structure, compact: Array) -> tuple[Structure, Array]:
    """A factor model, or its free covariances if it has too few columns for its factors."""
    assert isinstance(structure, Factors)
    n_components, n_features = compact.shape[:2]
    if structure.fits(n_features):
        return structure, compact
    free = named("VVV").in_columns(n_features)
    return free, structure.form.dense(compact, n_components, n_features)
