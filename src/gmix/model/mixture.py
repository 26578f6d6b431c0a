"""`GaussianMixture`: an immutable distribution to evaluate, sample, condition and plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix import plot
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError, of_kind
from gmix.base.other_names import OtherNames, other_words
from gmix.base.wording import count
from gmix.distribution import DistributionFunctions
from gmix.exchange.conversions import Conversions
from gmix.model.background import Background, left_weight
from gmix.model.components import Components
from gmix.model.covariance import VVV, Structure, parts, structure as as_structure
from gmix.model.dependence import Dependence
from gmix.model.dependent_features import condition_part, image
from gmix.model.evaluation import Evaluation
from gmix.model.kernel import kernel
from gmix.model.m_step import background_weight, maximize
from gmix.model.mixture_arguments import (
    OF_SCIKIT_LEARN,
    affine_map,
    checked_parameters,
    given_values,
    indefinite,
    names_of_part,
    positions_of,
)
from gmix.model.moments import Moments
from gmix.model.priors import Prior, as_prior
from gmix.model.reference import AT_FLOOR
from gmix.model.sampling import Sampling
from gmix.model.statistics import SufficientStatistics
from gmix.notebook import mixture_html

__all__ = [
    "GaussianMixture", "compact_covariances", "mixtures_from_statistics", "unchecked_mixture",
    "with_dependent_features",
]  # fmt: skip

Array = NDArray[np.float64]


class GaussianMixture(Evaluation, Moments, Sampling, DistributionFunctions, Conversions, OtherNames):
    r"""An immutable distribution: a weighted sum of K Gaussians in D dimensions.

    .. math:: p(x) = \sum_{k=1}^K w_k \, N(x \mid \mu_k, \Sigma_k)

    Parameters
    ----------
    weights : ``(K,)``, not negative; they are divided by their sum, which may differ from 1 by a thousandth.
    means : ``(K, D)``, in the units of the data.
    covariances : ``(K, D, D)``, symmetric and positive definite; or in the compact shape of the structure's form.
    structure : what the covariances have in common; a `Structure`, its code or its name.
    features : the names of the D columns.
    background : a uniform density for rows that belong to no component, whose weight is what the weights of the
        components leave; None for none.

    Columns of a table may follow from others, such as a constant or the same temperature in another unit. A search then
    fits the independent columns, and the mixture describes how the others follow (`dependence`): means, covariances,
    samples, marginals and conditionals have all columns, and densities are those of the independent ones.

    Raises `ParameterError` for invalid parameters.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture(
    ...     [0.4, 0.6], [[-1.0, -1.0], [1.0, 2.0]], [np.eye(2), 2 * np.eye(2)]
    ... )
    >>> mixture
    GaussianMixture(VVV, 2 components, 2 features)
    >>> mixture.log_density([[0.0, 0.0]]).round(3)
    array([-3.294])
    """

    _other_names: ClassVar[Mapping[str, str]] = OF_SCIKIT_LEARN

    weights: Array
    means: Array
    structure: Structure
    features: tuple[str, ...] | None
    dependence: Dependence | None
    background: Background | None  # of the independent columns
    _compact: Array

    @one_blas_thread()
    def __init__(
        self,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        structure: str | Structure = VVV,
        features: Sequence[str] | None = None,
        background: Background | None = None,
    ) -> None:
        checked = checked_parameters(weights, means, covariances, structure, features, background)
        _freeze(self, *checked, background)
        try:
            self.components  # noqa: B018  (cached, and raises for a covariance that is not positive definite)
        except np.linalg.LinAlgError:
            raise ParameterError(indefinite(self._compact, self.structure, *self.means.shape)) from None

    @classmethod
    @one_blas_thread()
    def from_statistics(
        cls,
        statistics: SufficientStatistics,
        structure: str | Structure,
        prior: Prior | None = None,
        features: tuple[str, ...] | None = None,
        background: Background | None = None,
    ) -> GaussianMixture:
        """The M-step: the mixture with the greatest expected log-likelihood, or log posterior, given the statistics.

        Eigenvalues below half the floor of the statistics' `reference` are raised to it. For structures whose M-step
        is one division, and for those with one covariance, the result is the maximum under that constraint, so EM
        stays monotone. For the others, a covariance at the floor is positive definite and close to the maximum, and
        quantities that the structure makes equal may differ by what the floor adds.

        The weight of a `background`, which is that of the mixture that gave the statistics, is estimated: it is the
        share of the rows that no component has.
        """
        structure, prior = as_structure(structure), as_prior(prior)
        of_kind(statistics, SufficientStatistics, "statistics", "what gmix.expect returned, added up")
        if background is not None:
            of_kind(background, Background, "background", "a gmix.Background, or None")
        structure = structure.in_columns(statistics.n_features)
        if statistics.form is not structure.form:
            problem = f"{structure.code} needs {structure.form} scatter, not {statistics.form}"
            raise ParameterError(f"{problem}; compute the statistics with a mixture of this structure")
        if not statistics.total_weight > 0:
            raise ParameterError("the statistics are of no rows; add statistics of some rows")
        [parameters] = maximize([statistics], structure, prior)
        if background is not None:
            background = background.with_weight(background_weight(statistics, structure, prior))
            parameters = (left_weight(background) * parameters[0], *parameters[1:])
        return unchecked_mixture(*parameters, structure, features, background)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a mixture does not change; make a new one instead of setting {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a mixture does not change; make a new one instead of deleting {name!r}")

    def __repr__(self) -> str:
        components, features = count(self.n_components, "component"), count(self.n_features, "feature")
        background = "" if self.background is None else f", {100.0 * self.background.weight:.3g} % background"
        return f"GaussianMixture({self.structure}, {components}, {features}{background})"

    def _repr_html_(self) -> str:
        return mixture_html(self)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.dependence is not None:
            return with_dependent_features, (self.independent_part, self.dependence, self.features)
        arrays = (self.weights.copy(), self.means.copy(), self._compact.copy())
        return unchecked_mixture, (*arrays, self.structure, self.features, self.background)

    @cached_property
    def independent_part(self) -> GaussianMixture:
        """The distribution of the independent columns; the mixture itself if no column follows from others."""
        if self.dependence is None:
            return self
        chosen = list(self.dependence.independent)
        names = tuple(self.names[j] for j in chosen)
        means = self.means[:, chosen]
        return unchecked_mixture(self.weights, means, self._compact, self.structure, names, self.background)

    @property
    def without_background(self) -> GaussianMixture:
        """The distribution of the rows that belong to a component; the mixture itself without a background."""
        if self.background is None:
            return self
        weights, part = self.weights / self.weights.sum(), self.independent_part
        plain = unchecked_mixture(weights, part.means, self._compact, self.structure, part.features)
        return _named(plain, self.dependence, self.features)

    @property
    def n_components(self) -> int:
        return len(self.means)

    @property
    def n_features(self) -> int:
        return int(self.means.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features; ``x1``, ``x2`` and so on if they have none."""
        return self.features or tuple(f"x{d + 1}" for d in range(self.n_features))

    @property
    def n_parameters(self) -> int:
        """The number of free parameters: weights, means, and those of the covariances under the structure.

        A background adds one, its weight; its box is taken from the rows and does not count.
        """
        own = self.structure.n_parameters(self.n_components, self.independent_part.n_features)
        return own + (self.background is not None)

    @property
    @one_blas_thread()
    def covariances(self) -> Array:
        """The covariance matrices ``(K, D, D)``, in squared units of the data; singular where columns are dependent."""
        dense = self.structure.form.dense(self._compact, self.n_components, self.independent_part.n_features)
        if self.dependence is not None:
            dense = self.dependence.matrix @ dense @ self.dependence.matrix.T
            dense = (dense + dense.mT) / 2.0
        dense.flags.writeable = False
        return dense

    @cached_property
    @one_blas_thread()
    def components(self) -> Components:
        """The components as the kernel takes them: Cholesky factors, their inverses, and log constants."""
        found = kernel.prepare(self.structure.form, self.weights, self.independent_part.means, self._compact)
        return found if self.background is None else found._replace(background=self.background)

    @other_words({"columns": "features={}", "names": "features={}"})
    @one_blas_thread()
    def marginal(self, features: str | int | Sequence[str | int]) -> GaussianMixture:
        """The distribution of one or some of the features, by name or position, in the order given.

        The names of features without names are x1, x2 and so on. Its structure is the `Structure.marginal` of this one.
        """
        chosen = positions_of(features, self.names)
        names = names_of_part(chosen, features, self.features, self.names)
        if self.dependence is not None:
            matrix, offset = self.dependence.matrix[chosen], self.dependence.offset[chosen]
            return _named(*image(self.independent_part, matrix, offset), names)
        shape = self.n_components, self.n_features
        structure, compact = parts.marginal(self.structure, self._compact, shape, chosen)
        background = None if self.background is None else self.background.select(chosen)
        return unchecked_mixture(self.weights, self.means[:, chosen], compact, structure, names, background)

    @other_words(otherwise="values as a dict, {{word}: {}}")
    @one_blas_thread()
    def condition(
        self, values: Mapping[str, float] | Mapping[int, float] | Mapping[str | int, float]
    ) -> GaussianMixture:
        r"""The distribution of the other features, given the values of some, by name or position as in `marginal`.

        .. math:: \mu_{k,a|b} = \mu_{k,a} + \Sigma_{k,ab} \Sigma_{k,bb}^{-1} (x_b - \mu_{k,b}), \qquad
                  \Sigma_{k,a|b} = \Sigma_{k,aa} - \Sigma_{k,ab} \Sigma_{k,bb}^{-1} \Sigma_{k,ba}

        and the weights are the responsibilities for ``x_b`` (Bishop, *Pattern Recognition and Machine Learning*,
        equations 2.81 and 2.82).

        >>> both = GaussianMixture(
        ...     [1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]], features=["a", "b"]
        ... )
        >>> both.condition({"b": 2.0}).means
        array([[1.]])
        """
        named, point = given_values(values)
        given = positions_of(named, self.names)
        free = [i for i in range(self.n_features) if i not in given]
        if not free:
            raise ParameterError("every feature is given a value; leave at least one free")
        names = names_of_part(free, named, self.features, self.names)
        if self.dependence is not None:
            part, matrix, offset = condition_part(self.independent_part, self.dependence, given, point, free)
            return _named(*image(part, matrix, offset), names)
        weights, background = self.marginal(given).responsibilities(point[None])[0], self.background
        if background is not None:
            background = background.select(free).with_weight(max(1.0 - float(weights.sum()), 0.0))
        structure, compact, means = parts.conditional(self.structure, self._compact, self.means, given, free, point)
        return unchecked_mixture(weights, means, compact, structure, names, background)

    def reordered(self, order: ArrayLike) -> GaussianMixture:
        """The same distribution with its components in another order: component k is the former ``order[k]``.

        Raises `ParameterError` unless the order ``(K,)`` holds each component once.

        >>> mixture = GaussianMixture([0.4, 0.6], [[5.0], [1.0]], [[[1.0]], [[1.0]]])
        >>> mixture.reordered([1, 0]).means[:, 0]
        array([1., 5.])
        """
        chosen = np.asarray(order)
        if chosen.dtype.kind not in "iu" or sorted(chosen.tolist()) != list(range(self.n_components)):
            raise ParameterError(f"order is {order!r}; give each of the components 0 to {self.n_components - 1} once")
        if self.dependence is not None:
            return with_dependent_features(self.independent_part.reordered(chosen), self.dependence, self.features)
        compact = self.structure.form.take(self._compact, chosen)
        weights, means = self.weights[chosen], self.means[chosen]
        return unchecked_mixture(weights, means, compact, self.structure, self.features, self.background)

    @one_blas_thread()
    def affine(self, matrix: ArrayLike, offset: ArrayLike = 0.0) -> GaussianMixture:
        """The distribution of ``matrix @ x + offset``, with unrestricted covariances.

        With a background, each row of the matrix has one entry, because a rotated box is no box along the axes.

        The rows of the matrix must be independent, unless features of this mixture follow from others (`dependence`);
        then features of the result may follow from others too.
        """
        a, b = affine_map(matrix, offset, self.n_features)
        if self.dependence is not None and np.isfinite(a).all() and np.isfinite(b).all():
            matrix, offset = a @ self.dependence.matrix, a @ self.dependence.offset + b
            return _named(*image(self.independent_part, matrix, offset), None)
        background = None if self.background is None else self.background.affine(a, b)
        try:
            means, covariances = self.means @ a.T + b, a @ self.covariances @ a.T
            return GaussianMixture(self.weights, means, covariances, background=background)
        except ParameterError as error:
            raise ParameterError(
                f"matrix @ x + offset has no density ({error}); give finite numbers, and rows that are independent"
            ) from None

    def collapsed(self, statistics: SufficientStatistics) -> list[int]:
        """The components whose covariance is at the floor of these statistics; see `gmix.model.reference.Reference`."""
        of_kind(statistics, SufficientStatistics, "statistics", "what gmix.expect returned, or fit.statistics")
        reference = statistics.reference
        smallest = self.structure.form.smallest(reference.with_least_error(self._compact), reference.floor)
        return np.flatnonzero(np.broadcast_to(smallest, self.n_components) < AT_FLOOR).tolist()

    def plot(self, points: Any = None, **options: Any) -> Any:
        """Draw the mixture, over points if some are given; see `gmix.plot.plot`."""
        return plot.plot(self, points, **options)


def _freeze(
    mixture: GaussianMixture,
    weights: Array,
    means: Array,
    compact: Array,
    structure: Structure,
    features: tuple[str, ...] | None,
    background: Background | None,
) -> None:
    """Set the parameters of a mixture."""
    arrays = {"weights": _frozen(weights), "means": _frozen(means), "_compact": _frozen(compact)}
    vars(mixture).update(arrays, structure=structure, features=features, dependence=None, background=background)


def _frozen(array: Array) -> Array:
    """The array, read-only and in C order, as the kernel takes it."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def unchecked_mixture(
    weights: Array,
    means: Array,
    compact: Array,
    structure: Structure,
    features: tuple[str, ...] | None,
    background: Background | None = None,
) -> GaussianMixture:
    """A mixture with parameters that are known to be valid, and compact covariances."""
    mixture = GaussianMixture.__new__(GaussianMixture)
    _freeze(mixture, weights, means, compact, structure, features, background)
    return mixture


def mixtures_from_statistics(
    sums: Sequence[SufficientStatistics], structure: Structure, prior: Prior | None, features: tuple[str, ...] | None
) -> list[GaussianMixture]:
    """`GaussianMixture.from_statistics` for each of several statistics of the same rows, without its checks."""
    return [unchecked_mixture(*parameters, structure, features) for parameters in maximize(sums, structure, prior)]


def compact_covariances(mixture: GaussianMixture) -> Array:
    """The covariances in the compact shape of the structure's form; see `gmix.covariance.form`."""
    return np.asarray(vars(mixture)["_compact"])


def with_dependent_features(
    mixture: GaussianMixture, dependence: Dependence, features: tuple[str, ...] | None
) -> GaussianMixture:
    """The distribution of all columns ``(D,)`` that follow from the features of a mixture."""
    compact, means = compact_covariances(mixture), dependence.expand(mixture.means)
    extended = unchecked_mixture(mixture.weights, means, compact, mixture.structure, features)
    vars(extended).update(dependence=dependence, background=mixture.background)
    return extended


def _named(
    mixture: GaussianMixture, dependence: Dependence | None, features: tuple[str, ...] | None
) -> GaussianMixture:
    """A mixture, extended by the features that follow from its features, with these names."""
    if dependence is not None:
        return with_dependent_features(mixture, dependence, features)
    compact = compact_covariances(mixture)
    return unchecked_mixture(mixture.weights, mixture.means, compact, mixture.structure, features, mixture.background)
