"""The density of new rows, averaged over draws of the parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.gibbs.conjugate import ConjugateComponents
from gmix.gibbs.run import ParameterDraw
from gmix.model.kernel import kernel

__all__ = ["log_predictive"]

Array = NDArray[np.float64]


def log_predictive(
    rows: Rows, parameters: Sequence[Sequence[ParameterDraw]], model: ConjugateComponents, threads: int | None
) -> Array:
    """The log of the average density ``(N,)`` of rows under all draws.

    The components of a Dirichlet process that have no rows contribute their density averaged over the prior.
    """
    every = [found for chain in parameters for found in chain]
    prior = model.log_prior_density(rows.values) if any(found.other_weight > 0.0 for found in every) else None
    total = np.full(len(rows), -np.inf)
    for found in every:
        log_density, _ = kernel.posterior(
            rows, model.of_parameters(found.weights, found.means, found.factor), False, threads
        )
        if prior is not None:
            with np.errstate(divide="ignore"):
                log_density = np.logaddexp(log_density, np.log(found.other_weight) + prior)
        total = np.logaddexp(total, log_density)
    return np.asarray(total - np.log(len(every)))
