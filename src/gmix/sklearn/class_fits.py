"""Fits of the mixtures of classes: one fit for each class, or one for all classes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import DataError, GmixError
from gmix.fitting.em import Run
from gmix.fitting.fit import fit
from gmix.fitting.result import Fit
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.priors import NormalInverseWishart, Prior
from gmix.model.stopping import Reason

__all__ = [
    "ClassRows", "FitSettings", "UndeterminedError", "class_mixtures", "class_shares", "fit_class", "fit_together",
    "pooled_prior",
]  # fmt: skip

Array = NDArray[np.float64]
_RIDGE = 1e-3  # of the variance of each column, so that the scale of the prior is positive definite


class UndeterminedError(DataError):
    """The rows do not determine the covariances of a mixture."""


class ClassRows(NamedTuple):
    """Rows with the number of their class.

    Attributes
    ----------
    values : ``(N, D)``.
    weights : ``(N,)``, above zero; None if all are 1.
    numbers : ``(N,)`` the number of the class, -1 if it is unknown.
    classes : ``(G,)`` the labels of the classes.
    names : of the columns; None if they have none.
    """

    values: NDArray[Any]
    weights: Array | None
    numbers: NDArray[np.intp]
    classes: NDArray[Any]
    names: list[str] | None

    def take(self, rows: NDArray[Any]) -> ClassRows:
        """Some of the rows, by positions or by a mask."""
        weights = None if self.weights is None else self.weights[rows]
        return self._replace(values=self.values[rows], weights=weights, numbers=self.numbers[rows])

    def select(self, columns: Sequence[int]) -> ClassRows:
        """The same rows with some of the columns."""
        chosen = list(columns)
        names = None if self.names is None else [self.names[j] for j in chosen]
        return self._replace(values=np.ascontiguousarray(self.values[:, chosen]), names=names)

    @property
    def distinct(self) -> ClassRows:
        """The distinct rows in a fixed order, with the sum of the weights of equal rows.

        Fits then do not depend on the order of the rows, and a row of weight 2 counts exactly like two rows.
        """
        order = np.lexsort((self.numbers, *self.values.T))
        values, numbers, mass = self.values[order], self.numbers[order], self.mass[order]
        same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        first = np.flatnonzero(np.append(True, ~(same.all(1) & (numbers[1:] == numbers[:-1]))))
        weights = np.add.reduceat(mass, first)
        return self._replace(
            values=values[first], numbers=numbers[first], weights=None if (weights == 1.0).all() else weights
        )

    @property
    def known(self) -> ClassRows:
        """The rows whose class is known."""
        known = self.numbers >= 0
        return self if known.all() else self.take(known)

    @property
    def mass(self) -> Array:
        """``(N,)`` the weight of each row."""
        return np.ones(len(self.values)) if self.weights is None else self.weights

    @property
    def shares(self) -> Array:
        """``(G,)`` the share of each class in the rows of known class, by weight."""
        known = self.known
        mass = np.bincount(known.numbers, known.weights, len(self.classes))
        return np.asarray(mass / mass.sum())


@dataclass(frozen=True)
class FitSettings:
    """What `gmix.fit` compares, and by which criterion."""

    components: Any
    covariance: Any
    criterion: str
    effort: float
    prior: Prior | None

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of `gmix.fit`."""
        return {
            "covariance": self.covariance,
            "criterion": self.criterion,
            "effort": self.effort,
            "prior": self.prior,
            "progress": False,
        }


def fit_class(rows: ClassRows, number: int, settings: FitSettings, rng: np.random.Generator) -> Fit:
    """Fit the mixture of one class.

    Raises `UndeterminedError` if the rows of the class do not determine it, and the errors of `gmix.fit` with the name
    of the class.
    """
    own = rows.take(rows.numbers == number)
    row_options: dict[str, Any] = {"sample_weight": own.weights, "columns": own.names}
    try:
        return _determined(fit(own.values, settings.components, rng=rng, **row_options, **settings.options))
    except UndeterminedError:
        raise
    except GmixError as error:
        raise type(error)(f"class {rows.classes[number]!r}: {error}") from None


def fit_together(
    rows: ClassRows, components: Mapping[int, int], settings: FitSettings, rng: np.random.Generator
) -> Fit:
    """Fit one mixture to all rows, in which each class has this number of components, and all have one structure.

    The groups of the fit are the numbers of the classes. Raises `UndeterminedError` if the rows do not determine it.
    """
    row_options: dict[str, Any] = {"labels": rows.numbers, "sample_weight": rows.weights, "columns": rows.names}
    return _determined(fit(rows.values, components, rng=rng, **row_options, **settings.options))


def _determined(found: Fit) -> Fit:
    """The fit. Raises `UndeterminedError` if columns follow from others, or if no candidate is sound."""
    if found.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    assert found.search is not None
    best = found.search.best
    unsound = best.collapsed or best.repeated or (found.search.compares and best.is_set_aside)
    if found.mixture.dependence is not None or unsound:
        raise UndeterminedError(
            "the rows of a class do not determine the covariances of its components; give a shrinkage above zero, or "
            "ask for fewer components or a simpler covariance_type"
        )
    return found


def class_mixtures(run: Run, n_classes: int) -> list[GaussianMixture]:
    """The mixture of each class, from a run on the rows of all classes."""
    mixture, groups = run.mixture, run.model.groups
    mixtures = []
    for number in range(n_classes):
        own = np.flatnonzero(groups == number)
        weights = mixture.weights[own] / mixture.weights[own].sum()
        compact = mixture.structure.form.take(compact_covariances(mixture), own)
        mixtures.append(unchecked_mixture(weights, mixture.means[own], compact, mixture.structure, mixture.features))
    return mixtures


def class_shares(run: Run, n_classes: int) -> Array:
    """The share ``(G,)`` of each class, from a run on the rows of all classes."""
    assert run.model.groups is not None
    shares = np.bincount(run.model.groups.astype(np.intp), run.mixture.weights, n_classes)
    return np.asarray(shares / shares.sum())


def pooled_prior(rows: ClassRows, strength: float) -> Prior:
    r"""The prior that shrinks the covariances of components to the covariance within classes.

    It is that of `NormalInverseWishart` with the mean of the rows that it is used for and the scale

    .. math:: \Lambda = W + 10^{-3} \, \mathrm{diag}(s_1^2, \ldots, s_D^2),

    where :math:`W` is the covariance of the rows about the means of their classes, and :math:`s_j^2` the variance of
    column j, or 1 if it is zero. A missing cell counts as the mean of its class.
    """
    rows = rows.known
    present = ~np.isnan(rows.values)
    cells = present * rows.mass[:, None]
    values = np.where(present, rows.values, 0.0).astype(np.float64)
    one = np.zeros(len(values), np.intp)
    values = np.where(present, values - _means(values, cells, one), 0.0)
    variances = _means(values**2, cells, one)[0]
    within = np.where(present, values - _means(values, cells, rows.numbers)[rows.numbers], 0.0)
    scatter = (within * rows.mass[:, None]).T @ within / rows.mass.sum()
    ridge = _RIDGE * np.where(variances > 0.0, variances, 1.0)
    return NormalInverseWishart(scale=scatter + np.diag(ridge), strength=strength)


def _means(values: Array, cells: Array, numbers: NDArray[np.intp]) -> Array:
    """The means ``(G, D)`` of the cells of each class, by their weights; zero where a class has none."""
    member = np.equal.outer(np.arange(numbers.max() + 1), numbers).astype(np.float64)
    mass = member @ cells
    return np.divide(member @ (cells * values), mass, out=np.zeros_like(mass), where=mass > 0.0)
