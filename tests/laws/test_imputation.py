"""Missing cells are filled in from their conditional distribution, and all other cells keep their bits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import gmix
from gmix import GaussianMixture
from gmix.model.covariance import STRUCTURES, Structure

Array = NDArray[np.float64]
SHAPES = np.array(
    [[[2.0, 0.9, 0.3], [0.9, 1.0, -0.2], [0.3, -0.2, 0.5]], [[1.0, -0.4, 0.2], [-0.4, 1.5, 0.6], [0.2, 0.6, 2.0]]]
)
TWO = GaussianMixture([0.6, 0.4], [[0.0, 0.0, 0.0], [2.0, -1.0, 3.0]], SHAPES)
PATTERNS = [list(which) for n in (1, 2, 3) for which in itertools.combinations(range(3), n)]


def holed(table: Array, share: float = 0.3, seed: int = 1) -> Array:
    """A copy with cells missing at random; every seventh row is complete, and the second has no value."""
    holes = np.random.default_rng(seed).random(table.shape) < share
    holes[::7], holes[1] = False, True
    return np.where(holes, np.nan, table)


@pytest.fixture(scope="module")
def table() -> Array:
    return holed(TWO.sample(150, rng=5))


@pytest.fixture(scope="module")
def fit(table: Array) -> gmix.Fit:
    return gmix.fit(table, start=TWO)


def conditional(mixture: GaussianMixture, row: Array) -> GaussianMixture:
    """The distribution of the missing cells of a row, by `GaussianMixture.condition`."""
    present = np.flatnonzero(~np.isnan(row))
    return mixture.condition({int(i): row[i] for i in present}) if len(present) else mixture


# One mixture ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
@pytest.mark.parametrize("rng", [None, 3])
def test_present_cells_keep_their_bits(structure: Structure, rng: int | None, table: Array) -> None:
    mixture = gmix.fit(table, 2, covariance=structure, effort=0, rng=0).mixture
    for values in (table, table.astype(np.float32), np.asfortranarray(table)):
        filled, present = mixture.impute(values, rng=rng), ~np.isnan(values)
        assert filled.shape == table.shape
        assert np.isfinite(filled).all()
        assert (filled[present] == values[present]).all()


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
def test_a_missing_cell_gets_its_conditional_mean(structure: Structure, table: Array) -> None:
    mixture = gmix.fit(table, 2, covariance=structure, effort=0, rng=0).mixture
    for row, filled in zip(table, mixture.impute(table), strict=True):
        if np.isnan(row).any():
            np.testing.assert_allclose(filled[np.isnan(row)], conditional(mixture, row).mean, rtol=1e-11, atol=1e-12)


def test_rows_of_many_patterns_are_filled_in_as_each_alone() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((3, 12, 12)) / 3.0 + np.eye(12)
    mixture = GaussianMixture([0.5, 0.3, 0.2], 2.0 * rng.standard_normal((3, 12)), root @ root.mT)
    rows = np.where(rng.random((400, 12)) < 0.4, np.nan, mixture.sample(400, rng=1))
    alone = np.vstack([mixture.impute(row[None]) for row in rows])
    np.testing.assert_allclose(mixture.impute(rows), alone, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("missing", PATTERNS, ids=str)
def test_draws_have_the_moments_of_the_conditional_distribution(missing: list[int]) -> None:
    row, n = np.array([1.0, -0.8, 1.2]), 40_000
    row[missing] = np.nan
    drawn = TWO.impute(np.tile(row, (n, 1)), rng=0)[:, missing]
    exact = conditional(TWO, row)
    standard_error = np.sqrt(np.diagonal(exact.covariance) / n)
    assert (np.abs(drawn.mean(0) - exact.mean) < 4.5 * standard_error).all()
    scale = np.sqrt(np.outer(np.diagonal(exact.covariance), np.diagonal(exact.covariance)))
    assert (np.abs(np.cov(drawn.T).reshape(exact.covariance.shape) - exact.covariance) < 0.05 * scale).all()
    for j in range(len(missing)):
        assert stats.kstest(drawn[:, j], exact.marginal([j]).cdf).pvalue > 1e-4


def test_draws_of_a_nearly_singular_component_stay_on_its_plane() -> None:
    plane = np.array([[1.0, 0.5, 1.5], [0.5, 1.0, 1.5], [1.5, 1.5, 3.0]]) + 1e-12 * np.eye(3)
    mixture = GaussianMixture([1.0], np.zeros((1, 3)), plane[None])
    drawn = mixture.impute(np.tile([1.0, np.nan, np.nan], (1000, 1)), rng=0)
    assert np.abs(drawn[:, 0] + drawn[:, 1] - drawn[:, 2]).max() < 1e-5


def test_units_and_offsets_pass_through(table: Array) -> None:
    scale, offset = np.array([1e-6, 3.0, 1e8]), np.array([5.0, -1e3, 1e6])
    other = TWO.affine(np.diag(scale), offset)
    for rng in (None, 7):
        filled = (other.impute(table * scale + offset, rng=rng) - offset) / scale
        np.testing.assert_allclose(filled, TWO.impute(table, rng=rng), rtol=0, atol=1e-8)


def test_a_seed_and_the_number_of_threads_decide_nothing_but_what_they_should(table: Array) -> None:
    rows = np.tile(table, (40, 1))
    drawn = TWO.impute(rows, rng=1, threads=1)
    assert (TWO.impute(rows, rng=1, threads=3) == drawn).all()
    assert (TWO.impute(rows, rng=2) != drawn).any()
    assert (TWO.impute(rows, threads=1) == TWO.impute(rows, threads=3)).all()


# Multiple imputation --------------------------------------------------------------------------------------------------


def test_tables_are_completed_from_mixtures_of_their_own(table: Array, fit: gmix.Fit) -> None:
    imputations = gmix.impute(fit, table, 5, rng=3)
    assert len(imputations) == len(list(imputations)) == len(imputations[1:]) + 1 == 5
    for i, filled in enumerate(imputations):
        assert np.isfinite(filled).all()
        assert (filled[~np.isnan(table)] == table[~np.isnan(table)]).all()
        assert (filled == imputations[i]).all()
        expected = imputations.mixtures[i].impute(table, rng=np.random.default_rng([imputations.seed, i]))
        assert (filled == expected).all()
    assert (imputations[-1] == imputations[4]).all()
    assert len({float(mixture.means[0, 0]) for mixture in imputations.mixtures}) == 5
    with pytest.raises(IndexError):
        imputations[5]


def test_a_seed_decides_all_tables(table: Array, fit: gmix.Fit) -> None:
    one, same, other = (gmix.impute(fit, table, 2, rng=seed, threads=n) for seed, n in ((1, 1), (1, 2), (2, 1)))
    assert (one[1] == same[1]).all()
    assert (one[1] != other[1]).any()
    generator = np.random.default_rng(1)
    assert (gmix.impute(fit, table, 2, rng=generator)[1] == one[1]).all()
    assert (gmix.impute(fit, table, 2, rng=generator)[1] != one[1]).any()


@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_mixtures_differ_as_the_rows_leave_their_means_uncertain(weight: float) -> None:
    x = np.random.default_rng(0).normal(size=(200, 2))
    x[::3, 1] = np.nan
    weights = np.full(len(x), weight)
    fit = gmix.fit(x, 1, covariance="diag", sample_weight=weights)
    imputations = gmix.impute(fit, x, 600, sample_weight=weights, rng=1)
    assert imputations.mass == 200 * weight
    spread = np.std([mixture.means[0] for mixture in imputations.mixtures], axis=0)
    errors = gmix.standard_errors(fit, x, sample_weight=weights).means[0]
    np.testing.assert_allclose(spread, errors, rtol=0.1)


def test_a_row_of_weight_zero_is_completed_but_does_not_count(table: Array) -> None:
    outlier = np.vstack([table, [[1e3, np.nan, -1e3]]])
    weights = np.r_[np.ones(len(table)), 0.0]
    fit = gmix.fit(outlier, start=TWO, sample_weight=weights)
    imputations = gmix.impute(fit, outlier, 2, sample_weight=weights, rng=0)
    assert imputations.mass == np.isfinite(table).any(1).sum()
    assert np.isfinite(imputations[0]).all()
    assert all(np.abs(mixture.means).max() < 10.0 for mixture in imputations.mixtures)


def test_columns_that_follow_from_others_do_so_in_every_table() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 200))
    x = np.column_stack([a, b, 2.0 * a + b, np.full(200, 7.0)])
    x[rng.random(200) < 0.3, 2] = np.nan
    x[rng.random(200) < 0.3, 3] = np.nan
    both = rng.random(200) < 0.2
    x[both, 0] = x[both, 2] = np.nan
    fit = gmix.fit(x, [1, 2], covariance="full", rng=0)
    assert fit.mixture.dependence is not None
    for filled in (fit.mixture.impute(x), *gmix.impute(fit, x, 3, rng=0)):
        np.testing.assert_allclose(filled[:, 2], 2.0 * filled[:, 0] + filled[:, 1], rtol=1e-12, atol=1e-12)
        assert (filled[:, 3] == 7.0).all()
        assert (filled[~np.isnan(x)] == x[~np.isnan(x)]).all()


def test_a_frame_is_matched_by_name_and_its_other_columns_are_left_out(table: Array) -> None:
    pa = pytest.importorskip("pyarrow")
    frame = pa.table({"c": table[:, 2], "text": ["x"] * len(table), "a": table[:, 0], "b": table[:, 1]})
    fit = gmix.fit(frame.select(["a", "b", "c"]), 1, covariance="full")
    imputations = gmix.impute(fit, frame, 2, rng=0)
    assert (imputations[0][~np.isnan(table)] == table[~np.isnan(table)]).all()


def test_a_table_without_missing_cells_is_its_own_completion() -> None:
    x = TWO.sample(80, rng=0)
    imputations = gmix.impute(gmix.fit(x, start=TWO), x, 3, rng=0)
    assert all((filled == x).all() for filled in imputations)
    pooled = imputations.pool(lambda t: (t.mean(0), t.var(0, ddof=1) / len(t)), degrees_of_freedom=79)
    np.testing.assert_allclose(pooled.variance, x.var(0, ddof=1) / 80)
    assert (pooled.missing_information < 1e-20).all()
    assert repr(imputations) == "Imputations(3 tables, 80 rows, 3 columns)"


def test_a_mixture_that_collapses_is_replaced_and_counted() -> None:
    """A component of few rows survives most weights, but not all."""
    rng = np.random.default_rng(0)
    x = np.vstack([rng.normal(size=(40, 2)), rng.normal(size=(5, 2)) * 0.2 + 9.0])
    x[::6, 0] = np.nan
    fit = gmix.fit(x, start=GaussianMixture([0.9, 0.1], [[0.0, 0.0], [9.0, 9.0]], [np.eye(2)] * 2), covariance="full")
    imputations = gmix.impute(fit, x, 30, rng=1)
    assert len(imputations) == 30
    for mixture in imputations.mixtures:
        [statistics] = gmix.expect(x, [mixture])
        assert len(mixture.collapsed(statistics)) == 0
    found = [finding.name for finding in imputations.findings]
    assert found in ([], ["collapsed mixtures"])


def test_what_cannot_be_imputed_is_refused(table: Array, fit: gmix.Fit) -> None:
    with pytest.raises(gmix.DataError, match="not the rows of the fit"):
        gmix.impute(fit, table[:-1])
    with pytest.raises(gmix.DataError, match="rows in memory"):
        gmix.impute(fit, [table[:70], table[70:]])
    with pytest.raises(gmix.ParameterError, match="n is 0"):
        gmix.impute(fit, table, 0)
    with pytest.raises(gmix.ParameterError, match="fit is a GaussianMixture"):
        gmix.impute(fit.mixture, table)  # type: ignore[arg-type]
    labels = np.where(np.arange(len(table)) < 30, 0, -1)
    with pytest.raises(gmix.ParameterError, match="a fit with labels; give labels="):
        gmix.impute(gmix.fit(table, 1, covariance="full", labels=labels), table)
    collapsed = gmix.fit(
        np.array([[0.0, 0.0], [1.0, 2.0], [2.0, np.nan], [3.0, 6.0], [4.0, 8.0], [5.0, np.nan]]), 1, covariance="full"
    )
    with pytest.raises(gmix.DataError, match="11 of 11 mixtures of reweighted rows collapsed; fit fewer components"):
        gmix.impute(collapsed, [[0.0, 0.0], [1.0, 2.0], [2.0, np.nan], [3.0, 6.0], [4.0, 8.0], [5.0, np.nan]])
