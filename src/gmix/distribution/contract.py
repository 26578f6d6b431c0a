"""What the functions of a distribution need to know about a mixture, and which mixtures they accept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng
from gmix.base.errors import DataError, ParameterError
from gmix.base.rows import Rows
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import Structure
from gmix.model.dependence import Dependence

__all__ = ["MixtureContract", "require", "require_same_columns"]

Array = NDArray[np.float64]


M = TypeVar("M", bound="MixtureContract")


class MixtureContract(ABC):
    """The parameters of a mixture and the methods that the functions of this package build on."""

    weights: Array
    means: Array
    structure: Structure
    features: tuple[str, ...] | None
    dependence: Dependence | None
    background: Background | None

    @property
    @abstractmethod
    def n_features(self) -> int: ...

    @property
    @abstractmethod
    def covariances(self) -> Array:
        """The covariance matrices ``(K, D, D)`` of the components."""

    @property
    @abstractmethod
    def components(self) -> Components:
        """The components as the kernel takes them."""

    @abstractmethod
    def _points(self, x: Any) -> Rows:
        """Points as rows. Raises `DataError` if they are not points of the mixture."""

    @abstractmethod
    def log_density(self, x: Any) -> Array: ...

    @abstractmethod
    def responsibilities(self, x: Any) -> Array: ...

    @abstractmethod
    def sample(self, n: int, *, rng: Rng = None) -> Array: ...

    def _complete_points(self, x: Any, what: str) -> Array:
        """Points ``(N, D)`` as float64. Raises `DataError` for a missing cell."""
        rows = self._points(x)
        if rows.incomplete:
            raise DataError(f"the points hold NaN, and {what} needs all cells of a point; leave such points out")
        return np.asarray(rows.values, np.float64)

    def _new(
        self,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *others: MixtureContract,
        may_be_diagonal: bool = True,
        background: Background | None = None,
    ) -> Self:
        """A mixture with these parameters and the columns of this one.

        Its covariances are diagonal if those of this mixture and of the others are, and unrestricted if not.
        """
        mixtures: list[MixtureContract] = [self, *others]
        aligned = may_be_diagonal and all(mixture.structure.form.axis_aligned for mixture in mixtures)
        features = next((mixture.features for mixture in mixtures if mixture.features), None)
        kind = cast("Any", type(self))
        return cast("Self", kind(weights, means, covariances, "diag" if aligned else "full", features, background))


def require(mixture: MixtureContract, what: str, *, no_background: bool = True) -> None:
    """Raise `ParameterError` if columns follow from others, or there is a background; `what` names the method."""
    if mixture.dependence is not None:
        raise ParameterError(
            f"{what} needs a density of all columns, and columns of this mixture follow from others; take "
            "mixture.independent_part"
        )
    if no_background and mixture.background is not None:
        raise ParameterError(
            f"{what} needs Gaussian components alone, and this mixture has a background; take "
            "mixture.without_background"
        )


def require_same_columns(mixture: M, other: object, what: str) -> M:
    """Another mixture of the same columns. Raises `ParameterError` for anything else; `what` names the method."""
    if not isinstance(other, MixtureContract):
        raise ParameterError(
            f"{what} needs another mixture, not a {type(other).__name__}; give a GaussianMixture (of a Fit: "
            "fit.mixture)"
        )
    if other.n_features != mixture.n_features:
        raise ParameterError(
            f"{what} needs mixtures of the same columns, and these have {mixture.n_features} and {other.n_features}; "
            "take a marginal of the larger one"
        )
    if mixture.features and other.features and mixture.features != other.features:
        raise ParameterError(
            f"{what} needs mixtures of the same columns, and these have {mixture.features} and {other.features}; bring "
            "them into the same order with marginal"
        )
    for each in (mixture, other):
        require(each, what)
    return cast("M", other)
