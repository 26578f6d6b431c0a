"""A mixture as an ONNX model gives the densities, responsibilities and labels of the mixture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmix
from gmix.model.background import Background

onnx = pytest.importorskip("onnx")
from onnx.reference import ReferenceEvaluator  # noqa: E402

STRUCTURES = gmix.covariance.STRUCTURES
OUTPUTS = ["log_density", "responsibilities", "label"]


def evaluated(model: Any, rows: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(result) for result in ReferenceEvaluator(model).run(None, {"x": rows})]


def two_clusters(offset: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    return offset + np.concatenate([rng.normal(size=(60, 3)), rng.normal(4.0, [1.0, 2.0, 0.5], size=(60, 3))])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: s.code)
def test_every_structure_has_the_densities_of_the_mixture(structure: Any, dtype: str) -> None:
    fit = gmix.fit(two_clusters(), 2, covariance=structure, rng=0)
    rows, model = two_clusters().astype(dtype), gmix.to_onnx(fit, dtype=dtype)
    assert [output.name for output in model.graph.output] == OUTPUTS
    log_density, responsibilities, label = evaluated(model, rows)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(log_density, fit.mixture.log_density(rows), atol=tolerance)
    np.testing.assert_allclose(responsibilities, fit.mixture.responsibilities(rows), atol=tolerance)
    np.testing.assert_array_equal(label, fit.mixture.predict(rows))
    assert [result.dtype for result in (log_density, responsibilities, label)] == [dtype, dtype, np.int64]
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties == {"structure": structure.code, "features": '["x1", "x2", "x3"]'}


def test_float32_far_from_the_origin_keeps_its_digits() -> None:
    rows = two_clusters(offset=1e4).astype(np.float32)
    mixture = gmix.fit(rows, 2, covariance="full", rng=0).mixture
    log_density, _, _ = evaluated(gmix.to_onnx(mixture), rows)
    np.testing.assert_allclose(log_density, mixture.log_density(rows), atol=1e-5)


def test_one_feature() -> None:
    x = two_clusters()[:, :1]
    for covariance in ("E", "V"):
        mixture = gmix.fit(x, 2, covariance=covariance, rng=0).mixture
        np.testing.assert_allclose(evaluated(gmix.to_onnx(mixture, dtype=float), x)[0], mixture.log_density(x))


@pytest.mark.parametrize("background", [Background(0.1, [-4.0, -4.0], [9.0, 9.0]), Background.of_density(0.1, 0.01, 2)])
def test_a_background_has_the_label_minus_one(background: Background) -> None:
    means, units = [[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]], [np.eye(2)] * 3
    mixture = gmix.GaussianMixture([0.4, 0.0, 0.5], means, units, background=background)
    rows = np.array([[0.0, 0.0], [9.0, 9.0], [9.1, 9.0], [-4.0, 9.0], [2.5, 2.5]])
    log_density, responsibilities, label = evaluated(gmix.to_onnx(mixture, dtype="float64"), rows)
    np.testing.assert_allclose(log_density, mixture.log_density(rows))
    np.testing.assert_allclose(responsibilities, mixture.responsibilities(rows), atol=1e-12)
    np.testing.assert_array_equal(label, mixture.predict(rows))
    assert -1 in label


def test_a_missing_cell_is_not_known_and_a_far_row_is_finite() -> None:
    mixture = gmix.GaussianMixture([0.5, 0.5], [[0.0, 0.0], [5.0, 5.0]], [np.eye(2)] * 2)
    rows = np.array([[np.nan, 0.0], [1e30, 0.0], [0.0, 0.0]], np.float32)
    with np.errstate(over="ignore"):
        log_density, responsibilities, label = evaluated(gmix.to_onnx(mixture), rows)
    assert np.isnan(log_density[0])
    assert np.isnan(responsibilities[0]).all()
    assert log_density[1] == np.finfo(np.float32).min
    np.testing.assert_allclose(responsibilities[1:].sum(1), 1.0)
    assert label[0] == -1
    assert label[2] == 0


def test_columns_that_follow_from_others_are_not_used() -> None:
    celsius = np.random.default_rng(0).normal(20.0, 5.0, size=(50, 1))
    rows = np.column_stack([celsius, 1.8 * celsius + 32.0])
    mixture = gmix.fit(rows, 1).mixture
    assert mixture.dependence is not None
    np.testing.assert_allclose(evaluated(gmix.to_onnx(mixture, dtype=float), rows)[0], mixture.log_density(rows))


def test_the_file_is_the_model(tmp_path: Path) -> None:
    mixture = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]], features=["height"])
    model = gmix.to_onnx(mixture, tmp_path / "mixture.onnx")
    assert onnx.load(tmp_path / "mixture.onnx") == model
    assert {entry.key: entry.value for entry in model.metadata_props}["features"] == '["height"]'


def test_what_cannot_be_converted_says_so() -> None:
    narrow = gmix.GaussianMixture([1.0], [[0.0]], [[[1e-90]]])
    with pytest.raises(gmix.ParameterError, match=r"float32 cannot hold .* give dtype='float64'"):
        gmix.to_onnx(narrow)
    gmix.to_onnx(narrow, dtype="float64")
    with pytest.raises(gmix.ParameterError, match="dtype is 'int8'; give 'float32' or 'float64'"):
        gmix.to_onnx(narrow, dtype="int8")
    with pytest.raises(gmix.ParameterError, match="dtype is 'double-double'; give"):
        gmix.to_onnx(narrow, dtype="double-double")
    with pytest.raises(gmix.ParameterError, match="model is a str; give a GaussianMixture or a Fit"):
        gmix.to_onnx("model.json")
