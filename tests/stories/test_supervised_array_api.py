"""Arrays of other libraries go into the classifier and the regressor and come out in kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn

from gmix.sklearn import GaussianMixtureClassifier, GaussianMixtureRegressor
from gmix.sklearn.array_api import as_numpy


@pytest.fixture(params=["array_api_strict", "torch"])
def xp(request: pytest.FixtureRequest) -> Any:
    return pytest.importorskip(request.param)


@pytest.fixture(autouse=True)
def dispatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=True):
        yield


def rows_and_classes() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return np.vstack([rng.normal(size=(60, 2)), rng.normal(size=(40, 2)) + 4.0]), np.repeat([0, 1], [60, 40])


def assert_in_kind(xp: Any, found: Any, expected: Any) -> None:
    assert type(found) is type(xp.asarray(np.zeros(2)))
    np.testing.assert_array_equal(np.asarray(as_numpy(found)), expected)


def test_a_classifier(xp: Any) -> None:
    x, y = rows_and_classes()
    rows, classes = xp.asarray(x), xp.asarray(y)
    expected = GaussianMixtureClassifier(random_state=0).fit(x, y)
    model = GaussianMixtureClassifier(random_state=0).fit(rows, classes, xp.asarray(np.ones(len(x))))
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert_in_kind(xp, getattr(model, method)(rows), getattr(expected, method)(x))
    assert model.score(rows, classes) == expected.score(x, y)


def test_text_classes_stay_text(xp: Any) -> None:
    x, y = rows_and_classes()
    names = np.array(["left", "right"])[y]
    model = GaussianMixtureClassifier(random_state=0).fit(xp.asarray(x), names)
    assert set(model.predict(xp.asarray(x))) == {"left", "right"}


def test_a_regressor(xp: Any) -> None:
    x, _ = rows_and_classes()
    y = np.sin(x[:, 0]) + 0.1 * x[:, 1] ** 2
    rows, targets = xp.asarray(x), xp.asarray(y)
    expected = GaussianMixtureRegressor(n_components=2, random_state=0).fit(x, y)
    model = GaussianMixtureRegressor(n_components=2, random_state=0).fit(rows, targets)
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("predict", (), {}), ("quantile", ([0.1, 0.9],), {}), ("sample", (3,), {"random_state": 1}),
    ]  # fmt: skip
    for method, arguments, options in calls:
        known = getattr(expected, method)(x, *arguments, **options)
        assert_in_kind(xp, getattr(model, method)(rows, *arguments, **options), known)
    for option in ("return_std", "return_cov"):
        for found, known in zip(
            model.predict(rows, **{option: True}), expected.predict(x, **{option: True}), strict=True
        ):
            assert_in_kind(xp, found, known)
    assert_in_kind(xp, model.log_density(rows, targets), expected.log_density(x, y))
    assert model.score(rows, targets) == pytest.approx(expected.score(x, y), rel=1e-12)
