"""The compiled climb beside the plain one where a component stands on the floor or has no rows."""

from __future__ import annotations

import numpy as np
import pytest
from gmix.fitting.stop import Heat, Reason, Stop
from numpy.typing import NDArray

from gmix import GaussianMixture, SufficientStatistics
from gmix.fitting.em import Run, expectation_maximization
from gmix.model import kernel
from gmix.model.covariance import DIRECT, FULL, STRUCTURES, VEE, VII, VVI, VVV, Structure
from gmix.sources import MemorySource

pytestmark = pytest.mark.skipif(kernel._native is None, reason="the compiled kernel is not built, so the twin is alone")
Array = NDArray[np.float64]
SIGNS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])


def clouds() -> Array:
    """140 rows of three clouds that overlap."""
    rng = np.random.default_rng(20)
    centers = np.repeat([[0.0, 0.0, 0.0], [4.0, 1.0, -2.0], [1.0, 4.0, 3.0]], [60, 45, 35], axis=0)
    return centers + rng.normal(size=(140, 3)) @ np.array([[1.0, 0.3, 0.0], [0.0, 0.8, 0.2], [0.0, 0.0, 1.3]])


def both(rows: Array, start: GaussianMixture, stop: Stop) -> list[Run]:
    source = MemorySource(rows)
    return [
        run
        for climb in (source.climb, None)
        for run in expectation_maximization([start], source.expect, stop, climb=climb)
    ]


def assert_same(compiled: Run, plain: Run) -> None:
    assert len(compiled.history) == len(plain.history)
    assert compiled.history == pytest.approx(plain.history, rel=1e-9)
    assert compiled.reason is plain.reason
    assert compiled.collapsed == plain.collapsed
    for part in ("weights", "means", "covariances"):
        a, b = getattr(compiled.mixture, part), getattr(plain.mixture, part)
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def lifted(*eigenvalues: float) -> Array:
    """What the M-step makes of a covariance of these eigenvalues, in floors, along the diagonals; its eigenvalues."""
    axes = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2.0)
    scatter = (axes * eigenvalues) @ axes.T
    total = SufficientStatistics(FULL, np.ones(1), np.zeros((1, 2)), 1e24 * np.eye(2)[None], 0.0)
    given = SufficientStatistics(FULL, np.ones(1), np.zeros((1, 2)), scatter[None], 0.0).among(total)
    assert given.floor == pytest.approx([1.0, 1.0])
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
def test_a_component_of_one_and_a_half_floors_has_collapsed(structure: Structure, floors: float, sound: bool) -> None:
    unit = np.array([1.0, 1.0] if structure is VII else [1e3, 1.0])
    rows = unit * np.vstack(
        [SIGNS] * 5 + [np.sqrt(floors * 1e-24 * 5 / 6) * SIGNS]
    )  # of all rows the variance is 5 / 6
    dense = unit**2 * np.array([np.eye(2), floors * 1e-24 * 5 / 6 * np.eye(2)])
    start = GaussianMixture([5 / 6, 1 / 6], np.zeros((2, 2)), dense, structure)
    source = MemorySource(rows)
    for patient in (True, False):
        [run] = expectation_maximization([start], source.expect, Stop(0.0, 1), climb=source.climb, patient=patient)
        assert (run.reason is Reason.COLLAPSING) is not (sound or patient)
        assert run.collapsed == (() if sound else (1,))
        assert run.sound is sound


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_both_climb_with_a_component_that_has_no_rows(structure: Structure) -> None:
    points = clouds()
    share = np.column_stack([np.eye(3)[np.repeat([0, 1, 2], [50, 50, 40])], np.zeros(len(points))])
    statistics = SufficientStatistics.from_responsibilities(structure.form, points, share)
    start = GaussianMixture.from_statistics(statistics, structure)
    compiled, plain = both(points, start, Stop(0.0, 4))
    assert_same(compiled, plain)
    assert compiled.mixture.weights[3] == 0.0


@pytest.mark.parametrize("structure", DIRECT, ids=repr)
@pytest.mark.parametrize("spread", [0.0, 1e-3])
def test_both_climb_with_a_component_on_the_floor(structure: Structure, spread: float) -> None:
    points, place = clouds(), np.array([9.0, 9.0, 9.0])
    rows = np.vstack([points, place + spread * np.vstack([np.eye(3), -np.eye(3)])])
    labels = np.append(np.arange(len(points)) % 3, np.full(6, 3))
    statistics = SufficientStatistics.from_labels(structure.form, rows, labels, 4)
    compiled, plain = both(rows, GaussianMixture.from_statistics(statistics, structure), Stop(1e-6, 2000))
    assert_same(compiled, plain)
    assert compiled.collapsed == ((3,) if spread == 0.0 and not structure.shared else ())


@pytest.mark.parametrize("ratio", [1.0, 1e4, 1e8])
@pytest.mark.parametrize("d", [2, 3, 14])
def test_both_find_the_volumes_of_proportional_ellipsoids(d: int, ratio: float) -> None:
    rng = np.random.default_rng(d)
    labels = np.repeat([0, 1, 2], [60, 45, 20])
    sizes = np.array([1.0, ratio**-0.5, ratio**0.5])[labels]
    rows = 100.0 * ratio**0.5 * labels[:, None] + sizes[:, None] * rng.normal(size=(125, d)) @ rng.normal(size=(d, d))
    start = GaussianMixture.from_statistics(SufficientStatistics.from_labels(FULL, rows, labels, 3), VVV)
    start = GaussianMixture(start.weights, start.means, [np.eye(d)] * 3, VEE)
    compiled, plain = both(rows, start, Stop(0.0, 1))
    assert_same(compiled, plain)
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
def test_a_leap_down_to_the_floor_does_not_end_a_run_that_leads_to_a_narrow_component(
    structure: Structure, reach: float
) -> None:
    place = np.array([2.0, 1.0, 0.0])
    rows = np.vstack([clouds(), place + 1e-3 * np.vstack([np.eye(3), -np.eye(3)] * 2)])
    labels = np.where(np.linalg.norm(rows - place, axis=1) < reach, 1, 0)
    statistics = SufficientStatistics.from_labels(structure.form, rows, labels, 2)
    start, source = GaussianMixture.from_statistics(statistics, structure), MemorySource(rows)
    [run] = expectation_maximization([start], source.expect, Stop(), climb=source.climb, patient=False)
    assert run.reason.converged
    assert run.collapsed == ()


@pytest.mark.parametrize("structure", [VII, VVI, VVV], ids=repr)
def test_a_climb_that_collapses_loses_a_race_however_likely_it_makes_the_rows(structure: Structure) -> None:
    place = np.array([2.0, 1.0, 0.0])
    rows = np.vstack([clouds(), np.tile(place, (12, 1))])
    at_place = np.where(np.linalg.norm(rows - place, axis=1) < 1.5, 1, 0)
    source, starts = MemorySource(rows), []
    for labels in (at_place, np.where(np.arange(152) < 60, 1, 0)):
        statistics = SufficientStatistics.from_labels(structure.form, rows, labels, 2)
        starts.append(GaussianMixture.from_statistics(statistics, structure))
    alone = [
        expectation_maximization([start], source.expect, Stop(), climb=source.climb, patient=False)[0]
        for start in starts
    ]
    assert [run.reason.converged for run in alone] == [False, True]
    assert alone[0].objective > alone[1].objective
    for climb in (source.climb, None):
        [winner] = expectation_maximization(
            starts, source.expect, Stop(), climb=climb, patient=False, heats=(Heat(Stop(1e-6, 200), 1),)
        )
        assert winner.objective == pytest.approx(alone[1].objective, rel=1e-6)


@pytest.mark.parametrize("rows", [12, 0], ids=["one point", "no rows"])
@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s.volume == "V"], ids=repr)
def test_a_component_of_one_point_or_of_no_rows_ends_a_run_that_is_not_patient(structure: Structure, rows: int) -> None:
    table = np.vstack([clouds(), np.full((rows, 3), 9.0)])
    share = np.eye(3)[np.append(np.arange(140) % 2, np.full(rows, 2))]
    statistics = SufficientStatistics.from_responsibilities(structure.form, table, share)
    start, source = GaussianMixture.from_statistics(statistics, structure), MemorySource(table)
    [run] = expectation_maximization([start], source.expect, Stop(0.0, 9), climb=source.climb, patient=False)
    assert run.reason is Reason.COLLAPSING
    assert len(run.history) == 1
    assert not run.sound
