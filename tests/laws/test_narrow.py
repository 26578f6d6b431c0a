"""Components much narrower than their table are sound; components of a few rows are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

import gmix
from gmix.fitting.distinct import DistinctRows
from gmix.model.covariance import STRUCTURES, structure

Array = NDArray[np.float64]
RATIOS = [10.0, 1e3, 1e4, 1e5, 1e6]


def clusters(ratio: float, d: int, offset: float = 0.0) -> tuple[Array, NDArray[np.intp]]:
    """Three clusters of unit width, so far apart that the table is `ratio` times as wide."""
    rng = np.random.default_rng(d)
    labels = np.repeat([0, 1, 2], 60)
    centers = ratio * np.array([[0.0, 0.0, 0.0], [1.0, 0.5, -1.0], [2.5, -1.0, 1.0]])[:, :d]
    return centers[labels] + rng.normal(size=(180, d)) + offset, labels


def chosen(fit: gmix.Fit) -> tuple[str, int]:
    return fit.mixture.structure.code, fit.mixture.n_components


def sound(fit: gmix.Fit) -> bool:
    return not [finding for finding in fit.findings if finding.level == "warning"]


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("ratio", RATIOS)
def test_a_search_finds_clusters_however_narrow_they_are_beside_their_table(ratio: float, d: int) -> None:
    x, labels = clusters(ratio, d)
    fit = gmix.fit(x, range(1, 6), covariance=["E", "V"] if d == 1 else ["EII", "VVI", "EEE", "VEV", "VVV"], rng=0)
    assert fit.mixture.n_components == 3
    assert sound(fit)
    assert adjusted_rand_score(labels, fit.mixture.predict(x)) == 1.0
    alone = gmix.fit(x, 3, covariance=fit.mixture.structure, rng=0)
    assert fit.bic == pytest.approx(alone.bic, abs=0.01)
    np.testing.assert_allclose(np.trace(fit.mixture.covariances, axis1=1, axis2=2) / d, 1.0, atol=0.5)


@pytest.mark.parametrize("d", [1, 2])
def test_the_choice_does_not_depend_on_the_ratio(d: int) -> None:
    fits = [gmix.fit(clusters(ratio, d)[0], range(1, 5), rng=0) for ratio in RATIOS]
    assert len({chosen(fit) for fit in fits}) == 1
    np.testing.assert_allclose([fit.bic for fit in fits], fits[0].bic, atol=1e-3)


@pytest.mark.parametrize("code", [s.code for s in STRUCTURES])
def test_every_structure_takes_narrow_components_as_they_are(code: str) -> None:
    near, far = (clusters(ratio, 2) for ratio in (20.0, 1e6))
    fits = [gmix.fit(x, 3, covariance=code, start=labels) for x, labels in (near, far)]
    assert all(fit.findings == () for fit in fits)
    assert fits[1].log_likelihood == pytest.approx(fits[0].log_likelihood, abs=1e-3)
    np.testing.assert_allclose(fits[1].mixture.covariances, fits[0].mixture.covariances, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e100, 1e150])
def test_units_do_not_change_the_choice(scale: float) -> None:
    x, labels = clusters(30.0, 2)
    fit = gmix.fit(scale * x, range(1, 5), covariance=["EII", "VVI", "VVV"], rng=0)
    assert chosen(fit) == chosen(gmix.fit(x, range(1, 5), covariance=["EII", "VVI", "VVV"], rng=0))
    assert adjusted_rand_score(labels, fit.mixture.predict(scale * x)) == 1.0
    assert (fit.statistics.reference.floor > 0).all()
    assert sound(fit)


def test_peaks_of_a_spectrum_are_found() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(m, 0.0004, 50) for m in (500.25, 524.28, 733.3)])
    fit = gmix.fit(x, rng=0)
    assert fit.mixture.n_components == 3
    assert sound(fit)
    assert np.sqrt(fit.mixture.covariances).max() < 0.001


@pytest.mark.parametrize("ratio", [300.0, 3000.0, 1e5])
def test_a_narrow_line_on_a_wide_background_is_one_component(ratio: float) -> None:
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(0.0, 1.0, 200), rng.normal(0.4, 1.0 / ratio, 200)])
    fit = gmix.fit(x, rng=0)
    assert fit.mixture.n_components == 2
    assert fit.bic == pytest.approx(gmix.fit(x, 2, covariance="V", rng=0).bic, abs=0.01)
    assert sound(fit)


@pytest.mark.parametrize("value", [1e4, 99_999.0, 1e6, 1e9])
@pytest.mark.parametrize("seed", range(3))
def test_one_wrong_cell_hides_no_cluster(value: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(301) % 2
    x = np.where(labels[:, None] == 0, 0.0, 6.0) + rng.normal(size=(301, 2))
    x[7, 0] = value
    fit = gmix.fit(x, rng=0)
    others = np.arange(301) != 7
    assert adjusted_rand_score(labels[others], fit.mixture.predict(x)[others]) > 0.95
    alone = min(gmix.fit(x, k, covariance="EEE", rng=0).bic for k in (1, 2, 3))
    assert fit.bic <= alone + 0.01


FEW: dict[str, Callable[[np.random.Generator], Array]] = {
    "three rows close together": lambda rng: np.vstack(
        [rng.normal(size=(120, 2)), [5.0, 5.0] + 1e-7 * rng.normal(size=(3, 2))]
    ),
    "a row twice": lambda rng: np.vstack([x := rng.normal(size=(120, 2)), x[:1]]),
    "four rows on a line": lambda rng: np.vstack([rng.normal(size=(120, 2)), np.outer(np.arange(4.0), [1.0, 2.0]) + 4]),
}


@pytest.mark.parametrize("name", FEW)
def test_a_component_of_few_rows_is_not_preferred(name: str) -> None:
    x = FEW[name](np.random.default_rng(5))
    fit = gmix.fit(x, range(1, 8), covariance=["VII", "VVV"], rng=0)
    assert fit.search is not None
    assert not fit.search.best.is_set_aside
    rests_on = DistinctRows.of(x).effective(fit.mixture.responsibilities(x))
    assert rests_on.min() > fit.mixture.structure.rows_needed(2) - 1
    assert fit.search.set_aside
    [told] = [finding for finding in fit.findings if finding.name == "candidates set aside"]
    assert f"{len(fit.search.set_aside)} of 14 candidates were set aside" in told.message
    best = fit.search.set_aside[0]
    assert f"the best of them was {best.structure} with {best.n_components} components" in told.message


def test_weights_and_repeated_rows_are_the_same_to_the_count_of_distinct_rows() -> None:
    rng = np.random.default_rng(0)
    x, times = np.round(rng.normal(size=(40, 2))), rng.integers(1, 4, 40)
    shares = gmix.GaussianMixture([0.5, 0.5], [[0, 0], [1, 1]], [np.eye(2), np.eye(2)]).responsibilities(x)
    weighted = DistinctRows.of(x, times.astype(float))
    repeated = DistinctRows.of(np.repeat(x, times, axis=0))
    np.testing.assert_allclose(weighted.effective(shares), repeated.effective(np.repeat(shares, times, axis=0)))
    assert weighted.effective(np.ones((40, 1)))[0] <= len(np.unique(x, axis=0))
    one = DistinctRows.of(x[:5] + np.arange(5.0)[:, None], np.array([1.0, 1.0, 1.0, 1.0, 1e-50]))
    assert one.effective(np.ones((5, 1)))[0] == pytest.approx(4.0)  # a row of hardly any weight hardly counts


def test_the_floor_is_what_float64_cannot_tell_from_zero() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3)) * [1.0, 1e-9, 1e5] + [0.0, 1e6, 0.0]
    [statistics] = gmix.expect(x, [gmix.GaussianMixture([1.0], [x.mean(0)], [np.diag(x.var(0))])])
    eps = np.finfo(float).eps
    np.testing.assert_allclose(statistics.reference.floor[[0, 2]], 1e-24 * x.var(0)[[0, 2]], rtol=1e-6)
    assert statistics.reference.floor[1] == pytest.approx((eps * 1e6) ** 2, abs=0.0)


def test_how_many_rows_a_component_needs() -> None:
    assert [structure(code).rows_needed(4) for code in ("VVV", "EEV", "VVI", "VII", "VEE", "EEE", "EII")] == [
        6, 6, 5, 5, 5, 1, 1,
    ]  # fmt: skip
    assert [structure("VVV").rows_needed(d) for d in (1, 2, 200)] == [3, 4, 202]
    assert structure("VVI").rows_needed(200) == 5


def test_a_table_of_fewer_rows_than_columns_is_fitted_by_what_it_can_support() -> None:
    x = np.random.default_rng(0).normal(size=(30, 60))
    x[:15] += 1.5
    fit = gmix.fit(x, range(1, 4), rng=0)
    assert fit.mixture.n_components == 2
    assert adjusted_rand_score(np.repeat([0, 1], 15), fit.mixture.predict(x)) > 0.8
    assert fit.search is not None
    assert {s.orientation for s, _ in fit.search.untried} <= {"E", "V"}
    assert any(finding.name == "range cut" and "VVV" in finding.message for finding in fit.findings)
