"""EM runs of factor models: they race as compiled runs do, and extrapolate parameters.

The statistics of a factor model depend on the mixture that they were computed under, so they cannot be extrapolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gmix.model.components import Components
from gmix.model.covariance.low_rank import LEAST_NOISE
from gmix.model.kernel.contract import Expect, RunEnd, has_collapsed
from gmix.model.model import Model
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, Round, StoppingRule

__all__ = ["run_low_rank"]

Array = NDArray[np.float64]
_LONGEST, _GROWTH = 4.0, 4.0  # the first limit of the length of an extrapolation, and its factor after a success
_SAME = 0.1  # of the tolerance; runs whose objectives differ by less lead to the same optimum
_FAR_BELOW = 10.0  # times the tolerance; a converged run that is this far below the best is dropped


def run_low_rank(
    starts: Sequence[Model],
    expect: Expect,
    reference: Reference,
    rule: StoppingRule,
    rounds: Sequence[Round],
    patient: bool,
) -> list[RunEnd]:
    """`Kernel.run` for factor models."""
    runs = [_Run(place, model, expect, reference, patient) for place, model in enumerate(starts)]
    try:
        for this in rounds:
            for run in runs:
                run.to_end(this.rule)
            runs = _kept(runs, this, reference.total_weight)
        for run in runs:
            run.to_end(rule, twice=True)
    except KeyboardInterrupt:
        run.reason = Reason.INTERRUPTED
        runs = [*(each for each in runs if each.history and each is not run), run]
        return [each.end for each in runs]
    return [run.end for run in (sorted(runs, key=_place) if rounds else runs)]


def _place(run: _Run) -> tuple[bool, bool, float]:
    """The key that sorts runs, the best first; the objective of a collapsed component is meaningless."""
    lost = run.reason in (Reason.FAILED, Reason.COLLAPSING)
    return lost, run.collapsed, -max(run.history, default=-np.inf)


def _kept(runs: list[_Run], this: Round, total_weight: float) -> list[_Run]:
    """The runs that continue after a round of a race, the best first."""
    limit = this.rule.tolerance * total_weight
    kept: list[_Run] = []
    for run in sorted(runs, key=_place):
        objective = max(run.history, default=-np.inf)
        same = any(abs(max(each.history) - objective) <= _SAME * limit for each in kept if each.history)
        poor = (
            run.reason is not None
            and run.reason.converged
            and kept
            and (objective < max(kept[0].history) - _FAR_BELOW * limit)
        )
        if not kept or (len(kept) < this.most and run.reason is not Reason.FAILED and not (same or poor)):
            kept.append(run)
    return kept


@dataclass
class _Run:
    """An EM run of a factor model in progress."""

    place: int
    proposal: Model
    expect: Expect
    reference: Reference
    patient: bool
    model: Model | None = None
    statistics: SufficientStatistics | None = None
    history: list[float] = field(default_factory=list)
    reason: Reason | None = None
    sound: bool = False
    collapsed: bool = False
    plain: list[Model] = field(default_factory=list)  # the last models, each an M-step of the one before
    longest: float = _LONGEST
    twice: bool = False  # whether it must be found twice that the run has converged
    found_once: bool = False

    @property
    def end(self) -> RunEnd:
        model = None if self.statistics is None else self.model
        return RunEnd(self.place, model, self.statistics, self.history, self.reason or Reason.FAILED, self.sound)

    def to_end(self, rule: StoppingRule, *, twice: bool = False) -> None:
        """Continue until the rule ends the run; a run that has failed or collapses does not continue.

        The first steps after an extrapolation gain little of what is still to be gained along the slowest directions,
        so the remaining gain may be underestimated once. `twice` asks for two estimates, from different steps.
        """
        if self.reason in (Reason.FAILED, Reason.COLLAPSING):
            return
        self.twice, self.found_once = twice, False
        self.reason = self._judged(rule) if self.history else None
        try:
            while self.reason is None:
                self.reason = self._step(rule)
        except np.linalg.LinAlgError:
            self.reason = Reason.FAILED

    def _step(self, rule: StoppingRule) -> Reason | None:
        """One E-step, and the M-step before it; the reason why the run ends, if it does."""
        if self.statistics is not None:
            assert self.model is not None
            if rule.accelerate and len(self.plain) > 2 and self._extrapolate(rule):
                return None
            self.proposal = self.model.maximize(self.statistics)
            self.collapsed = has_collapsed(self.proposal.components(), self.reference)
            self.sound = not self.collapsed
            if not (self.sound or self.patient):
                return Reason.COLLAPSING
        found = self.expect(self.proposal.components(), False)
        reached = self.proposal.objective(found)
        if not np.isfinite(reached):
            return Reason.FAILED
        if self.history and rule.monotone and rule.fell(self.history[-1], reached):
            return Reason.STATIONARY
        self._accept(self.proposal, found, reached)
        self.plain = [*self.plain[-2:], self.proposal]
        return self._judged(rule)

    def _accept(self, model: Model, found: SufficientStatistics, reached: float) -> None:
        self.model, self.statistics = model, found
        self.history.append(reached)

    def _judged(self, rule: StoppingRule) -> Reason | None:
        plain = self.history[-len(self.plain) :] if self.plain else []
        remaining = rule.remaining(plain) if len(plain) > 2 else np.inf
        no_gain = len(plain) > 1 and plain[-1] - plain[-2] <= rule.rounding(plain[-1])
        if rule.change is not None:
            plain = self.history
        reason = rule.judge(plain, self.reference.total_weight, no_gain, remaining)
        if reason is Reason.CONVERGED and self.twice and rule.accelerate and not self.found_once:
            self.found_once, reason = True, None
        elif reason is None and len(plain) > 2:
            self.found_once = False
        return Reason.ITERATION_LIMIT if reason is None and len(self.history) > rule.max_iterations else reason

    def _extrapolate(self, rule: StoppingRule) -> bool:
        """Try a longer step in the direction of the last two (SQUAREM); return whether it gained.

        Source: Varadhan & Roland (2008), *Scandinavian Journal of Statistics* 35:335, scheme S3.
        """
        points = [_Parameters.of(model.components(), self.reference) for model in self.plain]
        model, self.plain = self.plain[-1], []
        with np.errstate(invalid="ignore"):
            first, second = points[1].numbers - points[0].numbers, points[2].numbers - points[1].numbers
        curvature = float(np.linalg.norm(second - first))
        length = float(np.linalg.norm(first)) / curvature if curvature > 0.0 else 0.0
        if not (np.isfinite(length) and length > 1.0):
            return False
        capped = min(length, self.longest)
        numbers = points[0].numbers + 2.0 * capped * first + capped**2 * (second - first)
        try:
            proposal = model.with_parameters(*points[0].at(numbers))
            found = self.expect(proposal.components(), False)
            reached = proposal.objective(found)
        except np.linalg.LinAlgError:
            reached = -np.inf
        if not (np.isfinite(reached) and reached > self.history[-1]):
            self.longest = max(self.longest / _GROWTH, _LONGEST)
            return False
        self.longest *= _GROWTH if capped == self.longest else 1.0
        self._accept(proposal, found, reached)
        self.plain = [proposal]
        return True


@dataclass(frozen=True)
class _Parameters:
    """The parameters of a factor model as numbers without constraints, in comparable units."""

    shape: tuple[int, int, int]
    numbers: Array
    deviation: Array  # (D,) of the columns

    @classmethod
    def of(cls, components: Components, reference: Reference) -> _Parameters:
        (k, d), form = components.means.shape, components.form
        compact, deviation = form.covariances(components.factor, d), np.sqrt(reference.variances)
        log_weights = components.log_constants + form.log_determinant(components.factor, k, d)
        parts = [
            log_weights,
            components.means / deviation,
            np.log(compact[..., 0]),
            compact[..., 1:] / deviation[:, None],
        ]
        return cls((k, d, compact.shape[-1]), np.concatenate([part.ravel() for part in parts]), deviation)

    def at(self, numbers: Array) -> tuple[Array, Array, Array]:
        """Weights, means and compact covariances from numbers."""
        k, d, width = self.shape
        log_weights, means, noise, loadings = np.split(numbers, np.cumsum([k, k * d, k * d]))
        weights = np.exp(log_weights - log_weights.max())
        loadings = loadings.reshape(k, d, width - 1) * self.deviation[:, None]
        variances = np.exp(noise.reshape(k, d))
        variances = np.maximum(variances, LEAST_NOISE * (variances + (loadings**2).sum(-1)))
        compact = np.concatenate([variances[..., None], loadings], axis=-1)
        return weights / weights.sum(), means.reshape(k, d) * self.deviation, compact
