"""`StudentMixture`: an immutable mixture of Student distributions to evaluate, sample and condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix import plot
from gmix.base.arguments import Rng, as_generator, as_numbers
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError, one_of
from gmix.base.other_names import OtherNames, other_words
from gmix.base.rows import Rows
from gmix.base.wording import count
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import DIAGONAL, SPHERICAL, Structure, structure as as_structure
from gmix.model.dependence import Dependence
from gmix.model.evaluation import Evaluation
from gmix.model.families import GAUSSIAN, StudentT
from gmix.model.imputation import imputed
from gmix.model.mixture import GaussianMixture
from gmix.model.mixture_arguments import OF_SCIKIT_LEARN, checked_points, given_values, positions_of
from gmix.model.sampling import Draws, RandomDraws
from gmix.model.statistics import SufficientStatistics
from gmix.model.student.degrees import n_parameters
from gmix.model.student.tails import Tails
from gmix.notebook import mixture_html

__all__ = ["StudentMixture", "gaussian", "normal_part", "same_family"]

Array = NDArray[np.float64]
_OF_GAUSSIANS = (
    "affine_image", "box_probability", "skewness", "kurtosis", "from_statistics", "stratified_sample", "to_sklearn",
    "entropy", "modes", "score", "hessian", "reduce", "overlap", "kl_divergence", "rosenblatt",
)  # fmt: skip


class StudentMixture(Evaluation, Tails, RandomDraws, OtherNames):
    r"""An immutable distribution: a weighted sum of K multivariate Student distributions in D dimensions.

    .. math:: p(x) = \sum_{k=1}^K w_k \, \frac{\Gamma\left(\frac{\nu_k + D}2\right)}
              {\Gamma\left(\frac{\nu_k}2\right) (\nu_k \pi)^{D/2} |\Sigma_k|^{1/2}}
              \left(1 + \frac{(x - \mu_k)^\top \Sigma_k^{-1} (x - \mu_k)}{\nu_k}\right)^{-(\nu_k + D)/2}

    Parameters
    ----------
    weights : ``(K,)``, not negative; they are divided by their sum, which may differ from 1 by a thousandth.
    means : ``(K, D)`` the centers, in the units of the data; the means of the components where nu is above 1.
    scales : the scale matrices ``(K, D, D)``, symmetric and positive definite; or in the compact shape of the
        structure's form. The covariances are ``nu / (nu - 2)`` times as large.
    degrees_of_freedom : nu, ``(K,)`` or one number for all components, above zero: 1 is the Cauchy distribution, and
        large numbers approach the Gaussian.
    structure : what the scale matrices have in common; a `Structure`, its code or its name.
    features : the names of the D columns.
    background : a uniform density for rows that belong to no component; None for none.
    estimated : which degrees of freedom are parameters, which EM estimates: ``"none"``, ``"all"`` for one number that
        all components have, or ``"each"``. By default ``"all"`` if they are equal, else ``"each"``.

    Raises `ParameterError` for invalid parameters.

    >>> import gmix
    >>> mixture = gmix.StudentMixture([1.0], [[0.0, 0.0]], [np.eye(2)], 3.0)
    >>> mixture
    StudentMixture(VVV, 1 component, 2 features, 3 degrees of freedom)
    >>> mixture.log_density([[0.0, 0.0], [10.0, 0.0]]).round(3)
    array([ -1.838, -10.678])
    """

    _other_names: ClassVar[Mapping[str, str]] = OF_SCIKIT_LEARN | dict.fromkeys(
        _OF_GAUSSIANS,
        "only Gaussian mixtures have it; fit with family='gaussian', or take mixture.normal, which has the same "
        "weights, means and scale matrices",
    )

    normal: GaussianMixture
    degrees_of_freedom: Array
    estimated: str

    def __init__(
        self,
        weights: ArrayLike,
        means: ArrayLike,
        scales: ArrayLike,
        degrees_of_freedom: ArrayLike,
        structure: str | Structure = "full",
        features: Sequence[str] | None = None,
        background: Background | None = None,
        estimated: str | None = None,
    ) -> None:
        normal = GaussianMixture(weights, means, scales, structure, features, background)
        degrees = as_numbers(degrees_of_freedom, "degrees_of_freedom")
        k = normal.n_components
        if degrees.shape not in ((), (k,)) or not (np.isfinite(degrees).all() and (degrees > 0.0).all()):
            raise ParameterError(
                f"degrees_of_freedom is {degrees_of_freedom!r}; give a finite number above zero, or one for each "
                f"of the {count(k, 'component')}"
            )
        degrees = np.array(np.broadcast_to(degrees, k))
        equal = bool((degrees == degrees[0]).all())
        if estimated is not None:
            estimated = one_of(estimated, ("none", "all", "each"), "estimated")
        if estimated == "all" and not equal:
            raise ParameterError("estimated is 'all' and the degrees of freedom differ; give one number, or 'each'")
        _set(self, normal, degrees, estimated or ("all" if equal else "each"))

    @classmethod
    def of(cls, normal: GaussianMixture, degrees_of_freedom: Array, estimated: str) -> StudentMixture:
        """The mixture with the weights, means and scale matrices of a Gaussian one; the parameters are not checked."""
        mixture = cls.__new__(cls)
        _set(mixture, normal, np.array(degrees_of_freedom, np.float64), estimated)
        return mixture

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a mixture does not change; make a new one instead of setting {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a mixture does not change; make a new one instead of deleting {name!r}")

    def __repr__(self) -> str:
        low, high = self.degrees_of_freedom.min(), self.degrees_of_freedom.max()
        degrees = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        part = repr(self.normal).removeprefix("GaussianMixture(").removesuffix(")")
        return f"StudentMixture({part}, {degrees} degrees of freedom)"

    def _repr_html_(self) -> str:
        return mixture_html(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return StudentMixture.of, (self.normal, self.degrees_of_freedom.copy(), self.estimated)

    @property
    def weights(self) -> Array:
        return self.normal.weights

    @property
    def means(self) -> Array:
        return self.normal.means

    @property
    def scales(self) -> Array:
        """The scale matrices ``(K, D, D)``, in squared units of the data; singular where columns are dependent."""
        return self.normal.covariances

    @property
    def covariances(self) -> Array:
        """The covariance matrices ``(K, D, D)``, ``nu / (nu - 2)`` times the scales; NaN where nu is 2 or less."""
        return np.asarray(self._inflation[:, None, None] * self.scales)

    @property
    def structure(self) -> Structure:
        return self.normal.structure

    @property
    def features(self) -> tuple[str, ...] | None:  # type: ignore[override]  # an attribute of other mixtures
        return self.normal.features

    @property
    def dependence(self) -> Dependence | None:  # type: ignore[override]
        return self.normal.dependence

    @property
    def background(self) -> Background | None:  # type: ignore[override]
        return self.normal.background

    @property
    def n_components(self) -> int:
        return self.normal.n_components

    @property
    def n_features(self) -> int:
        return self.normal.n_features

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features; ``x1``, ``x2`` and so on if they have none."""
        return self.normal.names

    @property
    def n_parameters(self) -> int:
        """The number of free parameters: those of a Gaussian mixture, and the degrees of freedom that are estimated."""
        return self.normal.n_parameters + n_parameters(self.estimated, self.n_components)

    @cached_property
    def components(self) -> Components:
        """The components as the kernel takes them."""
        found, family = self.normal.components, StudentT(tuple(self.degrees_of_freedom.tolist()))
        n_features = found.means.shape[1]
        constants = found.log_constants + (family.log_constant(n_features) - GAUSSIAN.log_constant(n_features))
        constants.flags.writeable = False
        return found._replace(log_constants=constants, family=family)

    @property
    def independent_part(self) -> StudentMixture:
        """The distribution of the independent columns; the mixture itself if no column follows from others."""
        return self if self.dependence is None else self._with(self.normal.independent_part)

    @property
    def without_background(self) -> StudentMixture:
        """The distribution of the rows that belong to a component; the mixture itself without a background."""
        return self if self.background is None else self._with(self.normal.without_background)

    @other_words({"columns": "features={}", "names": "features={}"})
    def marginal(self, features: str | int | Sequence[str | int]) -> StudentMixture:
        """The distribution of one or some of the features, by name or position, in the order given.

        The degrees of freedom are those of this mixture.
        """
        return self._with(self.normal.marginal(features))

    def affine(self, matrix: ArrayLike, offset: ArrayLike = 0.0) -> StudentMixture:
        """The distribution of ``matrix @ x + offset``, with unrestricted scales; see `GaussianMixture.affine`."""
        return self._with(self.normal.affine(matrix, offset))

    def reordered(self, order: ArrayLike) -> StudentMixture:
        """The same distribution with its components in another order: component k is the former ``order[k]``."""
        normal = self.normal.reordered(order)
        return StudentMixture.of(normal, self.degrees_of_freedom[np.asarray(order)], self.estimated)

    def collapsed(self, statistics: SufficientStatistics) -> list[int]:
        """The components whose scale matrix is at the floor of these statistics; see `GaussianMixture.collapsed`."""
        return self.normal.collapsed(statistics)

    def plot(self, points: Any = None, **options: Any) -> Any:
        """Draw the mixture, over points if some are given; see `gmix.plot.plot`. Ellipses are those of the scales."""
        return plot.plot(self, points, **options)

    @other_words(otherwise="values as a dict, {{word}: {}}")
    @one_blas_thread()
    def condition(
        self, values: Mapping[str, float] | Mapping[int, float] | Mapping[str | int, float]
    ) -> StudentMixture:
        r"""The distribution of the other features, given the values of some: again a mixture of Student distributions.

        With the means and covariances of the conditional Gaussian (`GaussianMixture.condition`), and the squared
        Mahalanobis distance :math:`\delta_k` of the d given values,

        .. math:: \nu_{k,a|b} = \nu_k + d, \qquad
                  \Sigma_{k,a|b} = \frac{\nu_k + \delta_k}{\nu_k + d}
                  \left(\Sigma_{k,aa} - \Sigma_{k,ab} \Sigma_{k,bb}^{-1} \Sigma_{k,ba}\right)

        and the weights are the responsibilities for the given values (Ding 2016, *The American Statistician* 70:293).
        The further the values are from a component, the wider it becomes.

        >>> import gmix
        >>> both = gmix.StudentMixture([1.0], [[0.0, 0.0]], [np.eye(2)], 3.0)
        >>> both.condition({0: 3.0}).scales
        array([[[3.]]])
        """
        if self.dependence is not None:
            raise ParameterError("columns of this mixture follow from others; take mixture.independent_part")
        named, point = given_values(values)
        given = positions_of(named, self.names)
        normal, marginal = self.normal.condition(values), self.marginal([*given])
        squared, weights = marginal.squared_distances(point[None])[0], marginal.responsibilities(point[None])[0]
        factors = (self.degrees_of_freedom + squared) / (self.degrees_of_freedom + len(given))
        form = self.structure.form
        code = "VVI" if form is DIAGONAL else "VII" if form is SPHERICAL else "VVV"
        structure = as_structure(code).in_columns(normal.n_features)
        background = normal.background
        if background is not None:
            background = background.with_weight(max(1.0 - float(weights.sum()), 0.0))
        scales = np.array(structure.form.compress(factors[:, None, None] * normal.covariances))
        wider = GaussianMixture(weights, normal.means, scales, structure, normal.features, background)
        return StudentMixture.of(wider, self.degrees_of_freedom + len(given), self.estimated)

    @one_blas_thread()
    def _draw(self, n: int, generator: np.random.Generator, threads: int | None) -> Draws:
        points, labels = self.normal.sample_labelled(n, rng=generator, threads=threads)
        own = labels >= 0
        degrees = self.degrees_of_freedom[labels[own]]
        precisions = generator.chisquare(degrees) / degrees
        centers = self.means[labels[own]]
        points[own] = centers + (points[own] - centers) / np.sqrt(precisions)[:, None]
        return points, labels

    def near(self, normal: GaussianMixture) -> StudentMixture:
        """A mixture with the weights, means and scale matrices of a Gaussian one that was made from `normal`.

        Each component has the degrees of freedom of the component of this mixture with the nearest center.
        """
        part = self.normal.independent_part
        unit = np.sqrt(np.diagonal(part.covariances, axis1=1, axis2=2).mean(0))
        apart = ((normal.independent_part.means[:, None] - part.means) / unit) ** 2
        return StudentMixture.of(normal, self.degrees_of_freedom[apart.sum(2).argmin(1)], self.estimated)

    def impute(self, x: Any, *, rng: Rng = None, threads: int | None = None) -> Array:
        r"""Fill in the missing cells of points ``(N, D)``; the other cells are kept.

        Without `rng`, a missing cell gets its conditional mean, as in `GaussianMixture.impute`. With `rng`, a seed or a
        generator, it gets a draw from the conditional distribution (`condition`).

        >>> import gmix
        >>> both = gmix.StudentMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]], 3.0)
        >>> both.impute([[2.0, np.nan]])
        array([[2., 1.]])
        """
        points = checked_points(x, self.features, self.n_features)
        if rng is None:
            return imputed(points, self.components, None, threads, self.dependence)
        generator = as_generator(rng)
        cells = (~np.isnan(np.asarray(self._points(points).values, np.float64))).sum(1)[:, None]
        nu, squared = self.degrees_of_freedom, self.squared_distances(points)
        widths = np.sqrt((nu + squared) / generator.chisquare(nu + cells))
        return imputed(points, self.components, generator, threads, self.dependence, widths)

    def _with(self, normal: GaussianMixture) -> StudentMixture:
        return StudentMixture.of(normal, self.degrees_of_freedom, self.estimated)

    def _points(self, x: Any, row_errors: Any = None, row_covariance: ArrayLike | None = None) -> Rows:
        rows = super()._points(x, row_errors, row_covariance)
        if rows.errors is not None:
            raise ParameterError(
                "rows with errors of measurement have no closed density under Student components; leave out the "
                "errors, or fit with family='gaussian'"
            )
        return rows


def _set(mixture: StudentMixture, normal: GaussianMixture, degrees: Array, estimated: str) -> None:
    """Set the parameters of a mixture."""
    degrees.flags.writeable = False
    vars(mixture).update(normal=normal, degrees_of_freedom=degrees, estimated=estimated)


M = TypeVar("M", bound=GaussianMixture | StudentMixture)


def same_family(mixture: M, normal: GaussianMixture) -> M:
    """A mixture of the family of another one, whose normal part was made from that of the other one."""
    return cast("M", mixture.near(normal) if isinstance(mixture, StudentMixture) else normal)


def normal_part(mixture: GaussianMixture | StudentMixture) -> GaussianMixture:
    """The Gaussian mixture with the same weights, means, and scale matrices as covariances."""
    return mixture.normal if isinstance(mixture, StudentMixture) else mixture


def gaussian(mixture: GaussianMixture | StudentMixture, what: str) -> GaussianMixture:
    """A Gaussian mixture. Raises `ParameterError` for a Student mixture, in which `what` names what needs Gaussians."""
    if isinstance(mixture, StudentMixture):
        raise ParameterError(f"{what} needs Gaussian components, and these are Student; fit with family='gaussian'")
    return mixture
