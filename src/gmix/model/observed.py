"""How much of the rows of each component is observed, where cells are missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.model.components import Components
from gmix.model.covariance import FULL
from gmix.model.statistics import SufficientStatistics

__all__ = ["observed_share"]

Array = NDArray[np.float64]


def observed_share(components: Components, statistics: SufficientStatistics) -> Array:
    r"""The share ``(K,)`` of a component's rows that are observed in the direction in which the fewest are.

    .. math:: 1 - \lambda_\max\Bigl(\frac1{n_k} \sum_i r_{ik} W_k C_{ik} W_k'\Bigr)

    with the conditional covariance :math:`C_{ik}` of the missing cells of row i given the others. A component needs
    rows in every direction: if fewer rows have all the cells of a plane than the plane has dimensions, they can lie in
    it exactly, and the likelihood has no bound. The share is 1 if no cell is missing, or if components share one
    covariance.
    """
    k, d = components.means.shape
    if "hidden" not in statistics.extra:
        return np.ones(k)
    form = components.form
    hidden = form.congruence(components.whitener, statistics.extra["hidden"].reshape(form.shape(k, d)))
    if form is FULL:
        most = np.linalg.eigvalsh(hidden)[:, -1]
    else:
        most = form.dense(hidden, k, d)[:, range(d), range(d)].max(1) / (d if form.shape(k, d) == (k,) else 1.0)
    share = np.divide(most, statistics.counts, out=np.zeros(k), where=statistics.counts > 0)
    return np.asarray(np.clip(1.0 - share, 0.0, 1.0))
