"""The E-step with a background, compiled beside NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import DIAGONAL, FORMS, FULL, Form
from gmix.model.families import GAUSSIAN, StudentT
from gmix.model.kernel import ReferenceKernel, kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

pytestmark = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")

Array = NDArray[np.float64]
PLAIN = ReferenceKernel()


def table(n: int, d: int, rng: np.random.Generator) -> Array:
    return np.vstack([rng.normal(size=(n - n // 5, d)), rng.uniform(-6.0, 9.0, (n // 5, d))])


def components(form: Form, k: int, d: int, rng: np.random.Generator) -> Components:
    root = rng.normal(size=(k, d, d)) / d + np.eye(d)
    compact = np.array(form.compress(root @ root.mT))
    weights = np.full(k, 0.8 / k)
    return PLAIN.prepare(form, weights, rng.normal(size=(k, d)), compact)


def reference_of(form: Form, rows: Rows, d: int) -> Reference:
    one = SufficientStatistics.none(form, 1, Reference.none(form, d)).reference
    return Reference(form, one.count, one.mean, one.scatter, float(rows.mass.sum()))


def assert_twins(rows: Rows, given: Components) -> None:
    d = given.means.shape[1]
    reference = reference_of(given.form, rows, d)
    [mine], [yours] = (each.expect(rows, [given], [reference]) for each in (kernel, PLAIN))
    assert mine.arrays.keys() == yours.arrays.keys()
    for name, array in mine.arrays.items():
        scale = max(float(np.abs(array).max()), 1.0)
        pair = array, yours.arrays[name]
        one, other = map(np.sum, pair) if name == "extra joint" else pair  # of which the sum counts
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11 * scale, err_msg=name)
    for one, other in zip(kernel.posterior(rows, given, True), PLAIN.posterior(rows, given, True), strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("kind", ["plain", "weights", "float32", "missing", "labels"])
@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 2), (2, 5)])
def test_the_compiled_e_step_agrees_with_the_plain_one(form: Form, kind: str, k: int, d: int) -> None:
    rng = np.random.default_rng([k, d])
    x: NDArray[Any] = table(5_000 if kind == "plain" else 700, d, rng)
    given = components(form, k, d, rng)._replace(background=Background(0.2, x.min(0) - 0.5, x.max(0) - 0.5))
    weights, labels = None, None
    if kind == "weights":
        weights = np.where(rng.random(len(x)) < 0.1, 0.0, rng.exponential(size=len(x)))
    if kind == "float32":
        x = x.astype(np.float32)
    if kind == "missing":
        x = np.where(rng.random(x.shape) < 0.2, np.nan, x)
    if kind == "labels":
        labels, given = rng.integers(-1, k, len(x)).astype(float), given._replace(groups=np.arange(float(k)))
    assert_twins(Rows(x, weights, labels, incomplete=kind == "missing"), given)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_rows_with_errors_may_belong_to_the_background(form: Form) -> None:
    rng = np.random.default_rng(4)
    x = table(400, 3, rng)
    given = components(form, 2, 3, rng)._replace(background=Background(0.2, x.min(0), x.max(0)))
    assert_twins(Rows(x, rng.exponential(size=len(x)), errors=rng.exponential(size=x.shape)), given)


@pytest.mark.parametrize("family", [GAUSSIAN, StudentT(4.0)], ids=str)
def test_every_family_and_a_stated_density_agree(family: Any) -> None:
    rng = np.random.default_rng(5)
    given = components(FULL, 2, 3, rng)._replace(family=family, background=Background.of_density(0.2, 1e-4, 3))
    assert_twins(Rows(table(400, 3, rng)), given)


def test_rows_of_any_distance_agree() -> None:
    x = np.array([[0.0, 0.0], [1e3, 0.0], [1e200, 1.0], [-1e200, 1.0], [4.0, 4.0]])
    given = components(DIAGONAL, 2, 2, np.random.default_rng(0))
    boxed = given._replace(background=Background(0.2, [-1.0, -1.0], [1e200, 2.0]))
    for mine, yours in zip(kernel.posterior(Rows(x), boxed, True), PLAIN.posterior(Rows(x), boxed, True), strict=True):
        assert mine is not None
        assert yours is not None
        np.testing.assert_allclose(mine, yours, rtol=1e-9, atol=1e-12)
    assert_twins(Rows(x[:3]), boxed)


def test_neither_threads_nor_blocks_change_a_bit() -> None:
    rng = np.random.default_rng(1)
    x = table(20_000, 3, rng)
    given = components(FULL, 3, 3, rng)._replace(background=Background(0.2, x.min(0), x.max(0)))
    reference = reference_of(FULL, Rows(x), 3)
    every = [
        kernel.expect(rows, [given], [reference], threads=threads)[0]
        for rows, threads in ((Rows(x), 1), (Rows(x), 4), ([Rows(x[:8192]), Rows(x[8192:])], 2))
    ]
    for one in every[1:]:
        for name, array in one.arrays.items():
            np.testing.assert_array_equal(array, every[0].arrays[name], err_msg=name)
