"""Arrays of other libraries go into the estimator and come out in kind, with scikit-learn's `array_api_dispatch`."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture as Theirs

from gmix.sklearn import GaussianMixture
from gmix.sklearn.array_api import as_numpy, in_kind

pytest.importorskip("sklearn", minversion="1.8")  # older ones cannot dispatch to other libraries with every SciPy
ATTRIBUTES = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


@pytest.fixture(params=["numpy", "array_api_strict", "torch"])
def xp(request: pytest.FixtureRequest) -> Any:
    return pytest.importorskip(request.param)


@pytest.fixture
def dispatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=True):
        yield


def table(dtype: Any = np.float64) -> NDArray[Any]:
    rng = np.random.default_rng(0)
    return np.vstack([rng.normal(size=(60, 3)), rng.normal(size=(40, 3)) + 6.0]).astype(dtype)


def numbers(array: Any) -> NDArray[Any]:
    return np.asarray(as_numpy(array))


def is_of(xp: ModuleType, array: Any) -> bool:
    return type(array) is type(xp.asarray(np.zeros(2)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_results_are_in_kind_and_have_the_numbers_of_numpy(
    xp: Any, dispatch: None, covariance_type: str, dtype: Any
) -> None:
    x = table(dtype)
    rows = xp.asarray(x)
    expected, model = (GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(t) for t in (x, rows))
    for name in ATTRIBUTES:
        value = getattr(model, name)
        assert is_of(xp, value)
        assert value.dtype == rows.dtype
        np.testing.assert_array_equal(numbers(value), getattr(expected, name))
    for method in ("predict", "predict_proba", "score_samples"):
        found = getattr(model, method)(rows)
        assert is_of(xp, found)
        assert method == "predict" or found.dtype == rows.dtype
        np.testing.assert_array_equal(numbers(found), getattr(expected, method)(x))
    for found, known in zip(model.sample(20), expected.sample(20), strict=True):
        assert is_of(xp, found)
        np.testing.assert_array_equal(numbers(found), known)
    for method in ("score", "bic", "aic", "icl"):
        assert getattr(model, method)(rows) == getattr(expected, method)(x)
        assert isinstance(getattr(model, method)(rows), float)


def test_weights_starts_and_further_blocks_are_in_kind(xp: Any, dispatch: None) -> None:
    x = table()
    rows, weight = xp.asarray(x), xp.asarray(np.linspace(0.5, 1.5, len(x)))
    start: dict[str, Any] = {"means_init": xp.asarray(x[[0, -1]]), "weights_init": xp.asarray(np.array([0.5, 0.5]))}
    model = GaussianMixture(2, random_state=0, **start).fit(rows, sample_weight=weight)
    again = GaussianMixture(2, random_state=0, means_init=x[[0, -1]], weights_init=[0.5, 0.5])
    again.fit(x, sample_weight=numbers(weight))
    np.testing.assert_array_equal(numbers(model.means_), again.means_)
    assert model.score(rows, sample_weight=weight) == again.score(x, sample_weight=numbers(weight))
    assert is_of(xp, model.fit_predict(rows, sample_weight=weight))
    assert is_of(xp, model.partial_fit(rows, sample_weight=weight).means_)
    assert model.n_components_ == 2


def test_attributes_in_kind_may_be_set_changed_in_place_and_pickled(xp: Any, dispatch: None) -> None:
    x = table()
    rows = xp.asarray(x)
    model = GaussianMixture(2, random_state=0).fit(rows)
    before = numbers(model.score_samples(rows)).copy()
    restored = pickle.loads(pickle.dumps(model))  # noqa: S301
    np.testing.assert_array_equal(numbers(restored.score_samples(rows)), before)
    model.means_[0, 0] += 1.0
    assert not np.array_equal(numbers(model.score_samples(rows)), before)
    model._set_parameters(model._get_parameters())
    assert is_of(xp, model.precisions_)
    model.means_ = xp.asarray(x[[0, -1]])
    np.testing.assert_array_equal(numbers(model.mixture_.means), x[[0, -1]])


def test_without_dispatch_results_are_numpy_arrays(xp: Any) -> None:
    rows = xp.asarray(table())
    model = GaussianMixture(2, random_state=0).fit(rows)
    results = [model.means_, model.predict(rows), model.predict_proba(rows), model.score_samples(rows)]
    assert all(isinstance(found, np.ndarray) for found in [*results, *model.sample(5)])


def test_memory_is_shared(xp: Any, dispatch: None) -> None:
    rows, known = xp.asarray(table()), np.arange(6.0).reshape(2, 3)
    assert np.shares_memory(numbers(rows), numbers(rows))
    assert np.shares_memory(numbers(in_kind(known, rows)), known)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_draws_after_a_fit_to_a_frame_are_arrays_as_in_scikit_learn(frame: Any) -> None:
    rows = frame(dict(zip("abc", table().T, strict=True)))
    for kind in (GaussianMixture, Theirs):
        model = kind(2, random_state=0).fit(rows)
        assert list(model.feature_names_in_) == ["a", "b", "c"]
        assert isinstance(model.sample(5)[0], np.ndarray)
        assert not hasattr(model, "set_output")
