"""Variational Bayes: the lower bound is that of the definition and never falls, for every form and kind of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import digamma

from combinations import by_pairs
from gmix.base.rows import Rows
from gmix.fitting.em import run_models
from gmix.model.covariance import structure
from gmix.model.kernel import ReferenceKernel, kernel
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import StoppingRule
from gmix.model.variational import (
    DirichletWeights,
    ParameterDistribution,
    StickBreakingWeights,
    VariationalModel,
    VariationalPrior,
    predictive as predictive_density,
)
from gmix.sources import MemorySource

Array = NDArray[np.float64]
FORMS = ("full", "tied", "diag", "spherical")
WEIGHTS = ("dirichlet", "dirichlet process")
K, D = 3, 3
HYPERPARAMETERS: dict[str, Any] = {
    "mean_strength": 0.7, "degrees_of_freedom": 4.5, "concentration": 0.4, "mean": [1.0, 0.5, -1.0],
    "scale": [[2.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 1.5]],
}  # fmt: skip


def clouds() -> Array:
    rng = np.random.default_rng(3)
    centers = np.repeat([[0.0, 0.0, 1.0], [4.0, 1.0, 0.0], [1.0, 5.0, 2.0]], [50, 40, 30], axis=0)
    return centers + rng.normal(size=(120, 3)) @ [[1.0, 0.4, 0.0], [0.0, 0.8, 0.2], [0.1, 0.0, 0.6]]


def with_holes(rows: Array) -> Array:
    return np.where(np.random.default_rng(5).uniform(size=rows.shape) < 0.25, np.nan, rows)


def model_of(source: MemorySource, form: str, weights: str = "dirichlet", **stated: Any) -> VariationalModel:
    """A model from random responsibilities of the rows."""
    kind = structure(form)
    prior = VariationalPrior(weights=weights, **stated).parameters(kind, K, source.reference(kind.form))
    share = np.random.default_rng(1).dirichlet(np.ones(K), source.n_rows)
    statistics = SufficientStatistics.from_responsibilities(kind.form, source.points, share, source.weight)
    return VariationalModel.of_statistics(prior, statistics)


# The lower bound from its definition: expectations and entropies of the distributions, factor by factor. --------------


def divergence_of_weights(q: Any, p: Any) -> float:
    if isinstance(q, DirichletWeights):
        expected = digamma(q.concentration) - digamma(q.concentration.sum())
        cross = (p.concentration - 1.0) @ expected
        normalizer = stats.dirichlet(p.concentration).logpdf(np.full(K, 1.0 / K)) + (
            p.concentration - 1
        ).sum() * np.log(K)
        return float(-stats.dirichlet(q.concentration).entropy() - cross - normalizer)
    assert isinstance(q, StickBreakingWeights)
    found = 0.0
    for a, b, prior_a, prior_b in zip(q.first, q.second, p.first, p.second, strict=True):
        share, rest = digamma(a) - digamma(a + b), digamma(b) - digamma(a + b)
        normalizer = stats.beta(prior_a, prior_b).logpdf(0.5) + (prior_a + prior_b - 2.0) * np.log(2.0)
        found -= stats.beta(a, b).entropy() + (prior_a - 1) * share + (prior_b - 1) * rest + normalizer
    return float(found)


def divergence_of_wishart(nu: float, inverse: Array, prior_nu: float, prior_inverse: Array) -> float:
    scale = np.linalg.inv(inverse)
    d = len(scale)
    expected_log = digamma((nu - np.arange(d)) / 2).sum() + d * np.log(2) + np.linalg.slogdet(scale)[1]
    unit = np.eye(d)
    normalizer = stats.wishart(prior_nu, np.linalg.inv(prior_inverse)).logpdf(unit) + np.trace(prior_inverse) / 2
    cross = normalizer + (prior_nu - d - 1) / 2 * expected_log - nu * np.trace(prior_inverse @ scale) / 2
    return float(-stats.wishart(nu, scale).entropy() - cross)


def divergence_of_gamma(shape: float, rate: float, prior_shape: float, prior_rate: float) -> float:
    normalizer = stats.gamma(prior_shape, scale=1 / prior_rate).logpdf(1.0) + prior_rate
    cross = normalizer + (prior_shape - 1) * (digamma(shape) - np.log(rate)) - prior_rate * shape / rate
    return float(-stats.gamma(shape, scale=1 / rate).entropy() - cross)


def divergence_of_precisions(form: str, q: ParameterDistribution, p: ParameterDistribution) -> float:
    if form == "full":
        return sum(
            divergence_of_wishart(*each) for each in zip(q.divisor, q.scatter, p.divisor, p.scatter, strict=True)
        )
    if form == "tied":
        return divergence_of_wishart(q.divisor.sum(), q.scatter, p.divisor.sum(), p.scatter)
    cells = D if form == "spherical" else 1
    return sum(
        divergence_of_gamma(cells * q.divisor[k] / 2, rate / 2, cells * p.divisor[k] / 2, prior_rate / 2)
        for k in range(K)
        for rate, prior_rate in zip(np.atleast_1d(q.scatter[k]), np.atleast_1d(p.scatter[k]), strict=True)
    )


def expected_precisions(form: str, q: ParameterDistribution) -> tuple[Array, Array]:
    """The expected precision of each component, and the expected logarithm of its determinant."""
    if form in ("full", "tied"):
        nu = np.full(K, q.divisor.sum()) if form == "tied" else q.divisor
        scale = np.linalg.inv(np.broadcast_to(q.scatter, (K, D, D)))
        logs = digamma((nu[:, None] - np.arange(D)) / 2).sum(1) + D * np.log(2) + np.linalg.slogdet(scale)[1]
        return nu[:, None, None] * scale, logs
    cells = D if form == "spherical" else 1
    rates = np.broadcast_to(q.scatter.reshape(K, -1), (K, D)) / 2
    shapes = (cells * q.divisor / 2)[:, None]
    return (shapes / rates)[:, :, None] * np.eye(D), (digamma(shapes) - np.log(rates)).sum(1)


def lower_bound(form: str, model: VariationalModel, rows: Rows, share: Array) -> float:
    """Equation 10.70, with the distributions of missing cells and of true values as factors of their own."""
    q, p = model.posterior, model.prior
    precisions, logs = expected_precisions(form, q)
    total = -divergence_of_weights(q.weights, p.weights) - divergence_of_precisions(form, q, p)
    for k in range(K):
        step = q.mean[k] - p.mean[k]
        ratio = p.mass[k] / q.mass[k]
        total -= (D * (ratio - 1 - np.log(ratio)) + p.mass[k] * step @ precisions[k] @ step) / 2
    log_weights = q.weights.expected_logs()
    for i, x in enumerate(rows.values):
        present = ~np.isnan(x)
        for k in range(K):
            if share[i, k] == 0.0:
                continue
            value, spread, entropy, measured = unknowns(x, present, q.mean[k], precisions[k], noise_of(rows, i))
            step = value - q.mean[k]
            quadratic = D / q.mass[k] + step @ precisions[k] @ step + np.trace(precisions[k] @ spread)
            of_row = log_weights[k] + (logs[k] - D * np.log(2 * np.pi) - quadratic) / 2 + entropy + measured
            total += rows.mass[i] * share[i, k] * (of_row - np.log(share[i, k]))
    return float(total)


def noise_of(rows: Rows, i: int) -> Array | None:
    return None if rows.errors is None else np.diag(rows.errors[i])


def unknowns(
    x: Array, present: NDArray[np.bool_], mean: Array, precision: Array, noise: Array | None
) -> tuple[Array, Array, float, float]:
    """The optimal normal distribution of what is unknown of a row: its mean, covariance and entropy.

    The last number is the expected log density of the measured values.
    """
    value, spread = np.where(present, x, 0.0), np.zeros((D, D))
    unknown = ~present if noise is None else np.ones(D, bool)
    if not unknown.any():
        return value, spread, 0.0, 0.0
    inverse, linear = precision.copy(), precision @ mean
    if noise is None:
        linear = linear - precision[:, present] @ value[present]
    else:
        weight = np.zeros((D, D))
        weight[np.ix_(present, present)] = np.linalg.inv(noise[np.ix_(present, present)])
        inverse, linear = inverse + weight, linear + weight @ value
    block = np.linalg.inv(inverse[np.ix_(unknown, unknown)])
    value[unknown] = block @ linear[unknown]
    spread[np.ix_(unknown, unknown)] = block
    entropy = float(stats.multivariate_normal(np.zeros(len(block)), block).entropy())
    measured = 0.0
    if noise is not None:
        own = noise[np.ix_(present, present)]
        measured = stats.multivariate_normal(value[present], own).logpdf(x[present])
        measured -= np.trace(np.linalg.inv(own) @ spread[np.ix_(present, present)]) / 2
    return value, spread, entropy, float(measured)


KINDS = ("complete", "weighted", "missing", "errors")


def source_of(kind: str) -> MemorySource:
    rows, rng = clouds(), np.random.default_rng(8)
    if kind == "weighted":
        return MemorySource(rows, sample_weight=rng.uniform(0.2, 3.0, len(rows)))
    if kind == "missing":
        return MemorySource(with_holes(rows))
    if kind == "errors":
        return MemorySource(rows, row_errors=rng.uniform(0.1, 1.0, rows.shape))
    return MemorySource(rows)


@by_pairs(form=FORMS, weights=WEIGHTS, kind=KINDS)
def test_the_objective_is_the_lower_bound_of_the_definition(form: str, weights: str, kind: str) -> None:
    source = source_of(kind)
    model = model_of(source, form, weights, **HYPERPARAMETERS)
    [rows] = source.blocks()
    for _ in range(2):
        statistics = source.statistics(model.components())
        share = kernel.posterior(rows, model.components(), True)[1]
        assert share is not None
        assert model.objective(statistics) == pytest.approx(lower_bound(form, model, rows, share), rel=1e-9)
        model = model.maximize(statistics)


@by_pairs(form=FORMS, weights=WEIGHTS, kind=KINDS, accelerate=[False, True])
def test_the_bound_never_falls(form: str, weights: str, kind: str, accelerate: bool) -> None:
    source = source_of(kind)
    [end] = run_models(source, [model_of(source, form, weights)], StoppingRule(1e-10, 2000, accelerate=accelerate))
    assert end.reason.converged
    history = np.array(end.history)
    assert (np.diff(history) >= -1e-11 * np.abs(history[1:])).all()
    assert history[-1] > history[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
def test_no_other_responsibilities_or_parameters_have_a_higher_bound(form: str, kind: str) -> None:
    source = source_of(kind)
    [end] = run_models(source, [model_of(source, form)], StoppingRule(0.0, 5000))
    model, [rows] = end.model, source.blocks()
    assert isinstance(model, VariationalModel)
    share = kernel.posterior(rows, model.components(), True)[1]
    assert share is not None
    best, rng = lower_bound(form, model, rows, share), np.random.default_rng(0)
    for _ in range(2):
        other = share * rng.uniform(0.9, 1.1, share.shape)
        assert lower_bound(form, model, rows, other / other.sum(1, keepdims=True)) < best
        shifted = end.statistics
        assert shifted is not None
        moved = model.maximize(shifted * rng.uniform(0.9, 1.1))
        assert lower_bound(form, moved, rows, share) < best


@pytest.mark.parametrize("form", FORMS)
def test_a_row_of_weight_two_counts_twice(form: str) -> None:
    rows, weight = clouds(), np.random.default_rng(2).integers(0, 4, 120).astype(float)
    once, repeated = MemorySource(rows, sample_weight=weight), MemorySource(np.repeat(rows, weight.astype(int), axis=0))
    share = np.random.default_rng(1).dirichlet(np.ones(K), 120)
    kind, ends = structure(form), []
    for source, shares in ((once, share), (repeated, np.repeat(share, weight.astype(int), axis=0))):
        prior = VariationalPrior().parameters(kind, K, source.reference(kind.form))
        statistics = SufficientStatistics.from_responsibilities(kind.form, source.points, shares, source.weight)
        start = VariationalModel.of_statistics(prior, statistics)
        ends += run_models(source, [start], StoppingRule(0.0, 50, accelerate=False))
    one, other = ends
    np.testing.assert_allclose(one.history, other.history, rtol=1e-10)
    np.testing.assert_allclose(one.model.posterior.mean, other.model.posterior.mean, rtol=1e-8)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("form", FORMS)
def test_the_posterior_shifts_and_scales_with_the_rows(form: str, weights: str) -> None:
    rows, factor = clouds(), 1e-3
    plain, moved = MemorySource(rows), MemorySource(1e5 + factor * rows)
    ends = [
        run_models(s, [model_of(s, form, weights)], StoppingRule(0.0, 60, accelerate=False)) for s in (plain, moved)
    ]
    [[one], [other]] = ends
    q, r = one.model.posterior, other.model.posterior
    np.testing.assert_allclose(r.mean, 1e5 + factor * q.mean, rtol=1e-12)
    np.testing.assert_allclose(r.covariances, factor**2 * q.covariances, rtol=1e-6)
    np.testing.assert_allclose(r.mass, q.mass, rtol=1e-6)
    np.testing.assert_allclose(r.weights.means(), q.weights.means(), rtol=1e-6)
    # The density of a row in units of its volume changes by the factor for each of its cells.
    assert other.history[-1] == pytest.approx(one.history[-1] - rows.size * np.log(factor), rel=1e-7)


@pytest.mark.parametrize("form", FORMS)
def test_the_reference_kernel_finds_the_same(form: str) -> None:
    source, rule = source_of("missing"), StoppingRule(0.0, 25, accelerate=False)
    model, [rows] = model_of(source, form), source.blocks()
    [one] = ReferenceKernel().run(rows, [model], source.reference(structure(form).form), rule)
    [other] = run_models(source, [model], rule)
    np.testing.assert_allclose(one.history, other.history, rtol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_of_one_component_the_bound_is_the_log_evidence_of_the_rows_one_by_one(form: str) -> None:
    """With one component the posterior is exact, so the evidence is a product of predictive densities."""
    rows, kind = clouds()[:20], structure(form)
    whole = MemorySource(rows)
    prior = VariationalPrior(**HYPERPARAMETERS | {"concentration": 1.0}).parameters(kind, 1, whole.reference(kind.form))
    model = VariationalModel(prior, prior)
    model = model.maximize(whole.statistics(model.components()))
    bound = model.objective(whole.statistics(model.components()))
    evidence = 0.0
    for i, row in enumerate(rows):
        known = prior
        if i:
            share = np.ones((i, 1))
            known = prior.with_rows(SufficientStatistics.from_responsibilities(kind.form, rows[:i], share))
        evidence += float(predictive_density(known, None).log_density(row[None])[0])
    assert bound == pytest.approx(evidence, rel=1e-10)
    ratio = model.posterior.log_normalizer() - prior.log_normalizer()
    assert evidence == pytest.approx(ratio - rows.size / 2.0 * np.log(2.0 * np.pi), rel=1e-10)


def draws(q: ParameterDistribution, form: str, n: int) -> tuple[Array, Array, Array]:
    """Weights, means and covariances drawn from the distribution."""
    rng = np.random.default_rng(0)
    if isinstance(q.weights, DirichletWeights):
        weights = rng.dirichlet(q.weights.concentration, n)
    else:
        assert isinstance(q.weights, StickBreakingWeights)
        share = rng.beta(q.weights.first, q.weights.second, (n, K))
        weights = share * np.cumprod(np.column_stack([np.ones(n), 1.0 - share[:, :-1]]), axis=1)
    covariances = np.zeros((n, K, D, D))
    for k in range(K):
        if form in ("full", "tied"):
            nu = q.divisor.sum() if form == "tied" else q.divisor[k]
            scatter = q.scatter if form == "tied" else q.scatter[k]
            covariances[:, k] = stats.invwishart(nu, scatter).rvs(n, random_state=rng)
        else:
            cells = D if form == "spherical" else 1
            size = (n, 1) if form == "spherical" else (n, D)
            inverse = rng.gamma(cells * q.divisor[k] / 2, size=size) / (np.atleast_1d(q.scatter[k]) / 2)
            covariances[:, k] = (1.0 / inverse)[:, :, None] * np.eye(D)
    factor = np.linalg.cholesky(covariances)
    means = q.mean + (factor @ rng.normal(size=(n, K, D, 1)))[..., 0] / np.sqrt(q.mass)[:, None]
    return weights, means, covariances


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("form", FORMS)
def test_the_spread_and_the_predictive_density_are_those_of_draws(form: str, weights: str) -> None:
    source = source_of("complete")
    q = model_of(source, form, weights).posterior
    drawn = draws(q, form, 100_000)
    spread = q.spread()
    for found, sample in zip((spread.weights, spread.means, spread.covariances), drawn, strict=True):
        expected = sample.std(0)
        np.testing.assert_allclose(found, expected, rtol=0.04, atol=1e-12)
    if weights == "dirichlet process":  # the sum of the weights is not one
        return
    points = clouds()[:5]
    residuals = np.linalg.solve(np.linalg.cholesky(drawn[2])[None], (points[:, None, None] - drawn[1])[..., None])
    log_volume = np.linalg.slogdet(drawn[2])[1] / 2 + D / 2 * np.log(2 * np.pi)
    each = np.exp(-(residuals[..., 0] ** 2).sum(-1) / 2 - log_volume)
    expected = (drawn[0] * each).sum(-1).mean(1)
    np.testing.assert_allclose(predictive_density(q, None).density(points), expected, rtol=0.02)


@pytest.mark.parametrize("form", FORMS)
def test_a_sample_of_the_predictive_density_has_its_density(form: str) -> None:
    source = source_of("complete")
    predictive = predictive_density(model_of(source, form).posterior, None)
    one, other = (predictive.sample(40_000, rng=seed) for seed in (0, 1))
    assert stats.ks_2samp(one[:, 0], other[:, 0]).pvalue > 1e-3
    # The integral of the density over draws from a wide normal distribution is one.
    wide = stats.multivariate_normal(clouds().mean(0), 16.0 * np.cov(clouds().T))
    points = wide.rvs(200_000, random_state=np.random.default_rng(2))
    ratio = predictive.density(points) / wide.pdf(points)
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)
    first = (points[:, 0] * ratio).mean()
    assert one[:, 0].mean() == pytest.approx(first, abs=0.1)


@pytest.mark.parametrize("form", FORMS)
def test_the_predictive_density_of_missing_cells_is_the_marginal(form: str) -> None:
    predictive = predictive_density(model_of(source_of("complete"), form).posterior, None)
    point = np.array([[0.5, np.nan, 1.0]])
    grid = np.linspace(-400.0, 400.0, 800_001)
    points = np.column_stack([np.full_like(grid, 0.5), grid, np.ones_like(grid)])
    assert predictive.density(point)[0] == pytest.approx(np.trapezoid(predictive.density(points), grid), rel=1e-3)


def test_statistics_that_no_rows_can_have_are_refused() -> None:
    source = source_of("complete")
    model = model_of(source, "full")
    statistics = source.statistics(model.components())
    for wrong in ({"counts": -statistics.counts}, {"mass": -statistics.mass}, {"divisor": -statistics.divisor}):
        fields = {"counts": statistics.counts, "mass": statistics.mass, "divisor": statistics.divisor} | wrong
        broken = SufficientStatistics(
            statistics.form, fields["mass"], statistics.mean, statistics.scatter, 0.0, fields["counts"],
            fields["divisor"], 120.0, statistics.reference,
        )  # fmt: skip
        with pytest.raises(np.linalg.LinAlgError):
            model.maximize(broken)


@pytest.mark.parametrize(
    ("concentration", "expected"), [(None, [0.25] * 4), (3.0, [3.0] * 4), ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0])]
)
def test_the_prior_of_the_weights_has_the_concentrations_that_are_given(concentration: Any, expected: Any) -> None:
    kind = structure("full")
    reference = MemorySource(np.random.default_rng(0).normal(size=(20, 2))).reference(kind.form)
    prior = VariationalPrior(concentration=concentration).parameters(kind, 4, reference)
    assert isinstance(prior.weights, DirichletWeights)
    np.testing.assert_array_equal(prior.weights.concentration, expected)
