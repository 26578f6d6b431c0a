"""A person classifies flowers and wines and predicts the progress of a disease, inside scikit-learn's own tools."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import gmix
from gmix.sklearn import GaussianMixtureClassifier, GaussianMixtureRegressor

Array = NDArray[Any]
FOLDS = StratifiedKFold(10, shuffle=True, random_state=0)


@parametrize_with_checks([GaussianMixtureClassifier(), GaussianMixtureRegressor()])
def test_scikit_learn_finds_estimators_of_its_own(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(("load", "least"), [(load_iris, 0.96), (load_wine, 0.98)], ids=["iris", "wine"])
def test_flowers_and_wines_are_classified(load: Any, least: float) -> None:
    x, y = load(return_X_y=True)
    classifier = GaussianMixtureClassifier(random_state=0, n_components="auto", model="edda")
    assert cross_val_score(classifier, x, y, cv=FOLDS).mean() >= least
    assert cross_val_score(classifier, x, y, cv=FOLDS, scoring="neg_log_loss").mean() > -0.1


def test_the_classifier_of_a_frame_keeps_names_and_is_small_on_disk() -> None:
    wine = load_wine(as_frame=True)
    growers = pd.Series(wine.target_names[wine.target])
    classifier = GaussianMixtureClassifier(model="edda", random_state=0).fit(wine.data, growers)
    assert list(classifier.classes_) == list(wine.target_names)
    assert list(classifier.mixtures_) == list(wine.target_names)
    assert classifier.mixtures_["class_1"].features == tuple(wine.data.columns)
    assert set(classifier.predict(wine.data)) == set(wine.target_names)
    assert len(pickle.dumps(classifier)) < 40_000
    again = pickle.loads(pickle.dumps(classifier))  # noqa: S301
    assert (again.predict_proba(wine.data) == classifier.predict_proba(wine.data)).all()
    assert clone(classifier).get_params() == classifier.get_params()
    with pytest.raises(NotFittedError):
        clone(classifier).predict(wine.data)
    print(classifier.fits_["class_0"].summary())  # a person looks


def test_pandas_writes_unknown_classes_in_several_manners() -> None:
    iris = load_iris(as_frame=True)
    names = pd.Series(iris.target_names[iris.target])
    names[np.random.default_rng(0).random(150) < 0.5] = None
    found = [
        GaussianMixtureClassifier(model="edda", covariance_type="EEE").fit(iris.data, labels)
        for labels in (names, names.astype("object"), names.astype("category"), names.astype("string"))
    ]
    for one in found:
        assert list(one.classes_) == ["setosa", "versicolor", "virginica"]
        assert (one.predict(iris.data) == found[0].predict(iris.data)).all()


def test_a_grid_search_chooses_the_shrinkage() -> None:
    x, y = load_wine(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureClassifier(model="edda", covariance_type="VVV"))
    grid = {"gaussianmixtureclassifier__shrinkage": [0.0, 1.0, 3.0]}
    search = GridSearchCV(pipeline, grid, cv=3, scoring="neg_log_loss").fit(x[::2], y[::2])
    assert search.best_params_["gaussianmixtureclassifier__shrinkage"] >= 1.0
    assert search.best_estimator_.score(x[1::2], y[1::2]) > 0.94


def test_mistakes_of_the_classifier_say_what_to_give() -> None:
    x, y = load_iris(return_X_y=True)
    for options, message in (
        ({"model": "lda"}, "known are auto, mclustda, edda"),
        ({"criterion": "accuracy"}, "log_loss"),
        ({"folds": 1}, "folds"),
        ({"shrinkage": -1}, "shrinkage"),
        ({"model": "edda", "n_components": 2}, "leave it out"),
        ({"n_components": {0: 1, 1: 2}}, "those of the rows"),
        ({"n_components": "two"}, "whole numbers"),
        ({"n_components": 60}, "class 0: 60 components"),
    ):
        with pytest.raises(gmix.GmixError, match=message):
            GaussianMixtureClassifier(**options).fit(x, y)
    sizes = GaussianMixtureClassifier({0: 1, 1: 2, 2: [1, 2]}, covariance_type="VVI", random_state=0).fit(x, y)
    assert [one.n_components for one in sizes.mixtures_.values()][:2] == [1, 2]


def test_the_progress_of_a_disease_is_predicted_with_its_uncertainty() -> None:
    diabetes = load_diabetes(as_frame=True)
    x, y = diabetes.data[["bmi", "bp", "s5"]], diabetes.target
    assert cross_val_score(GaussianMixtureRegressor(random_state=0), x, y, cv=10).mean() > 0.4
    regressor = GaussianMixtureRegressor(random_state=0).fit(x[::2], y[::2])
    assert regressor.mixture_.features == ("bmi", "bp", "s5", "target")
    low, high = regressor.quantile(x[1::2], [0.05, 0.95]).T
    assert 0.85 < ((low < y[1::2]) & (y[1::2] < high)).mean() < 0.95
    holed = x.mask(np.random.default_rng(0).random(x.shape) < 0.3)
    assert GaussianMixtureRegressor(random_state=0).fit(holed, y).score(holed, y) > 0.3
