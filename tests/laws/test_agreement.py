"""Agreement of clusters and probabilities with labels."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import adjusted_rand_score

import gmix
from gmix import plot

Array = NDArray[np.float64]
NAMES = np.array(["a", "b", "c"])


def drawn(seed: int, n: int = 60, k: int = 3) -> tuple[NDArray[np.str_], Array]:
    """Labels that were drawn with the probabilities ``(n, k)``, so that these are calibrated."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.6), size=n)
    return NAMES[(rng.random((n, 1)) > np.cumsum(p, 1)).sum(1)], p


@pytest.mark.parametrize("seed", range(8))
def test_the_index_is_that_of_scikit_learn_and_the_error_that_of_the_best_of_all_matchings(seed: int) -> None:
    labels, p = drawn(seed)
    clusters = p.argmax(1) if seed % 2 else np.random.default_rng(seed).integers(0, 4, len(labels))
    found = gmix.agreement(labels, clusters)
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score(labels, clusters), abs=1e-12)
    best = max(
        sum(int(((labels == name) & (clusters == k)).sum()) for name, k in zip(NAMES, order, strict=False))
        for order in permutations(range(4), 3)
    )
    assert found.error == pytest.approx(1.0 - best / len(labels))
    assert found.table.sum() == len(labels)
    assert found.brier is None
    assert found.calibration_error is None


def test_equal_and_trivial_divisions_agree_as_in_scikit_learn() -> None:
    for labels, clusters in (([1, 1, 2, 2], [5, 5, 0, 0]), ([1, 1], [0, 0]), ([1, 2, 3], [3, 2, 1]), ([1, 1], [0, 1])):
        found = gmix.agreement(labels, clusters)
        assert found.adjusted_rand == pytest.approx(adjusted_rand_score(labels, clusters))
    assert gmix.agreement([1, 1, 2, 2], [5, 5, 0, 0]).error == 0.0
    assert gmix.agreement(["x"] * 4, [0, 0, 0, 1]).error == 0.25  # a cluster without a class


def test_the_score_is_the_mean_squared_error_of_the_probabilities_of_matched_clusters() -> None:
    labels, p = drawn(0)
    found = gmix.agreement(labels, p[:, [2, 0, 1]])
    np.testing.assert_array_equal(found.matching, [2, 0, 1])
    truth = labels[:, None] == NAMES
    assert found.brier == pytest.approx(((p - truth) ** 2).sum(1).mean())
    # A background takes what the probabilities leave, and is of no class.
    less = gmix.agreement(labels, 0.8 * p)
    assert less.brier == pytest.approx((((0.8 * p - truth) ** 2).sum(1) + 0.2**2).mean())
    assert less.clusters == (0, 1, 2, None)


def test_bins_hold_all_rows_and_calibrated_probabilities_come_true() -> None:
    labels, p = drawn(1, 6000)
    found = gmix.agreement(labels, p)
    for label, predicted, true in (
        (None, p.max(1), labels == NAMES[p.argmax(1)]),
        ("b", p[:, 1], labels == "b"),
    ):
        bins = found.reliability(label, bins=5)
        place = np.minimum((5 * predicted).astype(int), 4)
        for b, at in enumerate(np.unique(place)):
            mine = place == at
            assert bins.predicted[b] == pytest.approx(predicted[mine].mean())
            assert bins.observed[b] == pytest.approx(true[mine].mean())
            assert bins.weight[b] == mine.sum()
        distance = np.abs(bins.predicted - bins.observed)
        assert bins.calibration_error == pytest.approx(np.average(distance, weights=bins.weight))
    assert found.calibration_error < 0.02
    assert gmix.agreement(labels, p**3 / (p**3).sum(1, keepdims=True)).calibration_error > 0.1


def test_intervals_are_those_of_wilson_and_hold_calibrated_probabilities() -> None:
    found = gmix.agreement([0, 0, 0, 1], np.tile([0.7, 0.3], (4, 1)))
    low, high = binomtest(3, 4).proportion_ci(method="wilson")
    bins = found.reliability()
    assert (bins.low[0], bins.high[0]) == pytest.approx((low, high))
    held = []
    for seed in range(100):
        bins = gmix.agreement(*drawn(seed, 300)).reliability("a", bins=4)
        held += [*((bins.low <= bins.predicted) & (bins.predicted <= bins.high))]
    assert 0.92 < np.mean(held) < 0.99


def test_a_row_of_weight_two_counts_twice_and_unknown_labels_do_not_count() -> None:
    labels, p = drawn(2)
    weight = np.tile([1.0, 2.0, 0.0], 20)
    weighted = gmix.agreement(labels, p, sample_weight=weight)
    copies = gmix.agreement(np.repeat(labels, weight.astype(int)), np.repeat(p, weight.astype(int), axis=0))
    for part in ("adjusted_rand", "error", "brier", "calibration_error"):
        assert getattr(weighted, part) == pytest.approx(getattr(copies, part))
    unknown = [*labels, None, "-"][:-1]
    assert gmix.agreement(unknown, np.vstack([p, p[:1]])).error == gmix.agreement(labels, p).error


def test_labels_of_a_fit_are_matched_by_name() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=50), rng.normal(3.0, 1.0, size=50)])[:, None]
    labels = np.repeat(["low", "high"], 50)
    fit = gmix.fit(x, labels=np.where(np.arange(100) % 2, labels, None), rng=0)
    classification = fit.classify(x)
    found = gmix.agreement(labels, classification)
    assert found.error == pytest.approx((classification.labels != labels).mean())
    swapped = gmix.agreement(np.where(labels == "low", "high", "low"), classification)
    assert swapped.error == pytest.approx(1.0 - found.error)
    assert "adjusted Rand index" in str(found)
    assert "expected calibration error" in found._repr_html_()
    ax = plot.calibration(found, Figure().subplots(), label="low", bins=5)
    assert len(ax.collections[-1].get_offsets()) == len(found.reliability("low", bins=5).weight)
    assert ax.get_xlabel() == "probability of low"


def test_what_cannot_be_compared_is_named() -> None:
    with pytest.raises(gmix.DataError, match="no row of positive weight has a known label"):
        gmix.agreement([None, -1], [0, 1])
    with pytest.raises(gmix.DataError, match="2 labels and 1 prediction;"):
        gmix.agreement([0, 1], [[0.5, 0.5]])
    with pytest.raises(gmix.DataError, match="not probabilities"):
        gmix.agreement([0, 1], [[0.5, 0.9], [0.5, 0.5]])
    hard = gmix.agreement([0, 1], [0, 1])
    with pytest.raises(gmix.ParameterError, match="clusters have no probabilities"):
        plot.calibration(hard, Figure().subplots())
    with pytest.raises(gmix.ParameterError, match="label is 'd'; give one of 'a', 'b', 'c'"):
        gmix.agreement(*drawn(0)).reliability("d")
    with pytest.raises(gmix.ParameterError, match="agreement is a list"):
        plot.calibration([])  # type: ignore[arg-type]
