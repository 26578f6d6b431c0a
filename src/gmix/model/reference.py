"""The scale of the data, which sets the floors of covariances and the default priors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.base.missing import MissingCells
from gmix.model.covariance import SPHERICAL, Form

__all__ = ["AT_FLOOR", "RELATIVE_FLOOR", "Reference"]

Array = NDArray[np.float64]

RELATIVE_FLOOR = 1e-24  # of a column's variance
AT_FLOOR = 1.5  # times the floor; a component with a smaller variance has collapsed
_TIE = 1e-9  # of a column's standard deviation; means that differ by less are tied
_DIGITS = 8.0 * np.finfo(np.float64).eps  # of a column's mean; means that differ by less are tied


@dataclass(frozen=True, eq=False)
class Reference:
    """All rows as one component: the count, mean and scatter of their observed cells.

    References of two tables add up. Unlike the statistics of a mixture's components, a reference does not depend on the
    mixture, so it stays the same from one E-step to the next.

    Parameters
    ----------
    form : the form that `scatter` is stored in.
    count : ``(D,)`` weighted number of observed cells of each column.
    mean : ``(D,)`` their mean.
    scatter : centered second moments about the mean, of one component in the form; missing cells add nothing.
    total_weight : of the rows; NaN to set it to the largest count of a column, that of rows with all cells.
    error : ``(D,)`` the smallest variance of the errors of measurement in each column; None if values are exact. A
        component has collapsed only if its covariance with these variances added is at the `floor`, because errors
        keep the likelihood bounded.
    """

    form: Form
    count: Array
    mean: Array
    scatter: Array
    total_weight: float = np.nan
    error: Array | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.total_weight):
            vars(self)["total_weight"] = float(self.count.max(initial=0.0))
        for array in (self.count, self.mean, self.scatter):
            array.flags.writeable = False

    @classmethod
    def none(cls, form: Form, n_features: int) -> Reference:
        """The reference of no rows."""
        form = form.of_reference
        return cls(form, np.zeros(n_features), np.zeros(n_features), np.zeros(form.shape(1, n_features)))

    @classmethod
    def of_components(cls, form: Form, mass: Array, mean: Array, scatter: Array) -> Reference:
        """The reference of complete rows, from the statistics of the K components that share them."""
        if not mean.size:
            raise ParameterError(f"statistics of shape {mean.shape} need at least one component and one column")
        total = mass.sum(keepdims=True)
        overall = (mass / total) @ mean if total[0] > 0 else mean.mean(0)
        count = np.broadcast_to(total, overall.shape).copy()
        return cls(form.of_reference, count, overall, form.scatter_of_all(scatter, mass, mean - overall))

    @property
    def n_features(self) -> int:
        return len(self.mean)

    @property
    def is_complete(self) -> bool:
        """Whether the rows have all cells."""
        return bool((self.count == self.total_weight).all())

    @classmethod
    def of_cells(cls, filled: Reference, center: Array, missing: MissingCells) -> Reference:
        """The reference of incomplete rows, from that of the same rows with the `center` ``(D,)`` in missing cells.

        The center is the mean of the observed cells, up to rounding; any number for a column without cells.
        """
        mean = center + (filled.mean - center) * missing.rows_per_cell
        return cls(filled.form, missing.observed, mean, filled.scatter, missing.weight)

    def __add__(self, other: Reference) -> Reference:
        if not isinstance(other, Reference):
            return NotImplemented
        count = self.count + other.count
        share = np.divide(other.count, count, out=np.zeros_like(count), where=count > 0)
        step = other.mean - self.mean
        root = np.sqrt(self.count * share)
        between = self.form.total(self.form.outer(np.ones(1), (root * step)[None]))
        total_weight = self.total_weight + other.total_weight
        scatter = self.scatter + other.scatter + between
        known = [each.error for each in (self, other) if each.error is not None]
        exact = any(each.error is None and each.total_weight > 0.0 for each in (self, other))
        error = np.min(known, axis=0) if known and not exact else None
        return Reference(self.form, count, self.mean + share * step, scatter, total_weight, error)

    def with_error(self, error: Array | None) -> Reference:
        """The reference of the same rows with errors of measurement."""
        return replace(self, error=error)

    def with_least_error(self, compact: Array) -> Array:
        """Compact covariances with the smallest variances of errors added."""
        return compact if self.error is None else self.form.widened(compact, self.error)

    def scaled(self, total_weight: float) -> Reference:
        """The reference of rows of another total weight with the same mean and variances."""
        scale = total_weight / self.total_weight
        scaled = Reference(self.form, self.count * scale, self.mean, self.scatter * scale, total_weight, self.error)
        vars(scaled).update(variances=self.variances, floor=self.floor)
        return scaled

    @cached_property
    def complete_scatter(self) -> Array:
        """The scatter that rows with all cells would have, with the same variances and the same total weight.

        Covariances are smaller than those of complete rows by the share of rows that have both cells.
        """
        count = np.full_like(self.count, self.count.mean()) if self.form is SPHERICAL else self.count
        if (count == self.total_weight).all():
            return self.scatter
        root = np.sqrt(np.divide(self.total_weight, count, out=np.zeros_like(count), where=count > 0))
        return self.form.congruence(self.form.compress(np.diag(root)[None]), self.scatter)

    @cached_property
    def variances(self) -> Array:
        """The variance ``(D,)`` of each column over all rows.

        A constant column gets the smallest variance of the other columns, or 1 if all columns are constant. A column
        whose squares leave the range of float64 is treated as constant.
        """
        if not self.total_weight > 0:
            return np.ones(self.n_features)
        # The variance of a constant column is rounding error, which is relative to the square of its mean.
        variances = self.form.variances(self.complete_scatter, self.n_features) / self.total_weight
        noise = (8.0 * np.finfo(np.float64).eps * np.abs(self.mean)) ** 2
        spread = variances > np.maximum(noise, np.finfo(np.float64).tiny)
        return np.where(spread, variances, variances[spread].min() if spread.any() else 1.0)

    @cached_property
    def floor(self) -> Array:
        """The smallest variances ``(D,)`` that a covariance may have: float64 cannot distinguish less from zero.

        Rows that differ by less than this, relative to the spread or the mean of their column, coincide. Above the
        floor, a component may be arbitrarily narrow relative to the whole table.
        """
        rounding = (np.finfo(np.float64).eps * np.abs(self.mean)) ** 2
        least = np.maximum(rounding, np.finfo(np.float64).tiny)
        return np.asarray(np.maximum(RELATIVE_FLOOR * self.variances, least))

    def order(self, means: Array) -> NDArray[np.intp]:
        """The order ``(K,)`` of components with these means ``(K, D)``: by the first column, ties by the next.

        Means are tied if they differ by rounding alone: by less than a billionth of the column's standard deviation
        over all rows, or than the last digits of the column's mean. Components that are tied in all columns are ordered
        by the exact means.
        """
        tie = np.maximum(_TIE * np.sqrt(self.variances), _DIGITS * np.abs(self.mean))
        steps = np.rint((means - self.mean) / tie)
        by_first = np.argsort(steps[:, 0], kind="stable")
        if (np.diff(steps[by_first, 0]) > 0).all():  # the usual case, and fast
            return by_first
        return np.lexsort((*means.T[::-1], *steps.T[::-1]))
