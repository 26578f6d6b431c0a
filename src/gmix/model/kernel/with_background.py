"""What a background adds to the densities of components, in NumPy; native/threads/background.hpp is the same in C++."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.components import Components

__all__ = ["joint_of_background", "with_background"]

Array = NDArray[np.float64]


def with_background(components: Components, rows: Rows, log_density: Array) -> tuple[Array, Array, Array]:
    """Densities of the components together with a background.

    Returns log densities ``(N,)``, the probabilities ``(N,)`` that a row came from a component, and the log of the
    background's weighted density. Rows of a known group came from a component.
    """
    background, log_background = components.background, np.full(len(rows), -np.inf)
    if background is None or background.weight == 0.0:
        return log_density, np.ones(len(rows)), log_background
    free = np.ones(len(rows), bool) if rows.labels is None else rows.labels < 0
    values = np.asarray(rows.values[free], np.float64)
    log_background[free] = math.log(background.weight) + background.log_density(values)
    together = np.logaddexp(log_density, log_background)
    inside = ~np.isneginf(log_background)
    left = np.ones(len(rows))
    left[inside] = np.exp(log_density[inside] - together[inside])
    return together, left, log_background


def joint_of_background(rows: Rows, left: Array, log_background: Array) -> float:
    """The sum of the log density of the background over the shares of the rows that belong to it."""
    outside = left < 1.0
    return float((rows.mass * (1.0 - left))[outside] @ log_background[outside])
