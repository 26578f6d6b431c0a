"""EM never goes down, reports the likelihood of the mixture that it returns, and ends at an optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from combinations import by_pairs
from gmix import Dirichlet, GaussianMixture, NormalInverseWishart, Shrinkage, SufficientStatistics
from gmix.fitting.em import Run, run_em
from gmix.model.components import Components
from gmix.model.covariance import DIRECT, STRUCTURES, Structure
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import Kernel, ReferenceKernel, kernel
from gmix.model.kernel.reference import expectation_maximization
from gmix.model.priors import Prior
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.sources import MemorySource

Array = NDArray[np.float64]

PRIORS = {
    "ML": None,
    "default prior": NormalInverseWishart(),
    "weak prior": NormalInverseWishart(strength=0.3),
    "stated prior": NormalInverseWishart([1.0, 2.0, 0.0], 5.0, 7.0, [[2.0, 0.5, 0], [0.5, 1, 0], [0, 0, 3]], 0.5),
    "prior of the covariances alone": NormalInverseWishart(mean_strength=0.0),
    "prior of the weights alone": Dirichlet([2.0, 1.0, 40.0], strength=0.7),
    "prior of everything": NormalInverseWishart() + Dirichlet(5.0),
    "shrinkage": Shrinkage([1.0, 0.5, 3.0], 1.5),
}
WEIGHTS = {"free weights": False, "equal weights": True}
each_structure = pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
each_prior = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
compiled_alone = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")


def first(points: Array, labels: Array, structure: Structure) -> GaussianMixture:
    statistics = SufficientStatistics.from_responsibilities(structure.form, points, np.eye(3)[labels])
    return GaussianMixture.from_statistics(statistics, structure)


def run_plainly(source: MemorySource, start: GaussianMixture, rule: StoppingRule, prior: Prior | None = None) -> Run:
    """A run by the plain loop, which neither races nor accelerates."""
    model, reference = GaussianModel(start, prior), source.reference(start.structure.form)
    return Run.of(expectation_maximization(model, source.statistics, rule, reference))


def objective(mixture: GaussianMixture, rows: Array, weight: Array, prior: Prior | None) -> float:
    """What EM raises, computed row by row."""
    [statistics] = gmix.expect(rows, [mixture], sample_weight=weight)
    log_prior = prior.log_density(mixture.weights, mixture.components, statistics, mixture.structure) if prior else 0.0
    return float(weight @ mixture.log_density(rows)) + log_prior


@by_pairs(
    structure=[*STRUCTURES, *(s.with_equal_weights for s in DIRECT)], prior=PRIORS, dtype=[np.float32, np.float64]
)
def test_no_step_goes_down(
    points: Array, labels: Array, structure: Structure, prior: Prior | None, dtype: type
) -> None:
    rows, weight = points.astype(dtype), np.linspace(0.0, 2.0, len(points))
    bad_start = np.roll(labels, 40)  # far from the optimum, so that there is much to gain
    mixture, reached = first(points, bad_start, structure), -np.inf
    for _ in range(40 if structure.with_free_weights in DIRECT else 10):
        here = objective(mixture, rows, weight, prior)
        assert here >= reached - 1e-11 * abs(here)
        reached = here
        [statistics] = gmix.expect(rows, [mixture], sample_weight=weight)
        mixture = GaussianMixture.from_statistics(statistics, structure, prior)


@each_prior
@each_structure
def test_what_is_reported_belongs_to_the_mixture(
    points: Array, labels: Array, structure: Structure, prior: Prior | None
) -> None:
    weight = np.linspace(0.5, 2.0, len(points))
    for steps in (0, 1, 5, 1000):
        fit = gmix.fit(
            points, covariance=structure, prior=prior, start=labels, sample_weight=weight, max_iterations=steps
        )
        assert fit.log_likelihood == pytest.approx(float(weight @ fit.mixture.log_density(points)), rel=1e-12)
        assert fit.log_posterior == pytest.approx(objective(fit.mixture, points, weight, prior), rel=1e-12)
        assert fit.history[-1] == pytest.approx(fit.log_posterior, rel=1e-14)
        assert len(fit.history) <= steps + 1
        [again] = gmix.expect(points, [fit.mixture], sample_weight=weight)
        np.testing.assert_allclose(fit.statistics.scatter, again.scatter, rtol=1e-12, atol=1e-12)


@each_prior
@pytest.mark.parametrize("structure", [s for s in DIRECT if s.code in {"VVV", "EEE", "VVI", "VII"}], ids=repr)
def test_a_fit_ends_at_an_optimum(points: Array, labels: Array, structure: Structure, prior: Prior | None) -> None:
    fit = gmix.fit(points, covariance=structure, prior=prior, start=labels, tolerance=0, max_iterations=100_000)
    assert fit.reason is Reason.STATIONARY
    best, ones = fit.log_posterior, np.ones(len(points))
    # Statistics whose plain M-step is this very mixture, to be disturbed in every direction that the structure leaves.
    s = fit.statistics
    total = s + prior.term(s, structure) if prior else s
    counts, divisor = total.counts, total.divisor
    ratio = counts.sum() / divisor.sum() if structure.shared else counts / divisor
    scatter = total.scatter * (ratio if structure.shared else ratio.reshape(-1, *(1,) * (s.scatter.ndim - 1)))
    deviation = np.sqrt(s.reference.variances)
    rng = np.random.default_rng(1)
    for _ in range(8):
        mass, mean = rng.standard_normal(3), rng.standard_normal((3, 3)) * deviation
        turn = rng.standard_normal(s.form.shape(3, 3))
        one = s.form.compress(np.array([np.eye(3)] * 3))
        for size in (1e-3, -1e-3):
            weight = counts * np.exp(size * mass)
            disturbed = replace(
                s,
                counts=weight,
                mass=weight,
                divisor=weight,
                mean=total.mean + size * mean,
                scatter=s.form.congruence(one + size * turn, scatter),
            )
            near = GaussianMixture.from_statistics(disturbed, structure)
            assert objective(near, points, ones, prior) < best


@each_structure
def test_a_prior_of_no_strength_is_no_prior(points: Array, labels: Array, structure: Structure) -> None:
    none = gmix.fit(points, covariance=structure, start=labels)
    prior = NormalInverseWishart(strength=0.0) + Dirichlet(9.0, strength=0.0) + Dirichlet(1.0)
    zero = gmix.fit(points, covariance=structure, start=labels, prior=prior)
    np.testing.assert_allclose(zero.mixture.covariances, none.mixture.covariances, rtol=1e-12, atol=1e-12)
    assert zero.log_prior == 0.0
    assert zero.history == pytest.approx(none.history, rel=1e-13)


def test_a_prior_reads_hyperparameters_that_were_not_given_from_one_reference(points: Array, labels: Array) -> None:
    seen = set()

    class Reader(NormalInverseWishart):
        def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
            reference = statistics.reference
            seen.add((reference.count.tobytes(), reference.mean.tobytes(), reference.scatter.tobytes()))
            return super().term(statistics, structure)

    source, rule = MemorySource(points + 1e8), StoppingRule(max_iterations=30)
    start = first(points + 1e8, labels, STRUCTURES[-1])
    for run in (run_plainly(source, start, rule, Reader()), *run_em(source, [start], rule, Reader())):
        assert len(run.history) > 10
    assert len(seen) == 1


def test_a_strong_prior_wins_over_the_data(points: Array, labels: Array) -> None:
    mean, scale = np.array([9.0, 9.0, 9.0]), np.diag([1.0, 2.0, 3.0])
    prior = NormalInverseWishart(mean, mean_strength=1.0, degrees_of_freedom=5.0, scale=scale, strength=1e9)
    fit = gmix.fit(points, covariance="full", prior=prior, start=labels, max_iterations=3)
    np.testing.assert_allclose(fit.mixture.means, [mean] * 3, rtol=1e-5)
    np.testing.assert_allclose(fit.mixture.covariances, [scale / (5 + 3 + 2)] * 3, rtol=1e-4, atol=1e-5)


@each_structure
def test_equal_weights_are_equal_and_cost_nothing(points: Array, labels: Array, structure: Structure) -> None:
    def run(**settings: object) -> gmix.Fit:
        return gmix.fit(points, start=labels, max_iterations=20 if structure in DIRECT else 5, **settings)

    free, equal = run(covariance=structure), run(covariance=structure, equal_weights=True)
    np.testing.assert_array_equal(equal.mixture.weights, [1 / 3] * 3)
    assert equal.n_parameters == free.n_parameters - 2
    assert equal.log_likelihood < free.log_likelihood
    by_code = run(covariance=f"E{structure.code}")
    assert by_code.mixture.structure is equal.mixture.structure is structure.with_equal_weights
    assert by_code.history == equal.history
    # Set free, it is a start from which the free one only gains.
    again = gmix.fit(points, covariance=structure, start=equal.mixture, max_iterations=5)
    assert again.history[0] == pytest.approx(equal.log_likelihood, rel=1e-12)
    # And weights held by a prior without end are equal too.
    held = run(covariance=structure, prior=Dirichlet(2.0, strength=1e12))
    np.testing.assert_allclose(held.mixture.weights, 1 / 3, rtol=1e-9)
    assert held.log_likelihood == pytest.approx(equal.log_likelihood, rel=1e-6)


def test_the_prior_of_the_weights_is_rows_that_were_not_seen(points: Array, labels: Array) -> None:
    alpha = np.array([1.0, 11.0, 31.0])
    start = first(points, labels, STRUCTURES[-1])
    [statistics] = gmix.expect(points, [start])
    with_prior = GaussianMixture.from_statistics(statistics, start.structure, Dirichlet(alpha))
    np.testing.assert_allclose(with_prior.weights, (statistics.mass + alpha - 1) / (len(points) + 40))
    fit = gmix.fit(points, covariance="full", start=start, prior=Dirichlet(alpha))
    assert fit.log_prior == pytest.approx((alpha - 1) @ np.log(fit.mixture.weights))
    both = gmix.fit(points, covariance="full", start=start, prior=NormalInverseWishart() + Dirichlet(alpha))
    alone = NormalInverseWishart().log_density(
        both.mixture.weights, both.mixture.components, both.statistics, both.mixture.structure
    )
    assert both.log_prior == pytest.approx(alone + (alpha - 1) @ np.log(both.mixture.weights))
    assert both.log_posterior == pytest.approx(both.log_likelihood + both.log_prior)


@each_structure
def test_the_criteria_are_functions_of_the_rows(points: Array, labels: Array, structure: Structure) -> None:
    weight = np.linspace(0.5, 2.0, len(points))
    fit = gmix.fit(points, covariance=structure, start=labels, sample_weight=weight)
    r = fit.mixture.responsibilities(points)
    entropy = -float(weight @ np.sum(r * np.log(np.maximum(r, 1e-300)), axis=1))
    assert fit.aic == pytest.approx(-2 * fit.log_likelihood + 2 * fit.n_parameters)
    assert fit.bic == pytest.approx(-2 * fit.log_likelihood + fit.n_parameters * np.log(weight.sum()))
    assert fit.icl == pytest.approx(fit.bic + 2 * entropy, rel=1e-10)
    assert fit.mass == pytest.approx(weight.sum())


@pytest.mark.parametrize(("structure", "count"), [("VVV", 29), ("EEE", 17), ("VVI", 20), ("VII", 14)])
def test_the_free_parameters_are_counted(points: Array, labels: Array, structure: str, count: int) -> None:
    """Two weights, nine means; 3 x 6, 6, 3 x 3 or 3 variances and covariances."""
    assert gmix.fit(points, covariance=structure, start=labels, max_iterations=1).n_parameters == count


def test_a_richer_candidate_never_scores_below_a_poorer_one(points: Array) -> None:
    search = gmix.fit(points, range(1, 5), rng=1).search
    assert search is not None
    for poor in search.candidates:
        for rich in search.candidates:
            richer = rich.n_components == poor.n_components and rich.structure.contains(poor.structure)
            larger = rich.structure is poor.structure and rich.n_components == poor.n_components + 1
            if richer or larger:
                assert rich.log_likelihood >= poor.log_likelihood - 1e-5 * len(points)
    assert search.best.bic == min(c.bic for c in search.candidates if not c.collapsed)


@pytest.mark.parametrize(
    "loop", {type(k): k for k in (kernel, ReferenceKernel())}.values(), ids=lambda k: type(k).__name__
)
def test_an_interrupted_run_returns_the_best_so_far(points: Array, labels: Array, loop: Kernel) -> None:
    source, passes = MemorySource(points), []

    def expect(components: Components, coarse: bool) -> SufficientStatistics:
        passes.append(1)
        if len(passes) > 3:
            raise KeyboardInterrupt
        return source.statistics(components)

    start = first(points, labels, STRUCTURES[-1])
    [end] = loop.run(expect, [GaussianModel(start)], source.reference(start.structure.form), StoppingRule(0.0))
    run = Run.of(end)
    assert run.reason is Reason.INTERRUPTED
    assert len(run.history) == 3
    assert run.statistics.log_likelihood == pytest.approx(run.mixture.log_density(points).sum())


@pytest.mark.parametrize(
    "loop", {type(k): k for k in (kernel, ReferenceKernel())}.values(), ids=lambda k: type(k).__name__
)
def test_a_step_from_which_every_density_is_zero_is_not_taken(points: Array, labels: Array, loop: Kernel) -> None:
    source, passes = MemorySource(points), []

    def expect(components: Components, coarse: bool) -> SufficientStatistics:
        passes.append(1)
        statistics = source.statistics(components)
        return replace(statistics, log_likelihood=-np.inf) if len(passes) > 2 else statistics

    start = first(points, labels, STRUCTURES[-1])
    [end] = loop.run(expect, [GaussianModel(start)], source.reference(start.structure.form), StoppingRule(0.0))
    run = Run.of(end)
    assert run.reason is Reason.STATIONARY
    assert np.isfinite(run.history).all()
    assert run.statistics.log_likelihood == pytest.approx(run.mixture.log_density(points).sum())


def test_it_is_said_why_a_run_ended(points: Array, labels: Array) -> None:
    short = gmix.fit(points, covariance="full", start=labels, max_iterations=2)
    assert (short.reason, short.converged) == (Reason.ITERATION_LIMIT, False)
    assert [finding.name for finding in short.findings] == ["not converged"]
    assert "max_iterations" in str(short.findings[0])
    long = gmix.fit(points, covariance="full", start=labels, tolerance=1e-6)
    assert (long.reason, long.converged, long.findings) == (Reason.CONVERGED, True, ())
    # The gain that it left is less than the tolerance says.
    rest = gmix.fit(points, start=long.mixture, tolerance=0, max_iterations=10_000)
    assert 0 <= rest.log_likelihood - long.log_likelihood < 1e-5 * len(points)


def test_a_seed_says_it_all(points: Array) -> None:
    a, b = (gmix.fit(points, 3, rng=seed) for seed in (4, np.random.default_rng(4)))
    np.testing.assert_array_equal(a.mixture.means, b.mixture.means)
    assert a.history == b.history


@pytest.mark.parametrize("tolerance", [0.0, 1e-6])
@pytest.mark.parametrize("structure", DIRECT, ids=repr)
def test_many_float32_rows_end_where_they_do_in_float64(structure: Structure, tolerance: float) -> None:
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 3, 12_000)
    rows = (rng.standard_normal((12_000, 3)) + 2.0 * labels[:, None] + 100.0).astype(np.float32)
    start = np.where(np.arange(12_000) % 4, labels, 0)
    options = {"covariance": structure, "start": start, "tolerance": tolerance, "max_iterations": 80}
    single, double = (gmix.fit(x, **options) for x in (rows, rows.astype(np.float64)))
    assert single.log_likelihood == pytest.approx(double.log_likelihood, rel=1e-7)
    assert single.log_likelihood == pytest.approx(float(single.mixture.log_density(rows).sum()), rel=1e-12)
    assert single.history[-1] == single.log_likelihood
    assert np.all(np.diff(single.history) >= -1e-11 * abs(single.log_likelihood))
    assert len(single.history) <= 81


@by_pairs(structure=STRUCTURES, prior=PRIORS, equal=WEIGHTS)
def test_the_compiled_run_takes_the_steps_of_the_plain_loop(
    points: Array, labels: Array, structure: Structure, prior: Prior | None, equal: bool
) -> None:
    kind = structure.with_equal_weights if equal else structure
    source = MemorySource(points)
    # After a step or two there is only one best way to turn common axes, wherever their iteration begins.
    start = run_plainly(source, first(points, labels, kind), StoppingRule(max_iterations=2), prior).mixture
    for rule in (StoppingRule(0.0, 4, accelerate=False), StoppingRule(1e-6, 2000, accelerate=False)):
        plain = run_plainly(source, start, rule, prior)
        [compiled] = run_em(source, [start], rule, prior)
        assert_same(compiled, plain)
        assert compiled.objective == pytest.approx(
            objective(compiled.mixture, points, np.ones(len(points)), prior), rel=1e-13
        )


def assert_same(compiled: Run, other: Run) -> None:
    assert len(compiled.history) == len(other.history)
    assert compiled.history == pytest.approx(other.history, rel=1e-9)
    for part in ("weights", "means", "covariances"):
        a, b = getattr(compiled.mixture, part), getattr(other.mixture, part)
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@compiled_alone
@by_pairs(structure=STRUCTURES, prior=PRIORS, equal=WEIGHTS)
def test_an_accelerated_run_takes_the_same_steps_where_its_model_is_pythons(
    points: Array,
    labels: Array,
    structure: Structure,
    prior: Prior | None,
    equal: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = structure.with_equal_weights if equal else structure
    source, rule = MemorySource(points), StoppingRule(1e-6, 2000)
    start = run_plainly(source, first(points, labels, kind), StoppingRule(max_iterations=2), prior).mixture
    [compiled] = run_em(source, [start], rule, prior)
    monkeypatch.setattr(GaussianModel, "compiled", lambda *_: None)
    [in_python] = run_em(source, [start], rule, prior)
    assert_same(compiled, in_python)


ROUNDS = (Round(StoppingRule(0.0, 0), 5), Round(StoppingRule(0.0, 3), 4), Round(StoppingRule(1e-2, 30), 2))


@compiled_alone
@each_prior
@pytest.mark.parametrize("structure", DIRECT, ids=repr)
def test_a_race_has_the_same_winners_whether_its_models_are_compiled_or_not(
    points: Array, labels: Array, structure: Structure, prior: Prior | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, rng = MemorySource(points), np.random.default_rng(5)
    starts = [first(points, rng.integers(0, 3, len(points)), structure) for _ in range(5)]
    starts += [first(points, np.roll(labels, 40 * turn), structure) for turn in (1, 2)]
    compiled = run_em(source, starts, StoppingRule(), prior, ROUNDS)
    with monkeypatch.context() as patched:
        patched.setattr(GaussianModel, "compiled", lambda *_: None)
        in_python = run_em(source, starts, StoppingRule(), prior, ROUNDS)
    assert 1 <= len(in_python) <= ROUNDS[-1].most
    assert [run.objective for run in compiled] == pytest.approx([run.objective for run in in_python], rel=1e-9)
    assert all(run.reason.converged for run in compiled)
    [alone] = run_em(source, [compiled[0].mixture], StoppingRule(), prior)
    assert alone.objective == pytest.approx(compiled[0].objective, abs=2e-6 * len(points))


def test_only_a_run_from_a_start_of_its_own_on_many_rows_leaves_something_to_chance() -> None:
    rng = np.random.default_rng(3)
    rows = np.vstack([rng.normal(size=(6000, 2)) * scale + scale for scale in (1.0, 2.0)])
    usual, long = (gmix.fit(rows, 2, covariance="full", rng=0, **asked) for asked in ({}, {"tolerance": 1e-9}))
    assert len(usual.history) < len(long.history)
    assert 0.0 <= long.log_likelihood - usual.log_likelihood < 0.1 * usual.n_parameters / 2.0
    given = gmix.fit(rows, start=usual.mixture)
    assert long.log_likelihood - given.log_likelihood < 1e-5 * len(rows)
    rule = StoppingRule(chance=0.01)
    assert rule.among(50, 10_000).tolerance == pytest.approx(2.5e-5)
    assert rule.among(50, 10_000_000) is rule
    assert StoppingRule().among(50, 10) == StoppingRule()


def test_a_run_that_was_given_up_names_the_component_of_the_least_width() -> None:
    flat, small, large = np.diag([100.0, 1e-3]), np.diag([0.01, 0.01]), np.eye(2)
    mixture = GaussianMixture([0.2, 0.4, 0.4], [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [small, flat, large])
    [statistics] = gmix.expect(np.eye(2).repeat(3, 0), [mixture])
    ended = Run(GaussianModel(mixture), statistics, (0.0,), Reason.COLLAPSING)
    assert ended.collapsed == (1,)
    assert replace(ended, reason=Reason.CONVERGED).collapsed == ()
    assert replace(ended, sound=True).collapsed == ()


def test_a_step_that_gains_is_not_stationary_although_means_and_weights_rest() -> None:
    rows = np.array([[-3.0], [3.0]])
    start = GaussianMixture([1.0], [[0.0]], [[[1.0]]])  # its M-step moves the variance alone
    source, rule = MemorySource(rows), StoppingRule(tolerance=0.0)
    for run in (run_plainly(source, start, rule), *run_em(source, [start], rule)):
        assert run.reason is Reason.STATIONARY
        assert len(run.history) == 3  # start, maximum, and the step that gains nothing
        assert float(run.mixture.covariances[0, 0, 0]) == pytest.approx(9.0, rel=1e-15)


def test_a_prior_of_another_size_is_refused(points: Array) -> None:
    class Odd(Prior):
        def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
            own = NormalInverseWishart().term(statistics, structure)
            return own.reordered(np.array([0]))

    start = GaussianMixture(np.full(3, 1 / 3), points[:3], [np.eye(3)] * 3)
    with pytest.raises(gmix.ParameterError, match=r"prior .* must have full form and shape \(3, 3\)"):
        gmix.fit(points, start=start, prior=Odd())


def test_ellipsoids_of_equal_volume_are_fitted_near_the_end_of_float64() -> None:
    rng = np.random.default_rng(0)
    rows = 1e150 * np.vstack([rng.normal(size=(50, 3)), rng.normal(size=(50, 3)) * [1.0, 3.0, 0.3] + 4.0])
    far = gmix.fit(rows, 3, covariance="EVV", equal_weights=True, rng=1)
    assert far.converged
    assert np.isfinite(far.log_likelihood)
