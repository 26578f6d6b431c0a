"""Rubin's rules: one estimate from those of several completed tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_number
from gmix.base.errors import ParameterError

__all__ = ["PooledEstimate"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PooledEstimate:
    """An estimate from n completed tables, and its uncertainty. All arrays have the shape of the estimate.

    Attributes
    ----------
    value : the mean of the n estimates.
    variance : the total variance T, including what is not known about the missing cells.
    within : W, the mean of the n variances: the variance that the estimate has without missing cells.
    between : B, the variance among the n estimates.
    degrees_of_freedom : of the t-distribution of ``(value - truth) / standard_error``.
    missing_information : the fraction of the information about the quantity that the missing cells took away.
    n : the number of tables.
    """

    value: Array
    variance: Array
    within: Array
    between: Array
    degrees_of_freedom: Array
    missing_information: Array
    n: int

    @classmethod
    def of(cls, values: ArrayLike, variances: ArrayLike, degrees_of_freedom: float = np.inf) -> PooledEstimate:
        r"""Pool estimates and their variances by Rubin's rules.

        With the mean variance W and the variance B among the n estimates,

        .. math:: T = W + (1 + 1/n) B, \qquad \lambda = (1 + 1/n) B / T, \qquad
                  \nu = \Big(\frac{1}{\nu_n} + \frac{1}{\nu_o}\Big)^{-1}, \qquad
                  \nu_n = \frac{n - 1}{\lambda^2}, \qquad \nu_o = \frac{\nu_c + 1}{\nu_c + 3} \, \nu_c (1 - \lambda)

        are the total variance and its degrees of freedom for a complete-data estimate with :math:`\nu_c` degrees of
        freedom. The fraction of missing information is :math:`\gamma = (r + 2 / (\nu_n + 3)) / (r + 1)` with
        :math:`r = (1 + 1/n) B / W`. See Rubin (1987), *Multiple Imputation for Nonresponse in Surveys*, equations
        3.1.2 to 3.1.10; for the degrees of freedom, Barnard & Rubin (1999), *Biometrika* 86:948.

        Parameters
        ----------
        values : estimates from n tables, at least two, each a number or an array of any shape.
        variances : their squared standard errors, in the same shapes.
        degrees_of_freedom : :math:`\nu_c`.

        Raises `ParameterError` if the shapes differ, or for a variance that is negative or not finite.

        >>> from gmix.inference.pooling import PooledEstimate
        >>> pooled = PooledEstimate.of(
        ...     [1.0, 2.0, 3.0], [1.0, 1.0, 1.0], degrees_of_freedom=50
        ... )
        >>> pooled.variance.round(4), pooled.degrees_of_freedom.round(4)
        (np.float64(2.3333), np.float64(4.7223))
        """
        q, u = as_numbers(values, "the values of estimates"), as_numbers(variances, "their variances")
        _check(q, u, degrees_of_freedom)
        n, within, between = len(q), u.mean(0), q.var(0, ddof=1)
        added = (1.0 + 1.0 / n) * between
        total = within + added
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(added > 0.0, added / total, 0.0)
            of_imputations = (n - 1) / share**2
            observed = np.inf if degrees_of_freedom == np.inf else _observed(float(degrees_of_freedom), share)
            freedom = 1.0 / (1.0 / of_imputations + 1.0 / observed)
            missing = share + (1.0 - share) * 2.0 / (of_imputations + 3.0)
        return cls(q.mean(0), total, within, between, freedom, missing, n)

    @property
    def standard_error(self) -> Array:
        """The square root of the total variance."""
        return np.sqrt(self.variance)

    def interval(self, level: float = 0.95) -> Array:
        """The confidence interval of each value: ``(2, ...)``, lower ends and upper ends.

        Raises `ParameterError` for a level that is not between 0 and 1.
        """
        from scipy.special import stdtrit

        if not (is_number(level) and 0.0 < level < 1.0):
            raise ParameterError(f"level is {level!r}; give a probability between 0 and 1, such as 0.95")
        margin = stdtrit(self.degrees_of_freedom, (1.0 + level) / 2.0) * self.standard_error
        return np.array([self.value - margin, self.value + margin])

    def __repr__(self) -> str:
        if self.value.ndim:
            return f"PooledEstimate({self.value.size} values from {self.n} tables)"
        low, high = self.interval()
        return (
            f"PooledEstimate({self.value:.4g} ± {self.standard_error:.2g}, 95 % interval {low:.4g} to {high:.4g}, "
            f"{self.missing_information:.0%} of the information missing)"
        )


def _observed(complete: float, share: Array) -> Array:
    """The degrees of freedom that the cells which are present leave of those of complete data."""
    return np.asarray((complete + 1.0) / (complete + 3.0) * complete * (1.0 - share))


def _check(values: Array, variances: Array, degrees_of_freedom: float) -> None:
    """Raise `ParameterError` for estimates that cannot be pooled."""
    if values.shape != variances.shape:
        raise ParameterError(
            f"an estimate has values of shape {values.shape[1:]} and variances of shape {variances.shape[1:]}; give "
            "one variance for each value, such as the diagonal of a covariance matrix"
        )
    if values.ndim == 0 or len(values) < 2:
        raise ParameterError("there is one table; impute at least two, because their differences are the uncertainty")
    if not np.isfinite(values).all():
        raise ParameterError("the estimate from a completed table is not finite; give finite numbers")
    if not (np.isfinite(variances).all() and (variances >= 0.0).all()):
        raise ParameterError("a variance is negative or not finite; give squared standard errors")
    if ((variances.mean(0) == 0.0) & (np.ptp(values, axis=0) > 0.0)).any():
        raise ParameterError("the variances of a value are zero although its estimates differ; give their variances")
    valid = is_number(degrees_of_freedom) or degrees_of_freedom == np.inf
    if not (valid and not isinstance(degrees_of_freedom, bool) and degrees_of_freedom > 0):
        raise ParameterError(
            f"degrees_of_freedom is {degrees_of_freedom!r}; give a number above zero, or infinity for a large sample"
        )
