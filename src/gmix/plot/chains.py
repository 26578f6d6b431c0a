"""Pictures of the draws of a sampler: whether the chains agree, and how long a draw is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.plot.palette import SOFT, color
from gmix.plot.style import axes_of, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["autocorrelations", "ranks", "trace"]

Array = NDArray[np.float64]
_POINTS = 4000  # of a line
_BINS = 20
_LAGS = 60


class Chains(Protocol):
    """Draws ``(chains, draws, D)``, as those of `gmix.Chains`."""

    @property
    def draws(self) -> Array: ...

    def autocorrelation(self, lags: int) -> Array: ...


def trace(chains: Chains, coordinate: int = 0, ax: Axes | None = None) -> Axes:
    """Draw one coordinate of every chain in the order of the draws, one color for each chain.

    Chains that agree overlap and have no trend. Of long chains, some draws are shown at regular intervals.
    """
    x = _coordinate(chains, coordinate)
    ax = axes_of(ax, 6.4, 3.0)
    every = -(-x.shape[1] // _POINTS)
    at = np.arange(0, x.shape[1], every)
    for chain, values in enumerate(x):
        ax.plot(at, values[::every], color=color(chain), linewidth=0.6, alpha=0.8)
    ax.set(xlabel="draw" if every == 1 else f"draw (one of {every} is shown)", ylabel=f"coordinate {coordinate}")
    ax.margins(x=0.01)
    dress(ax, grid="y")
    return ax


def ranks(chains: Chains, coordinate: int = 0, ax: Axes | None = None) -> Axes:
    """Draw how the ranks of the draws of each chain are distributed among those of all chains.

    If the chains agree, all bars are near the dotted line, which is the mean (Vehtari et al. 2021, *Bayesian Analysis*
    16:667, section 4.5). A chain whose bars rise or fall has larger or smaller values than the others. High bars at
    both ends mean a larger variance.
    """
    x = _coordinate(chains, coordinate)
    ax = axes_of(ax, 6.4, 0.6 + 0.45 * min(len(x), 8))
    bins = int(min(_BINS, x.shape[1]))
    rank = x.ravel().argsort(kind="stable").argsort(kind="stable").reshape(x.shape)
    counts = np.stack([np.histogram(own, bins, (0, x.size))[0] for own in rank])
    even, edges = x.shape[1] / bins, np.linspace(0.0, 1.0, bins + 1)
    height = 0.8 / max(2.0 * even, float(counts.max()))
    for chain, own in enumerate(counts):
        ax.bar(
            edges[:-1], own * height, 1.0 / bins, bottom=float(chain), align="edge", color=color(chain), alpha=0.75,
            edgecolor="white", linewidth=0.5,
        )  # fmt: skip
        ax.axhline(chain + even * height, color=SOFT, linewidth=0.9, linestyle=":", zorder=3)
    ax.set(xlabel=f"rank of coordinate {coordinate} among all draws, from 0 to 1", ylabel="chain", xlim=(0.0, 1.0))
    ax.set_yticks(np.arange(len(x)) + 0.4, [str(chain) for chain in range(len(x))])
    ax.tick_params(axis="y", length=0)
    dress(ax)
    return ax


def autocorrelations(chains: Chains, lags: int = _LAGS, ax: Axes | None = None) -> Axes:
    """Draw the correlation between two draws of a chain by their distance, one line for each coordinate.

    The sooner it falls to zero, the more independent draws the chains are worth.
    """
    if not is_count(lags):
        raise ParameterError(f"lags is {lags!r}; give a whole number, 1 or more")
    n_draws, n_features = _checked(chains).draws.shape[1:]
    ax = axes_of(ax, 6.4, 3.0)
    found = chains.autocorrelation(min(lags, n_draws - 1))
    for d in range(n_features):
        ax.plot(found[:, d], color=color(d), linewidth=1.3, label=f"coordinate {d}")
    ax.axhline(0.0, color=SOFT, linewidth=0.8)
    ax.set(xlabel="lag (draws)", ylabel="autocorrelation", ylim=(min(-0.1, float(np.nanmin(found)) - 0.05), 1.05))
    if n_features > 1:
        ax.legend(frameon=False, fontsize=8.5, ncols=1 + (n_features - 1) // 8)
    dress(ax, grid="y")
    return ax


def _coordinate(chains: Chains, coordinate: int) -> Array:
    draws = _checked(chains).draws
    if not is_count(coordinate, 0) or coordinate >= draws.shape[2]:
        raise ParameterError(
            f"coordinate is {coordinate!r}, but the draws have {count(draws.shape[2], 'coordinate')}, counted from 0"
        )
    return np.asarray(draws[:, :, coordinate])


def _checked(chains: Chains) -> Chains:
    if not (hasattr(chains, "draws") and hasattr(chains, "autocorrelation")):
        raise ParameterError(f"chains is a {type(chains).__name__}; give the result of gmix.metropolis")
    return chains
