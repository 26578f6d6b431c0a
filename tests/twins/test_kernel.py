"""The compiled kernel and the plain one in NumPy find the same."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from combinations import by_pairs
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import FORMS, Form
from gmix.model.covariance.form import DIAGONAL, FULL, SPHERICAL, TIED
from gmix.model.kernel import ReferenceKernel, kernel
from gmix.model.statistics import SufficientStatistics

pytestmark = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")

Array = NDArray[np.float64]
PLAIN = ReferenceKernel()
SHAPES = [
    (1, 1, 1),
    (7, 1, 3),
    (500, 2, 2),
    (2049, 3, 5),
    (300, 8, 4),
    (130, 17, 3),
    (60, 20, 2),
    (90, 40, 2),
    (5000, 2, 1),
]
MANY = [(700, 5, 9), (2500, 8, 20), (300, 16, 16), (40, 7, 7)]  # components, which are alike
APART = [(1100, 24, 9), (900, 33, 12), (1000, 65, 4)]  # of more rows than are looked at before they are
NEIGHBORS = [(2500, 9, 300), (700, 33, 260), (300, 8, 256), (300, 7, 300), (300, 9, 255)]  # many components
ORDERS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "strided": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
}
each_form = pytest.mark.parametrize("form", FORMS, ids=repr)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def world(
    form: Form, n: int, d: int, k: int, offset: float = 0.0, scale: float = 1.0, unlike: float = 1.0
) -> tuple[Array, Components]:
    """Rows, and a mixture near them whose components overlap."""
    rng = np.random.default_rng([n, d, k])
    root = unlike * rng.standard_normal((k, d, d)) / np.sqrt(d) + np.eye(d)
    compact = form.compress(root @ root.mT) * scale**2
    factor = form.factor(compact)
    means = offset + scale * rng.standard_normal((k, d))
    log_constants = np.log(rng.dirichlet(np.ones(k))) - form.log_determinant(factor, k, d) - d * np.log(2 * np.pi) / 2
    return offset + scale * 2 * rng.standard_normal((n, d)), Components(
        form, log_constants, means, factor, form.whitener(factor)
    )


def assert_same(fast: list[SufficientStatistics], obvious: list[SufficientStatistics], precision: float) -> None:
    for a, b in zip(fast, obvious, strict=True):
        total = max(float(b.mass.sum()), 1.0)
        deviation = np.sqrt(b.reference.variances)
        np.testing.assert_allclose(a.mass, b.mass, rtol=precision, atol=precision * total)
        np.testing.assert_allclose(b.mass[:, None] * (a.mean - b.mean) / deviation / total, 0.0, atol=precision)
        scatter = b.form.congruence(b.form.compress(np.diag(1.0 / deviation)[None]), a.scatter - b.scatter)
        np.testing.assert_allclose(scatter / total, 0.0, atol=precision * deviation.size)
        np.testing.assert_allclose(a.log_likelihood, b.log_likelihood, rtol=precision, atol=precision * total)


def assert_twins(rows: Array, mixtures: list[Components], weight: Array | None, precision: float) -> None:
    assert_same(kernel.expect(Rows(rows, weight), mixtures), PLAIN.expect(Rows(rows, weight), mixtures), precision)
    for mixture in mixtures:
        fast_log_density, fast_posterior = kernel.posterior(Rows(rows), mixture, True)
        log_density, posterior = PLAIN.posterior(Rows(rows), mixture, True)
        assert fast_posterior is not None
        assert posterior is not None
        np.testing.assert_allclose(fast_log_density, log_density, rtol=precision, atol=precision)
        np.testing.assert_allclose(fast_posterior, posterior, rtol=0, atol=precision * 10)
        alone, nothing = kernel.posterior(Rows(rows), mixture, False)
        assert nothing is None
        np.testing.assert_allclose(alone, log_density, rtol=precision, atol=precision)


def assert_coarse(rows: Array, mixture: Components, weight: Array | None) -> None:
    """Coarse statistics are good to what float32 holds."""
    every = Rows(rows, weight)
    assert_same(kernel.expect(every, [mixture], coarse=True), PLAIN.expect(every, [mixture]), 1e-5)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@each_shape
@each_dtype
@each_form
def test_over_shapes(form: Form, dtype: type, shape: tuple[int, int, int], weighted: bool) -> None:
    rows, mixture = world(form, *shape)
    weight = np.random.default_rng(1).integers(0, 4, shape[0]) / 2 if weighted else None
    assert_twins(rows.astype(dtype), [mixture], weight, 1e-11)


@pytest.mark.parametrize(
    ("dtype", "offset", "scale"),
    [
        (np.float32, 0.0, 1.0), (np.float32, 1e4, 1.0),
        (np.float64, 1e8, 1.0), (np.float64, 0.0, 1e140), (np.float64, 0.0, 1e-140),
    ],
)  # fmt: skip
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("shape", SHAPES[1:], ids=lambda s: "x".join(map(str, s)))  # one row has no spread
@each_form
def test_coarse_sums_are_good_to_what_float32_holds(
    form: Form, shape: tuple[int, int, int], weighted: bool, dtype: type, offset: float, scale: float
) -> None:
    rows, mixture = world(form, *shape, offset, scale)
    rows = rows.astype(dtype)
    weight = np.random.default_rng(1).integers(0, 4, shape[0]) / 2 if weighted else None
    assert_coarse(rows, mixture, weight)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("offset", "scale"), [(0.0, 1.0), (1e4, 1.0), (0.0, 1e140), (0.0, 1e-140)])
@pytest.mark.parametrize("shape", MANY, ids=lambda s: "x".join(map(str, s)))
@each_form
def test_many_components_that_are_alike(
    form: Form, shape: tuple[int, int, int], offset: float, scale: float, weighted: bool
) -> None:
    rows, mixture = world(form, *shape, offset, scale, unlike=0.3)
    rows[::7] += scale * np.linspace(0.0, 30.0, shape[1])  # far from all
    weight = np.random.default_rng(1).integers(0, 4, shape[0]) / 2 if weighted else None
    assert_twins(rows, [mixture], weight, 1e-9 if offset else 1e-11)
    assert_coarse(rows, mixture, weight)


@by_pairs(
    dtype=[np.float32, np.float64],
    order=ORDERS,
    shape=APART,
    apart=[1.0, 2.5, 4.0, 8.0, 40.0],
    weighted={"plain": False, "weighted": True},
)
def test_components_that_lie_apart(
    dtype: type, order: object, shape: tuple[int, int, int], apart: float, weighted: bool
) -> None:
    n, d, k = shape
    _, mixture = world(FULL, n, d, k, offset=3.0)
    mixture = mixture._replace(means=3.0 + apart * (mixture.means - 3.0))
    rng = np.random.default_rng(2)
    own = rng.integers(0, k, n)
    rows = mixture.means[own] + np.einsum("nij,nj->ni", mixture.factor[own], rng.standard_normal((n, d)))
    rows[::50] = rng.standard_normal((len(rows[::50]), 1)) + mixture.means[:2].mean(0)  # of two components, or none
    weight = rng.integers(0, 4, n) / 2 if weighted else None
    rows = order(rows.astype(dtype))
    assert_twins(rows, [mixture], weight, 1e-11)
    assert_coarse(rows, mixture, weight)


def many_apart(form: Form, shape: tuple[int, int, int], apart: float, offset: float) -> tuple[Array, Components]:
    """Rows from a mixture of many components, of which few matter to a row if they lie far `apart`."""
    n, d, k = shape
    _, mixture = world(form, n, d, k, offset)
    mixture = mixture._replace(means=offset + apart * (mixture.means - offset))
    rng = np.random.default_rng(3)
    own = rng.integers(0, k, n)
    factor = mixture.factor if form is DIAGONAL else mixture.factor[:, None]
    return mixture.means[own] + factor[own] * rng.standard_normal((n, d)), mixture


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("apart", [0.3, 3.0, 8.0, 40.0])
@pytest.mark.parametrize("shape", NEIGHBORS, ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize("form", [DIAGONAL, SPHERICAL], ids=repr)
def test_many_components_of_which_few_matter(
    form: Form, shape: tuple[int, int, int], apart: float, weighted: bool
) -> None:
    rows, mixture = many_apart(form, shape, apart, 2.0)
    rows[::40] = rows[::40][::-1] / 2 + rows[::40] / 2  # between two components
    rows[::70] += 30.0  # far from all
    weight = np.random.default_rng(2).integers(0, 4, shape[0]) / 2 if weighted else None
    assert_twins(rows, [mixture], weight, 1e-11)
    assert_coarse(rows, mixture, weight)


@pytest.mark.parametrize("form", [DIAGONAL, SPHERICAL], ids=repr)
def test_many_components_and_rows_that_are_not_from_them(form: Form) -> None:
    rows, mixture = many_apart(form, (600, 9, 300), 8.0, 0.0)
    assert_twins(8.0 * np.random.default_rng(5).standard_normal(rows.shape), [mixture], None, 1e-11)
    rows[300] *= 1e30
    dead = mixture._replace(log_constants=np.where(np.arange(300) % 3 == 0, -np.inf, mixture.log_constants))
    assert_twins(rows, [mixture, dead], None, 1e-11)


@pytest.mark.parametrize("coarse", [False, True])
def test_many_components_have_the_same_bits_on_any_number_of_threads(coarse: bool) -> None:
    rows, mixture = many_apart(DIAGONAL, (9000, 9, 300), 8.0, 0.0)
    one, two = (kernel.expect(Rows(rows), [mixture], coarse=coarse, threads=n)[0] for n in (1, 2))
    assert one.log_likelihood == two.log_likelihood
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.scatter, two.scatter)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@each_dtype
@each_form
def test_over_orders_in_memory(form: Form, dtype: type, order: object) -> None:
    rows, mixture = world(form, 700, 3, 2)
    assert_twins(order(rows.astype(dtype)), [mixture], None, 1e-11)


@pytest.mark.parametrize(
    ("offset", "scale", "precision"),
    [(1e8, 1.0, 1e-7), (1e4, 1e-3, 1e-9), (0.0, 1e-150, 1e-11), (0.0, 1e150, 1e-11), (1e4, 1e-6, 1e-6)],
)
@each_form
def test_over_offsets_and_scales(form: Form, offset: float, scale: float, precision: float) -> None:
    rows, mixture = world(form, 600, 3, 2, offset, scale)
    assert_twins(rows, [mixture], None, precision)


@each_form
def test_over_several_mixtures_of_all_forms_at_once(form: Form) -> None:
    rows, _ = world(form, 400, 3, 2)
    assert_twins(rows, [world(f, 400, 3, k)[1] for f in (form, *FORMS) for k in (1, 2, 5)], None, 1e-11)


@each_dtype
@each_form
def test_far_rows_and_dead_components(form: Form, dtype: type) -> None:
    rows, mixture = world(form, 300, 2, 3)
    # Where all covariances are one, a longer way loses sight of the means, but for the compiled kernel's linear form.
    rows[::50] *= 1e6 if form is TIED else 1e30
    dead = mixture._replace(log_constants=np.where([True, False, True], mixture.log_constants, -np.inf))
    assert_twins(rows.astype(dtype), [mixture, dead], None, 1e-11)


def test_far_rows_go_the_way_they_point_where_covariances_are_one() -> None:
    _, mixture = world(TIED, 300, 2, 3)
    whitened_means = mixture.means @ mixture.whitener.T
    directions = np.random.default_rng(0).standard_normal((50, 2))
    _, posterior = kernel.posterior(Rows(1e30 * directions), mixture, True)
    assert posterior is not None
    nearest = (directions @ mixture.whitener.T @ whitened_means.T).argmax(1)
    np.testing.assert_array_equal(posterior.argmax(1), nearest)


@each_form
def test_rows_whose_every_density_is_zero(form: Form) -> None:
    rows, mixture = world(form, 64, 2, 3)
    rows[10] = [1e200, 0.0]
    rows[20] = [-1e180, 1e180]
    dead = mixture._replace(log_constants=np.where([True, False, True], mixture.log_constants, -np.inf))
    for m in (mixture, dead):
        fast, obvious = kernel.posterior(Rows(rows), m, True), PLAIN.posterior(Rows(rows), m, True)
        np.testing.assert_allclose(fast[0], obvious[0], rtol=1e-11)
        np.testing.assert_allclose(fast[1], obvious[1], rtol=0, atol=1e-10)
        assert np.isneginf(fast[0][[10, 20]]).all()


@each_form
def test_weightless_and_absent_rows_add_nothing(form: Form) -> None:
    rows, mixture = world(form, 100, 2, 3)
    weight = np.arange(100.0) % 2
    rows[0] = 1e200
    [with_them] = kernel.expect(Rows(rows, weight), [mixture])
    [without] = kernel.expect(Rows(rows[1::2]), [mixture])
    np.testing.assert_allclose(with_them.mass, without.mass, rtol=1e-12)
    np.testing.assert_allclose(with_them.scatter, without.scatter, rtol=1e-10, atol=1e-12)
    [nothing] = kernel.expect(Rows(rows[:0]), [mixture])
    assert not nothing.mass.any()
    assert nothing.log_likelihood == 0.0
    assert not nothing.scatter.any()
    assert kernel.posterior(Rows(rows[:0]), mixture, True)[1].shape == (0, 3)
