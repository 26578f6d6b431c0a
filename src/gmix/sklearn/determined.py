"""Fits to rows that determine the covariances of a mixture, and the prior for rows that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_number
from gmix.base.errors import DataError, ParameterError
from gmix.fitting.fit import fit
from gmix.fitting.result import Fit
from gmix.model.priors import NormalInverseWishart, Prior
from gmix.model.stopping import Reason

__all__ = ["AUTO", "FitSettings", "UndeterminedError", "check_shrinkage", "distinct_rows", "pooled_prior"]

Array = NDArray[np.float64]
AUTO = "auto"
_RIDGE = 1e-3  # of the variance of each column, so that the scale of the prior is positive definite


class UndeterminedError(DataError):
    """The rows do not determine the covariances of a mixture."""


@dataclass(frozen=True)
class FitSettings:
    """What `gmix.fit` compares, and by which criterion."""

    components: Any
    covariance: Any
    criterion: str
    effort: float
    prior: Prior | None

    def fit(
        self,
        values: NDArray[Any],
        weights: Array | None,
        names: list[str] | None,
        rng: np.random.Generator,
        labels: NDArray[np.intp] | None = None,
    ) -> Fit:
        """Fit the rows ``(N, D)``, all of whose columns must be independent.

        Raises `UndeterminedError` if columns follow from others, or if no candidate is sound.
        """
        found = fit(
            values,
            self.components,
            covariance=self.covariance,
            criterion=self.criterion,
            prior=self.prior,
            sample_weight=weights,
            labels=labels,
            columns=names,
            effort=self.effort,
            rng=rng,
            progress=False,
        )
        if found.reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        assert found.search is not None
        best = found.search.best
        unsound = best.collapsed or best.repeated or (found.search.compares and best.is_set_aside)
        if found.mixture.dependence is not None or unsound:
            raise UndeterminedError(
                "the rows do not determine the covariances of all components; give a shrinkage above zero, or ask for "
                "fewer components or a simpler covariance_type"
            )
        return found


def check_shrinkage(shrinkage: Any) -> None:
    """Raise `ParameterError` unless the strength of shrinkage is a number, zero or more, or ``"auto"``."""
    if not (is_number(shrinkage) and shrinkage >= 0.0) and not (isinstance(shrinkage, str) and shrinkage == AUTO):
        raise ParameterError(f"shrinkage is {shrinkage!r}; give a number, zero or more, or 'auto'")


def pooled_prior(values: NDArray[Any], mass: Array, groups: NDArray[np.intp], strength: float) -> Prior:
    r"""The prior that shrinks the covariances of components to the covariance of the rows within groups.

    It is that of `NormalInverseWishart` with the mean of the rows that it is used for and the scale

    .. math:: \Lambda = W + 10^{-3} \, \mathrm{diag}(s_1^2, \ldots, s_D^2),

    where :math:`W` is the covariance of the rows about the means of their `groups` ``(N,)``, and :math:`s_j^2` the
    variance of column j, or 1 if it is zero. A missing cell counts as the mean of its group.
    """
    present = ~np.isnan(values)
    cells = present * mass[:, None]
    one = np.zeros(len(values), np.intp)
    x = np.where(present, values, 0.0).astype(np.float64)
    x = np.where(present, x - _means(x, cells, one), 0.0)
    variances = _means(x**2, cells, one)[0]
    within = np.where(present, x - _means(x, cells, groups)[groups], 0.0)
    scatter = (within * mass[:, None]).T @ within / mass.sum()
    ridge = _RIDGE * np.where(variances > 0.0, variances, 1.0)
    return NormalInverseWishart(scale=scatter + np.diag(ridge), strength=strength)


def _means(values: Array, cells: Array, groups: NDArray[np.intp]) -> Array:
    """The means ``(G, D)`` of the cells of each group, by their weights; zero where a group has none."""
    member = np.equal.outer(np.arange(groups.max() + 1), groups).astype(np.float64)
    mass = member @ cells
    return np.divide(member @ (cells * values), mass, out=np.zeros_like(mass), where=mass > 0.0)


def distinct_rows(
    values: NDArray[Any], weights: Array | None, groups: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], Array | None]:
    """The positions of the distinct rows ``(N, D)`` of each group, in a fixed order, and the sums of their weights.

    Fits to these rows do not depend on the order of the table, and a row of weight 2 counts exactly like two rows. The
    weights are None if all are 1.
    """
    groups = np.zeros(len(values), np.intp) if groups is None else groups
    order = np.lexsort((groups, *values.T))
    ordered, numbers = values[order], groups[order]
    same = (ordered[1:] == ordered[:-1]) | (np.isnan(ordered[1:]) & np.isnan(ordered[:-1]))
    first = np.flatnonzero(np.append(True, ~(same.all(1) & (numbers[1:] == numbers[:-1]))))
    mass = np.ones(len(values)) if weights is None else weights[order]
    sums = np.add.reduceat(mass, first)
    return order[first], None if (sums == 1.0).all() else sums
