"""Parameters of mixtures as the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmix.base.table_file import Block
from gmix.model.student import AnyMixture, StudentMixture, normal_part

__all__ = ["mixture_table", "parameter_columns"]

Array = NDArray[np.float64]


def mixture_table(mixture: AnyMixture) -> Block:
    """A row for each component: its weight, its means, and its covariances, each pair of columns once.

    Of a Student mixture, the covariances are those of the scale matrix, and the degrees of freedom are a column.
    """
    number = {"component": np.arange(mixture.n_components)}
    normal = normal_part(mixture)
    table = number | parameter_columns(mixture.weights, mixture.means, normal.covariances, mixture.names)
    return table | ({"degrees_of_freedom": mixture.degrees_of_freedom} if isinstance(mixture, StudentMixture) else {})


def parameter_columns(weights: Array, means: Array, covariances: Array, names: Sequence[str]) -> dict[str, Array]:
    """Weights ``(M,)``, means ``(M, D)`` and covariances ``(M, D, D)`` as columns."""
    table = {"weight": weights}
    table |= {f"mean {name}": means[:, i] for i, name in enumerate(names)}
    for i, name in enumerate(names):
        table |= {f"cov {name} {names[j]}": covariances[:, i, j] for j in range(i, len(names))}
    return table
