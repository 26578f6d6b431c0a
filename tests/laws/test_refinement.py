"""Moves between optima: what they promise, and that a search with them never ends lower than one without."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.demo import FAITHFUL
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.em import Run, run_em
from gmix.fitting.neighbors import grow, in_structure, merges, nearest
from gmix.fitting.refinement import Effort, Optima, Place, Refiner, allowance
from gmix.fitting.refinement.local import LocalTable
from gmix.fitting.refinement.optima import changed_rows
from gmix.fitting.refinement.proposals import Proposals
from gmix.fitting.refinement.refine import _certain, _exchanged
from gmix.model.covariance import STRUCTURES, VVV, Structure, structure
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.stopping import Round, StoppingRule
from gmix.sources import MemorySource

Array = NDArray[np.float64]
OLD_FAITHFUL = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)
BEST_OF_FAITHFUL = -1114.4406  # three components with free covariances; found by 13 of 100 single runs of EM


def clouds(seed: int, k: int = 6, n: int = 600) -> Array:
    """Rows of clusters that overlap a little."""
    rng = np.random.default_rng(seed)
    shapes = rng.normal(scale=0.5, size=(k, 2, 2)) + np.eye(2)
    means = rng.uniform(-8.0, 8.0, size=(k, 2))
    which = rng.integers(k, size=n)
    return np.asarray(means[which] + np.einsum("nij,nj->ni", shapes[which], rng.normal(size=(n, 2))))


def poor_run(x: Array, k: int, seed: int, of: Structure = VVV, prior: Prior | None = None) -> tuple[MemorySource, Run]:
    """EM from components at random rows, which usually ends at a poor optimum."""
    source = MemorySource(x)
    means = x[np.random.default_rng(seed).choice(len(x), k, replace=False)]
    spread = np.tile(np.cov(x.T), (k, 1, 1))
    start = nearest(GaussianMixture(np.full(k, 1.0 / k), means, spread), of)
    [run] = run_em(source, [start], StoppingRule(1e-7), prior)
    return source, run


def refined(source: MemorySource, run: Run, seed: int, prior: Prior | None = None) -> list[Place]:
    refiner = Refiner(source, StoppingRule(1e-7), prior, np.random.default_rng(seed), Effort(1e12))
    return list(refiner.moves(run))


@pytest.mark.parametrize("seed", range(8))
def test_moves_from_a_poor_optimum_of_old_faithful_lead_to_the_best(seed: int) -> None:
    source, run = poor_run(OLD_FAITHFUL, 3, seed)
    places = refined(source, run, seed)
    assert places[-1].run.objective == pytest.approx(BEST_OF_FAITHFUL, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_an_exchange_gains_at_least_what_its_components_gain(seed: int, weighted: bool) -> None:
    x = clouds(seed, 12, 1_200)
    weight = np.random.default_rng(seed).uniform(0.5, 2.0, len(x)) if weighted else None
    source = MemorySource(x, sample_weight=weight)
    left = x[np.argsort(x[:, 0])[:12]]  # all components begin on one side, and too many stay there
    start = GaussianMixture(np.full(12, 1.0 / 12), left, np.tile(np.cov(x.T), (12, 1, 1)))
    [run] = run_em(source, [start], StoppingRule(1e-9))
    place = Place(run, Proposals(LocalTable(source, Effort(1e12)), run.mixture, np.random.default_rng(seed)))
    exchanges = _certain(place)
    promised = sum(exchange.gain for exchange in exchanges)
    assert promised > 10.0
    [end] = run_em(source, [_exchanged(place.proposals, exchanges)], StoppingRule(1e-7))
    # Rows of which a component has less than a hundredth are left out of the bound.
    assert end.objective - run.objective > promised - 0.001 * len(x)


@pytest.mark.parametrize("of", STRUCTURES, ids=str)
@pytest.mark.parametrize("prior", [None, gmix.NormalInverseWishart()], ids=["likelihood", "prior"])
def test_every_move_is_to_a_better_optimum(of: Structure, prior: Prior | None) -> None:
    x = clouds(1, 5, 300)
    source, run = poor_run(x, 5, 3, of, prior)
    if run.collapsed:
        pytest.skip("the run from random rows collapses")
    places = refined(source, run, 0, prior)
    assert places[0].run is run
    for before, after in pairwise(places):
        assert after.key < before.key
        assert len(after.spurious) <= len(before.spurious)
        if len(after.spurious) == len(before.spurious):
            assert after.run.objective > before.run.objective
    for place in places:
        assert place.run.mixture.structure is of
        [statistics] = gmix.expect(x, [place.run.mixture])
        assert statistics.log_likelihood == pytest.approx(place.run.statistics.log_likelihood, rel=1e-10)


@pytest.mark.parametrize("of", ["EII", "VVI", "EEE", "VEV", "VVV"])
def test_more_effort_never_ends_lower(of: str) -> None:
    x = clouds(2, 7)
    for seed in range(2):
        fits = [gmix.fit(x, 6, covariance=of, rng=seed, effort=effort) for effort in (0, 1, 3)]
        objectives = [fit.log_likelihood for fit in fits]
        assert objectives == sorted(objectives)
        assert fits[0].optima is None
        assert fits[1].optima is not None
        assert fits[1].optima.found[0].objective == pytest.approx(fits[1].log_likelihood, abs=0.05)


def test_a_search_is_the_same_for_any_number_of_threads() -> None:
    x = clouds(4, 7, 6_000)
    one, two = (gmix.fit(x, 7, covariance="VVV", rng=0, threads=threads) for threads in (1, 2))
    assert one.log_likelihood == two.log_likelihood
    assert (one.mixture.means == two.mixture.means).all()
    assert one.optima == two.optima


def test_no_move_is_made_after_the_deadline_or_without_work() -> None:
    source, run = poor_run(OLD_FAITHFUL, 3, 0)
    for effort in (Effort(0.0), Effort(1e12, time.monotonic())):
        refiner = Refiner(source, StoppingRule(), None, np.random.default_rng(0), effort)
        assert [place.run for place in refiner.moves(run)] == [run]


@pytest.mark.parametrize("components", [3, range(1, 4)], ids=["one candidate", "several"])
def test_a_search_that_time_cuts_short_says_so(components: int | range) -> None:
    fit = gmix.fit(OLD_FAITHFUL, components, covariance="VVV", rng=0, seconds=1e-9)
    assert "interrupted" in [finding.name for finding in fit.findings]
    assert np.isfinite(fit.log_likelihood)


def test_effort_counts_steps_of_all_rows() -> None:
    effort = Effort(1e9)
    effort.spend(10, 1_000, 5, 40)
    assert effort.spent == pytest.approx(10 * Effort.step(1_000, 5, 40) + 1e5)  # and what a call takes
    assert effort.left == 1e9 - effort.spent


def test_optima_that_differ_by_chance_alone_are_one() -> None:
    assert allowance(4) == 0.05
    assert allowance(100) == 0.5
    optima = Optima.of_objectives([-10.0, -10.3, -11.0, -10.0], 100, 50.0)
    assert [(optimum.objective, optimum.times) for optimum in optima.found] == [(-10.0, 3), (-11.0, 1)]
    assert optima.trials == 4


def test_the_order_of_components_changes_no_row() -> None:
    mixture = gmix.fit(OLD_FAITHFUL, 3, rng=0, covariance="VVV").mixture
    assert changed_rows(mixture, mixture.reordered([2, 0, 1]), OLD_FAITHFUL) == 0.0
    assert changed_rows(mixture, gmix.fit(OLD_FAITHFUL, 3, rng=0, covariance="EII").mixture, OLD_FAITHFUL) > 0.1


def test_rows_share_a_distinct_row() -> None:
    x = np.array([[1.0], [2.0], [1.0], [1.0], [5.0]])
    np.testing.assert_allclose(DistinctRows.of(x).shares, [1 / 3, 1.0, 1 / 3, 1 / 3, 1.0])
    light = DistinctRows.of(x, np.array([1.0, 2.0, 1.0, 2.0, 1e-9]))
    np.testing.assert_allclose(light.shares, [0.25, 1.0, 0.25, 0.5, 5e-10])


@pytest.mark.parametrize("of", ["VVV", "EEE", "VII", "VEV"])
def test_a_component_that_was_duplicated_is_merged_again(of: str) -> None:
    mixture = gmix.fit(OLD_FAITHFUL, 3, covariance=of, rng=0).mixture
    merged = merges(grow(mixture, 4), 1)[0]
    np.testing.assert_allclose(merged.log_density(OLD_FAITHFUL), mixture.log_density(OLD_FAITHFUL), rtol=1e-9)


def test_the_nearest_mixture_of_a_structure_that_holds_it_is_the_same() -> None:
    mixture = gmix.fit(OLD_FAITHFUL, 3, covariance="VEV", rng=0).mixture
    same = nearest(mixture, structure("VEV"))
    np.testing.assert_allclose(same.covariances, mixture.covariances, rtol=1e-6)


@pytest.mark.parametrize("of", STRUCTURES, ids=str)
@pytest.mark.parametrize("width", [1e-12, 1e-20, 1e-30])
def test_nearly_singular_components_can_be_merged(of: Structure, width: float) -> None:
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2.0)
    flat = turn @ np.diag([1.0, width]) @ turn.T
    start = grow(gmix.fit(OLD_FAITHFUL, 3, covariance="VVV", rng=0, effort=0).mixture, 4)
    dense = start.covariances.copy()
    dense[:2] = flat
    mixture = in_structure(start.weights, start.means, dense, of, None)
    for merged in [*merges(mixture, 6), nearest(mixture, of)]:
        assert np.isfinite(merged.log_density(OLD_FAITHFUL)).all()


def test_the_steps_of_a_race_are_those_of_each_round_for_the_runs_that_are_left_and_of_the_ends() -> None:
    race = (Round(StoppingRule(0.0, 8), 3), Round(StoppingRule(0.0, 25), 1))
    assert Effort.steps([range(4)], 10, race) == 10 * 8 + 3 * (25 - 8) + 4
    assert Effort.steps([range(4), range(6)], 2, ()) == 10


def test_work_grows_with_rows_parameters_and_components() -> None:
    step = Effort.step(100.0, 3, 12)
    assert Effort.step(200.0, 3, 12) == pytest.approx(2.0 * step)
    assert Effort.step(100.0, 3, 24) > step
    assert Effort.step(100.0, 6, 12) > step
    sound, slow = Effort(1e9), Effort(1e9, slow=True)
    for effort in (sound, slow):
        effort.spend(4, 1e6, 3, 12)
    assert sound.spent > Effort.step(4e6, 3, 12)
    assert slow.spent > 2.0 * sound.spent
    assert sound.left == pytest.approx(1e9 - sound.spent)
