"""Parameters of mixtures as the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmix.base.table_file import Block
from gmix.model.mixture import GaussianMixture

__all__ = ["mixture_table", "parameter_columns"]

Array = NDArray[np.float64]


def mixture_table(mixture: GaussianMixture) -> Block:
    """A row for each component: its weight, its means, and its covariances, each pair of columns once."""
    number = {"component": np.arange(mixture.n_components)}
    return number | parameter_columns(mixture.weights, mixture.means, mixture.covariances, mixture.names)


def parameter_columns(weights: Array, means: Array, covariances: Array, names: Sequence[str]) -> dict[str, Array]:
    """Weights ``(M,)``, means ``(M, D)`` and covariances ``(M, D, D)`` as columns."""
    table = {"weight": weights}
    table |= {f"mean {name}": means[:, i] for i, name in enumerate(names)}
    for i, name in enumerate(names):
        table |= {f"cov {name} {names[j]}": covariances[:, i, j] for j in range(i, len(names))}
    return table
