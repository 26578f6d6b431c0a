"""Pictures of how well a mixture fits rows: probability integral transforms, quantiles and distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.model.goodness import (
    Band,
    Empirical,
    conditional_probabilities,
    distance_tails,
    marginal_probabilities,
    uniform_band,
)
from gmix.plot.fonts import width_of
from gmix.plot.model import (
    Gaussians,
    Model,
    gaussians_of,
    in_independent_columns,
    mixture_of,
    weighted_points_of,
)
from gmix.plot.names import fitted_alike, names_of, sides_of
from gmix.plot.note import write_note
from gmix.plot.palette import COLORS, INK, LINE, SOFT, color, line_style
from gmix.plot.style import axes_of, dress, figure_of, write_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["distances", "probability_transform", "quantiles"]

Array = NDArray[np.float64]
_BAND = "#E3E9EE"
_DOTS = 1_500  # of a panel, besides the outermost
_OUTERMOST = 100  # at either end, all of which are drawn
_PANELS = 30  # that can be read in one figure
_LINES = 20  # with colors of their own
_FEWEST = 5.0  # rows of a component whose distances are drawn


def probability_transform(
    model: Model,
    points: Any,
    ax: Axes | None = None,
    *,
    conditional: bool = False,
    sample_weight: ArrayLike | str | None = None,
) -> Axes:
    r"""Draw how far the probability integral transform of each column is from uniform, with a simultaneous band.

    .. math:: u_{ij} = P(X_j \le x_{ij}), \qquad \text{drawn:}\quad \hat F_j(u) - u

    If the mixture is right, the transform is uniform, and all of a line is in the band with a probability of 95 %
    (Aldor-Noiman et al. 2013, *The American Statistician* 67:249; Säilynoja, Bürkner & Vehtari 2022, *Statistics and
    Computing* 32:32). A line that rises through the middle shows values that are too concentrated there, and one that
    falls, values that are too rare. The legend has the Kolmogorov-Smirnov distance of each column, the largest height
    of its line. In rows that were fitted the distances are smaller than by chance, because the mixture follows the
    rows: a line outside the band is stronger evidence than 5 % says, and a line within it is weaker.

    With `conditional`, each column is transformed given the columns before it (`GaussianMixture.rosenblatt`), which
    tests the dependence between columns too. It needs rows with all cells. The transform of single columns takes the
    cells that a column has. They have another distribution than the column if whether a cell is missing depends on
    other cells. The band is that of the column with the fewest cells. Rows must be free of errors of measurement.
    """
    ax = axes_of(ax, 6.4, 3.8)
    if not isinstance(conditional, bool | np.bool_):
        raise ParameterError(f"conditional is {conditional!r}; give True or False")
    mixture = gaussians_of(mixture_of(model), "probability_transform")
    sample = sample_weight
    if conditional:
        part, points, sample = in_independent_columns(model, points, sample_weight)
        mixture = gaussians_of(part, "probability_transform")
    if mixture.n_features > _LINES:
        raise ParameterError(f"this picture shows at most {_LINES} columns; draw mixture.marginal([...])")
    rows, mass = weighted_points_of(points, mixture, mixture.n_features, sample)
    if conditional:
        _note_incomplete(ax, rows, mass)
    transformed = (conditional_probabilities if conditional else marginal_probabilities)(mixture, rows)
    columns = [Empirical.of(column, mass) for column in transformed.T]
    band = _band_of(columns)
    _draw_difference_band(ax, band)
    names, size = _legend_names(ax, names_of(mixture))
    lines: list[Any] = []
    for j, (name, column) in enumerate(zip(names, columns, strict=True)):
        if len(column.values):
            u = np.r_[0.0, np.repeat(column.values, 2), 1.0]
            height = np.r_[0.0, np.column_stack([column.lower, column.upper]).ravel(), 1.0] - u
            label = f"{name}  {column.distance:.3f}"
            lines += ax.plot(u, height, color=color(j), linestyle=line_style(j), linewidth=1.3, label=label, zorder=3)
    ax.axhline(0.0, color=SOFT, linewidth=0.8, zorder=2)
    most = 1.15 * max(float(np.abs(line.get_ydata()).max()) for line in lines)
    most = max(most, 1.3 * float(np.max(band.high - band.low)) / 2.0)
    what = "given the columns before it" if conditional else "of each column"
    ax.set(xlim=(0.0, 1.0), ylim=(-most, most), xlabel=f"probability {what}", ylabel="empirical minus uniform")
    legend = ax.legend(
        lines, ["column"] * len(lines), title="Kolmogorov-Smirnov distance", frameon=False, fontsize=size,
        labelcolor=INK, loc="upper left", bbox_to_anchor=(1.0, 1.0), alignment="left",
    )  # fmt: skip
    for text, line in zip(legend.get_texts(), lines, strict=True):
        text.set_text(str(line.get_label()))  # here, because Matplotlib 3.9 leaves labels such as _x out of a legend
    legend.get_title().set(fontsize=8.0, color=SOFT)
    dress(ax, grid="y")
    return ax


def quantiles(
    model: Model, points: Any, figure: Figure | None = None, *, sample_weight: ArrayLike | str | None = None
) -> Figure:
    """Draw the values of each column over the quantiles of the mixture, one panel for each column.

    If the mixture is right, dots lie near the line, and all are in the gray band with a probability of 95 % in each
    panel (Aldor-Noiman et al. 2013, *The American Statistician* 67:249). Those outside it are vermilion. Dots that bend
    away from the line at the ends show tails that are heavier or lighter than those of the mixture. Each panel has the
    Kolmogorov-Smirnov distance of the column. Of many values, some are drawn between the outermost at either end.
    What `probability_transform` says about fitted rows, missing cells and errors of measurement holds here too.
    """
    from gmix.plot.picture import shown_once

    mixture = gaussians_of(mixture_of(model), "quantiles")
    d = mixture.n_features
    if d > _PANELS:
        raise ParameterError(f"this picture shows at most {_PANELS} columns; draw mixture.marginal([...])")
    rows, mass = weighted_points_of(points, mixture, d, sample_weight)
    across = min(d, 3) if d != 4 else 2
    down = -(-d // across)
    side = 3.6 if d == 1 else 2.7 if d < 5 else 2.3
    figure = figure_of(figure, side * across + 0.4, side * down + 0.3)
    panels = np.asarray(figure.subplots(down, across, squeeze=False)).ravel()
    transformed = marginal_probabilities(mixture, rows)
    names, size = fitted_alike(names_of(mixture), 72.0 * (figure.bbox.width / figure.dpi / across - 0.5))
    for j, (ax, name) in enumerate(zip(panels[:d], names, strict=True)):
        _draw_quantiles(ax, mixture.marginal([j]), rows[:, j], transformed[:, j], mass)
        ax.set_title(name, fontsize=size, color=INK, loc="left")
    for ax in panels[d:]:
        ax.set_axis_off()
    figure.supxlabel("quantile of the mixture", fontsize=9.5, color=INK)
    figure.supylabel("value of a row", fontsize=9.5, color=INK)
    return shown_once(figure)


def distances(
    model: Model, points: Any, ax: Axes | None = None, *, sample_weight: ArrayLike | str | None = None
) -> Axes:
    r"""Draw the Mahalanobis distances of rows from their components over those expected of Gaussian components.

    .. math:: \delta_k(x) = \sqrt{(x - \mu_k)^T \Sigma_k^{-1} (x - \mu_k)}, \qquad \delta_k(X)^2 \sim \chi^2_D

    Each row counts for every component, weighted by its responsibility, so the expected distances are right where
    components overlap too. Dots are all components together, with a band that holds all dots with a probability of
    95 % if the mixture is right (Aldor-Noiman et al. 2013, *The American Statistician* 67:249); black dots are outside
    it. The numbered line of a component above the diagonal shows tails that are heavier than Gaussian. As in
    `probability_transform`, distances in rows that were fitted are closer to the expected ones than chance makes them.

    Rows with missing cells are compared by their other cells: in place of their distance stands that of complete rows
    that are as far away, by the same tail probability. A background has no part in the distances.
    """
    from scipy.special import chdtri

    ax = axes_of(ax, 5.2, 4.6)
    part, points, sample_weight = in_independent_columns(model, points, sample_weight)
    mixture, d = gaussians_of(part, "distances"), part.n_features
    rows, mass = weighted_points_of(points, mixture, d, sample_weight)
    tails, shares = distance_tails(mixture, rows)
    weight = shares * mass[:, None]

    def distance(tail: Array) -> Array:
        return np.asarray(np.sqrt(chdtri(float(d), np.maximum(tail, np.finfo(np.float64).tiny))))

    every = Empirical.of(1.0 - tails.ravel(), weight.ravel())
    band, ranks = _band_of([every]), _ranks_drawn(every)
    _draw_band(ax, *(distance(1.0 - p) for p in ((band.rank - 0.5) / band.n, band.low, band.high)))
    expected, observed = distance(1.0 - (ranks - 0.5) / every.n), distance(tails.ravel()[every.order[every.at(ranks)]])
    _draw_dots(ax, expected, observed, every.outside(ranks, band), (LINE, INK))
    for k in range(mixture.n_components):
        own = Empirical.of(1.0 - tails[:, k], weight[:, k])
        if own.mass >= _FEWEST:
            ranks = _ranks_drawn(own)
            x, y = distance(1.0 - (ranks - 0.5) / own.n), distance(tails[own.order[own.at(ranks)], k])
            ax.plot(x, y, color=color(k), linestyle=line_style(k), linewidth=1.3, zorder=4)
            write_number(ax, k, (float(x[-1]), float(y[-1])), bounded=True)
    _finish_quantiles(ax, every, expected, observed)
    ax.set(xlabel="expected distance (standard deviations)", ylabel="distance of a row (standard deviations)")
    return ax


def _legend_names(ax: Axes, names: Sequence[str]) -> tuple[list[str], float]:
    """The names of the columns in so few lines that the legend is no higher than the axes, and their size in points."""
    width, height = 0.4 * sides_of(ax)[0], sides_of(ax)[1]
    size = 8.5 if max(width_of(name, 8.5) for name in names) <= width else 7.0
    lines = int((height / (size * len(names)) - 0.5) / 1.2)
    return fitted_alike(names, width, (size,), int(np.clip(lines, 1, 3)))


def _draw_quantiles(ax: Axes, column: Gaussians, values: Array, transformed: Array, mass: Array) -> None:
    """Fill the panel of one column."""
    own = Empirical.of(transformed, mass)
    band, ranks = _band_of([own]), _ranks_drawn(own)
    _draw_band(ax, *(column.quantile(p) for p in ((band.rank - 0.5) / band.n, band.low, band.high)))
    expected, observed = column.quantile((ranks - 0.5) / own.n), values[own.order[own.at(ranks)]]
    _draw_dots(ax, expected, observed, own.outside(ranks, band), COLORS[:2])
    _finish_quantiles(ax, own, expected, observed)


def _ranks_drawn(sample: Empirical) -> Array:
    """The ranks of the observations that are drawn: all, or of many the outermost and some between."""
    ranks = np.arange(1.0, min(sample.n, _DOTS + 2 * _OUTERMOST) + 1.0)
    if len(ranks) == sample.n:
        return ranks
    inner = np.rint(np.linspace(_OUTERMOST + 1.0, sample.n - _OUTERMOST, _DOTS))
    last = sample.n + 1.0 - ranks[:_OUTERMOST][::-1]
    return np.concatenate([ranks[:_OUTERMOST], inner, last])


def _draw_band(ax: Axes, expected: Array, low: Array, high: Array) -> None:
    ax.fill_between(expected, low, high, color=_BAND, linewidth=0, zorder=1)


def _draw_difference_band(ax: Axes, band: Band) -> None:
    """The band of an empirical distribution function less the uniform one."""
    at = np.unique(np.r_[np.linspace(0.0, 1.0, 401), band.low, band.high])
    upper = np.interp(at, np.r_[0.0, band.low, 1.0], np.r_[band.rank[0], band.rank, band.n] / band.n) - at
    lower = np.interp(at, np.r_[0.0, band.high, 1.0], np.r_[0.0, band.rank - 1.0, band.n - 1.0] / band.n) - at
    ax.fill_between(at, lower, upper, color=_BAND, linewidth=0, zorder=1)


def _draw_dots(ax: Axes, expected: Array, observed: Array, outside: NDArray[np.bool_], inks: tuple[str, str]) -> None:
    """Draw dots in two colors: those in the band, and those outside it."""
    ax.scatter(expected, observed, s=9.0, c=np.where(outside, inks[1], inks[0]).tolist(), linewidths=0, zorder=3)


def _finish_quantiles(ax: Axes, sample: Empirical, expected: Array, observed: Array) -> None:
    """Draw the diagonal, write the distance, and set limits that hold all dots and as much of the diagonal."""
    margin = 0.05 * np.ptp(expected)
    low, high = float(expected.min() - margin), float(expected.max() + margin)
    margin = 0.05 * max(np.ptp(observed), np.ptp(expected))
    lowest, highest = min(expected.min(), observed.min()) - margin, max(expected.max(), observed.max()) + margin
    ax.axline((0.0, 0.0), slope=1.0, color=SOFT, linewidth=0.8, zorder=2)
    ax.set(xlim=(low, high), ylim=(float(lowest), float(highest)))
    ax.text(
        0.04, 0.96, f"KS distance {sample.distance:.3f}", transform=ax.transAxes, ha="left", va="top", fontsize=8.0,
        color=SOFT, zorder=5,
    )  # fmt: skip
    dress(ax)


def _band_of(samples: list[Empirical]) -> Band:
    """The band of the smallest sample. Raises `ParameterError` if there are no values."""
    sizes = [sample.mass for sample in samples if len(sample.values)]
    if not sizes:
        raise ParameterError("there are no values to compare; give rows with the cells that the picture needs")
    return uniform_band(max(round(min(sizes)), 1))


def _note_incomplete(ax: Axes, rows: Array, mass: Array) -> None:
    if n := int(np.count_nonzero(np.isnan(rows).any(1) & (mass > 0))):
        write_note(ax, f"not drawn: {count(n, 'row')} with missing cells")
