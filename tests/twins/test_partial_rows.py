"""Rows with missing cells and labels: the compiled kernel agrees with the plain one, and both with the definition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import FORMS, Form
from gmix.model.families import StudentT
from gmix.model.kernel import ReferenceKernel, kernel
from gmix.model.statistics import SufficientStatistics

Array = NDArray[np.float64]
PLAIN = ReferenceKernel()
each_form = pytest.mark.parametrize("form", FORMS, ids=repr)
compiled = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")


def mixture_of(form: Form, k: int, d: int, rng: np.random.Generator) -> Components:
    root = rng.standard_normal((k, d, d)) / np.sqrt(d) + np.eye(d)
    factor = form.factor(form.compress(root @ root.mT))
    constants = np.log(rng.dirichlet(np.ones(k))) - form.log_determinant(factor, k, d) - d * np.log(2 * np.pi) / 2
    return Components(form, constants, rng.standard_normal((k, d)), factor, form.whitener(factor))


def rows_of(n: int, d: int, rng: np.random.Generator, missing: float = 0.3, **fields: Array) -> Rows:
    values = 2.0 * rng.standard_normal((n, d))
    values[rng.random((n, d)) < missing] = np.nan
    return Rows(values, incomplete=True, **fields)


def assert_same(one: SufficientStatistics, other: SufficientStatistics, precision: float = 1e-11) -> None:
    for name, array in one.arrays.items():
        both = array, other.arrays[name]
        if name == "extra joint":  # of tied covariances, sums know the total alone
            both = array.sum(0), other.arrays[name].sum(0)
        scale = max(float(np.abs(both[0]).max()), 1.0)
        np.testing.assert_allclose(*both, rtol=precision, atol=precision * scale, err_msg=name)


def assert_twins(rows: Rows, mixtures: Sequence[Components]) -> None:
    for fast, plain in zip(kernel.expect(rows, mixtures), PLAIN.expect(rows, mixtures), strict=True):
        assert_same(plain, fast)
    for mixture in mixtures:
        for fast_array, plain_array in zip(
            kernel.posterior(rows, mixture, True), PLAIN.posterior(rows, mixture, True), strict=True
        ):
            assert fast_array is not None
            assert plain_array is not None
            np.testing.assert_allclose(fast_array, plain_array, rtol=1e-10, atol=1e-13)


@compiled
@each_form
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 4), (9, 2), (20, 3), (70, 2)], ids=repr)
def test_missing_cells(form: Form, shape: tuple[int, int]) -> None:
    d, k = shape
    rng = np.random.default_rng([d, k])
    weights = rng.choice([0.0, 1.0, 2.5], 300)
    assert_twins(rows_of(300, d, rng), [mixture_of(form, k, d, rng), mixture_of(form, 1, d, rng)])
    assert_twins(rows_of(300, d, rng, weights=weights), [mixture_of(form, k, d, rng)])


@compiled
@each_form
def test_labels(form: Form) -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(-1, 3, 400).astype(float)
    groups = np.array([0.0, 2.0, 1.0, 2.0])
    mixture = mixture_of(form, 4, 3, rng)._replace(groups=groups)
    assert_twins(rows_of(400, 3, rng, labels=labels), [mixture])
    complete = Rows(rng.standard_normal((400, 3)), labels=labels)
    assert_twins(complete, [mixture])
    responsibilities = kernel.posterior(complete, mixture, True)[1]
    assert responsibilities is not None
    assert not responsibilities[(labels[:, None] >= 0) & (labels[:, None] != groups)].any()
    free = kernel.posterior(Rows(complete.values), mixture, True)[1]
    assert free is not None
    np.testing.assert_allclose(responsibilities[labels < 0], free[labels < 0], rtol=1e-12)


@compiled
@each_form
@pytest.mark.parametrize("d", [1, 3, 9])
def test_soft_labels(form: Form, d: int) -> None:
    rng = np.random.default_rng([13, d])
    evidence = rng.choice([-np.inf, -1.6, 0.0, 1.1], (300, 2))
    evidence[np.isneginf(evidence).all(1)] = 0.0
    mixture = mixture_of(form, 4, d, rng)._replace(groups=np.array([0.0, 1.0, 1.0, 0.0]))
    weights = rng.choice([0.0, 1.0, 2.5], 300)
    assert_twins(rows_of(300, d, rng, log_evidence=evidence, weights=weights), [mixture])
    assert_twins(Rows(rng.standard_normal((300, d)), log_evidence=evidence), [mixture])
    far = Rows(1e200 * rng.standard_normal((300, d)), log_evidence=evidence)
    for each in (mixture, mixture._replace(family=StudentT(3.0))):
        both = kernel.posterior(far, each, True)[1], PLAIN.posterior(far, each, True)[1]
        np.testing.assert_allclose(*both, atol=1e-13)


@compiled
@each_form
def test_heavy_tails(form: Form) -> None:
    rng = np.random.default_rng(8)
    assert_twins(rows_of(300, 4, rng), [mixture_of(form, 3, 4, rng)._replace(family=StudentT(3.0))])


@each_form
@pytest.mark.parametrize("kernel", [kernel, PLAIN], ids=["compiled", "plain"])
def test_rows_without_missing_cells_give_the_sums_of_complete_rows(form: Form, kernel: ReferenceKernel) -> None:
    rng = np.random.default_rng(9)
    values, mixture = rng.standard_normal((3000, 3)), mixture_of(form, 3, 3, rng)
    [complete], [flagged] = (
        kernel.expect(Rows(values), [mixture]),
        kernel.expect(Rows(values, incomplete=True), [mixture]),
    )
    assert_same(complete, flagged)


@each_form
@pytest.mark.parametrize("kernel", [kernel, PLAIN], ids=["compiled", "plain"])
def test_one_component_is_integrated_in_closed_form(form: Form, kernel: ReferenceKernel) -> None:
    """The definition for one row: the marginal density, and the moments of the conditional distribution."""
    rng = np.random.default_rng(10)
    d, present = 4, [0, 2]
    absent = [1, 3]
    mixture = mixture_of(form, 1, d, rng)
    covariance = form.dense(form.congruence(mixture.factor, form.compress(np.eye(d)[None])), 1, d)[0]
    row = np.full(d, np.nan)
    row[present] = rng.standard_normal(len(present))
    [found] = kernel.expect(Rows(row[None], incomplete=True), [mixture])
    between, within = covariance[np.ix_(absent, present)], covariance[np.ix_(present, present)]
    residual = row[present] - mixture.means[0, present]
    solved = np.linalg.solve(within, residual)
    expected = row.copy()
    expected[absent] = mixture.means[0, absent] + between @ solved
    spread = np.zeros((d, d))
    spread[np.ix_(absent, absent)] = covariance[np.ix_(absent, absent)] - between @ np.linalg.solve(within, between.T)
    np.testing.assert_allclose(found.mean[0], expected, rtol=1e-12)
    np.testing.assert_allclose(found.scatter.ravel(), _in_form(form, spread).ravel(), rtol=1e-10, atol=1e-13)
    density = -0.5 * (residual @ solved + np.linalg.slogdet(2 * np.pi * within)[1])
    np.testing.assert_allclose(found.log_likelihood, density, rtol=1e-12)


def _in_form(form: Form, scatter: Array) -> Array:
    """A scatter ``(D, D)`` as the form adds it up."""
    values, vectors = np.linalg.eigh(scatter)
    return form.scatter(np.maximum(values, 0.0)[None], vectors.T[None])


@compiled
@pytest.mark.parametrize("d", [3, 40])
def test_neither_threads_nor_blocks_change_a_bit(d: int) -> None:
    rng = np.random.default_rng(11)
    rows, mixture = rows_of(40_000, d, rng, missing=0.05), mixture_of(FORMS[0], 3, d, rng)
    size = 16_384
    blocks = [rows[begin : begin + size] for begin in range(0, len(rows), size)]
    every = [kernel.expect(rows, [mixture], threads=1), kernel.expect(rows, [mixture], threads=4)]
    every += [kernel.expect(iter(blocks), [mixture], threads=3)]
    for [other] in every[1:]:
        for name, array in every[0][0].arrays.items():
            assert np.array_equal(array, other.arrays[name]), name


@compiled
def test_a_nearly_singular_covariance_keeps_its_digits() -> None:
    """Column 4 nearly repeats column 1. Its conditional mean given that one is exact to many more digits."""
    rng = np.random.default_rng(12)
    d, form = 5, FORMS[0]
    factor = np.tril(rng.standard_normal((1, d, d)), -1) + np.eye(d)
    factor[0, 3] = factor[0, 0]
    factor[0, 3, 3] = 1e-7
    mixture = Components(form, np.zeros(1), np.zeros((1, d)), factor, form.whitener(factor))
    row = np.array([[3.0, np.nan, 0.5, np.nan, np.nan]])
    for rows, digits in ((row, 1e-9), (np.repeat(row, 40, axis=0), 1e-14)):  # one by one, and as a group
        [found] = kernel.expect(Rows(rows, incomplete=True), [mixture])
        np.testing.assert_allclose(found.mean[0, [0, 2, 3]], [3.0, 0.5, 3.0], rtol=digits)
        np.testing.assert_allclose(found.scatter[0, 3, 3] / len(rows), 1e-14, rtol=0.0, atol=4e-15)
