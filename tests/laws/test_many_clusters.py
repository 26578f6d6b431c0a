"""Starts of many components: clusters that k-means++ gets wrong are exchanged."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.fitting.start.many_clusters import many_clusters

Array = NDArray[np.float64]


def separated(k: int, per_cluster: int, width: int = 3) -> tuple[Array, NDArray[np.intp]]:
    """Points of unit scale, from clusters that lie apart, and the cluster of each."""
    rng = np.random.default_rng([k, width])
    centers = rng.permutation(np.array(np.meshgrid(*[np.arange(5.0)] * width)).reshape(width, -1).T)[:k]
    own = np.repeat(np.arange(k), per_cluster)
    points = centers[own] + 0.1 * rng.standard_normal((len(own), width))
    return (points - points.mean(0)) / points.std(0), own


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_every_cluster_is_found(seed: int, weighted: bool) -> None:
    points, own = separated(60, 20)
    mass = np.random.default_rng(seed).integers(1, 4, len(points)).astype(float) if weighted else np.ones(len(points))
    labels = many_clusters(points, mass, 60, np.random.default_rng(seed))
    pairs = np.unique(np.column_stack([own, labels]), axis=0)
    assert len(pairs) == 60
    assert len(np.unique(pairs[:, 1])) == 60


@pytest.mark.parametrize(("n", "width"), [(5, 2), (40, 1), (90, 0)])
def test_few_points_or_columns_are_no_trouble(n: int, width: int) -> None:
    points = np.random.default_rng(0).integers(0, 3, (n, width)).astype(float)
    labels = many_clusters(points, np.ones(n), 20, np.random.default_rng(0))
    assert labels.shape == (n,)
    assert labels.min() >= 0
    assert labels.max() < 20


def test_the_same_generator_gives_the_same_labels() -> None:
    points, _ = separated(30, 10)
    one, two = (many_clusters(points, np.ones(len(points)), 30, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_a_default_fit_of_many_components_reaches_the_parameters_that_made_the_rows() -> None:
    points, own = separated(260, 30, width=4)
    fit = gmix.fit(points, 260, covariance="EII", rng=0)
    best = gmix.fit(points, 260, covariance="EII", start=own)
    assert fit.log_likelihood > best.log_likelihood - 0.02 * len(points)
