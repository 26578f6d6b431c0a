"""Rows with errors: the compiled kernel agrees with the plain one."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_rows import FULL, KINDS, PLAIN, assert_same, compiled, each_form, each_kind, mixture_of, rows_of

from gmix import GaussianMixture
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import EEE, VII, VVI, VVV, Form, Structure
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import CHUNK, kernel
from gmix.model.stopping import StoppingRule
from gmix.sources import MemorySource

ORDERS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "strided": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
}


def assert_twins(rows: Rows, mixture: Components, precision: float = 1e-10) -> None:
    [fast], [plain] = kernel.expect(rows, [mixture]), PLAIN.expect(rows, [mixture])
    assert_same(plain, fast, precision)
    fast_density, fast_responsibilities = kernel.posterior(rows, mixture, True)
    density, responsibilities = PLAIN.posterior(rows, mixture, True)
    assert fast_responsibilities is not None
    assert responsibilities is not None
    np.testing.assert_allclose(fast_density, density, rtol=precision, atol=precision)
    np.testing.assert_allclose(fast_responsibilities, responsibilities, rtol=0, atol=10 * precision)
    assert np.array_equal(kernel.posterior(rows, mixture, False)[0], fast_density)
    expected = PLAIN.expected_values(rows, mixture)
    np.testing.assert_allclose(kernel.expected_values(rows, mixture), expected, rtol=precision, atol=10 * precision)


@compiled
@each_kind
@pytest.mark.parametrize("d", [*range(1, 11), 20])
@each_form
def test_over_columns(form: Form, d: int, kind: str) -> None:
    rng = np.random.default_rng([d, KINDS.index(kind)])
    k = 1 + d % 4
    assert_twins(rows_of(kind, 70, d, rng), mixture_of(form, k, d, rng))
    weights = rng.choice([0.0, 1.0, 2.5], 45)
    assert_twins(rows_of(kind, 45, d, rng, 0.3, weights=weights), mixture_of(form, k, d, rng))


@compiled
@pytest.mark.parametrize("kind", ["variances", "covariances"])
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_form
def test_over_orders_in_memory(form: Form, dtype: type, order: object, kind: str) -> None:
    rng = np.random.default_rng(3)
    for d in (1, 3, 4, 8):
        rows, mixture = rows_of(kind, 100, d, rng, 0.1), mixture_of(form, 3, d, rng)
        values = order(rows.values.astype(dtype))
        assert_twins(Rows(values, errors=rows.errors, incomplete=True), mixture)


@compiled
@pytest.mark.parametrize("n", [0, 1, 2, 31, 32, 33, CHUNK - 1, CHUNK, CHUNK + 1, 5000])
@each_form
def test_any_number_of_rows(form: Form, n: int) -> None:
    rng = np.random.default_rng(n)
    for kind in ("variances", "covariances"):
        assert_twins(rows_of(kind, n, 3, rng), mixture_of(form, 2, 3, rng))


@compiled
@each_form
def test_many_components(form: Form) -> None:
    rng = np.random.default_rng(5)
    for kind in ("variances", "covariances"):
        assert_twins(rows_of(kind, 200, 3, rng, 0.1), mixture_of(form, 70, 3, rng))


@compiled
@each_form
def test_labels(form: Form) -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(-1, 3, 400).astype(float)
    mixture = mixture_of(form, 4, 3, rng)._replace(groups=np.array([0.0, 2.0, 1.0, 2.0]))
    for kind in ("variances", "covariances"):
        rows = rows_of(kind, 400, 3, rng, 0.2, labels=labels)
        assert_twins(rows, mixture)
        rows.values[50] = 1e200  # which has the compiled kernel look at rows one by one
        found = zip(kernel.posterior(rows, mixture, True), PLAIN.posterior(rows, mixture, True), strict=True)
        for fast, plain in found:
            np.testing.assert_allclose(fast, plain, rtol=1e-10, atol=1e-10)
        [fast_sums], [plain_sums] = kernel.expect(rows, [mixture]), PLAIN.expect(rows, [mixture])
        np.testing.assert_allclose(fast_sums.mass, plain_sums.mass, rtol=1e-12)


@compiled
@each_form
def test_far_rows_are_those_of_the_plain_kernel(form: Form) -> None:
    rng = np.random.default_rng(9)
    for kind in ("variances", "covariances"):
        rows, mixture = rows_of(kind, 64, 3, rng), mixture_of(form, 3, 3, rng)
        rows.values[::9] *= 1e160 * rng.standard_normal((8, 3))
        for fast, plain in zip(
            kernel.posterior(rows, mixture, True), PLAIN.posterior(rows, mixture, True), strict=True
        ):
            np.testing.assert_allclose(fast, plain, rtol=1e-10, atol=1e-10)


@compiled
@pytest.mark.parametrize("kind", ["variances", "covariances"])
@each_form
def test_neither_threads_nor_blocks_change_a_bit(form: Form, kind: str) -> None:
    rng = np.random.default_rng(13)
    n, d = 5 * CHUNK + 100, 3
    rows, mixture = rows_of(kind, n, d, rng, 0.05), mixture_of(form, 3, d, rng)
    blocks = [rows[begin : begin + 2 * CHUNK] for begin in range(0, n, 2 * CHUNK)]
    every = [kernel.expect(rows, [mixture], threads=1), kernel.expect(rows, [mixture], threads=4)]
    every += [kernel.expect(iter(blocks), [mixture], threads=3)]
    for [other] in every[1:]:
        for name, array in every[0][0].arrays.items():
            assert np.array_equal(array, other.arrays[name]), name
    for one, other in zip(*(kernel.posterior(rows, mixture, True, threads) for threads in (1, 3)), strict=True):
        assert np.array_equal(one, other)


@compiled
def test_blocks_with_and_without_errors_add_up() -> None:
    rng = np.random.default_rng(14)
    noisy, mixture = rows_of("variances", CHUNK, 3, rng), mixture_of(FULL, 2, 3, rng)
    exact = Rows(rng.standard_normal((500, 3)))
    [together] = kernel.expect(iter([noisy, exact]), [mixture])
    [one], [other] = kernel.expect(noisy, [mixture]), kernel.expect(exact, [mixture])
    assert_same(one + other, together, 1e-12)


def test_selections_keep_errors_beside_their_values() -> None:
    errors = np.arange(18.0).reshape(2, 3, 3)
    rows = Rows(np.arange(6.0).reshape(2, 3), errors=errors)
    assert np.array_equal(rows[1:].errors, errors[1:])
    assert np.array_equal(rows.select([2, 0]).errors, errors[:, [2, 0]][:, :, [2, 0]])
    variances = Rows(rows.values, errors=errors[:, 0])
    assert np.array_equal(variances.select([2, 0]).errors, errors[:, 0, [2, 0]])


@compiled
def test_complete_rows_after_incomplete_ones_hide_nothing() -> None:
    rng = np.random.default_rng(17)
    mixture = mixture_of(FULL, 2, 3, rng)
    noisy, exact = rows_of("variances", CHUNK, 3, rng, 0.3), Rows(rng.standard_normal((3 * CHUNK, 3)))
    [alone], [together] = kernel.expect(noisy, [mixture]), kernel.expect(iter([noisy, exact]), [mixture])
    for name, hidden in alone.extra.items():
        np.testing.assert_array_equal(together.extra[name], hidden)


@compiled
@pytest.mark.parametrize("structure", [VVV, EEE, VVI, VII], ids=repr)
def test_runs_take_the_steps_of_the_plain_loop(structure: Structure) -> None:
    rng = np.random.default_rng(18)
    n, d, k = 400, 3, 2
    rows = rows_of("covariances" if structure is VVV else "variances", n, d, rng, 0.1)
    true = rng.integers(0, k, n)[:, None] * 4.0 + rng.standard_normal((n, d))
    rows.values[:] = np.where(np.isnan(rows.values), np.nan, true + 0.5 * rows.values)
    reference = MemorySource(true).reference(structure.form)
    start = GaussianMixture(np.full(k, 1 / k), true[:k], np.tile(4.0 * np.eye(d), (k, 1, 1)), structure=structure)
    rule = StoppingRule(max_iterations=30, accelerate=False)
    [fast] = kernel.run(rows, [GaussianModel(start)], reference, rule)
    [plain] = PLAIN.run(rows, [GaussianModel(start)], reference, rule)
    assert fast.history == pytest.approx(plain.history, rel=1e-11)
    assert (np.diff(fast.history) > -1e-9).all()
    assert fast.model is not None
    assert plain.model is not None
    for a, b in zip(fast.model.components()[1:5], plain.model.components()[1:5], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
