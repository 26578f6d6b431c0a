"""Rows with classes, and the mixtures of classes from fits to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import GmixError
from gmix.fitting.em import Run
from gmix.fitting.result import Fit
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.priors import Prior
from gmix.sklearn.determined import FitSettings, distinct_rows, pooled_prior

__all__ = ["ClassRows", "class_mixtures", "class_shares", "fit_class", "fit_together"]

Array = NDArray[np.float64]


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
        """The distinct rows of each class; see `distinct_rows`."""
        first, weights = distinct_rows(self.values, self.weights, self.numbers)
        return self.take(first)._replace(weights=weights)

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

    def prior(self, strength: float) -> Prior | None:
        """The prior that shrinks covariances to that within classes; None if its strength is zero."""
        known = self.known
        return pooled_prior(known.values, known.mass, known.numbers, strength) if strength > 0.0 else None


def fit_class(rows: ClassRows, number: int, settings: FitSettings, rng: np.random.Generator) -> Fit:
    """Fit the mixture of one class.

    Raises `UndeterminedError` if the rows of the class do not determine it, and the errors of `gmix.fit` with the name
    of the class.
    """
    own = rows.take(rows.numbers == number)
    try:
        return settings.fit(own.values, own.weights, own.names, rng)
    except GmixError as error:
        raise type(error)(f"class {rows.classes.tolist()[number]!r}: {error}") from None


def fit_together(
    rows: ClassRows, components: Mapping[int, int], settings: FitSettings, rng: np.random.Generator
) -> Fit:
    """Fit one mixture to all rows, in which each class has this number of components, and all have one structure.

    The groups of the fit are the numbers of the classes. Raises `UndeterminedError` if the rows do not determine it.
    """
    settings = replace(settings, components=dict(components))
    return settings.fit(rows.values, rows.weights, rows.names, rng, rows.numbers)


def class_mixtures(run: Run, n_classes: int) -> list[GaussianMixture]:
    """The mixture of each class, from a run on the rows of all classes."""
    mixture, groups = run.gaussian, run.model.groups
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
