"""What a picture is made of: the mixture of a model, the points that suit it, its names and where it lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_count
from gmix.base.errors import ParameterError, of_kind
from gmix.base.table import as_points, check_finite
from gmix.base.wording import count
from gmix.fitting.fit import Fit
from gmix.model.mixture import GaussianMixture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Density", "Model", "expect_features", "expect_some", "extent", "fit_of", "grid_of", "heights_of",
    "in_independent_columns", "labels_of", "mixture_of", "name_axes", "names_of", "points_of",
]  # fmt: skip

Array = NDArray[np.float64]
Model = GaussianMixture | Fit
Density = Callable[[Array], ArrayLike] | GaussianMixture | Fit


def mixture_of(model: Any) -> GaussianMixture:
    """The mixture of what can be drawn."""
    if isinstance(model, Fit):
        return model.mixture
    return of_kind(model, GaussianMixture, "model", "a GaussianMixture or a Fit")


def in_independent_columns(model: Any, points: Any) -> tuple[GaussianMixture, Any]:
    """The mixture of the columns that the others follow from, and the points without those others."""
    mixture = mixture_of(model)
    if mixture.dependence is None or points is None:
        return mixture.independent_part, points
    return mixture.independent_part, points_of(points, mixture, mixture.n_features)[:, mixture.dependence.independent]


def fit_of(fit: Any) -> Fit:
    """A fit, for pictures that a mixture alone does not tell enough for."""
    return of_kind(fit, Fit, "fit", "what gmix.fit returned")


def expect_features(mixture: GaussianMixture, wanted: int) -> None:
    """Refuse a mixture of more or fewer features than a picture shows."""
    if mixture.n_features != wanted:
        raise ParameterError(
            f"this picture shows {count(wanted, 'feature')} and the mixture has {mixture.n_features}; "
            "draw mixture.marginal([...]), or use plot"
        )


def points_of(points: Any, mixture: GaussianMixture | None, wanted: int) -> Array:
    """Points as an array ``(N, D)``, by the names of the mixture where they have some."""
    given, names = as_points(points, None if mixture is None else mixture.features)
    rows = np.asarray(given, np.float64)
    if rows.shape[1] != wanted:
        raise ParameterError(f"the points have {rows.shape[1]} columns and this picture shows {wanted}; choose columns")
    check_finite(rows, names)
    return rows


def expect_some(rows: Array) -> None:
    """Refuse no points, where a picture is of nothing else."""
    if len(rows) == 0:
        raise ParameterError("there are no points; give one at least")


def labels_of(rows: Array, components: Any) -> NDArray[np.intp]:
    """The component ``(N,)`` of each row, from a model, labels or responsibilities."""
    if components is None:
        return np.zeros(len(rows), np.intp)
    if isinstance(components, (GaussianMixture, Fit)):
        return mixture_of(components).predict(rows)
    given = np.asarray(components)
    if given.ndim not in (1, 2) or len(given) != len(rows):
        raise ParameterError(
            f"components has shape {given.shape} for {len(rows)} points; give labels (N,) or responsibilities (N, K)"
        )
    if given.dtype.kind not in ("biu" if given.ndim == 1 else "fiub"):
        raise ParameterError(f"components holds {given.dtype} values; give whole numbers, counted from 0, or shares")
    return np.asarray(given if given.ndim == 1 else given.argmax(1)).astype(np.intp)


def names_of(mixture: GaussianMixture) -> tuple[str, ...]:
    """The names of the features, or x with a number."""
    return mixture.features or tuple(f"$x_{{{d + 1}}}$" for d in range(mixture.n_features))


def extent(mixture: GaussianMixture, deviations: float = 3.2) -> Array:
    """``(D, 2)``: where all but a thousandth of each component lies; one feature gets a second row of zeros."""
    deviation = deviations * np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2))
    alive = mixture.weights > 0
    extent = np.stack([(mixture.means - deviation)[alive].min(0), (mixture.means + deviation)[alive].max(0)], axis=1)
    return extent if len(extent) > 1 else np.vstack([extent, [0.0, 0.0]])


def grid_of(density: Density, limits: ArrayLike, resolution: int) -> tuple[Array, Array, Array]:
    """A grid over the plane, and the density on it."""
    given = as_numbers(limits, "limits")
    edges = np.broadcast_to(given, (2, 2)) if given.shape in ((2,), (2, 2)) else np.full((2, 2), np.nan)
    if not (np.isfinite(edges).all() and (edges[:, 0] < edges[:, 1]).all()):
        raise ParameterError(f"limits {given.tolist()} must rise: (low, high), or one pair for each axis")
    if not is_count(resolution, 2):
        raise ParameterError(f"resolution is {resolution!r}; give the number of points along each side")
    x, y = np.meshgrid(*(np.linspace(low, high, resolution) for low, high in edges))
    points = np.column_stack([x.ravel(), y.ravel()])
    if isinstance(density, (GaussianMixture, Fit)):
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
    """`grid_of` a density that is above zero somewhere."""
    x, y, z = grid_of(density, limits, resolution)
    if not 0.0 < float(z.max()) < np.inf:  # NaN compares false
        raise ParameterError(
            f"the density reaches {float(z.max()):g} within limits {np.asarray(limits).tolist()}; it must be finite, "
            "and above zero somewhere"
        )
    return x, y, z


def name_axes(ax: Axes, mixture: GaussianMixture) -> None:
    """Write the names of the features at the axes."""
    names = names_of(mixture)
    ax.set_xlabel(names[0])
    if len(names) > 1:
        ax.set_ylabel(names[1])
