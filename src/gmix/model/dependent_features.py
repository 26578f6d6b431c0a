"""Affine maps and conditioning of mixtures with features that follow from one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.model.dependence import Dependence, independent_columns

__all__ = ["condition_part", "image"]

Array = NDArray[np.float64]
_ROUNDING = 1e-12  # of the largest coefficient; a smaller one is set to zero


class Mixture(Protocol):
    """A mixture whose features are independent, as `GaussianMixture.independent_part` is."""

    @property
    def n_features(self) -> int: ...
    @property
    def covariance(self) -> Array: ...
    def marginal(self, features: list[str | int]) -> Self: ...
    def condition(self, values: Mapping[str, float] | Mapping[int, float] | Mapping[str | int, float]) -> Self: ...
    def affine(self, matrix: Array, offset: Array | float = 0.0) -> Self: ...


M = TypeVar("M", bound=Mixture)


def image(mixture: M, matrix: Array, offset: Array) -> tuple[M, Dependence | None]:
    """The distribution of the independent entries of ``matrix @ x + offset``, and how the others follow from them.

    The dependence is None if all entries are independent. Raises `ParameterError` if all entries are constant.
    """
    root = np.linalg.cholesky(mixture.covariance)
    chosen = independent_columns((matrix @ root).T)
    if not chosen:
        raise ParameterError("these features are constant, so they have no distribution; name others")
    features = [int(np.flatnonzero(row)[0]) for row in matrix[chosen] if np.count_nonzero(row) == 1 and row.max() == 1]
    part = (
        mixture.marginal([*features])
        if len(features) == len(chosen) and not offset[chosen].any()
        else mixture.affine(matrix[chosen], offset[chosen])
    )
    if len(chosen) == len(matrix):
        return part, None
    coefficients = np.linalg.lstsq((matrix[chosen] @ root).T, (matrix @ root).T, rcond=None)[0].T
    coefficients[np.abs(coefficients) < _ROUNDING * np.abs(coefficients).max(1, keepdims=True)] = 0.0
    coefficients[chosen] = np.eye(len(chosen))
    return part, Dependence(tuple(chosen), coefficients, offset - coefficients @ offset[chosen])


def condition_part(
    mixture: M, dependence: Dependence, given: list[int], point: Array, free: list[int]
) -> tuple[M, Array, Array]:
    """The distribution of the independent part of a mixture, given the values of some features.

    Returns it with the matrix and the offset that map it to the `free` features. Raises `ParameterError` if these
    follow from the given values.
    """
    root, n_independent = np.linalg.cholesky(mixture.covariance), mixture.n_features
    # The new coordinates are the independent ones of the given features, completed to a basis.
    candidates = np.vstack([dependence.matrix[given], np.eye(n_independent)])
    chosen = independent_columns((candidates @ root).T)
    known = [j for j in chosen if j < len(given)]
    if len(known) == n_independent:
        raise ParameterError("the other features follow from the given values; give fewer")
    transformed = mixture.affine(candidates[chosen])
    values: dict[str | int, float] = {i: point[j] - dependence.offset[given[j]] for i, j in enumerate(known)}
    conditional = transformed.condition(values) if known else transformed
    inverse = dependence.matrix[free] @ np.linalg.inv(candidates[chosen])
    offset = dependence.offset[free] + inverse[:, : len(known)] @ np.array(list(values.values()))
    return conditional, inverse[:, len(known) :], offset
