"""scikit-learn routes the weights of rows to the estimator's fit and score, through pipelines and searches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from numpy.typing import NDArray
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import gmix
from gmix.sklearn import GaussianMixture

Array = NDArray[Any]


@pytest.fixture(scope="module")
def clouds() -> Array:
    rng = np.random.default_rng(1)
    return rng.permutation(np.vstack([rng.normal(size=(80, 2)), rng.normal(size=(60, 2)) @ [[2, 1], [0, 1]] + 6.0]))


@pytest.fixture(scope="module")
def weight(clouds: Array) -> Array:
    return np.random.default_rng(2).integers(0, 4, len(clouds)).astype(float)


@pytest.fixture(autouse=True)
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def pipeline(**settings: Any) -> Pipeline:
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    mixture = GaussianMixture(2, random_state=0, **settings)
    return make_pipeline(scaler, mixture.set_fit_request(sample_weight=True).set_score_request(sample_weight=True))


def test_a_pipeline_passes_weights_to_fit_and_score(clouds: Array, weight: Array) -> None:
    fitted = pipeline().fit(clouds, sample_weight=weight)
    scaler = StandardScaler().fit(clouds, sample_weight=weight)
    scaled = scaler.transform(clouds)
    plain = GaussianMixture(2, random_state=0).fit(scaled, sample_weight=weight)
    np.testing.assert_array_equal(fitted[-1].means_, plain.means_)
    expected = plain.score_samples(scaled) @ weight / weight.sum()
    assert fitted.score(clouds, sample_weight=weight) == pytest.approx(expected, rel=1e-12)
    assert fitted.score(clouds) == pytest.approx(plain.score_samples(scaled).mean(), rel=1e-12)
    np.testing.assert_array_equal(
        pipeline().fit_predict(clouds, sample_weight=weight), plain.fit_predict(scaled, sample_weight=weight)
    )


def test_cross_validation_passes_the_weights_of_each_fold(clouds: Array, weight: Array) -> None:
    pytest.importorskip("sklearn", minversion="1.8")  # whose pipelines request weights for their score
    folds = KFold(4)
    found = cross_validate(pipeline(), clouds, params={"sample_weight": weight}, cv=folds, return_train_score=True)
    for number, (train, test) in enumerate(folds.split(clouds)):
        fitted = pipeline().fit(clouds[train], sample_weight=weight[train])
        for part, rows in (("test_score", test), ("train_score", train)):
            assert found[part][number] == fitted.score(clouds[rows], sample_weight=weight[rows])


@pytest.mark.filterwarnings("ignore:ridge")
def test_a_grid_search_passes_weights(clouds: Array, weight: Array) -> None:
    pytest.importorskip("sklearn", minversion="1.8")  # whose pipelines request weights for their score
    grid = {"gaussianmixture__n_components": [1, 2, 5], "gaussianmixture__covariance_type": ["full", "VEE"]}
    found = GridSearchCV(pipeline(), grid, cv=4).fit(clouds, sample_weight=weight)
    assert found.best_params_["gaussianmixture__n_components"] == 2
    again = pipeline().set_params(**found.best_params_).fit(clouds, sample_weight=weight)
    assert found.score(clouds, sample_weight=weight) == again.score(clouds, sample_weight=weight)
    repeated = np.repeat(clouds, weight.astype(int), axis=0)
    assert again.score(repeated) == pytest.approx(again.score(clouds, sample_weight=weight), rel=1e-12)


def test_weights_that_were_not_requested_are_an_error(clouds: Array, weight: Array) -> None:
    unset = make_pipeline(GaussianMixture(2))
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        unset.fit(clouds, sample_weight=weight)
    requests = GaussianMixture().set_partial_fit_request(sample_weight=True).get_metadata_routing()
    assert requests.partial_fit.requests == {"sample_weight": True}
    assert requests.score.requests == {"sample_weight": None}


def test_criteria_take_weights_and_are_those_of_the_repeated_rows(clouds: Array, weight: Array) -> None:
    repeated = np.repeat(clouds, weight.astype(int), axis=0)
    model = GaussianMixture(2, random_state=0).fit(clouds, sample_weight=weight)
    far = np.where(weight[:, None] > 0, clouds, 1e100)
    for name in ("score", "bic", "aic", "icl"):
        expected = getattr(model, name)(repeated)
        assert getattr(model, name)(clouds, sample_weight=weight) == pytest.approx(expected, rel=1e-10)
        assert getattr(model, name)(far, sample_weight=weight) == pytest.approx(expected, rel=1e-10)
        with pytest.raises(gmix.DataError, match="at least one row a positive weight"):
            getattr(model, name)(clouds, sample_weight=0.0 * weight)
        with pytest.raises(gmix.DataError, match=r"sample_weight has shape \(2,\)"):
            getattr(model, name)(clouds, sample_weight=[1.0, 2.0])
    assert model.fit_.bic == pytest.approx(model.bic(clouds, weight), rel=1e-10)
