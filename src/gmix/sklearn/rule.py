"""EM as scikit-learn runs it: its stopping rule, its ridge and its messages, and the search that follows them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gmix.base.blas import one_blas_thread
from gmix.fitting.candidates import Search
from gmix.fitting.search import search
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.start import Start
from gmix.model.blur import Blur
from gmix.model.covariance import structure as as_structure
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource

__all__ = ["run_search"]

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
    as_there = parameters.tol is not None or blur is not None  # EM without extrapolations, as in scikit-learn
    settings: dict[str, Any] = {
        "max_iterations": parameters.max_iter,
        "accelerate": not (as_there or past or parameters.verbose),
        "change": parameters.tol,
        "monotone": blur is None,
    }
    watch = narrator(parameters.verbose, parameters.verbose_interval) if parameters.verbose else None
    rule = Rule(**settings, past=past, watch=watch) if past or watch else StoppingRule(**settings)
    structure = as_structure(parameters.covariance_type).in_columns(source.n_features)
    plan = SearchPlan([parameters.n_components], [structure], start, rule, blur, effort=0.0)
    return search(source, plan, np.random.default_rng())


@dataclass(frozen=True)
class Rule(StoppingRule):
    """A rule that also counts the iterations before a warm start, and reports progress.

    Attributes
    ----------
    past : the mean log-likelihoods of the iterations up to a warm start.
    watch : is called with the log-likelihoods, the total weight and the decision after every iteration.
    """

    past: tuple[float, ...] = ()
    watch: Callable[[Sequence[float], float, Reason | None], None] | None = None

    def judge(self, history: Sequence[float], total_weight: float, at_rest: bool, remaining: float) -> Reason | None:
        """The reason of a plain rule for all iterations, which ends no run before its first M-step."""
        reached = [value / total_weight for value in history]
        if self.past and math.isclose(reached[0], self.past[-1], rel_tol=1e-9):  # the rows are the same
            reached = [*self.past[:-1], *reached]
        plain = StoppingRule(self.tolerance, len(reached), change=self.change, monotone=self.monotone)
        reason = plain.judge(reached, 1.0, at_rest, plain.remaining(reached)) if len(history) > 1 else None
        if reason is None and len(history) > self.max_iterations:
            reason = Reason.ITERATION_LIMIT
        if self.watch is not None:
            self.watch(history, total_weight, reason)
        return reason


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
