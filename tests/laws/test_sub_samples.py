"""Sub-samples of a large table leave out no candidate that wins on all rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture
from gmix.fitting import narrowing
from gmix.fitting.candidates import Candidate, Search
from gmix.fitting.em import Run
from gmix.fitting.neighbors import grow, release
from gmix.fitting.search_plan import SearchPlan
from gmix.fitting.start import KMeansPlusPlus, WarmStart
from gmix.model.covariance import EEE, EII, VII, VVI, VVV
from gmix.model.criteria import CRITERIA, criterion, penalized
from gmix.model.gaussian_model import GaussianModel
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource

Array = NDArray[np.float64]
SETTINGS: dict[str, Any] = {"covariance": ["EII", "VII", "VVI", "VEE", "VVV"], "rng": 0}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """6,000 rows are many, and 1,000 and 3,000 of them are compared first."""
    monkeypatch.setattr(narrowing, "LARGE", 5_000)
    monkeypatch.setattr(narrowing, "_STAGES", (1_000, 3_000))


def cluster(seed: int, code: str) -> Array:
    """6,000 rows of two to four components of a structure."""
    rng = np.random.default_rng(seed)
    k = 2 + seed
    turns = [a @ a.T + 0.3 * np.eye(3) for a in rng.normal(size=(k, 3, 3))]
    sizes = rng.uniform(0.3, 3.0, k)
    dense = {"VVV": turns, "VEE": [s * turns[0] for s in sizes], "VII": [s * np.eye(3) for s in sizes]}[code]
    return GaussianMixture(rng.dirichlet(np.full(k, 5.0)), 4.0 * rng.normal(size=(k, 3)), dense).sample(6_000, rng=seed)


def on_all_rows(x: Array, components: range, monkeypatch: pytest.MonkeyPatch) -> gmix.Fit:
    with monkeypatch.context() as patch:
        patch.setattr(narrowing, "LARGE", len(x))
        return gmix.fit(x, components, **SETTINGS)


@pytest.mark.parametrize(("seed", "code"), [(0, "VVV"), (2, "VEE"), (2, "VII"), (2, "VVV")])
def test_the_choice_is_that_among_all_candidates_on_all_rows(
    seed: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = cluster(seed, code)
    whole, fit = on_all_rows(x, range(1, 7), monkeypatch), gmix.fit(x, range(1, 7), **SETTINGS)
    assert whole.search is not None
    assert fit.search is not None
    assert (fit.mixture.structure, fit.mixture.n_components) == (whole.mixture.structure, whole.mixture.n_components)
    assert fit.bic == pytest.approx(whole.bic, abs=0.1)  # on many rows a climb leaves so much to chance
    assert (whole.search.left_out, len(whole.search.candidates)) == (0, 30)
    assert fit.search.left_out > 20
    assert fit.search.left_out + len(fit.search.candidates) == 30


@pytest.mark.parametrize("seed", range(3))
def test_where_more_rows_are_worth_more_components_the_winner_is_not_left_out(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_t(4, (6_000, 3)) @ rng.normal(size=(3, 3))
    best = on_all_rows(x, range(1, 7), monkeypatch).mixture
    source = MemorySource(x)
    structures = [VII, VVI, VVV]
    plan = SearchPlan(range(1, 7), structures, KMeansPlusPlus(), StoppingRule(), None, "bic")
    able = narrowing.narrowed(source, plan, np.random.default_rng(0))
    candidates, start = able.plan.candidates, able.plan.start
    assert (best.structure, best.n_components) in candidates
    assert able.left_out == 18 - len(candidates) > 9
    assert isinstance(start, WarmStart)
    assert set(start.mixture_of) == set(candidates)
    assert f"the 18 candidates were compared on sub-samples of 1,000 and 3,000 of 6,000 rows, and {able.left_out} " in (
        able.finding.message
    )


def test_a_stage_judges_by_as_many_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(12_000.0).reshape(6_000, 2)
    weight = 1.0 + x[:, 0] / 2.0
    few, many = narrowing._stages(MemorySource(x, sample_weight=weight), np.random.default_rng(0))
    for stage, size in ((few, 1_000), (many, 3_000)):
        fitted, held_out = stage
        assert (fitted.n_rows, held_out.n_rows) == (size, size)
        assert not set(fitted.array[:, 0]) & set(held_out.array[:, 0])
        for part in stage:
            assert part.weight is not None
            np.testing.assert_array_equal(part.weight, 1.0 + part.array[:, 0] / 2.0)
    monkeypatch.setattr(narrowing, "_NUMBERS", 2 * 4_000)  # numbers, of two columns
    assert [stage.fitted.n_rows for stage in narrowing._stages(MemorySource(x), np.random.default_rng(0))] == [1_000]
    monkeypatch.setattr(narrowing, "_NUMBERS", 2 * 900)
    assert [stage.fitted.n_rows for stage in narrowing._stages(MemorySource(x), np.random.default_rng(0))] == [450]


def test_the_error_of_a_difference_of_means_is_found_row_by_row() -> None:
    one = narrowing._Terms(np.array([1.0, 2.0, 6.0], np.float32), np.full(3, 1 / 3))
    other = narrowing._Terms(np.array([0.0, 2.0, 2.0], np.float32), np.full(3, 1 / 3))
    assert one.mean == pytest.approx(3.0)
    differences = np.array([1.0, 0.0, 4.0])
    assert one.error_of_difference(other) == pytest.approx(differences.std() / np.sqrt(3.0), rel=1e-14)
    assert one.error_of_difference(one) == 0.0
    weighted = narrowing._Terms(one.values, np.array([0.5, 0.5, 0.0])), narrowing._Terms(other.values, np.ones(3) / 2)
    assert weighted[0].mean == 1.5
    assert weighted[0].error_of_difference(weighted[1]) == pytest.approx(np.sqrt(0.5**2 * 2 * 0.5**2), rel=1e-14)


@pytest.mark.parametrize("name", CRITERIA)
def test_estimate_and_penalty_are_the_criterion_of_the_rows(name: str) -> None:
    x = cluster(1, "VVV")
    fit = gmix.fit(x, 3, covariance="VVV", rng=0)
    run = Run(GaussianModel(fit.mixture), fit.statistics, fit.history, fit.reason)
    source = MemorySource(x, sample_weight=np.full(len(x), 2.0))
    stage = narrowing._Stage(source, MemorySource(x[:100]))
    fitted, _ = narrowing._terms(Candidate(run, (), (), 0.0), stage, name)
    mass = 2.0 * len(x)
    assert narrowing._mean_weight(source) == 2.0
    [statistics] = source.expect([fit.mixture.components])
    whole = mass * fitted.mean + penalized(name, 0.0, fit.n_parameters, mass)
    assert whole == pytest.approx(criterion(name, fit.mixture, statistics), rel=1e-7)


def candidate(source: MemorySource, mixture: GaussianMixture) -> Candidate:
    [statistics] = source.expect([mixture.components])
    return Candidate(
        Run(GaussianModel(mixture), statistics, (statistics.log_likelihood,), Reason.CONVERGED), (), (), 0.0
    )


@pytest.mark.parametrize("weight", [None, 0.5])
def test_a_candidate_that_is_still_where_a_poorer_one_is_may_win_where_that_one_may(weight: float | None) -> None:
    """It has the same density for every row, so the error of the difference is zero: it tells nothing."""
    x = cluster(1, "VII")
    source = MemorySource(x, sample_weight=None if weight is None else np.full(len(x), weight))
    stage = narrowing._stages(source, np.random.default_rng(0))[-1]
    fits = [gmix.fit(stage.fitted.array, k, covariance=VII, rng=0).mixture for k in (1, 3)]
    one, best = (candidate(stage.fitted, mixture) for mixture in fits)
    worse = candidate(
        stage.fitted, GaussianMixture(best.run.mixture.weights, best.run.mixture.means + 0.2, [np.eye(3)] * 3, EII)
    )
    still = [candidate(stage.fitted, m) for m in (grow(fits[1], 4), release(fits[1], VVI), release(fits[0], VVI))]
    found = Search((*still, worse, one, best))
    assert narrowing._kept(found, stage, source, "bic") == [
        best,
        *sorted(still[:2], key=lambda c: c.run.mixture.n_parameters),
    ]


def test_a_gain_below_a_tenth_of_what_chance_alone_gains_is_none() -> None:
    x = cluster(0, "VII")
    mixture = gmix.fit(x, 2, covariance=VII, rng=0).mixture
    source = MemorySource(x)
    poorer, richer = candidate(source, mixture), candidate(source, grow(mixture, 3))  # five parameters more

    def gaining(twice: float) -> Candidate:
        run, statistics = richer.run, poorer.run.statistics
        reached = statistics.log_likelihood + twice / 2.0
        return replace(richer, run=replace(run, statistics=replace(run.statistics, log_likelihood=reached)))

    assert narrowing._gains_nothing(gaining(0.49), poorer, 1.0)
    assert not narrowing._gains_nothing(gaining(0.51), poorer, 1.0)
    assert narrowing._gains_nothing(gaining(0.98), poorer, 2.0)
    assert not narrowing._gains_nothing(poorer, richer, 1.0)  # fewer components
    assert not narrowing._gains_nothing(candidate(source, release(mixture, EEE)), candidate(source, mixture), 1.0)


def test_a_candidate_that_is_set_aside_on_a_sub_sample_is_left_out_unless_there_is_no_other() -> None:
    source = MemorySource(cluster(1, "VII"))
    stage = narrowing._stages(source, np.random.default_rng(0))[-1]
    fits = [gmix.fit(stage.fitted.array, k, covariance=VII, rng=0).mixture for k in (1, 3)]
    one, three = (candidate(stage.fitted, mixture) for mixture in fits)
    aside = replace(three, unsupported=(1,))
    assert narrowing._kept(Search((one, three)), stage, source, "bic") == [three]
    assert narrowing._kept(Search((one, aside)), stage, source, "bic") == [one]
    assert narrowing._kept(Search((aside,)), stage, source, "bic") == [aside]
    assert narrowing._kept(Search((one, aside), lenient=True), stage, source, "bic") == [aside]
