"""A handful of nearly equal rows makes a component of vanishing volume, unless `covariance_ratio` bounds it."""

from __future__ import annotations

import numpy as np
import pytest

import gmix


def table(*place: float) -> np.ndarray:
    """Two clouds of 100 rows, and three rows that are nearly equal, at this place."""
    rng = np.random.default_rng(4)
    clouds = np.vstack([rng.normal(size=(100, 2)), rng.normal(5.0, 1.5, (100, 2))])
    return np.vstack([clouds, np.array(place) + 1e-5 * rng.normal(size=(3, 2))])


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_three_nearly_equal_rows(kind: str) -> None:
    x = table(2.0, 1.0)
    start = np.repeat([0, 1, 2], [100, 100, 3])
    spike = gmix.fit(x, covariance=kind, start=start)
    narrowest = np.linalg.det(spike.mixture.covariances).min()
    assert narrowest < 1e-15  # three rows have a component of their own, and its likelihood is the highest
    bounded = gmix.fit(x, covariance=kind, covariance_ratio=20, start=start)
    values = np.linalg.eigvalsh(bounded.mixture.covariances)
    assert values.max() <= 20 * values.min() * (1 + 1e-12)
    assert values.min() > 0.05
    searched = gmix.fit(x, 3, covariance=kind, covariance_ratio=20, rng=0)
    assert spike.log_likelihood > searched.log_likelihood >= bounded.log_likelihood - 1e-3
    chosen = gmix.fit(x, range(1, 5), covariance_ratio=20, rng=0).mixture
    assert chosen.n_components == 2
    truth = gmix.GaussianMixture([0.5, 0.5], [[0.0, 0.0], [5.0, 5.0]], [np.eye(2), 2.25 * np.eye(2)])
    assert (chosen.predict(x) == truth.predict(x)).mean() > 0.97


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_a_search_prefers_an_optimum_without_the_narrow_component(kind: str) -> None:
    x = table(-6.0, 9.0)
    start = np.repeat([0, 1, 2], [100, 100, 3])
    given = gmix.fit(x, covariance=kind, start=start)
    assert np.linalg.eigvalsh(given.mixture.covariances).min() < 1e-9
    for seed in range(3):
        found = gmix.fit(x, 3, covariance=kind, rng=seed)
        assert found.log_likelihood < given.log_likelihood  # the higher one describes three rows
        assert found.statistics.mass.min() > 5.9
        assert not any(finding.name == "spurious component" for finding in found.findings)
        assert (found.mixture.predict(x[200:]) == found.mixture.predict(x[200:201])).all()


def test_a_component_on_few_rows_is_a_finding_if_there_is_no_other_optimum() -> None:
    x = np.vstack([table(-6.0, 9.0)[:3], table(-6.0, 9.0)[-3:]])
    fit = gmix.fit(x, 2, covariance="spherical", rng=0)
    finding = next(f for f in fit.findings if f.name == "spurious component")
    assert "is supported by fewer than" in finding.message


@pytest.mark.parametrize("seed", range(2))
def test_components_that_collapse_to_outliers_are_moved_to_other_rows(seed: int) -> None:
    x = np.random.default_rng(seed).standard_t(3, size=(2_000, 6))
    fit = gmix.fit(x, 10, covariance="full", rng=seed)
    assert not {"collapsed component", "spurious component"} & {finding.name for finding in fit.findings}
    assert fit.statistics.mass.min() > 2 * (6 + 1)
    assert fit.optima is not None
