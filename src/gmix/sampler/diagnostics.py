"""Convergence diagnostics of one coordinate of several chains ``(chains, draws)``.

They are those of Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021), *Bayesian Analysis* 16:667, as ArviZ computes
them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["autocorrelation", "bulk_size", "mean_size", "split_r_hat", "tail_size"]

Array = NDArray[np.float64]
_TAILS = (0.05, 0.95)


def bulk_size(x: Array) -> float:
    """The effective sample size of rank-normalized draws: bulk-ESS."""
    return _effective_sample_size(_normal_scores(_halves(x)))


def tail_size(x: Array) -> float:
    """The smaller effective sample size of the quantiles at 5 and 95 %: tail-ESS."""
    if _is_undefined(_halves(x)):
        return np.nan
    return min(_effective_sample_size(_halves((x <= np.quantile(x, p)).astype(np.float64))) for p in _TAILS)


def mean_size(x: Array) -> float:
    """The number of independent draws whose mean has the same standard error."""
    return _effective_sample_size(_halves(x))


def split_r_hat(x: Array) -> float:
    """The larger rank-normalized R-hat of the draws and of their distances from the median."""
    halves = _halves(x)
    folded = np.abs(halves - np.median(halves)) if halves.size else halves
    return float(np.maximum(_r_hat(_normal_scores(halves)), _r_hat(_normal_scores(folded))))


def autocorrelation(x: Array, lags: int) -> Array:
    """The autocorrelation ``(lags + 1,)`` of the draws about the mean of all chains, averaged over chains."""
    covariance = _autocovariance(x - x.mean())[: lags + 1]
    return np.asarray(covariance / covariance[0]) if covariance[0] > 0.0 else np.full(len(covariance), np.nan)


def _halves(x: Array) -> Array:
    """Split each chain ``(chains, draws)`` in two, so that a trend in a chain is a difference between its halves."""
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, x.shape[1] - half :]])


def _normal_scores(x: Array) -> Array:
    """Quantiles of a standard normal for the ranks over all chains; ties get their mean rank (Blom 1958)."""
    from scipy.special import ndtri

    _, position, count = np.unique(x, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2.0)[position].reshape(x.shape)
    return np.asarray(ndtri((rank - 0.375) / (x.size + 0.25)))


def _variances(x: Array) -> tuple[float, float]:
    """The mean variance within the chains, and the variance of all draws together."""
    n = x.shape[1]
    within = float(x.var(1, ddof=1).mean())
    between = float(x.mean(1).var(ddof=1))
    return within, (n - 1) / n * within + between


def _autocovariance(centered: Array) -> Array:
    """The autocovariance ``(draws,)`` at all lags, averaged over chains."""
    n = centered.shape[1]
    spectrum = np.fft.rfft(centered, 2 * n)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2, 2 * n)[:, :n].mean(0) / n)


def _is_undefined(x: Array) -> bool:
    """Return whether the draws are too few, or constant."""
    return x.shape[1] < 2 or float(np.ptp(x)) == 0.0


def _r_hat(x: Array) -> float:
    if _is_undefined(x):
        return np.nan
    within, total = _variances(x)
    return float(np.sqrt(total / within)) if within > 0 else np.inf


def _effective_sample_size(x: Array) -> float:
    if _is_undefined(x):
        return np.nan
    n = x.shape[1]
    within, total = _variances(x)
    correlation = 1.0 - (within - _autocovariance(x - x.mean(1, keepdims=True))) / total
    correlation[0] = 1.0
    pairs = correlation[: n - n % 2].reshape(-1, 2).sum(1)
    negative = np.append(pairs, -1.0) <= 0
    kept = int(np.argmax(negative))
    last = max(float(correlation[2 * kept]), 0.0) if 2 * kept < n else 0.0
    time = 2.0 * float(np.minimum.accumulate(pairs[:kept]).sum()) - 1.0 + last
    return float(x.size / max(time, 1.0 / np.log10(x.size)))
