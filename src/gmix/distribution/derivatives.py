"""The gradient, the Hessian and the modes of the log density."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.distribution.ascent import Ascent, distinct, ridgeline_maxima
from gmix.distribution.contract import MixtureContract, require
from gmix.model.covariance import FULL

__all__ = ["Derivatives", "Modes"]

Array = NDArray[np.float64]
_NUMBERS = 4_000_000  # numbers in one array


class Modes(NamedTuple):
    """The local maxima of a density, the highest first.

    Attributes
    ----------
    points : ``(M, D)``, in the units of the data.
    log_density : ``(M,)``, in nats.
    hessians : ``(M, D, D)``, of the log density at the modes; negative definite.
    """

    points: Array
    log_density: Array
    hessians: Array


class Derivatives(MixtureContract):
    """The methods of a mixture that differentiate its log density."""

    @one_blas_thread()
    def gradient(self, x: Any) -> Array:
        r"""The gradient ``(N, D)`` of the log density at points ``(N, D)``, in nats per unit of each column.

        .. math:: \nabla \log p(x) = \sum_k r_k(x)\, g_k(x), \qquad g_k(x) = \Sigma_k^{-1} (\mu_k - x)

        with the responsibilities of the components. A background is constant in its box, so it only takes part in the
        responsibilities; the density jumps at the faces of the box.

        Raises `DataError` for missing cells, and `ParameterError` if columns follow from others.

        >>> import gmix
        >>> gmix.GaussianMixture([1.0], [[0.0]], [[[4.0]]]).gradient([[2.0]])
        array([[-0.5]])
        """
        require(self, "gradient", no_background=False)
        points, found = self._complete_points(x, "gradient"), []
        whitener = _whitener(self)
        for block in _blocks(points, whitener):
            slopes = _slopes(block, self.means, whitener)
            found.append((self.responsibilities(block)[:, None] @ slopes)[:, 0])
        return np.concatenate(found) if found else np.empty(points.shape)

    @one_blas_thread()
    def hessian(self, x: Any) -> Array:
        r"""The Hessian ``(N, D, D)`` of the log density at points ``(N, D)``, in nats per squared unit.

        .. math:: \nabla^2 \log p(x) = \sum_k r_k \bigl(g_k g_k^T - \Sigma_k^{-1}\bigr) - g g^T, \qquad
                  g = \nabla \log p(x)

        with :math:`g_k` as in `gradient`. Raises the errors of `gradient`.

        >>> import gmix
        >>> gmix.GaussianMixture([1.0], [[0.0]], [[[4.0]]]).hessian([[2.0]])
        array([[[-0.25]]])
        """
        require(self, "hessian", no_background=False)
        points, found = self._complete_points(x, "hessian"), []
        whitener = _whitener(self)
        precisions = whitener.mT @ whitener
        for block in _blocks(points, whitener):
            r = self.responsibilities(block)
            slopes = _slopes(block, self.means, whitener)
            gradient = (r[:, None] @ slopes)[:, 0]
            second = (slopes * r[..., None]).mT @ slopes - np.tensordot(r, precisions, 1)
            found.append(second - gradient[:, :, None] * gradient[:, None, :])
        return np.concatenate(found) if found else np.empty((0, self.n_features, self.n_features))

    @one_blas_thread()
    def modes(self) -> Modes:
        r"""The local maxima of the density, the highest first.

        The search starts from the mean of each component, and from the maxima of the density along the ridgeline of
        each pair of components,

        .. math:: x(\alpha) = \bigl[(1 - \alpha) \Sigma_i^{-1} + \alpha \Sigma_j^{-1}\bigr]^{-1}
                  \bigl[(1 - \alpha) \Sigma_i^{-1} \mu_i + \alpha \Sigma_j^{-1} \mu_j\bigr],

        which holds all modes of two components (Ray & Lindsay 2005, *Annals of Statistics* 33:2042, theorem 1). The
        fixed-point iteration :math:`x \leftarrow (\sum_k r_k \Sigma_k^{-1})^{-1} \sum_k r_k \Sigma_k^{-1} \mu_k` never
        decreases the density (Carreira-Perpinan 2000, *IEEE Transactions on Pattern Analysis and Machine Intelligence*
        22:1318); Newton's method replaces it where it is better. Points where the gradient is zero and the Hessian is
        negative definite are modes. With three or more components, a mode may be missed; in random mixtures of one
        and two columns, fewer than 1 in 1,000 was.

        A background is constant, so it does not move the modes; a maximum on a face of its box is not one of them.

        Raises `ParameterError` if columns follow from others.

        >>> import gmix
        >>> covariances = [[[1.0]], [[1.0]], [[1.0]]]
        >>> mixture = gmix.GaussianMixture(
        ...     [0.5, 0.3, 0.2], [[0.0], [1.0], [6.0]], covariances
        ... )
        >>> mixture.modes().points.round(3)
        array([[0.338],
               [6.   ]])
        """
        require(self, "modes", no_background=False)
        present = self.weights > 0.0
        weights, means = self.weights[present] / self.weights.sum(), self.means[present]
        covariances, center = self.covariances[present], weights @ means
        # In units of the whole distribution, so that the scale of a column does not matter.
        scale = np.sqrt(weights @ (np.diagonal(covariances, axis1=1, axis2=2) + np.square(means - center)))
        whitener = FULL.whitener(FULL.factor(covariances / scale[:, None] / scale))
        ascent = Ascent.of(weights, (means - center) / scale, whitener)
        starts = np.concatenate([ascent.means, ridgeline_maxima(ascent)])
        found = distinct(ascent, ascent.maxima(starts)) * scale + center
        log_density = self.log_density(found)
        order = np.argsort(-log_density, kind="stable")
        return Modes(found[order], log_density[order], self.hessian(found[order]))


def _whitener(mixture: MixtureContract) -> Array:
    return FULL.whitener(FULL.factor(np.ascontiguousarray(mixture.covariances)))


def _blocks(points: Array, whitener: Array) -> list[Array]:
    """Points in blocks, so that an array with K vectors for each point takes little memory."""
    size = max(_NUMBERS // whitener[0].size // len(whitener), 1)
    return [points[begin : begin + size] for begin in range(0, len(points), size)]


def _slopes(points: Array, means: Array, whitener: Array) -> Array:
    """The gradients ``(N, K, D)`` of the log densities of the components."""
    residuals = (means - points[:, None])[..., None]
    with np.errstate(over="ignore"):
        return np.asarray((whitener.mT @ (whitener @ residuals))[..., 0])
