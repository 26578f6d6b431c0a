"""Priors of partitions: a Dirichlet process, and a mixture of a fixed number of components."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["DirichletProcess", "FiniteDirichlet", "PartitionPrior"]

Array = NDArray[np.float64]
_WIDTH, _STEPS = 1.0, 30  # of the slice sampler, in units of a logarithm


@dataclass(frozen=True)
class PartitionPrior(ABC):
    """The distribution of a partition of the rows into clusters, and of the weights of its clusters.

    Attributes
    ----------
    concentration : of the distribution of the weights.
    hyperprior : shape and rate of the gamma prior of the concentration; None if the concentration is fixed.
    """

    concentration: float
    hyperprior: tuple[float, float] | None

    @property
    @abstractmethod
    def n_components(self) -> int | None:
        """The number of components; None for a Dirichlet process, which has infinitely many."""

    @abstractmethod
    def log_probability(self, counts: Array) -> float:
        """The log probability of a partition with these numbers of rows in its clusters, all above zero."""

    @abstractmethod
    def log_of_counts(self, counts: Array) -> Array:
        """The factor of `log_probability` that belongs to each cluster, up to a constant for each cluster."""

    @abstractmethod
    def log_of_one_more(self, n_clusters: int) -> float:
        """What else one more cluster adds to `log_probability`; minus infinity if there is no room for it."""

    @abstractmethod
    def drawn_weights(self, counts: Array, rng: np.random.Generator) -> tuple[Array, float]:
        """Weights ``(K,)`` given the numbers of rows of the components, and the weight of all other components."""

    def split_ratios(self, n_clusters: int, first: Array, second: Array) -> Array:
        """The log probability of the partition where a cluster is in two, relative to that where it is one.

        There are `n_clusters` before the split; the sizes of the parts are those of several possible splits.
        """
        parts = self.log_of_counts(first) + self.log_of_counts(second)
        return np.asarray(self.log_of_one_more(n_clusters) + parts - self.log_of_counts(first + second))

    def updated(self, counts: Array, rng: np.random.Generator) -> Self:
        """The prior with a concentration that is drawn given the partition, by slice sampling of its logarithm.

        Source: Neal (2003), *Annals of Statistics* 31:705.
        """
        if self.hyperprior is None:
            return self
        shape, rate = self.hyperprior

        def log_density(logarithm: float) -> float:
            at = replace(self, concentration=float(np.exp(logarithm)))
            return at.log_probability(counts) + shape * logarithm - rate * at.concentration

        start = float(np.log(self.concentration))
        return replace(self, concentration=float(np.exp(_slice(log_density, start, rng))))


@dataclass(frozen=True)
class DirichletProcess(PartitionPrior):
    r"""The partitions of a Dirichlet process.

    .. math:: p = \frac{\Gamma(\alpha)}{\Gamma(\alpha + N)} \prod_k \alpha \, \Gamma(N_k)

    Source: Antoniak (1974), *Annals of Statistics* 2:1152.
    """

    @property
    def n_components(self) -> None:
        return None

    def log_probability(self, counts: Array) -> float:
        alpha = self.concentration
        normalizer = gammaln(alpha) - gammaln(alpha + counts.sum())
        return float(normalizer + len(counts) * np.log(alpha) + gammaln(counts).sum())

    def log_of_counts(self, counts: Array) -> Array:
        return np.asarray(gammaln(counts))

    def log_of_one_more(self, n_clusters: int) -> float:
        return float(np.log(self.concentration))

    def drawn_weights(self, counts: Array, rng: np.random.Generator) -> tuple[Array, float]:
        found = rng.dirichlet(np.append(counts, self.concentration))
        return found[:-1], float(found[-1])


@dataclass(frozen=True)
class FiniteDirichlet(PartitionPrior):
    r"""The partitions of K components whose weights have a symmetric Dirichlet distribution.

    .. math:: p = \frac{K!}{(K - K_+)!} \frac{\Gamma(K \alpha)}{\Gamma(K \alpha + N)}
              \prod_k \frac{\Gamma(\alpha + N_k)}{\Gamma(\alpha)}

    with :math:`K_+` components that have rows.

    Attributes
    ----------
    size : K.
    """

    size: int

    @property
    def n_components(self) -> int:
        return self.size

    def log_probability(self, counts: Array) -> float:
        alpha, k = self.concentration, self.size
        normalizer = gammaln(k * alpha) - gammaln(k * alpha + counts.sum())
        orders = gammaln(k + 1.0) - gammaln(k - len(counts) + 1.0)
        return float(normalizer + orders + (gammaln(alpha + counts) - gammaln(alpha)).sum())

    def log_of_counts(self, counts: Array) -> Array:
        return np.asarray(gammaln(self.concentration + counts) - gammaln(self.concentration))

    def log_of_one_more(self, n_clusters: int) -> float:
        return float(np.log(self.size - n_clusters)) if n_clusters < self.size else -np.inf

    def drawn_weights(self, counts: Array, rng: np.random.Generator) -> tuple[Array, float]:
        shares = rng.gamma(self.concentration + counts)
        return shares / shares.sum(), 0.0


def _slice(log_density: Callable[[float], float], start: float, rng: np.random.Generator) -> float:
    """One step of slice sampling from `start`, by stepping out and shrinkage."""
    level = log_density(start) - rng.standard_exponential()
    low = start - _WIDTH * rng.random()
    high, below = low + _WIDTH, int(rng.integers(_STEPS))
    above = _STEPS - 1 - below
    while below > 0 and log_density(low) > level:
        low, below = low - _WIDTH, below - 1
    while above > 0 and log_density(high) > level:
        high, above = high + _WIDTH, above - 1
    while True:
        at = low + (high - low) * rng.random()
        if log_density(at) > level:
            return float(at)
        low, high = (at, high) if at < start else (low, at)
