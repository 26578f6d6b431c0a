"""A prior that draws covariances towards a target without correlations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import is_number
from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.model.covariance import Structure
from gmix.model.priors import StatedPrior, empty_term, freeze_numbers
from gmix.model.statistics import SufficientStatistics

__all__ = ["Shrinkage"]

Array = NDArray[np.float64]
_MOST = 0.999  # of the intensity; an intensity of one would need infinitely many rows


class HasCovariances(Protocol):
    """A mixture, of which only these attributes are needed."""

    @property
    def weights(self) -> Array: ...

    @property
    def covariances(self) -> Array: ...


class HasMixture(Protocol):
    """A fit, of which only these attributes are needed."""

    @property
    def mixture(self) -> HasCovariances: ...

    @property
    def mass(self) -> float: ...


@dataclass(frozen=True, eq=False, repr=False)
class Shrinkage(StatedPrior):
    r"""A prior that draws every covariance towards one with given variances and no correlations.

    .. math:: \log p = -\frac n2 \sum_k \big(\log|\Sigma_k| + \mathrm{tr}\,\Sigma_k^{-1} T\big), \qquad
              \hat\Sigma_k = (1 - \rho_k) S_k + \rho_k T, \quad \rho_k = \frac n{n_k + n}

    Its density is greatest at the target :math:`T`, and it acts as `rows` more rows of each component with the
    covariance :math:`T`. The second formula is the M-step of free covariances; :math:`S_k` and :math:`n_k` are the
    covariance and the number of rows of a component. A covariance that all components share is one draw from the
    prior. The prior is an inverse Wishart density, improper for fewer than ``2 D`` rows; the means have none.

    Parameters
    ----------
    variance : of the target, in squared units of the data: one number, or one for each column ``(D,)``.
    rows : n, zero or more; at zero there is no prior.

    >>> import gmix
    >>> prior = gmix.Shrinkage(variance=2.0, rows=4)
    >>> gmix.fit([[0.0, 0.0], [2.0, 2.0]], components=1, covariance="full", prior=prior).mixture.covariances[0]
    array([[1.66666667, 0.33333333],
           [0.33333333, 1.66666667]])
    """

    variance: ArrayLike
    rows: float

    def __post_init__(self) -> None:
        if not (is_number(self.rows) and self.rows >= 0):
            raise ParameterError(f"rows is {self.rows!r}; give a number of rows, zero or more")
        object.__setattr__(self, "rows", float(self.rows))
        freeze_numbers(self, "variance")
        variance = np.asarray(self.variance, np.float64)  # None is NaN
        if variance.ndim > 1 or not (variance > 0).all():
            raise ParameterError(
                f"variance is {variance.tolist()!r}; give one number or one per column, each above zero"
            )

    @classmethod
    def oas(cls, fit: HasMixture) -> Shrinkage:
        r"""The prior with the target and the intensity of the oracle approximating shrinkage estimator, OAS.

        With the mean :math:`S` of the covariances of the components of a fit, in the proportions of their weights, and
        the :math:`n = N / K` rows of a component, the target is :math:`T = \mathrm{tr}(S) / D \cdot I`, and a
        component of n rows gets the intensity

        .. math:: \rho = \min\Big(0.999, \frac{(1 - 2 / D)\,\mathrm{tr}(S^2) + \mathrm{tr}(S)^2}
                  {(n + 1 - 2 / D)\,(\mathrm{tr}(S^2) - \mathrm{tr}(S)^2 / D)}\Big)

        See Chen, Wiesel, Eldar & Hero (2010), *IEEE Transactions on Signal Processing* 58:5016, equation 23; the
        formula of scikit-learn leaves out the terms in 2 / D. With one component, the next fit has exactly their
        estimate. A first fit with ``covariance="tied"`` estimates S from all rows. The target depends on the units of
        the columns, so use comparable ones. Raises `ParameterError` if `fit` is not a fit.

        >>> import numpy as np
        >>> import gmix
        >>> x = np.random.default_rng(0).normal(size=(30, 10))
        >>> x[15:] += 4.0
        >>> first = gmix.fit(x, components=2, covariance="tied", rng=0)
        >>> prior = gmix.Shrinkage.oas(first)
        >>> fit = gmix.fit(x, components=2, covariance="full", prior=prior, rng=0)
        >>> fit.findings
        ()
        """
        if not hasattr(fit, "mixture") or not hasattr(fit, "mass"):
            raise ParameterError(f"fit is {fit!r}; give a fit, as gmix.fit returns it")
        mixture = fit.mixture
        covariance = np.tensordot(mixture.weights, mixture.covariances, 1)
        d, n = len(covariance), fit.mass / len(mixture.weights)
        variance = float(np.trace(covariance)) / d
        standard = covariance / variance
        squares = float((standard**2).sum())
        excess = (n + 1.0 - 2.0 / d) * (squares - d)
        intensity = min(((1.0 - 2.0 / d) * squares + d**2) / excess, _MOST) if excess > 0.0 else _MOST
        return cls(variance, n * intensity / (1.0 - intensity))

    @property
    def suits_any_columns(self) -> bool:
        return np.ndim(self.variance) == 0

    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        (k, d), form = statistics.mean.shape, statistics.form
        variance = np.asarray(self.variance, np.float64)
        if variance.shape not in ((), (d,)):
            raise ParameterError(
                f"the prior's variance has shape {variance.shape}; with {count(d, 'column')} give one number or ({d},)"
            )
        rows = self.rows / structure.components_per_draw(k)
        points = np.diag(np.sqrt(np.broadcast_to(variance, d)))  # whose scatter is the target
        return replace(
            empty_term(statistics),
            scatter=form.scatter(np.full((k, d), rows), np.broadcast_to(points, (k, d, d))),
            divisor=np.full(k, rows),
        )
