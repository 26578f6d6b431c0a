"""What a picture needs from a mixture, a fit or a search, and checks of what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_count
from gmix.base.errors import ParameterError
from gmix.base.table import as_points, check_finite, weights_of
from gmix.base.wording import count
from gmix.model.background import Background
from gmix.model.covariance import Structure
from gmix.model.dependence import Dependence
from gmix.model.regions import Distribution
from gmix.model.statistics import SufficientStatistics

__all__ = [
    "Candidate", "Density", "Fit", "Gaussians", "Merging", "Mixture", "Model", "Optima", "Optimum", "Search",
    "expect_comparison", "expect_features", "expect_some", "extent", "fit_of", "gaussians_of", "grid_of",
    "heights_of", "in_independent_columns", "is_fit", "is_merging", "is_mixture", "is_model", "is_search",
    "labels_of", "mixture_of", "points_of", "search_of", "separation", "spreads",
    "weighted_points_of",
]  # fmt: skip

Array = NDArray[np.float64]


class OutlierScores(Protocol):
    """How unusual rows are, as `gmix.OutlierScores` is."""

    @property
    def log_density(self) -> Array: ...
    @property
    def density_p_value(self) -> Array: ...


class Mixture(Distribution, Protocol):
    """A distribution with components, as `gmix.GaussianMixture` is."""

    @property
    def weights(self) -> Array: ...
    @property
    def means(self) -> Array: ...
    @property
    def covariances(self) -> Array: ...
    @property
    def structure(self) -> Structure: ...
    @property
    def features(self) -> tuple[str, ...] | None: ...
    @property
    def n_components(self) -> int: ...
    @property
    def dependence(self) -> Dependence | None: ...
    @property
    def background(self) -> Background | None: ...
    @property
    def independent_part(self) -> Self: ...
    @property
    def without_background(self) -> Self: ...
    def density(self, x: Any) -> Array: ...
    def responsibilities(self, x: Any) -> Array: ...
    def outlier_score(self, x: Any) -> OutlierScores: ...
    def predict(self, x: Any) -> NDArray[np.intp]: ...
    def marginal(self, features: Sequence[str | int]) -> Self: ...


@runtime_checkable
class Gaussians(Mixture, Protocol):
    """A mixture of Gaussian components, as `gmix.GaussianMixture` is."""

    def cdf(self, x: Any) -> Array: ...
    def quantile(self, probability: ArrayLike) -> Array: ...
    def rosenblatt(self, x: Any) -> Array: ...
    def mahalanobis(self, x: Any) -> Array: ...
    @classmethod
    def from_statistics(
        cls,
        statistics: SufficientStatistics,
        structure: Structure,
        prior: None = None,
        features: tuple[str, ...] | None = None,
        background: Background | None = None,
    ) -> Self: ...


class Optimum(Protocol):
    """A local optimum, as `gmix.fitting.refinement.Optimum` is."""

    @property
    def objective(self) -> float: ...
    @property
    def times(self) -> int: ...
    @property
    def changed(self) -> float: ...


class Optima(Protocol):
    """The local optima of a candidate, as `gmix.fitting.refinement.Optima` is."""

    @property
    def found(self) -> Sequence[Optimum]: ...
    @property
    def total_weight(self) -> float: ...
    @property
    def from_trials(self) -> bool: ...
    @property
    def trials(self) -> int: ...
    @property
    def chance_of_better(self) -> float: ...


class Candidate(Protocol):
    """A structure with a number of components that was fitted, as `gmix.fitting.candidates.Candidate` is."""

    @property
    def structure(self) -> Structure: ...
    @property
    def n_components(self) -> int: ...
    @property
    def criteria(self) -> Mapping[str, float]: ...
    @property
    def is_set_aside(self) -> bool: ...
    @property
    def optima(self) -> Optima: ...


class Search(Protocol):
    """Candidates and the choice among them, as `gmix.fitting.candidates.Search` is."""

    @property
    def candidates(self) -> Sequence[Candidate]: ...
    @property
    def best(self) -> Candidate: ...
    @property
    def criterion(self) -> str: ...
    @property
    def compares(self) -> bool: ...


class Fit(Protocol):
    """A fitted mixture, as `gmix.Fit` is."""

    @property
    def mixture(self) -> Mixture: ...
    @property
    def history(self) -> Sequence[float]: ...
    @property
    def mass(self) -> float: ...
    @property
    def log_prior(self) -> float: ...
    @property
    def posterior(self) -> object | None: ...
    @property
    def criteria(self) -> Mapping[str, float]: ...
    @property
    def search(self) -> Search | None: ...


class Merging(Protocol):
    """Clusters of components, as `gmix.Merging` is."""

    @property
    def entropy(self) -> Array: ...
    @property
    def elbow(self) -> int: ...
    def lines(self, bend: int) -> tuple[Array, Array]: ...


Model = Mixture | Fit
Density = Callable[[Array], ArrayLike] | Mixture | Fit


# A runtime check against a protocol would read, and so compute, its properties; these look at a few names alone.
def is_mixture(value: object) -> TypeGuard[Mixture]:
    """Return whether it is a mixture."""
    return hasattr(type(value), "responsibilities") and hasattr(type(value), "marginal")


def is_fit(value: object) -> TypeGuard[Fit]:
    """Return whether it is a fit."""
    return hasattr(value, "history") and is_mixture(getattr(value, "mixture", None))


def is_model(value: object) -> TypeGuard[Model]:
    """Return whether it is a mixture or a fit."""
    return is_mixture(value) or is_fit(value)


def is_search(value: object) -> TypeGuard[Search]:
    """Return whether it is a search."""
    return hasattr(value, "candidates") and hasattr(value, "criterion")


def is_merging(value: object) -> TypeGuard[Merging]:
    """Return whether it is a merging."""
    return hasattr(value, "entropy") and hasattr(type(value), "elbow")


def gaussians_of(mixture: Mixture, what: str) -> Gaussians:
    """A mixture of Gaussian components. Raises `ParameterError` for others; `what` names the picture."""
    if not isinstance(mixture, Gaussians):
        raise ParameterError(f"{what} needs Gaussian components; give a GaussianMixture, or mixture.normal")
    return mixture


def spreads(mixture: Mixture) -> Array:
    """The covariances ``(K, D, D)`` of the components; of a Student mixture the scale matrices, which always exist."""
    return np.asarray(mixture.scales if hasattr(mixture, "scales") else mixture.covariances)


def mixture_of(model: object) -> Mixture:
    """The mixture of a model. Raises `ParameterError` for anything but a mixture or a fit."""
    if is_fit(model):
        return model.mixture
    if is_mixture(model):
        return model
    raise ParameterError(f"model is a {type(model).__name__}; give a GaussianMixture or a Fit")


def fit_of(fit: object) -> Fit:
    """A fit. Raises `ParameterError` for anything else: such a picture shows more than a mixture knows."""
    if is_fit(fit):
        return fit
    raise ParameterError(f"fit is a {type(fit).__name__}; give what gmix.fit returned")


def search_of(fit: Fit) -> Search:
    """The search of a fit. Raises `ParameterError` for a fit that was loaded, because files hold no search."""
    if fit.search is None:
        raise ParameterError("this fit was loaded, and a file holds no search; give what gmix.fit returned")
    return fit.search


def expect_comparison(search: Search) -> None:
    """Raise `ParameterError` for a search of one candidate."""
    if not search.compares:
        raise ParameterError("this fit was not chosen among several; fit with components=range(1, 9) to compare")


def in_independent_columns(model: Any, points: Any, sample_weight: Any = None) -> tuple[Mixture, Any, Any]:
    """The mixture and the points, without the columns that follow from others, and the weights of the points."""
    mixture = mixture_of(model)
    if mixture.dependence is None or points is None:
        return mixture.independent_part, points, sample_weight
    rows, weight = weighted_points_of(points, mixture, mixture.n_features, sample_weight)
    return mixture.independent_part, rows[:, mixture.dependence.independent], weight


def expect_features(mixture: Mixture, wanted: int) -> None:
    """Raise `ParameterError` for a mixture of more or fewer features than a picture shows."""
    if mixture.n_features != wanted:
        raise ParameterError(
            f"this picture shows {count(wanted, 'feature')} and the mixture has {mixture.n_features}; "
            "draw mixture.marginal([...]), or use plot"
        )


def points_of(points: Any, mixture: Mixture | None, wanted: int, weight: str | None = None) -> Array:
    """Points as an array ``(N, D)``, by the names of the mixture where they have some; `weight` is no feature.

    NaN is a missing cell.
    """
    given, names = as_points(points, None if mixture is None else mixture.features, weight)
    rows = np.asarray(given, np.float64)
    if rows.shape[1] != wanted:
        raise ParameterError(
            f"the points have {count(rows.shape[1], 'column')} and this picture shows {wanted}; choose columns"
        )
    check_finite(rows, names, missing=True)
    return rows


def weighted_points_of(
    points: Any, mixture: Mixture | None, wanted: int, sample_weight: ArrayLike | str | None
) -> tuple[Array, Array]:
    """`points_of` and their weights ``(N,)``, from numbers or the name of a column; ones if there are none."""
    rows = points_of(points, mixture, wanted, sample_weight if isinstance(sample_weight, str) else None)
    weight = weights_of(points, sample_weight, len(rows))
    return rows, np.ones(len(rows)) if weight is None else weight


def expect_some(rows: Array) -> None:
    """Raise `ParameterError` for a table without rows."""
    if len(rows) == 0:
        raise ParameterError("there are no points; give one at least")


def labels_of(rows: Array, components: Any) -> NDArray[np.intp]:
    """The component ``(N,)`` of each row, from a model, labels or responsibilities."""
    if components is None:
        return np.zeros(len(rows), np.intp)
    if is_model(components):
        return mixture_of(components).predict(rows)
    given = np.asarray(components)
    if given.ndim not in (1, 2) or len(given) != len(rows):
        raise ParameterError(
            f"components has shape {given.shape} for {count(len(rows), 'point')}; give labels (N,) or "
            "responsibilities (N, K)"
        )
    if given.dtype.kind not in ("biu" if given.ndim == 1 else "fiub"):
        raise ParameterError(f"components holds {given.dtype} values; give whole numbers, counted from 0, or shares")
    return np.asarray(given if given.ndim == 1 else given.argmax(1)).astype(np.intp)


def extent(mixture: Mixture, deviations: float = 3.2) -> Array:
    """Limits ``(D, 2)`` that hold all but a thousandth of each component; a second row of zeros for one feature."""
    deviation = deviations * np.sqrt(np.diagonal(spreads(mixture), axis1=1, axis2=2))
    alive = mixture.weights > 0
    extent = np.stack([(mixture.means - deviation)[alive].min(0), (mixture.means + deviation)[alive].max(0)], axis=1)
    return extent if len(extent) > 1 else np.vstack([extent, [0.0, 0.0]])


def grid_of(density: Density, limits: ArrayLike, resolution: int) -> tuple[Array, Array, Array]:
    """A grid of points over the plane, x and y, and the density there."""
    given = as_numbers(limits, "limits")
    edges = np.broadcast_to(given, (2, 2)) if given.shape in ((2,), (2, 2)) else np.full((2, 2), np.nan)
    if not (np.isfinite(edges).all() and (edges[:, 0] < edges[:, 1]).all()):
        raise ParameterError(f"limits {given.tolist()} must increase: (low, high), or one pair for each axis")
    if not is_count(resolution, 2):
        raise ParameterError(f"resolution is {resolution!r}; give the number of points along each side")
    x, y = np.meshgrid(*(np.linspace(low, high, resolution) for low, high in edges))
    points = np.column_stack([x.ravel(), y.ravel()])
    if is_model(density):
        mixture = mixture_of(density)
        expect_features(mixture, 2)
        values = mixture.density(points)
    elif not callable(density):
        raise ParameterError(f"density is a {type(density).__name__}; give a function of points, or a model")
    else:
        values = as_numbers(density(points), "what the density gave")
        if values.shape != (len(points),):
            raise ParameterError(
                f"the density gave shape {values.shape} for points {points.shape}; give one number each"
            )
    return x, y, values.reshape(x.shape)


def heights_of(density: Density, limits: ArrayLike, resolution: int) -> tuple[Array, Array, Array]:
    """`grid_of` for a density that must be finite, and above zero somewhere."""
    x, y, z = grid_of(density, limits, resolution)
    if not 0.0 < float(z.max()) < np.inf:  # NaN compares false
        raise ParameterError(
            f"the density reaches {float(z.max()):g} within limits {np.asarray(limits).tolist()}; it must be finite, "
            "and above zero somewhere"
        )
    return x, y, z


def separation(mixture: Mixture) -> Array:
    """The proportion ``(D,)`` of each column's variance that lies between the components."""
    mixture = mixture.without_background
    mean = mixture.weights @ mixture.means
    between = mixture.weights @ (mixture.means - mean) ** 2
    within = mixture.weights @ np.diagonal(spreads(mixture), axis1=1, axis2=2)
    return np.asarray(between / np.maximum(between + within, np.finfo(np.float64).tiny))
