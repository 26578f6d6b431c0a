"""Components of other families than the Gaussian: the compiled kernel, its NumPy twin and SciPy say the same."""

from __future__ import annotations

import copy
import importlib
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import digamma, logsumexp
from scipy.stats import multivariate_t

from gmix.base.errors import ParameterError
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import FORMS, Form
from gmix.model.covariance.form import FULL
from gmix.model.families import GAUSSIAN, Family, StudentT, family_of
from gmix.model.kernel import CompiledKernel, ReferenceKernel
from gmix.model.statistics import SufficientStatistics

Array = NDArray[np.float64]
compiled = CompiledKernel(pytest.importorskip("gmix._native"))
reference = ReferenceKernel()
SHAPES = [(1, 1, 1), (7, 1, 3), (500, 2, 2), (2049, 3, 5), (300, 8, 4), (400, 8, 12), (130, 17, 3), (900, 33, 4)]
each_form = pytest.mark.parametrize("form", FORMS, ids=repr)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
each_weighted = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


def student(form: Form, n: int, d: int, k: int, nu: float) -> tuple[Array, Components, Array]:
    """Rows with heavy tails, a mixture near them, and its weights."""
    rng = np.random.default_rng([n, d, k])
    root = rng.standard_normal((k, d, d)) / np.sqrt(d) + np.eye(d)
    factor = form.factor(form.compress(root @ root.mT))
    weights, family = rng.dirichlet(np.ones(k)), StudentT(nu)
    constants = np.log(weights) - form.log_determinant(factor, k, d) + family.log_constant(d)
    means = 2.0 * rng.standard_normal((k, d))
    rows = means[rng.integers(0, k, n)] + rng.standard_t(2.0, (n, d))
    return rows, Components(form, constants, means, factor, form.whitener(factor), family), weights


def weights_of(n: int) -> Array:
    return np.random.default_rng(1).integers(0, 4, n) / 2


def assert_same(fast: SufficientStatistics, plain: SufficientStatistics, precision: float = 1e-12) -> None:
    size = np.maximum(plain.counts.sum(), 1.0)
    for name in ("counts", "mass", "divisor", "log_likelihood"):
        a, b = getattr(fast, name), getattr(plain, name)
        np.testing.assert_allclose(a, b, rtol=precision, atol=precision * size, err_msg=name)
    np.testing.assert_allclose(
        fast.mass[:, None] * fast.mean, plain.mass[:, None] * plain.mean, rtol=precision, atol=10 * precision * size
    )
    scale = np.maximum(np.abs(plain.scatter).max(), 1.0)  # components are of order one, and a single row has no scatter
    np.testing.assert_allclose(fast.scatter, plain.scatter, rtol=0, atol=10 * precision * scale)


def assert_twins(rows: Rows, components: Components) -> None:
    [fast], [plain] = compiled.expect(rows, [components]), reference.expect(rows, [components])
    assert_same(fast, plain)
    assert fast.extra.keys() == plain.extra.keys()
    for name in ("log_factors", "joint"):
        if name in plain.extra:
            size = max(float(plain.counts.sum()), 1.0)
            np.testing.assert_allclose(fast.extra[name], plain.extra[name], rtol=1e-11, atol=1e-11 * size, err_msg=name)
    fast_density, fast_posterior = compiled.posterior(rows, components, True)
    density, posterior = reference.posterior(rows, components, True)
    assert fast_posterior is not None
    assert posterior is not None
    np.testing.assert_allclose(fast_density, density, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fast_posterior, posterior, rtol=0, atol=1e-12)


@each_weighted
@pytest.mark.parametrize("nu", [0.5, 3.0, 30.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_shape
@each_form
def test_twins_over_shapes(form: Form, shape: tuple[int, int, int], dtype: type, nu: float, weighted: bool) -> None:
    rows, components, _ = student(form, *shape, nu)
    assert_twins(Rows(rows.astype(dtype), weights_of(shape[0]) if weighted else None), components)


@each_weighted
@pytest.mark.parametrize("far", [1e20, 1e100, 1e153, 1e155, 1e200, 1e300])
@each_form
def test_a_far_row_counts_in_full_and_has_a_bounded_scatter(form: Form, far: float, weighted: bool) -> None:
    rows, components, _ = student(form, 300, 3, 4, 2.5)
    rows[7], rows[70, 1] = far, -far
    weights = weights_of(300) + 0.5 if weighted else None
    assert_twins(Rows(rows, weights), components)
    [found] = compiled.expect(Rows(rows, weights), [components])
    assert np.isfinite(found.log_likelihood)
    np.testing.assert_allclose(found.counts.sum(), 300.0 if weights is None else weights.sum(), rtol=1e-12)


@each_weighted
@pytest.mark.parametrize("incomplete", [False, True], ids=["complete", "incomplete"])
@each_form
def test_components_have_their_own_degrees_of_freedom(form: Form, incomplete: bool, weighted: bool) -> None:
    rows, components, _ = student(form, 300, 3, 4, 2.5)
    own = StudentT((0.7, 2.5, 8.0, 300.0))
    components = components._replace(
        log_constants=components.log_constants + own.log_constant(3) - components.family.log_constant(3), family=own
    )
    rows[3] = 1e200  # goes row by row
    if incomplete:
        rows[np.random.default_rng(2).random(rows.shape) < 0.3] = np.nan
    assert_twins(Rows(rows, weights_of(300) if weighted else None, incomplete=incomplete), components)


def test_the_sums_of_logarithms_are_those_of_the_definition() -> None:
    rows, components, _ = student(FULL, 400, 3, 3, 3.0)
    _, responsibilities = compiled.posterior(Rows(rows), components, True)
    assert responsibilities is not None
    z = np.einsum("kij,nkj->nki", components.whitener, rows[:, None] - components.means)
    logarithms = digamma(3.0) - np.log((3.0 + np.square(z).sum(-1)) / 2.0)  # Peel & McLachlan (2000), equation 17
    [found] = compiled.expect(Rows(rows), [components])
    np.testing.assert_allclose(found.extra["log_factors"][:, 0], (responsibilities * logarithms).sum(0), rtol=1e-12)


def test_a_row_of_weight_zero_adds_nothing_wherever_it_lies() -> None:
    rows, components, _ = student(FULL, 300, 3, 4, 2.5)
    weights = np.ones(300)
    weights[:2] = 0.0
    [without] = compiled.expect(Rows(rows[2:]), [components])
    rows[0], rows[1] = 1e300, np.nan
    [found] = compiled.expect(Rows(rows, weights), [components])
    assert_same(found, without)


@pytest.mark.parametrize("nu", [0.5, 4.0, 1e3, 1e8])
@each_shape
def test_log_densities_are_those_of_scipy(shape: tuple[int, int, int], nu: float) -> None:
    rows, components, weights = student(FULL, *shape, nu)
    covariances = components.factor @ components.factor.mT
    each = [
        np.log(w) + multivariate_t(m, c, nu).logpdf(rows).reshape(-1)
        for w, m, c in zip(weights, components.means, covariances, strict=True)
    ]
    density, _ = compiled.posterior(Rows(rows), components, False)
    # Both constants are differences of values of the log-gamma function, which are as large as nu log nu.
    rounding = 1e-12 + 1e-15 * nu * math.log(nu + 2.0)
    np.testing.assert_allclose(density, logsumexp(each, axis=0), rtol=1e-11, atol=rounding)


def test_the_gaussian_is_the_limit_of_many_degrees_of_freedom() -> None:
    rows, components, _ = student(FULL, 500, 3, 2, 1e10)
    gaussian = components._replace(family=GAUSSIAN)
    [found], [limit] = compiled.expect(Rows(rows), [components]), compiled.expect(Rows(rows), [gaussian])
    assert_same(found, limit, 1e-5)


def test_moments_are_weighted_by_responsibilities_times_factors() -> None:
    rows, components, _ = student(FULL, 400, 3, 3, 3.0)
    _, responsibilities = compiled.posterior(Rows(rows), components, True)
    assert responsibilities is not None
    z = np.einsum("kij,nkj->nki", components.whitener, rows[:, None] - components.means)
    shares = responsibilities * components.family.share_factor(np.square(z).sum(-1), 3)
    [found] = compiled.expect(Rows(rows), [components])
    direct = SufficientStatistics.from_responsibilities(FULL, rows, shares)
    np.testing.assert_allclose(found.counts, responsibilities.sum(0), rtol=1e-12)
    for name in ("mass", "mean", "scatter"):
        np.testing.assert_allclose(getattr(found, name), getattr(direct, name), rtol=1e-10, atol=1e-10)


def test_float32_sums_of_a_student_mixture_are_those_of_float64() -> None:
    rows, components, _ = student(FULL, 400, 3, 3, 3.0)
    [coarse], [fine] = compiled.expect(Rows(rows), [components], coarse=True), compiled.expect(Rows(rows), [components])
    assert_same(coarse, fine, 0.0)


def test_threads_change_no_bit() -> None:
    rows, components, _ = student(FULL, 9000, 8, 10, 3.0)
    [one], [two] = (compiled.expect(Rows(rows), [components], threads=threads) for threads in (1, 2))
    assert_same(one, two, 0.0)


@pytest.mark.parametrize("family", [GAUSSIAN, StudentT(4.0), StudentT((2.0, 4.5))], ids=repr)
def test_a_family_is_known_by_its_degrees_of_freedom(family: Family) -> None:
    assert family_of(family.degrees_of_freedom) == family == copy.deepcopy(family)


@pytest.mark.parametrize("family", [GAUSSIAN, StudentT(4.0), StudentT((2.0, 4.5))], ids=repr)
def test_partitions_are_told_the_family(family: Family) -> None:
    messages = importlib.import_module("gmix.sources.messages")
    components = student(FULL, 10, 3, 2, 3.0)[1]._replace(family=family)
    [received] = messages.unpack_components(messages.pack_components([components]))
    assert received.family == family
    np.testing.assert_array_equal(received.whitener, components.whitener)


@pytest.mark.parametrize("nu", [0.0, -1.0, math.inf, math.nan])
def test_degrees_of_freedom_are_positive_and_finite(nu: float) -> None:
    with pytest.raises(ParameterError, match="degrees_of_freedom"):
        StudentT(nu)
