"""Pictures of two variables: points, ellipses, contours and regions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_count, is_number
from gmix.base.errors import ParameterError
from gmix.base.wording import listed
from gmix.model.regions import as_shares, highest_density
from gmix.plot.fonts import width_of
from gmix.plot.model import (
    Density,
    Mixture,
    Model,
    expect_features,
    extent,
    grid_of,
    heights_of,
    is_model,
    labels_of,
    mixture_of,
    spreads,
    weighted_points_of,
)
from gmix.plot.names import name_axes, sides_of
from gmix.plot.note import drawable, write_note
from gmix.plot.palette import BACKGROUND, INK, color, line_style, marker
from gmix.plot.shading import draw_shading, needs_shading
from gmix.plot.style import DENSITY, axes_of, dress, halo, side_of, write_number

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet
    from matplotlib.patches import Ellipse

__all__ = ["clusters", "contours", "ellipse_handle", "ellipses", "regions", "scatter"]

Array = NDArray[np.float64]
_MANY = 5_000  # points; more are stored as an image, also in a vector file
_DENSE = 20_000  # points that decide where a legend hides the fewest
_LEGEND = 7.5  # points: the size of its text
_CLEARANCE = 0.02  # of the axes: half a marker
_CROWDED = 12  # components; of more, only the outermost ellipse is drawn


def contours(
    density: Density,
    limits: ArrayLike | None = None,
    ax: Axes | None = None,
    *,
    levels: int | Sequence[float] = 6,
    labels: bool = True,
    filled: bool = True,
    resolution: int = 201,
) -> ContourSet:
    """Draw the contours of a density of two variables, each labelled with its value.

    Parameters
    ----------
    density : a function of points ``(M, 2)`` that returns ``(M,)``, or a model.
    limits : ``(low, high)`` for both axes, or a pair for each; None for those of a model.
    levels : the values, or the approximate number of round ones.
    labels : write the values on the lines.
    filled : fill the regions between the lines.
    resolution : points along each side of the grid.
    """
    from matplotlib.ticker import MaxNLocator

    ax = axes_of(ax, 5.2, 4.6)
    model = mixture_of(density) if is_model(density) else None
    if limits is None:
        if model is None:
            raise ParameterError("a function has no limits of its own; give limits=(low, high)")
        limits = extent(model)
    x, y, z = heights_of(density, limits, resolution)
    if is_count(levels):
        values = [v for v in MaxNLocator(levels).tick_values(0.0, float(z.max())) if 0 < v < z.max()]
    elif not (values := sorted(set(as_numbers(levels, "levels").ravel().tolist()))) or not np.isfinite(values).all():
        raise ParameterError(f"levels is {levels!r}; give the values of the contours, or how many")
    if filled:
        ax.contourf(x, y, z, levels=[*values, math.inf], colors=_tints(len(values)), zorder=0.6)
    lines = ax.contour(x, y, z, levels=values, colors="#52708C", linewidths=0.6, zorder=1.5)
    if labels:
        texts = ax.clabel(lines, fontsize=6.5, inline_spacing=3, fmt=_decimals(values), colors="#34506B")
        for text in texts or ():
            text.set_zorder(4)
            halo(text, 1.6)
    if model is not None:
        name_axes(ax, model)
    dress(ax)
    return lines


def scatter(
    points: Any,
    components: Any = None,
    ax: Axes | None = None,
    *,
    size: float | None = None,
    sample_weight: ArrayLike | str | None = None,
) -> list[Artist]:
    """Draw points of two variables, each with the color and marker of its most probable component.

    Parameters
    ----------
    points : ``(N, 2)``.
    components : labels ``(N,)``, responsibilities ``(N, K)`` or a model; None for points without components.
    size : the area of a marker in square points; None for one that suits the number of points and the axes.
    sample_weight : ``(N,)``, or the name of a column. Areas are in proportion to the weights, and `size` is their mean.

    Points of a background, with the label -1, are gray crosses.

    Returns one artist for each component that has points. Beyond 20,000 points, or fewer in small axes, that is one
    image of their density, in which each pixel has the mean color of its points.
    """
    ax = axes_of(ax, 5.2, 4.6)
    model = mixture_of(components) if is_model(components) else None
    rows, mass = weighted_points_of(points, model, 2, sample_weight)
    labels, drawn = labels_of(rows, components), drawable(ax, rows, mass)
    rows, labels, mass = rows[drawn], labels[drawn], mass[drawn]
    n = len(rows)
    if not (size is None or (is_number(size) and size > 0)):
        raise ParameterError(f"size is {size!r}; give square points above zero, or None to suit the number of points")
    if needs_shading(ax, n):
        image = draw_shading(ax, rows, labels, mass, components is None)
        write_note(ax, f"shaded by the number of points, {n:,} in all")
        if model is not None:
            name_axes(ax, model)
        dress(ax)
        return [image]
    area = float(size) if size is not None else side_of(ax) * float(np.clip(9000.0 / max(n, 1), 2.0, 20.0))
    areas = area * mass / mass.mean() if n else mass
    alpha = float(np.clip(6.0 / max(n, 1) ** 0.32, 0.12, 0.85))
    artists: list[Artist] = []
    for k in np.unique(labels):
        mine = rows[labels == k]
        artists.append(
            ax.scatter(
                mine[:, 0],
                mine[:, 1],
                s=areas[labels == k],
                c=INK if components is None else color(int(k)),
                marker="o" if components is None else marker(int(k)),
                alpha=alpha,
                linewidths=0.8 if k == BACKGROUND else 0,
                zorder=2,
                rasterized=n > _MANY,
                label=None if components is None else _name(int(k)),
            )
        )
    if model is not None:
        name_axes(ax, model)
        _write_legend(ax, _background_handle(model, artists), rows, np.empty((0, 2)))
    dress(ax)
    return artists


def _background_handle(model: Mixture | None, artists: Sequence[Any]) -> list[Any]:
    """A line of a legend with the share of the background, if some points belong to it."""
    from matplotlib.lines import Line2D

    if model is None or model.background is None or all(a.get_label() != _name(BACKGROUND) for a in artists):
        return []
    label = f"background, {100.0 * model.background.weight:.1f} %"
    return [Line2D([], [], linestyle="", marker=marker(BACKGROUND), color=color(BACKGROUND), label=label)]


def _write_legend(ax: Axes, handles: Sequence[Any], rows: Array, outlines: Array) -> None:
    """Write a small legend at the upper or lower edge, where it hides no rows ``(N, 2)`` and little of the outlines.

    If it would hide rows everywhere, it stands beside the axes, where a layout makes room for it.
    """
    if not handles:
        return
    (left, right), (low, high) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    width, height = _legend_size(handles) / np.array(sides_of(ax)) + _CLEARANCE
    scaled = [(places - [left, low]) / [right - left, high - low] for places in (rows, outlines)]
    hidden: dict[Any, list[int]] = {}
    for vertical, bottom in (("upper", 1.0 - height), ("lower", 0.0)):
        for horizontal, begin in (("right", 1.0 - width), ("left", 0.0), ("center", 0.5 - width / 2.0)):
            box = np.array([[begin, bottom], [begin + width, bottom + height]])
            hidden[f"{vertical} {horizontal}"] = [int(((box[0] < x) & (x < box[1])).all(1).sum()) for x in scaled]
    place = min(hidden, key=lambda place: hidden[place])
    is_beside = hidden[place][0] > 0 and ax.figure.get_layout_engine() is not None
    ax.legend(
        handles=handles, loc="upper left" if is_beside else place, bbox_to_anchor=(1.0, 1.0) if is_beside else None,
        fontsize=_LEGEND, labelcolor=INK, frameon=True, framealpha=0.8, edgecolor="none", borderpad=0.3,
        borderaxespad=0.3, handletextpad=0.5, handlelength=1.4,
    ).set_zorder(5)  # fmt: skip


def _legend_size(handles: Sequence[Any]) -> Array:
    """The width and the height of a legend in points, which Matplotlib knows only after it has been drawn."""
    lines = [line for handle in handles for line in handle.get_label().split("\n")]
    width = max(width_of(line, _LEGEND) for line in lines) + 2.8 * _LEGEND
    return np.array([width, (1.2 * len(lines) + 0.5 * len(handles) + 0.6) * _LEGEND])


def _name(label: int) -> str:
    return "background" if label == BACKGROUND else f"component {label}"


def ellipses(
    model: Model, levels: Sequence[float] | None = None, ax: Axes | None = None, *, labels: bool = True
) -> list[Ellipse]:
    r"""Draw ellipses that hold a given part of each component of two variables, and its number at its mean.

    .. math:: (x - \mu_k)^\top \Sigma_k^{-1} (x - \mu_k) = -2 \log(1 - \text{level})

    which is the chi-square quantile for two degrees of freedom: the outer ellipse holds 95 % of a component's own mass,
    not of the mixture's. By default these are 50 and 95 %, and 95 % alone for more than twelve components. Returns them
    component by component, with the levels in the given order. The ellipses of Student components are those of the
    scale matrices, with the quantiles of their own squared distances.
    """
    from matplotlib.patches import Ellipse

    ax = axes_of(ax, 5.2, 4.6)
    mixture = mixture_of(model)
    expect_features(mixture, 2)
    levels, thin, artists = _levels(mixture, levels), max(side_of(ax), 0.45), []
    for k, (mean, covariance) in enumerate(zip(mixture.means, spreads(mixture), strict=True)):
        if mixture.weights[k] == 0:
            continue
        values, vectors = np.linalg.eigh(covariance)
        angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
        for level in levels:
            width, height = 2.0 * np.sqrt(_squared_radius(mixture, k, level) * values[::-1])
            ellipse = Ellipse(
                (float(mean[0]), float(mean[1])),
                float(width),
                float(height),
                angle=angle,
                fill=False,
                edgecolor=color(k),
                linewidth=thin * (1.3 if level == max(levels) else 0.9),
                linestyle=line_style(k),
                zorder=3,
            )
            if ax.images:
                halo(ellipse, ellipse.get_linewidth() + 1.2 * thin**2)
            ax.add_patch(ellipse)
            artists.append(ellipse)
        if labels:
            write_number(ax, k, mean)
    ax.autoscale_view()
    name_axes(ax, mixture)
    dress(ax)
    return artists


def _squared_radius(mixture: Mixture, k: int, level: float) -> float:
    """The squared distance from the center within which a component of two variables has a part of its mass."""
    if not hasattr(mixture, "degrees_of_freedom"):
        return -2.0 * math.log1p(-level)
    nu = float(mixture.degrees_of_freedom[k])
    return nu * math.expm1(-2.0 / nu * math.log1p(-level))


def _levels(mixture: Mixture, levels: Sequence[float] | None) -> Sequence[float]:
    if levels is None:
        return (0.5, 0.95) if mixture.n_components <= _CROWDED else (0.95,)
    return as_shares(levels, "levels")


def ellipse_handle(levels: Sequence[float]) -> Any:
    """A line of a legend that says what ellipses hold."""
    from matplotlib.lines import Line2D

    text = f"ellipses: {listed([f'{100.0 * level:g} %' for level in levels])}\nof each component"
    return Line2D([], [], linestyle="", marker="o", markersize=7, mfc="none", mec=INK, mew=0.9, label=text)


def clusters(
    model: Model,
    points: Any = None,
    ax: Axes | None = None,
    *,
    levels: Sequence[float] | None = None,
    labels: bool = True,
    sample_weight: ArrayLike | str | None = None,
) -> Axes:
    """Draw points of two variables by their most probable component, and the ellipses of the components.

    Without points, draw the contours of the density instead. A small legend says what the ellipses hold; see
    `ellipses`.
    """
    ax = axes_of(ax, 5.2, 4.6)
    mixture = mixture_of(model)
    artists: list[Any] = []
    if points is None:
        contours(model, ax=ax, labels=False)
    else:
        artists = scatter(points, model, ax, sample_weight=sample_weight)
    drawn = ellipses(model, levels, ax, labels=labels)
    handles = [ellipse_handle(_levels(mixture, levels)), *_background_handle(mixture, artists)]
    outlines = [ellipse.get_patch_transform().transform(ellipse.get_path().vertices) for ellipse in drawn]
    rows = np.empty((0, 2))
    if points is not None:
        rows, mass = weighted_points_of(points, mixture, 2, sample_weight)
        rows = rows[mass > 0][:: 1 + len(rows) // _DENSE]
    _write_legend(ax, handles, rows, np.concatenate(outlines))
    return ax


def _decimals(levels: Sequence[float]) -> str:
    """A format that writes all levels with as many decimals as the finest needs."""
    for digits in range(7):
        if all(abs(round(level, digits) - level) <= 1e-3 * level for level in levels):
            return f"%.{digits}f"
    return "%.2g"


def _tints(n: int) -> Array:
    from matplotlib import colormaps

    return np.asarray(colormaps[DENSITY](np.linspace(0.1, 0.62, n)))


def regions(
    model: Model, shares: Sequence[float] = (0.5, 0.8, 0.95), ax: Axes | None = None, *, resolution: int = 301
) -> ContourSet:
    """Draw the smallest regions of two variables that hold given shares of the whole mixture, with their labels.

    A region may have several parts, and the density within it is nowhere lower than outside; see
    `gmix.regions.highest_density`.
    """
    ax = axes_of(ax, 5.2, 4.6)
    mixture = mixture_of(model)
    expect_features(mixture, 2)
    shares = sorted(as_shares(shares, "shares"), reverse=True)
    levels = highest_density(mixture, shares).tolist()
    x, y, z = grid_of(mixture.log_density, extent(mixture, 3.6), resolution)
    ax.contourf(x, y, z, levels=[*levels, math.inf], colors=_tints(len(levels)), zorder=0.6)
    lines = ax.contour(x, y, z, levels=levels, colors="#52708C", linewidths=0.8, linestyles="solid", zorder=1.5)
    words = {level: f"{100.0 * share:g} %" for level, share in zip(levels, shares, strict=True)}
    for text in ax.clabel(lines, fontsize=7, inline_spacing=3, fmt=words, colors="#34506B") or ():
        text.set_zorder(4)
        halo(text, 1.6)
    name_axes(ax, mixture)
    dress(ax)
    return lines
