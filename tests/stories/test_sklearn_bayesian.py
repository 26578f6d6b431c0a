"""`BayesianGaussianMixture` beside scikit-learn's class: the same posterior step by step, and better optima."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import BayesianGaussianMixture as Theirs
from sklearn.utils.estimator_checks import parametrize_with_checks

from combinations import by_pairs
from gmix.sklearn import BayesianGaussianMixture

Array = NDArray[Any]
TYPES = ("full", "tied", "diag", "spherical")
WEIGHTS = ("dirichlet_process", "dirichlet_distribution")
FITTED = (
    "weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "weight_concentration_",
    "mean_precision_", "degrees_of_freedom_",
)  # fmt: skip
PRIORS = (
    "weight_concentration_prior_", "mean_precision_prior_", "mean_prior_", "degrees_of_freedom_prior_",
    "covariance_prior_",
)  # fmt: skip
THEIR_DEFAULTS: dict[str, Any] = {"tol": 1e-3, "reg_covar": 1e-6, "max_iter": 100}
IRIS = load_iris().data


def clouds() -> Array:
    rng = np.random.default_rng(3)
    parts = [rng.normal(size=(n, 3)) @ rng.normal(size=(3, 3)) + at for n, at in ((150, 0), (90, 4), (60, -5))]
    return np.asarray(rng.permutation(np.vstack(parts)) * [1.0, 10.0, 0.5] + [0.0, 100.0, -3.0])


def quietly(model: Any, *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*arguments)


def stated(covariance_type: str) -> dict[str, Any]:
    """A prior that is not the default."""
    scale = {"full": np.diag([2.0, 150.0, 1.0]), "diag": [2.0, 150.0, 1.0], "spherical": 9.0}
    return {
        "weight_concentration_prior": 0.7,
        "mean_precision_prior": 0.3,
        "mean_prior": [1.0, 90.0, -2.0],
        "degrees_of_freedom_prior": 4.5,
        "covariance_prior": scale["full"] if covariance_type == "tied" else scale[covariance_type],
    }


@parametrize_with_checks(
    [BayesianGaussianMixture(), *(BayesianGaussianMixture(covariance_type=kind) for kind in TYPES[1:])]
)
def test_it_is_an_estimator(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@by_pairs(covariance_type=TYPES, weights=WEIGHTS, start=["kmeans", "random"], reg_covar=[0.0, 1e-6, 0.3])
def test_the_posterior_is_that_of_scikit_learn_after_every_number_of_steps(
    covariance_type: str, weights: str, start: str, reg_covar: float
) -> None:
    x = clouds()
    for max_iter, prior in ((1, {}), (7, {}), (25, stated(covariance_type))):
        settings: dict[str, Any] = {
            "n_components": 4, "covariance_type": covariance_type, "weight_concentration_prior_type": weights,
            "init_params": start, "reg_covar": reg_covar, "random_state": 0, "tol": 0.0, "max_iter": max_iter, **prior,
        }  # fmt: skip
        ours, theirs = quietly(BayesianGaussianMixture(**settings), x), quietly(Theirs(**settings), x)
        assert ours.n_iter_ == theirs.n_iter_ == max_iter
        np.testing.assert_allclose(ours.lower_bound_, np.ravel(theirs.lower_bound_)[0], rtol=1e-10)
        np.testing.assert_allclose(ours.lower_bounds_, np.ravel(theirs.lower_bounds_), rtol=1e-10)
        for name in (*FITTED, *PRIORS):
            expected = getattr(theirs, name)
            np.testing.assert_allclose(getattr(ours, name), expected, rtol=1e-7, atol=1e-9, err_msg=name)
            assert np.shape(getattr(ours, name)) == np.shape(expected), name
        np.testing.assert_allclose(ours.score_samples(x), theirs.score_samples(x), rtol=1e-8)
        np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-7)
        for method in ("_estimate_log_prob", "_estimate_weighted_log_prob"):
            np.testing.assert_allclose(getattr(ours, method)(x), getattr(theirs, method)(x), rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(ours._estimate_log_weights(), theirs._estimate_log_weights(), rtol=1e-7)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_with_their_settings_it_stops_where_scikit_learn_stops(covariance_type: str, weights: str) -> None:
    settings: dict[str, Any] = {
        "n_components": 3, "covariance_type": covariance_type, "weight_concentration_prior_type": weights,
        "random_state": 1, "n_init": 3, **THEIR_DEFAULTS,
    }  # fmt: skip
    ours, theirs = quietly(BayesianGaussianMixture(**settings), IRIS), quietly(Theirs(**settings), IRIS)
    assert (ours.n_iter_, ours.converged_) == (theirs.n_iter_, theirs.converged_)
    np.testing.assert_allclose(ours.lower_bound_, np.ravel(theirs.lower_bound_)[0], rtol=1e-10)
    assert adjusted_rand_score(ours.predict(IRIS), theirs.predict(IRIS)) == 1.0  # two starts may end equally well
    assert ours.score(IRIS) == pytest.approx(theirs.score(IRIS), rel=1e-9)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_by_default_it_converges_further(weights: str) -> None:
    settings: dict[str, Any] = {"n_components": 5, "weight_concentration_prior_type": weights, "random_state": 0}
    ours = BayesianGaussianMixture(**settings).fit(IRIS)
    theirs = quietly(Theirs(**settings, reg_covar=0.0), IRIS)
    assert ours.converged_
    assert ours.lower_bound_ > theirs.lower_bound_
    converged = Theirs(**settings, reg_covar=0.0, tol=1e-9, max_iter=100_000).fit(IRIS)
    assert ours.lower_bound_ == pytest.approx(converged.lower_bound_, abs=0.01)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_the_search_finds_a_bound_that_ten_starts_do_not_exceed(weights: str) -> None:
    settings: dict[str, Any] = {"n_components": 6, "weight_concentration_prior_type": weights, "random_state": 0}
    ours = BayesianGaussianMixture(**settings, n_init="auto").fit(IRIS)
    theirs = Theirs(**settings, n_init=10, reg_covar=0.0, tol=1e-5, max_iter=10_000).fit(IRIS)
    assert ours.lower_bound_ >= theirs.lower_bound_ - 0.01
    again = BayesianGaussianMixture(**settings, n_init="auto").fit(IRIS)
    np.testing.assert_array_equal(ours.means_, again.means_)


def test_a_warm_start_goes_on() -> None:
    settings: dict[str, Any] = {"n_components": 3, "random_state": 0, "reg_covar": 1e-6, "tol": 1e-4}
    for kind in TYPES:
        models = [
            C(**settings, covariance_type=kind, warm_start=True, max_iter=5) for C in (BayesianGaussianMixture, Theirs)
        ]
        for _ in range(3):
            ours, theirs = (quietly(model, IRIS) for model in models)
            assert ours.n_iter_ == theirs.n_iter_
            np.testing.assert_allclose(ours.lower_bound_, np.ravel(theirs.lower_bound_)[0], rtol=1e-10)
        np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-8)


def test_a_row_of_weight_two_counts_twice_and_one_of_weight_zero_never() -> None:
    weight = np.random.default_rng(0).integers(0, 3, len(IRIS))
    settings: dict[str, Any] = {
        "n_components": 2,
        "random_state": 0,
        "init_params": "kmeans",
        "tol": 1e-3,
        "max_iter": 30,
    }
    once, repeated = BayesianGaussianMixture(**settings), BayesianGaussianMixture(**settings)
    quietly(once, IRIS, None, weight)
    quietly(repeated, np.repeat(IRIS, weight, axis=0))
    assert once.lower_bound_ == pytest.approx(repeated.lower_bound_, rel=1e-9)
    np.testing.assert_allclose(np.sort(once.means_, 0), np.sort(repeated.means_, 0), rtol=1e-8)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_missing_cells_are_fitted(covariance_type: str) -> None:
    x = np.where(np.random.default_rng(1).uniform(size=IRIS.shape) < 0.1, np.nan, IRIS)
    model = BayesianGaussianMixture(n_components=3, covariance_type=covariance_type, random_state=0).fit(x)
    complete = BayesianGaussianMixture(n_components=3, covariance_type=covariance_type, random_state=0).fit(IRIS)
    assert (np.diff(model.lower_bounds_) > -1e-8).all()
    assert np.isfinite(model.score_samples(x)).all()
    assert np.mean(model.predict(x) == complete.predict(IRIS)) > 0.5 or model.converged_


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_float32_stays_float32(covariance_type: str, weights: str) -> None:
    x = IRIS.astype(np.float32)
    settings: dict[str, Any] = {
        "n_components": 2, "covariance_type": covariance_type, "weight_concentration_prior_type": weights,
        "random_state": 0,
    }  # fmt: skip
    single, double = BayesianGaussianMixture(**settings).fit(x), BayesianGaussianMixture(**settings).fit(IRIS)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_", "mean_precision_", "mean_prior_"):
        assert getattr(single, name).dtype == np.float32, name
    assert single.score_samples(x).dtype == single.predict_proba(x).dtype == np.float32
    np.testing.assert_allclose(single.score_samples(x), double.score_samples(IRIS), rtol=1e-4, atol=1e-4)
    points, labels = single.sample(20)
    assert points.dtype == np.float32
    assert labels.shape == (20,)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_parameters_that_are_set_are_used(covariance_type: str, weights: str) -> None:
    settings: dict[str, Any] = {
        "n_components": 3, "covariance_type": covariance_type, "weight_concentration_prior_type": weights,
        "random_state": 0,
    }  # fmt: skip
    fitted = BayesianGaussianMixture(**settings).fit(IRIS)
    copied = clone(fitted)
    with pytest.raises(NotFittedError):
        copied.predict(IRIS)
    for name in FITTED:
        setattr(copied, name, getattr(fitted, name))
    np.testing.assert_allclose(copied.score_samples(IRIS), fitted.score_samples(IRIS), rtol=1e-9)
    other = clone(fitted)
    other._set_parameters(fitted._get_parameters())
    np.testing.assert_allclose(other.predict_proba(IRIS), fitted.predict_proba(IRIS), atol=1e-12)
    np.testing.assert_allclose(other.weights_, fitted.weights_, rtol=1e-12)
    copied.means_ = fitted.means_ + 1.0
    assert not np.allclose(copied.score_samples(IRIS), fitted.score_samples(IRIS))


def test_it_can_be_initialized_from_responsibilities() -> None:
    share = np.random.default_rng(0).dirichlet(np.ones(3), len(IRIS))
    for kind in TYPES:
        ours, theirs = (
            C(n_components=3, covariance_type=kind, reg_covar=1e-6) for C in (BayesianGaussianMixture, Theirs)
        )
        ours._initialize(IRIS, share)
        theirs._check_parameters(IRIS)
        theirs._initialize(IRIS, share)
        np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-8)
        np.testing.assert_allclose(ours.mean_precision_, theirs.mean_precision_, rtol=1e-8)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_pickle_is_small_and_predicts_the_same(weights: str) -> None:
    model = BayesianGaussianMixture(n_components=3, weight_concentration_prior_type=weights, random_state=0).fit(IRIS)
    file = pickle.dumps(model)
    assert len(file) < 10_000
    loaded = pickle.loads(file)  # noqa: S301
    np.testing.assert_array_equal(loaded.score_samples(IRIS), model.score_samples(IRIS))
    joblib = pytest.importorskip("joblib")
    stream = io.BytesIO()
    joblib.dump(model, stream)
    stream.seek(0)
    np.testing.assert_array_equal(joblib.load(stream).predict(IRIS), model.predict(IRIS))


def test_a_table_with_names_and_a_column_that_follows_from_others() -> None:
    table = pd.DataFrame(IRIS, columns=list("abcd")).assign(e=lambda t: 2.0 * t["a"] - t["b"], f=1.0)
    for kind in TYPES:
        model = BayesianGaussianMixture(n_components=3, covariance_type=kind, random_state=0).fit(table)
        assert list(model.feature_names_in_) == list("abcdef")
        assert np.isfinite(model.score_samples(table)).all()
        assert np.isfinite(model.lower_bound_)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"degrees_of_freedom_prior": 1.0}, "should be greater than 3"),
        ({"mean_prior": [1.0]}, "shape of \\(4,\\)"),
        ({"covariance_prior": [[1.0]]}, "shape of \\(4, 4\\)"),
        ({"covariance_prior": -np.eye(4)}, "positive-definite"),
        ({"covariance_type": "spherical", "covariance_prior": -1.0}, "covariance_prior"),
        ({"covariance_type": "VEV"}, "covariance_type"),
        ({"weight_concentration_prior": 0.0}, "weight_concentration_prior"),
        ({"weight_concentration_prior_type": "dirichlet"}, "weight_concentration_prior_type"),
        ({"n_init": "auto", "reg_covar": 1e-6}, "reg_covar"),
        ({"n_components": 200}, "n_components=200"),
        ({"n_components": 2.0}, "n_components"),
    ],
)
def test_a_wrong_parameter_is_a_value_error(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BayesianGaussianMixture(**wrong).fit(IRIS)


def test_the_words_of_gmix_are_answered() -> None:
    with pytest.raises(TypeError, match="n_components=3"):
        BayesianGaussianMixture(components=3)
    model = BayesianGaussianMixture(random_state=0).fit(IRIS)
    with pytest.raises(AttributeError, match="inference"):
        model.posterior  # noqa: B018


def test_progress_is_printed_and_the_limit_warns(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        BayesianGaussianMixture(n_components=3, max_iter=2, tol=0.0, random_state=0, verbose=2, verbose_interval=1).fit(
            IRIS
        )
    text = capsys.readouterr().out
    assert "Initialization 0" in text
    assert "Iteration 2" in text
    model = BayesianGaussianMixture(n_components=3, max_iter=0, random_state=0).fit(IRIS)
    assert model.n_iter_ == 0
    assert model.predict(IRIS).shape == (150,)
