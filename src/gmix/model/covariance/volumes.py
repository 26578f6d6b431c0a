"""Volumes and shapes for given axes: the part of the M-step that diagonal and ellipsoidal structures share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_volumes", "variances"]

Array = NDArray[np.float64]

_EQUAL = 1e-13  # relative; volumes that change by less have converged
_STEPS = 200
_USUAL_STEPS = 12  # after which Newton's method has converged up to rounding
_NOISE = 1e-14  # nats per row; the rounding error of the minimized function
_LONGEST = 4.0  # in log volumes; a longer Newton step is cut
_TINY = float(np.finfo(np.float64).tiny)
_HUGE = float(np.finfo(np.float64).max) / 64.0  # above any scatter of accepted rows


def variances(volume: str, shape: str, scatter: Array, divisor: Array) -> Array:
    r"""The likeliest variances ``(K, D)`` along given axes, from the scatter ``(K, D)`` along them.

    Volume and shape are each equal (``"E"``) over the components or variable (``"V"``). The variances are those of
    Celeux & Govaert (1995); where the volume varies and the shape does not, by Newton's method (`log_volumes`).
    """
    if (volume, shape) == ("V", "V"):
        return np.asarray(scatter / divisor[:, None])
    if (volume, shape) == ("E", "E"):
        return np.broadcast_to(scatter.sum(0) / divisor.sum(), scatter.shape)
    scatter = np.maximum(scatter, _TINY)
    if volume == "E":
        root = np.exp(np.log(scatter).mean(1))  # the D-th root of the determinant
        with np.errstate(over="ignore"):  # shapes may overflow if another component has collapsed
            shapes = np.minimum(scatter / root[:, None], _HUGE)
            return np.asarray(np.minimum(shapes * (root.sum() / divisor.sum()), _HUGE))
    scale = scatter.sum(0)
    log_volume = log_volumes((scatter / scale)[:, None, :] * np.eye(len(scale)), divisor)
    common = np.exp(-log_volume) @ scatter / divisor.sum()
    return np.asarray(np.exp(log_volume)[:, None] * common)


def log_volumes(scatter: Array, divisor: Array) -> Array:
    r"""The logarithms ``(K,)`` of the volumes of proportional covariances, up to a common constant.

    With :math:`\Sigma_k = e^{l_k} C` and the best :math:`C = \sum_k e^{-l_k} W_k / n`, they minimize

    .. math:: D \sum_k n_k l_k + n \log\Big|\sum_k e^{-l_k} W_k\Big|

    which is convex in :math:`l`, so there is one minimum. Each step is Newton's if that decreases the function, and
    otherwise that of Celeux & Govaert (1995), which always does:
    :math:`e^{l_k} = \mathrm{tr}(W_k C^{-1}) / (D n_k)`.
    """
    n_components, n_features = scatter.shape[:2]
    share = divisor / divisor.sum()
    root = np.sqrt(share)

    def evaluate(log_volume: Array) -> tuple[float, Array, Array]:
        """The minimized function per row, the factors of Celeux & Govaert's step, and the Hessian."""
        parts = np.exp(-log_volume)[:, None, None] * scatter
        factor = np.linalg.cholesky(parts.sum(0))
        inverse = np.linalg.inv(factor)
        parts = (inverse @ parts @ inverse.T).reshape(n_components, -1)
        trace = np.maximum(parts[:, :: n_features + 1].sum(1), _TINY)
        value = n_features * float(share @ log_volume) + 2.0 * float(np.log(np.diagonal(factor)).sum())
        return value, trace / (n_features * share), (np.diag(trace) - parts @ parts.T) / root / root[:, None]

    current = np.zeros(n_components)
    value, factor, curvature = evaluate(current)
    current += np.log(factor)
    value, factor, curvature = evaluate(current)
    for count in range(_STEPS):
        if np.abs(factor - 1.0).max() < _EQUAL:
            break
        safe = current + np.log(factor)  # Celeux & Govaert's step
        # If all volumes grow by one factor, the function does not change; the outer product excludes this direction.
        step = np.linalg.solve(curvature + np.outer(root, root), n_features * root * (factor - 1.0)) / root
        longest = np.abs(step).max()
        trial = current + step * min(1.0, _LONGEST / longest) if np.isfinite(longest) else safe
        found = evaluate(trial)
        if not found[0] <= value + _NOISE * n_features:
            trial, found = safe, evaluate(safe)
        if count > _USUAL_STEPS and not found[0] < value - _NOISE * n_features:  # only rounding is left
            break
        current, (value, factor, curvature) = trial, found
    return current
