"""A fitted estimator goes through pickle, joblib, cloudpickle and skops, and stays small."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import joblib
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_iris

import gmix
from gmix.sklearn import GaussianMixture
from gmix.sklearn.state import assembled, taken_apart

Array = NDArray[Any]
IRIS = load_iris().data
PYTHON_TYPES = (dict, list, tuple, str, int, float, bool, type(None), np.ndarray, np.generic)


def models() -> Iterator[tuple[str, Any, Array]]:
    yield "one", GaussianMixture(3, random_state=0).fit(IRIS), IRIS
    yield "single precision", GaussianMixture(2, random_state=0).fit(IRIS.astype(np.float32)), IRIS
    choice = GaussianMixture([2, 3], covariance_type=["VEV", "full"], random_state=0)
    yield "choice", choice.fit(IRIS), IRIS
    wide = np.column_stack([IRIS, 2.0 * IRIS[:, 0] + 1.0])
    yield "dependent columns", clone_of(choice).fit(wide), wide
    structure = gmix.covariance.structure("EVVV")
    yield "structure", GaussianMixture(2, covariance_type=structure, random_state=0).fit(IRIS), IRIS
    blocks = GaussianMixture(3, reg_covar=1e-3, random_state=0)
    yield "blocks", blocks.partial_fit(IRIS[::2]).partial_fit(IRIS[1::2]), IRIS
    by_hand = GaussianMixture(2)
    by_hand.weights_, by_hand.means_ = np.array([0.5, 0.5]), IRIS[:2].copy()
    by_hand.covariances_ = np.array([np.eye(4)] * 2)
    yield "by hand", by_hand, IRIS


def clone_of(model: Any) -> Any:
    return GaussianMixture(**model.get_params())


MODELS = list(models())


def through_skops(model: Any) -> Any:
    skops = pytest.importorskip("skops.io")
    file = skops.dumps(model)
    types = skops.get_untrusted_types(data=file)
    assert types == ["gmix.sklearn.estimator.GaussianMixture"]
    return skops.loads(file, trusted=types)


def through_joblib(model: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def through_cloudpickle(model: Any) -> Any:
    return pickle.loads(pytest.importorskip("cloudpickle").dumps(model))  # noqa: S301


def through_pickle(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))  # noqa: S301


WAYS = [through_pickle, through_joblib, through_cloudpickle, through_skops, copy.deepcopy]


@pytest.mark.parametrize("through", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(("model", "rows"), [case[1:] for case in MODELS], ids=[case[0] for case in MODELS])
def test_it_comes_back_the_same(model: Any, rows: Array, through: Callable[[Any], Any]) -> None:
    again = through(model)
    assert type(again) is GaussianMixture
    assert repr(again) == repr(model)
    np.testing.assert_array_equal(again.score_samples(rows), model.score_samples(rows))
    np.testing.assert_array_equal(again.means_, model.means_)
    assert again.means_.dtype == model.means_.dtype
    if hasattr(model, "fit_"):
        assert again.fit_.bic == model.fit_.bic
        assert again.fit_.findings == model.fit_.findings
        assert again.fit_.summary().splitlines()[0] == model.fit_.summary().splitlines()[0]
        assert again.fit_.search is None
        assert (again.mixture_ is again.fit_.mixture) == (model.mixture_ is model.fit_.mixture)
    if hasattr(model, "candidates_"):
        assert again.candidates_ == model.candidates_
    before = model.means_.copy()
    again.means_ += 1.0  # its arrays are its own, and may change
    np.testing.assert_array_equal(model.means_, before)


@pytest.mark.parametrize("through", WAYS[:4], ids=lambda way: way.__name__)
def test_it_goes_on_learning_where_it_was(through: Callable[[Any], Any]) -> None:
    model = GaussianMixture(2, random_state=0).partial_fit(IRIS[:50]).partial_fit(IRIS[50:100])
    again = through(model)
    for one in (model, again):
        one.partial_fit(IRIS[100:])
    np.testing.assert_array_equal(again.means_, model.means_)


def test_the_candidates_of_a_search_are_not_dragged_along() -> None:
    model = GaussianMixture("auto", covariance_type="auto", random_state=0).fit(IRIS)
    assert len(model.candidates_["bic"]) == 126
    assert len(pickle.dumps(model)) < 20_000
    fit = model.fit_
    assert fit.search is not None
    assert len(pickle.dumps(fit)) < 20_000
    assert copy.copy(fit) is copy.deepcopy(fit) is fit


def test_the_state_holds_no_class_of_gmix() -> None:
    def check(value: Any) -> None:
        assert type(value) is np.random.RandomState or isinstance(value, PYTHON_TYPES), type(value)
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
            check(part)

    for _, model, _ in MODELS:
        check(model.__getstate__())


def test_an_object_of_another_version_is_refused() -> None:
    state = taken_apart({"finding": gmix.Finding("a", "b")})
    assert assembled(state) == {"finding": gmix.Finding("a", "b")}
    state["finding"]["gmix"] = "Hyperplane"
    with pytest.raises(gmix.ModelFileError, match="holds a Hyperplane; load it with the gmix that wrote it"):
        assembled(state)
