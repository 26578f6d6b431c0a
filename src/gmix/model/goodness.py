"""Transforms of rows that are uniform if a mixture is right, and how far values are from uniform."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Band", "Empirical", "Transformable", "conditional_probabilities", "distance_tails", "marginal_probabilities",
    "uniform_band",
]  # fmt: skip

Array = NDArray[np.float64]
_LEVEL = 0.95  # of a band
_TABLES = 3_000  # simulated for a band, so that the error of its level is 0.004
_EVERY = 250  # order statistics; of more values, as many are compared with the band
_LEAST_SHARE = 1e-9  # of a row; a component with less has no part in its distances


class Transformable(Protocol):
    """What the transforms need of a mixture."""

    @property
    def n_features(self) -> int: ...
    @property
    def n_components(self) -> int: ...
    def cdf(self, x: Any) -> Array: ...
    def quantile(self, probability: ArrayLike) -> Array: ...
    def marginal(self, features: Sequence[str | int]) -> Self: ...
    def rosenblatt(self, x: Any) -> Array: ...
    def mahalanobis(self, x: Any) -> Array: ...
    def responsibilities(self, x: Any) -> Array: ...


def marginal_probabilities(mixture: Transformable, rows: Array) -> Array:
    """The probability ``(N, D)`` of at most each cell under the distribution of its column; NaN for missing cells."""
    found = np.full(rows.shape, np.nan)
    for j, column in enumerate(rows.T):
        present = ~np.isnan(column)
        if present.any():
            found[present, j] = mixture.marginal([j]).cdf(column[present])
    return found


def conditional_probabilities(mixture: Transformable, rows: Array) -> Array:
    """Rosenblatt's transformation ``(N, D)`` of rows that have all cells; NaN for the others."""
    found, complete = np.full(rows.shape, np.nan), ~np.isnan(rows).any(1)
    if complete.any():
        found[complete] = mixture.rosenblatt(rows[complete])
    return found


def distance_tails(mixture: Transformable, rows: Array) -> tuple[Array, Array]:
    """The probability ``(N, K)`` that a draw from each component is further from it than the row, and the shares.

    The shares ``(N, K)`` are the responsibilities. If the mixture is right, tail probabilities with these weights are
    uniform, whether or not components overlap: a row and a component that is drawn by the responsibilities have the
    distribution of a draw and the component that it came from. Rows with missing cells are compared by their other
    cells; those without any cell have shares of zero.
    """
    from scipy.special import chdtrc

    shares = mixture.responsibilities(rows)
    missing = np.isnan(rows)
    shares[missing.all(1)] = 0.0
    shares[shares < _LEAST_SHARE] = 0.0
    tails = np.ones(shares.shape)
    patterns, which = np.unique(missing, axis=0, return_inverse=True)
    by_pattern = np.argsort(which.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(which.ravel(), minlength=len(patterns)))
    for lacking, mine in zip(patterns, np.split(by_pattern, ends[:-1]), strict=True):
        present = np.flatnonzero(~lacking)
        if len(present):
            part = mixture.marginal(present.tolist()) if lacking.any() else mixture
            with np.errstate(over="ignore"):
                tails[mine] = chdtrc(float(len(present)), part.mahalanobis(rows[mine][:, present]) ** 2)
    return tails, shares


class Empirical(NamedTuple):
    """The empirical distribution of weighted values between 0 and 1."""

    values: Array  # (N,) sorted
    upper: Array  # (N,) the share of the weight at or below each value
    lower: Array  # (N,) the share below each value
    mass: float  # the weight of all, which stands for the number of observations
    order: NDArray[np.intp]  # (N,) the positions of the sorted values among those that were given

    @classmethod
    def of(cls, values: Array, mass: Array) -> Self:
        """The distribution of the values ``(N,)`` that are not NaN and have positive weight ``(N,)``."""
        given = np.flatnonzero((mass > 0) & ~np.isnan(values))
        order = given[np.argsort(values[given], kind="stable")]
        cumulative = np.r_[0.0, np.cumsum(mass[order])]
        total = float(cumulative[-1])
        share = cumulative / total if total > 0 else cumulative
        return cls(values[order], share[1:], share[:-1], total, order)

    @property
    def distance(self) -> float:
        """The Kolmogorov-Smirnov distance from the uniform distribution; NaN without values."""
        if not len(self.values):
            return np.nan
        return float(max((self.upper - self.values).max(), (self.values - self.lower).max()))

    @property
    def n(self) -> int:
        """The number of observations that the weights stand for, at least one."""
        return max(round(self.mass), 1)

    def at(self, rank: Array) -> NDArray[np.intp]:
        """The positions, in order, of the values that have these ranks ``(M,)`` among `n` observations."""
        found = np.searchsorted(self.upper, (rank - 0.5) / self.n)
        return np.minimum(found, len(self.values) - 1)

    def outside(self, rank: Array, band: Band) -> NDArray[np.bool_]:
        """Whether the values of these ranks ``(M,)`` are outside the band."""
        from scipy.special import betainc

        below = betainc(rank, self.n + 1.0 - rank, np.clip(self.values[self.at(rank)], 0.0, 1.0))
        return np.asarray(np.minimum(below, 1.0 - below) < band.local / 2.0)


class Band(NamedTuple):
    """Where some order statistics of n independent uniform values lie together, with a probability of 95 %."""

    rank: Array  # (M,), counted from 1
    low: Array  # (M,)
    high: Array  # (M,)
    n: int
    local: float  # the probability that a given one is outside


@lru_cache(64)
def uniform_band(n: int) -> Band:
    """The simultaneous band of n uniform values whose order statistics all leave it with the same probability.

    The order statistic of rank i has the distribution Beta(i, n + 1 - i). The level of its quantiles is found by
    simulation: Aldor-Noiman, Brown, Buja, Rolke & Stine (2013), *The American Statistician* 67:249.
    """
    from scipy.special import betainc, betaincinv

    rank = _ranks(n)
    rng = np.random.default_rng(0)
    sums = np.cumsum(rng.gamma(np.diff(rank, prepend=0.0, append=n + 1.0), size=(_TABLES, len(rank) + 1)), axis=1)
    below = betainc(rank, n + 1.0 - rank, sums[:, :-1] / sums[:, -1:])
    local = 2.0 * float(np.quantile(np.minimum(below, 1.0 - below).min(1), 1.0 - _LEVEL))
    low, high = (betaincinv(rank, n + 1.0 - rank, p) for p in (local / 2.0, 1.0 - local / 2.0))
    return Band(rank, low, high, n, local)


def _ranks(n: int) -> Array:
    """The ranks that a band compares: all, or of many values the first and last ones, and some between."""
    if n <= _EVERY:
        return np.arange(1.0, n + 1.0)
    ends = np.geomspace(1.0, n / 2.0, _EVERY // 3)
    inner = np.linspace(1.0, n, _EVERY // 3)
    return np.unique(np.rint(np.r_[ends, inner, n + 1.0 - ends]))
