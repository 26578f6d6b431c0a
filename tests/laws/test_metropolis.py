"""Laws of the random walk and of what it says about itself."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

import gmix
from gmix import Chains, ParameterError

Array = NDArray[np.float64]

# ArviZ 0.23.4: arviz.ess(x, method="bulk") and arviz.rhat(x, method="rank") of the series in the test below.
ARVIZ_ESS = 87.36083085733742
ARVIZ_R_HAT = 1.0001471085654614

# Density 3 on [0, 1), 1 on [1, 2), 0 elsewhere: small enough to be known exactly, steep enough to be got wrong.
STAIRS_DENSITY = (3.0, 1.0)


def stairs(x: Array) -> Array:
    density = np.select([(x[:, 0] >= 0) & (x[:, 0] < 1), (x[:, 0] >= 1) & (x[:, 0] < 2)], STAIRS_DENSITY, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(density))


def normal(x: Array) -> Array:
    return np.asarray(-0.5 * (x**2).sum(axis=1))


def chains_of(x: Array) -> Chains:
    """Chains ``(chains, draws)`` of one coordinate, as if they had been drawn."""
    return Chains(np.array(x)[..., None], np.zeros(x.shape), np.ones(len(x)))


@pytest.mark.parametrize("steps", [1, 4])
def test_the_target_is_invariant(steps: int) -> None:
    rng = np.random.default_rng(1)
    n = 200_000
    exact = rng.uniform(0, 1, n) + (rng.uniform(0, 1, n) < 0.25)
    moved = gmix.metropolis(stairs, exact[:, None], 1, thin=steps, rng=rng).points[:, 0]
    counts = np.histogram(moved, np.arange(0, 2.01, 0.125))[0]
    expected = n * np.repeat([0.75, 0.25], 8) / 8
    assert counts.sum() == n
    assert ((counts - expected) ** 2 / expected).sum() < 30.6  # the 99% point of chi-square with 15 degrees of freedom


def test_a_step_and_its_reverse_are_as_frequent() -> None:
    rng = np.random.default_rng(2)
    n = 200_000
    before = rng.uniform(0, 1, n) + (rng.uniform(0, 1, n) < 0.25)
    after = gmix.metropolis(stairs, before[:, None], 1, rng=rng).points[:, 0]
    up, down = int(((before < 1) & (after >= 1)).sum()), int(((before >= 1) & (after < 1)).sum())
    assert up > 5000
    assert abs(up - down) < 3 * np.sqrt(up + down)


@pytest.mark.parametrize("scale", [0.7, [1.0, 2.0], [[1.0, 0.8], [0.8, 2.0]]])
def test_moments_of_a_mixture_are_recovered(scale: ArrayLike) -> None:
    mixture = gmix.GaussianMixture(
        [0.3, 0.7], [[-1.0, 0.0], [1.0, 2.0]], [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.5], [0.5, 2.0]]]
    )
    chains = gmix.metropolis(mixture.log_density, [0.0, 0.0], 4000, scale=scale, warmup=200, chains=16, rng=3)
    error = np.sqrt(np.diag(mixture.covariance) / chains.effective_sample_size)
    assert (np.abs(chains.points.mean(0) - mixture.mean) < 4 * error).all()
    assert np.allclose(np.cov(chains.points.T), mixture.covariance, atol=0.15)
    assert (chains.r_hat < 1.03).all()


def test_the_proposal_has_the_covariance_that_was_asked_for() -> None:
    covariance = np.array([[1.0, 0.8], [0.8, 2.0]])
    chains = gmix.metropolis(lambda x: np.zeros(len(x)), np.zeros((50_000, 2)), 1, scale=covariance, rng=4)
    assert chains.acceptance.min() == 1.0
    assert np.allclose(np.cov(chains.points.T), covariance, atol=0.04)


def test_a_seed_gives_the_same_draws_and_a_constant_changes_nothing() -> None:
    first = gmix.metropolis(normal, [0.0, 0.0], 300, thin=2, warmup=7, chains=3, rng=5)
    again = gmix.metropolis(normal, [0.0, 0.0], 300, thin=2, warmup=7, chains=3, rng=np.random.default_rng(5))
    shifted = gmix.metropolis(lambda x: normal(x) + 1024.0, [0.0, 0.0], 300, thin=2, warmup=7, chains=3, rng=5)
    other = gmix.metropolis(normal, [0.0, 0.0], 300, thin=2, warmup=7, chains=3, rng=6)
    assert np.array_equal(first.draws, again.draws)
    assert np.array_equal(first.draws, shifted.draws)
    assert np.allclose(shifted.log_density - first.log_density, 1024.0)
    assert not np.array_equal(first.draws, other.draws)


def test_thinning_and_warm_up_choose_among_the_same_steps() -> None:
    every = gmix.metropolis(normal, [0.0], 700, rng=8)
    assert np.array_equal(gmix.metropolis(normal, [0.0], 70, thin=10, rng=8).draws, every.draws[:, 9::10])
    assert np.array_equal(gmix.metropolis(normal, [0.0], 400, warmup=300, rng=8).draws, every.draws[:, 300:])
    assert np.array_equal(gmix.metropolis(normal, [0.0], 20, rng=8).draws, every.draws[:, :20])


def test_chains_hold_what_they_say() -> None:
    chains = gmix.metropolis(normal, [[0.0, 0.0], [1.0, 1.0]], 40, rng=9)
    assert chains.draws.shape == (2, 40, 2)
    assert chains.log_density.shape == (2, 40)
    assert chains.acceptance.shape == (2,)
    assert np.array_equal(chains.points[40:], chains.draws[1])
    assert np.allclose(chains.log_density.ravel(), normal(chains.points))
    moved = (np.diff(chains.draws, axis=1) != 0).any(2).mean(1)
    assert np.allclose(chains.acceptance, moved, atol=1 / 39)
    assert repr(chains).startswith("Chains(2 chains, 40 draws, 2 coordinates, acceptance 0.")
    assert "R-hat" in chains.summary()
    with pytest.raises(ValueError, match="read-only"):
        chains.draws[0, 0, 0] = 1.0


def test_white_noise_counts_in_full() -> None:
    noise = np.random.default_rng(10).standard_normal((4, 5000))
    assert chains_of(noise).effective_sample_size[0] == pytest.approx(20_000, rel=0.07)
    assert chains_of(noise).r_hat[0] == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("memory", [-0.5, 0.5, 0.9])
def test_an_autoregression_counts_as_theory_says(memory: float) -> None:
    rng = np.random.default_rng(11)
    noise = rng.standard_normal((8, 20_000))
    x = np.empty_like(noise)
    x[:, 0] = noise[:, 0]
    for t in range(1, x.shape[1]):
        x[:, t] = memory * x[:, t - 1] + np.sqrt(1 - memory**2) * noise[:, t]
    size = chains_of(x).effective_sample_size[0]
    assert size == pytest.approx(x.size * (1 - memory) / (1 + memory), rel=0.08)
    assert chains_of(np.exp(x)).effective_sample_size[0] == pytest.approx(size)  # only ranks count


def test_chains_that_disagree_are_found_out() -> None:
    noise = np.random.default_rng(12).standard_normal((4, 500))
    apart = chains_of(noise + np.array([[0.0], [0.0], [0.0], [3.0]]))
    wider = chains_of(noise * np.array([[1.0], [1.0], [1.0], [6.0]]))
    drifting = chains_of(noise[:1] + np.linspace(0, 4, 500))
    for chains in (apart, wider, drifting):
        assert chains.r_hat[0] > 1.1
        assert "have not converged" in chains.summary()
    assert apart.effective_sample_size[0] < 50


def test_the_diagnostics_are_those_of_arviz() -> None:
    t = np.arange(101)
    x = np.stack([np.sin(t * t * 0.37) + 0.3 * np.sin(t / 9), np.cos(t * t * 0.23) + 0.5 * np.cos(t / 7)])
    chains = chains_of(x)
    assert chains.effective_sample_size[0] == pytest.approx(ARVIZ_ESS, rel=1e-9)
    assert chains.r_hat[0] == pytest.approx(ARVIZ_R_HAT, rel=1e-9)


def test_too_little_says_nothing() -> None:
    assert np.isnan(chains_of(np.ones((2, 100))).effective_sample_size).all()
    assert np.isnan(chains_of(np.ones((2, 100))).r_hat).all()
    assert np.isnan(chains_of(np.arange(3.0)[None]).effective_sample_size).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"log_density": lambda x: np.where(x[:, 0] > 1, np.nan, 0.0)},
            r"log_density is nan at \[.*\] \(step \d+, chain 0\)",
        ),
        ({"log_density": lambda x: np.full(len(x), np.inf)}, r"log_density is inf at \[0.0, 0.0\] \(step 0, chain 0\)"),
        ({"log_density": lambda x: np.full(len(x), -np.inf)}, r"density is zero at the start \[0.0, 0.0\]"),
        ({"log_density": lambda x: -0.5 * (x**2).sum()}, r"shape \(\) for points \(1, 2\)"),
        ({"log_density": lambda x: -0.5 * x**2}, r"shape \(1, 2\) for points \(1, 2\)"),
        ({"log_density": lambda x: ["one"]}, "one number for each point"),
        ({"log_density": None}, r"give a function, such as mixture\.log_density"),
        ({"start": "origin"}, "start must be numbers"),
        ({"scale": "wide"}, "scale must be numbers"),
        ({"start": 0.0}, r"start has shape \(\)"),
        ({"start": [[[0.0]]]}, r"start has shape \(1, 1, 1\)"),
        ({"start": [np.nan, 0.0]}, "is not finite"),
        ({"start": [[0.0, 0.0], [1.0, 1.0]], "chains": 3}, "2 points for 3 chains"),
        ({"chains": 0}, "chains is 0"),
        ({"draws": 0}, "draws is 0"),
        ({"draws": 10.0}, "draws is 10.0"),
        ({"thin": 0}, "thin is 0"),
        ({"warmup": -1}, "warmup is -1"),
        ({"scale": 0.0}, "above zero"),
        ({"scale": [1.0, 1.0, 1.0]}, r"scale has shape \(3,\)"),
        ({"scale": [[1.0, 2.0], [2.0, 1.0]]}, "positive definite"),
        ({"scale": [[1.0, 0.5], [0.0, 1.0]]}, "symmetric"),
        ({"scale": [[1e-9, 5e-10], [0.0, 1e-9]]}, "symmetric"),
        ({"rng": "seven"}, "rng is .seven."),
    ],
)
def test_mistakes_are_named(arguments: dict[str, object], message: str) -> None:
    usual: dict[str, object] = {"log_density": normal, "start": [0.0, 0.0], "draws": 100, "rng": 0}
    with pytest.raises(ParameterError) as caught:
        gmix.metropolis(**(usual | arguments))  # type: ignore[arg-type]
    assert re.search(message, str(caught.value)), str(caught.value)


def test_an_error_of_the_callers_function_goes_through() -> None:
    def broken(x: Array) -> Array:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gmix.metropolis(broken, [0.0], 10)


def test_the_points_cannot_be_overwritten_by_the_function() -> None:
    def careless(x: Array) -> Array:
        x -= 1.0
        return normal(x)

    with pytest.raises(ValueError, match="read-only"):
        gmix.metropolis(careless, [0.0], 10)
