"""What a fit says about its trials, from optima that are written down here."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import gmix
from gmix.fitting.optima_text import chance_text, trials_text
from gmix.fitting.refinement import Optima, Optimum


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ([Optimum(-10.0, 1, 0.0)], "1 trial"),
        ([Optimum(-10.0, 4, 0.0)], "4 trials: all reached the same optimum"),
        (
            [Optimum(-10.0, 5, 0.0), Optimum(-14.84, 2, 0.12)],
            "7 trials: 5 reached the best of 2 optima; the next one is 4.8 nats lower (12 % of rows change component)",
        ),
        (
            [Optimum(-10.0, 1, 0.0), Optimum(-10.06, 2), Optimum(-99.0, 1)],
            "4 trials: 1 reached the best of 3 optima; the next one is 0.060 nats lower",
        ),
    ],
)
def test_trials_are_counted(found: list[Optimum], text: str) -> None:
    optima = Optima(tuple(found), 50.0, from_trials=True)
    assert trials_text(optima, 50.0).replace("\xa0", " ") == text
    trials, colon, others = text.partition(":")
    assert trials_text(optima, 70.0).replace("\xa0", " ") == f"{trials} on a sub-sample{colon}{others}"


@dataclass(frozen=True)
class Estimated(Optima):
    """Optima with a given chance of a better one, so that its text does not depend on how it is estimated."""

    chance: float = 0.0

    @property
    def chance_of_better(self) -> float:
        return self.chance


@pytest.mark.parametrize(
    ("chance", "value"),
    [(0.254, "about 25"), (0.061, "about 6"), (0.0051, "about 1"), (0.0049, "less than 1"), (0.0, "less than 1")],
)
def test_the_chance_is_rounded(chance: float, value: str) -> None:
    text = chance_text(Estimated((Optimum(-10.0, 1, 0.0),), 50.0, from_trials=True, chance=chance))
    assert text.endswith(f"finds a better optimum: {value}\xa0%")


def test_the_chance_falls_with_the_trials_that_meet_the_best_optimum_and_with_moves_in_vain() -> None:
    def chance(times: int, others: int, vain: int) -> float:
        return Optima((Optimum(-10.0, times), Optimum(-20.0, others)), 50.0, True, vain).chance_of_better

    for others, vain in ((1, 0), (4, 2), (30, 8)):
        by_times = [chance(times, others, vain) for times in range(1, 40)]
        assert by_times == sorted(by_times, reverse=True)
        by_vain = [chance(2, others, races) for races in range(40)]
        assert by_vain == sorted(by_vain, reverse=True)
        assert 0.0 < by_times[-1] < by_times[0] < 1.0


def test_a_fit_without_trials_says_nothing_about_them() -> None:
    start = gmix.GaussianMixture([0.5, 0.5], [[-3.0], [3.0]], [[[1.0]], [[1.0]]])
    points = start.sample(200, rng=1)
    for fit in (gmix.fit(points, start=start), gmix.fit(points, 2, covariance="V", effort=0.0, rng=1)):
        assert fit.search is not None
        assert fit.comparison is None
        assert fit.optima is None
        assert "optim" not in fit.summary()
    fit = gmix.fit(points, 2, covariance="V", rng=1)
    assert fit.optima is not None
    assert trials_text(fit.optima, fit.mass) in fit.summary()
    several = gmix.fit(points, [1, 2], covariance="V", rng=1)
    assert several.comparison is several.search is not None
