"""Guaranteed bounds of the entropy of a mixture and of divergences between two, from pairs of components.

Every formula here is a proven inequality. Approximations without a proof, such as the product of Gaussians for a
divergence or the matching of components, are not used.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.distribution.binned_divergences import binned_divergences
from gmix.distribution.normals import Normals, by_summed_covariances, log_product_integrals
from gmix.model.covariance import FULL

__all__ = ["Bounds", "entropy_bounds", "hellinger_bounds", "jensen_shannon_bounds", "kl_bounds"]

Array = NDArray[np.float64]
_ALTERNATIONS = 25  # of the two conditional distributions in a bound that is optimized
_POWERS = (1.0, 1000.0)  # of the similarities at the start; the second one almost matches each component with one other


class Bounds(NamedTuple):
    """A lower and an upper bound of one number."""

    lower: float
    upper: float

    def widened(self, rounding: float) -> Bounds:
        """The same bounds with a margin for rounding errors."""
        lower, upper = self
        return Bounds(lower - rounding * (1.0 + abs(lower)), upper + rounding * (1.0 + abs(upper)))


def entropy_bounds(p: Normals) -> Bounds:
    r"""Bounds of the entropy.

    With the entropies :math:`h_i` of the components,

    .. math:: \sum_i w_i h_i - \sum_i w_i \log \sum_j w_j e^{-D_{ij}}

    is a lower bound if D is the Bhattacharyya distance and an upper bound if it is the Kullback-Leibler divergence
    (Kolchinsky & Tracey 2017, *Entropy* 19:361, section 4). Jensen's inequality gives another lower bound,
    :math:`-\sum_i w_i \log \sum_j w_j \int N_i N_j` (Huber et al. 2008, *IEEE MFI*, theorem 2), and no distribution of
    the same covariance has a greater entropy than the normal one.
    """
    w, d = p.weights, p.means.shape[1]
    within = float(w @ p.entropies)
    deviations = p.means - w @ p.means
    total = np.tensordot(w, p.covariances, 1) + (w[:, None] * deviations).T @ deviations
    [normal] = FULL.log_determinant(FULL.factor(total[None]), 1, d) + 0.5 * d * (1.0 + np.log(2.0 * np.pi))
    separated = within - float(w @ _log_mean(p, _log_affinities(p, p)))
    lower = max(separated, -float(w @ _log_mean(p, log_product_integrals(p, p))))
    upper = min(within - float(w @ _log_mean(p, -_divergences(p, p))), float(normal))
    return Bounds(lower, upper).widened(p.rounding)


def kl_bounds(p: Normals, q: Normals) -> Bounds:
    r"""Bounds of the Kullback-Leibler divergence of q from p.

    For each component i of p with entropy :math:`h_i`, Jensen's inequality and the variational inequality give

    .. math:: \log \sum_j v_j e^{-\mathrm{KL}(N_i \| M_j)} - h_i \le \int N_i \log q \le \log \sum_j v_j \int N_i M_j,

    which with bounds of the entropy of p bound the divergence (Durrieu, Thiran & Kelly 2012, *ICASSP*).
    Three more inequalities hold: the divergence is at least :math:`-2 \log \int \sqrt{p q}`, at least that of the
    probabilities of bins (see `binned_divergences`), and at most the divergence of any joint distributions of component
    and point (Hershey & Olsen 2007, *ICASSP*, section 8). For two single components, the divergence is known.
    """
    w, divergences = p.weights, _divergences(p, q)
    entropy = entropy_bounds(p)
    cross_lower = float(w @ (_log_mean(q, -divergences) - p.entropies))
    cross_upper = float(w @ _log_mean(q, log_product_integrals(p, q)))
    rounding = p.rounding + q.rounding
    if divergences.size == 1:  # of two normal distributions, it is known
        exact = float(divergences[0, 0])
        lower, upper = Bounds(exact, exact).widened(rounding)
        return Bounds(max(0.0, lower), upper)
    lower = Bounds(-entropy.upper - cross_upper, 0.0).widened(rounding).lower
    upper = min(-entropy.lower - cross_lower, _divergence_of_joint(p, q, divergences))
    by_affinity = -2.0 * _log_affinity_bounds(p, q).upper
    return Bounds(max(0.0, lower, by_affinity, binned_divergences(p, q).kl), Bounds(0.0, upper).widened(rounding).upper)


def hellinger_bounds(p: Normals, q: Normals) -> Bounds:
    r"""Bounds of the Hellinger distance, the root of :math:`1 - \int \sqrt{p q}`."""
    log_affinity = _log_affinity_bounds(p, q)
    highest = min(log_affinity.upper, binned_divergences(p, q).log_affinity)
    lower, upper = np.sqrt(0.0 - np.expm1([highest, log_affinity.lower]))
    return Bounds(float(lower), float(upper))


def jensen_shannon_bounds(p: Normals, q: Normals) -> Bounds:
    r"""Bounds of the Jensen-Shannon divergence.

    It is the mean of the divergences of the mixture of both from each, at most :math:`\log 2`. With the Hellinger
    distance h, it lies between :math:`h^2 \log 2` and :math:`h^2`: with :math:`\Delta = (p - q) / (p + q)`, both are
    averages of functions of :math:`\Delta^2`, whose ratio falls from 1 to :math:`\log 2` as :math:`\Delta^2` rises from
    0 to 1.
    """
    both, hellinger = p.joined(q), hellinger_bounds(p, q)
    parts = [kl_bounds(part, both) for part in (p, q)]
    lower = max(0.0, 0.5 * (parts[0].lower + parts[1].lower), np.log(2.0) * hellinger.lower**2)
    upper = min(0.5 * (parts[0].upper + parts[1].upper), hellinger.upper**2, np.log(2.0))
    return Bounds(float(lower), float(upper))


def _log_affinity_bounds(p: Normals, q: Normals) -> Bounds:
    r"""Bounds of the logarithm of :math:`\int \sqrt{p q}`.

    The root of a sum is at most the sum of roots, which gives the upper bound. For non-negative numbers with
    :math:`\sum_j \phi_{ij} = w_i` and :math:`\sum_i \psi_{ij} = v_j`, the inequality of Cauchy and Schwarz gives the
    lower bound :math:`\sum_{ij} \sqrt{\phi_{ij} \psi_{ij}} \int \sqrt{N_i M_j}`, which is maximized over one set of
    numbers and the other in turn.
    """
    from scipy.special import logsumexp

    logs = _log_affinities(p, q)
    upper, lower = float(logsumexp(0.5 * (p.log_weights[:, None] + q.log_weights) + logs)), -np.inf
    for power in _POWERS:
        psi = q.log_weights + 2.0 * (power - 1.0) * logs
        for _ in range(_ALTERNATIONS):
            phi = psi + 2.0 * logs
            phi = phi - logsumexp(phi, axis=1, keepdims=True) + p.log_weights[:, None]
            psi = phi + 2.0 * logs
            psi = psi - logsumexp(psi, axis=0) + q.log_weights
            lower = max(lower, float(logsumexp(0.5 * (phi + psi) + logs)))
    rounding = p.rounding + q.rounding
    return Bounds(min(lower - rounding, 0.0), min(upper + rounding, 0.0))


def _divergence_of_joint(p: Normals, q: Normals, divergences: Array) -> float:
    """The smallest divergence found of joint distributions of component and point whose marginals are p and q."""
    from scipy.special import logsumexp

    smallest = np.inf
    for power in _POWERS:
        psi = q.log_weights - (power - 1.0) * divergences
        for _ in range(_ALTERNATIONS):
            phi = psi - divergences
            phi = phi - logsumexp(phi, axis=1, keepdims=True) + p.log_weights[:, None]
            psi = phi - logsumexp(phi, axis=0) + q.log_weights
            shares = np.exp(phi)
            terms = np.where(shares > 0.0, shares * (phi - psi + divergences), 0.0)
            smallest = min(smallest, float(terms.sum()))
    return smallest


def _log_mean(q: Normals, logs: Array) -> Array:
    """``log sum_j v_j exp(logs[i, j])`` for each i."""
    from scipy.special import logsumexp

    return np.asarray(logsumexp(q.log_weights + logs, axis=1))


def _divergences(p: Normals, q: Normals) -> Array:
    """The Kullback-Leibler divergences ``(K, K')`` of components of q from those of p."""
    whitener = FULL.whitener(q.factor)
    with np.errstate(over="ignore"):
        ratios = np.square(whitener @ p.factor[:, None]).sum((2, 3))
        steps = np.square(whitener @ (p.means[:, None] - q.means)[..., None]).sum((2, 3))
    logs = q.half_logs - p.half_logs[:, None]
    return np.asarray(np.maximum(0.5 * (ratios + steps - p.means.shape[1]) + logs, 0.0))


def _log_affinities(p: Normals, q: Normals) -> Array:
    """The logarithms ``(K, K')`` of the Bhattacharyya coefficients of components."""
    distances, halves = by_summed_covariances(p, q, 0.5)
    return np.asarray(np.minimum(-0.125 * distances - halves + 0.5 * (p.half_logs[:, None] + q.half_logs), 0.0))
