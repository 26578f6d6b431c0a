"""The M-step: the parameters of a mixture from sufficient statistics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmix.model.covariance import Structure
from gmix.model.kernel import Parameters, kernel
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics

__all__ = ["maximize"]

_SHADOW = 1e-12  # the part of all rows that an empty component counts for


def maximize(every: Sequence[SufficientStatistics], structure: Structure, prior: Prior | None) -> list[Parameters]:
    """Weights, means and compact covariances for each of several statistics of the same rows.

    The statistics have the form of the structure, and are not empty; see `GaussianMixture.from_statistics`.
    """
    if prior is not None and not prior.constant and len(every) > 1:
        return [parameters for statistics in every for parameters in maximize([statistics], structure, prior)]
    term = prior.term(every[0], structure) if prior is not None and every else None
    direct = structure.direct and structure.compiled_for(every[0].n_features if every else 1)
    compiled = kernel.maximize(every, structure, term) if direct else [None] * len(every)
    return [
        _maximize(statistics, structure, term) if found is None else found
        for statistics, found in zip(every, compiled, strict=True)
    ]


def _maximize(statistics: SufficientStatistics, structure: Structure, prior: SufficientStatistics | None) -> Parameters:
    """The M-step in NumPy, with the term that a prior adds."""
    reference = statistics.reference
    total = statistics if prior is None else statistics + prior
    scatter, divisor = total.scatter, total.divisor
    empty = ~(divisor > np.finfo(np.float64).tiny)
    if empty.any() and not structure.shared:
        # Components without rows keep their place with the covariance of all rows, of which they count for so
        # little that nothing changes for components that have something in common with them.
        shadow = _SHADOW * reference.scatter
        scatter = np.where(empty.reshape(-1, *(1,) * (scatter.ndim - 1)), shadow, scatter)
        divisor = np.where(empty, _SHADOW * reference.n_rows, divisor)
    if not (structure.direct or structure.shared):
        # A component without width would make its shape infinite, or the volumes that depend on it zero.
        each = divisor.reshape(-1, *(1,) * (scatter.ndim - 1))
        scatter = each * structure.form.lift(scatter / each, reference.floor)
    compact = structure.covariances(scatter, divisor, statistics.n_features)
    compact = structure.form.lift(compact, reference.floor)
    return structure.weights(total.counts), total.mean.copy(), compact
