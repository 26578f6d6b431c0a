"""Rows with errors and mixtures near them, for the tests of both kernels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import FORMS, Form
from gmix.model.kernel import ReferenceKernel, kernel
from gmix.model.statistics import SufficientStatistics

Array = NDArray[np.float64]
PLAIN = ReferenceKernel()
FULL = FORMS[0]
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
