"""Whoever uses the words of another library, or a table of another layout, is told what to write instead."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gmix

X = np.random.default_rng(0).normal(size=(60, 3))
FIT = gmix.fit(X, 2, rng=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 3}, "components=3"),
        ({"covariance_type": "full"}, "covariance='full'"),
        ({"random_state": 0}, "rng=0"),
        ({"max_iter": 10}, "max_iterations=10"),
        ({"reg_covar": 1e-6}, "prior="),
        ({"n_init": 5}, "effort="),
        ({"G": 3}, "components=3"),
        ({"componets": 3}, "did you mean 'components'"),
    ],
)
def test_an_argument_of_another_library_is_named_here(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        gmix.fit(X, **options)


def test_the_estimator_names_its_own_arguments() -> None:
    estimator = pytest.importorskip("gmix.sklearn").GaussianMixture
    for word, meant in {
        "components": "n_components=",
        "covariance": "covariance_type=",
        "rng": "random_state=",
    }.items():
        with pytest.raises(TypeError, match=meant):
            estimator(**{word: 3})
    with pytest.raises(TypeError, match="did you mean 'n_components'"):
        estimator(n_component=3)
    model = estimator(2, random_state=0).fit(X)
    for name, meant in {"responsibilities": "predict_proba", "means": "means_", "log_density": "score_samples"}.items():
        with pytest.raises(AttributeError, match=meant):
            getattr(model, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("predict_proba", "responsibilities"),
        ("score_samples", "log_density"),
        ("means_", r"mixture\.means"),
        ("n_components_", r"mixture\.n_components"),
        ("fit", r"gmix\.fit"),
    ],
)
def test_an_attribute_of_scikit_learn_is_named_here(name: str, message: str) -> None:
    for value in (FIT, FIT.mixture):
        assert not hasattr(value, name)
        with pytest.raises(AttributeError, match=message):
            getattr(value, name)
        with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
            _ = value.nonsense
        assert copy.copy(value) is not None
        assert pickle.loads(pickle.dumps(value)) is not None  # noqa: S301


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: FIT.mixture.condition(waiting=80),
            r"condition has no argument 'waiting'; give .*, \{'waiting': 80\}$",
        ),
        (lambda: gmix.bootstrap(FIT, X, n=-1), "bootstrap has no argument 'n'; give replicates=-1"),
        (lambda: gmix.bootstrap(FIT, X, seed=3), "bootstrap has no argument 'seed'; give rng=3"),
        (lambda: gmix.cross_validate(FIT, X, n_splits=3), "give folds=3"),
        (
            lambda: gmix.cross_validate(X, 2, covariance="full"),
            r"give gmix\.fit\(data, covariance='full'\) as the first",
        ),
        (lambda: gmix.cross_validate(FIT, X, flods=3), "did you mean 'folds'"),
        (
            lambda: gmix.merge(FIT, X, kind=3),
            "merge has no argument 'kind'; its arguments are model, data, .* and threads",
        ),
        (lambda: gmix.merge(FIT, X, verbose=1), "'verbose'; its arguments are"),  # it has no progress
        (lambda: gmix.posterior(X, n_components=2), "give components=2"),
        (lambda: gmix.metropolis(FIT.mixture.log_density, X[:1], 9, random_state=1), "give rng=1"),
        (lambda: gmix.standard_errors(FIT, X, weights="w"), "give sample_weight='w'"),
        (lambda: FIT.mixture.sample(size=4), "sample has no argument 'size'; give n=4"),
        (lambda: FIT.mixture.marginal(columns=[0]), r"give features=\[0\]"),
        (lambda: gmix.fit(X, whatever=1), "its arguments are data, components, .* more$"),
    ],
)
def test_an_unknown_argument_of_a_function_is_answered(call: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_signatures_stay_visible() -> None:
    for function in (gmix.fit, gmix.bootstrap, gmix.posterior, FIT.mixture.sample, FIT.mixture.condition):
        kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds


def test_a_fit_predicts() -> None:
    np.testing.assert_array_equal(FIT.predict(X), FIT.mixture.predict(X))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": [1.0, 2.0], "b": [2.0, 3.0]}, "the table is a dict; give pandas.DataFrame"),
        ([{"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 3.0}], "the table is a list of dicts; give pandas.DataFrame"),
        (np.zeros((4, 5, 3)), r"reshape\(-1, 3\) makes each pixel of an image a row"),
        (np.zeros((4, 5, 6, 2)), r"reshape\(-1, 2\)"),
    ],
)
def test_a_table_of_another_layout_is_told_what_to_become(table: Any, message: str) -> None:
    mixture = FIT.mixture
    for read in (lambda: gmix.fit(table, 1), lambda: mixture.predict(table), lambda: gmix.expect(table, [mixture])):
        with pytest.raises(gmix.DataError, match=message):
            read()
    sklearn = pytest.importorskip("gmix.sklearn")
    with pytest.raises(gmix.DataError, match=message):
        sklearn.GaussianMixture().fit(table)
    with pytest.raises(gmix.DataError, match=message):
        sklearn.GaussianMixture().fit(X).predict(table)


def test_points_of_one_dimension_are_told_their_shape() -> None:
    message = r"1 column and the mixture has 3 features; one point is written \[\[...\]\]"
    with pytest.raises(gmix.DataError, match=message + r", and np.reshape\(points, \(-1, 3\)\)"):
        FIT.mixture.predict(X[0])
    with pytest.raises(gmix.DataError, match=message + "$"):
        FIT.predict([1.0, 2.0])
