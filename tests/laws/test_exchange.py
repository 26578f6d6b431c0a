"""A mixture converted to other software has the same density there, and comes back the same."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.mixture
from scipy import stats

import gmix
import gmix.sklearn
from gmix.model.background import Background

STRUCTURES = gmix.covariance.STRUCTURES


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_mixture_of_one_feature_is_a_random_variable_of_scipy() -> None:
    pytest.importorskip("scipy", minversion="1.15")
    mixture = gmix.GaussianMixture([0.3, 0.0, 0.7], [[-1.0], [7.0], [2.0]], [[[1.0]], [[1.0]], [[0.25]]])
    variable = mixture.to_scipy()
    assert isinstance(variable, stats.Mixture)
    x, p = np.linspace(-5.0, 5.0, 21), np.array([0.01, 0.5, 0.9])
    np.testing.assert_allclose(variable.logpdf(x), mixture.log_density(x[:, None]), rtol=1e-12)
    np.testing.assert_allclose(variable.cdf(x), mixture.cdf(x), rtol=1e-12)
    np.testing.assert_allclose(variable.icdf(p), mixture.quantile(p), rtol=1e-10)
    np.testing.assert_allclose(variable.mean(), mixture.mean[0])
    np.testing.assert_allclose(variable.variance(), mixture.covariance[0, 0])
    assert variable.sample(shape=7, rng=np.random.default_rng(0)).shape == (7,)


def test_a_background_is_a_uniform_random_variable() -> None:
    pytest.importorskip("scipy", minversion="1.15")
    mixture = gmix.GaussianMixture([0.8], [[1.0]], [[[1.0]]], background=Background(0.2, [-4.0], [6.0]))
    x = np.array([-5.0, 0.0, 5.5])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(mixture.to_scipy().logpdf(x), mixture.log_density(x[:, None]), rtol=1e-12)


def test_scipy_has_no_mixture_of_several_features_and_old_versions_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy", minversion="1.15")
    both = gmix.GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)])
    with pytest.raises(gmix.ParameterError, match=r"one feature, not 2, .* take a marginal first"):
        both.to_scipy()
    monkeypatch.delattr(stats, "Mixture")
    with pytest.raises(ImportError, match=r"SciPy 1\.15 or newer; install it with: pip install 'scipy>=1\.15'"):
        both.marginal(0).to_scipy()


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: s.code)
def test_scikit_learn_s_own_class_has_the_same_density(structure: Any, rng: np.random.Generator) -> None:
    x = np.concatenate([rng.normal(size=(60, 3)), rng.normal(4.0, [1.0, 2.0, 0.5], size=(60, 3))])
    mixture = gmix.fit(x, 2, covariance=structure, rng=0).mixture
    estimator = mixture.to_sklearn()
    assert type(estimator) is sklearn.mixture.GaussianMixture
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(estimator.score_samples(x), mixture.log_density(x), rtol=1e-9)
        np.testing.assert_allclose(estimator.predict_proba(x), mixture.responsibilities(x), atol=1e-9)
        np.testing.assert_array_equal(estimator.predict(x), mixture.predict(x))
        assert estimator.sample(5)[0].shape == (5, 3)
    again = gmix.GaussianMixture.from_sklearn(estimator)
    np.testing.assert_allclose(again.weights, mixture.weights, rtol=1e-15)
    np.testing.assert_array_equal(again.means, mixture.means)
    np.testing.assert_allclose(again.covariances, mixture.covariances, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("kind", ["GaussianMixture", "BayesianGaussianMixture"])
def test_a_fitted_estimator_of_scikit_learn_is_a_mixture(
    kind: str, covariance_type: str, dtype: Any, rng: np.random.Generator
) -> None:
    x = np.concatenate([rng.normal(size=(80, 2)), rng.normal(6.0, size=(80, 2))]).astype(dtype)
    estimator = getattr(sklearn.mixture, kind)(n_components=2, covariance_type=covariance_type, random_state=0).fit(x)
    mixture = gmix.GaussianMixture.from_sklearn(estimator)
    assert mixture.structure.name == covariance_type
    np.testing.assert_array_equal(mixture.predict(x), estimator.predict(x))
    if kind == "GaussianMixture":
        tolerance = 1e-9 if dtype == np.float64 else 1e-3
        np.testing.assert_allclose(mixture.log_density(x), estimator.score_samples(x), rtol=tolerance)


def test_names_of_features_go_to_scikit_learn_and_come_back(rng: np.random.Generator) -> None:
    import pandas as pd

    frame = pd.DataFrame(rng.normal(size=(50, 2)), columns=["height", "weight"])
    mixture = gmix.fit(frame, 1, covariance="full").mixture
    estimator = mixture.to_sklearn()
    np.testing.assert_allclose(estimator.score_samples(frame), mixture.log_density(frame))
    assert gmix.GaussianMixture.from_sklearn(estimator).features == ("height", "weight")
    assert gmix.GaussianMixture.from_sklearn(gmix.sklearn.GaussianMixture().fit(frame)).features == ("height", "weight")


@pytest.mark.parametrize("estimator", [sklearn.mixture.GaussianMixture(2), 3, "model.pkl"])
def test_what_is_not_a_fitted_mixture_says_so(estimator: Any) -> None:
    with pytest.raises(gmix.ParameterError, match=r"is not a fitted mixture; give .* and call its fit first"):
        gmix.GaussianMixture.from_sklearn(estimator)


def test_what_scikit_learn_cannot_represent_says_what_to_convert(rng: np.random.Generator) -> None:
    background = Background(0.1, [-4.0, -4.0], [4.0, 4.0])
    mixture = gmix.GaussianMixture([0.9], [[0.0, 0.0]], [np.eye(2)], background=background)
    with pytest.raises(gmix.ParameterError, match=r"has no background; convert mixture\.without_background"):
        mixture.to_sklearn()
    mixture.without_background.to_sklearn()
    celsius = rng.normal(20.0, 5.0, size=(50, 1))
    mixture = gmix.fit(np.column_stack([celsius, 1.8 * celsius + 32.0]), 1).mixture
    with pytest.raises(gmix.ParameterError, match=r"x2 = 1\.8 x1 \+ 32\); convert mixture\.independent_part"):
        mixture.to_sklearn()
    mixture.independent_part.to_sklearn()


def test_without_torch_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"to_torch needs torch; .* pip install 'gmix\[torch\]'"):
        gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]]).to_torch()
