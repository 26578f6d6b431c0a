"""A table with missing cells gives the same bits from wherever it comes, and when a fit is killed and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.base.progress import Progress
from gmix.sources import as_source

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
from holders import HOLDERS  # noqa: E402

Array = NDArray[np.float64]
N, NAMES = 9_000, ["a", "b", "c"]
SETTINGS: list[dict[str, Any]] = [
    {"components": 2, "covariance": "full", "max_iterations": 6},
    {"components": [1, 2], "covariance": ["diag", "EVI", "tied"], "max_iterations": 3, "effort": 0.1},
    {"components": 2, "covariance": "spherical", "prior": gmix.NormalInverseWishart(), "max_iterations": 4},
]
each_setting = pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: str(s["covariance"]))


@pytest.fixture(scope="module")
def table() -> Array:
    """Rows in two clusters; a tenth of the cells is missing, and 40 rows have none. CSV holds them exactly."""
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((N, 3))
    rows[::3] += [3.0, 1.0, 0.0]
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[rng.choice(N, 40, replace=False)] = np.nan
    return np.round(rows, 12)


@pytest.fixture(scope="module")
def weights() -> Array:
    return np.random.default_rng(5).gamma(2.0, size=N) * (np.random.default_rng(6).random(N) < 0.95)


def assert_same_bits(a: gmix.Fit, b: gmix.Fit) -> None:
    assert a.history == b.history
    assert a.reason is b.reason
    assert {finding.name: finding.message for finding in a.findings}["missing cells"] in {f.message for f in b.findings}
    for part in ("weights", "means", "covariances"):
        assert getattr(a.mixture, part).tobytes() == getattr(b.mixture, part).tobytes()
    for name, array in a.statistics.arrays.items():
        assert array.tobytes() == b.statistics.arrays[name].tobytes(), name
    for part in ("count", "mean", "scatter"):
        assert getattr(a.statistics.reference, part).tobytes() == getattr(b.statistics.reference, part).tobytes()


def frame_of(table: Array, weights: Array) -> Any:
    return pd.DataFrame(table, columns=NAMES).assign(w=weights)


@pytest.mark.parametrize("memory", [1 << 29, 1 << 18, 1], ids=["in memory", "blocks", "small blocks"])
@pytest.mark.parametrize("holder", HOLDERS)
def test_every_source_gives_the_bits_of_the_array(
    holder: str, table: Array, weights: Array, tmp_path: Path, memory: float
) -> None:
    data = HOLDERS[holder](frame_of(table, weights), tmp_path)
    settings: dict[str, Any] = SETTINGS[0] | {"rng": 3}
    expected = gmix.fit(table, columns=NAMES, sample_weight=weights, **settings)
    assert_same_bits(gmix.fit(data, columns=NAMES, sample_weight="w", memory=memory, **settings), expected)


@each_setting
@pytest.mark.parametrize("kind", ["F", "float32", "strided"])
def test_the_way_the_rows_lie_in_memory_does_not_matter(table: Array, kind: str, settings: dict[str, Any]) -> None:
    single = table.astype(np.float32)
    for rows in (table, single):
        stored = {"F": np.asfortranarray(rows), "float32": rows, "strided": np.repeat(rows, 2, 1)[:, ::2]}[kind]
        expected = gmix.fit(rows, rng=3, **settings)
        assert_same_bits(gmix.fit(stored, rng=3, **settings), expected)
        assert_same_bits(gmix.fit([stored[:5000], stored[5000:]], rng=3, memory=1, **settings), expected)


@each_setting
def test_neither_threads_nor_blocks_matter(table: Array, weights: Array, settings: dict[str, Any]) -> None:
    expected = gmix.fit(table, sample_weight=weights, rng=3, threads=1, **settings)
    cuts = [table[begin : begin + 777] for begin in range(0, N, 777)]
    for threads in (2, 4):
        assert_same_bits(gmix.fit(table, sample_weight=weights, rng=3, threads=threads, **settings), expected)
        streamed = gmix.fit(cuts, sample_weight=weights, rng=3, threads=threads, memory=1, **settings)
        assert_same_bits(streamed, expected)


def test_many_columns_and_many_rows_in_blocks() -> None:
    rng = np.random.default_rng(1)
    table = rng.standard_normal((40_000, 20)).astype(np.float32)
    table[rng.random(table.shape) < 0.05] = np.nan
    settings: dict[str, Any] = {"components": 2, "covariance": "diag", "max_iterations": 3, "rng": 0, "effort": 0.0}
    parts = [table[begin : begin + 9_999] for begin in range(0, len(table), 9_999)]
    assert_same_bits(gmix.fit(parts, memory=1 << 20, **settings), gmix.fit(table, **settings))


# Clusters -------------------------------------------------------------------------------------------------------------


@each_setting
@pytest.mark.parametrize("kind", ["array", "frame"])
def test_dask_gives_the_fit_in_memory_and_its_own_bits_again(
    table: Array, weights: Array, settings: dict[str, Any], kind: str
) -> None:
    pytest.importorskip("dask")
    if kind == "array":
        from dask import array

        data, named = array.from_array(table, chunks=(2_000, 2)), {}
        here = gmix.fit(table, rng=3, **settings)
    else:
        from dask import dataframe

        data, named = dataframe.from_pandas(frame_of(table, weights), npartitions=5), {"sample_weight": "w"}
        here = gmix.fit(table, columns=NAMES, sample_weight=weights, rng=3, **settings)
    there = gmix.fit(data, rng=3, **named, **settings)
    assert there.mixture.structure is here.mixture.structure
    assert there.n_rows == here.n_rows
    np.testing.assert_allclose(there.mixture.means, here.mixture.means, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(there.mixture.covariances, here.mixture.covariances, rtol=1e-7, atol=1e-9)
    assert there.icl == pytest.approx(here.icl, rel=1e-9)
    assert {f.message for f in there.findings if f.name == "missing cells"} == {
        f.message for f in here.findings if f.name == "missing cells"
    }
    assert_same_bits(gmix.fit(data, rng=3, threads=2, **named, **settings), there)


def test_cells_missing_in_one_partition_alone() -> None:
    array = pytest.importorskip("dask.array")
    table = np.random.default_rng(2).standard_normal((600, 2))
    table[450:520, 1], table[560:] = np.nan, np.nan
    settings: dict[str, Any] = {"components": 1, "covariance": "full", "tolerance": 0.0}
    here, there = gmix.fit(table, **settings), gmix.fit(array.from_array(table, chunks=(100, 2)), **settings)
    np.testing.assert_allclose(there.mixture.covariances, here.mixture.covariances, rtol=1e-9)
    assert here.mass == there.mass == 560.0


def test_equations_between_columns_are_checked_on_a_cluster_too(table: Array) -> None:
    dataframe = pytest.importorskip("dask.dataframe")
    frame = pd.DataFrame({"c": table[:, 0], "p": table[:, 1], "f": 1.8 * table[:, 0] + 32.0})
    settings: dict[str, Any] = {"components": [1, 2], "covariance": ["diag", "full"], "rng": 0, "effort": 0.1}
    for data in (frame, [frame[:4000], frame[4000:]], dataframe.from_pandas(frame, npartitions=4)):
        fit = gmix.fit(data, **settings)
        assert fit.mixture.dependence is not None
        assert "f = 1.8 c + 32" in str(fit)
    frame.loc[5, "c"] = np.nan
    for data in (frame, [frame[:4000], frame[4000:]], dataframe.from_pandas(frame, npartitions=4)):
        fit = gmix.fit(data, **settings)
        assert fit.mixture.dependence is None
        assert "in all rows without missing cells f = 1.8 c + 32, but some other rows have this column" in str(fit)


# Kill and resume ------------------------------------------------------------------------------------------------------


class KilledError(Exception):
    pass


def killed_after(passes: int) -> Callable[[Progress], None]:
    def watch(progress: Progress) -> None:
        if progress.passes == passes:
            raise KilledError

    return watch


@each_setting
@pytest.mark.parametrize("kind", ["memory", "streamed", "Dask"])
def test_a_fit_that_is_killed_goes_on_to_the_same_bits(
    table: Array, tmp_path: Path, settings: dict[str, Any], kind: str
) -> None:
    data: Any = [table[:5000], table[5000:]] if kind == "streamed" else table
    if kind == "Dask":
        data = pytest.importorskip("dask.array").from_array(table, chunks=(3_000, 3))
    seen: list[Progress] = []
    whole = gmix.fit(data, rng=3, progress=seen.append, **settings)
    path = tmp_path / "fit.checkpoint"
    for passes in (1, len(seen) // 2, len(seen) - 1):
        with pytest.raises(KilledError):
            gmix.fit(data, rng=3, checkpoint=path, progress=killed_after(passes), **settings)
        path.write_bytes(path.read_bytes()[:-7] if passes > 1 else path.read_bytes())
        again: list[Progress] = []
        assert_same_bits(gmix.fit(data, rng=3, checkpoint=path, resume=True, progress=again.append, **settings), whole)
        assert len(again) == len(seen) - max(passes - 2, 0)
        path.unlink()


# Refusal --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("holder", HOLDERS)
def test_missing_cells_are_refused_on_request(holder: str, table: Array, weights: Array, tmp_path: Path) -> None:
    first = np.argwhere(np.isnan(table))[0]
    data = HOLDERS[holder](frame_of(table, weights), tmp_path)
    for memory in (1 << 29, 1):
        where = rf"row {first[0]}, column '{NAMES[first[1]]}' is NaN"
        if holder in ("blocks", "files"):
            where = rf"(block 1|0\.parquet, row group 0), row {first[0] - 1}, column '{NAMES[first[1]]}' is NaN"
        elif holder.startswith("CSV"):
            where = rf"t\.csv, line {first[0] + 2}, {where}"
        with pytest.raises(gmix.DataError, match=where):
            as_source(data, columns=NAMES, sample_weight="w", memory=memory, missing="error")


def test_a_cluster_refuses_them_on_request(table: Array) -> None:
    array = pytest.importorskip("dask.array")
    first = np.argwhere(np.isnan(table))[0]
    with pytest.raises(gmix.DataError, match=rf"partition 0: row {first[0]}, column {first[1]} is NaN"):
        gmix.fit(array.from_array(table, chunks=(3_000, 3)), 1, missing="error")


@pytest.mark.parametrize("memory", [1 << 29, 1])
def test_the_line_of_a_file_counts_whatever_stands_above(tmp_path: Path, memory: float) -> None:
    path = tmp_path / "points.csv"
    for lines, line in (
        (["A title", "", "a;b", "1;2", "# a comment", "3;", "5;6"], 6),
        (["1,2", "3,NA"], 2),
        (["a b", "1   2", "", " 3   NA"], 4),
    ):
        for end in ("\n", "\r\n", "\r"):
            path.write_bytes(end.join([*lines, ""]).encode())
            with pytest.raises(gmix.DataError, match=rf"points\.csv, line {line}, row 1, column .* is NaN"):
                as_source(path, memory=memory, missing="error")
    path.write_text('a,b,c\n1,2,"one\ntwo"\n3,,"three"\n')
    with pytest.raises(
        gmix.DataError, match=r"points\.csv, line 4, row 1, column 'b' is NaN"
    ):  # a cell holds a line end
        as_source(path, memory=memory, missing="error")


def test_the_choice_is_one_of_two() -> None:
    for data in (np.eye(3), [np.eye(3), np.eye(3)]):
        with pytest.raises(gmix.ParameterError, match=r"missing 'errors' is not known; .* did you mean 'error'"):
            gmix.fit(data, 1, missing="errors")
