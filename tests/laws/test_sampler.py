"""Laws of adapted random walks, of proposals from a mixture, and of chains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import Chains, GaussianMixture, ParameterError
from gmix.sampler.adaptation import best_acceptance
from gmix.sampler.steps import MixtureSteps, State
from gmix.sampler.target import Target

Array = NDArray[np.float64]
APART = GaussianMixture([0.3, 0.7], [[0.0, 0.0], [8.0, 0.0]], [np.eye(2), np.eye(2)])
# arviz.ess of ArviZ 0.23.4 with method="tail" and "mean", of the series in the test below.
ARVIZ_TAIL, ARVIZ_MEAN = 113.2685084783746, 112.82639846668695


def normal(x: Array) -> Array:
    return np.asarray(-0.5 * (x**2).sum(axis=1))


def ring(x: Array) -> Array:
    return np.asarray(-0.5 * (np.sqrt((x**2).sum(axis=1)) - 5.0) ** 2 / 0.25)


def correlated(n_features: int) -> tuple[Any, Array]:
    covariance = np.full((n_features, n_features), 0.9) + 0.1 * np.eye(n_features)
    scale = np.logspace(-2, 2, n_features) if n_features > 1 else np.ones(1)
    covariance *= scale[:, None] * scale
    return GaussianMixture([1.0], [np.zeros(n_features)], [covariance]).log_density, covariance


@pytest.mark.parametrize("n_local", [0, 4])
def test_steps_of_a_mixture_leave_the_density_invariant(n_local: int) -> None:
    """Also if the mixture is far from the density, which is 3 on [0, 1), 1 on [1, 2) and 0 elsewhere."""

    def stairs(x: Array, _: int) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(np.select([(x[:, 0] >= 0) & (x[:, 0] < 1), (x[:, 0] >= 1) & (x[:, 0] < 2)], [3.0, 1.0], 0.0))

    rng = np.random.default_rng(0)
    n = 60_000
    exact = (rng.uniform(0, 1, n) + (rng.uniform(0, 1, n) < 0.25))[:, None]
    mixture = GaussianMixture([0.5, 0.5], [[0.2], [2.0]], [[[0.5]], [[1.0]]])
    states = MixtureSteps(mixture, mixture, n_local).states(
        stairs, State(exact, stairs(exact, 0), np.ones(n, bool)), rng
    )
    for _ in range(19):
        moved = next(states).points[:, 0]
    counts = np.histogram(moved, np.arange(0, 2.01, 0.125))[0]
    expected = n * np.repeat([0.75, 0.25], 8) / 8
    assert counts.sum() == n
    assert ((counts - expected) ** 2 / expected).sum() < 37.7  # 99.9 % point of chi-square, 15 degrees


@pytest.mark.parametrize("n_features", [1, 2, 6])
def test_an_adapted_walk_has_the_covariance_and_the_best_acceptance(n_features: int) -> None:
    log_density, covariance = correlated(n_features)
    chains = gmix.metropolis(log_density, np.zeros(n_features), 1000, scale="adapted", warmup=2000, chains=8, rng=1)
    assert chains.acceptance.mean() == pytest.approx(best_acceptance(n_features), abs=0.07)
    factor = chains.steps.factor  # type: ignore[union-attr]
    shape = factor @ factor.T / np.trace(factor @ factor.T) * np.trace(covariance)
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(
        shape / deviation / deviation[:, None], covariance / deviation / deviation[:, None], atol=0.4
    )
    error = deviation / np.sqrt(chains.effective_sample_size)
    assert (np.abs(chains.points.mean(0)) < 4 * error).all()


@pytest.mark.parametrize("seed", range(4))
def test_weights_of_modes_that_lie_apart_are_right(seed: int) -> None:
    start = np.repeat([[0.0, 0.0], [8.0, 0.0]], 8, axis=0)
    chains = gmix.metropolis(APART.log_density, start, 400, proposal="mixture", rng=seed)
    right = chains.draws[:, :, 0] > 4.0
    counted = Chains(right[..., None].astype(float), np.zeros(right.shape), np.ones(16))
    error = np.sqrt(0.21 / counted.effective_sample_size[0])
    assert abs(right.mean() - 0.7) < 3.5 * error
    assert error < 0.02
    assert not chains.findings


@pytest.mark.parametrize("log_density", [normal, ring], ids=["normal", "ring"])
def test_a_mixture_makes_nearly_independent_draws(log_density: Any) -> None:
    chains = gmix.metropolis(log_density, None, 400, proposal="mixture", bounds=([-9.0, -9.0], 9.0), chains=16, rng=0)
    assert (chains.effective_sample_size > 0.25 * chains.n_chains * chains.n_draws).all()
    assert (chains.r_hat < 1.01).all()
    if log_density is ring:
        assert np.sqrt((chains.points**2).sum(1)).mean() == pytest.approx(5.05, abs=0.05)


def test_the_function_is_not_called_outside_the_bounds_and_every_call_counts() -> None:
    seen = []

    def half_normal(x: Array) -> Array:
        seen.append(x.copy())
        return normal(x)

    for options in ({}, {"scale": "adapted", "warmup": 200}, {"proposal": "mixture"}):
        seen.clear()
        chains = gmix.metropolis(half_normal, [1.0], 500, bounds=(0.0, np.inf), chains=4, rng=0, **options)  # type: ignore[arg-type]
        assert np.vstack(seen).min() >= 0.0
        assert chains.evaluations == sum(map(len, seen))
        assert chains.points.min() >= 0.0
    assert chains.points.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.1)


def test_a_function_of_one_point_gives_the_same_draws() -> None:
    many = gmix.metropolis(normal, [0.0, 0.0], 50, chains=3, proposal="mixture", warmup=300, rng=0)
    one = gmix.metropolis(
        lambda x: -0.5 * (x**2).sum(), [0.0, 0.0], 50, chains=3, proposal="mixture", warmup=300, rng=0, vectorized=False
    )
    np.testing.assert_array_equal(one.draws, many.draws)


@pytest.mark.parametrize("options", [{"scale": 0.5}, {"proposal": "mixture", "warmup": 400}])
def test_chains_are_continued_with_the_same_steps(options: dict[str, Any]) -> None:
    first = gmix.metropolis(normal, np.zeros((4, 2)), 60, rng=0, **options)
    longer = gmix.metropolis(normal, first, 40, rng=1)
    assert longer.draws.shape == (4, 100, 2)
    np.testing.assert_array_equal(longer.draws[:, :60], first.draws)
    assert longer.steps is first.steps
    assert longer.evaluations > first.evaluations
    assert longer.acceptance == pytest.approx(
        (np.diff(np.concatenate([np.zeros((4, 1, 2)), longer.draws], axis=1), axis=1) != 0).any(2).mean(1), abs=0.02
    )
    with pytest.raises(ParameterError, match="leave out scale and chains"):
        gmix.metropolis(normal, first, 40, scale=1.0, chains=3)


def test_draws_before_an_interruption_are_kept() -> None:
    calls = 0

    def tired(x: Array) -> Array:
        nonlocal calls
        calls += 1
        if calls == 100:
            raise KeyboardInterrupt
        return normal(x)

    chains = gmix.metropolis(tired, [0.0, 0.0], 500, rng=0)
    assert chains.draws.shape == (1, 98, 2)
    assert chains.findings[0].name == "interrupted"
    assert gmix.metropolis(tired, chains, 10, rng=0).draws.shape == (1, 108, 2)
    calls = 98
    with pytest.raises(KeyboardInterrupt):
        gmix.metropolis(tired, [0.0, 0.0], 500, rng=0)


def test_thinned_chains_have_every_so_many_draws() -> None:
    chains = gmix.metropolis(normal, [0.0], 100, chains=2, rng=0)
    thinned = chains.thin(7)
    np.testing.assert_array_equal(thinned.draws, chains.draws[:, 6::7])
    np.testing.assert_array_equal(thinned.log_density, chains.log_density[:, 6::7])
    with pytest.raises(ParameterError, match="every is 101"):
        chains.thin(101)


def test_sizes_are_those_of_arviz() -> None:
    t = np.arange(101)
    x = np.stack([np.sin(t * t * 0.37) + 0.3 * np.sin(t / 9), np.cos(t * t * 0.23) + 0.5 * np.cos(t / 7)])
    chains = Chains(x[..., None], np.zeros(x.shape), np.ones(2))
    assert chains.tail_effective_sample_size[0] == pytest.approx(ARVIZ_TAIL, rel=1e-9)
    assert x.size / chains.autocorrelation_time[0] == pytest.approx(ARVIZ_MEAN, rel=1e-9)


def test_findings_say_why_draws_should_not_be_trusted() -> None:
    def names(chains: Chains) -> list[str]:
        return [finding.name for finding in chains.findings]

    stuck = gmix.metropolis(APART.log_density, [[0.0, 0.0], [8.0, 0.0]], 2000, scale=0.8, rng=0)
    assert names(stuck) == ["chains differ", "few effective draws"]
    assert "R-hat of coordinate 0 is up to" in str(stuck.findings[0])
    assert "few moves" in names(gmix.metropolis(normal, [0.0, 0.0], 2000, scale=30.0, rng=0))
    assert names(gmix.metropolis(lambda x: np.where((x == 0).all(1), 0.0, -np.inf), [0.0], 100, rng=0)) == ["no move"]
    assert (
        "no move: coordinate 0 never moved"
        in gmix.metropolis(lambda x: np.where((x == 0).all(1), 0.0, -np.inf), [0.0], 100, rng=0).summary()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "start is missing"),
        ({"bounds": (0.0, np.inf)}, "start is missing"),
        ({"bounds": (0.0, 1.0)}, "bounds of two numbers do not tell"),
        ({"bounds": 3.0}, "bounds is 3.0; give a pair"),
        ({"bounds": (1.0, 0.0)}, "the lower ones below the upper ones"),
        ({"bounds": (np.zeros(3), np.ones(3)), "start": [0.5, 0.5]}, "bounds are of 3 coordinates, start of 2"),
        ({"bounds": (0.0, 1.0), "start": [0.5, 2.0]}, "start within the bounds"),
        ({"start": [0.0], "proposal": "mixtures"}, "proposal"),
        ({"start": [0.0], "scale": "adaptive"}, "scale"),
        ({"start": [0.0, 0.0], "vectorized": False}, "for one point; with vectorized=False it must return one number"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gmix.metropolis(lambda x: -(x**2).sum(-1, keepdims="vectorized" in arguments), **arguments)


def test_bounds_without_density_are_an_error() -> None:
    with pytest.raises(ParameterError, match="almost everywhere within the bounds"):
        gmix.metropolis(lambda x: np.full(len(x), -np.inf), bounds=([0.0], 1.0), draws=10)


def test_a_target_names_the_chain_of_a_wrong_value() -> None:
    target = Target(lambda x: np.where(x[:, 0] > 2.0, np.nan, 0.0))
    with pytest.raises(ParameterError, match=r"log_density is nan at \[3.0\] \(step 7, chain 1\)"):
        target(np.array([[0.0], [3.0]]), 7)
