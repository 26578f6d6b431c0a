"""Convergence: the objective over the EM iterations of a fit, the local optima of a search, and EM as an animation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError
from gmix.base.wording import count, number, percent
from gmix.model.background import with_background
from gmix.model.statistics import SufficientStatistics
from gmix.plot.model import (
    Fit,
    Gaussians,
    Mixture,
    Optima,
    expect_features,
    expect_some,
    extent,
    fit_of,
    gaussians_of,
    mixture_of,
    search_of,
    weighted_points_of,
)
from gmix.plot.names import literal, name_axes
from gmix.plot.note import drawable
from gmix.plot.palette import BACKGROUND, INK, LINE, SOFT, color
from gmix.plot.plane import ellipses
from gmix.plot.style import axes_of, dress

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes

__all__ = ["animation", "history", "optima"]

_BARS = 10  # optima of one candidate that are shown
_LEAST = 1e-3  # nats per row: the smallest range of the history that is drawn
_PALE = "#A9CCE3"  # of the optima below the best
_TIMES = "\N{MULTIPLICATION SIGN}"


def history(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw the objective of a fit per row after every EM iteration.

    That is the log-likelihood, the log posterior with a prior, or the lower bound of a variational fit.
    """
    from matplotlib.ticker import MaxNLocator

    fit_of(fit)
    ax = axes_of(ax, 5.6, 3.4)
    values = np.asarray(fit.history) / fit.mass
    ax.plot(values, color=color(0), linewidth=1.4, zorder=3)
    ax.plot(len(values) - 1, values[-1], "o", ms=5, color=color(0), zorder=4)
    ax.annotate(
        f"{values[-1]:.6g}".replace("-", "\N{MINUS SIGN}"), (len(values) - 1, values[-1]),
        xytext=(0, -13), textcoords="offset points", ha="right", va="center", fontsize=8.5, color=INK,
    )  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.03, y=0.1)
    low, high = ax.get_ylim()
    if high - low < _LEAST:  # a run that began at its end: rounding would fill the picture
        middle = (low + high) / 2.0
        ax.set_ylim(middle - _LEAST / 2.0, middle + _LEAST / 2.0)
    name = "log posterior" if fit.log_prior else "log-likelihood"
    name = name if fit.posterior is None else "lower bound"
    ax.set(xlabel="step", ylabel=f"{name} per row")
    dress(ax, grid="y")
    return ax


def optima(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw the local optima of the chosen structure, and how many trials reached each.

    For one number of components, a bar for each optimum shows how often it was reached, how far it is below the best,
    and how many rows change component. For several, the optima are drawn against the number of components.

    If many trials end at the same optimum, it is probably the global one. If each trial ends at a different optimum,
    there may be better ones.

    Raises `ParameterError` for a fit that was loaded.
    """
    search = search_of(fit_of(fit))
    code = fit.mixture.structure.code
    candidates = sorted(
        (c for c in search.candidates if c.structure.code == code), key=lambda candidate: candidate.n_components
    )
    if len(candidates) == 1:
        return _bars(candidates[0].optima, ax)
    ax = axes_of(ax, 5.6, 3.6)
    counts = [c.n_components for c in candidates]
    ax.plot(counts, [_per_row(c.optima)[0] for c in candidates], color=LINE, linewidth=1.0, zorder=1)
    for candidate in candidates:
        values = _per_row(candidate.optima)
        for rank, (value, optimum) in enumerate(zip(values, candidate.optima.found, strict=True)):
            face = color(0) if rank == 0 else "white"
            ax.scatter(candidate.n_components, value, s=34, c=face, edgecolors=color(0), linewidths=1.1, zorder=3)
            if optimum.times > 1:
                ax.annotate(
                    f"{_TIMES}{optimum.times}", (candidate.n_components, value), xytext=(0, 9),
                    textcoords="offset points", ha="center", va="center", fontsize=8, color=SOFT,
                )  # fmt: skip
    ax.axvline(fit.mixture.n_components, color=LINE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.9)
    ax.set_xticks(counts)
    ax.margins(x=0.08, y=0.1)
    name = "log posterior" if fit.log_prior else "log-likelihood"
    ax.set(xlabel=literal(f"components ({code})"), ylabel=f"{name} per row")
    dress(ax, grid="y")
    return ax


def _per_row(optima: Optima) -> list[float]:
    """The objective per row at each optimum."""
    return [optimum.objective / optima.total_weight for optimum in optima.found]


def _bars(optima: Optima, ax: Axes | None) -> Axes:
    """Draw a bar for each optimum, the best first: how many trials reached it."""
    shown = optima.found[:_BARS]
    lines = max(len(shown), 1 if ax is None else 4)  # few bars would be very thick in large axes
    ax = axes_of(ax, 5.6, 0.9 + 0.36 * lines)
    best, at_right = shown[0], ax.get_yaxis_transform()
    for line, optimum in enumerate(shown):
        ax.barh(line, optimum.times, height=0.6, color=color(0) if optimum is best else _PALE, zorder=3)
        ax.annotate(
            f"{_TIMES}{optimum.times}", (optimum.times, line), xytext=(5, 0), textcoords="offset points",
            va="center", fontsize=8.5, color=INK if optimum is best else SOFT,
        )  # fmt: skip
        changed = "" if optimum is best or math.isnan(optimum.changed) else percent(optimum.changed)
        ax.text(1.0, line, changed, transform=at_right, ha="right", va="center", fontsize=8.5, color=SOFT)
    gaps = [number(optimum.objective - best.objective, 2) for optimum in shown[1:]]
    ax.set_yticks(range(len(shown)), ["best", *gaps])
    ax.set_ylim(lines - 0.5, -0.6)
    ax.set_xlim(0.0, 1.4 * max(optimum.times for optimum in shown))  # room for the shares at the right
    runs = "trials" if optima.from_trials else "EM runs"
    heads = [(0.0, -6, "right", "nats"), (0.0, 0, "left", f"{runs} that reached it")]
    heads += [(1.0, 0, "right", "rows that change component")] * (len(shown) > 1)
    for x, shift, side, head in heads:
        ax.annotate(
            head, (x, 1.0), xycoords="axes fraction", xytext=(shift, 3), textcoords="offset points", ha=side,
            va="bottom", fontsize=8.5, color=INK,
        )  # fmt: skip
    dress(ax)
    ax.grid(visible=False)
    ax.tick_params(length=0, labelbottom=False, labelsize=8.5)
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel(_caption(optima, len(optima.found) - len(shown)), loc="left", fontsize=8.5, color=SOFT)
    return ax


def _caption(optima: Optima, n_hidden: int) -> str:
    """The text below the bars: how many optima are not shown, and the chance of a better one."""
    hidden = f"{n_hidden:,} more {'optimum' if n_hidden == 1 else 'optima'} not shown"
    chance = f"estimated chance that as many more would find a better one: {percent(optima.chance_of_better)}"
    return "\n".join([hidden] * (n_hidden > 0) + [f"{count(optima.trials, 'trial')}; {chance}"] * optima.from_trials)


def animation(
    points: Any,
    start: Mixture,
    ax: Axes | None = None,
    *,
    steps: int = 30,
    interval: int = 250,
    sample_weight: ArrayLike | str | None = None,
) -> FuncAnimation:
    """Animate EM on points of two variables, each in the colors of the components mixed by its responsibilities.

    EM runs on the points that have both values. Keep the returned animation while it is shown; its method
    ``save("em.gif")`` writes it.

    Parameters
    ----------
    points : ``(N, 2)``.
    start : the mixture that EM starts from; a poor one shows more.
    steps : the number of EM iterations.
    interval : milliseconds between two iterations.
    sample_weight : ``(N,)``, or the name of a column.

    >>> import gmix
    >>> from gmix.plot import animation
    >>> two = gmix.GaussianMixture([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [np.eye(2), np.eye(2)])
    >>> start = gmix.GaussianMixture([0.5, 0.5], [[0.0, 3.0], [0.0, -3.0]], two.covariances)
    >>> shown = animation(two.sample(200, rng=7), start, steps=2)
    >>> "<img" in shown.to_jshtml()
    True
    """
    from matplotlib.animation import FuncAnimation
    from matplotlib.colors import to_rgb

    start = gaussians_of(mixture_of(start), "animation")
    expect_features(start, 2)
    for name, given in (("steps", steps), ("interval", interval)):
        if not is_count(given):
            raise ParameterError(f"{name} is {given!r}; give a whole number above zero")
    ax = axes_of(ax, 5.2, 4.8)
    rows, mass = weighted_points_of(points, start, 2, sample_weight)
    drawn_rows = drawable(ax, rows, mass)
    rows, mass = rows[drawn_rows], mass[drawn_rows]
    expect_some(rows)
    iterations, mixture = list[tuple[Gaussians, float]](), start
    for _ in range(steps + 1):
        iterations.append((mixture, float(mixture.log_density(rows) @ mass / mass.sum())))
        responsibilities = mixture.responsibilities(rows)
        statistics = SufficientStatistics.from_responsibilities(mixture.structure.form, rows, responsibilities, mass)
        statistics = replace(statistics, total_weight=float(mass.sum()))
        mixture = mixture.from_statistics(
            statistics, mixture.structure, features=mixture.features, background=mixture.background
        )
    inks = np.array([to_rgb(color(k)) for k in (*range(start.n_components), BACKGROUND)])
    areas = float(np.clip(9000.0 / len(rows), 2.0, 20.0)) * mass / mass.mean()
    dots = ax.scatter(rows[:, 0], rows[:, 1], s=areas, linewidths=0, alpha=0.8, zorder=2)
    low = np.minimum(rows.min(0), extent(start, 1.0)[:, 0])
    high = np.maximum(rows.max(0), extent(start, 1.0)[:, 1])
    margin = 0.06 * (high - low)
    ax.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    ax.set_autoscale_on(False)
    name_axes(ax, start)
    dress(ax)
    drawn: list[Any] = []

    def show(step: int) -> list[Any]:
        now, log_likelihood = iterations[step]
        for artist in drawn:
            artist.remove()
        texts = len(ax.texts)
        drawn[:] = [*ellipses(now, ax=ax), *ax.texts[texts:]]
        share = with_background(now.responsibilities(rows), now.background)
        dots.set_facecolor(np.clip(share @ inks[: share.shape[1]], 0.0, 1.0))
        value = f"{log_likelihood:.4f}".replace("-", "\N{MINUS SIGN}")
        ax.set_title(f"step {step}: log-likelihood {value} per row", fontsize=9.5, color=INK, loc="left")
        return [dots, *drawn]

    return FuncAnimation(ax.figure, show, frames=len(iterations), interval=interval, blit=False)  # type: ignore[arg-type]  # a SubFigure has a figure too
