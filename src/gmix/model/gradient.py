"""The norm of the gradient of the objective that EM maximizes, in coordinates without units."""

from __future__ import annotations

import numpy as np

from gmix.base.blas import one_blas_thread
from gmix.model.frozen import Frozen
from gmix.model.mixture import GaussianMixture, compact_covariances
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics

__all__ = ["gradient_norm"]


@one_blas_thread()
def gradient_norm(
    mixture: GaussianMixture,
    statistics: SufficientStatistics,
    prior: Prior | None = None,
    frozen: Frozen | None = None,
) -> float:
    r"""The length of the next step of EM from a mixture, given the statistics of the rows under this mixture.

    With :math:`\Sigma_k = L_k L_k^\top`, and the parameters after the step marked by a plus sign,

    .. math:: \delta_k = L_k^{-1} (\mu_k^+ - \mu_k), \quad
              \Delta_k = L_k^{-1} \Sigma_k^+ L_k^{-\top} + \delta_k \delta_k^\top - I, \\
              \|g\|^2 = \sum_k \frac{(w_k^+ - w_k)^2}{w_k}
              + \frac{(w_k^+)^2}{w_k} \left( \|\delta_k\|^2 + \tfrac12 \|\Delta_k\|_F^2 \right).

    Without a prior, and with weights, means and covariances that are free, this is exactly the norm of the gradient of
    the log-likelihood per row, in coordinates in which the Fisher information of rows whose components are known is the
    identity. The weight of a background is one more of the weights. For every structure and prior it is zero where the
    gradient restricted to the structure is zero. It does not depend on the units of the columns. Frozen parameters do
    not move. A step of EM gains about half its square or more, in nats per row.

    >>> import gmix
    >>> mixture = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    >>> [statistics] = gmix.expect([[0.0], [2.0]], [mixture])  # their mean is 1 and their variance 1
    >>> round(gradient_norm(mixture, statistics) ** 2, 12)
    1.5
    """
    with np.errstate(over="ignore", invalid="ignore"):  # numbers may leave the range of float64
        mixture, form = mixture.independent_part, mixture.structure.form
        background = mixture.background
        if frozen is None:
            after = GaussianMixture.from_statistics(statistics, mixture.structure, prior, background=background)
        else:
            after = frozen.maximize(mixture, statistics, prior)
        k, d = mixture.means.shape
        whitener = form.dense(mixture.components.whitener, k, d)
        step = (whitener @ (after.means - mixture.means)[:, :, None])[:, :, 0]
        second = whitener @ form.dense(compact_covariances(after), k, d) @ whitener.mT
        second = second + step[:, :, None] * step[:, None, :] - np.eye(d)
        moved = np.square(step).sum(1) + np.square(second).sum((1, 2)) / 2.0
        present = mixture.weights > 0.0
        old, new, moved = mixture.weights[present], after.weights[present], moved[present]
        squared = ((new - old) ** 2 / old + new**2 / old * moved).sum()
        if background is not None and after.background is not None and background.weight > 0.0:
            squared += (after.background.weight - background.weight) ** 2 / background.weight
        return float(np.sqrt(squared))
