"""Measurement errors in the scikit-learn estimator."""

from __future__ import annotations

import numpy as np
import pytest

import gmix

pytest.importorskip("sklearn")
from sklearn.base import clone

from gmix.sklearn import GaussianMixture


def test_the_estimator_is_that_of_the_true_values() -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.2, 1.0, (400, 2))
    true = np.where(rng.random((400, 1)) < 0.5, [0.0, 0.0], [3.0, 5.0]) + 0.3 * rng.standard_normal((400, 2))
    x = true + errors * rng.standard_normal((400, 2))
    estimator = clone(GaussianMixture(2, random_state=0)).fit(x, row_errors=errors)
    fit = gmix.fit(x, 2, covariance="full", row_errors=errors, rng=0)
    assert estimator.lower_bound_ == pytest.approx(fit.log_likelihood / len(x), rel=1e-5)
    assert "measurement errors" in {finding.name for finding in estimator.fit_.findings}
    mixture = estimator.mixture_
    np.testing.assert_array_equal(estimator.predict(x, row_errors=errors), mixture.predict(x, row_errors=errors))
    shares = estimator.predict_proba(x, row_errors=errors)
    np.testing.assert_array_equal(shares, mixture.responsibilities(x, row_errors=errors))
    assert estimator.score_samples(x, row_errors=errors).mean() == pytest.approx(estimator.lower_bound_, rel=1e-9)
    assert estimator.score_samples(x).mean() < estimator.lower_bound_


def test_errors_can_be_routed() -> None:
    request = GaussianMixture().get_metadata_routing().fit.requests
    assert {"sample_weight", "row_errors"} <= set(request)
