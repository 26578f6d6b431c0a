"""Regions of highest density: their levels, and which points they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers
from gmix.base.errors import ParameterError
from gmix.distribution.contract import MixtureContract
from gmix.model.outliers import OutlierFunctions
from gmix.model.regions import highest_density

__all__ = ["DensityRegions"]

Array = NDArray[np.float64]


class DensityRegions(OutlierFunctions, MixtureContract):
    """The methods of a mixture about the smallest regions that hold a share of it."""

    def highest_density_level(self, p: ArrayLike) -> Array:
        r"""The log density on the boundary of the smallest region that holds the share `p` of the mixture, in nats.

        .. math:: P\bigl(\log p(X) \ge c_p\bigr) = p

        For one component it is exact: :math:`c_p = \log p(\mu) - \tfrac12 F^{-1}(p)` with the quantile of the
        chi-squared distribution with D degrees of freedom. For several, the distribution function of the log density is
        that of `outlier_score`, with a relative error of about 0.003 in 1 - p. With a background, it is that of
        `gmix.regions.highest_density`, accurate to 0.005 in p.

        The result has the shape of `p`. Raises `ParameterError` for shares that are not between 0 and 1.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
        >>> level = mixture.highest_density_level(0.95)
        >>> (level - mixture.log_density([[1.959964]])).round(6)
        array([0.])
        """
        from scipy.special import gammaincinv

        shares = as_numbers(p, "p")
        if not ((shares > 0) & (shares < 1)).all():
            raise ParameterError(f"p is {p!r}; give shares between 0 and 1, such as 0.95")
        if self.background is not None:
            return highest_density(self, shares.ravel().tolist()).reshape(shares.shape) if shares.size else shares
        tail = self._whole.tail
        if tail is None:
            components = self.components
            largest = components.log_constants[np.isfinite(components.log_constants)]
            return np.asarray(largest - gammaincinv(components.means.shape[1] / 2.0, shares)).reshape(shares.shape)
        return np.asarray(np.interp(np.log1p(-shares), tail.log_probability, tail.log_density))

    def in_highest_density_region(self, x: Any, p: float) -> NDArray[np.bool_]:
        """Return for each point ``(N, D)`` whether it lies in the smallest region that holds the share `p`: ``(N,)``.

        The share `p` of draws from the mixture lie in it; see `highest_density_level` for the accuracy. If columns
        follow from others, points that depart from their equations lie outside.

        Raises `DataError` for missing cells, and `ParameterError` for a share that is not between 0 and 1.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture(
        ...     [0.5, 0.5], [[-5.0], [5.0]], [[[1.0]], [[1.0]]]
        ... )
        >>> mixture.in_highest_density_region([[-5.0], [0.0], [6.0]], 0.9)
        array([ True, False,  True])
        """
        level = self.highest_density_level(p)
        if level.ndim:
            raise ParameterError(f"p is {p!r}; give one share between 0 and 1, such as 0.95")
        self._complete_points(x, "in_highest_density_region")
        inside = self.log_density(x) >= level
        if self.dependence is not None:
            inside &= ~self.outlier_score(x).departs
        return inside
