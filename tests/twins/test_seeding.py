"""The compiled clusters to start from beside the plain ones."""

from __future__ import annotations

import numpy as np
import pytest

from gmix.fitting.k_means import cluster
from gmix.model.kernel import ReferenceKernel, kernel

pytestmark = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")
PLAIN = ReferenceKernel()


@pytest.mark.parametrize("sweeps", [0, 1, 10])
@pytest.mark.parametrize(
    ("n", "width", "k"), [(1, 1, 1), (7, 1, 7), (150, 4, 3), (500, 2, 9), (400, 12, 5), (1000, 3, 20), (5000, 3, 6)]
)
def test_both_find_the_same_clusters(n: int, width: int, k: int, sweeps: int) -> None:
    rng = np.random.default_rng([n, width, k])
    points = rng.standard_normal((n, width)) + 3.0 * rng.integers(0, 3, (n, 1))
    for mass in (np.ones(n), rng.exponential(size=n), np.arange(n) % 2 + float(n == 1)):
        draws = rng.random((k, 3))
        compiled, plain = kernel.cluster(points, mass, sweeps, draws), PLAIN.cluster(points, mass, sweeps, draws)
        np.testing.assert_array_equal(compiled, plain)


def test_fewer_distinct_points_than_clusters_are_no_trouble() -> None:
    points, draws = np.repeat([[0.0], [1.0]], 5, axis=0), np.random.default_rng(0).random((4, 3))
    labels = PLAIN.cluster(points, np.ones(10), 5, draws)
    np.testing.assert_array_equal(labels, np.repeat([0, 1], 5))
    np.testing.assert_array_equal(kernel.cluster(points, np.ones(10), 5, draws), labels)


@pytest.mark.parametrize(("n", "width", "k"), [(1, 1, 1), (7, 1, 7), (150, 4, 3), (5000, 3, 50)])
def test_both_find_the_same_nearest_centers(n: int, width: int, k: int) -> None:
    rng = np.random.default_rng([n, width, k])
    points, centers = rng.standard_normal((n, width)), rng.standard_normal((k, width))
    np.testing.assert_array_equal(kernel.nearest(points, centers), PLAIN.nearest(points, centers))


def test_points_without_coordinates_are_one_cluster() -> None:
    draws = np.random.default_rng(0).random((3, 3))
    for each in (PLAIN, kernel):
        np.testing.assert_array_equal(each.cluster(np.empty((9, 0)), np.ones(9), 5, draws), np.zeros(9))


def test_clear_clusters_are_found_and_counted_as_they_appear() -> None:
    labels = np.repeat([0, 1, 2], 20)
    points = 10.0 * labels[:, None] + np.random.default_rng(1).random((60, 2))
    np.testing.assert_array_equal(cluster(points, np.ones(60), 3, 10, np.random.default_rng(2)), labels)
