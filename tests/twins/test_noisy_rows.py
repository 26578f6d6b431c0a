"""Rows with errors: the compiled kernel agrees with the plain one, and both with the definition."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from gmix import GaussianMixture
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import EEE, FORMS, VII, VVI, VVV, Form, Structure
from gmix.model.families import StudentT
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import CHUNK, ReferenceKernel, kernel
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import StoppingRule
from gmix.sources import MemorySource

Array = NDArray[np.float64]
PLAIN = ReferenceKernel()
FULL = FORMS[0]
ORDERS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "strided": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
}
KINDS = ["variances", "covariances", "singular", "zero", "zero covariances", "mixed", "mixed covariances"]
each_form = pytest.mark.parametrize("form", FORMS, ids=repr)
each_kind = pytest.mark.parametrize("kind", KINDS)
each_kernel = pytest.mark.parametrize("kernel", [kernel, PLAIN], ids=["compiled", "plain"])
compiled = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")


def mixture_of(form: Form, k: int, d: int, rng: np.random.Generator) -> Components:
    root = rng.standard_normal((k, d, d)) / (2 * np.sqrt(d)) + np.eye(d)
    factor = form.factor(form.compress(root @ root.mT))
    constants = np.log(rng.dirichlet(np.ones(k))) - form.log_determinant(factor, k, d) - d * np.log(2 * np.pi) / 2
    return Components(form, constants, rng.standard_normal((k, d)), factor, form.whitener(factor))


def errors_of(kind: str, n: int, d: int, rng: np.random.Generator) -> Array:
    if kind.startswith("zero"):
        return np.zeros((n, d) if kind == "zero" else (n, d, d))
    if kind == "variances":
        return rng.gamma(1.0, size=(n, d))
    if kind == "mixed":
        return np.asarray(10.0 ** rng.uniform(-12, 12, (n, d)))
    root = rng.standard_normal((n, d, d if kind != "singular" else max(d // 2, 1)))
    if kind == "mixed covariances":
        root *= 10.0 ** rng.uniform(-6, 6, (n, d, 1))
    return root @ root.mT


def rows_of(kind: str, n: int, d: int, rng: np.random.Generator, missing: float = 0.0, **fields: Array) -> Rows:
    errors = errors_of(kind, n, d, rng)
    values = 2.0 * rng.standard_normal((n, d))
    values[rng.random((n, d)) < missing] = np.nan
    return Rows(values, errors=errors, incomplete=missing > 0, **fields)


def assert_same(one: SufficientStatistics, other: SufficientStatistics, precision: float = 1e-10) -> None:
    for name in one.arrays:
        arrays = one.arrays[name], other.arrays[name]
        if name == "extra joint":  # of tied covariances, some sums know the total alone
            arrays = arrays[0].sum(0), arrays[1].sum(0)
        scale = max(float(np.abs(arrays[0]).max()), 1.0)
        np.testing.assert_allclose(arrays[1], arrays[0], rtol=precision, atol=precision * scale, err_msg=name)
    np.testing.assert_allclose(other.log_likelihood, one.log_likelihood, rtol=precision, atol=precision)


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


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("kind", ["zero", "zero covariances"])
@pytest.mark.parametrize("d", [1, 2, 5, 8, 12])
@each_kernel
@each_form
def test_errors_of_zero_are_no_errors(form: Form, kernel: ReferenceKernel, d: int, kind: str, missing: float) -> None:
    rng = np.random.default_rng(d)
    rows, mixture = rows_of(kind, 300, d, rng, missing), mixture_of(form, 3, d, rng)
    exact = Rows(rows.values, incomplete=rows.incomplete)
    assert_same(kernel.expect(exact, [mixture])[0], kernel.expect(rows, [mixture])[0], 1e-12)
    for noisy, sharp in zip(kernel.posterior(rows, mixture, True), kernel.posterior(exact, mixture, True), strict=True):
        np.testing.assert_allclose(noisy, sharp, rtol=1e-11, atol=1e-13)
    expected, present = kernel.expected_values(rows, mixture), ~np.isnan(rows.values)
    np.testing.assert_allclose(expected[present], rows.values[present], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(kernel.expected_values(exact, mixture), expected, rtol=1e-12, atol=1e-13)


@each_kernel
def test_nearly_collinear_components_keep_their_digits(kernel: ReferenceKernel) -> None:
    """Column 3 repeats column 1 to nine digits, so squares of the factor hold none of the digits that matter."""
    factor = np.array([[[1.0, 0.0, 0.0], [0.3, 1.0, 0.0], [1.0, 0.0, 1e-9]]])
    mixture = Components(FULL, np.zeros(1), np.zeros((1, 3)), factor, FULL.whitener(factor))
    values = np.array([[0.4, 0.2, 0.4 + 2e-9]])
    for errors in (np.zeros(3), np.full(3, 1e-40), np.array([1e-18, 0.0, 1e-18]), np.array([1e-18, 1e12, 1e-18])):
        exact = _exact_log_density(values[0], np.diag(errors), mixture)
        for given in (errors[None], np.diag(errors)[None]):
            density = kernel.posterior(Rows(values, errors=given), mixture, False)[0]
            np.testing.assert_allclose(density, exact, rtol=1e-6)


@each_kernel
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", ["variances", "covariances", "singular", "mixed", "mixed covariances"])
@pytest.mark.parametrize("d", [2, 4, 9])
def test_log_densities_to_fifty_digits(kernel: ReferenceKernel, d: int, kind: str, missing: bool) -> None:
    rng = np.random.default_rng([d, KINDS.index(kind)])
    rows, mixture = rows_of(kind, 4, d, rng), mixture_of(FULL, 2, d, rng)
    if missing:
        rows.values[:, 1] = np.nan
    found = kernel.posterior(Rows(rows.values, errors=rows.errors, incomplete=missing), mixture, False)[0]
    assert rows.errors is not None
    errors = rows.errors if rows.errors.ndim == 3 else rows.errors[:, :, None] * np.eye(d)
    exact = [_exact_log_density(x, e, mixture) for x, e in zip(rows.values, errors, strict=True)]
    np.testing.assert_allclose(found, exact, rtol=1e-13, atol=1e-12)


def _exact_log_density(row: Array, errors: Array, mixture: Components) -> float:
    """The log density of a row by rational arithmetic, with 50 digits for logarithms and exponentials."""
    present = np.flatnonzero(~np.isnan(row))
    with decimal.localcontext(prec=50):
        two_pi = 2 * Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
        total = Decimal(0)
        for constant, mean, factor in zip(mixture.log_constants, mixture.means, mixture.factor, strict=True):
            lower = [[Fraction(float(value)) for value in line] for line in factor]
            matrix = [
                [
                    sum(a * b for a, b in zip(lower[i], lower[j], strict=True)) + Fraction(float(errors[i, j]))
                    for j in present
                ]
                for i in present
            ]
            residual = [Fraction(float(row[i])) - Fraction(float(mean[i])) for i in present]
            determinant, squared = _determinant_and_square(matrix, residual)
            log = Decimal(float(constant)) + sum(_decimal(lower[i][i]).ln() for i in range(len(row)))
            log += (len(row) - len(present)) * two_pi.ln() / 2 - (_decimal(determinant).ln() + _decimal(squared)) / 2
            total += log.exp()
        return float(total.ln())


def _determinant_and_square(matrix: list[list[Fraction]], v: list[Fraction]) -> tuple[Fraction, Fraction]:
    """The determinant of a positive definite matrix M, and v' M^-1 v, by elimination."""
    determinant, squared = Fraction(1), Fraction(0)
    while matrix:
        (pivot, *line), *rest = matrix
        first, *others = v
        determinant *= pivot
        squared += first * first / pivot
        v = [other - row[0] / pivot * first for other, row in zip(others, rest, strict=True)]
        matrix = [[b - row[0] / pivot * a for a, b in zip(line, row[1:], strict=True)] for row in rest]
    return determinant, squared


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


@each_kernel
@each_form
def test_one_component_by_the_formulas_of_the_paper(form: Form, kernel: ReferenceKernel) -> None:
    """Equations 11 to 15 of Bovy, Hogg and Roweis (2011) for one row and one component."""
    rng = np.random.default_rng(10)
    d = 3
    rows, mixture = rows_of("covariances", 1, d, rng), mixture_of(form, 1, d, rng)
    assert rows.errors is not None
    covariance = form.dense(form.congruence(mixture.factor, form.compress(np.eye(d)[None])), 1, d)[0]
    gain = covariance @ np.linalg.inv(covariance + rows.errors[0])
    expected = mixture.means[0] + gain @ (rows.values[0] - mixture.means[0])
    spread = covariance - gain @ covariance
    [found] = kernel.expect(rows, [mixture])
    np.testing.assert_allclose(found.mean[0], expected, rtol=1e-12)
    values, vectors = np.linalg.eigh(spread)
    np.testing.assert_allclose(found.scatter, form.scatter(values[None], vectors.T[None]), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(kernel.expected_values(rows, mixture)[0], expected, rtol=1e-12)


@each_kernel
@each_form
def test_rows_without_cells_have_the_shares_of_the_components(form: Form, kernel: ReferenceKernel) -> None:
    rng = np.random.default_rng(11)
    mixture = mixture_of(form, 3, 2, rng)
    weights = np.exp(mixture.log_constants + form.log_determinant(mixture.factor, 3, 2) + np.log(2 * np.pi))
    for errors in (rng.gamma(1.0, size=(5, 2)), np.tile(np.eye(2), (5, 1, 1))):
        rows = Rows(np.full((5, 2), np.nan), errors=errors, incomplete=True)
        density, responsibilities = kernel.posterior(rows, mixture, True)
        np.testing.assert_allclose(density, np.log(weights.sum()), atol=1e-14)
        np.testing.assert_allclose(responsibilities, np.tile(weights, (5, 1)), rtol=1e-13)
        [found] = kernel.expect(rows, [mixture])
        np.testing.assert_allclose(found.mean, mixture.means, rtol=1e-13)


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
def test_soft_labels(form: Form) -> None:
    rng = np.random.default_rng(13)
    evidence = rng.choice([-np.inf, -1.6, 0.0, 1.1], (400, 2))
    evidence[np.isneginf(evidence).all(1)] = 0.0
    mixture = mixture_of(form, 4, 3, rng)._replace(groups=np.array([0.0, 1.0, 1.0, 0.0]))
    for kind in ("variances", "covariances"):
        rows = rows_of(kind, 400, 3, rng, 0.2, log_evidence=evidence)
        assert_twins(rows, mixture)
        rows.values[50] = 1e200
        found = zip(kernel.posterior(rows, mixture, True), PLAIN.posterior(rows, mixture, True), strict=True)
        for fast, plain in found:
            np.testing.assert_allclose(fast, plain, rtol=1e-10, atol=1e-10)


@each_kernel
@each_form
def test_far_rows_belong_to_the_nearest_component(form: Form, kernel: ReferenceKernel) -> None:
    rng = np.random.default_rng(8)
    mixture = mixture_of(form, 3, 2, rng)._replace(means=np.array([[0.0, 0.0], [5.0, 5.0], [-5.0, 0.0]]))
    dead = mixture._replace(log_constants=np.where([True, False, True], mixture.log_constants, -np.inf))
    for kind in ("variances", "covariances"):
        rows = rows_of(kind, 64, 2, rng)
        rows.values[10], rows.values[20], rows.values[30] = [1e200, 0.0], [-1e180, 1e180], [1e308, -1e308]
        for m in (mixture, dead):
            density, responsibilities = kernel.posterior(rows, m, True)
            assert responsibilities is not None
            assert np.isneginf(density[[10, 20, 30]]).all()
            assert np.isfinite(np.delete(density, [10, 20, 30])).all()
            assert (responsibilities[[10, 20, 30]].max(1) == 1.0).all()
            np.testing.assert_allclose(responsibilities.sum(1), 1.0, rtol=1e-12)
            assert m is mixture or not responsibilities[:, 1].any()
            [found] = kernel.expect(rows[:20], [m])
            assert np.isneginf(found.log_likelihood)
            assert np.isfinite(found.mean).all()


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


@each_kernel
@pytest.mark.parametrize("kind", ["variances", "covariances"])
@each_form
def test_rows_of_weight_zero_add_nothing(form: Form, kind: str, kernel: ReferenceKernel) -> None:
    rng = np.random.default_rng(12)
    rows, mixture = rows_of(kind, 100, 2, rng), mixture_of(form, 3, 2, rng)
    weights = np.arange(100.0) % 2
    assert rows.errors is not None
    rows.values[::2] = rng.choice([np.inf, np.nan, 1e300, 0.0], (50, 2))
    rows.errors[::2] = np.nan
    [with_them] = kernel.expect(Rows(rows.values, weights, errors=rows.errors), [mixture])
    [without] = kernel.expect(rows[1::2], [mixture])
    assert_same(without, with_them, 1e-12)


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


@each_kernel
def test_heavy_tails_are_refused(kernel: ReferenceKernel) -> None:
    rng = np.random.default_rng(15)
    rows, mixture = rows_of("variances", 5, 2, rng), mixture_of(FULL, 2, 2, rng)._replace(family=StudentT(3.0))
    for call in (
        lambda: kernel.expect(rows, [mixture]),
        lambda: kernel.posterior(rows, mixture, True),
        lambda: kernel.expected_values(rows, mixture),
    ):
        with pytest.raises(ValueError, match="Gaussian"):
            call()


def test_selections_keep_errors_beside_their_values() -> None:
    errors = np.arange(18.0).reshape(2, 3, 3)
    rows = Rows(np.arange(6.0).reshape(2, 3), errors=errors)
    assert np.array_equal(rows[1:].errors, errors[1:])
    assert np.array_equal(rows.select([2, 0]).errors, errors[:, [2, 0]][:, :, [2, 0]])
    variances = Rows(rows.values, errors=errors[:, 0])
    assert np.array_equal(variances.select([2, 0]).errors, errors[:, 0, [2, 0]])


@each_kernel
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("kind", ["variances", "covariances", "zero"])
@each_form
def test_entropies_follow_from_the_statistics(form: Form, kind: str, missing: float, kernel: ReferenceKernel) -> None:
    """The statistics give the entropy of the responsibilities, without a pass over the rows."""
    rng = np.random.default_rng(16)
    rows, mixture = rows_of(kind, 200, 3, rng, missing), mixture_of(form, 3, 3, rng)
    [found], (_, shares) = kernel.expect(rows, [mixture]), kernel.posterior(rows, mixture, True)
    assert shares is not None
    expected = -np.sum(shares * np.log(np.maximum(shares, 1e-300)))
    np.testing.assert_allclose(found.log_likelihood - found.extra["joint"].sum(), expected, rtol=1e-10)


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
