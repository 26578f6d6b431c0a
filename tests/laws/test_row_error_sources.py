"""Errors of measurement come with the rows, from wherever these come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.sources import as_source

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
from holders import HOLDERS  # noqa: E402

Array = NDArray[np.float64]
N, NAMES, ERRORS = 9_000, ["a", "b"], ["e", "f"]
SETTINGS: dict[str, Any] = {"components": 2, "covariance": "full", "max_iterations": 4, "rng": 3}


@pytest.fixture(scope="module")
def table() -> Array:
    """Two columns of values, a few cells missing, and two of errors; CSV holds them exactly."""
    rng = np.random.default_rng(4)
    rows, errors = rng.standard_normal((N, 2)), rng.uniform(0.1, 0.6, (N, 2))
    rows[::3] += [3.0, 1.0]
    rows = rows + errors * rng.standard_normal((N, 2))
    rows[rng.random(rows.shape) < 0.02] = np.nan
    return np.round(np.hstack([rows, errors]), 12)


def frame_of(table: Array) -> Any:
    return pd.DataFrame(table, columns=NAMES + ERRORS)


def assert_same_bits(a: gmix.Fit, b: gmix.Fit) -> None:
    assert a.history == b.history
    assert a.findings == b.findings
    for part in ("weights", "means", "covariances"):
        assert getattr(a.mixture, part).tobytes() == getattr(b.mixture, part).tobytes()
    error, other = a.statistics.reference.error, b.statistics.reference.error
    assert error is not None
    assert other is not None
    assert error.tobytes() == other.tobytes()


@pytest.fixture(scope="module")
def expected(table: Array) -> gmix.Fit:
    return gmix.fit(table[:, :2], columns=NAMES, row_errors=table[:, 2:], **SETTINGS)


@pytest.mark.parametrize("memory", [1 << 29, 1], ids=["in memory", "blocks"])
@pytest.mark.parametrize("holder", HOLDERS)
def test_columns_of_errors_are_found_by_name(
    holder: str, table: Array, expected: gmix.Fit, tmp_path: Path, memory: float
) -> None:
    data = HOLDERS[holder](frame_of(table), tmp_path)
    named = {"row_errors": dict(zip(NAMES, ERRORS, strict=True))}
    assert_same_bits(gmix.fit(data, memory=memory, **named, **SETTINGS), expected)
    listed = gmix.fit(data, memory=memory, columns=NAMES, row_errors=ERRORS, **SETTINGS)
    assert_same_bits(listed, expected)


def test_given_errors_are_cut_into_blocks(table: Array, expected: gmix.Fit) -> None:
    x, errors = table[:, :2], table[:, 2:]
    parts = [x[:4_000], x[4_000:]]
    unnamed = gmix.fit(x, row_errors=errors, **SETTINGS)
    assert unnamed.mixture.means.tobytes() == expected.mixture.means.tobytes()
    for threads in (1, 2):
        assert_same_bits(gmix.fit(parts, row_errors=errors, memory=1, threads=threads, **SETTINGS), unnamed)
    covariances = errors[:, :, None] * errors[:, None] * [[1.0, 0.3], [0.3, 1.0]]
    for given in (covariances, covariances[0]):
        whole = gmix.fit(x, row_covariance=given, **SETTINGS)
        assert_same_bits(gmix.fit(parts, row_covariance=given, memory=1, **SETTINGS), whole)


def test_a_column_without_errors_is_exact(table: Array) -> None:
    named = gmix.fit(frame_of(table)[["a", "b", "e"]], row_errors={"a": "e"}, **SETTINGS)
    errors = table[:, 2:] * [1.0, 0.0]
    assert (
        named.mixture.means.tobytes() == gmix.fit(table[:, :2], row_errors=errors, **SETTINGS).mixture.means.tobytes()
    )
    assert named.statistics.reference.error[1] == 0.0  # type: ignore[index]


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_partitions_of_dask(kind: str, table: Array) -> None:
    x, errors = table[:, :2], table[:, 2:]
    if kind == "array":
        rows = pytest.importorskip("dask.array").from_array(x, chunks=(2_000, 2))
        settings = SETTINGS | {"row_covariance": [[0.1, 0.02], [0.02, 0.1]]}
        here, there = gmix.fit(x, **settings), gmix.fit(rows, **settings)
    else:
        rows = pytest.importorskip("dask.dataframe").from_pandas(frame_of(table), npartitions=5)
        there = gmix.fit(rows, row_errors=dict(zip(NAMES, ERRORS, strict=True)), **SETTINGS)
        here = gmix.fit(x, row_errors=errors, **SETTINGS)
    np.testing.assert_allclose(there.mixture.means, here.mixture.means, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(there.mixture.covariances, here.mixture.covariances, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(there.statistics.reference.error, here.statistics.reference.error)


def test_errors_of_single_rows_on_a_cluster_are_columns(table: Array) -> None:
    rows = pytest.importorskip("dask.array").from_array(table[:, :2], chunks=(2_000, 2))
    with pytest.raises(gmix.ParameterError, match="row_errors must name columns"):
        gmix.fit(rows, 2, row_errors=table[:, 2:])


def test_a_search_on_a_sub_sample_knows_the_errors() -> None:
    """The columns that errors make wide are those that a fit without them gives too many components."""
    rng = np.random.default_rng(0)
    errors = np.where(rng.random((60_000, 1)) < 0.5, 0.1, 1.0)
    x = (
        3.0 * (rng.random((60_000, 1)) < 0.4)
        + 0.3 * rng.standard_normal((60_000, 1))
        + errors * rng.standard_normal((60_000, 1))
    )
    settings: dict[str, Any] = {"components": [1, 2, 3, 4], "rng": 0, "effort": 0.2}
    fit = gmix.fit(x, row_errors=errors, **settings)
    assert fit.mixture.n_components == 2
    np.testing.assert_allclose(np.sqrt(fit.mixture.covariances.ravel()), 0.3, atol=0.02)
    assert gmix.fit(x, **settings).mixture.n_components > 2


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize(("value", "what"), [(-0.5, "is -0.5"), (np.nan, "is missing and the value is not")])
def test_a_wrong_error_is_named_by_its_place(
    holder: str, table: Array, tmp_path: Path, value: float, what: str
) -> None:
    wrong = table.copy()
    wrong[4_321, 0], wrong[4_321, 2] = 1.0, value
    data = HOLDERS[holder](frame_of(wrong), tmp_path)
    for memory in (1 << 29, 1):
        where = "row 4321"
        if holder in ("blocks", "files"):
            where = r"(block 3, row 321|1\.parquet, row group 0, row 321)"
        elif holder.startswith("CSV"):
            where = r"t\.csv, line 4323, row 4321"
        with pytest.raises(gmix.DataError, match=rf"the error of .*{where}, column 'a' {what}"):
            as_source(data, row_errors={"a": "e", "b": "f"}, memory=memory)


def test_columns_that_do_not_exist_are_named(table: Array) -> None:
    frame = frame_of(table)
    for errors, message in (
        ({"a": "nothing"}, "there is no column 'nothing'"),
        ({"z": "e"}, "row_errors names the column 'z'"),
        (["e"], "row_errors names 1 column and 3 are used"),
        ({"a": "e", "e": "f"}, "row_errors names the column 'e'"),
    ):
        with pytest.raises(gmix.DataError, match=message):
            gmix.fit(frame, 2, row_errors=errors)
