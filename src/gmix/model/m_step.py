"""The M-step: the parameters of a mixture from sufficient statistics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmix.model.covariance import Structure
from gmix.model.kernel import Parameters, kernel
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics

__all__ = ["background_weight", "maximize"]

_EMPTY_SHARE = 1e-12  # of the statistics of all rows, which an empty component gets


def maximize(sums: Sequence[SufficientStatistics], structure: Structure, prior: Prior | None) -> list[Parameters]:
    """Weights, means and compact covariances for each of several statistics of the same rows.

    The statistics have the form of the structure, and are not empty; see `GaussianMixture.from_statistics`.
    """
    if prior is not None and not prior.constant and len(sums) > 1:
        return [parameters for statistics in sums for parameters in maximize([statistics], structure, prior)]
    term = prior.term(sums[0], structure) if prior is not None and sums else None
    compiled_for = structure.compiled_for(sums[0].n_features if sums else 1)
    compiled = kernel.maximize(sums, structure, term) if compiled_for else [None] * len(sums)
    return [
        _maximize(statistics, structure, term) if found is None else found
        for statistics, found in zip(sums, compiled, strict=True)
    ]


def background_weight(statistics: SufficientStatistics, structure: Structure, prior: Prior | None) -> float:
    """The weight of a background: the share of the rows that no component has."""
    own = float(statistics.counts.sum())
    left = max(statistics.total_weight - own, 0.0)
    if prior is not None:
        own += float(prior.term(statistics, structure).counts.sum())
    return left / (own + left) if left > 0.0 else 0.0


def _maximize(statistics: SufficientStatistics, structure: Structure, term: SufficientStatistics | None) -> Parameters:
    """The M-step in NumPy, with the term that a prior adds."""
    reference = statistics.reference
    total = statistics if term is None else statistics + term
    scatter, divisor = total.scatter, total.divisor
    empty = ~(divisor > np.finfo(np.float64).tiny)
    if empty.all():  # because a background has all rows; each component gets the covariance of all rows
        scatter = np.broadcast_to(reference.complete_scatter, scatter.shape)
        divisor = np.full(len(divisor), reference.total_weight * len(scatter) / len(divisor))
    elif empty.any() and not structure.shared:
        # An empty component gets the covariance of all rows, with a divisor so small that it has no effect on the
        # volumes, shapes and axes that the structure makes equal.
        share = structure.form.of_reference_scatter(_EMPTY_SHARE * reference.complete_scatter)
        scatter = np.where(empty.reshape(-1, *(1,) * (scatter.ndim - 1)), share, scatter)
        divisor = np.where(empty, _EMPTY_SHARE * reference.total_weight, divisor)
    if not (structure.direct or structure.shared):
        # Without a floor, the shape of a collapsed component would be infinite, or volumes that depend on it zero.
        scatter = structure.form.scatter_lifted(scatter, divisor, reference.floor)
    compact = np.asarray(structure.covariances(scatter, divisor, statistics.n_features), np.float64)
    compact = structure.lifted(compact, reference.floor)
    return structure.weights(total.counts), total.mean.copy(), compact
