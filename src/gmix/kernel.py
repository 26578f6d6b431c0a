"""The kernel: a block of rows and some mixtures in, sufficient statistics or posteriors out.

There are two, which a test holds together: the compiled one in ``native/``, and the plain NumPy twin below, which is
obviously right. Both whiten the residual of each row, ``z = W_k (x - mu_k)``, and add up its moments about the current
means, so that neither an offset nor the scale of the data costs digits; ``_statistics`` carries the sums back.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.covariance import Form
from gmix.errors import ParameterError
from gmix.rows import is_count
from gmix.statistics import SufficientStatistics
from gmix.stop import Reason, Stop

_native: ModuleType | None
try:
    _native = importlib.import_module("gmix._native")
except ImportError:  # a platform without a compiler: everything works, more slowly
    _native = None

__all__ = [
    "Climbed",
    "Components",
    "climb",
    "expect",
    "expect_numpy",
    "posterior",
    "posterior_numpy",
]

Array = NDArray[np.float64]
Rows = NDArray[Any]
_ENDED = (Reason.CONVERGED, Reason.STATIONARY, Reason.ITERATION_LIMIT, Reason.INTERRUPTED, None)  # as the kernel counts
_BLOCK = 2048  # rows that the twin looks at together


class Components(NamedTuple):
    """A mixture as the kernel sees it: ``log w_k N(x | mu_k, L_k L_k') = log_constants[k] - |z|^2 / 2``."""

    form: Form
    log_constants: Array  # (K,)
    means: Array  # (K, D)
    factor: Array  # compact lower Cholesky factors L
    whitener: Array  # their inverses W


class _Sums(NamedTuple):
    """What one pass adds up, in whitened coordinates about the current means."""

    mass: Array
    first: Array
    second: Array
    log_likelihood: float


def expect(
    rows: Rows, mixtures: Sequence[Components], sample_weight: Array | None = None, threads: int | None = None
) -> list[SufficientStatistics]:
    """The E-step: statistics of ``rows (N, D)`` under each mixture, in one pass over the rows.

    The bits of the result do not depend on `threads`. A row of weight zero adds nothing, wherever it lies.
    """
    threads = _at_most(threads)
    if _native is None:
        return expect_numpy(rows, mixtures, sample_weight)
    raw = [(m.form.code, m.log_constants, m.means, m.whitener) for m in mixtures]
    sums = _native.expect(rows, raw, sample_weight, threads)
    return [_statistics(m, _Sums(*s)) for m, s in zip(mixtures, sums, strict=True)]


def posterior(
    rows: Rows, mixture: Components, responsibilities: bool, threads: int | None = None
) -> tuple[Array, Array | None]:
    """The log density ``(N,)`` of each row and, if wanted, its responsibilities ``(N, K)``."""
    threads = _at_most(threads)
    if _native is None:
        return posterior_numpy(rows, mixture, responsibilities)
    raw = (mixture.form.code, mixture.log_constants, mixture.means, mixture.whitener)
    log_density, posteriors = _native.posterior(rows, raw, responsibilities, threads)
    return log_density, posteriors


class Climbed(NamedTuple):
    """Where a compiled climb ended: parameters, the statistics of the rows under them, and the way."""

    weights: Array
    means: Array
    covariances: Array  # compact
    statistics: SufficientStatistics
    history: list[float]  # log-likelihoods, those given included
    reason: Reason | None  # None: a component is empty or near collapse, and the next M-step is the plain one's


def climb(
    rows: Rows,
    components: Components,
    covariances: Array,
    weights: Array,
    before: SufficientStatistics,
    stop: Stop,
    history: Sequence[float],
    sample_weight: Array | None = None,
    threads: int | None = None,
) -> Climbed | None:
    """E-steps and M-steps in turn, compiled, for structures whose covariances are the scatter divided by the mass.

    `before` are any statistics of the same rows; where no step was taken, they and the mixture come back. None without
    the compiled kernel. The twin is the loop in `gmix.em` itself.
    """
    if _native is None:
        return None
    form = components.form
    mixture = (form.code, weights, components.means, covariances)
    rule = stop.rule(float(before.mass.sum()))
    *arrays, way, ended = _native.climb(rows, mixture, before.floor, rule, history, sample_weight, _at_most(threads))
    new_weights, means, compact, mass, first, second = arrays
    if len(way) == len(history):
        return Climbed(weights, components.means, covariances, before, way, _ENDED[ended])
    factor = form.factor(compact)
    there = Components(form, np.empty(0), means, factor, np.empty(0))
    statistics = _statistics(there, _Sums(mass, first, second, way[-1]))
    return Climbed(new_weights, means, compact, statistics, way, _ENDED[ended])


def _at_most(threads: int | None) -> int:
    """How many threads may be used; zero for every processor."""
    if threads is None:
        return 0
    if not is_count(threads):
        raise ParameterError(f"threads is {threads!r}; give a whole number above zero, or None for every processor")
    return int(threads)


def expect_numpy(
    rows: Rows, mixtures: Sequence[Components], sample_weight: Array | None = None
) -> list[SufficientStatistics]:
    """The plain twin of `expect`."""
    return [_expect_one(rows, mixture, sample_weight) for mixture in mixtures]


def posterior_numpy(rows: Rows, mixture: Components, responsibilities: bool) -> tuple[Array, Array | None]:
    """The plain twin of `posterior`."""
    log_density = np.empty(len(rows))
    posteriors = np.empty((len(rows), len(mixture.means)))
    for begin in range(0, len(rows), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        _, log_density[block], posteriors[block] = _posterior(rows[block], mixture)
    return log_density, posteriors if responsibilities else None


def _posterior(rows: Rows, mixture: Components) -> tuple[Array, Array, Array]:
    """Whitened residuals ``(K, N, D)``, log densities ``(N,)`` and responsibilities ``(N, K)`` of a block."""
    residuals = np.asarray(rows, np.float64) - mixture.means[:, None, :]
    with np.errstate(over="ignore", invalid="ignore"):
        z = mixture.form.apply(mixture.whitener, residuals)
        distances = np.square(z).sum(-1).T
        joint = mixture.log_constants - distances / 2.0  # (N, K)
        largest = joint.max(1)
        lost = np.isneginf(largest)
        if lost.any():  # so far from everything that every density is zero: the nearest component owns the row
            far = np.hypot.reduce(z[:, lost], axis=-1).T  # finite where the squares may not be
            far = np.where(np.isnan(far) | np.isneginf(mixture.log_constants), np.inf, far)
            order = np.argsort(-mixture.log_constants, kind="stable")  # among equals the heaviest
            nearest = order[far[:, order].argmin(1)]
            joint[lost] = np.where(np.arange(joint.shape[1]) == nearest[:, None], 0.0, -np.inf)
        shifted = np.exp(joint - np.where(lost, 0.0, largest)[:, None])
        norm = shifted.sum(1)
    return z, np.where(lost, -np.inf, largest + np.log(norm)), shifted / norm[:, None]


@np.errstate(over="ignore", invalid="ignore")  # a row may be far from a stated mixture; then the likelihood says so
def _expect_one(rows: Rows, mixture: Components, sample_weight: Array | None) -> SufficientStatistics:
    n_components, n_features = mixture.means.shape
    mass, first = np.zeros(n_components), np.zeros((n_components, n_features))
    second = np.zeros(mixture.form.shape(n_components, n_features))
    log_likelihood = 0.0
    for begin in range(0, len(rows), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        points = rows[block]
        weight = np.ones(len(points)) if sample_weight is None else sample_weight[block]
        if not weight.all():
            points, weight = points[weight > 0], weight[weight > 0]
        z, log_density, responsibilities = _posterior(points, mixture)
        share = (responsibilities * weight[:, None]).T  # (K, N)
        mass += share.sum(1)
        first += (share[:, None, :] @ z)[:, 0]
        second += mixture.form.scatter(share, z)
        log_likelihood += float(weight @ log_density)
    return _statistics(mixture, _Sums(mass, first, second, log_likelihood))


@np.errstate(over="ignore", invalid="ignore")
def _statistics(mixture: Components, sums: _Sums) -> SufficientStatistics:
    """Centre the sums on the new means and carry them back to the coordinates of the data."""
    form, mass = mixture.form, sums.mass
    inverse = np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)
    step = sums.first * inverse[:, None]
    centred = sums.second - form.outer(mass, step)
    return SufficientStatistics(
        form,
        mass,
        mixture.means + form.apply(mixture.factor, step),
        form.congruence(mixture.factor, centred),
        sums.log_likelihood,
    )
