"""Stepwise EM: the same mixture from blocks that come once, and one that follows a stream that drifts."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture, Stepwise
from gmix.model.covariance import STRUCTURES, Structure

Array = NDArray[np.float64]
TRUTH = GaussianMixture([0.3, 0.7], [[0.0, 0.0], [3.0, 1.0]], [[[1.0, 0.3], [0.3, 1.0]], [[0.5, 0.0], [0.0, 2.0]]])
POOR = GaussianMixture([0.5, 0.5], [[1.0, 1.0], [2.0, 0.0]], [4.0 * np.eye(2)] * 2)

[ONE_COMPONENT] = gmix.expect(np.eye(2), [GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)])])


def test_one_pass_of_blocks_comes_near_the_fit_of_all_rows() -> None:
    rows = TRUTH.sample(40_000, rng=1)
    first, *rest = np.array_split(rows, 200)
    learner = Stepwise(gmix.fit(first, start=POOR).mixture)
    for block in (first, *rest):
        learner.update(block)
    whole = gmix.fit(rows, start=POOR)
    [reached] = gmix.expect(rows, [learner.mixture])
    assert (whole.log_likelihood - reached.log_likelihood) / len(rows) < 2e-4
    np.testing.assert_allclose(learner.mixture.means, whole.mixture.means, atol=0.05)
    assert learner.blocks == 200
    assert learner.mass == pytest.approx(len(rows))


def test_the_average_is_less_noisy_than_the_last_step() -> None:
    errors = []
    for seed in range(4):
        rows = TRUTH.sample(10_000, rng=seed)
        learner = Stepwise(TRUTH)
        for block in np.array_split(rows, 200):
            learner.update(block)
        errors.append([np.abs(m.means - TRUTH.means).mean() for m in (learner.mixture, learner._latest)])
    averaged, last = np.mean(errors, axis=0)
    assert averaged < 0.8 * last


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_a_first_block_is_one_step_of_em(points: Array, structure: Structure) -> None:
    start = gmix.fit(points, 2, covariance=structure, rng=0, max_iterations=1).mixture
    [statistics] = gmix.expect(points, [start])
    step = GaussianMixture.from_statistics(statistics, structure)
    learned = Stepwise(start).update(points).mixture
    np.testing.assert_allclose(learned.means, step.means, rtol=1e-9)
    np.testing.assert_allclose(learned.covariances, step.covariances, rtol=1e-7, atol=1e-9)


def test_the_weights_of_rows_and_their_unit() -> None:
    rows = TRUTH.sample(600, rng=3)
    count = np.arange(600) % 3
    counted, repeated, scaled = Stepwise(POOR), Stepwise(POOR), Stepwise(POOR)
    for part in np.array_split(np.arange(600), 3):
        counted.update(rows[part], sample_weight=count[part])
        scaled.update(rows[part], sample_weight=1e-3 * count[part])
        repeated.update(np.repeat(rows[part], count[part], 0))
    counted.update(rows, sample_weight=np.zeros(600))  # no rows
    for other in (repeated, scaled):
        np.testing.assert_allclose(other.mixture.means, counted.mixture.means, rtol=1e-10)
        np.testing.assert_allclose(other.mixture.covariances, counted.mixture.covariances, rtol=1e-9)
    assert counted.mass == pytest.approx(count.sum())


def test_a_stream_that_drifts_is_followed_where_it_is_forgotten() -> None:
    mixtures = []
    for forgetting in (0.0, 0.3):
        learner = Stepwise(TRUTH, forgetting=forgetting)
        for t in range(150):
            learner.update(TRUTH.sample(500, rng=t) + 0.02 * t)
        mixtures.append(learner.mixture)
    now = TRUTH.means + 0.02 * 149
    stale, fresh = (np.abs(m.means - now).max() for m in mixtures)
    assert fresh < 0.4
    assert stale > 2.0 * fresh


def test_a_fit_is_gone_on_from() -> None:
    rows = TRUTH.sample(2000, rng=4)
    fit = gmix.fit(rows[:1000], 2, covariance="full", rng=0)
    learner = Stepwise(fit.mixture, statistics=fit.statistics)
    assert learner.mass == pytest.approx(1000)
    np.testing.assert_allclose(learner.mixture.means, fit.mixture.means, atol=1e-2)
    learner.update(rows[1000:])
    whole = gmix.fit(rows, start=fit.mixture)
    np.testing.assert_allclose(learner.mixture.means, whole.mixture.means, atol=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decay": 0.5}, "decay is 0.5; give a number above 0.5"),
        ({"decay": "slow"}, "decay is 'slow'"),
        ({"forgetting": 1.0}, "forgetting is 1.0; give a number from 0 to below 1"),
        ({"prior": "weak"}, "give a gmix.NormalInverseWishart"),
        (
            {"statistics": ONE_COMPONENT},
            r"1 component, .*do not belong to .*\(VVV, 2 components.*from one fit",
        ),
    ],
)
def test_what_is_wrong_with_an_argument(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(gmix.ParameterError, match=message):
        Stepwise(POOR, **settings)


def test_statistics_of_no_rows_teach_nothing() -> None:
    [nothing] = gmix.expect(np.empty((0, 2)), [POOR])
    learner = Stepwise(POOR, statistics=nothing).update(np.empty((0, 2)))
    assert (learner.blocks, learner.mass, learner.mixture) == (0, 0.0, POOR)


def test_a_block_that_cannot_be_used_teaches_nothing() -> None:
    learner = Stepwise(POOR).update(TRUTH.sample(100, rng=0))
    before = learner.mixture
    for block, message in (([[np.nan, np.inf]], "is infinite"), ([[1.0]], "does not fit rows of 1 column")):
        with pytest.raises(gmix.GmixError, match=message):
            learner.update(block)
    np.testing.assert_array_equal(learner.mixture.means, before.means)


def test_blocks_with_missing_cells_teach_what_their_other_cells_say() -> None:
    rows = TRUTH.sample(40_000, rng=3)
    rows[np.random.default_rng(4).random(rows.shape) < 0.3] = np.nan
    rows[100:200] = np.nan  # a block of rows without any value
    rows[200:300, 1] = np.nan  # a block without a value in one column
    learner = Stepwise(TRUTH.affine(np.eye(2), [0.3, -0.2]))
    for block in [rows[:100], rows[100:200], rows[200:300], *np.array_split(rows[300:], 200)]:
        learner.update(block)
    whole = gmix.fit(rows, start=TRUTH)
    assert learner.blocks == 202
    assert learner.mass == pytest.approx(whole.mass)
    per_row = learner.mixture.log_density(rows[~np.isnan(rows).all(1)]).mean()
    assert whole.log_likelihood / whole.mass - per_row < 1e-3


def test_the_estimator_learns_block_by_block() -> None:
    sklearn = pytest.importorskip("gmix.sklearn")
    rows = TRUTH.sample(20_000, rng=1)
    blocks = np.array_split(rows, 20)
    model = sklearn.GaussianMixture(2, random_state=0)
    for block in blocks:
        model.partial_fit(block)
        model = pickle.loads(pickle.dumps(model))  # noqa: S301
    whole = sklearn.GaussianMixture(2, random_state=0).fit(rows)
    assert whole.score(rows) - model.score(rows) < 3e-4
    assert model.predict(rows).shape == (20_000,)
    with pytest.raises(ValueError, match="expecting 2 features"):
        model.partial_fit(rows[:, :1])
    model.fit(blocks[0])
    assert model.mixture_ is model.fit_.mixture
    model.mixture_ = TRUTH  # a mixture that is assigned is the one to go on from
    model.partial_fit(blocks[1])
    model.mixture_ = TRUTH
    model.partial_fit(blocks[2])
    np.testing.assert_array_equal(model.means_, Stepwise(TRUTH).update(blocks[2]).mixture.means)
    drifting = sklearn.GaussianMixture(2, random_state=0, forgetting=0.5, reg_covar=1e-6)
    for t in range(30):
        drifting.partial_fit(TRUTH.sample(500, rng=t) + 0.1 * t)
    np.testing.assert_allclose(np.sort(drifting.means_[:, 0]), TRUTH.means[:, 0] + 0.1 * 29, atol=0.7)
    with pytest.raises(gmix.ParameterError, match="forgetting is 2"):
        sklearn.GaussianMixture(2, forgetting=2.0).fit(blocks[0]).partial_fit(blocks[1])
