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
_NOTHING = 1e-12  # of the largest coefficient; a smaller one is rounding


class Mixture(Protocol):
    """A mixture whose features are independent, as `GaussianMixture.independent_part` is."""

    @property
    def n_features(self) -> int: ...
    @property
    def covariance(self) -> Array: ...
    def marginal(self, features: list[str | int]) -> Self: ...
    def condition(self, values: Mapping[str | int, float]) -> Self: ...
    def affine(self, matrix: Array, offset: Array | float = 0.0) -> Self: ...


M = TypeVar("M", bound=Mixture)


def image(mixture: M, matrix: Array, offset: Array) -> tuple[M, Dependence | None]:
    """The distribution of the independent rows of ``matrix @ x + offset``, and how the others follow from them.

    The dependence is None where all rows are independent. Raises `ParameterError` where all rows are constant.
    """
    root = np.linalg.cholesky(mixture.covariance)
    chosen = independent_columns((matrix @ root).T)
    if not chosen:
        raise ParameterError("these features are constant, so they have no distribution; name others")
    plain = [int(np.flatnonzero(row)[0]) for row in matrix[chosen] if np.count_nonzero(row) == 1 and row.max() == 1]
    part = (
        mixture.marginal([*plain])
        if len(plain) == len(chosen) and not offset[chosen].any()
        else mixture.affine(matrix[chosen], offset[chosen])
    )
    if len(chosen) == len(matrix):
        return part, None
    share = np.linalg.lstsq((matrix[chosen] @ root).T, (matrix @ root).T, rcond=None)[0].T
    share[np.abs(share) < _NOTHING * np.abs(share).max(1, keepdims=True)] = 0.0
    share[chosen] = np.eye(len(chosen))
    return part, Dependence(tuple(chosen), share, offset - share @ offset[chosen])


def condition_part(
    mixture: M, dependence: Dependence, given: list[int], point: Array, free: list[int]
) -> tuple[M, Array, Array]:
    """The distribution of the independent part that is left by the values of the `given` features.

    It comes with the matrix and the offset that map it to the `free` features. Raises `ParameterError` where these
    follow from the given values.
    """
    root, n_independent = np.linalg.cholesky(mixture.covariance), mixture.n_features
    # New coordinates: the given features, as far as they are independent, and then as many others as it takes.
    candidates = np.vstack([dependence.matrix[given], np.eye(n_independent)])
    chosen = independent_columns((candidates @ root).T)
    known = [j for j in chosen if j < len(given)]
    if len(known) == n_independent:
        raise ParameterError("the other features follow from the given values; give fewer")
    turned = mixture.affine(candidates[chosen])
    values: dict[str | int, float] = {i: point[j] - dependence.offset[given[j]] for i, j in enumerate(known)}
    left = turned.condition(values) if known else turned
    back = dependence.matrix[free] @ np.linalg.inv(candidates[chosen])
    offset = dependence.offset[free] + back[:, : len(known)] @ np.array(list(values.values()))
    return left, back[:, len(known) :], offset
