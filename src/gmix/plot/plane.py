"""Pictures of two variables: points, ellipses, contours, regions and a surface."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_count, is_number
from gmix.base.errors import ParameterError
from gmix.model.regions import as_shares, highest_density
from gmix.plot.missing import drawable
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
    name_axes,
    names_of,
    weighted_points_of,
)  # fmt: skip
from gmix.plot.style import (
    BACKGROUND,
    DENSITY,
    INK,
    LINE,
    SOFT,
    axes_of,
    color,
    color_bar,
    dress,
    halo,
    marker,
    write_number,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet
    from matplotlib.image import AxesImage
    from matplotlib.patches import Ellipse

__all__ = ["clusters", "contours", "ellipses", "regions", "scatter", "surface"]

Array = NDArray[np.float64]
_MANY = 5_000  # points; more are stored as an image, also in a vector file
_DENSE = 20_000  # points; more are drawn as an image of their density
_PIXELS = 256  # along each side of that image
_GRID = "#E7E7E7"


def surface(
    density: Density, limits: ArrayLike, ax: Axes | None = None, *, resolution: int = 121, label: str = "density"
) -> Any:
    """Draw a density of two variables as a shaded surface over the plane, with a color bar.

    Parameters
    ----------
    density : a function of points ``(M, 2)`` that returns ``(M,)``, or a model.
    limits : ``(low, high)`` for both axes, or a pair for each.
    ax : axes with ``projection="3d"``.
    resolution : points along each side of the grid.
    label : the label of the color bar.

    Raises `ParameterError` for axes of another projection.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LightSource, Normalize
    from matplotlib.ticker import MaxNLocator

    drawing: Any = axes_of(ax, 6.4, 4.4, projection="3d")
    if not hasattr(drawing, "plot_surface"):
        raise ParameterError(
            'a surface needs axes in three dimensions; make them with figure.add_subplot(projection="3d")'
        )
    x, y, z = heights_of(density, limits, resolution)
    top = float(z.max())
    # Light from one side shows the shape; it darkens the colors by at most a fifth, so that the color bar stays valid.
    sides = {"dx": np.ptp(x) / resolution, "dy": np.ptp(y) / resolution}
    shade = LightSource(azdeg=225, altdeg=50).hillshade(z / top * np.ptp(x) / 2.0, **sides)
    shade = np.minimum(shade / shade[0, 0], 1.0)
    lit = colormaps[DENSITY](z / top)
    lit[..., :3] *= (0.8 + 0.2 * shade)[..., None]
    artist = drawing.plot_surface(
        x, y, z, facecolors=lit, rcount=resolution, ccount=resolution, linewidth=0, antialiased=False, shade=False
    )
    artist.set_clip_on(False)
    heights = ScalarMappable(Normalize(0.0, top), DENSITY)
    drawing.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), zlim=(-0.03 * top, top))
    names = names_of(mixture_of(density)) if is_model(density) else ("$x$", "$y$")
    drawing.set(xlabel=names[0], ylabel=names[1])
    drawing.set_box_aspect((1, 1, 0.62), zoom=1.18)
    drawing.view_init(elev=30, azim=-58)
    drawing.zaxis.set_major_locator(MaxNLocator(4))
    for axis in (drawing.xaxis, drawing.yaxis, drawing.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set(color=LINE, linewidth=0.6)
        axis._axinfo["grid"].update(color=_GRID, linewidth=0.5)  # noqa: SLF001  (there is no public access)
        axis._axinfo["tick"].update(inward_factor=0.0, outward_factor=0.15, color=LINE)  # noqa: SLF001  (the same)
        axis.label.set(color=INK, fontsize=10)
    drawing.tick_params(color=LINE, labelsize=8, labelcolor=SOFT, pad=0)
    color_bar(heights, drawing, label)
    return artist


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
    size : the area of a marker in square points; None for one that suits the number of points.
    sample_weight : ``(N,)``, or the name of a column. Areas are in proportion to the weights, and `size` is their mean.

    Points of a background, with the label -1, are gray crosses.

    Returns one artist for each component that has points. Beyond 20,000 points, that is one image of their density, in
    which each pixel has the mean color of its points.
    """
    ax = axes_of(ax, 5.2, 4.6)
    model = mixture_of(components) if is_model(components) else None
    rows, mass = weighted_points_of(points, model, 2, sample_weight)
    labels, drawn = labels_of(rows, components), drawable(ax, rows, mass)
    rows, labels, mass = rows[drawn], labels[drawn], mass[drawn]
    n = len(rows)
    if n > _DENSE:
        image = _counted(ax, rows, labels, mass, components is None)
        if model is not None:
            name_axes(ax, model)
        dress(ax)
        return [image]
    if not (size is None or (is_number(size) and size > 0)):
        raise ParameterError(f"size is {size!r}; give square points above zero, or None to suit the number of points")
    area = float(size) if size is not None else float(np.clip(9000.0 / max(n, 1), 2.0, 20.0))
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
        _name_background(ax, model, artists)
    dress(ax)
    return artists


def _name_background(ax: Axes, model: Mixture, artists: Sequence[Any]) -> None:
    """Write the share of the background in a legend, if there is one."""
    from matplotlib.lines import Line2D

    if model.background is not None and any(artist.get_label() == _name(BACKGROUND) for artist in artists):
        label = f"background, {100.0 * model.background.weight:.1f} %"
        look = Line2D([], [], linestyle="", marker=marker(BACKGROUND), color=color(BACKGROUND), label=label)
        ax.legend(handles=[look], frameon=False, fontsize=8.5, labelcolor=INK, loc="best")


def _name(label: int) -> str:
    return "background" if label == BACKGROUND else f"component {label}"


def ellipses(
    model: Model, levels: Sequence[float] = (0.5, 0.95), ax: Axes | None = None, *, labels: bool = True
) -> list[Ellipse]:
    r"""Draw ellipses that hold a given part of each component of two variables, and its number at its mean.

    .. math:: (x - \mu_k)^\top \Sigma_k^{-1} (x - \mu_k) = -2 \log(1 - \text{level})

    which is the chi-square quantile for two degrees of freedom: the outer ellipse holds 95 % of a component's own mass,
    not of the mixture's. Returns them component by component, with the levels in the given order.
    """
    from matplotlib.patches import Ellipse

    ax = axes_of(ax, 5.2, 4.6)
    mixture = mixture_of(model)
    expect_features(mixture, 2)
    levels = as_shares(levels, "levels")
    artists = []
    for k, (mean, covariance) in enumerate(zip(mixture.means, mixture.covariances, strict=True)):
        if mixture.weights[k] == 0:
            continue
        values, vectors = np.linalg.eigh(covariance)
        angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
        for level in levels:
            width, height = 2.0 * np.sqrt(-2.0 * math.log1p(-level) * values[::-1])
            ellipse = Ellipse(
                (float(mean[0]), float(mean[1])),
                float(width),
                float(height),
                angle=angle,
                fill=False,
                edgecolor=color(k),
                linewidth=1.3 if level == max(levels) else 0.9,
                zorder=3,
            )
            ax.add_patch(ellipse)
            artists.append(ellipse)
        if labels:
            write_number(ax, k, mean)
    ax.autoscale_view()
    name_axes(ax, mixture)
    dress(ax)
    return artists


def clusters(
    model: Model,
    points: Any = None,
    ax: Axes | None = None,
    *,
    levels: Sequence[float] = (0.5, 0.95),
    labels: bool = True,
    sample_weight: ArrayLike | str | None = None,
) -> Axes:
    """Draw points of two variables by their most probable component, and the ellipses of the components.

    Without points, draw the contours of the density instead.
    """
    ax = axes_of(ax, 5.2, 4.6)
    if points is None:
        contours(model, ax=ax, labels=False)
    else:
        scatter(points, model, ax, sample_weight=sample_weight)
    ellipses(model, levels, ax, labels=labels)
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


def _counted(ax: Axes, rows: Array, labels: NDArray[np.intp], mass: Array, plain: bool) -> AxesImage:
    """Draw the density of many points: each pixel has the mean color of its points, more opaque for more points."""
    from matplotlib.colors import to_rgb

    low, high = rows.min(0), rows.max(0)
    high = np.where(high > low, high, low + 1.0)
    margin = 0.03 * (high - low)
    edges = [np.linspace(a, b, _PIXELS + 1) for a, b in zip(low - margin, high + margin, strict=True)]
    total, ink = np.zeros((_PIXELS, _PIXELS)), np.zeros((_PIXELS, _PIXELS, 3))
    for k in np.unique(labels):
        mine = labels == k
        count = np.histogram2d(rows[mine, 1], rows[mine, 0], bins=edges[::-1], weights=mass[mine])[0]
        total += count
        ink += count[..., None] * np.array(to_rgb(INK if plain else color(int(k))))
    some = total > 0
    image = np.zeros((_PIXELS, _PIXELS, 4))
    image[some, :3] = ink[some] / total[some, None]
    total /= mass.mean()
    image[some, 3] = 0.2 + 0.8 * np.log1p(total[some]) / math.log1p(total.max())
    frame = (edges[0][0], edges[0][-1], edges[1][0], edges[1][-1])
    return ax.imshow(image, extent=frame, origin="lower", aspect=ax.get_aspect(), interpolation="nearest", zorder=2)
