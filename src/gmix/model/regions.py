"""Regions of highest density: the smallest sets that hold a share of a mixture, and how unusual a point is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_numbers
from gmix.base.errors import ParameterError

__all__ = ["Distribution", "as_shares", "highest_density", "tail_probability"]

Array = NDArray[np.float64]
_DRAWS, _NUMBERS = 100_000, 20_000_000  # draws from a mixture, unless they would hold more numbers


@runtime_checkable
class Distribution(Protocol):
    """A density that can be evaluated and sampled, such as a `GaussianMixture`."""

    @property
    def n_features(self) -> int:
        """The number of columns of a point."""
        ...

    def log_density(self, x: Any) -> Array:
        """The log density ``(N,)`` of points ``(N, D)``, in nats."""
        ...

    def sample(self, n: int, *, rng: Rng = None) -> Array:
        """Draw ``n`` independent points ``(n, D)``."""
        ...


def as_shares(shares: Sequence[float], what: str) -> list[float]:
    """Check shares between 0 and 1. Raises `ParameterError`, in which `what` names them."""
    given = as_numbers(shares, what)
    if given.ndim != 1 or not len(given) or not ((given > 0) & (given < 1)).all():
        raise ParameterError(f"{what} is {shares!r}; give a list of numbers between 0 and 1, such as [0.5, 0.95]")
    return [float(share) for share in given]


def highest_density(mixture: Distribution, shares: Sequence[float]) -> Array:
    r"""The log densities on the boundaries of the smallest regions that hold these shares of a mixture.

    .. math:: P\bigl(p(X) \ge f_\alpha\bigr) = \alpha

    The returned :math:`\log f_\alpha` is a quantile of the log density of many draws from the mixture, the same in each
    call (Hyndman 1996, *The American Statistician* 50:120). Shares are accurate to 0.005.

    Returns
    -------
    The log densities, one for each share, in nats.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)])
    >>> np.abs(
    ...     highest_density(mixture, [0.5]) - mixture.log_density([[1.17741, 0.0]])
    ... ) < 0.01
    array([ True])
    """
    return np.asarray(np.quantile(_log_densities_of_draws(mixture), 1.0 - np.array(as_shares(shares, "shares"))))


def tail_probability(mixture: Distribution, log_density: ArrayLike) -> Array:
    r"""The probability that a draw from the mixture has at most these log densities.

    .. math:: P\bigl(p(X) \le p(x)\bigr)

    Among n draws, n times this probability are expected to be at least as unusual. It is estimated from the draws of
    `highest_density`, so the smallest value is one in a hundred thousand.
    `GaussianMixture.outlier_score` has the same probability for Gaussian mixtures, and reaches 1e-308.

    Returns
    -------
    The probabilities, in the shape of the log densities.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    >>> tail_probability(mixture, mixture.log_density([[0.0], [1.96]])).round(2)
    array([1.  , 0.05])
    """
    draws = _log_densities_of_draws(mixture)
    return np.maximum(np.searchsorted(draws, as_numbers(log_density, "log_density"), "right"), 1) / len(draws)


def _log_densities_of_draws(mixture: Distribution) -> Array:
    if not isinstance(mixture, Distribution):
        raise ParameterError(f"mixture is a {type(mixture).__name__}; give a GaussianMixture (of a Fit: fit.mixture)")
    n = min(_DRAWS, max(_NUMBERS // mixture.n_features, 1_000))
    return np.sort(mixture.log_density(mixture.sample(n, rng=0)))
