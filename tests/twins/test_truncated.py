"""Truncated E-steps: the compiled ones and those in NumPy find the same, and their lower bound does not fall."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from combinations import by_pairs
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance.form import DIAGONAL, SPHERICAL, Form
from gmix.model.kernel import CompiledKernel, Kernel, ReferenceKernel, kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

pytestmark = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")

Array = NDArray[np.float64]
PLAIN = ReferenceKernel()
SHAPES = [(1, 1, 1), (70, 2, 3), (300, 8, 20), (2100, 9, 40), (250, 33, 60)]
each_form = pytest.mark.parametrize("form", [DIAGONAL, SPHERICAL], ids=repr)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))


def world(form: Form, shape: tuple[int, int, int], apart: float, seed: int = 0) -> tuple[Array, Components]:
    """Rows, and the mixture that they are from."""
    n, d, k = shape
    rng = np.random.default_rng([n, d, k, seed])
    compact = form.compress(np.exp(rng.standard_normal((k, d, 1))) * np.eye(d) / 2)
    factor = form.factor(compact)
    means = apart * rng.standard_normal((k, d))
    log_constants = np.log(rng.dirichlet(np.ones(k))) - form.log_determinant(factor, k, d) - d * np.log(2 * np.pi) / 2
    own = rng.integers(0, k, n)
    spread = factor if form is DIAGONAL else factor[:, None]
    rows = means[own] + spread[own] * rng.standard_normal((n, d))
    return rows, Components(form, log_constants, means, factor, form.whitener(factor))


def reference(rows: Rows, components: Components) -> Reference:
    return PLAIN.expect(rows, [components])[0].reference


def moved(components: Components, steps: int) -> list[Components]:
    """Components that change from step to step."""
    rng = np.random.default_rng(9)
    return [
        components._replace(means=components.means + 0.1 * step * rng.standard_normal(components.means.shape))
        for step in range(steps)
    ]


def steps(
    of: Kernel, rows: Rows, every: list[Components], most: int, neighbors: int, threads: int | None = None
) -> list[SufficientStatistics]:
    labels = np.random.default_rng(1).integers(0, len(every[0].means), len(rows))
    expect = of.truncated(rows, labels, most, neighbors, reference(rows, every[0]), threads)
    return [expect(each) for each in every]


def assert_same(fast: SufficientStatistics, obvious: SufficientStatistics) -> None:
    total = obvious.total_weight
    np.testing.assert_allclose(fast.log_likelihood, obvious.log_likelihood, rtol=1e-11, atol=1e-11 * total)
    np.testing.assert_allclose(fast.mass, obvious.mass, rtol=1e-10, atol=1e-10 * total)
    mass = obvious.mass[:, None]
    np.testing.assert_allclose(mass * fast.mean, mass * obvious.mean, atol=1e-9 * total)
    np.testing.assert_allclose(fast.scatter, obvious.scatter, rtol=1e-9, atol=1e-9 * total)


@by_pairs(
    form=[DIAGONAL, SPHERICAL],
    shape=SHAPES,
    apart=[0.5, 2.0, 8.0],
    kept=[(1, 3), (3, 4), (5, 16)],
    weighted={"plain": False, "weighted": True},
)
def test_both_kernels_find_the_same(
    form: Form, shape: tuple[int, int, int], apart: float, kept: tuple[int, int], weighted: bool
) -> None:
    most, neighbors = kept
    values, components = world(form, shape, apart)
    weight = np.random.default_rng(2).integers(1, 4, shape[0]) / 2 if weighted else None
    rows, every = Rows(values, weight), moved(components, 3)
    for fast, obvious in zip(
        steps(kernel, rows, every, most, neighbors), steps(PLAIN, rows, every, most, neighbors), strict=True
    ):
        assert_same(fast, obvious)


@each_form
def test_float32_and_strided_rows(form: Form) -> None:
    values, components = world(form, (300, 9, 40), 2.0)
    for rows in (values.astype(np.float32), np.asfortranarray(values), np.repeat(values, 2, 0)[::2]):
        for fast, obvious in zip(
            steps(kernel, Rows(rows), moved(components, 2), 3, 8),
            steps(PLAIN, Rows(rows), moved(components, 2), 3, 8),
            strict=True,
        ):
            assert_same(fast, obvious)


@pytest.mark.parametrize("of", [kernel, PLAIN], ids=["compiled", "NumPy"])
@each_form
def test_with_as_many_components_as_there_are_the_step_is_exact(form: Form, of: Kernel) -> None:
    values, components = world(form, (400, 9, 12), 1.0)
    rows = Rows(values)
    [found] = steps(of, rows, [components], 12, 12)
    assert_same(found, PLAIN.expect(rows, [components])[0])


@pytest.mark.parametrize("of", [kernel, PLAIN], ids=["compiled", "NumPy"])
def test_the_lower_bound_rises_to_the_log_likelihood_while_components_rest(of: Kernel) -> None:
    values, components = world(DIAGONAL, (500, 8, 50), 2.0)
    rows = Rows(values)
    exact = PLAIN.expect(rows, [components])[0]
    labels = PLAIN.nearest(values, components.means)
    expect = of.truncated(rows, labels, 4, 8, exact.reference)
    bounds = np.array([expect(components).log_likelihood for _ in range(6)])
    assert (np.diff(bounds) >= -1e-10 * abs(exact.log_likelihood)).all()
    assert bounds[0] < bounds[-1] <= exact.log_likelihood
    assert bounds[-1] > exact.log_likelihood - 0.2 * len(values)


def test_the_number_of_threads_changes_no_bit() -> None:
    values, components = world(DIAGONAL, (9000, 8, 60), 2.0)
    one, two = (steps(kernel, Rows(values), moved(components, 3), 3, 8, threads) for threads in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert a.log_likelihood == b.log_likelihood
        np.testing.assert_array_equal(a.mean, b.mean)
        np.testing.assert_array_equal(a.scatter, b.scatter)


def test_far_rows_and_dead_components() -> None:
    values, components = world(DIAGONAL, (300, 9, 40), 3.0)
    dead = components._replace(log_constants=np.where(np.arange(40) % 3 == 0, -np.inf, components.log_constants))
    for fast, obvious in zip(
        steps(kernel, Rows(values), [components, dead], 3, 12),
        steps(PLAIN, Rows(values), [components, dead], 3, 12),
        strict=True,
    ):
        assert_same(fast, obvious)
    values[7] *= 1e200
    [found] = steps(kernel, Rows(values), [components], 3, 12)
    assert np.isneginf(found.log_likelihood)
    assert np.isfinite(found.mass).all()


def test_the_compiled_steps_refuse_what_they_cannot_do() -> None:
    values, components = world(DIAGONAL, (30, 2, 4), 1.0)
    assert isinstance(kernel, CompiledKernel)
    term, labels = reference(Rows(values), components), np.zeros(30, np.intp)
    with pytest.raises(ValueError, match="no component"):
        kernel.truncated(Rows(values), labels + 4, 2, 2, term)(components)
    expect = kernel.truncated(Rows(values), labels, 2, 2, term)
    expect(components)
    with pytest.raises(ValueError, match="one form"):
        expect(world(DIAGONAL, (30, 2, 5), 1.0)[1])
    with pytest.raises(ValueError, match="known completely"):
        kernel.truncated(Rows(values, labels=np.zeros(30)), labels, 2, 2, term)


def clusters(n: int, width: int, k: int) -> tuple[Array, Array, NDArray[np.intp]]:
    """Points of unit scale, centers, and some center for each point."""
    rng = np.random.default_rng([n, width, k])
    centers = rng.standard_normal((k, width))
    return centers[rng.integers(0, k, n)] + 0.2 * rng.standard_normal((n, width)), centers, rng.integers(0, k, n)


@pytest.mark.parametrize("shape", [(40, 1, 1), (60, 2, 3), (500, 9, 40), (300, 17, 64)])
def test_neighbors_of_centers_and_the_nearest_among_them(shape: tuple[int, int, int]) -> None:
    points, centers, labels = clusters(*shape)
    n = min(6, len(centers))
    near, plain = kernel.neighbors(centers, n), PLAIN.neighbors(centers, n)
    np.testing.assert_array_equal(near, plain)
    moved = centers + 0.3 * np.random.default_rng(4).standard_normal(centers.shape)
    near = kernel.neighbors(moved, n, near)
    np.testing.assert_array_equal(near, PLAIN.neighbors(moved, n, plain))
    found = kernel.nearest_neighbors(points, moved, labels, near)
    np.testing.assert_array_equal(found, PLAIN.nearest_neighbors(points, moved, labels, near))
    distances = np.square(points[:, None] - moved).sum(-1)
    every = np.arange(len(points))
    assert (distances[every, found] <= distances[every, labels]).all()


def test_neighbors_lead_to_the_nearest_center_if_they_are_all_others() -> None:
    points, centers, labels = clusters(300, 5, 20)
    found = kernel.nearest_neighbors(points, centers, labels, kernel.neighbors(centers, 19))
    np.testing.assert_array_equal(found, kernel.nearest(points, centers))


def test_places_that_name_no_center_are_refused() -> None:
    points, centers, labels = clusters(30, 2, 4)
    near = kernel.neighbors(centers, 2)
    for wrong in ((labels - 9, near), (labels, near + 4)):
        with pytest.raises(ValueError, match="no center"):
            kernel.nearest_neighbors(points, centers, *wrong)
    with pytest.raises(ValueError, match="from one to K"):
        kernel.neighbors(centers, 5)
