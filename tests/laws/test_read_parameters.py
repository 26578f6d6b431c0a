"""Parameters of mclust, MATLAB and Spark are read in their layouts, and errors name what is missing."""

from __future__ import annotations

import contextlib
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import gmix

WEIGHTS = np.array([0.2, 0.3, 0.5])
MEANS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
COVARIANCES = np.array([[[1.0, 0.5], [0.5, 2.0]], [[2.0, 0.0], [0.0, 1.0]], [[1.5, -0.5], [-0.5, 1.0]]])
VARIANCES = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def assert_is(mixture: gmix.GaussianMixture, covariances: np.ndarray, structure: str) -> None:
    np.testing.assert_allclose(mixture.weights, WEIGHTS)
    np.testing.assert_allclose(mixture.means, MEANS)
    np.testing.assert_allclose(mixture.covariances, covariances)
    assert mixture.structure.code == structure


def written(document: Any, path: Path) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_mclust_as_jsonlite_writes_it(tmp_path: Path) -> None:
    sigma = np.moveaxis(COVARIANCES, 0, -1).tolist()
    variance = {"modelName": ["VVV"], "d": [2], "G": [3], "sigma": sigma, "cholsigma": sigma}
    document = {"pro": WEIGHTS.tolist(), "mean": MEANS.T.tolist(), "variance": variance, "Vinv": {}}
    assert_is(gmix.read_parameters(written(document, tmp_path / "m.json")), COVARIANCES, "VVV")
    whole = {"call": {}, "modelName": ["VVV"], "parameters": document, "z": [[1.0]]}
    assert_is(gmix.read_parameters(written(whole, tmp_path / "whole.json")), COVARIANCES, "VVV")


@pytest.mark.parametrize(
    ("sigma", "covariances", "structure"),
    [
        (np.moveaxis(COVARIANCES, 0, -1), COVARIANCES, "VVV"),
        (VARIANCES.T[None], VARIANCES[:, None] * np.eye(2), "VVI"),
        (COVARIANCES[0], COVARIANCES[[0, 0, 0]], "EEE"),
        (VARIANCES[0], VARIANCES[[0, 0, 0], None] * np.eye(2), "EEI"),
        (VARIANCES[:1], VARIANCES[[0, 0, 0], None] * np.eye(2), "EEI"),
    ],
)
def test_matlab_as_jsonencode_writes_it(
    sigma: np.ndarray, covariances: np.ndarray, structure: str, tmp_path: Path
) -> None:
    document = {"ComponentProportion": WEIGHTS.tolist(), "mu": MEANS.tolist(), "Sigma": sigma.tolist()}
    assert_is(gmix.read_parameters(document), covariances, structure)
    assert_is(gmix.read_parameters(written(document, tmp_path / "gm.json")), covariances, structure)


def test_matlab_drops_axes_of_length_one() -> None:
    one = gmix.read_parameters({"ComponentProportion": 1, "mu": [1, 2], "Sigma": [[1, 0.5], [0.5, 2]]})
    assert (one.n_components, one.n_features) == (1, 2)
    line = gmix.read_parameters({"ComponentProportion": [0.4, 0.6], "mu": [0, 5], "Sigma": [[[1, 4]]]})
    np.testing.assert_array_equal(line.covariances[:, 0, 0], [1.0, 4.0])
    shared = gmix.read_parameters({"ComponentProportion": [0.4, 0.6], "mu": [0, 5], "Sigma": 4})
    assert shared.structure.code == "E"


def test_spark_as_arrays_and_as_spark_writes_it() -> None:
    parts = zip(MEANS.tolist(), COVARIANCES.tolist(), strict=True)
    document: dict[str, Any] = {"weights": WEIGHTS.tolist(), "gaussians": [{"mean": m, "cov": c} for m, c in parts]}
    assert_is(gmix.read_parameters(document), COVARIANCES, "VVV")
    for part in document["gaussians"]:
        part["mean"] = {"type": 1, "values": part["mean"]}
        part["cov"] = {"type": 1, "numRows": 2, "numCols": 2, "values": np.ravel(part["cov"]).tolist()}
    assert_is(gmix.read_parameters(document), COVARIANCES, "VVV")


@pytest.mark.parametrize(
    "names", [("pro", "mean.", "sigma."), ("ComponentProportion", "mu_", "Sigma_"), ("weights", "mean_", "cov_")]
)
@pytest.mark.parametrize("covariances", [COVARIANCES, VARIANCES])
def test_a_table_has_one_row_per_component(names: tuple[str, str, str], covariances: Any, tmp_path: Path) -> None:
    weights, means, flat = names[0], names[1:2] * 2, names[2:] * covariances[0].size
    header = [weights, *(f"{name}{i}" for part in (means, flat) for i, name in enumerate(part, 1))]
    path = tmp_path / "components.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *np.column_stack([WEIGHTS, MEANS, covariances.reshape(3, -1)]).tolist()])
    diagonal = covariances.ndim == 2
    expected = covariances[:, None] * np.eye(2) if diagonal else covariances
    assert_is(gmix.read_parameters(path), expected, "VVI" if diagonal else "VVV")
    assert gmix.read_parameters(path, features=["a", "b"]).features == ("a", "b")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "it is empty; give pro, mean and sigma of mclust"),
        ({"format": "gmix", "version": 5}, "it is a model file; read it with gmix.load(path).mixture"),
        ({"a": 1}, "a are not the parameters of a mixture; give"),
        ({"pro": [1.0]}, "there is no mean and no sigma; the parameters of mclust are pro, mean and sigma"),
        ({"mu": [0], "Sigma": [1]}, "there is no ComponentProportion; the parameters of MATLAB are"),
        ({"weights": [1.0]}, "there is no gaussians; the parameters of Spark are weights and gaussians"),
        ({"weights": [1.0], "gaussians": [{"mean": [0.0]}]}, "one of the gaussians has no mean or no cov"),
        ({"weights": [1.0], "gaussians": 3}, "gaussians is not a list of objects"),
        ({"pro": ["NA"], "mean": [[0.0]], "sigma": [[[1.0]]]}, "pro must be numbers"),
        ({"pro": [1.0], "mean": [[0.0], [1.0]], "sigma": [[[1.0]]]}, "sigma has shape (1, 1, 1); to match"),
        ({"ComponentProportion": [0.5, 0.5], "mu": [[0, 0], [5, 5]], "Sigma": [1, 2, 3]}, "Sigma has shape (3,)"),
        ({"pro": 1, "mean": [[1], [2]], "sigma": [[[1], [0]], [[0], [1]]], "modelName": "QQQ"}, "'QQQ' is not a stru"),
        ({"pro": 1, "mean": [[1], [2]], "sigma": [[[1], [2]], [[2], [1]]]}, "not positive definite"),
        ({"pro": 1, "mean": [[1], [2]], "sigma": [[[9], [2]], [[1], [9]]]}, "not symmetric"),
        ({"pro": [0.2, 0.3, 0.5], "mean": [1, 2, 3], "sigmasq": [1, 2]}, "sigma has shape (2,); to match"),
    ],
)
def test_what_is_missing_or_wrong_is_named(document: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(gmix.ParameterError) as raised:
        gmix.read_parameters(document)
    assert message in str(raised.value)
    path = written(document, tmp_path / "m.json")
    with pytest.raises(gmix.ParameterError) as raised:
        gmix.read_parameters(path)
    assert str(raised.value).startswith(f"{path}: ")


NUMBERS = st.recursive(
    st.one_of(st.floats(-9.0, 9.0), st.integers(-2, 3), st.none(), st.text(max_size=2), st.just({"values": [1.0]})),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=9,
)
NAMES = st.sampled_from(
    ["pro", "mean", "sigma", "sigmasq", "modelName", "Vinv", "ComponentProportion", "mu", "Sigma", "weights"]
)


@given(st.dictionaries(NAMES, NUMBERS, max_size=6), st.lists(st.fixed_dictionaries({"mean": NUMBERS, "cov": NUMBERS})))
def test_no_document_does_more_than_raise_an_error_of_gmix(document: dict[str, Any], gaussians: Any) -> None:
    for given_document in (document, {**document, "gaussians": gaussians}):
        with contextlib.suppress(gmix.GmixError):
            gmix.read_parameters(given_document)


def test_files_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    for content, message in (
        (b"{", "it is not JSON"), (b"[1]", "its JSON is a list"), (b"\xff\xfe\x00", "it cannot be read"),
        (b"", "no table of CSV"), (b"a,b\n1\n", "no table of CSV"), (b"a,b,c\n1,2,3\n", "a, b and c are not the param"),
        (b"pro,mean,sigma\n1,x,1\n", "mean of the table must be numbers"),
        (b"pro,mean.1,mean.2,sigma.1\n1,1,2,1\n", "covariances has shape (1, 1)"),
    ):  # fmt: skip
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(gmix.ParameterError) as raised:
            gmix.read_parameters(path)
        assert message in str(raised.value)
    with pytest.raises(gmix.ParameterError, match="there is no such file"):
        gmix.read_parameters(tmp_path / "no.json")
    with pytest.raises(gmix.ParameterError, match="source is a int; give the path"):
        gmix.read_parameters(3)  # type: ignore[arg-type]
