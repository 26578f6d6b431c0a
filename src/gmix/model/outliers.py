"""How unusual rows are under a mixture: distances to its components, and p-values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.density_tail import DensityTail
from gmix.model.dependence import Dependence
from gmix.model.imputation import patterns
from gmix.model.kernel import kernel
from gmix.model.mixture_arguments import checked_points

__all__ = ["OutlierFunctions", "OutlierScores", "chi_squared_tail"]

Array = NDArray[np.float64]
_PATTERNS, _POINTS = 1_000, 10_000  # patterns of missing cells that are kept, and points of the density tail of each


@dataclass(frozen=True, eq=False)
class OutlierScores:
    """How unusual each of N rows is under a mixture; see `GaussianMixture.outlier_score`.

    Attributes
    ----------
    distance : ``(N,)``, the Mahalanobis distance to the nearest component, in standard deviations of it.
    component : ``(N,)``, the nearest component, counted from 0; it may differ from the most probable one.
    distance_p_value : ``(N,)``, the probability that a draw from this component lies at least as far from its mean.
    log_density : ``(N,)``, in nats.
    density_p_value : ``(N,)``, the probability that a draw from the mixture has at most this density.
    departs : ``(N,)``, whether the row departs from the mixture's `dependence`; the other measures are of the
        independent columns alone.

    The measures of a row with missing cells are those of its other cells.
    """

    distance: Array
    component: NDArray[np.intp]
    distance_p_value: Array
    log_density: Array
    density_p_value: Array
    departs: NDArray[np.bool_]

    @property
    def expected(self) -> Array:
        """How many of N draws from the mixture are expected to have at most the density of each row: ``(N,)``.

        It is N times the density p-value. Rows where it is below 0.05 are significant at the 5 % level after
        Bonferroni's correction for N rows.
        """
        return self.density_p_value * len(self.density_p_value)


class _Part(NamedTuple):
    """The distribution of the cells that some rows have."""

    components: Components
    tail: DensityTail | None  # None if there is one component of positive weight

    def measures(
        self, values: NDArray[Any], log_density: Array, threads: int | None
    ) -> tuple[Array, NDArray[np.intp], Array, Array]:
        """Distances, nearest components and both p-values ``(n,)`` of cells ``(n, d)`` of known density."""
        distance, component = _nearest(values, self.components, threads)
        p_value = chi_squared_tail(distance, values.shape[1])
        density = p_value.copy() if self.tail is None else np.exp(self.tail.log_probabilities(log_density))
        return distance, component, p_value, density


class OutlierFunctions(ABC):
    """The methods of a mixture that say how unusual rows are."""

    weights: Array
    features: tuple[str, ...] | None
    dependence: Dependence | None
    background: Background | None

    @property
    @abstractmethod
    def without_background(self) -> OutlierFunctions:
        """The distribution of the rows that belong to a component."""

    @property
    @abstractmethod
    def n_features(self) -> int: ...

    @property
    @abstractmethod
    def components(self) -> Components:
        """The components as the kernel takes them."""

    @property
    @abstractmethod
    def independent_part(self) -> Self:
        """The distribution of the independent columns."""

    @abstractmethod
    def marginal(self, features: Sequence[str | int]) -> Self:
        """The distribution of some of the features."""

    @cached_property
    def _whole(self) -> _Part:
        """The distribution of complete rows."""
        return self._part(self.components)

    @cached_property
    def _partial(self) -> Callable[[tuple[int, ...]], _Part]:
        """The distribution of rows that have the independent columns at these positions alone."""

        @lru_cache(_PATTERNS)
        def partial(present: tuple[int, ...]) -> _Part:
            return self._part(self.independent_part.marginal(present).components, _POINTS)

        return partial

    def _part(self, components: Components, points: int | None = None) -> _Part:
        single = np.count_nonzero(self.weights) == 1
        return _Part(components, None if single else DensityTail.of(self.weights, components, points))

    def outlier_score(self, x: Any, *, threads: int | None = None) -> OutlierScores:
        r"""How unusual each point ``(N, D)`` is: two measures, and a p-value of each.

        The distance to the nearest component is

        .. math:: \delta(x) = \min_k \sqrt{(x - \mu_k)^T \Sigma_k^{-1} (x - \mu_k)}, \qquad
                  p_\delta(x) = P\bigl(\chi^2_D \ge \delta(x)^2\bigr)

        over the components of positive weight. Weights and sizes of the components play no role: a row in the middle
        of a rare or a wide component is usual. The p-value of a draw is below a level no more often than the level
        says, and less often where components overlap.

        The density compares the row with the whole mixture:

        .. math:: p_f(x) = P\bigl(p(X) \le p(x)\bigr), \qquad X \sim p

        The p-value of a draw is uniform between 0 and 1. Rows of rare and of wide components have low densities, so
        they are more unusual than rows of the others. With one component, both p-values are the same. With several,
        the second is integrated numerically, in the same way in every call. Its relative error is about 0.003 at 0.001
        and 0.03 at 1e-50 where components overlap, and much less where they stand apart. p-values below 1e-308 may be
        zero.

        The p-values hold for a mixture that is known, and for rows that were not used to fit it. In a table of
        thousands of rows, some have small p-values by chance: compare `OutlierScores.expected` with 0.05
        (Bonferroni), or control the false discovery rate with ``scipy.stats.false_discovery_control`` (Benjamini &
        Hochberg 1995, *Journal of the Royal Statistical Society B* 57:289).

        The measures of a point with missing cells are those of its other cells, under the marginal distribution of
        these; a point without any cell is not unusual. If columns follow from others (`dependence`), the measures are
        those of the independent columns, and `departs` says which rows break the equations of the others. A background
        is left out, so the measures compare a row with those that belong to a component. Raises `DataError` for a wrong
        width.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture(
        ...     [0.9, 0.1], [[0.0], [10.0]], [[[1.0]], [[4.0]]]
        ... )
        >>> scores = mixture.outlier_score([[0.0], [10.0], [3.5], [40.0]])
        >>> scores.distance, scores.component
        (array([ 0.  ,  0.  ,  3.25, 15.  ]), array([0, 1, 1, 1]))
        >>> scores.distance_p_value.round(3)
        array([1.   , 1.   , 0.001, 0.   ])
        >>> scores.density_p_value.round(3)
        array([1.   , 0.115, 0.002, 0.   ])
        """
        if self.background is not None:
            return self.without_background.outlier_score(x, threads=threads)
        points = checked_points(x, self.features, self.n_features)
        rows, departs = points, np.zeros(len(points), bool)
        if self.dependence is not None:
            rows = points.select(self.dependence.independent)
            with np.errstate(over="ignore", invalid="ignore"):
                departs = self.dependence.departs(points.values)
        log_density = kernel.posterior(rows, self.components, False, threads)[0]
        if not rows.incomplete:
            measures = self._whole.measures(rows.values, log_density, threads)
        else:
            measures = self._measures_of_incomplete(rows, log_density, threads)
        distance, component, distance_p_value, density_p_value = measures
        return OutlierScores(distance, component, distance_p_value, log_density, density_p_value, departs)

    def _measures_of_incomplete(
        self, rows: Rows, log_density: Array, threads: int | None
    ) -> tuple[Array, NDArray[np.intp], Array, Array]:
        n = len(rows)
        nearest = np.full(n, np.flatnonzero(self.weights)[0], np.intp)
        measures = np.zeros(n), nearest, np.ones(n), np.ones(n)  # those of a row without any cell
        for chosen, present in _groups(rows.values):
            values = rows.values[chosen][:, present]
            part = self._whole if present.all() else self._partial(tuple(np.flatnonzero(present).tolist()))
            for all_rows, found in zip(measures, part.measures(values, log_density[chosen], threads), strict=True):
                all_rows[chosen] = found
        return measures


def _groups(values: NDArray[Any]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """The positions of the rows that have the same cells, if they have any, and which cells these are."""
    complete = np.flatnonzero(~np.isnan(values).any(1))
    if len(complete):
        yield complete, np.ones(values.shape[1], bool)
    for chosen, present in patterns(values):
        if present.any():
            yield chosen, present


def _nearest(rows: NDArray[Any], components: Components, threads: int | None) -> tuple[Array, NDArray[np.intp]]:
    """The Mahalanobis distance ``(N,)`` to the nearest component of positive weight, and that component ``(N,)``."""
    present = np.flatnonzero(np.isfinite(components.log_constants)).tolist()
    nearest = np.full(len(rows), present[0], np.intp)
    largest = np.full(len(rows), -np.inf)  # minus half the squared distance
    for k in present:
        alone = components.take([k])._replace(log_constants=np.zeros(1))
        exponent = kernel.posterior(Rows(rows), alone, False, threads)[0]
        nearest[exponent > largest] = k
        largest = np.maximum(largest, exponent)
    return np.sqrt(0.0 - 2.0 * largest), nearest


def chi_squared_tail(distance: Array, n_features: int | NDArray[np.intp]) -> Array:
    """The probability ``(N,)`` that the norm of D standard normal variables is at least this distance."""
    from scipy.special import gammaincc

    with np.errstate(over="ignore"):
        return np.asarray(gammaincc(np.asarray(n_features) / 2.0, np.square(distance) / 2.0))
