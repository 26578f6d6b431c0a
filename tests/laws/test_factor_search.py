"""The search among factor models: which candidates are fitted, and how clusters move to better optima."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture
from gmix.fitting.em import run_em
from gmix.fitting.factor_moves import moved
from gmix.fitting.open_ranges import OpenRanges
from gmix.model.stopping import StoppingRule
from gmix.sources import MemorySource

Array = NDArray[np.float64]


def clusters(n_components: int, n_features: int, n_factors: int, separation: float, seed: int) -> GaussianMixture:
    """Components with loadings of their own and small differences between their means."""
    rng, shape = np.random.default_rng(seed), (n_components, n_features)
    compact = np.concatenate([rng.uniform(0.5, 2.0, (*shape, 1)), rng.normal(size=(*shape, n_factors))], axis=-1)
    weights = np.full(n_components, 1.0 / n_components)
    return GaussianMixture(weights, separation * rng.normal(size=shape), compact, f"factors:{n_factors}")


def agreement(one: NDArray[np.intp], other: NDArray[np.intp]) -> float:
    """The share of the rows in the largest cells of each row of the table of two clusterings."""
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1.0)
    return float(table.max(1).sum() / len(one))


def test_a_default_sweep_finds_factors_and_components_without_fitting_all_candidates() -> None:
    x, label = clusters(3, 60, 2, 0.5, seed=0).sample_labelled(180, rng=1)
    fit = gmix.fit(x, covariance="factors", rng=0)
    assert (fit.mixture.structure.code, fit.mixture.n_components) == ("UUU:2", 3)
    assert agreement(label, fit.mixture.predict(x)) > 0.98
    tried = {(c.structure.n_factors, c.n_components) for c in fit.search.candidates}
    left_out = {(s.n_factors, k) for s, k in fit.search.unpromising}
    assert len(tried) < 30
    assert tried | left_out == {(q, k) for q in range(1, 6) for k in range(1, 10)}
    assert all((q, k + 1) in left_out for q, k in left_out if k < 9)  # the numbers that are tried have no gaps
    [finding] = [finding for finding in fit.findings if finding.name == "range cut"]
    assert "others with fewer components or factors have a better BIC" in finding.message


def test_numbers_that_are_given_are_all_fitted() -> None:
    x = clusters(2, 20, 1, 1.0, seed=0).sample(100, rng=1)
    fit = gmix.fit(x, [1, 2, 3, 4], covariance="factors", factors=[1, 2, 3], rng=0)
    assert len(fit.search.candidates) == 12
    assert not fit.search.unpromising
    assert OpenRanges.of([1, 2], "factors", None) == OpenRanges(components=False, factors=True)
    assert OpenRanges.of("auto", ["factors:1", "factors:2"], None) == OpenRanges(components=True, factors=False)
    assert OpenRanges.of("auto", "auto", "auto") == OpenRanges(components=True, factors=True)
    assert OpenRanges.of("auto", "auto", [1, 2]) == OpenRanges(components=True, factors=False)


def test_the_chosen_model_has_converged() -> None:
    x = clusters(2, 40, 1, 0.5, seed=2).sample(120, rng=1)
    fit = gmix.fit(x, [1, 2, 3], covariance="factors", factors=[1, 2], rng=0)
    longer = gmix.fit(x, start=fit.mixture, tolerance=1e-9, max_iterations=5000)
    assert longer.log_likelihood - fit.log_likelihood < 0.05
    assert np.diff(fit.history).min() > -1e-6


@pytest.mark.parametrize("seed", [0, 1])
def test_moves_of_clusters_leave_poor_optima(seed: int) -> None:
    true = clusters(4, 80, 1, 0.5, seed)
    x, label = true.sample_labelled(200, rng=seed)
    rule = StoppingRule(1e-6, 300)
    table = MemorySource(x)
    wrong = np.where(label == 3, 2, label)  # two clusters are one, and another is two
    wrong[np.flatnonzero(label == 0)[::2]] = 3
    start = gmix.fit(x, start=wrong, covariance="factors:1", max_iterations=30).mixture
    [poor], [best] = run_em(table, [start], rule), run_em(table, [true], rule)
    found = moved(table, poor, rule, None, 4, np.random.default_rng(0))
    assert poor.objective < best.objective - 100.0
    assert found.objective > best.objective - 1.0
    assert agreement(label, found.mixture.predict(x)) > 0.99
