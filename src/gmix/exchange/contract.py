"""What a conversion needs from a mixture, and what most other software cannot represent."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import DIAGONAL, FULL, SPHERICAL, TIED, Structure
from gmix.model.dependence import Dependence

__all__ = ["COVARIANCE_TYPES", "Mixture", "Parameters", "without_background", "without_dependence"]

Array = NDArray[np.float64]
Parameters = dict[str, Any]  # the arguments of `gmix.GaussianMixture`

COVARIANCE_TYPES = {FULL: "full", TIED: "tied", DIAGONAL: "diag", SPHERICAL: "spherical"}  # scikit-learn's names


class Mixture(Protocol):
    """A distribution with components, as `gmix.GaussianMixture` is."""

    @property
    def weights(self) -> Array: ...
    @property
    def means(self) -> Array: ...
    @property
    def covariances(self) -> Array: ...
    @property
    def structure(self) -> Structure: ...
    @property
    def features(self) -> tuple[str, ...] | None: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def n_components(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def components(self) -> Components: ...
    @property
    def background(self) -> Background | None: ...
    @property
    def dependence(self) -> Dependence | None: ...


def without_background(mixture: Mixture, what: str) -> None:
    """Raise `ParameterError` for a mixture with a background, which `what` cannot represent."""
    if mixture.background is not None:
        raise ParameterError(f"{what} has no background; convert mixture.without_background")


def without_dependence(mixture: Mixture, what: str) -> None:
    """Raise `ParameterError` for a mixture with dependent columns, whose covariances `what` cannot represent."""
    if mixture.dependence is not None:
        raise ParameterError(
            f"{what} needs covariances that are positive definite, and columns of this mixture follow from others "
            f"({mixture.dependence.described(mixture.names)}); convert mixture.independent_part"
        )
