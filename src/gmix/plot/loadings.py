"""Picture of the loadings of a factor model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.plot.fonts import width_of
from gmix.plot.model import Model, mixture_of
from gmix.plot.names import fitted_alike, names_of
from gmix.plot.palette import INK, SOFT, color, text_color
from gmix.plot.style import axes_of, color_bar, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["loadings"]

_NAMES = 40  # columns, up to which each has its name
_SIZE = 0.24  # inches of a cell, if columns have names
_LONGEST = 180.0  # points of a name
_WIDE = 8.0  # inches of a picture of more columns


class FactorModel(Protocol):
    """The loadings ``(K, D, q)`` and the noise variances ``(K, D)`` of a mixture."""

    @property
    def loadings(self) -> NDArray[np.float64]: ...
    @property
    def noise_variances(self) -> NDArray[np.float64]: ...


def loadings(model: Model, ax: Axes | None = None) -> Axes:
    """Draw the loadings of a factor model: one row for each factor of each component, one cell for each column.

    The color is the correlation of the column with the factor in the component, from -1 to 1. Factors are rotated and
    ordered as in `GaussianMixture.loadings`. Loadings that all components share are drawn once. Raises
    `ParameterError` for a mixture that is not a factor model.
    """
    mixture = mixture_of(model).independent_part
    if not hasattr(type(mixture), "loadings"):
        raise ParameterError(f"a {type(mixture).__name__} has no factors; give a factor model")
    factors = cast("FactorModel", mixture)
    found, noise = factors.loadings, factors.noise_variances
    correlations = found / np.sqrt(noise + (found**2).sum(-1))[..., None]
    if shared := len(found) > 1 and bool(np.ptp(found, axis=0).max() == 0.0):
        correlations = (correlations * mixture.weights[:, None, None]).sum(0, keepdims=True) / mixture.weights.sum()
    n_components, n_features, n_factors = correlations.shape
    gap = 0.35 if n_factors > 1 else 0.15  # between components, in cells
    named = n_features <= _NAMES
    height = n_components * (n_factors + gap)
    width = max(_SIZE * n_features, 3.0) if named else _WIDE
    names = names_of(mixture) if named else ()
    room = min(max((width_of(name, 8.0) for name in names), default=0.0), _LONGEST)
    ax = axes_of(ax, width + 1.9, _SIZE * height + (max(0.5 + room / 72.0, 1.3) if named else 0.9))
    image = None
    for k, own in enumerate(correlations):
        top = k * (n_factors + gap)
        image = ax.imshow(
            own.T, cmap="RdBu_r", vmin=-1.0, vmax=1.0, aspect="auto", interpolation="nearest",
            extent=(-0.5, n_features - 0.5, top + n_factors, top),
        )  # fmt: skip
        if not shared:
            _number(ax, k, top + n_factors / 2.0)
    places = [k * (n_factors + gap) + q + 0.5 for k in range(n_components) for q in range(n_factors)]
    dress(ax)
    ax.grid(visible=False)
    ax.set(xlim=(-0.5, n_features - 0.5), ylim=(height - gap, 0.0))
    ax.set_yticks(places, [f"factor {q + 1}" for _ in range(n_components) for q in range(n_factors)])
    if named:
        ax.set_xticks(range(n_features), fitted_alike(names, _LONGEST, (8.0,), 1)[0], rotation=90)
    else:
        ax.set_xlabel("column")
    ax.tick_params(length=0.0)
    ax.tick_params(axis="y", pad=4.0 if shared else 22.0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if named:
        for edge in np.arange(n_features - 1) + 0.5:
            ax.axvline(edge, color="white", linewidth=0.8)
        for place in places:
            ax.axhline(place + 0.5, color="white", linewidth=0.8)
    color_bar(image, ax, "correlation with the factor", ticks=[-1.0, -0.5, 0.0, 0.5, 1.0], pad=0.03)
    ax.xaxis.label.set(color=INK)
    ax.tick_params(labelcolor=SOFT)
    return ax


def _number(ax: Axes, component: int, height: float) -> None:
    """Write the number of a component at the left of its rows, on a disc of its color."""
    face = color(component)
    ax.annotate(
        str(component), (0.0, height), xycoords=("axes fraction", "data"), xytext=(-12.0, 0.0),
        textcoords="offset points", ha="center", va="center", color=text_color(face), fontsize=7.5, fontweight="bold",
        bbox={"boxstyle": "circle,pad=0.28", "facecolor": face, "edgecolor": "white"}, annotation_clip=False,
    )  # fmt: skip
