"""Search: many starts, component counts and structures, and the criterion that chooses among what they reach."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmix.covariance import Structure
from gmix.criteria import aic, bic
from gmix.em import Run, Stop, expectation_maximization
from gmix.mixture import GaussianMixture
from gmix.priors import Prior
from gmix.sources import MemorySource, Source
from gmix.start import Start

__all__ = ["Candidate", "Search", "search"]

_ROWS = 10_000  # a short climb sees at most this many rows
_SHORT = Stop(tolerance=1e-3, max_iterations=30)
_FINALISTS = 2  # short climbs that are carried on to the end


@dataclass(frozen=True, eq=False)
class Candidate:
    """The best run of one structure with one number of components."""

    run: Run
    optima: tuple[float, ...]  # the objectives that all climbs of this candidate reached, best first
    collapsed: tuple[int, ...]
    seconds: float

    @property
    def structure(self) -> Structure:
        return self.run.mixture.structure

    @property
    def n_components(self) -> int:
        return self.run.mixture.n_components

    @property
    def log_likelihood(self) -> float:
        return self.run.statistics.log_likelihood

    @property
    def bic(self) -> float:
        return bic(self.log_likelihood, self.run.mixture.n_parameters, float(self.run.statistics.mass.sum()))

    @property
    def aic(self) -> float:
        return aic(self.log_likelihood, self.run.mixture.n_parameters)


@dataclass(frozen=True, eq=False)
class Search:
    """Every candidate that was tried, and the one that BIC chose.

    A candidate with a collapsed component is chosen only if there is no other: its likelihood is an accident.
    """

    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate:
        return min(self.candidates, key=lambda c: (bool(c.collapsed), c.bic))

    def table(self) -> list[dict[str, Any]]:
        """One row a candidate: structure, components, log-likelihood, parameters, criteria, seconds, reason."""
        return [
            {
                "structure": c.structure.code,
                "components": c.n_components,
                "log_likelihood": c.log_likelihood,
                "parameters": c.run.mixture.n_parameters,
                "bic": c.bic,
                "aic": c.aic,
                "collapsed": bool(c.collapsed),
                "seconds": c.seconds,
                "reason": c.run.reason.name.lower(),
            }
            for c in self.candidates
        ]


def search(
    source: Source,
    components: Sequence[int],
    structures: Sequence[Structure],
    start: Start,
    stop: Stop,
    prior: Prior | None,
    rng: np.random.Generator,
    watch: Callable[[Sequence[Any]], None] | None = None,
) -> Search:
    """Climb from every start of every structure and count, and keep the best of each."""
    candidates = []
    for structure in structures:
        for n_components in components:
            began = time.perf_counter()
            first = start.mixtures(source, n_components, structure, prior, rng)
            if len(first) > 1:
                first = _finalists(source, first, prior, rng)
            runs = expectation_maximization(first, source.expect, stop, prior, watch)
            collapsed = [run.mixture.collapsed(run.statistics) for run in runs]
            best = min(range(len(runs)), key=lambda i: (bool(collapsed[i]), -runs[i].objective))
            optima = tuple(sorted((run.objective for run in runs), reverse=True))
            candidates.append(Candidate(runs[best], optima, tuple(collapsed[best]), time.perf_counter() - began))
    return Search(tuple(candidates))


def _finalists(
    source: Source, mixtures: list[GaussianMixture], prior: Prior | None, rng: np.random.Generator
) -> list[GaussianMixture]:
    """The best of several starts, judged by short climbs on a sub-sample (emEM: Biernacki, Celeux & Govaert 2003)."""
    sample = source
    if source.n_rows > _ROWS:
        rows, weight = source.rows(_ROWS, rng)
        sample = MemorySource(rows, sample_weight=weight, columns=list(source.features) if source.features else None)
    runs = expectation_maximization(mixtures, sample.expect, _SHORT, prior)
    ranked = sorted(runs, key=lambda run: (bool(run.mixture.collapsed(run.statistics)), -run.objective))
    finalists: list[Run] = []
    for run in ranked:
        # Two climbs within a thousandth of a nat a row are on their way to one top.
        near = 1e-3 * float(run.statistics.mass.sum())
        if len(finalists) < _FINALISTS and all(abs(run.objective - other.objective) > near for other in finalists):
            finalists.append(run)
    return [run.mixture for run in finalists]
