"""Large tables: which candidates sub-samples leave out, and how starts race."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.fitting import narrowing
from gmix.fitting.candidates import Candidate
from gmix.fitting.poorer import starts
from gmix.fitting.schedule import Schedule, race_rows
from gmix.fitting.search import search
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.start import KMeansPlusPlus
from gmix.model.covariance import EII, STRUCTURES, VVI, VVV, Structure
from gmix.model.stopping import StoppingRule
from gmix.sources import MemorySource, as_source

Array = NDArray[np.float64]


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "sizes"),
    [
        (50_001, 1, [10_000]),
        (199_999, 1, [10_000]),
        (200_000, 1, [10_000, 100_000]),
        (200_000, 40, [10_000]),
        (60_000, 250, [8_000]),  # four million numbers in both parts
    ],
)
def test_how_large_the_sub_samples_are(n_rows: int, n_columns: int, sizes: list[int]) -> None:
    source = MemorySource(np.broadcast_to(np.arange(float(n_rows), dtype=np.float32)[:, None], (n_rows, n_columns)))
    stages = narrowing._stages(source, np.random.default_rng(0))
    assert [(stage.fitted.n_rows, stage.held_out.n_rows) for stage in stages] == [(size, size) for size in sizes]
    for stage in stages:
        assert not set(stage.fitted.array[:, 0]) & set(stage.held_out.array[:, 0])


def test_only_tables_of_more_than_50000_rows_are_sub_sampled() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50_001, 1))
    names = [
        [finding.name for finding in gmix.fit(table, [1, 2], covariance="V", rng=0).findings] for table in (x, x[:-1])
    ]
    assert names == [["sub-sample"], []]


@pytest.mark.parametrize(
    ("criterion", "n_rows", "gap", "seed"),  # tables on which every part of the rule decides about some candidate
    [("bic", 1500, 1.0, 0), ("bic", 700, 1.0, 1), ("aic", 1500, 1.0, 1), ("aicc", 700, 2.0, 0), ("icl", 9000, 2.5, 1)],
)
def test_a_candidate_is_left_out_if_it_is_worse_beyond_doubt(
    criterion: str, n_rows: int, gap: float, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrowing, "_STAGES", (1000,))
    rng = np.random.default_rng(seed)
    x = np.vstack([rng.normal(center, 1.0, size=(n_rows, 2)) for center in (0.0, gap, 2.0 * gap)])
    source = as_source(x)
    plan = SearchPlan([1, 2, 3, 4], [EII, VVI, VVV], KMeansPlusPlus(), StoppingRule(), None, criterion)
    kept = narrowing.narrowed(source, plan, np.random.default_rng(2))
    [stage] = narrowing._stages(source, again := np.random.default_rng(2))
    found = search(stage.fitted, plan, again)

    def terms(candidate: Candidate) -> list[Array]:
        """Minus twice the log density of each row, fitted and held out, with the entropy and the penalty."""
        mixture, n = candidate.run.mixture, len(x)
        p = mixture.n_parameters
        penalty = {"aic": 2 * p, "aicc": 2 * p + 2 * p * (p + 1) / (n - p - 1)}.get(criterion, p * np.log(n))
        parts = []
        for part in stage:
            r = mixture.responsibilities(part.array)
            entropy = -(r * np.log(np.maximum(r, 1e-300))).sum(1) if criterion == "icl" else 0.0
            parts.append(-2.0 * mixture.log_density(part.array) + 2.0 * entropy + penalty / n)
        return parts

    able = [c for c in found.candidates if not c.is_set_aside]
    best = min(able, key=lambda c: np.mean(terms(c)))
    expected = set()
    for candidate in able:
        differences = [mine - other for mine, other in zip(terms(candidate), terms(best), strict=True)]
        error = np.sqrt(sum(d.var() / len(d) for d in differences)) / 2.0
        beside = candidate.structure is best.structure and abs(candidate.n_components - best.n_components) == 1
        if np.mean(differences) <= 3.0 * error + 0.002 or beside:
            expected.add((candidate.structure, candidate.n_components))
    assert set(kept.plan.candidates) == expected
    assert 1 < len(expected) < 12
    assert kept.left_out == 12 - len(expected)


def test_structures_that_iterate_start_from_their_neighbors_alone() -> None:
    x = np.random.default_rng(0).normal(size=(200, 2)) + np.repeat([[0.0, 0.0], [5.0, 1.0]], 100, axis=0)
    found = gmix.fit(x, [1, 2], rng=0).search
    assert found is not None
    best = {(c.structure, c.n_components): c for c in found.candidates}
    seed = found.best.run.mixture
    for structure in STRUCTURES:
        own = structure.code in ("VII", "VVI", "EEE", "VVV")
        first, neighbors = starts(best, structure, 2, lambda *_: [seed])
        simpler = [s for s in STRUCTURES if s is not structure and structure.contains(s)]
        assert len(neighbors) == len(simpler) + 1  # and the best single component, twice
        splits = 1
        assert len(first) == len(neighbors) + (1 + splits if own or not simpler else 0)


def test_starts_race_as_the_page_says() -> None:
    def race(n_rows: int) -> tuple[list[int], list[float]]:
        source = MemorySource(np.zeros((n_rows, 2)) + np.arange(n_rows)[:, None])
        rounds = Schedule.of(EII, 2, source, source, StoppingRule()).rounds
        return [each.most for each in rounds], [each.rule.tolerance for each in rounds]

    assert race(10_000) == ([16, 6, 3], [0.0, 1e-2, 1e-3])  # 20,000 numbers
    assert race(9_999) == ([8, 4, 2], [0.0, 3e-3, 5e-4])


@pytest.mark.parametrize(
    ("structure", "components", "columns", "rows"),
    [(EII, 2, 2, 2_000), (VVV, 30, 2, 25 * 179), (VVV, 9, 10, 10_000), (VVV, 9, 50, 2 * 11_933)],
)
def test_how_many_rows_the_race_sees(structure: Structure, components: int, columns: int, rows: int) -> None:
    assert race_rows([1, components], [EII, structure], columns) == rows
