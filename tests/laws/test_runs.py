"""When runs are dropped, extrapolated and at rest, with statistics and objectives that are written down here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gmix import GaussianMixture, SufficientStatistics
from gmix.model.components import Components
from gmix.model.covariance import FULL, VVV
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import Expect, Kernel, ReferenceKernel, RunEnd, kernel
from gmix.model.kernel.contract import has_collapsed
from gmix.model.model import Model
from gmix.model.stopping import REST, Reason, Round, StoppingRule

Array = NDArray[np.float64]
UNIT = GaussianMixture([1.0], [[0.0]], [[[1.0]]])
LOOPS = {type(each).__name__: each for each in (kernel, ReferenceKernel())}
each_loop = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
compiled_alone = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")


def of_mass_one(*scatter: float) -> SufficientStatistics:
    """One column, each component of mass one at its number."""
    k = len(scatter)
    return SufficientStatistics(FULL, np.ones(k), np.arange(float(k))[:, None], np.reshape(scatter, (k, 1, 1)), 0.0)


@dataclass(frozen=True, eq=False)
class Written(Model):
    """A model whose mixtures and objectives are written down, one for each step, whatever the rows are."""

    steps: Sequence[tuple[GaussianMixture, float]]
    at: int = 0

    def components(self) -> Components:
        return self.steps[self.at][0].components

    def maximize(self, statistics: SufficientStatistics) -> Written:
        return replace(self, at=self.at + 1)

    def objective(self, statistics: SufficientStatistics) -> float:
        return self.steps[self.at][1]


def steps_to(objective: float, gain: float, rate: float) -> Written:
    """Two steps to an objective, of which the first gains this, and the second this times the rate."""
    return Written([(UNIT, objective - back) for back in (gain * (1.0 + rate), gain * rate, 0.0)])


def raced(runs: Sequence[Model], most: int) -> list[int]:
    """The places of the runs that a round keeps, of rows that weigh 100, where runs that gain 1 nat go on."""
    one = of_mass_one(1.0)
    reference = replace(one.reference, count=np.array([100.0]), total_weight=100.0)

    def expect(components: Components, coarse: bool) -> SufficientStatistics:
        return one

    rounds = [Round(StoppingRule(1e-2, 2), most)]
    return [end.place for end in kernel.run(expect, runs, reference, StoppingRule(0.0, 0), rounds)]


@compiled_alone
def test_a_run_that_is_behind_or_leads_to_the_same_optimum_as_another_is_dropped() -> None:
    def converged(objective: float) -> Written:
        return steps_to(objective, 0.2, 0.5)  # a tenth of a nat is left

    def going_on(objective: float) -> Written:
        return steps_to(objective, 3.0, 1.0)

    best = converged(-200.0)
    assert raced([best], 3) == [0]
    assert raced([best, converged(-200.05)], 3) == [0]
    assert raced([converged(-200.05), best], 3) == [1]
    assert raced([converged(-200.5), best], 3) == [1, 0]
    assert raced([best, converged(-211.0)], 3) == [0]
    assert raced([best, converged(-209.0)], 3) == [0, 1]
    assert raced([best, going_on(-211.0)], 3) == [0, 1]
    assert raced([best, going_on(-200.05)], 3) == [0]
    others = [converged(objective) for objective in (-201.0, -202.0, -203.0)]
    assert raced([*others[::-1], best], 3) == [3, 2, 1]
    assert raced([*others[::-1], best], 4) == [3, 2, 1, 0]


@compiled_alone
def test_a_run_that_cannot_go_on_comes_after_all_others() -> None:
    flat = GaussianMixture([1.0], [[0.0]], [[[1e-30]]])
    collapsing = Written([(UNIT, -100.0), (flat, 1e6)])
    one = of_mass_one(1.0)

    def expect(components: Components, coarse: bool) -> SufficientStatistics:
        return one

    for most, kept in ((1, [1]), (2, [1, 0])):
        ends = kernel.run(
            expect,
            [collapsing, steps_to(-200.0, 0.2, 0.5)],
            one.reference,
            StoppingRule(0.0, 0),
            [Round(StoppingRule(1.0, 2), most)],
            patient=False,
        )
        assert [end.place for end in ends] == kept


def follow(found: Sequence[SufficientStatistics], start: Sequence[float]) -> tuple[list[list[float]], RunEnd]:
    """The variances under which a run takes E-steps that find these statistics, and its end."""
    k = len(start)
    mixture = GaussianMixture(np.full(k, 1.0 / k), np.arange(float(k))[:, None], np.reshape(start, (k, 1, 1)), VVV)
    rule, rest, variances = StoppingRule(0.0, len(found)), iter(found), list[list[float]]()

    def expect(components: Components, coarse: bool) -> SufficientStatistics:
        variances.append(np.square(components.factor).ravel().tolist())
        if (statistics := next(rest, None)) is None:
            raise KeyboardInterrupt
        return statistics

    [end] = kernel.run(expect, [GaussianModel(mixture)], of_mass_one(*[1.0] * k).reference, rule)
    return variances, end


def gaining(*scatters: tuple[float, float], gains: Sequence[float] = ()) -> list[SufficientStatistics]:
    """Statistics of which each gains half as much as the one before, or these gains."""
    gains = gains or [0.5**step for step in range(len(scatters) - 1)]
    reached = np.cumsum([-100.0, *gains])
    return [replace(of_mass_one(*s), log_likelihood=float(r)) for s, r in zip(scatters, reached, strict=True)]


def assert_are(variances: object, expected: object) -> None:
    np.testing.assert_allclose(variances, expected, rtol=1e-14)


@pytest.fixture(params=["compiled model", "model in Python"])
def either_model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "model in Python":
        monkeypatch.setattr(GaussianModel, "compiled", lambda *_: None)


@compiled_alone
def test_an_extrapolation_goes_as_far_again_after_three_steps(either_model: None) -> None:
    found = gaining((4.0, 1.0), (3.0, 1.0), (2.0, 1.0), (1.5, 1.0), (1.25, 1.0))
    variances, _ = follow(found, (5.0, 1.0))
    # Each M-step reads the variances off the scatter; the last step is doubled.
    assert_are(variances[:5], [[5.0, 1.0], [4.0, 1.0], [3.0, 1.0], [2.0, 1.0], [1.0, 1.0]])


@compiled_alone
def test_an_extrapolation_that_lowers_the_objective_is_not_taken(either_model: None) -> None:
    steps = [(4.0, 1.0), (3.0, 1.0), (2.0, 1.0), (1.5, 1.0), (1.25, 1.0), (1.2, 1.0), (1.1, 1.0), (1.0, 1.0)]
    found = gaining(*steps, gains=[1.0, 0.5, 0.25, -1e-3, 1e-3 + 0.125, 0.06, 0.03])
    variances, end = follow(found, (5.0, 1.0))
    assert_are(variances[4], [1.0, 1.0])  # the extrapolation, which is lower
    assert_are(variances[5], [1.5, 1.0])  # the plain step instead
    assert_are(variances[6], [1.2, 1.0])  # and no other extrapolation at once
    assert end.history == pytest.approx([s.log_likelihood for s in (*found[:4], *found[5:])], rel=1e-15)
    assert (np.diff(end.history) > 0).all()
    assert end.statistics is not None
    assert end.statistics.scatter.ravel().tolist() == [1.0, 1.0]


@compiled_alone
def test_an_extrapolation_goes_along_the_floor_but_not_down_to_it(either_model: None) -> None:
    # One such step more leaves no scatter: the plain step is taken, and no other extrapolation at once.
    down = gaining((5.0, 1.0), (4.0, 1.0), (2.0, 1.0), (1.0, 1.0), (0.9, 1.0), (0.8, 1.0), (0.7, 1.0))
    variances, _ = follow(down, (6.0, 1.0))
    assert_are(variances[4:7], [[1.0, 1.0], [0.9, 1.0], [0.7, 1.0]])
    # One that leaves some is taken.
    variances, _ = follow(gaining((5.0, 1.0), (4.0, 1.0), (1.5, 1.0), (1.0, 1.0), (0.9, 1.0)), (6.0, 1.0))
    assert_are(variances[4], [1.5 - 0.5 / 0.8, 1.0])  # of two steps, the residual falls from 2.5 to 0.5
    # Where the first component is on the floor, the second may still move.
    variances, _ = follow(gaining((0.0, 5.0), (0.0, 4.0), (0.0, 1.5), (0.0, 1.0), (0.0, 0.9)), (1.0, 6.0))
    assert_are(variances[4], [of_mass_one(1.0, 1.0).reference.floor[0], 1.5 - 0.5 / 0.8])


def test_a_component_has_collapsed_below_one_and_a_half_floors() -> None:
    reference = of_mass_one(1.0, 1.0).reference
    [floor] = reference.floor
    for least, collapsed in ((1.4, True), (1.6, False)):
        mixture = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[[1.0]], [[least * floor]]])
        assert has_collapsed(mixture.components, reference) is collapsed
    empty = GaussianMixture([1.0, 0.0], [[0.0], [1.0]], [[[1.0]], [[1.0]]])
    assert has_collapsed(empty.components, reference)


def test_a_rule_says_why_a_run_ends() -> None:
    rule = StoppingRule(tolerance=1e-2, max_iterations=2)
    for history, at_rest, remaining, reason in (
        ([1.0, 1.0], True, np.inf, Reason.STATIONARY), ([1.0, 1.0], False, np.inf, None),
        ([1.0, 2.0], False, 0.99, Reason.CONVERGED), ([1.0, 2.0], False, 1.01, None),
        ([1.0, 2.0, 3.0], False, np.inf, Reason.ITERATION_LIMIT),
    ):  # fmt: skip
        assert rule.judge(history, 100.0, at_rest, remaining) is reason


def after_a_step(loop: Kernel, before: GaussianMixture, after: GaussianMixture, gain: float) -> Reason | None:
    """Why a run ends that may take one step, and whose tolerance is zero."""

    def of_weights() -> Expect:
        weights = iter([before.weights, after.weights])

        def expect(components: Components, coarse: bool) -> SufficientStatistics:
            return replace(of_mass_one(*[1.0] * before.n_components), counts=next(weights))

        return expect

    reference = of_mass_one(*[1.0] * before.n_components).reference
    [end] = loop.run(of_weights(), [Written([(before, 1.0), (after, 1.0 + gain)])], reference, StoppingRule(0.0, 1))
    return end.reason


@each_loop
def test_a_run_is_at_rest_where_neither_the_objective_nor_a_parameter_moves(loop: Kernel) -> None:
    one = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[[4.0]], [[4.0]]])
    near, far = 1.9 * REST, 2.1 * REST  # of a standard deviation of two

    def moved(mean: float = 0.0, weight: float = 0.0) -> GaussianMixture:
        return GaussianMixture([0.5 + weight, 0.5 - weight], [[0.0], [1.0 + mean]], one.covariances)

    for after, gain, reason in (
        (one, 0.0, Reason.STATIONARY), (one, 1e-9, Reason.ITERATION_LIMIT),
        (moved(near), 0.0, Reason.STATIONARY), (moved(far), 0.0, Reason.ITERATION_LIMIT),
        (moved(far), 1e-9, Reason.ITERATION_LIMIT), (moved(1e-3), 0.0, Reason.ITERATION_LIMIT),
        (moved(weight=0.9 * REST), 0.0, Reason.STATIONARY), (moved(weight=1.1 * REST), 0.0, Reason.ITERATION_LIMIT),
    ):  # fmt: skip
        assert after_a_step(loop, one, after, gain) is reason


@each_loop
@pytest.mark.parametrize(("gain", "moved", "ends"), [(0.0, 0.0, True), (0.0, 1e-3, False), (1e-3, 0.0, False)])
def test_a_run_goes_on_while_the_objective_or_a_mean_moves(loop: Kernel, gain: float, moved: float, ends: bool) -> None:
    then = GaussianMixture([1.0], [[moved]], [[[1.0]]])
    assert after_a_step(loop, UNIT, then, gain) is (Reason.STATIONARY if ends else Reason.ITERATION_LIMIT)


@each_loop
@pytest.mark.parametrize("place", ["components", "maximize", "objective", "expect"])
def test_an_exception_is_passed_on(loop: Kernel, place: str) -> None:
    class Failing(Written):
        def __getattribute__(self, name: str) -> object:
            if name == place and (name != "components" or object.__getattribute__(self, "at") == 1):
                raise ZeroDivisionError(place)
            return object.__getattribute__(self, name)

    def expect(components: Components, coarse: bool) -> SufficientStatistics:
        if place == "expect":
            raise ZeroDivisionError(place)
        return of_mass_one(1.0)

    with pytest.raises(ZeroDivisionError, match=place):
        loop.run(expect, [Failing([(UNIT, 0.0), (UNIT, 1.0)])], of_mass_one(1.0).reference, StoppingRule())
