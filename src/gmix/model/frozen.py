"""Parameters of a mixture that EM leaves as they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmix.model.m_step import maximize
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics

__all__ = ["Frozen"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Frozen:
    """The components whose means, covariances or weights EM leaves as they are, to the last bit.

    The M-step is the maximum over the other parameters. A covariance about a frozen mean is about that mean, and free
    weights share what the frozen ones leave. Covariances of some components can be frozen if the structure's are
    independent of each other.
    """

    means: tuple[int, ...] = ()
    covariances: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.means or self.covariances or self.weights)

    def maximize(
        self, mixture: GaussianMixture, statistics: SufficientStatistics, prior: Prior | None
    ) -> GaussianMixture:
        """The M-step from a mixture, given the statistics under it."""
        structure, form = mixture.structure, mixture.structure.form
        total = statistics if prior is None else statistics + prior.term(statistics, structure)
        mean = _with(total.mean, mixture.means, self.means)
        scatter = total.scatter + form.outer(total.mass, total.mean - mean)
        total = replace(total, mean=mean, scatter=scatter, reference=statistics.reference)
        [(weights, means, compact)] = maximize([total], structure, None)
        given = compact_covariances(mixture)
        all_given = len(self.covariances) == mixture.n_components  # of any structure, also of one covariance
        compact = given if all_given else _with(compact, given, self.covariances)
        weights = self._weights(weights, mixture.weights)
        return unchecked_mixture(weights, _with(means, mixture.means, self.means), compact, structure, mixture.features)

    def n_parameters(self, mixture: GaussianMixture) -> int:
        """The number of parameters of a mixture that are free."""
        structure, (k, d) = mixture.structure, mixture.means.shape
        all_weights = 0 if structure.equal_weights else k - 1
        of_covariances = structure.n_parameters(k, d) - all_weights - k * d
        weights = min(all_weights, max(k - len(self.weights) - 1, 0))
        covariances = of_covariances * (k - len(self.covariances)) // k
        return int(weights + d * (k - len(self.means)) + covariances)

    def document(self) -> dict[str, list[int]]:
        """The positions of the components, as a model file holds them."""
        return {name: list(components) for name, components in asdict(self).items()}

    def _weights(self, found: Array, before: Array) -> Array:
        """The weights after a step: free ones in the proportions found, frozen ones as before."""
        if not self.weights:
            return found
        free = np.setdiff1d(np.arange(len(found)), self.weights)
        after, left = before.copy(), max(1.0 - before[list(self.weights)].sum(), 0.0)
        if len(free) and found[free].sum() > 0.0:
            after[free] = left * found[free] / found[free].sum()
        return after


def _with(found: Array, before: Array, frozen: tuple[int, ...]) -> Array:
    """An array by component, with frozen entries as before."""
    after = np.array(found)
    if frozen:
        after[list(frozen)] = before[list(frozen)]
    return after
