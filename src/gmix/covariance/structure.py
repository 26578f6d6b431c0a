"""The contract of a covariance structure: what K covariances have in common, and how they are read from scatter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gmix.covariance.form import Form

__all__ = ["Structure"]

Array = NDArray[np.float64]


class Structure(ABC):
    """What the K covariances of a mixture have in common.

    A structure is stateless. It is named by mclust's three letters for volume, shape and orientation, each equal
    (``E``) over the components, variable (``V``) or that of the identity (``I``); see Celeux & Govaert (1995),
    *Pattern Recognition* 28:781, table 1.

    # Implementation
    Give `code`, `name`, `form` and `shared`, and write `n_covariance_parameters` and `covariances`.
    """

    code: ClassVar[str]
    name: ClassVar[str]  # scikit-learn's word, where it has one
    form: ClassVar[Form]
    shared: ClassVar[bool]  # one covariance for all components

    def __repr__(self) -> str:
        return self.code

    def __reduce__(self) -> str:  # a copy or a pickle is the one object itself
        return self.code

    @abstractmethod
    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        """How many free parameters the K covariances spend."""

    @abstractmethod
    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        """The likeliest covariances, compact, given scatter about the means (in `form`) and its divisors ``(K,)``.

        The divisors are the components' masses, plus what a prior adds to them.
        """

    def within(self, other: Structure) -> bool:
        """Is every mixture of this structure also one of the other's? Identity < equal < variable, letter by letter."""
        return all("IEV".index(mine) <= "IEV".index(theirs) for mine, theirs in zip(self.code, other.code, strict=True))

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the whole mixture: ``K - 1`` weights, ``K * D`` means, and the covariances'."""
        return n_components - 1 + n_components * n_features + self.n_covariance_parameters(n_components, n_features)
