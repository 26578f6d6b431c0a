"""Numerical results that carry their accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoundedEstimate", "Estimate"]


@dataclass(frozen=True, eq=False)
class Estimate:
    """A numerical result and its standard error.

    Attributes
    ----------
    value : ``(N,)`` the result.
    error : ``(N,)`` the standard error of the value; zero where the value is exact up to rounding.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]


@dataclass(frozen=True)
class BoundedEstimate:
    """A number that was estimated by Monte Carlo, with bounds that hold with certainty.

    Attributes
    ----------
    value : the estimate, moved to the nearest bound if it lies outside the bounds; or the middle of the bounds, if they
        are closer than its standard error.
    error : the standard error of the estimate, at most half the distance of the bounds.
    lower, upper : bounds of the exact number. They do not depend on the random draws.
    """

    value: float
    error: float
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ± {self.error:.2g}, between {self.lower:.4g} and {self.upper:.4g}"
