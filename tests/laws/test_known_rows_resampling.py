"""The bootstrap and multiple imputation of fits with labels and frozen parameters."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture
from gmix.inference.bootstrap import _exchangeable, _matched
from gmix.inference.resampling import drawn_table, resampled, reweighted
from gmix.inference.standard_errors import fitted_model
from gmix.sources import MemorySource

Array = NDArray[np.float64]
PARTS = ("weights", "means", "covariances")
TRUTH = GaussianMixture(
    [0.5, 0.3, 0.2], [[0.0, 0.0], [5.0, 1.0], [-3.0, 5.0]], [[[2.0, 0.7], [0.7, 0.6]], np.eye(2), np.diag([1.0, 0.5])]
)
X, GROUP = TRUTH.sample_labelled(400, rng=3)
KNOWN = np.where(np.arange(len(X)) % 4 == 0, GROUP, -1)
SOFT = 0.2 + np.where(KNOWN[:, None] < 0, 1.0, np.eye(3)[GROUP])
FREEZE: dict[str, Any] = {"means": [0], "covariances": [1], "weights": [2]}


def fitted(**options: Any) -> gmix.Fit:
    return gmix.fit(X, start=TRUTH, covariance="VVV", **options)


def assert_frozen(found: Any) -> None:
    """The frozen parameters of one mixture, or of replicates, have the bits of the start."""
    for part, some in FREEZE.items():
        values = getattr(found, part)
        at = np.take(values, some, axis=values.ndim - getattr(TRUTH, part).ndim)
        np.testing.assert_array_equal(at, np.broadcast_to(getattr(TRUTH, part)[some], at.shape))


# The bootstrap --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["weights", "rows", "parametric"])
@pytest.mark.parametrize("labels", [None, KNOWN], ids=["none", "hard"])
@pytest.mark.parametrize("freeze", [None, FREEZE], ids=["free", "frozen"])
def test_replicates_spread_as_standard_errors_say(
    kind: str, labels: Array | None, freeze: dict[str, Any] | None
) -> None:
    fit = fitted(labels=labels, freeze=freeze)
    replicates = gmix.bootstrap(fit, X, labels=labels, kind=kind, replicates=150, rng=0)
    spread = replicates.standard_errors
    expected = gmix.standard_errors(fit, X, labels=labels, robust=kind != "parametric")
    for part in PARTS:
        np.testing.assert_allclose(getattr(spread, part), getattr(expected, part), rtol=0.25)
    if freeze is not None:
        assert_frozen(replicates)
    assert replicates.collapsed == 0


def test_soft_labels_are_resampled_with_their_rows() -> None:
    fit = fitted(labels=SOFT)
    spread = gmix.bootstrap(fit, X, labels=SOFT, replicates=150, rng=0).standard_errors
    expected = gmix.standard_errors(fit, X, labels=SOFT, robust=True)
    for part in PARTS:
        np.testing.assert_allclose(getattr(spread, part), getattr(expected, part), rtol=0.25)
    with pytest.raises(gmix.ParameterError, match=r"have no soft labels; resample the rows, with kind='weights'"):
        gmix.bootstrap(fit, X, labels=SOFT, kind="parametric", replicates=2, rng=0)


def test_with_a_background_frozen_weights_stay_too() -> None:
    x = np.vstack([X, np.random.default_rng(1).uniform(-8.0, 10.0, (40, 2))])
    fit = gmix.fit(x, start=TRUTH, freeze=FREEZE, background=True)
    replicates = gmix.bootstrap(fit, x, replicates=100, rng=0)
    assert_frozen(replicates)
    errors = gmix.standard_errors(fit, x)
    assert replicates.standard_errors.background == pytest.approx(errors.background, rel=0.3)


def test_labels_stay_with_their_rows() -> None:
    source = MemorySource(X, labels=KNOWN)
    generator = np.random.default_rng(0)
    groups = np.arange(3.0)
    for table in (
        resampled(source, TRUTH, "weights", generator, groups),
        resampled(source, TRUTH, "rows", generator, groups),
        reweighted(source, generator),
    ):
        assert table.groups == source.groups
        np.testing.assert_array_equal(table.everything.labels, KNOWN)


def test_drawn_rows_have_labels_where_the_rows_of_the_table_have_some() -> None:
    groups = np.array([0.0, 1.0, -1.0])
    source = MemorySource(X, labels=np.where(KNOWN == 2, -1, KNOWN))
    table = drawn_table(TRUTH, len(X), source, np.random.default_rng(5), groups)
    values, components = TRUTH.sample_labelled(len(X), rng=np.random.default_rng(5))
    np.testing.assert_array_equal(table.array, values)
    expected = np.where((source.everything.labels >= 0) & (components < 2), components, -1)
    np.testing.assert_array_equal(table.everything.labels, expected)
    assert table.groups == source.groups
    weighted = MemorySource(X, labels=KNOWN, sample_weight=np.where(KNOWN >= 0, 3.0, 1.0))
    labels = drawn_table(TRUTH, 600.0, weighted, np.random.default_rng(5), np.arange(3.0)).everything.labels
    assert labels is not None
    assert len(labels) == 600
    assert (labels >= 0).mean() == pytest.approx(0.5, abs=0.06)  # 100 rows of weight 3 among 600


def test_only_components_of_one_group_without_frozen_parameters_are_exchanged() -> None:
    same = GaussianMixture(np.full(4, 0.25), np.zeros((4, 1)), np.ones((4, 1, 1)))
    labels = {"a": 2, "b": 1, None: 1}
    x, group = TRUTH.sample(60, rng=0)[:, :1], np.repeat(np.array(["a", "b", None], object), 20)
    model = fitted_model(gmix.fit(x, labels, labels=group, start=same), MemorySource(x, labels=group))
    expected = np.eye(4, dtype=bool)
    expected[0, 1] = expected[1, 0] = True
    np.testing.assert_array_equal(_exchangeable(model), expected)
    frozen = gmix.fit(x, labels, labels=group, start=same, freeze={"weights": [1]})
    model = fitted_model(frozen, MemorySource(x, labels=group))
    np.testing.assert_array_equal(_exchangeable(model), np.eye(4, dtype=bool))
    far = GaussianMixture(same.weights, [[3.0], [2.0], [1.0], [0.0]], same.covariances)
    turned = GaussianMixture(same.weights, far.means[::-1], same.covariances)
    assert _matched(turned, far).tolist() == [3, 2, 1, 0]
    assert _matched(turned, far, expected).tolist() == [1, 0, 2, 3]
    assert _matched(turned, far, np.eye(4, dtype=bool)).tolist() == [0, 1, 2, 3]


def test_cross_validation_leaves_frozen_parameters_as_they_are() -> None:
    """With all parameters frozen, it is the deviance of all rows."""
    everything = dict.fromkeys(PARTS, True)
    fit = gmix.fit(X, start=TRUTH, freeze=everything)
    assert gmix.cross_validate(fit, X, rng=0) == pytest.approx(-2.0 * fit.log_likelihood, rel=1e-12)


# Multiple imputation --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def holed() -> Array:
    holes = np.random.default_rng(1).random(X.shape) < 0.2
    holes[::7] = False
    return np.where(holes, np.nan, X)


def test_imputations_leave_frozen_parameters_as_they_are(holed: Array) -> None:
    fit = gmix.fit(holed, start=TRUTH, freeze=FREEZE)
    imputations = gmix.impute(fit, holed, 5, rng=0)
    for mixture in imputations.mixtures:
        assert_frozen(mixture)
    assert np.ptp([mixture.means[1, 0] for mixture in imputations.mixtures]) > 0.0


def test_missing_cells_of_labeled_rows_come_from_components_of_their_label() -> None:
    """Nothing but the label says from which of two components a cell comes."""
    two = GaussianMixture([0.5, 0.5], [[0.0, 0.0], [0.0, 50.0]], [np.eye(2)] * 2)
    x, group = two.sample_labelled(300, rng=1)
    x[::3, 1] = np.nan
    labels = np.where(np.arange(len(x)) % 2 == 0, group, -1)
    names = np.array(["low", "high"], object)[labels]
    names[labels < 0] = None
    soft = np.where(labels[:, None] < 0, 1.0, np.eye(2)[labels])
    for each in (labels, names, soft):
        fit = gmix.fit(x, labels=each, covariance="VVV")
        imputations = gmix.impute(fit, x, 4, labels=each, rng=2)
        some = np.isnan(x[:, 1]) & (labels >= 0)
        for table in (*imputations, pickle.loads(pickle.dumps(imputations))[1]):  # noqa: S301
            assert (np.abs(table[some, 1] - 50.0 * group[some]) < 6.0).all()
            unknown = table[np.isnan(x[:, 1]) & (labels < 0), 1]
            assert 0.2 < (unknown > 25.0).mean() < 0.8
        np.testing.assert_array_equal(imputations[1], imputations[1])


def test_imputation_without_labels_has_the_bits_of_the_method(holed: Array) -> None:
    fit = gmix.fit(holed, start=TRUTH)
    imputations = gmix.impute(fit, holed, 2, rng=0)
    for i, mixture in enumerate(imputations.mixtures):
        expected = mixture.impute(holed, rng=np.random.default_rng([imputations.seed, i]))
        np.testing.assert_array_equal(imputations[i], expected)


def test_columns_that_follow_from_others_are_imputed_beside_labels(holed: Array) -> None:
    table = np.column_stack([holed, 2.0 * holed[:, 0] + 1.0])
    fit = gmix.fit(table, labels=KNOWN, covariance=["EEE", "VVV"])
    assert fit.mixture.dependence is not None
    for completed in gmix.impute(fit, table, 2, labels=KNOWN, rng=0):
        np.testing.assert_allclose(completed[:, 2], 2.0 * completed[:, 0] + 1.0)
