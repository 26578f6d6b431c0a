"""Sufficient statistics: the sums over the rows that an M-step needs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_number
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.model.covariance import TIED, Form
from gmix.model.reference import Reference

__all__ = ["SufficientStatistics"]

Array = NDArray[np.float64]

_NUMBERS = 2**19  # in a block of rows, with one copy of each row per component
_ADDITIVE = ("counts", "mass", "divisor")  # fields (K,) that simply add up
_ARRAYS = (*_ADDITIVE, "mean", "scatter")
_NUMBERS_ALONE = ("log_likelihood", "total_weight")
_EXTRA = "extra "  # before the name of a further sum
# Placeholders for defaults that depend on other fields.
_SAME_AS_MASS = np.empty(0)
_OF_COMPLETE_ROWS = Reference.none(TIED, 0)


@dataclass(frozen=True, eq=False)
class SufficientStatistics:
    r"""The sums over N weighted rows that determine the M-step of K components.

    .. math:: n_k = \sum_i w_i r_{ik}, \quad \bar x_k = \frac1{n_k} \sum_i w_i r_{ik} x_i, \quad
              S_k = \sum_i w_i r_{ik} (x_i - \bar x_k)(x_i - \bar x_k)^\top

    Statistics add up: those of two tables are ``a + b``, by the centered merge of Chan, Golub & LeVeque (1983),
    *The American Statistician* 37:242, so that no offset of the data costs digits. A prior is one more term of the sum.

    Parameters
    ----------
    form : the form that `scatter` is stored in; `gmix.covariance.Form`.
    mass : ``(K,)`` the total weight of the rows that each mean averages.
    mean : ``(K, D)`` weighted mean of each component's rows; any finite values where the mass is zero.
    scatter : centered second moments about `mean`, not divided; summed over K when tied.
    log_likelihood : of these rows, in nats, under the mixture that gave the responsibilities.
    counts : ``(K,)`` to which the M-step makes the weights proportional. By default the mass.
    divisor : ``(K,)`` by which the M-step divides the scatter. By default the mass.
    total_weight : of the rows, one for each row without weights. By default the sum of the counts.
    reference : the scale of the data; see `gmix.model.reference.Reference`. By default computed from the other fields,
        for rows without missing cells.
    extra : further sums that a model needs, by name, arrays ``(K, ...)``.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    >>> [left] = gmix.expect([[1.0], [3.0]], [mixture])
    >>> [right] = gmix.expect([[5.0]], [mixture])
    >>> both = left + right
    >>> both.mass, both.mean, both.scatter
    (array([3.]), array([[3.]]), array([[[8.]]]))
    """

    form: Form
    mass: Array
    mean: Array
    scatter: Array
    log_likelihood: float
    counts: Array = field(default_factory=lambda: _SAME_AS_MASS)
    divisor: Array = field(default_factory=lambda: _SAME_AS_MASS)
    total_weight: float = np.nan
    reference: Reference = field(default_factory=lambda: _OF_COMPLETE_ROWS)
    extra: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fields = vars(self)  # which can be set here, as the object is new
        if self.counts is _SAME_AS_MASS:
            fields["counts"] = self.mass
        if self.divisor is _SAME_AS_MASS:
            fields["divisor"] = self.mass
        if math.isnan(self.total_weight):
            fields["total_weight"] = float(self.counts.sum())
        if self.reference is _OF_COMPLETE_ROWS:
            fields["reference"] = Reference.of_components(self.form, self.mass, self.mean, self.scatter)
        for array in (self.counts, self.mass, self.mean, self.scatter, self.divisor, *self.extra.values()):
            array.flags.writeable = False

    @classmethod
    def none(cls, form: Form, n_components: int, reference: Reference) -> SufficientStatistics:
        """The statistics of no rows, with this reference."""
        mass, shape = np.zeros(n_components), form.scatter_shape(n_components, reference.n_features)
        mean = np.broadcast_to(reference.mean, (n_components, reference.n_features))
        return cls(form, mass, mean, np.zeros(shape), 0.0, total_weight=0.0, reference=reference)

    @classmethod
    @one_blas_thread()
    def from_responsibilities(
        cls, form: Form, rows: NDArray[Any], responsibilities: Array, sample_weight: Array | None = None
    ) -> SufficientStatistics:
        """The statistics of ``rows (N, D)`` with these ``responsibilities (N, K)``.

        They are not those of a mixture, so the `log_likelihood` is NaN.
        """
        n_components, n_features = responsibilities.shape[1], rows.shape[1]
        mean = np.zeros((n_components, n_features))
        mass = np.zeros(n_components)
        scatter = np.zeros(form.scatter_shape(n_components, n_features))

        def blocks() -> Iterator[tuple[Array, Array]]:
            step = max(_NUMBERS // mean.size, 1)
            for begin in range(0, len(rows), step):
                block = slice(begin, begin + step)
                share = responsibilities[block].T
                yield (
                    np.asarray(rows[block], np.float64),
                    share if sample_weight is None else share * sample_weight[block],
                )

        # Differences from a row of positive weight, so that an offset of the data costs no digits of the means.
        center = np.asarray(rows[0 if sample_weight is None else int(np.argmax(sample_weight > 0))], np.float64)
        for block, share in blocks():
            mass += share.sum(1)
            mean += share @ (block - center)
        mean = center + mean * np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)[:, None]
        if form.is_sketch:  # those of several blocks do not add up
            values, weight = np.asarray(rows, np.float64), 1.0 if sample_weight is None else sample_weight
            for k, share in enumerate(responsibilities.T * weight):
                scatter[k] = form.scatter(share[None], (values - mean[k])[None])[0]
            return cls(form, mass, mean, scatter, np.nan)
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
        """The statistics of ``rows (N, D)``, each of which belongs to one component, given by ``labels (N,)``.

        The result is that of `from_responsibilities` with zeros and ones, at the cost of one component.
        """
        if rows.size * n_components <= _NUMBERS and not form.is_sketch:  # faster, as one product of matrices
            return cls.from_responsibilities(form, rows, np.eye(n_components)[labels], sample_weight)
        order = np.argsort(labels, kind="stable")
        if sample_weight is not None:
            order = order[sample_weight[order] > 0]
        x, label = np.asarray(rows[order], np.float64), labels[order]
        weight = np.ones(len(x)) if sample_weight is None else sample_weight[order]
        mass = np.asarray(np.bincount(label, weight, n_components), np.float64)
        differences = weight[:, None] * (x - x[0])  # so that an offset of the data costs no digits of the means
        if form.is_sketch:
            sums = np.eye(n_components)[label].T @ differences
        else:
            sums = np.stack([np.bincount(label, column, n_components) for column in differences.T], axis=1)
        mean = x[0] + sums * np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)[:, None]
        x -= mean[label]
        ends = np.searchsorted(label, np.arange(n_components + 1)).tolist()
        parts = [form.scatter(weight[None, a:b], x[None, a:b]) for a, b in pairwise(ends)]
        return cls(form, mass, mean, np.sum(parts, axis=0) if form is TIED else np.concatenate(parts), np.nan)

    @classmethod
    def from_arrays(cls, form: Form, arrays: Mapping[str, Array]) -> SufficientStatistics:
        """The statistics whose `arrays` these are; they may be flat.

        Raises ``KeyError`` for a name that is missing, and ``ValueError`` for sizes that do not fit together.
        """
        k = arrays["mass"].size
        shape = (k, arrays["mean"].size // max(k, 1))
        shapes = {"mean": shape, "scatter": form.scatter_shape(*shape)}
        parts: dict[str, Any] = {name: arrays[name].reshape(shapes.get(name, (k,))) for name in _ARRAYS}
        parts |= {name: float(arrays[name].item()) for name in _NUMBERS_ALONE}
        extra = {name: array.reshape(k, -1) for name, array in arrays.items() if name.startswith(_EXTRA)}
        return cls(form, **parts, extra={name.removeprefix(_EXTRA): array for name, array in extra.items()})

    @property
    def arrays(self) -> dict[str, Array]:
        """All numbers by name, but those of the reference: what a file or a message to a cluster holds."""
        numbers = {name: np.array(getattr(self, name)) for name in _NUMBERS_ALONE}
        extra = {_EXTRA + name: array for name, array in self.extra.items()}
        return {name: getattr(self, name) for name in _ARRAYS} | numbers | extra

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
            f"{self.total_weight:.6g} rows, log-likelihood {self.log_likelihood:.6g})"
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
        return replace(
            self,
            **{name: getattr(self, name) + getattr(other, name) for name in _ADDITIVE},
            mean=self.mean + share[:, None] * step,
            scatter=self.form.shifted(self.form.add(self.scatter, other.scatter), self.mass * share, step),
            log_likelihood=self.log_likelihood + other.log_likelihood,
            total_weight=self.total_weight + other.total_weight,
            reference=self.reference + other.reference,
            extra={name: _sum(self.extra.get(name), other.extra.get(name)) for name in {**self.extra, **other.extra}},
        )

    def __mul__(self, factor: float) -> SufficientStatistics:
        """The statistics of the same rows, with all weights multiplied by a factor of zero or more.

        The `reference` is not changed, because it is the scale of the data.
        """
        if not is_number(factor) or factor < 0:
            return NotImplemented
        return replace(
            self,
            **{name: factor * getattr(self, name) for name in _ADDITIVE},
            scatter=self.form.times(self.scatter, factor),
            log_likelihood=factor * self.log_likelihood,
            total_weight=factor * self.total_weight,
            extra={name: factor * array for name, array in self.extra.items()},
        )

    def on(self, reference: Reference) -> SufficientStatistics:
        """The same statistics with the reference of the rows, which also has their number."""
        return replace(self, reference=reference, total_weight=reference.total_weight)

    def reordered(self, order: NDArray[np.intp]) -> SufficientStatistics:
        """The statistics of the same rows, where component k is the former ``order[k]``."""
        return replace(
            self,
            **{name: getattr(self, name)[order] for name in (*_ADDITIVE, "mean")},
            scatter=self.form.take(self.scatter, order),
            extra={name: array[order] for name, array in self.extra.items()},
        )


def _sum(one: Array | None, other: Array | None) -> Array:
    """The sum of two arrays, of which one may be missing, for zeros."""
    if one is None or other is None:
        return np.array(other if one is None else one)
    return one + other
