"""What a search reports to the meter of a fit: its stages, its candidates, and how much work they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gmix.base.progress import Meter
from gmix.base.wording import count
from gmix.base.workload import Task
from gmix.fitting.refinement import Effort
from gmix.fitting.trials import work
from gmix.model.covariance import Structure
from gmix.model.student import AnyMixture
from gmix.sources import Source

__all__ = ["SearchProgress"]

_EXPECTED = 0.5  # of the largest amount of work that a search for better optima may do
_LEAST = 0.02  # of that work must be done before its end is estimated


class SearchProgress:
    """Reports a search to a meter; to None, nothing.

    Parameters
    ----------
    meter : what the progress is reported to.
    n_rows : the number of rows of the table; a search on fewer is a stage on a sub-sample.

    Attributes
    ----------
    n_stages : the number of searches, on sub-samples and on all rows.
    """

    def __init__(
        self, meter: Meter | None = None, n_rows: int = 0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._meter, self._n_rows, self._clock = meter, n_rows, clock
        self.n_stages, self._stage, self._is_complete = 1, 0, True
        self._further, self._began, self._spent = np.nan, 0.0, 0.0

    def begin(
        self, candidates: Sequence[tuple[Structure, int]], source: Source, n_improved: int, effort: float
    ) -> None:
        """Begin a stage: a search over these candidates on the rows of a source.

        A search for better optima on `n_improved` rows may follow, with as much work as `effort` default searches for
        one candidate. The expected work is that of a candidate of average size; it is known when the best one is.
        """
        n_rows, d = source.n_rows, source.n_features
        self._stage, self._is_complete = self._stage + 1, n_rows >= self._n_rows
        self._further, self._spent = np.nan, 0.0
        if self._meter is None:
            return
        tasks: dict[Any, Task] = {
            (structure, k): Task(structure.code, _cost(structure, k, n_rows, d)) for structure, k in candidates
        }
        text = f"stage {self._stage} of {self.n_stages} ({count(n_rows, 'row')})" if self.n_stages > 1 else ""
        structure, k = candidates[len(candidates) // 2]
        further = effort * work(n_improved, k, structure.n_parameters(k, d), d) if n_improved else 0.0
        self._meter.begin_stage(tasks, "candidate", text, _EXPECTED * further * 1e-9)

    def begin_candidate(self, structure: Structure, n_components: int) -> None:
        """Begin a candidate of the stage."""
        if self._meter is not None:
            self._meter.begin_task((structure, n_components), _named(structure, n_components))

    def resume_candidate(self, structure: Structure, n_components: int) -> None:
        """Go on with a candidate on all rows, after the search for better optima on some of them."""
        if self._meter is not None:
            self._meter.resume_task(_named(structure, n_components))

    def end_candidate(self) -> None:
        """End the candidate that is under way."""
        if self._meter is not None:
            self._meter.end_task(call=not self._is_complete)

    def improve(self, mixture: AnyMixture, effort: Effort) -> None:
        """Begin to look for better optima of a candidate, with the work that this effort allows."""
        if self._meter is None:
            return
        meter, text = self._meter, f"better optima of {_named(mixture.structure, mixture.n_components)}"
        before = effort.spent

        def spent() -> None:
            nonlocal before
            self._spent, before = self._spent + effort.spent - before, effort.spent
            left = self._further - self._spent
            known = self._spent > _LEAST * self._further and left > 0.0
            rate = (self._clock() - self._began) / self._spent if known else np.nan
            meter.improve(text, rate * left)

        effort.watch = spent
        spent()

    def end_candidates(self, further: float) -> None:
        """End the part of the stage that fits the candidates; a search for better optima may do `further` work."""
        self._further, self._began, self._spent = further, self._clock(), 0.0
        if self._meter is not None:
            self._meter.finish_tasks()


def _named(structure: Structure, n_components: int) -> str:
    return f"{structure.code} with {count(n_components, 'component')}"


def _cost(structure: Structure, n_components: int, n_rows: int, n_features: int) -> float:
    """The estimated work of fitting a candidate, in any unit: operations of a step, times the expected steps."""
    per_row = 2.0 * n_features if structure.form.axis_aligned else 0.5 * n_features * (n_features + 1.0)
    return n_rows * n_components * (per_row + 10.0) * _steps(n_components)


def _steps(n_components: int) -> float:
    """The steps of all runs of a candidate, in units of those of many components: one component needs few."""
    return (n_components - 0.7) / (n_components + 2.0)
