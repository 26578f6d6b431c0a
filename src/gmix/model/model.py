"""The contract of what EM fits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from gmix.model.components import Components
from gmix.model.covariance import Structure
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["CompiledStart", "Model"]

Array = NDArray[np.float64]


class CompiledStart(NamedTuple):
    """The parameters of a model whose M-step is compiled: a mixture, and what a prior adds to the statistics."""

    structure: Structure
    weights: Array
    means: Array
    covariances: Array  # compact
    prior: SufficientStatistics | None


class Model(ABC):
    """What a fit looks for: immutable parameters, from which EM steps to better ones.

    # Implementation
    EM asks for nothing but the three methods below. Where `compiled` says so, the M-step and the objective are those of
    the compiled kernel, and `with_parameters` makes a model of what it found.
    """

    @abstractmethod
    def components(self) -> Components:
        """What the E-step needs."""

    @abstractmethod
    def maximize(self, statistics: SufficientStatistics) -> Self:
        """The M-step: the model of the greatest expected objective, given the statistics under this one.

        May raise ``LinAlgError`` where there is no such model, as for statistics that were extrapolated too far.
        """

    @abstractmethod
    def objective(self, statistics: SufficientStatistics) -> float:
        """What EM raises, in nats, given the statistics under this model: the log-likelihood plus a log prior, say."""

    def compiled(self, reference: Reference) -> CompiledStart | None:
        """The same model for the compiled M-step, on rows of this scale; None where there is none."""
        return None

    def with_parameters(self, weights: Array, means: Array, covariances: Array) -> Any:
        """A model of the same kind with the parameters that the compiled M-step found."""
        raise NotImplementedError
