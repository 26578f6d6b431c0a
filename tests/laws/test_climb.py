"""EM only climbs, reports the likelihood of the mixture that it returns, and ends on a top."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import Dirichlet, GaussianMixture, NormalInverseWishart, SufficientStatistics
from gmix.fitting.em import Run, _Climb, _is_above_floor, _still, expectation_maximization
from gmix.fitting.stop import REST, Heat, Reason, Stop
from gmix.model.covariance import DIRECT, FULL, STRUCTURES, VVV, Structure
from gmix.model.priors import Prior
from gmix.model.statistics import Evidence
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
}
each_structure = pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
each_prior = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)


def first(points: Array, labels: Array, structure: Structure) -> GaussianMixture:
    statistics = SufficientStatistics.from_responsibilities(structure.form, points, np.eye(3)[labels])
    return GaussianMixture.from_statistics(statistics, structure)


def objective(mixture: GaussianMixture, rows: Array, weight: Array, prior: Prior | None) -> float:
    """What EM climbs, by the long way round."""
    [statistics] = gmix.expect(rows, [mixture], sample_weight=weight)
    log_prior = prior.log_density(mixture.weights, mixture.components, statistics, mixture.structure) if prior else 0.0
    return float(weight @ mixture.log_density(rows)) + log_prior


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_prior
@pytest.mark.parametrize("structure", [*STRUCTURES, *(s.with_equal_weights for s in DIRECT)], ids=repr)
def test_no_step_goes_down(
    points: Array, labels: Array, structure: Structure, prior: Prior | None, dtype: type
) -> None:
    rows, weight = points.astype(dtype), np.linspace(0.0, 2.0, len(points))
    bad_start = np.roll(labels, 40)  # far from the top, so that there is a way to climb
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
def test_a_fit_ends_on_a_top(points: Array, labels: Array, structure: Structure, prior: Prior | None) -> None:
    fit = gmix.fit(points, covariance=structure, prior=prior, start=labels, tolerance=0, max_iterations=100_000)
    assert fit.reason is Reason.STATIONARY
    top, ones = fit.log_posterior, np.ones(len(points))
    # Statistics whose plain M-step is this very mixture, to be disturbed in every direction that the structure leaves.
    s = fit.statistics
    evidence = Evidence.of(s) + prior.unseen(s, structure) if prior else Evidence.of(s)
    counts, divisor = evidence.counts, evidence.divisor
    ratio = counts.sum() / divisor.sum() if structure.shared else counts / divisor
    scatter = evidence.scatter * (ratio if structure.shared else ratio.reshape(-1, *(1,) * (s.scatter.ndim - 1)))
    top_statistics = replace(s, mean=evidence.mean, scatter=scatter)
    deviation = np.sqrt(s.variances)
    rng = np.random.default_rng(1)
    for _ in range(8):
        mass, mean = rng.standard_normal(3), rng.standard_normal((3, 3)) * deviation
        turn = rng.standard_normal(s.form.shape(3, 3))
        one = s.form.compress(np.array([np.eye(3)] * 3))
        for size in (1e-3, -1e-3):
            disturbed = replace(
                top_statistics,
                mass=counts * np.exp(size * mass),
                mean=top_statistics.mean + size * mean,
                scatter=s.form.congruence(one + size * turn, scatter),
            )
            near = GaussianMixture.from_statistics(disturbed, structure)
            assert objective(near, points, ones, prior) < top


@each_structure
def test_a_prior_of_no_strength_is_no_prior(points: Array, labels: Array, structure: Structure) -> None:
    none = gmix.fit(points, covariance=structure, start=labels)
    prior = NormalInverseWishart(strength=0.0) + Dirichlet(9.0, strength=0.0) + Dirichlet(1.0)
    zero = gmix.fit(points, covariance=structure, start=labels, prior=prior)
    np.testing.assert_allclose(zero.mixture.covariances, none.mixture.covariances, rtol=1e-12, atol=1e-12)
    assert zero.log_prior == 0.0
    assert zero.history == pytest.approx(none.history, rel=1e-13)


def test_what_a_prior_is_not_told_it_reads_once(points: Array, labels: Array) -> None:
    seen = set()

    class Reader(NormalInverseWishart):
        def unseen(self, statistics: gmix.SufficientStatistics, structure: Structure) -> Evidence:
            total = statistics.total
            seen.add((total.mass.tobytes(), total.mean.tobytes(), total.scatter.tobytes()))
            return super().unseen(statistics, structure)

    source, stop = MemorySource(points + 1e8), Stop(max_iterations=30)
    start = first(points + 1e8, labels, STRUCTURES[-1])
    for climb in (None, source.climb):
        [run] = expectation_maximization([start], source.expect, stop, Reader(), climb=climb)
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
    # Set free, it is a start from which the free one only climbs.
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


def test_an_interrupted_climb_returns_the_best_so_far(points: Array, labels: Array) -> None:
    passes = []

    def expect(mixtures: list[GaussianMixture]) -> list[SufficientStatistics]:
        passes.append(1)
        if len(passes) > 3:
            raise KeyboardInterrupt
        return gmix.expect(points, mixtures)

    start = first(points, labels, STRUCTURES[-1])
    [run] = expectation_maximization([start], expect, Stop(tolerance=0.0))
    assert run.reason is Reason.INTERRUPTED
    assert len(run.history) == 3
    assert run.statistics.log_likelihood == pytest.approx(run.mixture.log_density(points).sum())


def test_a_step_from_which_every_density_is_zero_is_not_taken(points: Array, labels: Array) -> None:
    passes = []

    def expect(mixtures: list[GaussianMixture]) -> list[SufficientStatistics]:
        passes.append(1)
        lost = len(passes) > 2
        return [replace(s, log_likelihood=-np.inf) if lost else s for s in gmix.expect(points, mixtures)]

    [run] = expectation_maximization([first(points, labels, STRUCTURES[-1])], expect, Stop(tolerance=0.0))
    assert run.reason is Reason.STATIONARY
    assert np.isfinite(run.history).all()
    assert run.statistics.log_likelihood == pytest.approx(run.mixture.log_density(points).sum())


def test_it_is_said_why_a_climb_ended(points: Array, labels: Array) -> None:
    short = gmix.fit(points, covariance="full", start=labels, max_iterations=2)
    assert (short.reason, short.converged) == (Reason.ITERATION_LIMIT, False)
    assert [finding.name for finding in short.findings] == ["not converged"]
    assert "max_iterations" in str(short.findings[0])
    long = gmix.fit(points, covariance="full", start=labels, tolerance=1e-6)
    assert (long.reason, long.converged, long.findings) == (Reason.CONVERGED, True, ())
    # What it stopped short of is less than it promised.
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


@pytest.mark.parametrize("equal", [False, True], ids=["free weights", "equal weights"])
@each_prior
@each_structure
def test_the_compiled_climb_takes_the_steps_of_the_plain_one(
    points: Array, labels: Array, structure: Structure, prior: Prior | None, equal: bool
) -> None:
    kind = structure.with_equal_weights if equal else structure
    source = MemorySource(points)
    # After a step or two there is only one best way to turn common axes, wherever their iteration begins.
    [near] = expectation_maximization([first(points, labels, kind)], source.expect, Stop(max_iterations=2), prior)
    start = near.mixture
    for stop in (Stop(0.0, 4), Stop(1e-6, 2000)):
        [plain] = expectation_maximization([start], source.expect, stop, prior)
        [compiled] = expectation_maximization([start], source.expect, stop, prior, climb=source.climb)
        assert len(compiled.history) == len(plain.history)
        assert compiled.history == pytest.approx(plain.history, rel=1e-9)
        assert compiled.objective == pytest.approx(compiled.history[-1], rel=1e-13)
        for part in ("weights", "means", "covariances"):
            a, b = getattr(compiled.mixture, part), getattr(plain.mixture, part)
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


HEATS = (Heat(Stop(0.0, 0), 5), Heat(Stop(0.0, 3), 4), Heat(Stop(1e-2, 30), 2))


@each_prior
@pytest.mark.parametrize("structure", DIRECT, ids=repr)
def test_a_race_has_the_same_winners_compiled_or_not(
    points: Array, labels: Array, structure: Structure, prior: Prior | None
) -> None:
    source, rng = MemorySource(points), np.random.default_rng(5)
    starts = [first(points, rng.integers(0, 3, len(points)), structure) for _ in range(5)]
    starts += [first(points, np.roll(labels, 40 * turn), structure) for turn in (1, 2)]
    plain = expectation_maximization(starts, source.expect, Stop(), prior, heats=HEATS)
    compiled = expectation_maximization(starts, source.expect, Stop(), prior, climb=source.climb, heats=HEATS)
    assert 1 <= len(plain) <= HEATS[-1].most
    assert [run.objective for run in compiled] == pytest.approx([run.objective for run in plain], rel=1e-9)
    assert all(run.reason.converged for run in compiled)
    [alone] = expectation_maximization([compiled[0].mixture], source.expect, Stop(), prior, climb=source.climb)
    assert alone.objective == pytest.approx(compiled[0].objective, abs=2e-6 * len(points))


def test_a_climb_that_is_behind_or_on_the_way_of_another_drops_out() -> None:
    heat = Heat(Stop(1e-2), 3)
    assert not heat.drops(-200.0, Reason.CONVERGED, [], 100.0)
    assert heat.drops(-200.05, Reason.CONVERGED, [-200.0], 100.0)
    assert not heat.drops(-200.5, Reason.CONVERGED, [-200.0], 100.0)
    assert heat.drops(-211.0, Reason.CONVERGED, [-200.0], 100.0)
    assert not heat.drops(-211.0, Reason.ITERATION_LIMIT, [-200.0], 100.0)
    assert heat.drops(-203.0, Reason.CONVERGED, [-200.0, -201.0, -202.0], 100.0)


def test_only_a_climb_from_its_own_start_on_many_rows_leaves_something_to_chance() -> None:
    rng = np.random.default_rng(3)
    rows = np.vstack([rng.normal(size=(6000, 2)) * scale + scale for scale in (1.0, 2.0)])
    usual, long = (gmix.fit(rows, 2, covariance="full", rng=0, **asked) for asked in ({}, {"tolerance": 1e-9}))
    assert len(usual.history) < len(long.history)
    assert 0.0 <= long.log_likelihood - usual.log_likelihood < 0.1 * usual.n_parameters / 2.0
    given = gmix.fit(rows, start=usual.mixture)
    assert long.log_likelihood - given.log_likelihood < 1e-5 * len(rows)
    rule = Stop(chance=0.01)
    assert rule.among(50, 10_000).tolerance == pytest.approx(2.5e-5)
    assert rule.among(50, 10_000_000) is rule
    assert Stop().among(50, 10) == Stop()


def of_mass_one(*scatter: float) -> SufficientStatistics:
    """One column, each component of mass one at its number."""
    k = len(scatter)
    return SufficientStatistics(FULL, np.ones(k), np.arange(float(k))[:, None], np.reshape(scatter, (k, 1, 1)), 0.0)


def test_a_run_that_was_given_up_names_the_component_of_the_least_width() -> None:
    flat, small, large = np.diag([100.0, 1e-3]), np.diag([0.01, 0.01]), np.eye(2)
    mixture = GaussianMixture([0.2, 0.4, 0.4], [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [small, flat, large])
    [statistics] = gmix.expect(np.eye(2).repeat(3, 0), [mixture])
    ended = Run(mixture, statistics, 0.0, (0.0,), Reason.COLLAPSING)
    assert ended.collapsed == (1,)
    assert replace(ended, reason=Reason.CONVERGED).collapsed == ()
    assert replace(ended, sound=True).collapsed == ()


def test_an_extrapolation_goes_along_the_floor_but_not_down_to_it() -> None:
    before, here = of_mass_one(2.0, 1.0), of_mass_one(1.0, 1.0)  # one such step more leaves no scatter
    run = _Climb(GaussianMixture.from_statistics(here, VVV), Stop().pace(), here, before, leap=1.0)
    run.pace.longest = 8.0
    assert run.next(None).covariances.ravel().tolist() == [1.0, 1.0]
    assert run.leap == 0.0
    assert run.pace.longest == 1.0  # a leap of that length is not tried again at once
    run.leap = 0.5
    assert run.next(None).covariances.ravel().tolist() == [0.5, 1.0]
    assert run.leap == 0.5
    floor = of_mass_one(0.0, 1.0)  # where the first component is on the floor, the second may still move
    run = _Climb(GaussianMixture.from_statistics(floor, VVV), Stop().pace(), floor, of_mass_one(0.0, 2.0), leap=0.5)
    assert run.next(None).covariances.ravel()[1] == 0.5
    assert run.leap == 0.5


def test_every_covariance_is_above_one_and_a_half_floors_or_one_is_on_it() -> None:
    statistics = of_mass_one(1.0, 1.0)
    [floor] = statistics.floor
    for least, above in ((1.4, False), (1.6, True)):
        variances = [[[1.0]], [[least * floor]]]
        assert _is_above_floor(GaussianMixture([0.5, 0.5], [[0.0], [1.0]], variances), statistics) is above


def test_a_climb_is_stationary_where_neither_the_objective_nor_a_parameter_moves() -> None:
    stop = Stop(tolerance=0.0)
    for gain, still, reason in (
        (0.0, True, Reason.STATIONARY), (0.0, False, None), (1e-9, True, None), (1e-9, False, None),
    ):  # fmt: skip
        assert stop.reason([1.0, 1.0 + gain], 1.0, lambda still=still: still, np.inf) is reason
    one = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[[4.0]], [[4.0]]])
    assert _still(one, one)
    near, far = 1.9 * REST, 2.1 * REST  # of a standard deviation of two
    assert _still(one, GaussianMixture([0.5, 0.5], [[0.0], [1.0 + near]], one.covariances))
    assert not _still(one, GaussianMixture([0.5, 0.5], [[0.0], [1.0 + far]], one.covariances))
    assert not _still(one, GaussianMixture([0.5 + 1.1 * REST, 0.5 - 1.1 * REST], one.means, one.covariances))


def test_a_step_that_gains_is_not_stationary_although_means_and_weights_rest() -> None:
    rows = np.array([[-3.0], [3.0]])
    start = GaussianMixture([1.0], [[0.0]], [[[1.0]]])  # its M-step moves the variance alone
    source = MemorySource(rows)
    for climb in (None, source.climb):
        [run] = expectation_maximization([start], source.expect, Stop(tolerance=0.0), climb=climb)
        assert run.reason is Reason.STATIONARY
        assert len(run.history) == 3  # start, maximum, and the step that gains nothing
        assert float(run.mixture.covariances[0, 0, 0]) == pytest.approx(9.0, rel=1e-15)


@pytest.mark.parametrize(("gain", "moved", "ends"), [(0.0, 0.0, True), (0.0, 1e-3, False), (1e-3, 0.0, False)])
def test_a_climb_goes_on_while_the_objective_or_a_mean_moves(gain: float, moved: float, ends: bool) -> None:
    one = GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    run, stop = _Climb(one, Stop().pace()), Stop(tolerance=0.0)
    run.arrive(one, of_mass_one(1.0), None, stop)
    then = GaussianMixture([1.0], [[moved]], [[[1.0]]])
    run.arrive(then, replace(of_mass_one(1.0), log_likelihood=gain), None, stop)
    assert run.reason is (Reason.STATIONARY if ends else None)
