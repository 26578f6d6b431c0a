"""Births, merges and deletes: each raises the exact lower bound, and the number of components is that of the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import VariationalPrior
from gmix.fitting.variational.assignment import Assignment
from gmix.fitting.variational.growth import Growth
from gmix.fitting.variational.moves import Move, Moves, in_order
from gmix.fitting.variational.run import VariationalRun
from gmix.model.covariance import structure
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, StoppingRule
from gmix.model.variational import DirichletWeights, ParameterDistribution, VariationalModel
from gmix.sources import MemorySource

Array = NDArray[np.float64]
FORMS = ("full", "diag", "spherical")
WEIGHTS = ("dirichlet", "dirichlet process")
CENTERS = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0], [-9.0, 4.0]])
TRUE = gmix.GaussianMixture([0.3, 0.25, 0.2, 0.15, 0.1], CENTERS, [np.eye(2)] * 5)
ROWS = TRUE.sample(300, rng=0)
OPEN: dict[str, Any] = {
    "covariance": "full", "inference": "variational", "prior": VariationalPrior(weights="dirichlet process"), "rng": 0,
}  # fmt: skip


def prior_of(source: MemorySource, form: str, weights: str, k: int = 50) -> ParameterDistribution:
    kind = structure(form)
    return VariationalPrior(weights=weights).parameters(kind, k, source.reference(kind.form))


def begun(source: MemorySource, prior: ParameterDistribution, labels: NDArray[np.intp]) -> VariationalRun:
    """The run of one E-step from labels."""
    form, k = prior.structure.form, int(labels.max()) + 1
    statistics = SufficientStatistics.from_labels(form, source.points, labels, k, source.weight)
    model = VariationalModel.of_statistics(prior.of_first(k), in_order(prior, statistics.on(source.reference(form))))
    found = source.statistics(model.components())
    return VariationalRun(model, found, (model.objective(found),), Reason.ITERATION_LIMIT)


def grown(source: MemorySource, form: str = "full", weights: str = "dirichlet process", k: int = 1) -> VariationalRun:
    """Growth from k components at random."""
    prior = prior_of(source, form, weights)
    labels = np.random.default_rng(1).permutation(np.arange(source.n_rows) % k)
    growth = Growth(source, prior, None, StoppingRule(1e-9), np.random.default_rng(0), None)
    return growth.improved(begun(source, prior, labels), 1.0)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("k", [1, 2, 50])
def test_clusters_that_lie_apart_are_found_from_any_number_of_components(form: str, weights: str, k: int) -> None:
    run = grown(MemorySource(ROWS), form, weights, k)
    assert run.statistics.n_components == 5
    np.testing.assert_allclose(np.sort(run.statistics.counts), np.sort(np.bincount(nearest_center())), atol=1.0)
    assert run.reason.converged
    assert rises(run.history)


def rises(history: tuple[float, ...]) -> bool:
    """Whether no value is below the one before by more than rounding."""
    return bool((np.diff(history) >= -1e-11 * abs(history[-1])).all())


def nearest_center() -> NDArray[np.intp]:
    return np.argmin(((ROWS[:, None] - CENTERS) ** 2).sum(2), 1)


PARTITIONS: dict[str, Callable[[NDArray[np.intp]], NDArray[np.intp]]] = {
    "birth": lambda true: np.minimum(true, 3),  # two clusters in one component
    "merge": lambda true: np.where((true == 0) & (np.arange(300) % 2 == 0), 5, true),  # one cluster in two
    "delete": lambda true: np.where(np.arange(300) % 25 == 0, 5, true),  # a few rows of all clusters
}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", list(PARTITIONS))
def test_the_gain_of_a_move_is_exact_but_for_the_steps_after_it(kind: str, form: str, weights: str) -> None:
    source = MemorySource(ROWS)
    prior = prior_of(source, form, weights)
    run = begun(source, prior, PARTITIONS[kind](nearest_center()))
    components, threads = run.model.components(), None
    assignment = Assignment.of(source.everything, components, threads)
    moves = Moves(prior, run.statistics, assignment, np.random.default_rng(0), threads)
    k = run.statistics.n_components
    proposed = {"birth": moves.births(range(k)), "merge": moves.merges(), "delete": moves.deletes(components)}[kind]
    assert proposed
    for move in proposed:
        assert move.kind == kind
        assert move.made.counts.min() > 0.0
        after = collapsed_bound(prior, moves.after([move]), run, entropy_after(move, run, moves, assignment))
        before = collapsed_bound(prior, run.statistics, run, entropy(run))
        if kind != "delete":  # whose rows are taken over with small shares too
            assert after - before == pytest.approx(move.gain, rel=1e-2, abs=1.0)
        model = VariationalModel.of_statistics(prior.of_first(move.growth + k), in_order(prior, moves.after([move])))
        assert model.objective(source.statistics(model.components())) > run.bound + 0.9 * move.gain - 0.5


def entropy(run: VariationalRun) -> float:
    return run.statistics.log_likelihood - run.model.posterior.expected_log_likelihood(run.statistics)


def entropy_after(move: Move, run: VariationalRun, moves: Moves, assignment: Assignment) -> float:
    """The entropy of the responsibilities after a merge; of other moves, that before and what makes the gain exact."""
    if move.kind == "merge":
        return entropy(run) - assignment.lost_entropy(*move.removed)
    return entropy(run)


def collapsed_bound(
    prior: ParameterDistribution, statistics: SufficientStatistics, run: VariationalRun, entropy: float
) -> float:
    statistics = in_order(prior, statistics)
    model = VariationalModel.of_statistics(prior.of_first(statistics.n_components), statistics)
    return entropy + model.posterior.expected_log_likelihood(statistics) - model.divergence


@pytest.mark.parametrize("form", FORMS)
def test_components_without_rows_can_be_left_out_of_the_bound(form: str) -> None:
    source, true = MemorySource(ROWS), nearest_center()
    prior = prior_of(source, form, "dirichlet", 8)
    kind = structure(form)
    statistics = SufficientStatistics.from_labels(kind.form, ROWS, true, 8).on(source.reference(kind.form))
    every = VariationalModel.of_statistics(prior, statistics)
    some = VariationalModel.of_statistics(prior.of_first(5), statistics.reordered(np.arange(5)))
    assert some.divergence == pytest.approx(every.divergence, rel=1e-12)
    assert isinstance(some.posterior.weights, DirichletWeights)
    np.testing.assert_allclose(some.posterior.weights.expected_logs(), every.posterior.weights.expected_logs()[:5])


def test_with_a_dirichlet_process_the_rows_decide_how_many_components_there_are() -> None:
    fit = gmix.fit(ROWS, **OPEN)
    assert fit.posterior is not None
    assert fit.mixture.n_components == len(fit.posterior.occupied) == 5
    assert fit.posterior.counts.min() >= 0.5
    assert rises(fit.history)
    tied = gmix.fit(ROWS, **{**OPEN, "covariance": "tied", "effort": 0.0})
    assert tied.mixture.n_components >= 5  # the best of 1 to 9


def test_the_open_ended_fit_compares_structures() -> None:
    fit = gmix.fit(ROWS, **{**OPEN, "covariance": "auto"})
    assert fit.posterior is not None
    numbers = sorted((structure.code, k) for structure, k in fit.posterior.log_evidence)
    assert numbers == [*(("EEE", k) for k in range(1, 10)), *((code, 5) for code in ("VII", "VVI", "VVV"))]
    best = max(fit.posterior.log_evidence, key=lambda each: fit.posterior.log_evidence[each])  # type: ignore[union-attr]
    assert best == (fit.mixture.structure, fit.mixture.n_components)
    assert fit.mixture.n_components == 5


MANY = gmix.GaussianMixture(
    np.full(20, 0.05), 12.0 * np.random.default_rng(4).normal(size=(20, 4)), [np.eye(4)] * 20
).sample(6000, rng=2)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_large_table_with_many_components_has_as_many_as_the_rows_need(weights: str) -> None:
    prior = VariationalPrior(weights=weights)
    fit = gmix.fit(MANY, 40, **{**OPEN, "prior": prior})
    assert fit.posterior is not None
    assert fit.mixture.n_components == 40
    assert len(fit.posterior.occupied) == 20
    if weights == "dirichlet process":
        assert (np.diff(fit.posterior.counts) < 0.5).all()  # components of many rows come first
    changed = [finding.message for finding in fit.findings if finding.name == "components changed"]
    assert changed
    assert "divided" in changed[0]
    assert rises(fit.history)
    few = gmix.fit(MANY, 18, **{**OPEN, "prior": prior})
    assert few.posterior is not None
    assert len(few.posterior.occupied) == 18
    assert few.posterior.lower_bound < fit.posterior.lower_bound


def test_threads_change_no_bit() -> None:
    one, two = (gmix.fit(MANY, 30, **OPEN, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.mixture.means, two.mixture.means)
    assert one.history == two.history


def test_rows_of_float32_and_weights() -> None:
    weights = np.random.default_rng(0).integers(1, 3, len(ROWS))
    repeated, weighted = MemorySource(np.repeat(ROWS, weights, axis=0)), MemorySource(ROWS, sample_weight=weights)
    bounds = [grown(source).bound for source in (repeated, weighted)]
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-7)
    single = grown(MemorySource(ROWS.astype(np.float32)))
    assert single.bound == pytest.approx(grown(MemorySource(ROWS)).bound, rel=1e-5)
    assert single.statistics.n_components == 5


def test_missing_cells_and_errors_of_measurement_go_with_moves() -> None:
    holes = np.where(np.random.default_rng(3).uniform(size=ROWS.shape) < 0.05, np.nan, ROWS)
    for source in (MemorySource(holes), MemorySource(ROWS, row_errors=[0.1, 0.1])):
        run = grown(source)
        assert run.statistics.n_components == 5
        assert rises(run.history)


def test_a_source_that_is_not_in_memory_has_the_same_moves() -> None:
    blocks = gmix.fit([MANY[:4096], MANY[4096:]], **OPEN)
    assert blocks.mixture.n_components == 20
    assert blocks.posterior is not None
    memory = gmix.fit(MANY, **OPEN)
    assert memory.posterior is not None
    assert blocks.posterior.lower_bound == pytest.approx(memory.posterior.lower_bound, rel=1e-9)


def test_the_fit_ends_with_the_best_so_far_when_its_time_is_over() -> None:
    fit = gmix.fit(MANY, seconds=1e-6, **OPEN)
    assert fit.reason is Reason.INTERRUPTED
    assert fit.posterior is not None


@pytest.mark.parametrize("x", [np.ones((5, 2)), np.array([[0.0, 1.0], [1.0, 2.0]]), np.repeat(ROWS[:4], 5, axis=0)])
@pytest.mark.parametrize("form", FORMS)
def test_degenerate_tables_are_fitted(form: str, x: Array) -> None:
    fit = gmix.fit(x, **{**OPEN, "covariance": form})
    assert fit.posterior is not None
    assert np.isfinite(fit.posterior.lower_bound)


def test_small_weights_leave_one_component() -> None:
    fit = gmix.fit(ROWS, sample_weight=np.full(len(ROWS), 1e-4), **OPEN)
    assert fit.mixture.n_components == 1
