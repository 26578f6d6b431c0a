"""The reference kernel: NumPy, written to be obviously correct. The compiled kernel is tested against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import FULL, TIED, Form, Structure
from gmix.model.families import GAUSSIAN
from gmix.model.kernel.contract import CHUNK, Expect, Kernel, Parameters, RunEnd, has_collapsed, n_threads
from gmix.model.kernel.draws import draw
from gmix.model.kernel.low_rank import LowRankSums, low_rank_posterior
from gmix.model.kernel.low_rank_run import run_low_rank
from gmix.model.kernel.noisy import conditionals
from gmix.model.kernel.responsibilities import joint_densities, log_evidence, normalize
from gmix.model.kernel.seeding import nearest, seeds
from gmix.model.kernel.with_background import joint_of_background, with_background
from gmix.model.model import Model
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import REST, Reason, Round, StoppingRule

__all__ = ["ReferenceKernel", "expectation_maximization"]

Array = NDArray[np.float64]
_SETTLED = 1000  # Lloyd's iteration ends when at most one in this many points has changed its cluster
_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
_PATIENCE = 1e-3  # times the limit below which a step is none, if cells are missing


class ReferenceKernel(Kernel):
    """The kernel in NumPy. Starts do not race: each is run to the end, without acceleration."""

    @one_blas_thread()
    def expect(
        self,
        rows: Rows | Iterable[Rows],
        components: Sequence[Components],
        references: Sequence[Reference] | None = None,
        *,
        threads: int | None = None,
        coarse: bool = False,
    ) -> list[SufficientStatistics]:
        n_threads(threads)
        sums = [_Sums(each) if each.form.compiled else LowRankSums(each) for each in components]
        for block in [rows] if isinstance(rows, Rows) else rows:
            for chunk in _chunks(block):
                for each in sums:
                    each.add(chunk)
        known: Sequence[Reference | None] = references or [None] * len(sums)
        return [each.statistics(reference) for each, reference in zip(sums, known, strict=True)]

    @one_blas_thread()
    def posterior(
        self, rows: Rows, components: Components, responsibilities: bool, threads: int | None = None
    ) -> tuple[Array, Array | None]:
        n_threads(threads)
        if not components.form.compiled:
            log_density, posteriors = low_rank_posterior(rows, components)
            return log_density, posteriors if responsibilities else None
        log_density = np.empty(len(rows))
        posteriors = np.empty((len(rows), len(components.means)))
        for begin in range(0, len(rows), CHUNK):
            chunk = rows[begin : begin + CHUNK]
            if chunk.errors is not None:
                for chosen, found in conditionals(chunk, components):
                    at = begin + chosen
                    log_density[at], left, _ = with_background(components, chunk[chosen], found.log_density)
                    posteriors[at] = found.responsibilities * left[:, None]
                continue
            for chosen, part in _groups(chunk):
                at = begin + chosen
                _, _, log_density[at], posteriors[at] = _posterior(part, _observed(components, part))
                log_density[at], left, _ = with_background(components, part, log_density[at])
                posteriors[at] *= left[:, None]
        return log_density, posteriors if responsibilities else None

    @one_blas_thread()
    def expected_values(self, rows: Rows, components: Components, threads: int | None = None) -> Array:
        n_threads(threads)
        values = np.empty(rows.values.shape)
        for chosen, found in conditionals(rows, components):
            true = components.form.apply(components.factor, found.mean) + components.means[:, None]
            values[chosen] = np.einsum("nk,knd->nd", found.responsibilities, true)
        return values

    def prepare(self, form: Form, weights: Array, means: Array, covariances: Array) -> Components:
        n_components, n_features = means.shape
        factor = form.factor(covariances)
        whitener = form.whitener(factor)
        with np.errstate(divide="ignore"):
            constants = np.log(weights) - form.log_determinant(factor, n_components, n_features)
        constants = constants + GAUSSIAN.log_constant(n_features)
        for array in (constants, factor, whitener):
            array.flags.writeable = False
        return Components(form, constants, means, factor, whitener)

    def maximize(
        self,
        statistics: Sequence[SufficientStatistics],
        structure: Structure,
        prior: SufficientStatistics | None = None,
    ) -> list[Parameters | None]:
        return [None] * len(statistics)

    def cluster(self, points: Array, mass: Array, sweeps: int, draws: Array) -> NDArray[np.intp]:
        centers = seeds(points, mass, draws)
        labels = nearest(points, centers)
        for _ in range(sweeps):
            share = np.eye(len(centers))[labels] * mass[:, None]
            size = share.sum(0)
            centers = np.where(size[:, None] > 0, share.T @ points / np.maximum(size, 1e-300)[:, None], centers)
            before, labels = labels, nearest(points, centers)
            if _SETTLED * np.count_nonzero(labels != before) <= len(points):
                break
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        return np.asarray(np.argsort(np.argsort(first))[inverse])

    def draw(
        self, components: Components, labels: NDArray[np.intp], seed: tuple[int, int], threads: int | None = None
    ) -> Array:
        return draw(components, labels, seed)

    def run(
        self,
        rows: Rows | Expect,
        starts: Sequence[Model],
        reference: Reference,
        rule: StoppingRule,
        rounds: Sequence[Round] = (),
        *,
        patient: bool = True,
        coarse: bool = False,
        threads: int | None = None,
    ) -> list[RunEnd]:
        def expect(components: Components, coarsely: bool) -> SufficientStatistics:
            if isinstance(rows, Rows):
                return self.expect(rows, [components], [reference], threads=threads)[0]
            return rows(components, coarsely)

        if starts and not starts[0].components().form.compiled:
            return run_low_rank(starts, expect, reference, rule, rounds, patient)
        ends: list[RunEnd] = []
        for place, start in enumerate(starts):
            ends.append(expectation_maximization(start, expect, rule, reference, patient)._replace(place=place))
            if ends[-1].reason is Reason.INTERRUPTED:
                break
        if not rounds:
            return ends
        return sorted(
            ends, key=lambda end: (end.reason in (Reason.FAILED, Reason.COLLAPSING), -max(end.history, default=-np.inf))
        )


def expectation_maximization(
    model: Model, expect: Expect, rule: StoppingRule, reference: Reference, patient: bool = True
) -> RunEnd:
    """EM from one start: E-steps and M-steps in turn, beginning and ending with an E-step.

    The compiled runs are tested against this loop, which has neither races nor acceleration.
    """
    statistics, history = None, list[float]()
    at_rest, remaining, sound = False, np.inf, False
    proposal = model
    try:
        while True:
            found = expect(proposal.components(), False)
            reached = proposal.objective(found)
            if statistics is None:
                if not np.isfinite(reached):
                    return RunEnd(0, None, None, [], Reason.FAILED, False)
            elif rule.monotone and rule.fell(history[-1], reached):
                reason = Reason.STATIONARY
                break
            else:
                no_gain = reached - history[-1] <= rule.rounding(reached)
                at_rest = no_gain and _is_at_rest(model, proposal, statistics, found)
            model, statistics = proposal, found
            history.append(reached)
            remaining = rule.remaining(history)
            if ended := rule.judge(history, reference.total_weight, at_rest, remaining):
                reason = ended
                break
            proposal = model.maximize(statistics)
            sound = not has_collapsed(proposal.components(), reference)
            if not (sound or patient):
                reason = Reason.COLLAPSING
                break
    except KeyboardInterrupt:
        reason = Reason.INTERRUPTED
    except np.linalg.LinAlgError:
        reason = Reason.FAILED
    return RunEnd(0, None if statistics is None else model, statistics, history, reason, sound)


def _is_at_rest(
    before: Model, after: Model, statistics_before: SufficientStatistics, statistics_after: SufficientStatistics
) -> bool:
    """Return whether a step moved no mean, in standard deviations, and no weight by more than rounding or `REST`.

    Missing cells slow EM down: the optimum may be many steps away, and each of them is small. With these the limit is
    lower, and the step must not move covariances either.
    """
    a, b = before.components(), after.components()
    incomplete = "joint" in statistics_after.extra
    limit = _PATIENCE * REST if incomplete else REST
    counts_before, counts_after = statistics_before.counts, statistics_after.counts
    moved = np.abs(b.form.apply(b.whitener, b.means - a.means))
    rounding = _ROUNDING * b.form.apply(np.abs(b.whitener), np.abs(b.means))
    weights = np.abs(counts_after / counts_after.sum() - counts_before / counts_before.sum())
    at_rest = bool((moved < limit + rounding).all() and (weights < limit).all())
    return at_rest and not (incomplete and _moved_covariances(a, b, limit))


def _moved_covariances(before: Components, after: Components, limit: float) -> bool:
    """Return whether covariances differ by more than rounding and more than this part of themselves in a direction."""
    (k, d), form = after.means.shape, after.form
    whitener, factor = form.dense(after.whitener, k, d), form.dense(after.factor, k, d)
    size = (np.abs(whitener) @ np.sqrt((factor**2).sum(-1))[..., None])[..., 0]
    moved = np.abs(whitener @ form.dense(before.factor, k, d) - np.eye(d))
    return bool((moved >= limit + _ROUNDING * size[:, :, None] * size[:, None, :]).any())


def _chunks(rows: Rows) -> Iterator[Rows]:
    for begin in range(0, len(rows), CHUNK):
        yield rows[begin : begin + CHUNK]


class _Sums:
    """The sums of one pass, in whitened coordinates about the current means."""

    def __init__(self, components: Components) -> None:
        (k, d), form = components.means.shape, components.form
        self.components, self.log_likelihood = components, 0.0
        self.counts, self.joint, self.hidden_second = np.zeros(k), np.zeros(k), np.zeros(form.shape(k, d))
        self.mass, self.first, self.second = np.zeros(k), np.zeros((k, d)), np.zeros(form.shape(k, d))
        self.log_factors = np.zeros(k)  # of families with share factors

    @np.errstate(over="ignore", invalid="ignore")  # rows may be so distant that their log density is minus infinity
    def add(self, rows: Rows) -> None:
        if rows.errors is not None:
            self._add_noisy(rows.counting)
            return
        for _, part in _groups(rows.counting):
            observed = _observed(self.components, part)
            z, root, log_density, responsibilities = _posterior(part, observed)
            together, left, log_background = with_background(self.components, part, log_density)
            share = (responsibilities * (left * part.mass)[:, None]).T  # (K, N)
            z[:, left == 0.0] = 0.0  # rows of the background alone may be at any distance
            if rows.is_partial:
                self.joint += joint_densities(share, responsibilities, log_density)
                self._add_joint_of_background(part, left, log_background)
            self.counts += share.sum(1)
            self.mass += (share * root**2).sum(1)
            n_cells = int(observed.components.means.shape[1])
            self.log_factors += (share * self.components.family.log_factors(root, n_cells)).sum(1)
            self.log_likelihood += float(part.mass @ together)
            form = self.components.form
            if observed.recovered is not None:  # the moments of all cells, given the present ones
                recovered, spread = observed.recovered
                z = z @ recovered
                self.hidden_second += form.scatter(np.repeat(share.sum(1)[:, None], z.shape[-1], 1), spread)
            self.first += ((share * root)[:, None, :] @ z)[:, 0]
            self.second += form.scatter(share, z)

    def _add_joint_of_background(self, rows: Rows, left: Array, log_background: Array) -> None:
        self.joint += joint_of_background(rows, left, log_background) / len(self.joint)

    def _add_noisy(self, rows: Rows) -> None:
        form = self.components.form
        for chosen, found in conditionals(rows, self.components):
            part = rows[chosen]
            together, left, log_background = with_background(self.components, part, found.log_density)
            share = (found.responsibilities * (left * part.mass)[:, None]).T
            self.counts += share.sum(1)
            self.mass += share.sum(1)
            self.log_likelihood += float(part.mass @ together)
            self._add_joint_of_background(part, left, log_background)
            self.first += (share[:, None, :] @ found.mean)[:, 0]
            self.joint += joint_densities(share, found.responsibilities, found.log_density)
            hidden = sum(form.scatter(share, column) for column in np.moveaxis(found.hidden_root, -1, 0))
            self.hidden_second += hidden
            self.second += form.scatter(share, found.mean) - hidden
            for column in np.moveaxis(found.root, -1, 0):
                self.second += form.scatter(share, column)

    @np.errstate(over="ignore", invalid="ignore")
    def statistics(self, reference: Reference | None) -> SufficientStatistics:
        """The sums, centered on the new means and in the coordinates of the data."""
        form, mass, components = self.components.form, self.mass, self.components
        step = self.first * np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)[:, None]
        found = SufficientStatistics(
            form,
            mass,
            components.means + form.apply(components.factor, step),
            form.congruence(components.factor, self.second + self.hidden_second - form.outer(mass, step)),
            self.log_likelihood,
            self.counts,
            self.counts,
            extra=self._extra,
        )
        return found if reference is None else found.on(reference)

    @property
    def _extra(self) -> dict[str, Array]:
        """The further sums of rows that are known in part; empty if there are none."""
        form, k = self.components.form, len(self.counts)
        found = {"log_factors": self.log_factors[:, None]} if self.components.family.has_factors else {}
        if self.joint.any():
            found["joint"] = self.joint[:, None]
        if form is not TIED and self.hidden_second.any():
            found["hidden"] = form.congruence(self.components.factor, self.hidden_second).reshape(k, -1)
        return found


class _Observed(NamedTuple):
    """A mixture as rows with the same cells and label see it.

    `recovered` is None for complete rows. Otherwise it holds matrices ``(K, d, D)`` that convert residuals of the d
    present cells, whitened, to the conditional means of all residuals, whitened; and square roots ``(K, D, D)`` of the
    conditional covariances.
    """

    components: Components
    recovered: tuple[Array, Array] | None


def _groups(rows: Rows) -> Iterator[tuple[NDArray[np.intp], Rows]]:
    """Rows with the same present cells and the same label: their positions, and the rows with these columns alone."""
    known = [np.zeros((len(rows), 0))]
    if rows.incomplete:
        known.append(~np.isnan(rows.values))
    if rows.labels is not None:
        known.append(rows.labels[:, None])
    patterns, group = np.unique(np.column_stack(known), axis=0, return_inverse=True)
    for number in range(len(patterns)):
        chosen = np.flatnonzero(group.ravel() == number)
        yield chosen, rows[chosen]


def _observed(components: Components, rows: Rows) -> _Observed:
    """The mixture as a group of rows sees it."""
    (n_components, n_features), form = components.means.shape, components.form
    if rows.labels is not None and rows.labels[0] >= 0 and components.groups is not None:
        allowed = components.groups == rows.labels[0]
        components = components._replace(log_constants=np.where(allowed, components.log_constants, -np.inf))
    present = np.flatnonzero(~np.isnan(rows.values[0])) if rows.incomplete else np.arange(n_features)
    if len(present) == n_features:
        return _Observed(components, None)
    covariances = form.dense(form.covariances(components.factor, n_features), n_components, n_features)
    factor = np.asarray(np.linalg.cholesky(covariances[:, present][:, :, present]), np.float64)
    whitener = np.asarray(np.linalg.inv(factor), np.float64)
    complete = FULL.whitener(FULL.factor(covariances))
    recovered = (complete @ covariances[:, :, present] @ whitener.mT).mT
    volume = form.log_determinant(components.factor, n_components, n_features)
    volume = volume - FULL.log_determinant(factor, n_components, len(present))
    log_constants = (
        components.log_constants
        + volume
        + components.family.log_constant(len(present))
        - components.family.log_constant(n_features)
    )
    marginal = Components(
        FULL, log_constants, components.means[:, present], factor, whitener, components.family, components.groups
    )
    return _Observed(marginal, (recovered, np.eye(n_features) - recovered.mT @ recovered))


def _posterior(rows: Rows, observed: _Observed) -> tuple[Array, Array, Array, Array]:
    """What rows with the same cells and label add to the sums.

    Returns whitened residuals ``(K, N, d)`` of the present cells times the square roots of their share factors, these
    roots ``(K, N)``, log densities ``(N,)``, and responsibilities ``(N, K)``.
    """
    components = observed.components
    values = rows.values
    if observed.recovered is not None:
        values = values[:, ~np.isnan(values[0])]
    family, n_cells = components.family, values.shape[1]
    residuals = np.asarray(values, np.float64) - components.means[:, None, :]
    with np.errstate(over="ignore", invalid="ignore"):
        z = components.form.apply(components.whitener, residuals)
        squared = np.square(z).sum(-1).T
        joint = family.log_density(components.log_constants, squared, n_cells)  # (N, K)
        root = np.sqrt(family.share_factor(squared, n_cells))
        if family is not GAUSSIAN and not np.isfinite(squared).all():
            distant = family.far(components.log_constants, np.hypot.reduce(z, axis=-1).T, n_cells)
            joint, root = (np.where(np.isfinite(squared), *both) for both in zip((joint, root), distant, strict=True))
    evidence = log_evidence(components, rows)
    log_density, responsibilities = normalize(joint, z, components.log_constants, evidence)
    if family is not GAUSSIAN:
        z = np.where(root.T[:, :, None] > 0.0, z * root.T[:, :, None], 0.0)
    return z, root.T, log_density, responsibilities
