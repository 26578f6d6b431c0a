"""Compiled runs beside plain ones, and beside models in Python, where a component is on the floor or has no rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gmix import GaussianMixture, SufficientStatistics
from gmix.fitting.em import Run, run_em
from gmix.model.blur import Blur
from gmix.model.covariance import DIRECT, EEE, FULL, STRUCTURES, VEE, VEV, VII, VVI, VVV, Structure
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import ReferenceKernel, kernel
from gmix.model.kernel.reference import expectation_maximization
from gmix.model.priors import Prior
from gmix.model.reference import Reference
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.sources import MemorySource

pytestmark = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")
Array = NDArray[np.float64]
SIGNS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])


def clouds() -> Array:
    """140 rows of three clouds that overlap."""
    rng = np.random.default_rng(20)
    centers = np.repeat([[0.0, 0.0, 0.0], [4.0, 1.0, -2.0], [1.0, 4.0, 3.0]], [60, 45, 35], axis=0)
    return centers + rng.normal(size=(140, 3)) @ np.array([[1.0, 0.3, 0.0], [0.0, 0.8, 0.2], [0.0, 0.0, 1.3]])


def in_python(source: MemorySource, starts: list[GaussianMixture], *settings: Any, **others: Any) -> list[Run]:
    """The compiled runs of models whose M-step and objective are Python's."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(GaussianModel, "compiled", lambda *_: None)
        return run_em(source, starts, *settings, **others)


def run_plainly(rows: Array, start: GaussianMixture, rule: StoppingRule, prior: Prior | None = None) -> Run:
    """A compiled run without extrapolations, of which every other kind of run takes the steps."""
    source, model, plain = MemorySource(rows), GaussianModel(start, prior), replace(rule, accelerate=False)
    reference = source.reference(start.structure.form)
    [compiled] = run_em(source, [start], plain, prior)
    assert_same(compiled, Run.of(expectation_maximization(model, source.statistics, plain, reference)))
    assert_same(compiled, *in_python(source, [start], plain, prior))
    return compiled


def run(rows: Array, start: GaussianMixture, rule: StoppingRule) -> Run:
    """A compiled run, of which every other kind of run takes the steps."""
    compiled, source = run_plainly(rows, start, rule), MemorySource(rows)
    [accelerated] = run_em(source, [start], rule)
    assert_same(accelerated, *in_python(source, [start], rule))
    assert accelerated.collapsed == compiled.collapsed
    return compiled


def assert_same(compiled: Run, other: Run) -> None:
    assert len(compiled.history) == len(other.history)
    assert compiled.history == pytest.approx(other.history, rel=1e-9)
    assert compiled.reason is other.reason
    assert compiled.collapsed == other.collapsed
    for part in ("weights", "means", "covariances"):
        a, b = getattr(compiled.mixture, part), getattr(other.mixture, part)
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def plain(source: MemorySource, starts: list[GaussianMixture], *settings: Any, **others: Any) -> list[Run]:
    """The same runs by the plain loop, each to its end."""
    reference = source.reference(starts[0].structure.form)
    ends = ReferenceKernel().run(source.statistics, [GaussianModel(s) for s in starts], reference, *settings, **others)
    return [Run.of(end) for end in ends]


@pytest.mark.parametrize("d", [4, 5, 7, 8, 9, 17, 30])
@pytest.mark.parametrize("structure", [VVV, EEE, VVI, VEV], ids=repr)
def test_runs_of_tables_of_many_columns_are_plain_ones(structure: Structure, d: int) -> None:
    """Factors, inverses and congruences of matrices are computed in blocks of a few columns."""
    rng = np.random.default_rng(d)
    rows = rng.normal(size=(300, d)) @ np.triu(rng.uniform(-0.5, 0.5, (d, d)), 1).T + rng.normal(size=(300, d))
    rows[150:] += 2.0
    labels = (rng.random(300) < np.repeat([0.3, 0.7], 150)).astype(np.intp)
    statistics = SufficientStatistics.from_labels(structure.form, rows, labels, 2)
    compiled = run(rows, GaussianMixture.from_statistics(statistics, structure), StoppingRule(0.0, 6))
    assert len(compiled.history) > 3


def test_a_run_with_missing_cells_goes_on_while_covariances_move() -> None:
    """The rows are symmetric, so that no mean moves."""
    half = np.random.default_rng(0).normal(size=(40, 2))
    half[:, 1] += half[:, 0]
    half[:30, 0] = np.nan
    start = GaussianMixture([1.0], [[0.0, 0.0]], [[[3.0, 0.2], [0.2, 1.0]]])
    compiled = run_plainly(np.concatenate([half, -half]), start, StoppingRule(0.0, 2_000))
    assert compiled.reason is Reason.STATIONARY
    assert len(compiled.history) > 50


Runs = Callable[..., list[Run]]
KINDS = {"compiled model": run_em, "model in Python": in_python, "plain loop": plain}
each_kind = pytest.mark.parametrize("runs", KINDS.values(), ids=KINDS)
each_compiled_loop = pytest.mark.parametrize("runs", [run_em, in_python], ids=list(KINDS)[:2])


def lifted(*eigenvalues: float) -> Array:
    """What the M-step makes of a covariance of these eigenvalues, in floors, along the diagonals; its eigenvalues."""
    axes = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2.0)
    scatter = (axes * eigenvalues) @ axes.T
    reference = Reference(FULL, np.ones(2), np.zeros(2), 1e24 * np.eye(2)[None])
    given = SufficientStatistics(FULL, np.ones(1), np.zeros((1, 2)), scatter[None], 0.0).on(reference)
    assert given.reference.floor == pytest.approx([1.0, 1.0])
    found = kernel.maximize([given], VVV)[0]
    assert found is not None
    covariance = found[2][0]
    assert covariance[0, 1] == covariance[1, 0]
    np.testing.assert_allclose(
        axes.T @ covariance @ axes, np.diag(np.diag(axes.T @ covariance @ axes)), atol=1e-9 + 1e-15 * max(eigenvalues)
    )
    return np.diag(axes.T @ covariance @ axes)


def test_eigenvalues_below_half_the_floor_are_raised_to_it() -> None:
    for given, expected in (
        ((9.0, 0.25), (9.0, 1.0)), ((9.0, 0.49), (9.0, 1.0)), ((9.0, 0.51), (9.0, 0.51)), ((9.0, 1.4), (9.0, 1.4)),
        ((0.0, 0.0), (1.0, 1.0)), ((0.25, 0.75), (1.0, 1.0)),
    ):  # fmt: skip
        np.testing.assert_allclose(lifted(*given), expected, rtol=1e-12)
    # Beside a variance of 1e20 float64 tells less than 1e6 from nothing: 1e-14 of it.
    np.testing.assert_allclose(lifted(2e20, 0.0)[1], 1e6, rtol=0.05)


@pytest.mark.parametrize("structure", [VII, VVI, VVV], ids=repr)
@pytest.mark.parametrize(("floors", "sound"), [(1.4, False), (1.6, True)])
@each_kind
def test_a_component_of_one_and_a_half_floors_has_collapsed(
    runs: Runs, structure: Structure, floors: float, sound: bool
) -> None:
    unit = np.array([1.0, 1.0] if structure is VII else [1e3, 1.0])
    rows = unit * np.vstack(
        [SIGNS] * 5 + [np.sqrt(floors * 1e-24 * 5 / 6) * SIGNS]
    )  # of all rows the variance is 5 / 6
    dense = unit**2 * np.array([np.eye(2), floors * 1e-24 * 5 / 6 * np.eye(2)])
    start = GaussianMixture([5 / 6, 1 / 6], np.zeros((2, 2)), dense, structure)
    source = MemorySource(rows)
    for patient in (True, False):
        [run] = runs(source, [start], StoppingRule(0.0, 1), patient=patient)
        assert (run.reason is Reason.COLLAPSING) is not (sound or patient)
        assert run.collapsed == (() if sound else (1,))
        assert run.sound is sound


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_all_take_the_same_steps_with_a_component_that_has_no_rows(structure: Structure) -> None:
    points = clouds()
    share = np.column_stack([np.eye(3)[np.repeat([0, 1, 2], [50, 50, 40])], np.zeros(len(points))])
    statistics = SufficientStatistics.from_responsibilities(structure.form, points, share)
    start = GaussianMixture.from_statistics(statistics, structure)
    assert run(points, start, StoppingRule(0.0, 4)).mixture.weights[3] == 0.0


@pytest.mark.parametrize("structure", DIRECT, ids=repr)
@pytest.mark.parametrize("change", [None, 1e-3, 0.0])
def test_all_take_the_same_steps_with_a_blur(structure: Structure, change: float | None) -> None:
    rows = clouds()
    labels = np.arange(len(rows)) % 3
    start = GaussianMixture.from_statistics(
        SufficientStatistics.from_labels(structure.form, rows, labels, 3), structure
    )
    rule = StoppingRule(1e-4, 300 if change is None else 40, change=change, monotone=False)
    compiled = run_plainly(rows, start, rule, Blur(np.array([0.5, 0.0, 0.1])))
    assert compiled.reason.converged is (change != 0.0)
    plain = run_plainly(rows, start, rule)
    assert not np.allclose(compiled.mixture.covariances, plain.mixture.covariances, atol=0.01)


@pytest.mark.parametrize("structure", DIRECT, ids=repr)
@pytest.mark.parametrize("spread", [0.0, 1e-3])
def test_all_take_the_same_steps_with_a_component_on_the_floor(structure: Structure, spread: float) -> None:
    points, place = clouds(), np.array([9.0, 9.0, 9.0])
    rows = np.vstack([points, place + spread * np.vstack([np.eye(3), -np.eye(3)])])
    labels = np.append(np.arange(len(points)) % 3, np.full(6, 3))
    statistics = SufficientStatistics.from_labels(structure.form, rows, labels, 4)
    compiled = run(rows, GaussianMixture.from_statistics(statistics, structure), StoppingRule(1e-6, 2000))
    assert compiled.collapsed == ((3,) if spread == 0.0 and not structure.shared else ())


@pytest.mark.parametrize("ratio", [1.0, 1e4, 1e8])
@pytest.mark.parametrize("d", [2, 3, 14])
def test_all_find_the_volumes_of_proportional_ellipsoids(d: int, ratio: float) -> None:
    rng = np.random.default_rng(d)
    labels = np.repeat([0, 1, 2], [60, 45, 20])
    sizes = np.array([1.0, ratio**-0.5, ratio**0.5])[labels]
    rows = 100.0 * ratio**0.5 * labels[:, None] + sizes[:, None] * rng.normal(size=(125, d)) @ rng.normal(size=(d, d))
    start = GaussianMixture.from_statistics(SufficientStatistics.from_labels(FULL, rows, labels, 3), VVV)
    start = GaussianMixture(start.weights, start.means, [np.eye(d)] * 3, VEE)
    compiled = run(rows, start, StoppingRule(0.0, 1))
    # At the optimum every volume is that of the component's own scatter in units of the common ellipsoid.
    s = compiled.statistics
    for k in range(3):
        scatter, covariance = s.scatter[k] / s.mass[k], compiled.mixture.covariances[k]
        assert np.trace(np.linalg.solve(covariance, scatter)) == pytest.approx(d, rel=1e-6)
        np.testing.assert_allclose(
            covariance / covariance[0, 0],
            compiled.mixture.covariances[0] / compiled.mixture.covariances[0, 0, 0],
            rtol=1e-9,
        )


@pytest.mark.parametrize("structure", [VII, VVI, VVV], ids=repr)
@pytest.mark.parametrize("reach", [1.5, 2.0, 2.5])
@each_compiled_loop
def test_an_extrapolation_down_to_the_floor_does_not_end_a_run_that_leads_to_a_narrow_component(
    runs: Runs, structure: Structure, reach: float
) -> None:
    place = np.array([2.0, 1.0, 0.0])
    rows = np.vstack([clouds(), place + 1e-3 * np.vstack([np.eye(3), -np.eye(3)] * 2)])
    labels = np.where(np.linalg.norm(rows - place, axis=1) < reach, 1, 0)
    statistics = SufficientStatistics.from_labels(structure.form, rows, labels, 2)
    start, source = GaussianMixture.from_statistics(statistics, structure), MemorySource(rows)
    [run] = runs(source, [start], StoppingRule(), patient=False)
    assert run.reason.converged
    assert run.collapsed == ()


@pytest.mark.parametrize("structure", [VII, VVI, VVV], ids=repr)
@each_compiled_loop
def test_a_run_that_collapses_loses_a_race_however_likely_it_makes_the_rows(runs: Runs, structure: Structure) -> None:
    place = np.array([2.0, 1.0, 0.0])
    rows = np.vstack([clouds(), np.tile(place, (12, 1))])
    at_place = np.where(np.linalg.norm(rows - place, axis=1) < 1.5, 1, 0)
    source, starts = MemorySource(rows), []
    for labels in (at_place, np.where(np.arange(152) < 60, 1, 0)):
        statistics = SufficientStatistics.from_labels(structure.form, rows, labels, 2)
        starts.append(GaussianMixture.from_statistics(statistics, structure))
    alone = [runs(source, [start], StoppingRule(), patient=False)[0] for start in starts]
    assert [run.reason.converged for run in alone] == [False, True]
    assert alone[0].objective > alone[1].objective
    [winner] = runs(source, starts, StoppingRule(), None, [Round(StoppingRule(1e-6, 200), 1)], patient=False)
    assert winner.objective == pytest.approx(alone[1].objective, rel=1e-6)


@pytest.mark.parametrize("rows", [12, 0], ids=["one point", "no rows"])
@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s.volume == "V"], ids=repr)
@each_kind
def test_a_component_of_one_point_or_of_no_rows_ends_a_run_that_is_not_patient(
    runs: Runs, structure: Structure, rows: int
) -> None:
    table = np.vstack([clouds(), np.full((rows, 3), 9.0)])
    share = np.eye(3)[np.append(np.arange(140) % 2, np.full(rows, 2))]
    statistics = SufficientStatistics.from_responsibilities(structure.form, table, share)
    start, source = GaussianMixture.from_statistics(statistics, structure), MemorySource(table)
    [run] = runs(source, [start], StoppingRule(0.0, 9), patient=False)
    assert run.reason is Reason.COLLAPSING
    assert len(run.history) == 1
    assert not run.sound
