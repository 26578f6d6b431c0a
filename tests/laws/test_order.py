"""Components come in a stated order wherever they are shown; from a given start the order is the giver's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture
from gmix.fitting.candidates import Candidate
from gmix.fitting.em import Run
from gmix.model.covariance import DIAGONAL, FULL, TIED
from gmix.model.gaussian_model import GaussianModel
from gmix.model.reference import Reference
from gmix.model.stopping import Reason

Array = NDArray[np.float64]
THREE = GaussianMixture([0.5, 0.3, 0.2], [[6.0, 0.0], [-2.0, 5.0], [1.0, -6.0]], [np.eye(2)] * 3)
ROWS = THREE.sample(300, rng=2)


def sorted_by_mean(mixture: GaussianMixture) -> bool:
    return bool((np.diff(mixture.means[:, 0]) > 0).all())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("covariance", ["E", "full", "tied", "VEE", "spherical"])
def test_every_candidate_of_a_fit_is_in_order(seed: int, covariance: str) -> None:
    fit = gmix.fit(ROWS[:, :1] if covariance == "E" else ROWS, range(1, 5), covariance=covariance, rng=seed)
    assert fit.search is not None
    assert fit.mixture is fit.search.best.run.mixture
    for candidate in fit.search.candidates:
        mixture, statistics = candidate.run.mixture, candidate.run.statistics
        assert sorted_by_mean(mixture)
        [counted] = gmix.expect(ROWS[:, : mixture.n_features], [mixture])
        np.testing.assert_allclose(statistics.mass, counted.mass, rtol=1e-9)
        np.testing.assert_allclose(statistics.mean, counted.mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(statistics.scatter, counted.scatter, rtol=1e-7, atol=1e-7)
        assert statistics.log_likelihood == pytest.approx(counted.log_likelihood, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_component_0_is_the_same_whatever_the_seed_the_units_and_the_order_of_rows(scale: float, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for seed in range(4):
        table = (rng.permutation(ROWS) * scale + 7.0 * scale).astype(dtype)
        found = gmix.fit(table, 3, covariance="full", rng=seed).mixture
        np.testing.assert_allclose(found.means / scale - 7.0, THREE.means[[1, 2, 0]], atol=0.4)


@pytest.mark.parametrize("offset", [0.0, 3.1, -1e6])
def test_means_that_differ_by_rounding_alone_tie(offset: float) -> None:
    """In the first column both clusters have the same values, which add up to different last digits."""
    common = np.random.default_rng(1).standard_normal(200) + offset
    far = np.random.default_rng(2).standard_normal(200)
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(400)
        table = np.c_[np.r_[common, common[::-1]], np.r_[far + 50.0, far]][order]
        fit = gmix.fit(table, 2, covariance="diag", rng=seed)
        assert fit.mixture.means[:, 1] == pytest.approx([0.0, 50.0], abs=0.3)


def test_where_all_columns_tie_the_last_digits_decide() -> None:
    means = np.array([[1.0, 3.0], [1.0, 2.0], [1.0 - 1e-13, 2.0]])
    reference = Reference(FULL, np.full(2, 9.0), np.zeros(2), 9.0 * np.eye(2)[None])
    assert reference.order(means).tolist() == [2, 1, 0]
    assert reference.order(means[::-1]).tolist() == [0, 1, 2]


def test_both_fits_of_a_likelihood_ratio_test_are_in_order() -> None:
    test = gmix.likelihood_ratio_test(ROWS, 2, covariance="tied", replicates=1, rng=0)
    assert sorted_by_mean(test.null.mixture)
    assert sorted_by_mean(test.alternative.mixture)


def test_from_a_given_start_the_order_is_the_givers() -> None:
    labels = THREE.predict(ROWS)
    for start in (THREE, labels, np.eye(3)[labels]):
        fit = gmix.fit(ROWS, 3, covariance="full", start=start)
        np.testing.assert_allclose(fit.mixture.means, THREE.means, atol=0.4)
        assert not sorted_by_mean(fit.mixture)


def test_a_collapsed_component_keeps_its_number() -> None:
    [statistics] = gmix.expect(ROWS, [THREE])
    run = Run(GaussianModel(THREE), statistics, (statistics.log_likelihood,), Reason.CONVERGED)
    for given, moved in (((0,), (2,)), ((0, 2), (1, 2)), ((), ())):
        candidate = Candidate(run, (run.objective,), given, 0.0).in_order
        assert candidate.collapsed == moved
        np.testing.assert_array_equal(candidate.run.mixture.means, THREE.means[[1, 2, 0]])


@pytest.mark.parametrize("form", [DIAGONAL, FULL, TIED])
def test_components_may_be_reordered(form: Any) -> None:
    structure = {"DIAGONAL": "diag", "FULL": "full", "TIED": "tied"}[str(form).upper()]
    mixture = GaussianMixture([0.2, 0.3, 0.5], [[0.0], [1.0], [2.0]], [[[1.0]]] * 3, structure, ["a"])
    moved = mixture.reordered([2, 0, 1])
    assert moved.weights.tolist() == [0.5, 0.2, 0.3]
    assert moved.means.tolist() == [[2.0], [0.0], [1.0]]
    assert (moved.structure, moved.features) == (mixture.structure, ("a",))
    np.testing.assert_allclose(moved.log_density([[0.4]]), mixture.log_density([[0.4]]), rtol=1e-14)
    [statistics] = gmix.expect(ROWS[:, :1], [mixture])
    [expected] = gmix.expect(ROWS[:, :1], [moved])
    found = statistics.reordered(np.array([2, 0, 1]))
    for part in ("mass", "mean", "scatter"):
        np.testing.assert_allclose(getattr(found, part), getattr(expected, part), rtol=1e-12)
    assert found.reference is statistics.reference


def test_columns_that_follow_from_others_are_carried_to_the_new_order() -> None:
    table = np.c_[ROWS, ROWS @ [1.0, 2.0]]
    fit = gmix.fit(table, [2, 3], covariance="full", rng=0)
    assert fit.mixture.dependence is not None
    moved = fit.mixture.reordered([2, 0, 1])
    np.testing.assert_array_equal(moved.means, fit.mixture.means[[2, 0, 1]])
    np.testing.assert_allclose(moved.log_density(table), fit.mixture.log_density(table), rtol=1e-12)


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [1, 2, 3], [0.0, 1.0, 2.0], "012", [[0, 1, 2]]])
def test_an_order_holds_each_component_once(order: Any) -> None:
    with pytest.raises(gmix.ParameterError, match="give each of the components 0 to 2 once"):
        THREE.reordered(order)
