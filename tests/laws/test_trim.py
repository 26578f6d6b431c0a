"""Trimmed fits leave out the rows of lowest density, and find the clusters among the others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix

Array = NDArray[np.float64]


def table() -> Array:
    """Three clusters, and one row in ten that belongs to none."""
    rng = np.random.default_rng(0)
    places = ((200, [0.0, 0.0]), (150, [6.0, 0.0]), (100, [0.0, 8.0]))
    clusters = [rng.normal(place, size=(n, 2)) for n, place in places]
    return np.concatenate([*clusters, rng.uniform(-15, 20, size=(50, 2))])


def test_the_clusters_are_found_among_rows_that_belong_to_none() -> None:
    rows = table()
    fit = gmix.fit(rows, 3, covariance="VVV", trim=0.1, covariance_ratio=20, rng=0)
    np.testing.assert_allclose(fit.mixture.means, [[0, 0], [0, 8], [6, 0]], atol=0.4)
    assert fit.mass == pytest.approx(450.0)
    assert "50 rows" in next(finding.message for finding in fit.findings if finding.name == "trimmed rows")


def test_the_objective_never_falls() -> None:
    start = gmix.fit(table()[:60], 3, covariance="VVV", rng=0).mixture
    history = gmix.fit(table(), 3, covariance="VVV", start=start, trim=0.1).history
    assert len(history) > 3
    assert np.diff(history).min() >= -1e-9 * abs(history[-1])


def test_the_likelihood_is_that_of_the_rows_of_highest_density() -> None:
    fit = gmix.fit(table(), 3, covariance="VVV", trim=0.1, rng=0)
    log_density = np.sort(fit.mixture.log_density(table()))
    assert fit.log_likelihood == pytest.approx(log_density[50:].sum())


def test_no_trim_changes_nothing() -> None:
    one, other = gmix.fit(table(), 3, rng=0), gmix.fit(table(), 3, trim=0.0, rng=0)
    assert np.array_equal(one.mixture.means, other.mixture.means)


def test_weights_count_as_rows() -> None:
    rows = table()
    start = gmix.fit(rows, 3, covariance="VVV", trim=0.1, rng=0).mixture
    weight = np.random.default_rng(1).integers(0, 3, len(rows))
    twice = gmix.fit(np.repeat(rows, weight, axis=0), 3, covariance="VVV", trim=0.1, start=start)
    weighted = gmix.fit(rows, 3, covariance="VVV", trim=0.1, start=start, sample_weight=weight)
    np.testing.assert_allclose(weighted.mixture.means, twice.mixture.means, atol=1e-6)


def test_missing_cells_can_be_trimmed_too() -> None:
    rows = table()
    rows[np.random.default_rng(2).random(rows.shape) < 0.1] = np.nan
    means = gmix.fit(rows, 3, covariance="VVV", trim=0.1, rng=0).mixture.means
    np.testing.assert_allclose(means, [[0, 0], [0, 8], [6, 0]], atol=0.5)


@pytest.mark.parametrize("trim", [-0.1, 0.5, np.nan, "a", True])
def test_a_wrong_share_is_refused(trim: object) -> None:
    with pytest.raises(gmix.ParameterError, match="trim is"):
        gmix.fit(table(), 2, trim=trim)  # type: ignore[arg-type]


def test_rows_that_are_not_in_memory_are_refused() -> None:
    with pytest.raises(gmix.ParameterError, match="trim needs a table in memory"):
        gmix.fit([table(), table()], 2, trim=0.1)
