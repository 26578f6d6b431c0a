"""onnxruntime runs the ONNX model of a mixture, and that of the scikit-learn estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gmix
from gmix.model.background import Background

onnxruntime = pytest.importorskip("onnxruntime")


def evaluated(model: Any, rows: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return list(session.run(None, {session.get_inputs()[0].name: rows}))


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(60, 3)), rng.normal(4.0, [1.0, 2.0, 0.5], size=(60, 3))])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("structure", gmix.covariance.STRUCTURES, ids=lambda s: s.code)
def test_every_structure_has_the_densities_of_the_mixture(structure: Any, dtype: str, x: np.ndarray) -> None:
    mixture = gmix.fit(x, 2, covariance=structure, rng=0).mixture
    rows = x.astype(dtype)
    log_density, responsibilities, label = evaluated(gmix.to_onnx(mixture, dtype=dtype), rows)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(log_density, mixture.log_density(rows), atol=tolerance)
    np.testing.assert_allclose(responsibilities, mixture.responsibilities(rows), atol=tolerance)
    np.testing.assert_array_equal(label, mixture.predict(rows))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_background_missing_cells_and_far_rows(dtype: str) -> None:
    background = Background(0.1, [-4.0, -4.0], [9.0, 9.0])
    mixture = gmix.GaussianMixture([0.4, 0.5], [[0.0, 0.0], [5.0, 5.0]], [np.eye(2)] * 2, background=background)
    rows = np.array([[0.0, 0.0], [9.0, 9.0], [9.1, 9.0], [2.5, 2.5], [np.nan, 0.0], [1e30, 0.0]], dtype)
    log_density, responsibilities, label = evaluated(gmix.to_onnx(mixture, dtype=dtype), rows)
    np.testing.assert_allclose(log_density[:4], mixture.log_density(rows[:4]), rtol=1e-5)
    np.testing.assert_allclose(responsibilities[:4], mixture.responsibilities(rows[:4]), atol=1e-6)
    np.testing.assert_array_equal(label[:4], mixture.predict(rows[:4]))
    assert np.isnan(log_density[4])
    assert label[4] == -1
    assert np.isfinite(log_density[5])
