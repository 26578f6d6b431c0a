"""Rows with missing cells: EM under missing at random is exact, and knows neither units nor the order of anything."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.model.covariance import DIRECT, STRUCTURES, Structure

Array = NDArray[np.float64]
PRIORS = (None, gmix.NormalInverseWishart(), gmix.NormalInverseWishart() + gmix.Dirichlet(2.0))
ANY_UNITS = {"EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVV", "VVV"}  # structures that do not compare columns
each_structure = pytest.mark.parametrize("structure", STRUCTURES, ids=repr)


def with_holes(table: Array, share: float = 0.25, seed: int = 1) -> Array:
    """The table without a share of its cells, and without the cells of three rows."""
    incomplete = table.copy()
    incomplete[np.random.default_rng(seed).random(table.shape) < share] = np.nan
    incomplete[[3, 50, 90]] = np.nan
    return incomplete


@pytest.fixture(scope="module")
def start(points: Array, labels: NDArray[np.intp]) -> gmix.GaussianMixture:
    """A mixture near the three clouds, with full covariances."""
    return gmix.fit(points, start=labels, covariance="VVV", max_iterations=2).mixture


def steps(structure: Structure) -> int:
    return 25 if structure in DIRECT else 8


def run(table: Any, structure: Structure, start: gmix.GaussianMixture, **settings: Any) -> gmix.Fit:
    given = {"covariance": structure, "start": start, "tolerance": 0.0, "max_iterations": steps(structure)}
    return gmix.fit(table, **given | settings)


def assert_same(found: gmix.Fit, expected: gmix.Fit, precision: float = 1e-9, matrix: Array | None = None) -> None:
    """The same mixture to this precision, in its own units; `matrix` holds those of the found one."""
    matrix = np.eye(expected.mixture.n_features) if matrix is None else matrix
    covariances = matrix @ expected.mixture.covariances @ matrix.T
    deviation = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    np.testing.assert_allclose(found.mixture.weights, expected.mixture.weights, atol=precision)
    means = (found.mixture.means - expected.mixture.means @ matrix.T) / deviation
    np.testing.assert_allclose(means, 0.0, atol=precision)
    difference = (found.mixture.covariances - covariances) / deviation[:, :, None] / deviation[:, None, :]
    np.testing.assert_allclose(difference, 0.0, atol=precision)


# What does not matter -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"components": 3, "covariance": "full"}], ids=["search", "one candidate"])
def test_without_missing_cells_nothing_changes(points: Array, settings: dict[str, Any]) -> None:
    accepting, refusing = (gmix.fit(points, missing=what, rng=0, **settings) for what in ("model", "error"))
    assert accepting.history == refusing.history
    assert accepting.mixture.covariances.tobytes() == refusing.mixture.covariances.tobytes()
    assert accepting.findings == refusing.findings
    assert not accepting.statistics.extra


@each_structure
def test_the_order_of_rows_and_columns_does_not_matter(
    points: Array, start: gmix.GaussianMixture, structure: Structure
) -> None:
    table = with_holes(points)
    plain = run(table, structure, start)
    assert_same(run(table[np.random.default_rng(0).permutation(len(table))], structure, start), plain)
    swap = np.eye(3)[[2, 0, 1]]
    assert_same(run(table[:, [2, 0, 1]], structure, start.affine(swap)), plain, matrix=swap)


def units() -> Iterator[Any]:
    """Factors of the columns, structures, and priors that do not compare columns if the factors differ."""
    for factors in ([1e-150] * 3, [1e-6] * 3, [1e150] * 3, [1e-6, 1.0, 1e6]):
        for structure in STRUCTURES:
            for prior in PRIORS[:2]:
                if len(set(factors)) > 1 and (structure.code not in ANY_UNITS or (prior and structure.code[2] == "I")):
                    continue
                yield pytest.param(factors, structure, prior, id=f"{factors}, {structure}, {'MAP' if prior else 'ML'}")


@pytest.mark.parametrize(("factors", "structure", "prior"), list(units()))
def test_units_do_not_matter(
    points: Array, start: gmix.GaussianMixture, factors: list[float], structure: Structure, prior: Any
) -> None:
    table, matrix = with_holes(points), np.diag(factors)
    plain = run(table, structure, start, prior=prior)
    moved = run(table * np.diagonal(matrix), structure, start.affine(matrix), prior=prior)
    assert_same(moved, plain, 1e-8, matrix)
    volume = np.isfinite(table).sum(0) @ np.log(np.diagonal(matrix))
    assert moved.log_likelihood + volume == pytest.approx(plain.log_likelihood, rel=1e-9)


@each_structure
def test_an_offset_does_not_matter(points: Array, start: gmix.GaussianMixture, structure: Structure) -> None:
    table = with_holes(points)
    plain, moved = run(table, structure, start), run(table + 1e8, structure, start.affine(np.eye(3), [1e8] * 3))
    deviation = np.sqrt(np.diagonal(plain.mixture.covariances, axis1=1, axis2=2))
    np.testing.assert_allclose((moved.mixture.means - 1e8 - plain.mixture.means) / deviation, 0.0, atol=1e-6)
    np.testing.assert_allclose(moved.mixture.weights, plain.mixture.weights, atol=1e-7)
    assert moved.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-7)


def test_the_whole_search_does_not_know_units_or_order(points: Array) -> None:
    table, matrix = with_holes(points, 0.15), np.diag([1e3, 1.0, 1e-4])
    order = np.random.default_rng(2).permutation(len(table))
    chosen = ["VVI", "EEE", "VVV"]
    plain = gmix.fit(table, [1, 2, 3, 4], covariance=chosen, rng=5)
    moved = gmix.fit(table[order] * np.diagonal(matrix) + 7.0, [1, 2, 3, 4], covariance=chosen, rng=5)
    assert plain.mixture.n_components == moved.mixture.n_components == 3
    assert plain.mixture.structure is moved.mixture.structure
    volume = np.isfinite(table).sum(0) @ np.log(np.diagonal(matrix))
    assert moved.log_likelihood + volume == pytest.approx(plain.log_likelihood, rel=1e-6)


@each_structure
def test_a_weight_is_a_count(points: Array, start: gmix.GaussianMixture, structure: Structure) -> None:
    table = with_holes(points)
    count = np.arange(len(table)) % 3  # none, once, twice
    weighted = run(np.vstack([[[1e140, np.nan, 0.0]], table]), structure, start, sample_weight=np.append(0, count))
    repeated = run(np.repeat(table, count, 0), structure, start)
    assert_same(weighted, repeated, 1e-8)
    assert weighted.bic == pytest.approx(repeated.bic, rel=1e-11)
    assert weighted.icl == pytest.approx(repeated.icl, rel=1e-9)
    np.testing.assert_allclose(weighted.statistics.reference.variances, repeated.statistics.reference.variances)


@each_structure
def test_a_row_in_two_halves_is_one_row(points: Array, start: gmix.GaussianMixture, structure: Structure) -> None:
    table = with_holes(points)
    halves = run(np.vstack([table, table]), structure, start, sample_weight=np.full(2 * len(table), 0.5))
    assert_same(halves, run(table, structure, start), 1e-8)


@each_structure
def test_rows_without_any_cell_do_not_count(points: Array, start: gmix.GaussianMixture, structure: Structure) -> None:
    table = with_holes(points)
    some = table[~np.isnan(table).all(1)]
    plain, without = run(table, structure, start), run(some, structure, start)
    assert_same(plain, without)
    assert plain.n_rows == len(table)
    assert plain.mass == without.mass == len(some)
    assert plain.bic == pytest.approx(without.bic, rel=1e-12)
    [found] = [finding for finding in plain.findings if finding.name == "missing cells"]
    assert f"; {len(table) - len(some)} rows without any value are left out" in found.message


@each_structure
def test_float32_is_as_good_as_the_same_values_in_float64(
    points: Array, start: gmix.GaussianMixture, structure: Structure
) -> None:
    single = with_holes(points + 1e4).astype(np.float32)
    moved = start.affine(np.eye(3), [1e4] * 3)
    assert_same(run(single, structure, moved), run(single.astype(float), structure, moved))


# What EM guarantees ---------------------------------------------------------------------------------------------------


@each_structure
@pytest.mark.parametrize("prior", PRIORS, ids=["ML", "MAP", "MAP with weights"])
@pytest.mark.parametrize("given", [True, False], ids=["plain", "accelerated"])
def test_the_objective_never_falls(
    points: Array, start: gmix.GaussianMixture, structure: Structure, prior: Any, given: bool
) -> None:
    table = with_holes(points, 0.4)
    settings = {"start": start} if given else {"components": 3, "rng": 0, "effort": 0.0}
    fit = gmix.fit(table, covariance=structure, prior=prior, tolerance=0.0, max_iterations=60, **settings)
    assert len(fit.history) > 10
    for before, after in pairwise(fit.history):
        assert after >= before - 1e-11 * abs(before)
    assert fit.log_likelihood == pytest.approx(fit.mixture.log_density(table).sum(), rel=1e-12)


@each_structure
def test_the_gradient_is_zero_at_the_end(points: Array, start: gmix.GaussianMixture, structure: Structure) -> None:
    fit = gmix.fit(with_holes(points), covariance=structure, start=start, tolerance=0.0, max_iterations=9_000)
    assert fit.gradient_norm < 1e-8


def monotone(seed: int, n: int, d: int) -> Array:
    """Rows of which each lacks its last columns, none or some, in any order."""
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 10.0 * rng.standard_normal(d)
    known = np.r_[np.full(2 * d, d), rng.integers(1, d + 1, n - 2 * d)]
    table[np.arange(d) >= known[:, None]] = np.nan
    return table[rng.permutation(n)]


def anderson(table: Array) -> tuple[Array, Array]:
    """Anderson (1957), JASA 52:200: each column is regressed on those before it, and the regressions are combined."""
    d = table.shape[1]
    mean, covariance = np.zeros(d), np.zeros((d, d))
    for j in range(d):
        rows = table[~np.isnan(table[:, j])]
        design = np.c_[np.ones(len(rows)), rows[:, :j]]
        coefficients, *_ = np.linalg.lstsq(design, rows[:, j], rcond=None)
        slope, before = coefficients[1:], covariance[:j, :j]
        mean[j] = coefficients[0] + slope @ mean[:j]
        covariance[j, :j] = covariance[:j, j] = slope @ before
        covariance[j, j] = np.mean((rows[:, j] - design @ coefficients) ** 2) + slope @ before @ slope
    return mean, covariance


@pytest.mark.parametrize("shape", [(40, 2), (120, 3), (200, 5)], ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_one_gaussian_with_monotone_holes_is_the_closed_form(shape: tuple[int, int], seed: int) -> None:
    table = monotone(seed, *shape)
    mean, covariance = anderson(table)
    fit = gmix.fit(table, 1, covariance="full", tolerance=0.0, max_iterations=100_000)
    deviation = np.sqrt(np.diagonal(covariance))
    np.testing.assert_allclose((fit.mixture.means[0] - mean) / deviation, 0.0, atol=1e-10)
    difference = (fit.mixture.covariances[0] - covariance) / deviation / deviation[:, None]
    np.testing.assert_allclose(difference, 0.0, atol=1e-10)


def test_a_diagonal_gaussian_is_that_of_each_column() -> None:
    table = monotone(7, 100, 4)
    fit = gmix.fit(table, 1, covariance="diag", tolerance=0.0, max_iterations=10_000)
    np.testing.assert_allclose(fit.mixture.means[0], np.nanmean(table, 0), rtol=1e-11)
    np.testing.assert_allclose(np.diagonal(fit.mixture.covariances[0]), np.nanvar(table, 0), rtol=1e-10)


def test_a_cell_that_hides_high_values_by_its_neighbor_does_not_mislead() -> None:
    """Missing at random: the second column is missing where the first is high. Complete rows alone mislead."""
    rng = np.random.default_rng(4)
    table = rng.standard_normal((20_000, 2)) @ np.linalg.cholesky([[1.0, 0.8], [0.8, 1.0]]).T
    table[table[:, 0] > 0.3, 1] = np.nan
    mixture = gmix.fit(table, 1, covariance="full").mixture
    assert np.nanmean(table[:, 1]) < -0.4
    assert abs(mixture.means[0, 1]) < 0.03
    assert mixture.covariances[0, 0, 1] == pytest.approx(0.8, abs=0.03)
