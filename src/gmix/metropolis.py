"""Draws from an unnormalized density by the Metropolis algorithm, with diagnostics of convergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, as_numbers, is_count
from gmix.base.errors import ParameterError
from gmix.base.progress import Reporting, counting
from gmix.base.wording import count
from gmix.notebook import chains_html

__all__ = ["Chains", "metropolis"]

Array = NDArray[np.float64]
_BLOCK = 1 << 15  # random numbers drawn together, so that a step costs little more than a call of log_density


@dataclass(frozen=True, eq=False)
class Chains:
    """The draws of `metropolis`, with diagnostics of their convergence.

    Attributes
    ----------
    draws : ``(chains, draws, D)``.
    log_density : ``(chains, draws)``, the log density of each draw.
    acceptance : ``(chains,)``, the share of proposals that were accepted after the warm-up.
    """

    draws: Array
    log_density: Array
    acceptance: Array

    def __post_init__(self) -> None:
        for array in (self.draws, self.log_density, self.acceptance):
            array.flags.writeable = False

    @property
    def n_chains(self) -> int:
        """The number of chains."""
        return int(self.draws.shape[0])

    @property
    def n_draws(self) -> int:
        """The number of draws in each chain."""
        return int(self.draws.shape[1])

    @property
    def n_features(self) -> int:
        """The number of coordinates of a point."""
        return int(self.draws.shape[2])

    @property
    def points(self) -> Array:
        """All draws ``(M, D)``, chain after chain."""
        return self.draws.reshape(-1, self.n_features)

    @cached_property
    def effective_sample_size(self) -> Array:
        r"""The number of independent draws that would estimate the center of each coordinate as well: ``(D,)``.

        Every chain is split in half, all draws of a coordinate are replaced by normal scores of their ranks, and

        .. math:: \mathrm{ESS} = \frac{M N}{\tau}, \qquad
                  \tau = -1 + 2 \sum_{t=0}^{T} (\rho_{2t} + \rho_{2t+1}) + \max(\rho_{2T+2}, 0)

        with the autocorrelations :math:`\rho` of M half-chains of N draws, the sum cut before the first pair that is
        not positive and the pairs made monotone (Geyer 1992, *Statistical Science* 7:473): the bulk-ESS of Vehtari,
        Gelman, Simpson, Carpenter & Buerkner (2021), *Bayesian Analysis* 16:667, as ArviZ computes it. NaN for
        fewer than 4 draws per chain or a coordinate that never moved. Negative autocorrelation can raise it above the
        number of draws, to at most ``M N log10(M N)``.
        """
        return np.array([_effective_sample_size(_normal_scores(_halves(x))) for x in np.moveaxis(self.draws, 2, 0)])

    @cached_property
    def r_hat(self) -> Array:
        r"""The spread of all chains relative to that of one: ``(D,)``. If it is above 1.01, take more draws.

        .. math:: \hat R = \sqrt{\frac{(N - 1) W / N + B / N}{W}}

        with the variances W within and B between split chains, of the normal scores and of their distances from the
        median, whichever is larger (Vehtari et al. 2021, as above). NaN where `effective_sample_size` is.
        """
        values = []
        for x in np.moveaxis(self.draws, 2, 0):
            halves = _halves(x)
            folded = np.abs(halves - np.median(halves)) if halves.size else halves
            values.append(np.maximum(_r_hat(_normal_scores(halves)), _r_hat(_normal_scores(folded))))
        return np.array(values)

    def summary(self) -> str:
        """The acceptance and, for each coordinate, its mean, standard deviation and diagnostics, as text.

        ``error`` is the standard error of the mean due to the finite number of draws, ``sd / sqrt(ESS)``.
        """
        chains = f"{count(self.n_chains, 'chain')} of {count(self.n_draws, 'draw')}"
        lines = [
            f"Metropolis: {chains}, acceptance {self.acceptance.mean():.3f}",
            "",
            f"  {'coordinate':<10}{'mean':>12}{'sd':>12}{'error':>12}{'ESS':>9}{'R-hat':>9}",
        ]
        mean, deviation = self.points.mean(0), self.points.std(0)
        for d, (size, r_hat) in enumerate(zip(self.effective_sample_size, self.r_hat, strict=True)):
            error = deviation[d] / np.sqrt(size)
            lines.append(f"  {d:<10}{mean[d]:>12.5g}{deviation[d]:>12.5g}{error:>12.3g}{size:>9.0f}{r_hat:>9.3f}")
        if not (self.r_hat <= 1.01).all():
            lines += [
                "",
                "  The chains have not converged (R-hat is not below 1.01): take more draws, or change the scale.",
            ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"Chains({count(self.n_chains, 'chain')}, {count(self.n_draws, 'draw')}, "
            f"{count(self.n_features, 'coordinate')}, acceptance {self.acceptance.mean():.3f})"
        )

    def _repr_html_(self) -> str:
        return chains_html(self)


def metropolis(
    log_density: Callable[[Array], ArrayLike],
    start: ArrayLike,
    draws: int,
    *,
    scale: ArrayLike = 1.0,
    thin: int = 1,
    warmup: int = 0,
    chains: int | None = None,
    rng: Rng = None,
    progress: Reporting = None,
) -> Chains:
    r"""Draw from any density that can be evaluated up to a constant, by a random walk.

    A step from ``x`` proposes ``x' = x + e`` with normal ``e``, and accepts it with probability

    .. math:: \min\{1, \; p(x') / p(x)\}

    (Metropolis, Rosenbluth, Rosenbluth, Teller & Teller 1953, *Journal of Chemical Physics* 21:1087). All chains step
    together, so that `log_density` is called once per step.

    Parameters
    ----------
    log_density : takes points ``(M, D)`` and returns ``(M,)``, in nats, up to one constant; ``-inf`` where the density
        is zero. `GaussianMixture.log_density` is such a function. It must not write into the points.
    start : one point ``(D,)`` for all chains, or one for each, ``(chains, D)``. The density there must not be zero.
    draws : the number of draws to keep of each chain.
    scale : of the proposals: one standard deviation, one for each coordinate ``(D,)``, or a covariance ``(D, D)``.
    thin : keep the last of every `thin` steps.
    warmup : the number of steps that are discarded at the beginning.
    chains : the number of chains; None for as many as `start` has points.
    rng : a seed or a `numpy.random.Generator`.
    progress : shows the steps that are done and the estimated time left, as in `gmix.fit`; a function is called every
        hundredth of the steps.

    Returns
    -------
    A `Chains` with the draws and what is known about their quality.

    Raises
    ------
    ParameterError
        if a shape does not fit, the density is zero at the start, or it is NaN or infinite somewhere; the message
        says where. Exceptions of `log_density` are passed on.

    >>> import gmix
    >>> chains = gmix.metropolis(lambda x: -0.5 * (x**2).sum(axis=1), start=[0.0, 0.0], draws=1000, thin=10, rng=7)
    >>> chains
    Chains(1 chain, 1,000 draws, 2 coordinates, acceptance 0.549)
    >>> chains.points.std(axis=0).round(1)
    array([1., 1.])
    """
    if not callable(log_density):
        raise ParameterError(f"log_density is {log_density!r}; give a function, such as mixture.log_density")
    _check_whole("draws", draws, 1)
    _check_whole("thin", thin, 1)
    _check_whole("warmup", warmup, 0)
    point = _starts(start, chains)
    factor = _factor(scale, point.shape[1])
    generator = as_generator(rng)

    current = _evaluate(log_density, point, 0)
    if np.isneginf(current).any():
        at = point[np.argmin(current)].tolist()
        raise ParameterError(f"the density is zero at the start {at}; start where log_density is finite")
    n_chains, n_features = point.shape
    kept, kept_density = np.empty((n_chains, draws, n_features)), np.empty((n_chains, draws))
    accepted = np.zeros(n_chains)
    steps = max(1, _BLOCK // point.size)  # independent of draws, so that a longer run begins with a shorter one
    last = warmup + draws * thin
    with counting(progress, last, "step") as advance:
        for step in range(1, last + 1):
            within = (step - 1) % steps
            if within == 0:
                moves = generator.standard_normal((steps, n_chains, n_features)) @ factor.T
                log_uniform = -generator.standard_exponential((steps, n_chains))
            proposal = point + moves[within]
            proposed = _evaluate(log_density, proposal, step)
            accept = log_uniform[within] < proposed - current
            point = np.where(accept[:, None], proposal, point)
            current = np.where(accept, proposed, current)
            if step > warmup:
                accepted += accept
                index, remainder = divmod(step - warmup, thin)
                if remainder == 0:
                    kept[:, index - 1], kept_density[:, index - 1] = point, current
            if step % (last // 100 + 1) == 0 or step == last:
                advance(step)
    return Chains(kept, kept_density, accepted / (draws * thin))


def _check_whole(name: str, value: Any, least: int) -> None:
    if not is_count(value, least):
        raise ParameterError(f"{name} is {value!r}; give a whole number, {least} or more")


def _starts(start: ArrayLike, chains: int | None) -> Array:
    point = as_numbers(start, "start")
    if point.ndim not in (1, 2) or 0 in point.shape:
        raise ParameterError(f"start has shape {point.shape}; give one point (D,), or one for each chain (chains, D)")
    if not np.isfinite(point).all():
        raise ParameterError(f"start {point.tolist()} is not finite; start where log_density is finite")
    if chains is not None:
        _check_whole("chains", chains, 1)
    if point.ndim == 1:
        return np.tile(point, (chains or 1, 1))
    if chains not in (None, len(point)):
        raise ParameterError(
            f"start has {len(point)} points for {chains} chains; give one for each, or leave chains out"
        )
    return point


def _factor(scale: ArrayLike, n_features: int) -> Array:
    """A matrix that transforms standard normal numbers to steps of the proposals."""
    given = as_numbers(scale, "scale")
    if given.shape not in ((), (n_features,), (n_features, n_features)):
        raise ParameterError(
            f"scale has shape {given.shape}; give a number, ({n_features},) standard deviations "
            f"or a covariance ({n_features}, {n_features})"
        )
    if given.ndim < 2:
        if not (np.isfinite(given).all() and (given > 0).all()):
            raise ParameterError(f"scale is {given.tolist()}; a standard deviation must be above zero")
        return np.diag(np.broadcast_to(given, n_features))
    try:
        factor = np.linalg.cholesky(given)
    except np.linalg.LinAlgError:
        factor = np.full_like(given, np.nan)
    rounding = 1e-8 * np.abs(given).max()
    if not (np.isfinite(factor).all() and np.allclose(given, given.T, atol=rounding)):
        raise ParameterError(f"scale {given.tolist()} is not a covariance; it must be symmetric and positive definite")
    return np.asarray(factor, np.float64)


def _evaluate(log_density: Callable[[Array], ArrayLike], points: Array, step: int) -> Array:
    points.flags.writeable = False
    values: NDArray[Any] = np.asarray(log_density(points))
    if values.shape != (len(points),) or values.dtype.kind not in "fiu":
        raise ParameterError(
            f"log_density returned {values.dtype} values of shape {values.shape} for points {points.shape}; it must "
            f"return one number for each point, ({len(points)},), as lambda x: -0.5 * (x**2).sum(axis=1) does"
        )
    wrong = ~(values < np.inf)  # NaN compares false
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ParameterError(
            f"log_density is {values[i]} at {points[i].tolist()} (step {step}, chain {i}); "
            "it must be finite, or -inf where the density is zero"
        )
    return values.astype(np.float64)


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
    centered = x - x.mean(1, keepdims=True)
    spectrum = np.fft.rfft(centered, 2 * n)
    autocovariance = np.fft.irfft(np.abs(spectrum) ** 2, 2 * n)[:, :n].mean(0) / n
    correlation = 1.0 - (within - autocovariance) / total
    correlation[0] = 1.0
    pairs = correlation[: n - n % 2].reshape(-1, 2).sum(1)
    negative = np.append(pairs, -1.0) <= 0
    kept = int(np.argmax(negative))
    last = max(float(correlation[2 * kept]), 0.0) if 2 * kept < n else 0.0
    time = 2.0 * float(np.minimum.accumulate(pairs[:kept]).sum()) - 1.0 + last
    return float(x.size / max(time, 1.0 / np.log10(x.size)))
