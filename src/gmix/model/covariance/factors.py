"""Factor-analytic structures: the eight parsimonious models of McNicholas & Murphy."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.model.covariance.low_rank import LEAST_NOISE, low_rank, projection
from gmix.model.covariance.names import named
from gmix.model.covariance.structure import ENOUGH_ROWS, Structure
from gmix.model.covariance.tangents import Tangents

__all__ = ["FACTOR_NAMES", "Factors", "factors"]

Array = NDArray[np.float64]
_ROUNDING = 1e-7  # of a column's standard deviation
_NOISE_OF_START = 0.2  # of the variance of a column in the component, at least
# By pgmm's three letters: loadings, noise, and shape of the noise, each constrained (C) or unconstrained (U).
FACTOR_NAMES: Final[dict[str, str]] = {
    "CCC": "tied-factors-tied-spherical-noise",
    "CCU": "tied-factors-tied-noise",
    "CUC": "tied-factors-spherical-noise",
    "CUU": "tied-factors",
    "UCC": "factors-tied-spherical-noise",
    "UCU": "factors-tied-noise",
    "UUC": "factors-spherical-noise",
    "UUU": "factors",
}


class Factors(Structure):
    r"""Covariances that q factors explain, but for noise that is independent between columns.

    .. math:: \Sigma_k = \Lambda_k \Lambda_k^\top + \Psi_k

    with loadings :math:`\Lambda_k` ``(D, q)`` and a diagonal noise :math:`\Psi_k`. Both may be tied, that is, the same
    for all components, and the noise may be spherical, that is, the same for all columns. The code has pgmm's letters
    for loadings, noise and the shape of the noise, ``C`` for tied or spherical and ``U`` for free, and the number of
    factors: ``UUU:2``. See McNicholas & Murphy (2008), *Statistics and Computing* 18:285, table 1. ``UUC`` is the
    mixture of probabilistic principal components of Tipping & Bishop (1999).

    The M-step is that of EM with the values of the factors as missing data, given the responsibilities (AECM: Meng &
    van Dyk 1997). It does not reach the maximum in one step, but never decreases the likelihood. The noise variance of
    a column is at least a millionth of its variance in the component, so Heywood cases do not become singular.
    """

    citation = "McNicholas & Murphy 2008"
    reference = (
        "McNicholas, P. D. & Murphy, T. B. (2008). Parsimonious Gaussian mixture models. Statistics and Computing 18, "
        "285-296."
    )

    def __init__(self, letters: str, n_factors: int) -> None:
        super().__init__(f"{letters}:{n_factors}", low_rank(n_factors), f"{FACTOR_NAMES[letters]}:{n_factors}")
        self.letters, self.n_factors = letters, n_factors
        self.tied_loadings, self.tied_noise, self.spherical = (letter == "C" for letter in letters)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return named, (self.code,)

    @property
    def built_in(self) -> bool:
        return True

    def description(self, n_components: int, n_features: int) -> str:
        number = f"{self.n_factors} factor{'s' if self.n_factors > 1 else ''}"
        noise = f"{'spherical' if self.spherical else 'diagonal'} noise"
        if n_components == 1:
            return f"a covariance of {number} and {noise}"
        loadings = "the same loadings" if self.tied_loadings else "loadings of their own"
        return f"{number} with {loadings} and {'the same' if self.tied_noise else 'their own'} {noise}"

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        """Loadings are counted up to a rotation of the factors: ``D q - q (q - 1) / 2`` for each set."""
        loadings = n_features * self.n_factors - self.n_factors * (self.n_factors - 1) // 2
        noise = 1 if self.spherical else n_features
        return (1 if self.tied_loadings else n_components) * loadings + (1 if self.tied_noise else n_components) * noise

    def rows_needed(self, n_features: int) -> int:
        if self.shared:
            return 1
        axes = 0 if self.tied_loadings else self.n_factors
        return min(n_features + 2, axes + ENOUGH_ROWS)

    def rows_needed_by_all(self, n_components: int, n_features: int) -> int:
        return n_components + self.n_factors + 1

    def contains(self, other: Structure) -> bool:
        """Letter by letter, tied and spherical are contained in free; the number of factors must be the same."""
        if not (isinstance(other, Factors) and other.n_factors == self.n_factors and self._allows_weights_of(other)):
            return False
        return all(own in ("U", others) for own, others in zip(self.letters, other.letters, strict=True))

    @property
    def in_one_column(self) -> Structure:
        return named("E" if self.tied_noise else "V").with_weights_of(self)

    def in_columns(self, n_features: int) -> Structure:
        """Itself; raises `ParameterError` if the columns are too few for this number of factors."""
        if not self.fits(n_features):
            free = self.with_free_weights
            fewer = range(min(self.n_factors, n_features), 0, -1)
            most = next((q for q in fewer if factors(self.letters, q).fits(n_features)), 0)
            at_most = f"at most {count(most, 'factor')}, or " if most else ""
            raise ParameterError(
                f"{free.name!r} ({free.code}) has more parameters than 'full' in {count(n_features, 'column')}; give "
                f"{at_most}'full'"
            )
        return self

    def fits(self, n_features: int) -> bool:
        """Whether a covariance of this structure has no more parameters than a free one."""
        most = n_features * (n_features + 1) // 2
        return self.n_factors < n_features - 1 and self.n_covariance_parameters(1, n_features) <= most

    def with_factors(self, n_factors: int) -> Structure:
        """The same structure with another number of factors."""
        return factors(self.letters, n_factors).with_weights_of(self)

    @property
    def marginal(self) -> Structure:
        return self.with_free_weights

    @property
    def conditional(self) -> Structure:
        """The structure of conditionals: what is known about the factors may differ between components."""
        return factors(f"U{self.letters[1:]}", self.n_factors)

    @property
    def shared(self) -> bool:
        return self.tied_loadings and self.tied_noise

    def principal(self, weights: Array, compact: Array) -> Array:
        """The loadings ``(K, D, q)``, rotated so that the factors explain standardized columns in descending order.

        Loadings are determined up to a rotation only. The largest of each factor is positive. Tied loadings stay tied.
        """
        loadings = compact[..., 1:]
        variances = compact[..., 0] + (loadings**2).sum(-1)
        if self.tied_loadings:
            variances = np.broadcast_to(weights @ variances / weights.sum(), variances.shape)
        standard = loadings / np.sqrt(variances)[..., None]
        rotated = loadings @ np.linalg.svd(standard, full_matrices=False)[2].mT
        largest = np.take_along_axis(rotated, np.abs(rotated).argmax(1, keepdims=True), axis=1)
        return np.asarray(rotated * np.where(largest < 0.0, -1.0, 1.0))

    def with_random_factors(self, weights: Array, compact: Array, rng: np.random.Generator) -> Array:
        """Covariances with random loadings and noise, whose sizes are those of the variances of these covariances."""
        variances = compact[..., 0] + (compact[..., 1:] ** 2).sum(-1)
        if self.tied_loadings:
            variances = np.broadcast_to(weights @ variances / weights.sum(), variances.shape)
        shape = compact[:1, :, 1:].shape if self.tied_loadings else compact[..., 1:].shape
        loadings = 0.5 * np.sqrt(variances)[..., None] * rng.standard_normal(shape)
        noise = self._averaged(weights / weights.sum(), variances * rng.uniform(0.1, 1.0, variances.shape))
        return np.concatenate([noise[..., None], loadings], axis=-1)

    def components_per_draw(self, n_components: int) -> int:
        raise ParameterError(
            "no prior of covariances is known for factor models; leave prior= out, give gmix.Dirichlet, or choose "
            "another structure"
        )

    def tangents(self, weights: Array, covariances: Array) -> Tangents:
        raise ParameterError(
            f"standard errors are not available for {self.code}; call fit.bootstrap, or choose another structure"
        )

    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        r"""One step of EM from the covariances under which the sketch was computed, with factors as missing data.

        With :math:`C_k = S_k \beta_k' / n_k` and the second moments of the factors
        :math:`\Theta_k = I - \beta_k \Lambda_k + \beta_k C_k`, the maximum is at :math:`\Lambda_k = C_k
        \Theta_k^{-1}` and the residuals :math:`\mathrm{diag}(S_k / n_k - 2 \Lambda_k C_k' + \Lambda_k \Theta_k
        \Lambda_k')`, each averaged as the structure says. Tied loadings of components with noise of their own weigh
        components by the inverse of the noise before the step (McNicholas & Murphy 2008, section 3).
        """
        rank = self.n_factors
        share = divisor / divisor.sum()
        origin = scatter[..., 1 + rank :]
        if self.tied_loadings and not _are_tied(origin):
            return self._tied(share, origin)  # the rows were divided into clusters, and not by a mixture
        variances, product = scatter[..., 0] / divisor[:, None], scatter[..., 1 : 1 + rank] / divisor[:, None, None]
        regression = projection(origin)
        second = np.eye(rank) - regression.mT @ origin[..., 1:] + regression.mT @ product
        second = (second + second.mT) / 2.0
        loadings = self._loadings(product, second, origin[..., 0], share)
        explained = 2.0 * (loadings * product).sum(-1) - (loadings * (loadings @ second)).sum(-1)
        noise = self._averaged(share, np.maximum(variances - explained, LEAST_NOISE * variances))
        return np.concatenate([noise[..., None], loadings], axis=-1)

    def _loadings(self, product: Array, second: Array, noise: Array, share: Array) -> Array:
        if not self.tied_loadings:
            return np.asarray(np.linalg.solve(second, product.mT).mT)
        inverse = np.divide(1.0, noise, out=np.zeros_like(noise), where=noise > 0.0)  # no noise: an empty component
        if self.tied_noise:
            weight = np.broadcast_to(share[:, None], (len(share), 1))
        elif self.spherical:
            weight = share[:, None] * inverse[:, :1]
        else:
            weight = share[:, None] * inverse
        weighted = np.einsum("kd,kdq->dq", np.broadcast_to(weight, noise.shape), product)
        moments = np.einsum("kd,kqr->dqr", weight, second)  # one for all columns, or one for each
        loadings = (
            np.linalg.solve(moments, weighted[..., None])[..., 0]
            if len(moments) > 1
            else (np.linalg.solve(moments[0], weighted.T).T)
        )
        return np.broadcast_to(loadings, product.shape)

    def _tied(self, share: Array, compact: Array) -> Array:
        """The covariances of this structure with the main correlations of others, also of low rank, on average."""
        variances = compact[..., 0] + (compact[..., 1:] ** 2).sum(-1)
        deviation = np.sqrt(share @ variances)
        together = np.sqrt(share)[:, None, None] * compact[..., 1:] / deviation[:, None]
        left, values, _ = np.linalg.svd(np.concatenate(list(together), axis=1), full_matrices=False)
        loadings = deviation[:, None] * (left * values)[:, : self.n_factors]
        # Common loadings may exceed the variances of a narrow component. With little noise its density would be far too
        # low, and EM would empty it.
        noise = np.maximum(variances - (loadings**2).sum(1), _NOISE_OF_START * variances)
        return np.concatenate(
            [self._averaged(share, noise)[..., None], np.broadcast_to(loadings, compact[..., 1:].shape)], -1
        )

    def _averaged(self, share: Array, noise: Array) -> Array:
        """Noise variances ``(K, D)``, averaged over components and columns where the structure makes them equal."""
        if self.tied_noise:
            noise = np.broadcast_to(share @ noise, noise.shape)
        return np.broadcast_to(noise.mean(1, keepdims=True), noise.shape) if self.spherical else noise

    def lifted(self, compact: Array, floor: Array) -> Array:
        return self.form.lift(compact, np.full_like(floor, floor.max()) if self.spherical else floor)

    def nearest(self, weights: Array, covariances: Array) -> Array:
        """The covariances with the main correlations of ``(K, D, D)``, averaged over components where they are tied."""
        share = weights / weights.sum()
        if self.tied_loadings:
            covariances = np.broadcast_to(np.tensordot(share, covariances, 1), covariances.shape)
        compact = self.form.compress(covariances).copy()
        compact[..., 0] = self._averaged(share, compact[..., 0])
        return compact


def _are_tied(compact: Array) -> bool:
    """Whether the loadings of all components are the same, up to rounding."""
    differences = np.abs(compact[..., 1:] - compact[:1, :, 1:])
    size = np.sqrt(compact[..., 0] + (compact[..., 1:] ** 2).sum(-1))
    return bool((differences <= _ROUNDING * size[..., None]).all())


@cache
def factors(letters: str, n_factors: int) -> Factors:
    """The structure with these letters and this many factors; the same object for the same arguments."""
    return Factors(letters, n_factors)
