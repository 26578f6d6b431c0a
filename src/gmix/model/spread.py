"""Standard deviations of parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spread", "StandardErrors"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spread:
    """The standard deviation of each parameter of a mixture under a posterior, in the units of the parameter.

    A component of few rows may have a distribution without a variance; the standard deviation is then infinite.

    Attributes
    ----------
    weights : ``(K,)``.
    means : ``(K, D)``.
    covariances : ``(K, D, D)``.
    """

    weights: Array
    means: Array
    covariances: Array


@dataclass(frozen=True, eq=False)
class StandardErrors(Spread):
    """The standard error of each parameter of a mixture, in the units of the parameter.

    Attributes
    ----------
    weights : ``(K,)``.
    means : ``(K, D)``.
    covariances : ``(K, D, D)``.
    background : of the weight of the background; None if there is none.
    """

    background: float | None = None
