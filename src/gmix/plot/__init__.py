"""Pictures of densities, points and components, of criteria, and of the convergence of a fit.

Every function draws into ``ax`` (`pairs` and `quantiles` into ``figure``), or into a new figure without it. What each
returns does not depend on the model or the options: `plot`, `pairs` and `quantiles` return the figure;
`autocorrelations`, `calibration`, `clusters`, `histogram`, `criteria`, `distances`, `entropy`, `history`, `loadings`,
`optima`, `probability_transform`, `ranks`, `responsibilities`, `trace` and `unusual` their axes; `contours`,
`ellipses`, `regions`, `scatter`, `surface` and `uncertainty` the artists that they added; and `animation` an animation.
None saves a figure or changes Matplotlib's settings.

A new figure is one of pyplot. A notebook shows it once, below its cell, and closes it; in a script, ``plt.show()``
shows the figures that are open.

A model is a `GaussianMixture` or a `Fit`. Where points are drawn, ``sample_weight`` gives their weights ``(N,)``, or
names the column of a DataFrame that holds them. Bars count rows by weight, the areas of markers are in proportion to
the weights, and rows of weight 0 are not drawn. NaN is a missing cell: a picture leaves out the points that lack one of
its variables, and says how many. Many points are drawn as an image of their density, and the picture says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from gmix.base.errors import ParameterError
from gmix.plot.calibration import calibration
from gmix.plot.chains import autocorrelations, ranks, trace
from gmix.plot.choice import criteria, entropy
from gmix.plot.convergence import animation, history, optima
from gmix.plot.corner import pairs
from gmix.plot.goodness import distances, probability_transform, quantiles
from gmix.plot.line import histogram
from gmix.plot.loadings import loadings
from gmix.plot.model import Model, in_independent_columns, mixture_of
from gmix.plot.palette import color, marker
from gmix.plot.plane import clusters, contours, ellipses, regions, scatter
from gmix.plot.points import responsibilities, unusual
from gmix.plot.style import figure_of
from gmix.plot.surface import surface
from gmix.plot.uncertainty import uncertainty

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "animation", "autocorrelations", "calibration", "clusters", "color", "contours", "criteria", "distances",
    "ellipses", "entropy", "histogram", "history", "loadings", "marker", "optima", "pairs", "plot",
    "probability_transform", "quantiles", "ranks", "regions", "responsibilities", "scatter", "surface", "trace",
    "uncertainty", "unusual",
]  # fmt: skip


def plot(
    model: Model,
    points: Any = None,
    *,
    sample_weight: ArrayLike | str | None = None,
    ax: Axes | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a model, over points if some are given, with the function that suits its number of features.

    That is `histogram` for one feature, `clusters` for two, and `pairs` for more, which fills a figure and takes no
    ``ax``. Features that follow from others are not drawn. Returns the figure; its axes are ``figure.axes``.
    """
    from gmix.plot.picture import shown_once

    if mixture_of(model).dependence is not None:
        model, points, sample_weight = in_independent_columns(model, points, sample_weight)
    d = mixture_of(model).n_features
    if d > 2:
        if ax is not None:
            raise ParameterError(
                f"{d} features fill a figure; give figure= instead of ax=, or draw mixture.marginal([...])"
            )
        return pairs(model, points, figure, sample_weight=sample_weight)
    if ax is None and figure is not None:
        ax = figure_of(figure, 0.0, 0.0).add_subplot()
    draw = histogram if d == 1 else clusters
    drawn = draw(model, points, ax, sample_weight=sample_weight).figure
    return shown_once(drawn.figure)  # that of a part of a figure is the whole
