"""Frozen parameters stay to the last bit, and EM is the maximum over the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture, ParameterError

Array = NDArray[np.float64]
START = GaussianMixture(
    [0.3, 0.3, 0.4],
    [[0.1, 0.0, 0.3], [4.1, 1.3, -2.0], [1.0, 3.7, 3.0]],
    [np.eye(3), np.diag([0.5, 1.0, 3.0]), [[2.0, 0.3, 0.0], [0.3, 1.0, 0.2], [0.0, 0.2, 1.0]]],
)
CASES: list[dict[str, Any]] = [
    {"means": [0, 1]},
    {"covariances": [2]},
    {"weights": [1]},
    {"means": [0, 1], "covariances": True, "weights": [2]},
    {"means": True, "covariances": [0, 1]},
    {"means": True, "covariances": True},
    {"means": 2, "covariances": [0], "weights": [0, 2]},
]


@pytest.mark.parametrize("freeze", CASES, ids=repr)
@pytest.mark.parametrize("prior", [None, gmix.NormalInverseWishart() + gmix.Dirichlet(1.5)], ids=repr)
def test_frozen_parameters_stay_to_the_bit(points: Array, freeze: dict[str, Any], prior: gmix.Prior | None) -> None:
    fit = gmix.fit(points, start=START, freeze=freeze, prior=prior, tolerance=1e-11, max_iterations=5000)
    frozen = fit.frozen
    for name in ("means", "covariances", "weights"):
        some = list(getattr(frozen, name))
        np.testing.assert_array_equal(getattr(fit.mixture, name)[some], getattr(START, name)[some])
    assert fit.mixture.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert (np.diff(fit.history) >= -1e-9 * abs(fit.history[0])).all()
    assert fit.gradient_norm < 1e-4
    assert fit.history[-1] > fit.history[0]


@pytest.mark.parametrize(
    ("freeze", "free"),
    [
        (None, 2 + 9 + 18),
        ({"means": [0, 1]}, 2 + 3 + 18),
        ({"covariances": [2]}, 2 + 9 + 12),
        ({"weights": [1]}, 1 + 9 + 18),
        ({"weights": [0, 1]}, 0 + 9 + 18),
        ({"weights": True, "covariances": True}, 9),
        ({"weights": True, "covariances": True, "means": True}, 0),
    ],
    ids=repr,
)
def test_only_free_parameters_are_counted(
    points: Array, freeze: dict[str, Any] | None, free: int, tmp_path: Path
) -> None:
    fit = gmix.fit(points, start=START, freeze=freeze)
    assert fit.n_parameters == free
    assert fit.bic == pytest.approx(-2.0 * fit.log_likelihood + free * np.log(len(points)))
    assert fit.search.best.bic == fit.bic
    assert fit.search.table()[0]["parameters"] == free
    fit.save(tmp_path / "model.json")
    loaded = gmix.load(tmp_path / "model.json")
    assert (loaded.n_parameters, loaded.bic, loaded.frozen) == (free, fit.bic, fit.frozen)


def test_the_covariance_is_about_a_frozen_mean(points: Array) -> None:
    one = GaussianMixture([1.0], [[9.0, 0.0, 1.0]], [np.eye(3)])
    fit = gmix.fit(points, start=one, freeze={"means": [0]})
    deviations = points - one.means[0]
    np.testing.assert_allclose(fit.mixture.covariances[0], deviations.T @ deviations / len(points), rtol=1e-12)


@pytest.mark.parametrize("covariance", ["EEE", "VEV", "VVI", "EII"])
def test_all_covariances_can_be_frozen_in_any_structure(points: Array, covariance: str) -> None:
    start = gmix.fit(points, 3, covariance=covariance, rng=0).mixture
    compact = start.covariances[0] if covariance == "EEE" else start.covariances
    compact = start.covariances[0] if covariance == "EEE" else start.covariances
    moved = GaussianMixture(start.weights, start.means + 0.3, compact, covariance)
    fit = gmix.fit(points, start=moved, freeze={"covariances": True})
    np.testing.assert_array_equal(fit.mixture.covariances, moved.covariances)
    assert fit.log_likelihood > fit.history[0]


def test_free_weights_share_what_frozen_ones_leave(points: Array) -> None:
    fit = gmix.fit(points, start=START, freeze={"weights": [1]}, tolerance=1e-12)
    mass = fit.statistics.mass
    np.testing.assert_allclose(fit.mixture.weights[[0, 2]], 0.7 * mass[[0, 2]] / mass[[0, 2]].sum(), rtol=1e-4)


def test_with_holes_weights_and_labels(points: Array, labels: NDArray[np.intp]) -> None:
    x = points.copy()
    x[np.random.default_rng(0).random(x.shape) < 0.2] = np.nan
    known = np.where(np.arange(len(x)) % 2 == 0, labels, -1)
    weights = np.random.default_rng(1).random(len(x))
    fit = gmix.fit(x, start=START, labels=known, sample_weight=weights, freeze={"means": [1], "covariances": [0]})
    assert fit.groups == (0, 1, 2)
    np.testing.assert_array_equal(fit.mixture.means[1], START.means[1])
    np.testing.assert_array_equal(fit.mixture.covariances[0], START.covariances[0])
    assert (np.diff(fit.history) >= -1e-9 * abs(fit.history[0])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": {"means": [3]}}, "names component 3, and the start has 3"),
        ({"freeze": {"means": [-1]}}, "numbered from 0"),
        ({"freeze": {"means": "all"}}, "numbered from 0"),
        ({"freeze": {"mean": [0]}}, "did you mean 'means'"),
        ({"freeze": ["means"]}, "give a dictionary"),
        ({"freeze": {"means": [0]}, "start": "auto"}, "give start="),
        ({"freeze": {"covariances": [0]}, "covariance": "VEV"}, "freeze holds covariances"),
        ({"freeze": {"covariances": True}, "covariance": "EEE"}, "EEE.* cannot"),
        ({"freeze": {"weights": [0]}, "equal_weights": True}, "leave one of them out"),
    ],
)
def test_what_cannot_be_frozen(points: Array, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gmix.fit(points, **{"start": START, **options})


def test_some_covariances_of_a_structure_that_relates_them(points: Array) -> None:
    start = gmix.fit(points, 3, covariance="VEV", rng=0).mixture
    with pytest.raises(ParameterError, match="relates those of all; freeze all with True"):
        gmix.fit(points, start=start, freeze={"covariances": [0]})


@pytest.mark.parametrize("freeze", [*CASES, {"weights": [0, 1]}], ids=repr)
@pytest.mark.parametrize("prior", [None, gmix.NormalInverseWishart() + gmix.Dirichlet(1.5)], ids=repr)
def test_a_background_shares_what_frozen_weights_leave(
    points: Array, freeze: dict[str, Any], prior: gmix.Prior | None
) -> None:
    x = np.vstack([points, np.random.default_rng(0).uniform(-6.0, 9.0, (20, 3))])
    fit = gmix.fit(x, start=START, freeze=freeze, background=True, prior=prior, tolerance=1e-12, max_iterations=5000)
    background, frozen = fit.mixture.background, fit.frozen
    assert background is not None
    for name in ("means", "covariances", "weights"):
        some = list(getattr(frozen, name))
        np.testing.assert_array_equal(getattr(fit.mixture, name)[some], getattr(START, name)[some])
    assert fit.mixture.weights.sum() + background.weight == pytest.approx(1.0, abs=1e-14)
    assert (np.diff(fit.history) >= -1e-9 * abs(fit.history[0])).all()
    assert fit.gradient_norm < 1e-4
    without = gmix.fit(x, start=START, freeze=freeze)
    assert fit.n_parameters == without.n_parameters + (0 if len(frozen.weights) == 3 else 1)
    if prior is None:
        free = [k for k in range(3) if k not in frozen.weights]
        counts = np.append(fit.statistics.counts[free], len(x) - fit.statistics.counts.sum())
        found = np.append(fit.mixture.weights[free], background.weight)
        np.testing.assert_allclose(found, found.sum() * counts / counts.sum(), rtol=1e-3)


def test_a_start_with_a_background_keeps_all_its_frozen_weights(points: Array) -> None:
    box = gmix.Background(0.1, points.min(0) - 1.0, points.max(0) + 1.0)
    start = GaussianMixture(0.9 * START.weights, START.means, START.covariances, background=box)
    fit = gmix.fit(points, start=start, freeze={"weights": True})
    assert fit.mixture.background.weight == pytest.approx(0.1, rel=1e-15)
    np.testing.assert_array_equal(fit.mixture.weights, start.weights)
    assert fit.n_parameters == 9 + 18
    errors = gmix.standard_errors(fit, points)
    assert errors.background == 0.0
    assert not errors.weights.any()
    for background in (True, "auto"):
        with pytest.raises(ParameterError, match="sum to one, so no weight remains for a background"):
            gmix.fit(points, start=START, freeze={"weights": True}, background=background)


def test_a_background_without_frozen_weights_is_that_of_a_fit_without_frozen_parameters(points: Array) -> None:
    """Frozen means that are already at the optimum change nothing."""
    x = np.vstack([points, np.random.default_rng(0).uniform(-6.0, 9.0, (20, 3))])
    free = gmix.fit(x, start=START, background=True, tolerance=1e-13, max_iterations=5000)
    mixture = free.mixture.without_background
    frozen = gmix.fit(x, start=mixture, freeze={"means": True}, background=True, tolerance=1e-13, max_iterations=5000)
    assert frozen.log_likelihood == pytest.approx(free.log_likelihood, rel=1e-10)
    assert frozen.mixture.background.weight == pytest.approx(free.mixture.background.weight, rel=1e-4)
