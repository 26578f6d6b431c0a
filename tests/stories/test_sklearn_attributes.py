"""Scripts that set the attributes of scikit-learn's class by hand, and do the same with gmix's class."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture as Theirs

import gmix
from gmix.sklearn import GaussianMixture

Array = NDArray[Any]
TYPES = ("full", "tied", "diag", "spherical")
SETTINGS: dict[str, Any] = {"tol": 1e-3, "reg_covar": 1e-6, "max_iter": 100, "random_state": 0}
NAMES = ("weights_", "means_", "covariances_", "precisions_cholesky_")


@pytest.fixture(scope="module")
def rows() -> Array:
    rng = np.random.default_rng(5)
    parts = [rng.normal(size=(n, 2)) * [1.0, 2.0] + at for n, at in ((120, [0, 0]), (60, [6, 1]), (70, [2, 9]))]
    return np.asarray(rng.permutation(np.vstack(parts)))


def theirs(rows: Array, kind: str) -> Theirs:
    return Theirs(3, covariance_type=kind, **SETTINGS).fit(rows)


def parameters(model: Any, *names: str) -> dict[str, Array]:
    return {name: np.array(getattr(model, name)) for name in names or NAMES}


def with_attributes(model: Any, values: dict[str, Any]) -> Any:
    for name, value in values.items():
        setattr(model, name, value)
    return model


def agree(ours: Any, other: Any, rows: Array) -> None:
    np.testing.assert_array_equal(ours.predict(rows), other.predict(rows))
    np.testing.assert_allclose(ours.predict_proba(rows), other.predict_proba(rows), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(ours.score_samples(rows), other.score_samples(rows), rtol=1e-9)
    for method in ("score", "bic", "aic"):
        assert getattr(ours, method)(rows) == pytest.approx(getattr(other, method)(rows), rel=1e-9)


@pytest.mark.parametrize("kind", TYPES)
def test_parameters_may_be_set_in_any_order_without_a_fit(rows: Array, kind: str) -> None:
    model = theirs(rows, kind)
    values = parameters(model)
    for order in itertools.permutations(values):
        ours = with_attributes(GaussianMixture(3, covariance_type=kind), {name: values[name] for name in order})
        np.testing.assert_array_equal(ours.means_, values["means_"])
        agree(ours, model, rows)
    points, labels = ours.sample(20_000)
    for k in range(3):
        np.testing.assert_allclose(points[labels == k].mean(0), model.means_[k], atol=0.15)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("stated", ["covariances_", "precisions_", "precisions_cholesky_"])
def test_one_attribute_says_all_about_the_covariances(rows: Array, kind: str, stated: str) -> None:
    model = theirs(rows, kind)
    values = parameters(model, "weights_", "means_", stated)
    ours = with_attributes(GaussianMixture(3, covariance_type=kind), values)
    agree(ours, model, rows)
    assert ours.sample(7)[0].shape == (7, 2)
    assert ours.n_components_ == 3


def test_a_model_from_a_file_of_arrays_is_as_good_as_new(rows: Array, tmp_path: Path) -> None:
    model = GaussianMixture(3, random_state=0).fit(rows)
    np.savez(tmp_path / "model.npz", **parameters(model))
    with np.load(tmp_path / "model.npz") as file:
        loaded = with_attributes(GaussianMixture(n_components=3), dict(file))
    agree(loaded, model, rows)


def test_changes_in_place_are_seen(rows: Array) -> None:
    model, other = GaussianMixture(3, covariance_type="tied", **SETTINGS).fit(rows), theirs(rows, "tied")
    for one in (model, other):
        one.means_.sort(0)
    agree(model, other, rows)
    for one in (model, other):
        one.weights_[:] = [0.2, 0.5, 0.3]
        one.means_[0] += 1.0
    agree(model, other, rows)
    np.testing.assert_array_equal(model.mixture_.means, model.means_)


def test_sorted_components_are_the_same_mixture(rows: Array) -> None:
    model = GaussianMixture(3, random_state=0).fit(rows)
    before, order = model.score_samples(rows), np.argsort(-model.weights_)
    for name in (*NAMES, "precisions_"):
        setattr(model, name, getattr(model, name)[order])
    np.testing.assert_allclose(model.score_samples(rows), before, rtol=1e-12)
    assert (np.diff(model.weights_) < 0).all()


def test_means_that_are_adapted_to_a_speaker_are_used(rows: Array) -> None:
    """MAP adaptation of the means of a background model, as speaker verification does it (Reynolds et al. 2000)."""
    background, speech = GaussianMixture(3, covariance_type="diag", random_state=0).fit(rows), rows[:40] + 1.0
    adapted = with_attributes(
        GaussianMixture(3, covariance_type="diag"), parameters(background, "weights_", "means_", "covariances_")
    )
    share = background.predict_proba(speech)
    count = share.sum(0)[:, None]
    adapted.means_ = (share.T @ speech + 16.0 * background.means_) / (count + 16.0)
    assert adapted.score(speech) > background.score(speech)


def test_predictions_follow_the_precisions_and_draws_the_covariances(rows: Array) -> None:
    model, other = GaussianMixture(3, covariance_type="diag", **SETTINGS).fit(rows), theirs(rows, "diag")
    for one in (model, other):
        one.covariances_ = 1e4 * np.ones((3, 2))
    agree(model, other, rows)
    assert model.sample(500)[0].std() > 50.0
    for one in (model, other):
        one.precisions_cholesky_ = np.full((3, 2), 0.1)
    agree(model, other, rows)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_any_factor_of_the_precisions_will_do(rows: Array, kind: str) -> None:
    """Scripts set ``np.linalg.cholesky(precision)``, which is lower triangular where scikit-learn's is upper."""
    values = parameters(theirs(rows, kind))
    values["precisions_cholesky_"] = np.linalg.cholesky(np.linalg.inv(values["covariances_"]))
    ours, other = GaussianMixture(3, covariance_type=kind), Theirs(3, covariance_type=kind)
    agree(with_attributes(ours, values), with_attributes(other, values), rows)


@pytest.mark.parametrize("weights", [np.array([2, 1, 1]), [1, 1, 1], np.array([0, 1, 0])])
def test_weights_may_be_integers(rows: Array, weights: Any) -> None:
    values = parameters(theirs(rows, "full")) | {"weights_": np.asarray(weights)}
    ours, other = with_attributes(GaussianMixture(3), values), with_attributes(Theirs(3), values)
    with np.errstate(divide="ignore"):
        agree(ours, other, rows)
    assert ours.mixture_.weights.sum() == pytest.approx(1.0)
    assert set(ours.sample(300)[1]) == set(np.flatnonzero(weights))
    one = GaussianMixture()
    one.weights_, one.means_, one.covariances_ = np.array([1]), np.array([[0, 1]]), np.eye(2, dtype=int)[None]
    assert one.score_samples([[0.0, 1.0]]) == pytest.approx(-np.log(2 * np.pi))


def test_the_covariance_type_may_change_afterwards(rows: Array) -> None:
    full, other = GaussianMixture(3, **SETTINGS).fit(rows), theirs(rows, "full")
    for one in (full, other):
        one.covariance_type = "diag"
        one.covariances_ = np.diagonal(one.covariances_, axis1=1, axis2=2).copy()
        one.precisions_cholesky_ = one.covariances_**-0.5
    agree(full, other, rows)
    full.covariance_type = "full"
    with pytest.raises(gmix.ParameterError, match=r"covariance_type='full': precisions_cholesky_ has shape \(3, 2\)"):
        full.predict(rows)


def test_the_number_of_components_may_change_afterwards(rows: Array) -> None:
    model = GaussianMixture(3, random_state=0).fit(rows)
    for name in (*NAMES, "precisions_"):
        setattr(model, name, getattr(model, name)[:2])
    model.weights_ = model.weights_ / model.weights_.sum()
    assert model.predict_proba(rows).shape == (len(rows), 2)
    assert model.n_components_ == 2


def test_what_is_still_missing_is_named(rows: Array) -> None:
    model = GaussianMixture(2)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(rows)
    model.means_ = np.zeros((2, 2))
    model.converged_, model.n_iter_, model.lower_bound_ = True, 3, -1.0
    assert (model.means_.shape, model.converged_, model.n_iter_, model.lower_bound_) == ((2, 2), True, 3, -1.0)
    for method in (model.predict, model.sample):
        with pytest.raises(NotFittedError, match="weights_ and covariances_ must be set too, or call fit"):
            method() if method == model.sample else method(rows)
    model.weights_, model.covariances_ = np.array([0.5, 0.5]), np.array([np.eye(2)] * 2)
    assert model.predict(rows).shape == (len(rows),)
    with pytest.raises(NotFittedError):
        clone(model).predict(rows)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights_": [0.5, 0.5]}, r"weights has shape \(2,\); means has 3 rows"),
        ({"weights_": [0.5, 0.6, -0.1]}, "set finite numbers, zero or more"),
        ({"weights_": [0.5, np.nan, 0.5]}, "set finite numbers, zero or more"),
        ({"weights_": ["a", "b", "c"]}, "weights_ must be numbers"),
        ({"means_": np.zeros(3)}, "one row per component"),
        ({"means_": np.full((3, 2), np.inf)}, "means holds a value that is not finite"),
        ({"precisions_cholesky_": np.zeros((3, 2, 2))}, "Singular matrix; change them, or set mixture_ or call fit"),
        ({"covariance_type": "ful"}, "did you mean 'full'.*set covariance_type to one name"),
        ({"covariance_type": ["full", "tied"]}, "set covariance_type to one name"),
    ],
)
def test_parameters_that_do_not_fit_together_are_told_apart(rows: Array, changed: dict[str, Any], message: str) -> None:
    model = with_attributes(GaussianMixture(3), parameters(theirs(rows, "full")) | changed)
    with pytest.raises(gmix.ParameterError, match=message):
        model.predict(rows)


def test_a_mixture_is_set_as_a_whole(rows: Array) -> None:
    model = GaussianMixture(covariance_type="diag")
    mixture = gmix.GaussianMixture([0.4, 0.6], [[0.0, 0.0], [5.0, 5.0]], [np.diag([1.0, 2.0])] * 2, "VVI")
    model.mixture_ = mixture
    assert model.mixture_ is mixture
    assert model.covariances_.shape == model.precisions_.shape == (2, 2)
    np.testing.assert_array_equal(model.score_samples(rows), mixture.log_density(rows))
    model.means_[0] = [1.0, 1.0]
    assert model.mixture_ is not mixture
    assert mixture.means[0, 0] == 0.0
    model.mixture_ = gmix.GaussianMixture(
        [0.9], [[0.0, 0.0]], [np.eye(2)], background=gmix.Background(0.1, [-9.0, -9.0], [9.0, 9.0])
    )
    assert -1 in model.predict([[8.0, 8.0]])
    model.means_ += 1.0
    with pytest.raises(gmix.ParameterError, match="background of mixture_ has no attribute"):
        model.predict(rows)


def test_prediction_leaves_a_fitted_model_as_it_is(rows: Array) -> None:
    model = GaussianMixture(3, random_state=0).fit(rows)
    assert model.mixture_ is model.fit_.mixture
    before = dict(vars(model))
    model.predict(rows)
    model.sample(3)
    assert all(vars(model)[name] is value for name, value in before.items())


@pytest.mark.parametrize("kind", TYPES)
def test_protected_methods_give_what_they_give_there(rows: Array, kind: str) -> None:
    other = theirs(rows, kind)
    ours = GaussianMixture(3, covariance_type=kind)
    ours._set_parameters(other._get_parameters())
    np.testing.assert_allclose(ours.precisions_, other.precisions_)
    assert ours._n_parameters() == other._n_parameters()
    for name in ("_estimate_log_prob", "_estimate_weighted_log_prob"):
        np.testing.assert_allclose(getattr(ours, name)(rows), getattr(other, name)(rows), rtol=1e-9)
    np.testing.assert_array_equal(ours._estimate_log_weights(), other._estimate_log_weights())
    for mine, yours in zip(ours._estimate_log_prob_resp(rows), other._estimate_log_prob_resp(rows), strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-7, atol=1e-9)
    for mine, yours in zip(ours._get_parameters(), other._get_parameters(), strict=True):
        np.testing.assert_array_equal(mine, yours)
    share = other.predict_proba(rows)
    for one in (ours, other):
        one.reg_covar = 1e-6
        one._initialize(rows, share)
    np.testing.assert_allclose(ours.covariances_, other.covariances_, rtol=1e-9, atol=1e-12)
    far = np.array([[1e3, -1e3]])
    np.testing.assert_allclose(ours._estimate_log_prob(far), other._estimate_log_prob(far), rtol=1e-9)


def test_the_density_of_single_components_follows_dependent_columns(rows: Array) -> None:
    wide = np.column_stack([rows, np.full(len(rows), 3.0)])
    model = GaussianMixture([2, 3], random_state=0).fit(wide)
    joint = model._estimate_weighted_log_prob(wide)
    np.testing.assert_allclose(np.logaddexp.reduce(joint, axis=1), model.score_samples(wide), rtol=1e-12)


@pytest.mark.parametrize("kind", TYPES)
def test_float32_rows_give_float32(rows: Array, kind: str) -> None:
    single = rows.astype(np.float32)
    model, double = (GaussianMixture(3, covariance_type=kind, random_state=0).fit(x) for x in (single, rows))
    for name in (*NAMES, "precisions_"):
        assert getattr(model, name).dtype == np.float32
        np.testing.assert_allclose(getattr(model, name), getattr(double, name), rtol=1e-3, atol=1e-4)
    for values in (model.score_samples(single), model.predict_proba(single), model.sample(5)[0]):
        assert values.dtype == np.float32
    assert model._estimate_log_prob(single).dtype == np.float32
    assert model.score_samples(rows).dtype == double.score_samples(single).dtype == np.float64
    assert model.mixture_.means.dtype == np.float64
    assert model.lower_bound_ == pytest.approx(double.lower_bound_, rel=1e-6)
    assert model.bic(single) == pytest.approx(model.fit_.bic, rel=1e-7)  # sums stay in double precision
    model.partial_fit(single)
    assert model.means_.dtype == np.float32
    assert model.warm_start is False
    again = model.set_params(warm_start=True).fit(single)
    assert again.means_.dtype == np.float32


def test_parameters_of_the_wrong_type_are_an_error_of_both_kinds(rows: Array) -> None:
    wrong: dict[str, Any] = {
        "n_components": 2.5, "covariance_type": 3, "tol": "small", "reg_covar": -1.0, "max_iter": 1.5, "n_init": "many",
        "init_params": 3, "weights_init": 0.5, "random_state": "a", "warm_start": "yes", "verbose": -1,
        "verbose_interval": 0, "criterion": "bics", "forgetting": "no",
    }  # fmt: skip
    for name, value in wrong.items():
        for kind in (ValueError, TypeError, gmix.ParameterError):
            with pytest.raises(kind, match=f"The '{name}' parameter of GaussianMixture must be"):
                GaussianMixture(**{name: value}).fit(rows)


def test_without_a_ridge_a_collapse_is_an_error_and_the_next_candidate_is_tried() -> None:
    """graspologic's AutoGMM raises `reg_covar` from 0 where a fit fails, and compares the candidates by BIC."""
    rng = np.random.default_rng(0)
    x = np.vstack([rng.normal(size=(25, 2)) * [1.0, 0.2] + at for at in ([0, 0], [4, 4], [8, 0], [4, -4])])
    x = np.vstack([x, np.repeat([[20.0, 20.0]], 3, axis=0)])
    failed, kept = [], {}
    for k in range(1, 9):
        for reg_covar in (0, 1e-6, 1e-4):
            model = GaussianMixture(k, covariance_type="diag", reg_covar=reg_covar, max_iter=100, random_state=0)
            try:
                kept[k] = model.fit(x).bic(x)
                break
            except ValueError as error:
                failed.append(str(error))
    assert failed
    assert all("have zero variance in some direction, and reg_covar=0" in message for message in failed)
    assert set(kept) == set(range(1, 9))
    with pytest.warns(UserWarning, match="^ridge: 1 of 5 components"):
        GaussianMixture(5, covariance_type="diag", random_state=0).fit(x)
