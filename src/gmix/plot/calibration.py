"""A picture of how often predicted probabilities come true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.plot.names import fitted, sides_of
from gmix.plot.palette import COLORS, INK, LINE, SOFT
from gmix.plot.style import axes_of, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calibration"]

Array = NDArray[np.float64]
_TALLEST = 0.16  # of the axes: the bar of all rows


class Reliability(Protocol):
    """Predicted probabilities and how often they came true, as `gmix.Reliability` is."""

    @property
    def predicted(self) -> Array: ...
    @property
    def observed(self) -> Array: ...
    @property
    def low(self) -> Array: ...
    @property
    def high(self) -> Array: ...
    @property
    def weight(self) -> Array: ...
    @property
    def calibration_error(self) -> float: ...


class Agreement(Protocol):
    """The agreement of probabilities with labels, as `gmix.Agreement` is."""

    def reliability(self, label: Any = None, *, bins: int = 10) -> Reliability: ...


def calibration(agreement: Agreement, ax: Axes | None = None, *, label: Any = None, bins: int = 10) -> Axes:
    """Draw how often predictions came true over their probabilities, with 95 % intervals (Wilson's).

    Predictions are calibrated if the dots lie on the diagonal. Dots below it show probabilities that are too high. The
    bars at the bottom are the shares of the rows in each bin.

    Parameters
    ----------
    agreement : what `gmix.agreement` returned for probabilities.
    label : the class whose probability is drawn; None for the most probable class of each row.
    bins : of equal width from 0 to 1; those without rows are not drawn.
    """
    if not hasattr(agreement, "reliability"):
        raise ParameterError(f"agreement is a {type(agreement).__name__}; give the result of gmix.agreement")
    found = agreement.reliability(label, bins=bins)
    ax = axes_of(ax, 4.6, 4.4)
    ax.plot([0.0, 1.0], [0.0, 1.0], color=SOFT, linewidth=0.8, zorder=2)
    share = found.weight / found.weight.sum()
    left = np.minimum(np.floor(found.predicted * bins), bins - 1.0) / bins
    ax.bar(
        left, _TALLEST * share, 1.0 / bins, align="edge", color="#DCDCDC", edgecolor="white", linewidth=0.6, zorder=1,
    )  # fmt: skip
    ax.vlines(found.predicted, found.low, found.high, color=COLORS[0], linewidth=1.4, zorder=3)
    ax.scatter(
        found.predicted, found.observed, s=34.0, color=COLORS[0], edgecolors="white", linewidths=0.9, zorder=4,
    )  # fmt: skip
    ax.text(
        0.04, 0.96, f"expected calibration error {found.calibration_error:.3f}", transform=ax.transAxes, ha="left",
        va="top", fontsize=8.5, color=INK, zorder=5,
    )  # fmt: skip
    what = f"probability of {'the most probable class' if label is None else label}"
    ax.set(
        xlim=(-0.02, 1.02),
        ylim=(0.0, 1.02),
        xlabel=fitted(what, sides_of(ax)[0], (9.5,))[0],
        ylabel="share of rows for which it is true",
    )
    ax.spines["bottom"].set_color(LINE)
    ax.set_aspect("equal")
    dress(ax)
    return ax
