"""Sufficient statistics: the one currency of EM. Everything about the rows that an M-step needs, and a plus sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_number
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.model.covariance import TIED, Form

__all__ = ["RELATIVE_FLOOR", "Evidence", "SufficientStatistics"]

Array = NDArray[np.float64]

_NUMBERS = 2**19  # of rows, each written once a component, that are looked at together
_TIE = 1e-9  # of a column's standard deviation; means that differ by less tie
_DIGITS = 8.0 * np.finfo(np.float64).eps  # relative; likewise
RELATIVE_FLOOR = 1e-24  # of a column's variance: beside deviations a million million times as large, rows coincide


@dataclass(frozen=True, eq=False)
class SufficientStatistics:
    r"""What N weighted rows say about K components, in a size that does not depend on N.

    .. math:: n_k = \sum_i w_i r_{ik}, \quad \bar x_k = \frac1{n_k} \sum_i w_i r_{ik} x_i, \quad
              S_k = \sum_i w_i r_{ik} (x_i - \bar x_k)(x_i - \bar x_k)^\top

    Statistics add up: those of two tables are ``a + b``, by the centred merge of Chan, Golub & LeVeque (1983),
    *The American Statistician* 37:242, so that no offset of the data costs digits.

    Parameters
    ----------
    form : the form that `scatter` is stored in; `gmix.covariance.Form`.
    mass : ``(K,)`` weighted number of rows of each component.
    mean : ``(K, D)`` weighted mean of each component's rows; where the mass is zero, anything finite.
    scatter : centred second moments about `mean`, not divided by the mass; summed over K when tied.
    log_likelihood : of the mixture whose responsibilities were used, on these rows, in nats.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    >>> [left], [right] = gmix.expect([[1.0], [3.0]], [mixture]), gmix.expect([[5.0]], [mixture])
    >>> both = left + right
    >>> both.mass, both.mean, both.scatter
    (array([3.]), array([[3.]]), array([[[8.]]]))
    """

    form: Form
    mass: Array
    mean: Array
    scatter: Array
    log_likelihood: float

    def __post_init__(self) -> None:
        for array in (self.mass, self.mean, self.scatter):
            array.flags.writeable = False

    @classmethod
    @one_blas_thread()
    def from_responsibilities(
        cls, form: Form, rows: NDArray[Any], responsibilities: Array, sample_weight: Array | None = None
    ) -> SufficientStatistics:
        """The statistics of ``rows (N, D)`` that belong to the components as ``responsibilities (N, K)`` say.

        No mixture stands behind them, so their `log_likelihood` is NaN.
        """
        n_components, n_features = responsibilities.shape[1], rows.shape[1]
        mean = np.zeros((n_components, n_features))
        mass = np.zeros(n_components)
        scatter = np.zeros(form.shape(n_components, n_features))

        def blocks() -> Iterator[tuple[Array, Array]]:
            step = max(_NUMBERS // mean.size, 1)
            for begin in range(0, len(rows), step):
                block = slice(begin, begin + step)
                share = responsibilities[block].T
                yield (
                    np.asarray(rows[block], np.float64),
                    share if sample_weight is None else share * sample_weight[block],
                )

        # Any row that counts will do to keep the digits of the means.
        centre = np.asarray(rows[0 if sample_weight is None else int(np.argmax(sample_weight > 0))], np.float64)
        for block, share in blocks():
            mass += share.sum(1)
            mean += share @ (block - centre)
        mean = centre + mean * np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)[:, None]
        for block, share in blocks():
            scatter += form.scatter(share, block - mean[:, None, :])
        return cls(form, mass, mean, scatter, np.nan)

    @classmethod
    @one_blas_thread()
    def from_labels(
        cls,
        form: Form,
        rows: NDArray[Any],
        labels: NDArray[np.intp],
        n_components: int,
        sample_weight: Array | None = None,
    ) -> SufficientStatistics:
        """The statistics of ``rows (N, D)`` that each belong to the one component that ``labels (N,)`` say.

        That is `from_responsibilities` where all are zero or one, for the price of one component.
        """
        if rows.size * n_components <= _NUMBERS:  # all products at once are quicker
            return cls.from_responsibilities(form, rows, np.eye(n_components)[labels], sample_weight)
        order = np.argsort(labels, kind="stable")
        if sample_weight is not None:
            order = order[sample_weight[order] > 0]
        x, whose = np.asarray(rows[order], np.float64), labels[order]
        weight = np.ones(len(x)) if sample_weight is None else sample_weight[order]
        mass = np.asarray(np.bincount(whose, weight, n_components), np.float64)
        away = weight[:, None] * (x - x[0])  # from any row that counts, which keeps the digits of the means
        sums = np.stack([np.bincount(whose, column, n_components) for column in away.T], axis=1)
        mean = x[0] + sums * np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)[:, None]
        x -= mean[whose]
        ends = np.searchsorted(whose, np.arange(n_components + 1)).tolist()
        parts = [form.scatter(weight[None, a:b], x[None, a:b]) for a, b in pairwise(ends)]
        return cls(form, mass, mean, np.sum(parts, axis=0) if form is TIED else np.concatenate(parts), np.nan)

    @property
    def n_components(self) -> int:
        return len(self.mean)

    @property
    def n_features(self) -> int:
        return int(self.mean.shape[1])

    def __repr__(self) -> str:
        k, d = self.mean.shape
        return (
            f"SufficientStatistics({self.form}, {count(k, 'component')}, {count(d, 'feature')}, "
            f"{self.mass.sum():.6g} rows, log-likelihood {self.log_likelihood:.6g})"
        )

    @one_blas_thread()
    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        if not isinstance(other, SufficientStatistics):
            return NotImplemented
        if self.form is not other.form or self.mean.shape != other.mean.shape:
            raise ParameterError(
                f"statistics of {self.form} form and shape {self.mean.shape} cannot be added to those of "
                f"{other.form} form and shape {other.mean.shape}; take both from the same mixture"
            )
        mass = self.mass + other.mass
        with np.errstate(invalid="ignore"):
            share = np.where(mass > 0, other.mass / mass, 0.0)
        step = other.mean - self.mean
        return SufficientStatistics(
            self.form,
            mass,
            self.mean + share[:, None] * step,
            self.scatter + other.scatter + self.form.outer(self.mass * share, step),
            self.log_likelihood + other.log_likelihood,
        )

    def __mul__(self, factor: float) -> SufficientStatistics:
        """The statistics of the same rows, each with its weight multiplied by a factor of zero or more."""
        if not is_number(factor) or factor < 0:
            return NotImplemented
        return SufficientStatistics(
            self.form, factor * self.mass, self.mean, factor * self.scatter, factor * self.log_likelihood
        )

    def beyond(self, before: SufficientStatistics, length: float) -> SufficientStatistics | None:
        """Where statistics of the same rows lead that went from `before` to these, after `length` more such steps.

        That is ``(1 + length) * self - length * before``, a sum as in ``a + b``; None where no component's mass could
        be so.
        """
        here, there = (1.0 + length) * self.mass, -length * before.mass
        mass = here + there
        if not (mass > 0).all():
            return None
        step = before.mean - self.mean
        scatter = (1.0 + length) * self.scatter - length * before.scatter + self.form.outer(here * there / mass, step)
        mean = self.mean + (there / mass)[:, None] * step
        return SufficientStatistics(self.form, mass, mean, scatter, np.nan).among(self.total)

    @cached_property
    @one_blas_thread()
    def total(self) -> SufficientStatistics:
        """The statistics of all rows as one component; they do not depend on the responsibilities."""
        mass = self.mass.sum(keepdims=True)
        mean = (self.mass / mass) @ self.mean if mass[0] > 0 else self.mean.mean(0)
        between = self.form.outer(self.mass, self.mean - mean)
        scatter = self.form.total(self.scatter) + self.form.total(between)
        return SufficientStatistics(self.form, mass, mean[None], scatter, self.log_likelihood)

    def among(self, total: SufficientStatistics) -> SufficientStatistics:
        """These statistics, with a `total` that was counted before.

        So what is read from the data as a whole, a floor or a default prior, does not move with the rounding of every
        E-step, which may be large where a component has collapsed.
        """
        same = object.__new__(type(self))  # frozen as these are, and made for every climb
        same.__dict__.update(self.__dict__, total=total)
        return same

    def order(self, means: Array) -> NDArray[np.intp]:
        """The order ``(K,)`` of components with these means ``(K, D)``: by the first column, ties by the next.

        Means tie that differ by rounding alone: by less than a billionth of the column's standard deviation over all
        rows, or than the last digits of its mean. Components that tie in all columns are ordered by these digits.
        """
        middle, rounding = self.total.mean[0], self.total._tie  # noqa: SLF001  (of its own kind)
        steps = np.rint((means - middle) / rounding)
        by_first = np.argsort(steps[:, 0], kind="stable")
        if (np.diff(steps[by_first, 0]) > 0).all():  # usual, and quickly found
            return by_first
        return np.lexsort((*means.T[::-1], *steps.T[::-1]))

    @cached_property
    def _tie(self) -> Array:
        """By how much means may differ that tie, of statistics that are a total."""
        return np.asarray(np.maximum(_TIE * np.sqrt(self._spread), _DIGITS * np.abs(self.mean[0])))

    def reordered(self, order: NDArray[np.intp]) -> SufficientStatistics:
        """The statistics of the same rows, where component k is the one that was ``order[k]``."""
        scatter = self.scatter if self.form is TIED else self.scatter[order]
        moved = SufficientStatistics(self.form, self.mass[order], self.mean[order], scatter, self.log_likelihood)
        return moved.among(self.total)

    def none(self, n_components: int) -> SufficientStatistics:
        """The statistics of no rows at all, where these are the `total`."""
        shape = self.form.shape(n_components, self.n_features)
        mean = np.broadcast_to(self.mean, (n_components, self.n_features))
        return SufficientStatistics(self.form, np.zeros(n_components), mean, np.zeros(shape), 0.0).among(self)

    @property
    def variances(self) -> Array:
        """The variance ``(D,)`` of each column over all rows: the data's own scale.

        A constant column has none; it is given the smallest of the others', or one where there is no other. A column
        whose squares leave the range of float64 counts as constant.
        """
        return self.total._spread  # noqa: SLF001  (of its own kind)

    @cached_property
    def _spread(self) -> Array:
        """The `variances` of statistics that are a total."""
        mass = self.mass[0]
        if not mass > 0:
            return np.ones(self.n_features)
        # The scatter of a constant column is rounding: it is nothing beside the square of what was added up.
        variances = self.form.variances(self.scatter, self.n_features) / mass
        noise = (8.0 * np.finfo(np.float64).eps * np.abs(self.mean[0])) ** 2
        spread = variances > np.maximum(noise, np.finfo(np.float64).tiny)
        return np.where(spread, variances, variances[spread].min() if spread.any() else 1.0)

    @property
    def floor(self) -> Array:
        """The variances ``(D,)`` below which no covariance is let fall: what float64 cannot tell from zero.

        Rows that differ by less than this, beside the spread or the mean of their column, coincide. How narrow a
        component is beside the whole table does not matter otherwise.
        """
        return self.total._floor  # noqa: SLF001  (of its own kind)

    @cached_property
    def _floor(self) -> Array:
        """The `floor` of statistics that are a total."""
        rounding = (np.finfo(np.float64).eps * np.abs(self.mean[0])) ** 2
        least = np.maximum(rounding, np.finfo(np.float64).tiny)
        return np.asarray(np.maximum(RELATIVE_FLOOR * self._spread, least))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What an M-step reads: the rows that were seen, what a prior adds to them, or both together."""

    form: Form
    counts: Array  # (K,) what the weights are in proportion to
    mass: Array  # (K,) what the mean is an average of
    mean: Array  # (K, D); where the mass is zero, anything finite
    scatter: Array  # about the mean, in the form
    divisor: Array  # (K,) what the scatter is divided by

    @classmethod
    def of(cls, statistics: SufficientStatistics) -> Self:
        """That of the rows alone."""
        s = statistics
        return cls(s.form, s.mass, s.mass, s.mean, s.scatter, s.mass)

    def __add__(self, other: Evidence) -> Evidence:
        mass = self.mass + other.mass
        with np.errstate(invalid="ignore"):
            share = np.where(mass > 0, other.mass / mass, 0.0)
        step = other.mean - self.mean
        return Evidence(
            self.form,
            self.counts + other.counts,
            mass,
            self.mean + share[:, None] * step,
            self.scatter + other.scatter + self.form.outer(self.mass * share, step),
            self.divisor + other.divisor,
        )
