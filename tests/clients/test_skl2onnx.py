"""skl2onnx converts the estimator like scikit-learn's own class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gmix
from gmix.sklearn import BayesianGaussianMixture, GaussianMixture

skl2onnx = pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(60, 3)), rng.normal(4.0, [1.0, 2.0, 0.5], size=(60, 3))])


def evaluated(model: Any, x: np.ndarray, **options: Any) -> dict[str, np.ndarray]:
    converted = skl2onnx.to_onnx(model, x[:1], **options)
    session = onnxruntime.InferenceSession(converted.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: x}), strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VEV", "EII"])
def test_the_estimator_is_converted(covariance_type: str, dtype: Any, x: np.ndarray) -> None:
    rows = x.astype(dtype)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    found = evaluated(model, rows, options={id(model): {"score_samples": True}})
    assert list(found) == ["label", "probabilities", "score_samples"]
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_array_equal(found["label"].ravel(), model.predict(rows))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows), atol=tolerance)
    np.testing.assert_allclose(found["score_samples"][:, 0], model.score_samples(rows), atol=tolerance)


@pytest.mark.parametrize("weights", ["dirichlet_distribution", "dirichlet_process"])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_a_bayesian_mixture_is_converted(covariance_type: str, weights: str, x: np.ndarray) -> None:
    settings = {"covariance_type": covariance_type, "weight_concentration_prior_type": weights, "random_state": 0}
    model = BayesianGaussianMixture(n_components=3, **settings).fit(x)
    found = evaluated(model, x, options={id(model): {"score_samples": True}})
    np.testing.assert_array_equal(found["label"].ravel(), model.predict(x))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(x), atol=1e-10)
    np.testing.assert_allclose(found["score_samples"][:, 0], model.score_samples(x), atol=1e-10)


def test_a_pipeline_and_a_choice_of_components(x: np.ndarray) -> None:
    model = make_pipeline(StandardScaler(), GaussianMixture("auto", covariance_type="auto", random_state=0)).fit(x)
    found = evaluated(model, x)
    assert list(found) == ["label", "probabilities"]
    np.testing.assert_array_equal(found["label"].ravel(), model.predict(x))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(x), atol=1e-10)


def test_what_onnx_cannot_represent_says_what_to_do(x: np.ndarray) -> None:
    model = GaussianMixture(1).fit(x[:, :2])
    model.mixture_ = gmix.fit(np.column_stack([x[:, 0], 2.0 * x[:, 0]]), 1).mixture
    with pytest.raises(gmix.ParameterError, match="columns of this mixture follow from others"):
        skl2onnx.to_onnx(model, x[:1, :2])
