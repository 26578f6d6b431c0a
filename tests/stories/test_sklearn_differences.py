"""Each row of "What changes with the import", on the page about coming from scikit-learn."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Theirs
from sklearn.utils._param_validation import InvalidParameterError

import gmix
from gmix.sklearn import GaussianMixture

Array = NDArray[Any]
CLASSES = (GaussianMixture, Theirs)


@pytest.fixture(scope="module")
def rows() -> Array:
    rng = np.random.default_rng(2)
    return np.vstack([rng.normal(size=(90, 2)) + 100.0, rng.normal(size=(60, 2)) * 2.0 + [104.0, 98.0]])


def default(kind: Any, name: str) -> Any:
    return inspect.signature(kind).parameters[name].default


def with_parameters(model: Any) -> Any:
    model.weights_, model.means_ = np.array([0.5, 0.5]), np.array([[100.0, 100.0], [104.0, 98.0]])
    model.covariances_ = np.array([np.eye(2), 4.0 * np.eye(2)])
    return model


def test_defaults(rows: Array) -> None:
    assert [default(kind, "tol") for kind in CLASSES] == [None, 1e-3]
    assert [default(kind, "max_iter") for kind in CLASSES] == [1000, 100]
    assert [default(kind, "reg_covar") for kind in CLASSES] == [None, 1e-6]
    ours, theirs = (kind(2, random_state=0).fit(rows) for kind in CLASSES)
    assert ours.score(rows) > theirs.score(rows)


def test_a_component_that_collapses(rows: Array) -> None:
    x = np.vstack([rows, np.repeat([[0.0, 0.0]], 20, axis=0)])
    with pytest.warns(UserWarning, match="^ridge: "):
        model = GaussianMixture(3, random_state=0).fit(x)
    assert "ridge" in {finding.name for finding in model.fit_.findings}
    for kind in CLASSES:
        with pytest.raises(ValueError, match="reg_covar"):
            kind(3, reg_covar=0, random_state=0).fit(x)
    with pytest.warns(ConvergenceWarning):
        GaussianMixture(3, reg_covar=0, max_iter=1, random_state=0).fit(x)


def test_one_of_several_starts_that_collapses(rows: Array) -> None:
    x = np.vstack([rows, np.repeat([[115.0, 98.0]], 3, axis=0)])
    for kind, n_init in ((Theirs, 10), (GaussianMixture, 1)):
        with pytest.raises(ValueError, match="reg_covar"):
            kind(4, n_init=n_init, reg_covar=0, random_state=0).fit(x)
    assert GaussianMixture(4, n_init=10, reg_covar=0, random_state=0).fit(x).converged_


def test_the_lower_bound(rows: Array) -> None:
    ours, theirs = (kind(2, random_state=0, tol=1e-3, reg_covar=1e-6).fit(rows) for kind in CLASSES)
    assert ours.lower_bound_ == pytest.approx(ours.score(rows), rel=1e-12)
    assert theirs.lower_bound_ < theirs.score(rows)


def test_missing_cells_and_weights(rows: Array) -> None:
    x = rows.copy()
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        Theirs(2).fit(x)
    model = GaussianMixture(2, random_state=0).fit(x)
    assert np.isfinite(model.score_samples(x)).all()
    for method in ("fit", "partial_fit", "score", "bic", "aic", "icl"):
        assert "sample_weight" in inspect.signature(getattr(GaussianMixture, method)).parameters
        assert (
            not hasattr(Theirs, method) or "sample_weight" not in inspect.signature(getattr(Theirs, method)).parameters
        )


def test_single_precision(rows: Array) -> None:
    pytest.importorskip("sklearn", minversion="1.8")  # older ones warn when they draw in single precision
    single = rows.astype(np.float32)
    ours, theirs = (kind(2, random_state=0).fit(single) for kind in CLASSES)
    assert (ours.sample(3)[0].dtype, theirs.sample(3)[0].dtype) == (np.float32, np.float64)
    for model in (ours, theirs):
        assert {model.means_.dtype, model.score_samples(single).dtype, model.predict_proba(single).dtype} == {
            np.dtype(np.float32)
        }
    exact = GaussianMixture(2, random_state=0).fit(single.astype(np.float64))
    assert ours.lower_bound_ == pytest.approx(exact.lower_bound_, rel=1e-9)


def test_a_tied_start_from_rows(rows: Array) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        settings: dict[str, Any] = {"covariance_type": "tied", "init_params": "random_from_data", "max_iter": 0}
        ours, theirs = (kind(2, random_state=0, reg_covar=1e-6, **settings).fit(rows) for kind in CLASSES)
    assert ours.covariances_.max() < 1.0
    assert theirs.covariances_.max() > 50.0


def test_parameters_that_are_set(rows: Array) -> None:
    ours, theirs = (with_parameters(kind(2)) for kind in CLASSES)
    assert ours.predict(rows).shape == (150,)
    with pytest.raises(AttributeError, match="precisions_cholesky_"):
        theirs.predict(rows)
    root = np.array([[2.0, 1.0], [1.0, 2.0]])  # symmetric, so not triangular
    for model in (ours, theirs):
        model.weights_ = np.array([2, 2])
        model.precisions_cholesky_ = np.array([np.eye(2), root])
    assert ours.sample(5)[0].shape == (5, 2)
    with pytest.raises(ValueError, match="pvals"):
        theirs.sample(5)
    right = gmix.GaussianMixture([0.5, 0.5], ours.means_, [np.eye(2), np.linalg.inv(root @ root)])
    np.testing.assert_allclose(ours.score_samples(rows), right.log_density(rows) + np.log(4.0), rtol=1e-9)
    assert not np.allclose(theirs.score_samples(rows), ours.score_samples(rows))


def test_a_warm_start_from_parameters_that_are_set(rows: Array) -> None:
    settings: dict[str, Any] = {"warm_start": True, "max_iter": 1, "reg_covar": 1e-6, "init_params": "random"}
    ours, theirs = (with_parameters(kind(2, random_state=0, **settings)) for kind in CLASSES)
    for model in (ours, theirs):
        with pytest.warns(ConvergenceWarning):
            model.fit(rows)
    assert np.abs(ours.means_ - [[100.0, 100.0], [104.0, 98.0]]).max() < 0.5
    assert np.abs(theirs.means_[0] - theirs.means_[1]).max() < 0.5  # from random responsibilities


def test_classes_and_errors(rows: Array) -> None:
    model = GaussianMixture(2, random_state=0).fit(rows)
    assert not isinstance(model, Theirs)
    assert (model.sample(50)[0] != Theirs(2, random_state=0).fit(rows).sample(50)[0]).any()
    for kind in CLASSES:
        with pytest.raises(InvalidParameterError, match="The 'tol' parameter of GaussianMixture must be"):
            kind(tol=-1.0).fit(rows)

    class Overriding(GaussianMixture):
        def _estimate_log_prob(self, X: Any, xp: Any = None) -> Array:  # noqa: N803
            raise AssertionError

    assert np.isfinite(Overriding(2, random_state=0).fit(rows).score(rows))
