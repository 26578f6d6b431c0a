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
from gmix.fitting.search import Search, search
from gmix.fitting.start import Start
from gmix.fitting.stop import Pace, Reason, Stop
from gmix.model.covariance import Structure, in_columns, structure as as_structure
from gmix.model.kernel import Components
from gmix.model.priors import Prior
from gmix.model.statistics import Evidence, SufficientStatistics
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
    """Run EM from the start; `past` are the mean log-likelihoods up to a warm start."""
    blur = Blur(ridge) if ridge.any() else None
    stop = Stop(max_iterations=parameters.max_iter)  # in the plain case the loop itself is compiled
    if parameters.tol is not None or blur is not None or past or parameters.verbose:
        stop = Rule(
            max_iterations=parameters.max_iter, leaps=False, change=parameters.tol, monotone=blur is None, past=past
        )
    structure = in_columns(as_structure(parameters.covariance_type), source.n_features)
    unused = np.random.default_rng()
    watch = narrator(parameters.verbose, parameters.verbose_interval) if parameters.verbose else None
    return search(source, [parameters.n_components], [structure], start, stop, blur, unused, watch)


@dataclass(frozen=True, eq=False)
class Blur(Prior):
    """`reg_covar`: every row is taken for a small cloud with these variances ``(D,)``, but only by the M-step.

    No density stands behind it: the likelihood may fall, and so may any other objective.
    """

    variances: Array

    @property
    def constant(self) -> bool:
        return False

    def unseen(self, statistics: SufficientStatistics, structure: Structure) -> Evidence:
        (k, d), nothing = statistics.mean.shape, np.zeros(statistics.n_components)
        mass = np.broadcast_to(statistics.mass[:, None], (k, d))
        cloud = statistics.form.scatter(mass, np.broadcast_to(np.diag(np.sqrt(self.variances)), (k, d, d)))
        return Evidence(statistics.form, nothing, nothing, statistics.mean, cloud, nothing)

    def log_density(
        self, weights: Array, mixture: Components, statistics: SufficientStatistics, structure: Structure
    ) -> float:
        return 0.0


@dataclass(frozen=True)
class Rule(Stop):
    """scikit-learn's rule where `change` is given (it looks one step back, as it does there), else gmix's."""

    change: float | None = None  # of the mean log-likelihood per row
    monotone: bool = True
    past: tuple[float, ...] = ()  # mean log-likelihoods on the way to a warm start

    def reason(self, history: Sequence[float], mass: float, still: Callable[[], bool], ahead: float) -> Reason | None:
        if len(history) > 1:
            way = [value / mass for value in history]
            if self.past and math.isclose(way[0], self.past[-1], rel_tol=1e-9):  # they are the same rows
                way = [*self.past[:-1], *way]
            steps = np.abs(np.diff(way[-3:]))  # under `reg_covar` a step may go down
            if self.change is not None:
                if len(steps) > 1 and steps[0] < self.change:
                    return Reason.CONVERGED
            else:
                pace, rising = Pace(leaps=False), way[-1] - np.append(np.cumsum(steps[::-1])[::-1], 0.0)
                ahead = [pace.step(float(step), self.rounding(way[-1])) for step in steps][-1]
                if reason := Stop(self.tolerance, len(way)).reason(rising.tolist(), 1.0, still, ahead):
                    return reason
        return Reason.ITERATION_LIMIT if len(history) > self.max_iterations else None

    def fell(self, before: float, after: float) -> bool:
        return self.monotone and super().fell(before, after)


def narrator(verbose: int, interval: int) -> Callable[[Sequence[Any]], None]:
    """Tell how the climbs get on, in scikit-learn's words."""
    began = time.perf_counter()

    def watch(climbs: Sequence[Any]) -> None:
        step = max(len(climb.history) for climb in climbs) - 1
        if step and step % interval == 0:
            gain = max((c.history[-1] - c.history[-2]) / c.statistics.mass.sum() for c in climbs if len(c.history) > 1)
            detail = f"\t time lapse {time.perf_counter() - began:.5f}s\t ll change {gain:.5f}" if verbose > 1 else ""
            print(f"  Iteration {step}{detail}")
        if all(climb.reason for climb in climbs):
            for number, climb in enumerate(climbs):
                print(f"Initialization {number} {'converged' if climb.reason.converged else 'did not converge'}.")

    return watch
