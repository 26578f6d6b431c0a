"""Rows with errors: both kernels compute what extreme deconvolution is defined as."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from noisy_rows import FULL, KINDS, Array, assert_same, each_form, each_kernel, mixture_of, rows_of

from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import Form
from gmix.model.families import StudentT
from gmix.model.kernel import ReferenceKernel


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
    """Equation 16 of Bovy, Hogg and Roweis (2011) for one row and one component."""
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
