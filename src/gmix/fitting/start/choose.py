"""Reads the argument `start` of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gmix.base.errors import ParameterError, one_of
from gmix.fitting.start.adaptive import Adaptive
from gmix.fitting.start.contract import Start
from gmix.fitting.start.function import StartFunction
from gmix.fitting.start.given import as_given
from gmix.fitting.start.growing import Growing
from gmix.fitting.start.hierarchical import Hierarchical
from gmix.fitting.start.k_means_plus_plus import KMeansPlusPlus

__all__ = ["NAMES", "as_start"]

_MADE: dict[str, Callable[[], Start]] = {
    "auto": KMeansPlusPlus,
    "k-means++": KMeansPlusPlus,
    "adaptive": Adaptive,
    "hierarchical": Hierarchical,
    "grow": Growing,
}
NAMES = tuple(_MADE)


def as_start(start: Any) -> Start:
    """Convert the name of a method, a mixture, labels, responsibilities or a function to a `Start`."""
    if isinstance(start, Start):
        return start
    if isinstance(start, str):
        return _MADE[one_of(start, NAMES, "start")]()
    if (given := as_given(start)) is not None:
        return given
    if callable(start):
        return StartFunction(start)
    raise ParameterError(
        f"start must be {', '.join(map(repr, NAMES))}, a mixture (of a Fit: fit.mixture), integer labels (N,), "
        "responsibilities (N, K), or a function of rows, n_components and rng that returns one of these"
    )
