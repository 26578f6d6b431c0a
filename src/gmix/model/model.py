"""The contract of the models that EM fits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import Structure
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["CompiledStart", "Model"]

Array = NDArray[np.float64]


class CompiledStart(NamedTuple):
    """A model whose M-step is compiled: a mixture, what a prior adds to the statistics, and groups of components."""

    structure: Structure
    weights: Array
    means: Array
    covariances: Array  # compact
    prior: SufficientStatistics | None
    groups: Array | None = None  # (K,) as in `Components`
    background: Background | None = None
    blur: Array | None = None  # (D,), variances that the M-step adds to every row


class Model(ABC):
    """The parameters that EM estimates; an M-step returns a new model.

    # Implementation
    EM calls the three abstract methods alone. If `compiled` returns parameters, the compiled kernel computes the M-step
    and the objective, and `with_parameters` makes a model of its result.
    """

    @abstractmethod
    def components(self) -> Components:
        """The components that the E-step evaluates."""

    @abstractmethod
    def maximize(self, statistics: SufficientStatistics) -> Self:
        """The M-step: the model with the greatest expected objective, given the statistics under this model.

        May raise ``LinAlgError`` if there is no such model, as for statistics that were extrapolated too far.
        """

    @abstractmethod
    def objective(self, statistics: SufficientStatistics) -> float:
        """The objective of EM in nats, such as log-likelihood plus log prior, given the statistics under this model."""

    def compiled(self, reference: Reference) -> CompiledStart | None:
        """The parameters for the compiled M-step, on rows of this scale; None if the M-step is not compiled."""
        return None

    def with_parameters(self, weights: Array, means: Array, covariances: Array) -> Any:
        """A model of the same kind with the parameters of the compiled M-step."""
        raise NotImplementedError(f"{type(self).__name__} has `compiled`, so it needs `with_parameters`")
