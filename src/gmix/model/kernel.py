"""The kernel: a block of rows and some mixtures in, sufficient statistics or posteriors out.

There are two, which a test holds together: the compiled one in ``native/``, and the plain NumPy twin below, which is
obviously right. Both whiten the residual of each row, ``z = W_k (x - mu_k)``, and add up its moments about the current
means, so that neither an offset nor the scale of the data costs digits; ``statistics`` carries the sums back.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.fitting.stop import Heat, Reason, Stop
from gmix.model.covariance import Form, Structure
from gmix.model.statistics import Evidence, SufficientStatistics

_native: ModuleType | None
try:
    _native = importlib.import_module("gmix._native")
except ImportError:  # a platform without a compiler: everything works, more slowly
    _native = None

__all__ = [
    "CHUNK",
    "Climbed",
    "Components",
    "Sums",
    "Way",
    "climb",
    "cluster",
    "count_labels",
    "expect",
    "expect_numpy",
    "posterior",
    "posterior_numpy",
    "prepare",
    "statistics",
    "sums",
    "sums_numpy",
]

Array = NDArray[np.float64]
Rows = NDArray[Any]
_ENDED = (  # as the kernel counts
    Reason.CONVERGED,
    Reason.STATIONARY,
    Reason.ITERATION_LIMIT,
    Reason.INTERRUPTED,
    None,
    Reason.COLLAPSING,
)
CHUNK = 2048  # rows whose sums are added to the rest at once; part of the result's bits, so never a setting
_FEW = 24  # columns up to which scatter is added up row by row; of more, products of matrices are quicker
_NOTHING = 2.0**-100  # a share of a row below it counts as none: far below rounding, and what has none costs nothing


class Components(NamedTuple):
    """A mixture as the kernel sees it: ``log w_k N(x | mu_k, L_k L_k') = log_constants[k] - |z|^2 / 2``."""

    form: Form
    log_constants: Array  # (K,)
    means: Array  # (K, D)
    factor: Array  # compact lower Cholesky factors L
    whitener: Array  # their inverses W


class Sums(NamedTuple):
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
    return [statistics(*pair) for pair in zip(mixtures, sums(rows, mixtures, sample_weight, threads), strict=True)]


def sums(
    rows: Rows,
    mixtures: Sequence[Components],
    sample_weight: Array | None = None,
    threads: int | None = None,
    carry: Sequence[Sums] | None = None,
    coarse: bool = False,
) -> list[Sums]:
    """What `expect` adds up, before it is carried back to the coordinates of the data.

    `carry` are the sums of the rows before these. Where those were a multiple of `CHUNK` rows, the result has the bits
    of one pass over all of them together. `coarse` sums are formed in float32 and good to about seven digits.
    """
    threads = _at_most(threads)
    if _native is None:
        return sums_numpy(rows, mixtures, sample_weight, carry)
    raw = [_raw(mixture) for mixture in mixtures]
    return [Sums(*s) for s in _native.expect(rows, raw, sample_weight, threads, carry, coarse)]


def _raw(mixture: Components) -> tuple[int, Array, Array, Array]:
    return mixture.form.code, mixture.log_constants, mixture.means, mixture.whitener


def posterior(
    rows: Rows, mixture: Components, responsibilities: bool, threads: int | None = None
) -> tuple[Array, Array | None]:
    """The log density ``(N,)`` of each row and, if wanted, its responsibilities ``(N, K)``."""
    threads = _at_most(threads)
    if _native is None:
        return posterior_numpy(rows, mixture, responsibilities)
    log_density, posteriors = _native.posterior(rows, _raw(mixture), responsibilities, threads)
    return log_density, posteriors


class Way(NamedTuple):
    """Where a compiled climb is to begin: parameters, objectives reached before, and what a prior adds to the rows."""

    weights: Array
    means: Array
    covariances: Array  # compact
    history: Sequence[float]
    unseen: Evidence | None


class Climbed(NamedTuple):
    """Where a compiled climb ended, and how."""

    place: int  # among those that began
    history: list[float]  # objectives, those given included
    reason: Reason | None  # None: the next M-step is the plain one's
    top: tuple[Array, Array, Array] | None  # weights, means and covariances; None where no E-step was finished
    statistics: SufficientStatistics | None  # of the rows under them
    sound: bool = False  # no component is empty or on the floor, as the last M-step saw it


def climb(
    rows: Rows | Callable[[Components, bool], Sums],
    structure: Structure,
    ways: Sequence[Way],
    total: SufficientStatistics,
    stop: Stop,
    sample_weight: Array | None = None,
    threads: int | None = None,
    coarse: bool = False,
    heats: Sequence[Heat] = (),
    patient: bool = True,
) -> list[Climbed] | None:
    """E-steps and M-steps in turn, compiled, from several starts; None if the structure is not compiled.

    They race in `heats` first, and those that are left go on to the end: in their order, or, after a heat, best first.

    Rows that are not one array are given as a function that returns their sums under a mixture, coarse ones where it is
    told that they will do; the bits are the same. A `coarse` climb takes its steps in float32 for as long as they gain,
    and the last ones in float64: what it hands back is known to the last digit.

    `total` are the statistics of the rows as one component. A run that is not `patient` ends where a component becomes
    empty or comes to stand on the floor. An interruption ends the list with the climb that it met.
    The twin is the loop in `gmix.fitting.em` itself.
    """
    if _native is None or not structure.compiled_code:
        return None
    form = structure.form
    mass = float(total.mass.sum())
    asked = _asked(rows, form) if callable(rows) else rows
    starts = [(*way[:-1], _evidence(way.unseen)) for way in ways]
    found = _native.climb(
        asked,
        structure.compiled_code,
        form.code,
        starts,
        _reference(total),
        [(heat.stop.rule(mass), heat.most) for heat in heats],
        stop.rule(mass),
        patient,
        coarse,
        sample_weight,
        _at_most(threads),
    )
    climbed = []
    for place, arrays, history, ended, sound in found:
        if arrays is None:
            climbed.append(Climbed(place, history, _ENDED[ended], None, None))
            continue
        *top, n, mean, scatter, log_likelihood = arrays
        reached = SufficientStatistics(form, n, mean, scatter, log_likelihood).among(total)
        climbed.append(Climbed(place, history, _ENDED[ended], tuple(top), reached, sound))
    return climbed


def _asked(
    function: Callable[[Components, bool], Sums], form: Form
) -> Callable[[tuple[int, Array, Array, Array], bool], Sums]:
    """What the compiled climb asks for sums: a function of a mixture as it writes it."""

    def asked(raw: tuple[int, Array, Array, Array], coarse: bool) -> Sums:
        _, log_constants, means, whitener = raw
        return function(Components(form, log_constants, means, np.empty(0), whitener), coarse)

    return asked


def _evidence(rows: Evidence | None) -> tuple[Array, ...] | None:
    """Evidence as the compiled kernel reads it."""
    if rows is None:
        return None
    parts = (rows.counts, rows.mass, rows.mean, rows.scatter, rows.divisor)
    return tuple(np.ascontiguousarray(part, np.float64) for part in parts)


def _reference(total: SufficientStatistics) -> tuple[Array, Array, float]:
    """What all rows say as one component, as the compiled kernel reads it."""
    scatter = total.scatter if total.scatter.ndim else total.scatter[None]
    return np.ascontiguousarray(total.floor), np.ascontiguousarray(scatter), float(total.mass[0])


def prepare(form: Form, weights: Array, means: Array, compact: Array) -> Components:
    """A mixture as the kernel sees it; ``LinAlgError`` if a covariance is not definite.

    Factors come from one place, whoever asks: those of nearly singular covariances differ in digits that show in the
    likelihood.
    """
    if _native is not None:
        found = _native.prepare(form.code, weights, means, compact)
        if found is None:
            raise np.linalg.LinAlgError("a covariance is not positive definite")
        constants, factor, whitener = found
    else:
        n_components, n_features = means.shape
        factor = form.factor(compact)
        whitener = form.whitener(factor)
        with np.errstate(divide="ignore"):
            constants = np.log(weights) - form.log_determinant(factor, n_components, n_features)
        constants = constants - n_features * np.log(2.0 * np.pi) / 2.0
    for array in (constants, factor, whitener):
        array.flags.writeable = False
    return Components(form, constants, means, factor, whitener)


def maximize(
    every: Sequence[SufficientStatistics], structure: Structure, unseen: Evidence | None = None
) -> list[tuple[Array, Array, Array] | None]:
    """The compiled M-steps of a structure that is `direct`: weights, means and compact covariances of each.

    The statistics are of the same rows, and `unseen` is what a prior adds to them. None where float64 does not reach,
    and without the compiled kernel: the twin, which takes care of all, is `GaussianMixture.from_statistics`.
    """
    if _native is None or not structure.compiled_code or not every:
        return [None] * len(every)
    arrays = [tuple(np.ascontiguousarray(array) for array in (s.mass, s.mean, s.scatter)) for s in every]
    found: list[tuple[Array, Array, Array] | None] = _native.maximize(
        structure.compiled_code, structure.form.code, arrays, _evidence(unseen), _reference(every[0].total)
    )
    return found


def count_labels(
    form: Form,
    rows: Array,
    labels: Sequence[NDArray[np.intp]],
    n_components: int,
    total: SufficientStatistics,
    sample_weight: Array | None = None,
) -> list[SufficientStatistics]:
    """`SufficientStatistics.from_labels` of ``rows (N, D)``, of which `total` are all, by each of several labels."""
    if _native is None or rows.shape[1] > _FEW:
        from_labels = SufficientStatistics.from_labels
        return [from_labels(form, rows, one, n_components, sample_weight).among(total) for one in labels]
    written = [one.astype(np.float64) for one in labels]
    found = _native.count(form.code, np.ascontiguousarray(rows, np.float64), written, n_components, sample_weight)
    return [SufficientStatistics(form, n, mean, scatter, np.nan).among(total) for n, mean, scatter in found]


def cluster(points: Array, mass: Array, sweeps: int, draws: Array) -> NDArray[np.intp] | None:
    """The compiled twin of `gmix.fitting.k_means.cluster_numpy`; None without it."""
    if _native is None:
        return None
    return np.asarray(_native.cluster(np.ascontiguousarray(points), mass, sweeps, draws), np.intp)


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
    return [statistics(*pair) for pair in zip(mixtures, sums_numpy(rows, mixtures, sample_weight), strict=True)]


@one_blas_thread()
def sums_numpy(
    rows: Rows,
    mixtures: Sequence[Components],
    sample_weight: Array | None = None,
    carry: Sequence[Sums] | None = None,
) -> list[Sums]:
    """The plain twin of `sums`."""
    before = [None] * len(mixtures) if carry is None else carry
    return [_sums_one(rows, m, sample_weight, b) for m, b in zip(mixtures, before, strict=True)]


@one_blas_thread()
def posterior_numpy(rows: Rows, mixture: Components, responsibilities: bool) -> tuple[Array, Array | None]:
    """The plain twin of `posterior`."""
    log_density = np.empty(len(rows))
    posteriors = np.empty((len(rows), len(mixture.means)))
    for begin in range(0, len(rows), CHUNK):
        block = slice(begin, begin + CHUNK)
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
        shifted[shifted < _NOTHING] = 0.0
        norm = shifted.sum(1)
    return z, np.where(lost, -np.inf, largest + np.log(norm)), shifted / norm[:, None]


@np.errstate(over="ignore", invalid="ignore")  # a row may be far from a stated mixture; then the likelihood says so
def _sums_one(rows: Rows, mixture: Components, sample_weight: Array | None, carry: Sums | None) -> Sums:
    n_components, n_features = mixture.means.shape
    if carry is None:
        mass, first = np.zeros(n_components), np.zeros((n_components, n_features))
        second, log_likelihood = np.zeros(mixture.form.shape(n_components, n_features)), 0.0
    else:
        mass, first, second = carry.mass.copy(), carry.first.copy(), carry.second.copy()
        log_likelihood = carry.log_likelihood
    for begin in range(0, len(rows), CHUNK):
        block = slice(begin, begin + CHUNK)
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
    return Sums(mass, first, second, log_likelihood)


@np.errstate(over="ignore", invalid="ignore")
@one_blas_thread()
def statistics(mixture: Components, total: Sums) -> SufficientStatistics:
    """Centre the sums on the new means and carry them back to the coordinates of the data."""
    form, mass = mixture.form, total.mass
    inverse = np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)
    step = total.first * inverse[:, None]
    centred = total.second - form.outer(mass, step)
    return SufficientStatistics(
        form,
        mass,
        mixture.means + form.apply(mixture.factor, step),
        form.congruence(mixture.factor, centred),
        total.log_likelihood,
    )
