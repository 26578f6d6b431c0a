"""EM as scikit-learn runs it: its stopping rule, its ridge and its messages, and the search that follows them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.fitting.candidates import Search
from gmix.fitting.search import SearchPlan, search
from gmix.fitting.start import Start
from gmix.model.components import Components
from gmix.model.covariance import Structure, structure as as_structure
from gmix.model.priors import Prior
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, StoppingRule, remaining_gain
from gmix.sources import MemorySource

__all__ = ["Blur", "run_search"]

Array = NDArray[np.float64]


class RunParameters(Protocol):
    """The parameters of an estimator that say how EM runs."""

    n_components: int
    covariance_type: str
    tol: float | None
    max_iter: int
    verbose: int
    verbose_interval: int


@one_blas_thread()
def run_search(
    parameters: RunParameters, source: MemorySource, start: Start, past: tuple[float, ...], ridge: Array
) -> Search:
    """Run EM from exactly these starts; `past` are the mean log-likelihoods up to a warm start."""
    blur = Blur(ridge) if ridge.any() else None
    rule = StoppingRule(max_iterations=parameters.max_iter)
    if parameters.tol is not None or blur is not None or past or parameters.verbose:
        rule = Rule(
            max_iterations=parameters.max_iter,
            accelerate=False,
            change=parameters.tol,
            may_fall=blur is not None,
            past=past,
            watch=narrator(parameters.verbose, parameters.verbose_interval) if parameters.verbose else None,
        )
    structure = as_structure(parameters.covariance_type).in_columns(source.n_features)
    plan = SearchPlan([parameters.n_components], [structure], start, rule, blur, effort=0.0)
    return search(source, plan, np.random.default_rng())


@dataclass(frozen=True, eq=False)
class Blur(Prior):
    """`reg_covar`: the M-step treats every row as a small cloud with these variances ``(D,)``.

    It is not the density of a prior, so the log-likelihood may fall from one iteration to the next.
    """

    variances: Array

    @property
    def constant(self) -> bool:
        return False

    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        (k, d), form = statistics.mean.shape, statistics.form
        mass = np.broadcast_to(statistics.mass[:, None], (k, d))
        cloud = form.scatter(mass, np.broadcast_to(np.diag(np.sqrt(self.variances)), (k, d, d)))
        nothing = SufficientStatistics.none(form, k, Reference.none(form, d))
        return replace(nothing, mean=statistics.mean, scatter=cloud)

    def log_density(
        self, weights: Array, mixture: Components, statistics: SufficientStatistics, structure: Structure
    ) -> float:
        return 0.0


@dataclass(frozen=True)
class Rule(StoppingRule):
    """scikit-learn's stopping rule if `change` is given, which compares the two iterations before; else gmix's."""

    change: float | None = None  # of the mean log-likelihood per row
    may_fall: bool = False  # the log-likelihood, from one iteration to the next, as with `reg_covar`
    past: tuple[float, ...] = ()  # mean log-likelihoods up to a warm start
    watch: Callable[[Sequence[float], float, Reason | None], None] | None = None

    @property
    def monotone(self) -> bool:
        return not self.may_fall

    def judge(self, history: Sequence[float], total_weight: float, at_rest: bool, remaining: float) -> Reason | None:
        reason = self._judge(history, total_weight, at_rest)
        if self.watch is not None:
            self.watch(history, total_weight, reason)
        return reason

    def _judge(self, history: Sequence[float], total_weight: float, at_rest: bool) -> Reason | None:
        if len(history) > 1:
            reached = [value / total_weight for value in history]
            if self.past and math.isclose(reached[0], self.past[-1], rel_tol=1e-9):  # the rows are the same
                reached = [*self.past[:-1], *reached]
            steps = np.abs(np.diff(reached[-3:]))  # with `reg_covar` a step may be negative
            if self.change is not None:
                if len(steps) > 1 and steps[0] < self.change:
                    return Reason.CONVERGED
            else:
                rising = reached[-1] - np.append(np.cumsum(steps[::-1])[::-1], 0.0)
                remaining = remaining_gain(rising.tolist(), self.rounding(reached[-1]))
                if reason := StoppingRule(self.tolerance, len(reached)).judge(reached, 1.0, at_rest, remaining):
                    return reason
        return Reason.ITERATION_LIMIT if len(history) > self.max_iterations else None


def narrator(verbose: int, interval: int) -> Callable[[Sequence[float], float, Reason | None], None]:
    """A function that prints the progress of EM runs, in scikit-learn's words."""
    began, number = time.perf_counter(), -1

    def watch(history: Sequence[float], total_weight: float, reason: Reason | None) -> None:
        nonlocal number
        step = len(history) - 1
        number += step == 0
        if step and step % interval == 0:
            gain = (history[-1] - history[-2]) / total_weight
            detail = f"\t time lapse {time.perf_counter() - began:.5f}s\t ll change {gain:.5f}" if verbose > 1 else ""
            print(f"  Iteration {step}{detail}")
        if reason:
            print(f"Initialization {number} {'converged' if reason.converged else 'did not converge'}.")

    return watch
