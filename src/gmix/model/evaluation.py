"""What a mixture says of points: densities, probabilities of components, and missing cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator
from gmix.base.errors import ParameterError
from gmix.base.rows import Rows
from gmix.model.background import Background, most_probable
from gmix.model.components import Components
from gmix.model.dependence import Dependence
from gmix.model.imputation import imputed
from gmix.model.kernel import kernel
from gmix.model.mixture_arguments import checked_points

__all__ = ["Evaluation"]

Array = NDArray[np.float64]
_BLOCK = 65_536  # rows that are classified together, so that their posterior probabilities take little memory


class Evaluation(ABC):
    """The methods of a mixture that evaluate it at points ``(N, D)``.

    Cells of the points may be missing, as NaN. Densities and probabilities are then those of a point's other cells.

    The points may have errors of measurement, independent and normal with mean zero: `row_errors`, standard deviations
    ``(D,)`` or ``(N, D)`` or names of columns, or `row_covariance`, covariances ``(D, D)`` or ``(N, D, D)``; see
    `gmix.fit`. Densities are then those of the measured values, ``sum_k w_k N(x_i | mu_k, Sigma_k + S_i)``; the mixture
    is that of the true values.
    """

    features: tuple[str, ...] | None
    dependence: Dependence | None
    background: Background | None

    @property
    @abstractmethod
    def n_features(self) -> int: ...

    @property
    @abstractmethod
    def components(self) -> Components:
        """The components as the kernel takes them."""

    def _points(self, x: Any, row_errors: Any = None, row_covariance: ArrayLike | None = None) -> Rows:
        rows = checked_points(x, self.features, self.n_features, row_errors, row_covariance)
        if self.dependence is None:
            return rows
        if rows.errors is not None:
            raise ParameterError(
                "columns of this mixture follow from others, and values with errors do not obey their equations; take "
                "mixture.independent_part"
            )
        return rows.select(self.dependence.independent)

    def log_density(
        self, x: Any, *, row_errors: Any = None, row_covariance: ArrayLike | None = None, threads: int | None = None
    ) -> Array:
        """``log p(x)`` of each point ``(N, D)``, in nats: ``(N,)``. Raises `DataError` for a wrong width.

        The density of a point with missing cells is the marginal density of the others; without any cell it is 1.
        """
        return kernel.posterior(self._points(x, row_errors, row_covariance), self.components, False, threads)[0]

    def density(
        self, x: Any, *, row_errors: Any = None, row_covariance: ArrayLike | None = None, threads: int | None = None
    ) -> Array:
        """``p(x)`` of each point ``(N, D)``, per unit of volume: ``(N,)``; infinite where float64 cannot hold it."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_density(x, row_errors=row_errors, row_covariance=row_covariance, threads=threads))

    def responsibilities(
        self, x: Any, *, row_errors: Any = None, row_covariance: ArrayLike | None = None, threads: int | None = None
    ) -> Array:
        """The probability ``(N, K)`` that a point came from each component: ``w_k N(x | mu_k, Sigma_k) / p(x)``.

        With a background, they sum to the probability that the point did not come from it.
        """
        posterior = kernel.posterior(self._points(x, row_errors, row_covariance), self.components, True, threads)[1]
        assert posterior is not None
        return posterior

    def predict(
        self, x: Any, *, row_errors: Any = None, row_covariance: ArrayLike | None = None, threads: int | None = None
    ) -> NDArray[np.intp]:
        """The most probable component ``(N,)`` of each point, counted from 0; -1 for the background."""
        rows = self._points(x, row_errors, row_covariance)
        labels = np.empty(len(rows), np.intp)
        for begin in range(0, len(rows), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            posterior = kernel.posterior(rows[block], self.components, True, threads)[1]
            assert posterior is not None
            labels[block] = most_probable(posterior, self.background)
        return labels

    def expected_values(
        self,
        x: Any,
        *,
        row_errors: Any = None,
        row_covariance: ArrayLike | None = None,
        threads: int | None = None,
    ) -> Array:
        r"""The expected true values ``(N, D)`` of points that were measured with errors, given their measured cells.

        .. math:: E[v_i \mid x_i] = \sum_k r_k(x_i)
                  \left(\mu_k + \Sigma_k (\Sigma_k + S_i)^{-1} (x_i - \mu_k)\right)

        (Bovy, Hogg & Roweis 2011, *Annals of Applied Statistics* 5:1657, equation 16). Values move towards the means of
        the components, the further the less precise they are. A missing cell gets its conditional mean; exact values
        are returned as they are.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
        >>> mixture.expected_values([[3.0], [3.0]], row_errors=[[1.0], [0.0]])
        array([[1.5],
               [3. ]])
        """
        rows = self._points(x, row_errors, row_covariance)
        return kernel.expected_values(rows, self.components, threads)

    def impute(self, x: Any, *, rng: Rng = None, threads: int | None = None) -> Array:
        r"""Fill in the missing cells of points ``(N, D)``; the other cells are kept.

        Without `rng`, a missing cell gets its conditional mean given the cells that the point has,

        .. math:: E[x_m \mid x_o] = \sum_k r_k(x_o)
                  \left(\mu_{k,m} + \Sigma_{k,mo} \Sigma_{k,oo}^{-1} (x_o - \mu_{k,o})\right).

        With `rng`, a seed or a generator, it gets a draw from the conditional distribution. Such draws do not include
        the uncertainty of the mixture's parameters; `gmix.impute` does, for confidence intervals from imputed tables.

        >>> import gmix
        >>> both = gmix.GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]])
        >>> both.impute([[2.0, np.nan]])
        array([[2., 1.]])
        """
        points = checked_points(x, self.features, self.n_features)
        generator = None if rng is None else as_generator(rng)
        return imputed(points, self.components, generator, threads, self.dependence)
