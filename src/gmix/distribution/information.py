"""Entropy and divergences, by Monte Carlo and with guaranteed bounds."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.distribution.contract import MixtureContract, require, require_same_columns
from gmix.distribution.divergence_bounds import (
    Bounds,
    entropy_bounds,
    hellinger_bounds,
    jensen_shannon_bounds,
    kl_bounds,
)
from gmix.distribution.estimate import BoundedEstimate
from gmix.distribution.normals import Normals

__all__ = ["Information"]

Array = NDArray[np.float64]
_DRAWS = 10_000


class Information(MixtureContract):
    """The methods of a mixture that measure its entropy, and how it differs from another one."""

    @one_blas_thread()
    def entropy(self, *, draws: int = _DRAWS, rng: Rng = 0) -> BoundedEstimate:
        r"""The differential entropy :math:`-\int p \log p` in nats, as a `gmix.distribution.BoundedEstimate`.

        The value is the mean of minus the log density of `draws` draws. The bounds hold with certainty: the greater of
        two lower bounds (Kolchinsky & Tracey 2017, *Entropy* 19:361, with the Bhattacharyya distance; Jensen's
        inequality), and the smaller of two upper bounds (the same paper, with the Kullback-Leibler divergence; the
        normal distribution of the same covariance). They coincide for one component, and approach each other for
        well-separated components.

        Parameters
        ----------
        draws : the number of draws, at least 2.
        rng : a seed or a ``numpy.random.Generator``. By default every call returns the same numbers.

        Raises `ParameterError` for a mixture with a background, or whose columns follow from others.

        >>> import gmix
        >>> entropy = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]]).entropy()
        >>> round(entropy.value, 6)  # log(2 pi e) / 2
        1.418939
        """
        require(self, "entropy")
        points = self.sample(_count(draws), rng=as_generator(rng))
        return _estimate(-self.log_density(points), entropy_bounds(_normals(self)))

    @one_blas_thread()
    def kl_divergence(self, other: Self, *, draws: int = _DRAWS, rng: Rng = 0) -> BoundedEstimate:
        r"""The Kullback-Leibler divergence of another mixture q from this one p, as a `BoundedEstimate` in nats.

        .. math:: \mathrm{KL}(p \,\|\, q) = \int p(x) \log \frac{p(x)}{q(x)}\, dx

        The value is a mean over draws from p. The bounds hold with certainty; they are the best of several: those of
        Durrieu, Thiran & Kelly 2012 (*ICASSP*), the variational upper bound of Hershey & Olsen 2007 (*ICASSP*,
        section 8), and as lower bounds :math:`-2 \log \int \sqrt{p q}` and the divergence of the probabilities of
        bins of one projection of the points, which is close in one column. Other formulas in these papers are
        approximations, and are not used.

        Parameters are those of `entropy`. Raises the errors of `product`.

        >>> import gmix
        >>> p = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
        >>> q = gmix.GaussianMixture([1.0], [[1.0]], [[[1.0]]])
        >>> round(p.kl_divergence(q).value, 6)
        0.5
        """
        other = require_same_columns(self, other, "kl_divergence")
        points = self.sample(_count(draws), rng=as_generator(rng))
        ratios = self.log_density(points) - other.log_density(points)
        return _estimate(ratios, kl_bounds(_normals(self), _normals(other)))

    @one_blas_thread()
    def jensen_shannon(self, other: Self, *, draws: int = _DRAWS, rng: Rng = 0) -> BoundedEstimate:
        r"""The Jensen-Shannon divergence from another mixture, from 0 to log 2, as a `BoundedEstimate` in nats.

        .. math:: \tfrac12 \mathrm{KL}(p \,\|\, m) + \tfrac12 \mathrm{KL}(q \,\|\, m), \qquad m = \tfrac12 (p + q)

        It is symmetric, and its root is a distance. The value is a mean over `draws` draws from each mixture. The
        bounds hold with certainty: those of `kl_divergence`, and :math:`h^2 \log 2` and :math:`h^2` for the bounds of
        the Hellinger distance h (Topsoe 2000, *IEEE Transactions on Information Theory* 46:1602, compares such
        divergences).

        Parameters are those of `entropy`. Raises the errors of `product`.

        >>> import gmix
        >>> p = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
        >>> q = gmix.GaussianMixture([1.0], [[90.0]], [[[1.0]]])
        >>> round(p.jensen_shannon(q).value, 6)  # log 2
        0.693147
        """
        other = require_same_columns(self, other, "jensen_shannon")
        terms = []
        generator = as_generator(rng)
        for one, two in ((self, other), (other, self)):
            points = one.sample(_count(draws), rng=generator)
            step = two.log_density(points) - one.log_density(points)
            terms.append(np.log(2.0) - np.logaddexp(0.0, step))
        return _estimate((terms[0] + terms[1]) / 2.0, jensen_shannon_bounds(_normals(self), _normals(other)))

    @one_blas_thread()
    def hellinger(self, other: Self, *, draws: int = _DRAWS, rng: Rng = 0) -> BoundedEstimate:
        r"""The Hellinger distance from another mixture, from 0 to 1, as a `BoundedEstimate`.

        .. math:: h(p, q) = \sqrt{1 - \int \sqrt{p(x)\, q(x)}\, dx}

        The integral is a mean over `draws` draws from each mixture, whose terms lie between 0 and 1. The bounds hold
        with certainty: the root of a sum is at most the sum of roots, and by the inequality of Cauchy and Schwarz it is
        at least the sum of the roots of any matching of parts; and the distance of the probabilities of bins of one
        projection is no greater. The bounds are exact for two single components.

        Parameters are those of `entropy`. Raises the errors of `product`.

        >>> import gmix
        >>> p = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
        >>> q = gmix.GaussianMixture([1.0], [[2.0]], [[[1.0]]])
        >>> round(p.hellinger(q).value, 6)  # sqrt(1 - exp(-1/2))
        0.627271
        """
        other = require_same_columns(self, other, "hellinger")
        generator, terms = as_generator(rng), []
        for one, two in ((self, other), (other, self)):
            points = one.sample(_count(draws), rng=generator)
            half = 0.5 * np.abs(one.log_density(points) - two.log_density(points))
            # sqrt(p q) over the mean of p and q
            terms.append(2.0 * np.exp(-half) / (1.0 + np.exp(-2.0 * half)))
        bounds = hellinger_bounds(_normals(self), _normals(other))
        squared = _estimate(1.0 - (terms[0] + terms[1]) / 2.0, Bounds(bounds.lower**2, bounds.upper**2))
        value = float(np.clip(np.sqrt(squared.value), *bounds))
        error = squared.error / (2.0 * value) if value > 0.0 else bounds.upper
        return BoundedEstimate(value, error, *bounds)


def _normals(mixture: MixtureContract) -> Normals:
    return Normals.of(mixture.weights, mixture.means, mixture.covariances)


def _count(draws: int) -> int:
    """A number of draws. Raises `ParameterError` if they have no standard error."""
    if not is_count(draws, 2, 1 << 40):
        raise ParameterError(f"draws is {draws!r}; give a whole number of draws, at least 2")
    return int(draws)


def _estimate(terms: Array, bounds: Bounds) -> BoundedEstimate:
    """The mean of independent terms ``(N,)``, or the middle of bounds that are closer than its standard error."""
    value, error = float(terms.mean()), float(terms.std(ddof=1)) / float(np.sqrt(len(terms)))
    half = (bounds.upper - bounds.lower) / 2.0
    if error > half:
        return BoundedEstimate(bounds.lower + half, half, *bounds)
    return BoundedEstimate(float(np.clip(value, *bounds)), error, *bounds)
