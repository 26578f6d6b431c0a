"""Convergence: the objective over the EM iterations of a fit, the local optima of a search, and EM as an animation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError
from gmix.model.statistics import SufficientStatistics
from gmix.plot.model import (
    Fit,
    Mixture,
    expect_features,
    expect_some,
    extent,
    fit_of,
    mixture_of,
    name_axes,
    points_of,
    search_of,
)
from gmix.plot.plane import ellipses
from gmix.plot.style import INK, LINE, SOFT, axes_of, color, dress

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes

__all__ = ["animation", "history", "optima"]

_SAME = 1e-5  # nats per row; optima that differ by less are the same


def history(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw the objective of a fit per row (log-likelihood, or log posterior with a prior) after every EM iteration."""
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
    name = "log posterior" if fit.log_prior else "log-likelihood"
    ax.set(xlabel="step", ylabel=f"{name} per row")
    dress(ax, grid="y")
    return ax


def optima(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw the local optima that EM runs of the chosen structure reached, and how many runs reached each.

    Where many runs end at the same optimum, it is probably the global one; where every run ends at another, there may
    be better ones.

    Raises `ParameterError` for a fit that was the only candidate.
    """
    search = search_of(fit_of(fit))
    ax = axes_of(ax, 5.6, 3.6)
    code = fit.mixture.structure.code
    candidates = sorted(
        (c for c in search.candidates if c.structure.code == code), key=lambda candidate: candidate.n_components
    )
    counts = [c.n_components for c in candidates]
    total_weight = candidates[0].run.statistics.total_weight  # of a sub-sample, where one was used
    best = [c.optima[0] / total_weight for c in candidates]
    ax.plot(counts, best, color=LINE, linewidth=1.0, zorder=1)
    for candidate in candidates:
        reached = np.asarray(candidate.optima) / total_weight
        groups = np.split(reached, np.flatnonzero(-np.diff(reached) > _SAME) + 1)
        for rank, group in enumerate(groups):
            face = color(0) if rank == 0 else "white"
            ax.scatter(candidate.n_components, group[0], s=34, c=face, edgecolors=color(0), linewidths=1.1, zorder=3)
            if len(group) > 1:
                ax.annotate(
                    f"\N{MULTIPLICATION SIGN}{len(group)}", (candidate.n_components, group[0]), xytext=(0, 9),
                    textcoords="offset points", ha="center", va="center", fontsize=8, color=SOFT,
                )  # fmt: skip
    ax.axvline(fit.mixture.n_components, color=LINE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.9)
    ax.set_xticks(counts)
    ax.margins(x=0.08, y=0.1)
    name = "log posterior" if fit.log_prior else "log-likelihood"
    ax.set(xlabel=f"components ({code})", ylabel=f"{name} per row")
    dress(ax, grid="y")
    return ax


def animation(
    points: Any, start: Mixture, ax: Axes | None = None, *, steps: int = 30, interval: int = 250
) -> FuncAnimation:
    """Animate EM on points of two variables, each in the colors of the components mixed by its responsibilities.

    Keep the returned animation while it is shown; its method ``save("em.gif")`` writes it.

    Parameters
    ----------
    points : ``(N, 2)``.
    start : the mixture that EM starts from; a poor one shows more.
    steps : the number of EM iterations.
    interval : milliseconds between two iterations.

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

    start = mixture_of(start)
    expect_features(start, 2)
    for name, given in (("steps", steps), ("interval", interval)):
        if not is_count(given):
            raise ParameterError(f"{name} is {given!r}; give a whole number above zero")
    ax = axes_of(ax, 5.2, 4.8)
    rows = points_of(points, start, 2)
    expect_some(rows)
    iterations, mixture = [], start
    for _ in range(steps + 1):
        iterations.append((mixture, float(mixture.log_density(rows).mean())))
        responsibilities = mixture.responsibilities(rows)
        statistics = SufficientStatistics.from_responsibilities(mixture.structure.form, rows, responsibilities)
        mixture = mixture.from_statistics(statistics, mixture.structure, features=mixture.features)
    inks = np.array([to_rgb(color(k)) for k in range(start.n_components)])
    dots = ax.scatter(
        rows[:, 0], rows[:, 1], s=float(np.clip(9000.0 / len(rows), 2.0, 20.0)), linewidths=0, alpha=0.8, zorder=2
    )
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
        dots.set_facecolor(np.clip(now.responsibilities(rows) @ inks, 0.0, 1.0))
        value = f"{log_likelihood:.4f}".replace("-", "\N{MINUS SIGN}")
        ax.set_title(f"step {step}: log-likelihood {value} per row", fontsize=9.5, color=INK, loc="left")
        return [dots, *drawn]

    return FuncAnimation(ax.figure, show, frames=len(iterations), interval=interval, blit=False)  # type: ignore[arg-type]  # a SubFigure has a figure too
