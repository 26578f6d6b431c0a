"""Parameters of a mixture that EM leaves as they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.model.background import Background, left_weight
from gmix.model.m_step import background_weight, maximize
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics

__all__ = ["Frozen"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Frozen:
    """The components whose means, covariances or weights EM leaves as they are, to the last bit.

    The M-step is the maximum over the other parameters. A covariance about a frozen mean is about that mean, and free
    weights, that of a background among them, share what the frozen ones leave. Covariances of some components can be
    frozen if the structure's are independent of each other.
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
        scatter = form.shifted(total.scatter, total.mass, total.mean - mean)
        total = replace(total, mean=mean, scatter=scatter, reference=statistics.reference)
        [(weights, means, compact)] = maximize([total], structure, None)
        given = compact_covariances(mixture)
        all_given = len(self.covariances) == mixture.n_components  # of any structure, also of one covariance
        compact = given if all_given else _with(compact, given, self.covariances)
        background = mixture.background
        if background is not None:
            background = background.with_weight(background_weight(statistics, structure, prior))
            weights = left_weight(background) * weights
        weights, background = self._with_weights(mixture, weights, background)
        means = _with(means, mixture.means, self.means)
        return unchecked_mixture(weights, means, compact, structure, mixture.features, background)

    def with_background(self, mixture: GaussianMixture, background: Background) -> GaussianMixture:
        """The mixture with this background, which gets its share of the weight that frozen weights leave.

        Raises `ParameterError` if they leave none.
        """
        left = self._left(mixture.weights)
        if not (left > 0.0 and len(self.weights) < mixture.n_components):
            raise ParameterError(
                "freeze holds weights that sum to one, so no weight remains for a background; leave a weight out, or "
                "give a start with a background"
            )
        weights = mixture.weights * left_weight(background)
        weights[list(self.weights)] = mixture.weights[list(self.weights)]
        compact = compact_covariances(mixture)
        return unchecked_mixture(
            weights,
            mixture.means,
            compact,
            mixture.structure,
            mixture.features,
            background.with_weight(left * background.weight),
        )

    def n_parameters(self, mixture: GaussianMixture) -> int:
        """The number of parameters of a mixture that are free."""
        structure, (k, d) = mixture.structure, mixture.means.shape
        of_components = 1 if structure.equal_weights else k - len(self.weights)
        of_covariances = structure.n_parameters(k, d) - (0 if structure.equal_weights else k - 1) - k * d
        weights = max(of_components + (mixture.background is not None) - 1, 0)
        covariances = of_covariances * (k - len(self.covariances)) // k
        return int(weights + d * (k - len(self.means)) + covariances)

    def document(self) -> dict[str, list[int]]:
        """The positions of the components, as a model file holds them."""
        return {name: list(components) for name, components in asdict(self).items()}

    def _left(self, weights: Array) -> float:
        """What the frozen ones of these weights leave to the others."""
        return max(1.0 - float(weights[list(self.weights)].sum()), 0.0)

    def _with_weights(
        self, before: GaussianMixture, found: Array, background: Background | None
    ) -> tuple[Array, Background | None]:
        """The weights after a step, and the background: free ones in the proportions found, frozen ones as before."""
        if not self.weights:
            return found, background
        free = np.setdiff1d(np.arange(len(found)), self.weights)
        of_background = 0.0 if background is None else background.weight
        total, left = found[free].sum() + of_background, self._left(before.weights)
        if not (len(free) and total > 0.0):
            return before.weights.copy(), before.background
        after = before.weights.copy()
        after[free] = left * found[free] / total
        return after, None if background is None else background.with_weight(left * of_background / total)


def _with(found: Array, before: Array, frozen: tuple[int, ...]) -> Array:
    """An array by component, with frozen entries as before."""
    after = np.array(found)
    if frozen:
        after[list(frozen)] = before[list(frozen)]
    return after
