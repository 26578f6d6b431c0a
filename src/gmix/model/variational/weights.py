"""Distributions of the weights of components: a Dirichlet distribution, or a Dirichlet process cut to K components."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, gammaln

__all__ = ["DirichletWeights", "StickBreakingWeights", "WeightDistribution"]

Array = NDArray[np.float64]


class WeightDistribution(ABC):
    """A distribution of K weights, which is conjugate to the counts of rows of the components.

    Attributes
    ----------
    exchangeable : whether the components can be put in another order, which is then one of K! equivalent ones.
    """

    exchangeable: ClassVar[bool] = False

    @abstractmethod
    def with_counts(self, counts: Array) -> Self:
        """The distribution after these numbers of rows ``(K,)``.

        Raises ``LinAlgError`` if there is none, as for statistics that were extrapolated too far.
        """

    @abstractmethod
    def expected_logs(self) -> Array:
        """The expectation ``(K,)`` of the logarithm of each weight."""

    @abstractmethod
    def log_normalizer(self) -> float:
        """The logarithm of the integral of the powers of the weights that the density is proportional to."""

    @abstractmethod
    def divergence(self, other: Self) -> float:
        """The Kullback-Leibler divergence from another distribution of the same kind to this one, in nats."""

    @abstractmethod
    def means(self) -> Array:
        """The expected weights ``(K,)``, divided by their sum."""

    @abstractmethod
    def deviations(self) -> Array:
        """The standard deviations ``(K,)`` of the weights."""

    @abstractmethod
    def of_first(self, n_components: int) -> Self:
        """The prior of the first components, if the others have no rows; if there are fewer, more like the last."""

    def reordered(self, order: NDArray[np.intp]) -> Self:
        """The same distribution, where component k is the former ``order[k]``; for exchangeable components."""
        raise NotImplementedError(f"the components of {type(self).__name__} have one order")


@dataclass(frozen=True, eq=False)
class DirichletWeights(WeightDistribution):
    """A Dirichlet distribution; Bishop (2006), equations 10.57, 10.66 and 10.73.

    Attributes
    ----------
    concentration : ``(K,)``.
    other : the sum of the concentrations of further components, which have no rows. The `log_normalizer` leaves out
        what they add to it, which is the same in the prior and the posterior.
    """

    exchangeable: ClassVar[bool] = True
    concentration: Array
    other: float = 0.0

    @property
    def total(self) -> float:
        """The sum of all concentrations."""
        return float(self.concentration.sum()) + self.other

    def with_counts(self, counts: Array) -> DirichletWeights:
        return DirichletWeights(_positive(self.concentration + counts), self.other)

    def of_first(self, n_components: int) -> DirichletWeights:
        left_out = float(self.concentration[n_components:].sum())
        return DirichletWeights(self.concentration[_first(n_components, self.concentration)], self.other + left_out)

    def expected_logs(self) -> Array:
        return np.asarray(digamma(self.concentration) - digamma(self.total))

    def log_normalizer(self) -> float:
        return float(gammaln(self.concentration).sum() - gammaln(self.total))

    def divergence(self, other: DirichletWeights) -> float:
        cross = (self.concentration - other.concentration) @ self.expected_logs()
        return float(other.log_normalizer() - self.log_normalizer() + cross)

    def means(self) -> Array:
        return np.asarray(self.concentration / self.concentration.sum())

    def deviations(self) -> Array:
        means = self.means()
        return np.asarray(np.sqrt(means * (1.0 - means) / (self.concentration.sum() + 1.0)))

    def reordered(self, order: NDArray[np.intp]) -> DirichletWeights:
        return DirichletWeights(self.concentration[order], self.other)


@dataclass(frozen=True, eq=False)
class StickBreakingWeights(WeightDistribution):
    r"""The first K weights of a Dirichlet process, from shares of a stick.

    .. math:: w_k = v_k \prod_{j<k} (1 - v_j), \qquad v_k \sim \mathrm{Beta}(a_k, b_k)

    The weights depend on the order of the components, which is why components of many rows should come first. The
    components beyond K are as in the prior, and no row belongs to them, so bounds for different K are comparable.
    Source: Blei & Jordan (2006), *Bayesian Analysis* 1:121.

    Attributes
    ----------
    first, second : ``(K,)`` a and b.
    """

    first: Array
    second: Array

    @classmethod
    def of_concentration(cls, concentration: float, n_components: int) -> StickBreakingWeights:
        """The prior: ``Beta(1, concentration)`` for every share."""
        return cls(np.ones(n_components), np.full(n_components, concentration))

    def with_counts(self, counts: Array) -> StickBreakingWeights:
        later = np.append(np.cumsum(counts[:0:-1])[::-1], 0.0)  # of the components after each
        return StickBreakingWeights(_positive(self.first + counts), _positive(self.second + later))

    def of_first(self, n_components: int) -> StickBreakingWeights:
        chosen = _first(n_components, self.first)
        return StickBreakingWeights(self.first[chosen], self.second[chosen])

    def expected_logs(self) -> Array:
        of_shares, of_rests = self._expected_logs()
        return np.asarray(of_shares + np.append(0.0, np.cumsum(of_rests[:-1])))

    def log_normalizer(self) -> float:
        return float(betaln(self.first, self.second).sum())

    def divergence(self, other: StickBreakingWeights) -> float:
        of_shares, of_rests = self._expected_logs()
        return float(
            other.log_normalizer()
            - self.log_normalizer()
            + (self.first - other.first) @ of_shares
            + (self.second - other.second) @ of_rests
        )

    def means(self) -> Array:
        share = self.first / (self.first + self.second)
        weights = share * np.append(1.0, np.cumprod(1.0 - share[:-1]))
        return np.asarray(weights / weights.sum())

    def deviations(self) -> Array:
        """The standard deviations ``(K,)`` of the weights, before those of the first K are divided by their sum."""
        total = self.first + self.second
        share, rest = self.first / total, self.second / total
        square, rest_square = (x * (x * total + 1.0) / (total + 1.0) for x in (share, rest))
        mean = share * np.append(1.0, np.cumprod(rest[:-1]))
        mean_square = square * np.append(1.0, np.cumprod(rest_square[:-1]))
        return np.asarray(np.sqrt(np.maximum(mean_square - mean**2, 0.0)))

    def _expected_logs(self) -> tuple[Array, Array]:
        """Of the shares v and of 1 - v, each ``(K,)``."""
        total = digamma(self.first + self.second)
        return digamma(self.first) - total, digamma(self.second) - total


def _first(n_components: int, values: Array) -> NDArray[np.intp]:
    """The positions of the first components; if there are fewer, the last one stands for more."""
    return np.minimum(np.arange(n_components), len(values) - 1)


def _positive(values: Array) -> Array:
    if not (values > 0.0).all():
        raise np.linalg.LinAlgError("the weights have no distribution")
    return values
