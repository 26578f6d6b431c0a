"""Pictures: densities, points and components, criteria, and the climb of a fit.

Every function draws into ``ax`` if one is given and into a new figure otherwise, and never shows or saves anything nor
changes Matplotlib's settings. The small ones hand back the artists that they added, the composed ones (`clusters`,
`histogram`, `criteria`, `entropy`, `history`, `plot`) their axes, and `pairs` its figure. A model is a
`GaussianMixture` or a `Fit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.errors import ParameterError
from gmix.fit import Fit
from gmix.merging import Merging
from gmix.mixture import GaussianMixture
from gmix.rows import as_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure
    from matplotlib.patches import Ellipse

__all__ = [
    "clusters", "color", "contours", "criteria", "ellipses", "entropy", "histogram", "history", "marker", "pairs",
    "plot", "scatter", "surface",
]  # fmt: skip

Array = NDArray[np.float64]
Model = GaussianMixture | Fit
Density = Callable[[Array], ArrayLike] | GaussianMixture | Fit

# Okabe & Ito's colors that keep apart for every kind of color vision, less the yellow that a white page swallows; after
# one round the marks change their shape, so that 21 components can be told apart.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
_MARKERS = ("o", "s", "^")
_INK, _SOFT, _LINE, _GRID = "#222222", "#5A5A5A", "#9A9A9A", "#E7E7E7"
_DENSITY = "GnBu"  # from the page to ink, so that no density looks like no ink
_MANY = 5_000  # points beyond this are stored as an image, also in a vector file


def color(component: int) -> str:
    """The color of a component, safe for color-blind readers; it comes back after seven."""
    return _COLORS[component % len(_COLORS)]


def marker(component: int) -> str:
    """The mark of a component's points; it changes each time the colors come back."""
    return _MARKERS[component // len(_COLORS) % len(_MARKERS)]


def surface(
    density: Density, limits: ArrayLike, ax: Axes | None = None, *, resolution: int = 121, label: str = "density"
) -> Any:
    """Draw a density of two variables as a lit surface over the plane, with a color bar.

    Parameters
    ----------
    density : takes points ``(M, 2)`` and gives ``(M,)``; or a model.
    limits : ``(low, high)`` for both axes, or one such pair for each.
    ax : axes with ``projection="3d"``.
    resolution : points along each side of the grid.
    label : what the height is.

    Raises `ParameterError` for axes that are flat.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LightSource, Normalize
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        ax = _new_axes(6.4, 4.4, projection="3d")
    drawing: Any = ax
    if not hasattr(drawing, "plot_surface"):
        raise ParameterError('a surface needs axes in space; make them with figure.add_subplot(projection="3d")')
    x, y, z = _grid(density, limits, resolution)
    top = float(z.max())
    # Light from one side shows the shape; it dims the colors by a fifth at most, so that the color bar holds.
    sides = {"dx": np.ptp(x) / resolution, "dy": np.ptp(y) / resolution}
    shade = LightSource(azdeg=225, altdeg=50).hillshade(z / top * np.ptp(x) / 2.0, **sides)
    shade = np.minimum(shade / shade[0, 0], 1.0)
    lit = colormaps[_DENSITY](z / top)
    lit[..., :3] *= (0.8 + 0.2 * shade)[..., None]
    artist = drawing.plot_surface(
        x, y, z, facecolors=lit, rcount=resolution, ccount=resolution, linewidth=0, antialiased=False, shade=False
    )
    artist.set_clip_on(False)
    heights = ScalarMappable(Normalize(0.0, top), _DENSITY)
    drawing.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), zlim=(-0.03 * top, top), xlabel="$x$", ylabel="$y$")
    drawing.set_box_aspect((1, 1, 0.62), zoom=1.18)
    drawing.view_init(elev=30, azim=-58)
    drawing.zaxis.set_major_locator(MaxNLocator(4))
    for axis in (drawing.xaxis, drawing.yaxis, drawing.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set(color=_LINE, linewidth=0.6)
        axis._axinfo["grid"].update(color=_GRID, linewidth=0.5)  # noqa: SLF001  (there is no public way)
        axis._axinfo["tick"].update(inward_factor=0.0, outward_factor=0.15, color=_LINE)  # noqa: SLF001
        axis.label.set(color=_INK, fontsize=10)
    drawing.tick_params(color=_LINE, labelsize=8, labelcolor=_SOFT, pad=0)
    _color_bar(heights, drawing, label)
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
    density : takes points ``(M, 2)`` and gives ``(M,)``; or a model.
    limits : ``(low, high)`` for both axes, or one such pair for each; a model knows its own.
    levels : the values themselves, or about how many round ones.
    labels : write the values on the lines.
    filled : tint the plane between the lines.
    resolution : points along each side of the grid.
    """
    from matplotlib.ticker import MaxNLocator

    ax = ax or _new_axes(5.2, 4.6)
    model = _mixture(density) if isinstance(density, (GaussianMixture, Fit)) else None
    if limits is None:
        if model is None:
            raise ParameterError("a function does not say where it lives; give limits=(low, high)")
        limits = _extent(model)
    x, y, z = _grid(density, limits, resolution)
    if isinstance(levels, int):
        levels = [v for v in MaxNLocator(levels).tick_values(0.0, float(z.max())) if 0 < v < z.max()]
    if filled:
        ax.contourf(x, y, z, levels=[*levels, math.inf], colors=_tints(len(levels)), zorder=0.6)
    lines = ax.contour(x, y, z, levels=levels, colors="#52708C", linewidths=0.6, zorder=1.5)
    if labels:
        texts = ax.clabel(lines, fontsize=6.5, inline_spacing=3, fmt=_decimals(levels), colors="#34506B")
        for text in texts or ():
            text.set_zorder(4)
            _halo(text, 1.6)
    if model is not None:
        _name_axes(ax, model)
    _dress(ax)
    return lines


def scatter(
    points: Any, components: Any = None, ax: Axes | None = None, *, size: float | None = None
) -> list[PathCollection]:
    """Draw points of two variables, each in the color and mark of its most probable component.

    Parameters
    ----------
    points : ``(N, 2)``.
    components : labels ``(N,)``, responsibilities ``(N, K)`` or a model; None for points without components.
    size : the area of a mark in square points; None to suit their number.

    Gives one artist for each component that has points.
    """
    ax = ax or _new_axes(5.2, 4.6)
    model = _mixture(components) if isinstance(components, (GaussianMixture, Fit)) else None
    rows = _points(points, model, 2)
    labels = _labels(rows, components)
    n = len(rows)
    area = size if size is not None else float(np.clip(9000.0 / max(n, 1), 2.0, 20.0))
    alpha = float(np.clip(6.0 / max(n, 1) ** 0.32, 0.12, 0.85))
    artists = []
    for k in np.unique(labels):
        mine = rows[labels == k]
        artists.append(
            ax.scatter(
                mine[:, 0],
                mine[:, 1],
                s=area,
                c=_INK if components is None else color(int(k)),
                marker="o" if components is None else marker(int(k)),
                alpha=alpha,
                linewidths=0,
                zorder=2,
                rasterized=n > _MANY,
                label=None if components is None else f"component {k}",
            )
        )
    if model is not None:
        _name_axes(ax, model)
    _dress(ax)
    return artists


def ellipses(
    model: Model, levels: Sequence[float] = (0.5, 0.95), ax: Axes | None = None, *, labels: bool = True
) -> list[Ellipse]:
    r"""Draw the ellipses that hold a stated part of each component of two variables, and its number at its mean.

    .. math:: (x - \mu_k)^\top \Sigma_k^{-1} (x - \mu_k) = -2 \log(1 - \text{level})

    which is the chi-square quantile for two degrees of freedom: the outer ellipse holds 95 % of a component's own mass,
    not of the mixture's. Gives them component by component, levels in the order given.
    """
    from matplotlib.patches import Ellipse

    ax = ax or _new_axes(5.2, 4.6)
    mixture = _mixture(model)
    _expect_features(mixture, 2)
    if not all(0 < level < 1 for level in levels):
        raise ParameterError(f"levels {list(levels)} are shares of a component's mass; give numbers between 0 and 1")
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
            _number(ax, k, mean)
    ax.autoscale_view()
    _name_axes(ax, mixture)
    _dress(ax)
    return artists


def clusters(
    model: Model,
    points: Any = None,
    ax: Axes | None = None,
    *,
    levels: Sequence[float] = (0.5, 0.95),
    labels: bool = True,
) -> Axes:
    """Draw points of two variables by their most probable component, under the components' ellipses.

    Without points, the contours of the density take their place.
    """
    ax = ax or _new_axes(5.2, 4.6)
    if points is None:
        contours(model, ax=ax, labels=False)
    else:
        scatter(points, model, ax)
    ellipses(model, levels, ax, labels=labels)
    return ax


def histogram(model: Model, points: Any = None, ax: Axes | None = None, *, bins: int | str = "auto") -> Axes:
    """Draw a mixture of one variable: its density, each component's share of it, over a histogram of points."""
    ax = ax or _new_axes(5.6, 3.6)
    mixture = _mixture(model)
    _expect_features(mixture, 1)
    (low, high), _ = _extent(mixture)
    if points is not None:
        values = _points(points, mixture, 1)[:, 0]
        edges = np.histogram_bin_edges(values, _bins(values) if bins == "auto" else bins)
        ax.hist(values, edges.tolist(), density=True, color="#DCDCDC", edgecolor="white", linewidth=0.5, zorder=1)
        low, high = min(low, float(edges[0])), max(high, float(edges[-1]))
    x = np.linspace(low, high, 801)
    share = mixture.responsibilities(x[:, None]) * mixture.density(x[:, None])[:, None]
    for k, y in enumerate(share.T):
        ax.fill_between(x, y, color=color(k), alpha=0.22, linewidth=0, zorder=2)
        ax.plot(x, np.where(y > 2e-3 * y.max(), y, np.nan), color=color(k), linewidth=1.1, zorder=3)
        _number(ax, k, (float(x[y.argmax()]), float(y.max()) / 2.0))
    ax.plot(x, share.sum(1), color=_INK, linewidth=1.4, zorder=4)
    ax.set(ylim=(0, None), xlim=(low, high), ylabel="density")
    ax.locator_params(axis="y", nbins=5)
    ax.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    ax.yaxis.get_offset_text().set(fontsize=8, color=_SOFT)
    _name_axes(ax, mixture)
    _dress(ax, grid="y")
    return ax


def pairs(
    model: Model, points: Any = None, figure: Figure | None = None, *, levels: Sequence[float] = (0.5, 0.95)
) -> Figure:
    """Draw every variable on the diagonal and every two of them below it: points, components and marginal densities."""
    mixture = _mixture(model)
    d = mixture.n_features
    if d < 2:
        raise ParameterError("pairs needs at least two features; draw one with histogram")
    side = float(np.clip(11.0 / d, 1.1, 2.4)) * d
    figure = figure or _new_figure(side, side)
    rows = None if points is None else _points(points, mixture, d)
    labels = None if rows is None else mixture.predict(rows)
    names = _names(mixture)
    grid = figure.subplots(d, d, squeeze=False)
    for i in range(d):
        for j in range(d):
            ax = grid[i, j]
            if j > i:
                ax.remove()
                continue
            if i == j:
                histogram(mixture.marginal([i]), None if rows is None else rows[:, [i]], ax)
                _unnumber(ax)
                ax.set(ylabel="", yticks=[])
                ax.spines["left"].set_visible(False)
            else:
                two = mixture.marginal([j, i])
                if rows is None:
                    contours(two, ax=ax, labels=False)
                else:
                    scatter(rows[:, [j, i]], labels, ax)
                ellipses(two, levels, ax, labels=d <= 5)
                _frame(ax, two, None if rows is None else rows[:, [j, i]])
            ax.set_xlabel(names[j] if i == d - 1 else "")
            ax.set_ylabel(names[i] if j == 0 and i > 0 else "")
            ax.tick_params(labelbottom=i == d - 1, labelleft=j == 0 and i > 0, labelsize=7)
            ax.locator_params(axis="x", nbins=4)
            if i != j:
                ax.locator_params(axis="y", nbins=4)
    for j in range(d):  # one scale for a column, that of its diagonal
        for i in range(j + 1, d):
            grid[i, j].set_xlim(grid[j, j].get_xlim())
            grid[i, j].set_ylim(grid[i, i].get_xlim())
    figure.align_labels()
    _legend(figure, mixture)
    return figure


def criteria(candidates: Fit | Iterable[Any], ax: Axes | None = None) -> Axes:
    """Draw AIC and BIC over the number of components, the least BIC marked; smaller is better.

    Of several covariance structures, the BIC of each is drawn.

    Parameters
    ----------
    candidates : a fit that was chosen among several, or fits with one component, two, and so on.

    Raises `ParameterError` for a fit that had no rival.
    """
    ax = ax or _new_axes(5.6, 4.0)
    if isinstance(candidates, Fit):
        if candidates.search is None:
            raise ParameterError("this fit was not chosen among several; fit with components=range(1, 9) to compare")
        chosen: Any = candidates.search.best
        every = list(candidates.search.candidates)
    else:
        every = list(candidates)
        if not every:
            raise ParameterError("there is nothing to compare; give a fit or several")
        chosen = min(every, key=lambda c: c.bic)
    curves: dict[str, list[Any]] = {}
    for candidate in every:
        curves.setdefault(_mixture_of(candidate).structure.code, []).append(candidate)
    best = _mixture_of(chosen)
    ends: list[tuple[float, float, str, str]] = []
    if len(curves) == 1:
        for k, (name, width) in enumerate((("AIC", 1.1), ("BIC", 1.7))):
            _curve(ax, every, name, color(1 - k), width, ends)
    else:
        for k, (code, members) in enumerate(curves.items()):
            _curve(ax, members, code, color(k), 1.7 if code == best.structure.code else 1.0, ends, "BIC")
    count = f"{best.n_components} component{'s' * (best.n_components != 1)}"
    if len(curves) > 1:
        count = f"{best.structure.code}, {count}"
    counts = sorted({_mixture_of(c).n_components for c in every})
    ax.set_xticks(counts)
    ax.set_xlim(counts[0] - 0.35, counts[-1] + 0.12 * max(len(counts), 4))
    # The curve that wins sets the scale: one that is far above it, or a single bad point, would flatten the rest.
    shown = [v for c in curves[best.structure.code] for v in ((c.aic, c.bic) if len(curves) == 1 else (c.bic,))]
    low, high = min(shown), max(shown)
    high = high if high > low else low + 1.0
    ax.set_ylim(low - 0.1 * (high - low), high + 0.16 * (high - low))
    ax.axvline(best.n_components, color=_LINE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ax.plot(best.n_components, chosen.bic, "o", ms=10, mfc="none", mec=_INK, mew=1.1, zorder=5)
    right = best.n_components > (counts[0] + counts[-1]) / 2
    ax.annotate(
        f"least BIC: {count}", (best.n_components, 1.0), xycoords=ax.get_xaxis_transform(),
        xytext=(-6 if right else 6, -4), textcoords="offset points", ha="right" if right else "left", va="top",
        fontsize=8.5, color=_INK,
    )  # fmt: skip
    _write_apart(ax, ends)
    ax.set(
        xlabel="components", ylabel="criterion (smaller is better)" if len(curves) == 1 else "BIC (smaller is better)"
    )
    _dress(ax, grid="y")
    return ax


def entropy(merging: Merging, ax: Axes | None = None) -> Axes:
    """Draw the entropy over the number of clusters, the lines that bend at the elbow, and the elbow."""
    ax = ax or _new_axes(5.6, 3.4)
    values, bend = merging.entropy, merging.elbow
    counts = np.arange(1, len(values) + 1)
    if 1 < bend < len(values):
        for line, part in zip(merging.lines(bend), (counts[:bend], counts[bend - 1 :]), strict=True):
            ax.plot(part, line, color=_LINE, linewidth=1.1, linestyle=(0, (4, 3)), zorder=3)
    ax.plot(counts, values, "o", ms=5, color=color(0), zorder=4)
    ax.plot(bend, values[bend - 1], "o", ms=10, mfc="none", mec=_INK, mew=1.1, zorder=5)
    ax.annotate(
        f"elbow: {bend} cluster{'s' * (bend != 1)}", (bend, values[bend - 1]), va="center", fontsize=8.5, color=_INK,
        xytext=(10, -6) if bend < len(values) else (-10, 0), textcoords="offset points",
        ha="left" if bend < len(values) else "right",
    )  # fmt: skip
    ax.set_xticks(counts)
    ax.margins(x=0.05, y=0.14)
    ax.set(xlabel="clusters", ylabel="entropy (nats)")
    _dress(ax, grid="y")
    return ax


def history(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw the climb of a fit: what it maximizes, per row, at every step."""
    from matplotlib.ticker import MaxNLocator

    ax = ax or _new_axes(5.6, 3.4)
    values = np.asarray(fit.history) / fit.mass
    ax.plot(values, color=color(0), linewidth=1.4, zorder=3)
    ax.plot(len(values) - 1, values[-1], "o", ms=5, color=color(0), zorder=4)
    ax.annotate(
        f"{values[-1]:.6g}".replace("-", "\N{MINUS SIGN}"), (len(values) - 1, values[-1]),
        xytext=(0, -13), textcoords="offset points", ha="right", va="center", fontsize=8.5, color=_INK,
    )  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.03, y=0.1)
    name = "log posterior" if fit.log_prior else "log-likelihood"
    ax.set(xlabel="step", ylabel=f"{name} per row")
    _dress(ax, grid="y")
    return ax


def plot(model: Model, points: Any = None, *, ax: Axes | None = None, figure: Figure | None = None) -> Axes | Figure:
    """Draw a model, over points if there are some, in the way that its number of features asks for.

    One feature: `histogram`. Two: `clusters`. More: `pairs`, which fills a figure and takes no ``ax``.
    """
    d = _mixture(model).n_features
    if d > 2:
        if ax is not None:
            raise ParameterError(
                f"{d} features fill a figure; give figure= instead of ax=, or draw mixture.marginal([...])"
            )
        return pairs(model, points, figure)
    if ax is None and figure is not None:
        ax = figure.add_subplot()
    return histogram(model, points, ax) if d == 1 else clusters(model, points, ax)


def _mixture(model: Any) -> GaussianMixture:
    if isinstance(model, GaussianMixture):
        return model
    if isinstance(model, Fit):
        return model.mixture
    raise ParameterError(f"a {type(model).__name__} cannot be drawn; give a GaussianMixture or a Fit")


def _mixture_of(candidate: Any) -> GaussianMixture:
    mixture: GaussianMixture = candidate.mixture if isinstance(candidate, Fit) else candidate.run.mixture
    return mixture


def _expect_features(mixture: GaussianMixture, wanted: int) -> None:
    if mixture.n_features != wanted:
        raise ParameterError(
            f"this picture shows {wanted} feature{'s' * (wanted != 1)} and the mixture has {mixture.n_features}; "
            "draw mixture.marginal([...]), or use plot"
        )


def _points(points: Any, mixture: GaussianMixture | None, wanted: int) -> Array:
    framed = not isinstance(points, np.ndarray) and hasattr(points, "columns")
    names = list(mixture.features) if framed and mixture is not None and mixture.features else None
    rows = np.asarray(as_rows(points, names)[0], np.float64)
    if rows.shape[1] != wanted:
        raise ParameterError(f"the points have {rows.shape[1]} columns and this picture shows {wanted}; choose columns")
    return rows


def _labels(rows: Array, components: Any) -> NDArray[np.intp]:
    if components is None:
        return np.zeros(len(rows), np.intp)
    if isinstance(components, (GaussianMixture, Fit)):
        return _mixture(components).predict(rows)
    given = np.asarray(components)
    if given.ndim not in (1, 2) or len(given) != len(rows):
        raise ParameterError(
            f"components has shape {given.shape} for {len(rows)} points; give labels (N,) or responsibilities (N, K)"
        )
    return np.asarray(given if given.ndim == 1 else given.argmax(1)).astype(np.intp)


def _names(mixture: GaussianMixture) -> tuple[str, ...]:
    return mixture.features or tuple(f"$x_{{{d + 1}}}$" for d in range(mixture.n_features))


def _extent(mixture: GaussianMixture, deviations: float = 3.2) -> Array:
    """``(D, 2)``: where all but a thousandth of each component lies; one feature gets a second row of zeros."""
    deviation = deviations * np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2))
    alive = mixture.weights > 0
    extent = np.stack([(mixture.means - deviation)[alive].min(0), (mixture.means + deviation)[alive].max(0)], axis=1)
    return extent if len(extent) > 1 else np.vstack([extent, [0.0, 0.0]])


def _grid(density: Density, limits: ArrayLike, resolution: int) -> tuple[Array, Array, Array]:
    edges = np.broadcast_to(np.asarray(limits, np.float64), (2, 2))
    if not (np.isfinite(edges).all() and (edges[:, 0] < edges[:, 1]).all()):
        raise ParameterError(f"limits {np.asarray(limits).tolist()} must rise: (low, high), or one pair for each axis")
    x, y = np.meshgrid(*(np.linspace(low, high, resolution) for low, high in edges))
    points = np.column_stack([x.ravel(), y.ravel()])
    if isinstance(density, (GaussianMixture, Fit)):
        mixture = _mixture(density)
        _expect_features(mixture, 2)
        values = mixture.density(points)
    else:
        values = np.asarray(density(points), np.float64)
        if values.shape != (len(points),):
            raise ParameterError(
                f"the density gave shape {values.shape} for points {points.shape}; give one number each"
            )
    return x, y, values.reshape(x.shape)


def _bins(values: Array) -> int:
    """Freedman & Diaconis's number of bins, within what an eye can use; small tables get more."""
    quartiles = np.quantile(values, [0.25, 0.75])
    width = 2.0 * float(quartiles[1] - quartiles[0]) / max(len(values), 1) ** (1 / 3)
    wanted = max(float(np.ptp(values)) / width if width > 0 else 0.0, 1.4 * math.sqrt(len(values)))
    return int(np.clip(wanted, 8, 80)) if len(values) < 2000 else int(np.clip(wanted, 40, 100))


def _new_figure(width: float, height: float) -> Figure:
    from matplotlib import pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


def _new_axes(width: float, height: float, **options: Any) -> Axes:
    axes: Axes = _new_figure(width, height).add_subplot(**options)
    return axes


def _dress(ax: Axes, grid: str = "both") -> None:
    """Light grids, thin spines on two sides, and soft tick labels: the points speak."""
    ax.set_axisbelow(True)
    ax.grid(visible=False)
    ax.grid(visible=True, axis=grid, color=_GRID, linewidth=0.6)  # type: ignore[arg-type]
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(color=_LINE, linewidth=0.7)
    ax.tick_params(length=3, width=0.7, color=_LINE, labelcolor=_SOFT, labelsize=8)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set(color=_INK, fontsize=9.5)


def _name_axes(ax: Axes, mixture: GaussianMixture) -> None:
    names = _names(mixture)
    ax.set_xlabel(names[0])
    if len(names) > 1:
        ax.set_ylabel(names[1])


def _frame(ax: Axes, mixture: GaussianMixture, rows: Array | None) -> None:
    extent = _extent(mixture, 2.6)
    if rows is not None and len(rows):
        extent = np.stack([np.minimum(extent[:, 0], rows.min(0)), np.maximum(extent[:, 1], rows.max(0))], axis=1)
    ax.set(xlim=extent[0], ylim=extent[1])


def _number(ax: Axes, component: int, place: ArrayLike) -> None:
    x, y = np.asarray(place, np.float64)
    disc = {"boxstyle": "circle,pad=0.28", "facecolor": color(component), "edgecolor": "white", "linewidth": 1.2}
    text = ax.text(
        x,
        y,
        str(component),
        color="white",
        fontsize=7.5,
        fontweight="bold",
        ha="center",
        va="center",
        zorder=6,
        bbox=disc,
    )
    text.set_gid("component")


def _legend(figure: Figure, mixture: GaussianMixture) -> None:
    """The components and their weights, in the empty corner of a triangle of pairs."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=marker(k), color=color(k), markersize=6, label=f"{k}   {weight:.1%}")
        for k, weight in enumerate(mixture.weights)
    ]
    legend = figure.legend(
        handles=handles, title="component, weight", loc="upper right", frameon=False, fontsize=9, labelcolor=_INK,
        ncols=1 + len(handles) // 11,
    )  # fmt: skip
    legend.set_in_layout(False)
    legend.get_title().set(fontsize=9, color=_SOFT)


def _unnumber(ax: Axes) -> None:
    for text in list(ax.texts):
        if text.get_gid() == "component":
            text.remove()


def _halo(text: Any, width: float) -> None:
    from matplotlib.patheffects import withStroke

    text.set_path_effects([withStroke(linewidth=width, foreground="white")])


def _decimals(levels: Sequence[float]) -> str:
    """A format that writes all levels with the digits that the finest needs."""
    for digits in range(7):
        if all(abs(round(level, digits) - level) <= 1e-3 * level for level in levels):
            return f"%.{digits}f"
    return "%.2g"


def _tints(n: int) -> Array:
    from matplotlib import colormaps

    return np.asarray(colormaps[_DENSITY](np.linspace(0.1, 0.62, n)))


def _color_bar(artist: Any, ax: Any, label: str) -> None:
    bar = ax.figure.colorbar(artist, ax=ax, shrink=0.7, aspect=24, pad=0.09)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, width=0.6, color=_LINE, labelcolor=_SOFT, labelsize=8)
    bar.set_label(label, color=_INK, fontsize=9.5)


def _curve(
    ax: Axes,
    members: Iterable[Any],
    name: str,
    ink: str,
    width: float,
    ends: list[tuple[float, float, str, str]],
    criterion: str | None = None,
) -> None:
    members = sorted(members, key=lambda c: _mixture_of(c).n_components)
    x = [_mixture_of(c).n_components for c in members]
    y = [float(getattr(c, (criterion or name).lower())) for c in members]
    ax.plot(x, y, "-o", color=ink, linewidth=width, markersize=3.6, label=name, zorder=3)
    ends.append((x[-1], y[-1], name, ink))


def _write_apart(ax: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each curve's name at its end, none upon another."""
    low, high = ax.get_ylim()
    gap = 0.055 * (high - low)
    above = -math.inf
    for x, y, name, ink in sorted(ends, key=lambda end: end[1]):
        if y > high:
            continue
        above = max(y, above + gap)
        ax.annotate(
            name, (x, above), xytext=(7, 0), textcoords="offset points", color=ink,
            fontsize=9, fontweight="bold", va="center", annotation_clip=False,
        )  # fmt: skip
    beyond = [name for _, y, name, _ in ends if y > high]
    if beyond:
        ax.annotate(
            f"beyond the frame: {', '.join(beyond)}", (1.0, 1.0), xycoords="axes fraction", xytext=(0, -4),
            textcoords="offset points", ha="right", va="top", fontsize=7.5, color=_SOFT,
        )  # fmt: skip
