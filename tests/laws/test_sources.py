"""Wherever rows live, the same rows give the same bits, and what cannot be read is named by file, row group, column."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import DataError
from gmix.sources import MemorySource, Source, StreamSource, as_source
from gmix.sources.files import open_table

pa = pytest.importorskip("pyarrow")
from pyarrow import csv, dataset, feather, parquet  # noqa: E402

Array = NDArray[np.float64]
NAMES = ["a", "b", "c"]
N = 15_011  # several of the kernel's chunks and a rest
ALL, STREAMED = 1 << 30, 100_000  # bytes


@pytest.fixture(scope="module")
def rows() -> NDArray[np.float32]:
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((N, 3)) * [1.0, 2.0, 0.5]
    rows[::3] += [4.0, 0.0, 2.0]
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def weight() -> Array:
    return np.random.default_rng(5).integers(0, 3, N).astype(float)


@pytest.fixture(scope="module")
def table(rows: Array, weight: Array) -> Any:
    columns = dict(zip(NAMES, rows.T, strict=True))
    return pa.table({"text": ["t"] * N} | columns | {"w": weight})


class Blocks:
    """Blocks that are made anew whenever somebody iterates."""

    def __init__(self, blocks: Callable[[], Iterator[Any]]) -> None:
        self.blocks = blocks

    def __iter__(self) -> Iterator[Any]:
        return self.blocks()


def small_row_groups(table: Any, folder: Path) -> Any:
    parquet.write_table(table, folder / "small.parquet", row_group_size=700)
    return folder / "small.parquet"


def one_row_group(table: Any, folder: Path) -> Any:
    parquet.write_table(table, folder / "one.parquet")
    return str(folder / "one.parquet")


def arrow_file(table: Any, folder: Path) -> Any:
    feather.write_feather(table, folder / "t.feather", chunksize=999)
    return folder / "t.feather"


def parquet_folder(table: Any, folder: Path) -> Any:
    (folder / "parts" / "0").mkdir(parents=True)
    (folder / "parts" / "_SUCCESS").touch()
    for i in range(7):
        parquet.write_table(table.slice(2500 * i, 2500), folder / "parts" / ("0" * (i == 0)) / f"{i}.parquet")
    return folder / "parts"


def pattern(table: Any, folder: Path) -> Any:
    parquet_folder(table, folder)
    (folder / "parts" / "0" / "0.parquet").rename(folder / "parts" / "0.parquet")
    return folder / "parts" / "*.parquet"


def arrow_dataset(table: Any, folder: Path) -> Any:
    return dataset.dataset(small_row_groups(table, folder))


def arrow_table(table: Any, folder: Path) -> Any:
    return table


def data_frame(table: Any, folder: Path) -> Any:
    return pytest.importorskip("pandas").DataFrame({name: table[name].to_numpy() for name in [*NAMES, "w"]})


def frames(table: Any, folder: Path) -> Any:
    return [table.slice(i, 1234) for i in range(0, N, 1234)]


def record_batches(table: Any, folder: Path) -> Any:
    return Blocks(lambda: iter(table.to_batches(max_chunksize=4567)))


KINDS = [small_row_groups, one_row_group, arrow_file, parquet_folder, pattern, arrow_dataset, arrow_table, data_frame,
         frames, record_batches]  # fmt: skip


def assert_same_bits(a: gmix.Fit, b: gmix.Fit) -> None:
    assert a.history == b.history
    for part in ("weights", "means", "covariances"):
        assert getattr(a.mixture, part).tobytes() == getattr(b.mixture, part).tobytes()
    assert a.reason is b.reason


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("memory", [ALL, STREAMED], ids=["read", "streamed"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_same_rows_give_the_same_bits(
    rows: Array, weight: Array, table: Any, tmp_path: Path, kind: Any, memory: float, weighted: bool
) -> None:
    settings = {"covariance": "full", "rng": 0, "max_iterations": 4}
    plain = gmix.fit(rows, 2, columns=NAMES, sample_weight=weight if weighted else None, **settings)
    data = kind(table, tmp_path)
    source = as_source(data, columns=NAMES, sample_weight="w" if weighted else None, memory=memory)
    kept = kind in (arrow_table, data_frame) or (memory == ALL and kind not in (frames, record_batches))
    assert type(source) is (MemorySource if kept else StreamSource)
    fit = gmix.fit(source, 2, **settings)
    assert_same_bits(fit, plain)
    assert fit.mixture.features == tuple(NAMES)
    assert fit.n_rows == N


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical", "VVE"])
def test_every_form_is_streamed_to_the_same_bits(rows: Array, weight: Array, covariance: str) -> None:
    blocks = np.array_split(rows, 5)
    settings = {"covariance": covariance, "rng": 1, "max_iterations": 2, "sample_weight": weight}
    assert_same_bits(gmix.fit(blocks, 2, **settings), gmix.fit(rows, 2, **settings))
    prior = gmix.NormalInverseWishart()
    assert_same_bits(gmix.fit(blocks, 2, prior=prior, **settings), gmix.fit(rows, 2, prior=prior, **settings))


def test_a_csv_file_is_streamed_to_the_bits_that_it_has_in_memory(table: Any, tmp_path: Path) -> None:
    csv.write_csv(table, tmp_path / "t.csv")
    settings = {"covariance": "full", "rng": 0, "max_iterations": 4, "sample_weight": "w"}
    read, streamed = (gmix.fit(tmp_path / "t.csv", 2, memory=memory, **settings) for memory in (ALL, STREAMED))
    assert_same_bits(streamed, read)
    assert streamed.mixture.features == tuple(NAMES)


def test_the_memory_of_a_stream_does_not_depend_on_how_long_it_is() -> None:
    block = np.zeros((5000, 20)) + np.arange(20)
    block[::2] += 1.0
    for count in (4, 40):
        source = as_source(Blocks(lambda count=count: iter([block] * count)), memory=1_500_000)
        assert isinstance(source, StreamSource)
        assert source.n_rows == 5000 * count
        assert 2 * source.block_rows * 20 * 8 <= 1_500_000
        assert source.block_rows * 20 * 8 <= 8 << 20
        ample = as_source(Blocks(lambda count=count: iter([block] * count)), memory=gmix.sources.MEMORY)
        assert isinstance(ample, StreamSource)
        assert ample.block_rows * 20 * 8 <= 8 << 20


def test_a_filter_is_pushed_down(table: Any, rows: Array, tmp_path: Path) -> None:
    some = dataset.dataset(small_row_groups(table, tmp_path)).filter(dataset.field("a") > 1.0)
    fit = gmix.fit(some, 1, columns=NAMES, covariance="full", memory=STREAMED)
    assert fit.n_rows == (rows[:, 0] > 1.0).sum()
    np.testing.assert_allclose(fit.mixture.means[0], rows[rows[:, 0] > 1.0].mean(0, np.float64), rtol=1e-12)


def test_only_the_columns_that_count_are_read(table: Any, tmp_path: Path) -> None:
    path = small_row_groups(table, tmp_path)
    broken = bytearray(path.read_bytes())
    place = parquet.ParquetFile(path).metadata.row_group(3).column(2)  # b
    start = place.dictionary_page_offset or place.data_page_offset
    broken[start : start + 20] = b"\xff" * 20
    path.write_bytes(bytes(broken))
    for memory in (ALL, STREAMED):
        assert as_source(path, columns=["a", "c"], memory=memory).n_rows == N
        with pytest.raises(DataError, match=r"small\.parquet, row group 3, column 'b' cannot be read"):
            as_source(path, memory=memory)


@pytest.mark.parametrize(("package", "kind"), [("pyarrow", one_row_group), ("narwhals.stable.v2", arrow_table)])
def test_a_package_that_is_missing_is_named_with_the_remedy(
    table: Any, tmp_path: Path, package: str, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = kind(table, tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=rf"needs {package}; install it with: pip install 'gmix\[tables\]'"):
        as_source(data)


def test_what_can_be_read_once_is_refused(rows: Array, table: Any) -> None:
    for once in (iter([rows]), (block for block in [rows]), pa.RecordBatchReader.from_batches(table.schema, [])):
        with pytest.raises(DataError, match=r"can be read once.*give a list of blocks, or an object whose __iter__"):
            gmix.fit(once, 2)


def test_rows_may_lie_anywhere_in_memory(rows: Array) -> None:
    away = np.frombuffer(b"\0" + rows[:99].tobytes(), np.uint8)[1:].view(np.float32).reshape(-1, 3)
    assert not away.flags.aligned
    assert_same_bits(gmix.fit(away, 1, rng=0), gmix.fit(rows[:99], 1, rng=0))


def test_a_ray_dataset_is_told_how_to_come_in() -> None:
    dataset = type("Dataset", (), {"columns": None, "__module__": "ray.data.dataset"})()
    with pytest.raises(DataError, match=r"a Ray Dataset; give dataset\.to_dask\(\), or dataset\.to_pandas\(\)"):
        gmix.fit(dataset, 2)


def test_a_fit_reads_a_stream_three_times_besides_its_steps(rows: Array) -> None:
    read = 0

    def blocks() -> Iterator[Any]:
        nonlocal read
        yield from (rows[:9000].astype(float), rows[9000:].astype(float))
        read += 1

    start = gmix.GaussianMixture([0.5, 0.5], [[0.0] * 3, [4.0, 0.0, 2.0]], [np.eye(3)] * 2)
    fit = gmix.fit(Blocks(blocks), start=start, max_iterations=5, tolerance=0)
    assert read == 3 + len(fit.history)  # to look, to draw what is inspected, and to count all rows as one component


@pytest.mark.parametrize(("components", "besides"), [([2], 3), ([1, 2], 4)], ids=["one candidate", "several"])
def test_a_search_reads_a_stream_as_often_as_the_page_says(
    rows: Array, components: list[int], besides: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"components": components, "covariance": "full", "rng": 0}
    read = 0

    def count_passes(x: Array) -> Iterator[Any]:
        nonlocal read
        yield from (x[:9000], x[9000:])
        read += 1

    def reads(x: Array) -> int:
        nonlocal read
        read = 0
        passes = []  # the iterations, and the one that finds the scatter of all rows
        gmix.fit(Blocks(lambda: count_passes(x)), **settings, progress=lambda told: passes.append(told.passes))
        return read - passes[-1]

    x = rows.astype(float)
    monkeypatch.setattr(gmix.fitting.schedule, "_TABLE_ROWS", 1000)
    assert reads(x) == besides
    if len(components) > 1:
        assert reads(np.column_stack([x, x.sum(1)])) == besides + 1
        monkeypatch.setattr(gmix.fitting.narrowing, "LARGE", 8000)
        monkeypatch.setattr(gmix.fitting.narrowing, "_STAGES", (1000, 2000))
        assert reads(x) == besides + 1


def test_blocks_that_change_are_noticed(rows: Array) -> None:
    lengths = iter([5000] * 5 + [4000])
    source = as_source(Blocks(lambda: iter([rows[: next(lengths)]])))
    mixture = gmix.GaussianMixture([1.0], [[0.0] * 3], [np.eye(3)])
    assert source.expect([mixture.components])
    with pytest.raises(DataError, match="5,000 rows when it was first read and has 4,000 now"):
        source.expect([mixture.components])


@pytest.mark.parametrize("memory", [ALL, STREAMED], ids=["read", "streamed"])
@pytest.mark.parametrize(
    ("tenth", "message"),
    [
        (
            {"a": [1.0], "b": ["x"], "c": [1.0]},
            r"9\.parquet, column 'b' holds string, and in .*0\.parquet it holds float",
        ),
        ({"a": [1.0], "c": [1.0]}, r"9\.parquet has no column 'b', which .*0\.parquet has; its columns"),
        (
            {"a": [1.0], "b": [1.0], "c": [1.0], "d": [1.0]},
            r"9\.parquet has a column 'd', which .*0\.parquet does not",
        ),
        ({"a": [1.0], "b": [np.nan], "c": [1.0]}, r"9\.parquet, row 0, column 'b' is NaN"),
        ({"a": [1.0], "b": [None], "c": [1.0]}, r"9\.parquet, row 0, column 'b' is NaN"),
        ({"a": [1.0] * 9 + [np.inf], "b": [1.0] * 10, "c": [1.0] * 10}, r"row group 4, row 9, column 'a' is infinite"),
        (b"PAR1 and no more", r"9\.parquet cannot be read as Parquet"),
    ],
)
def test_what_is_wrong_in_the_tenth_file_is_named(
    rows: Array, tmp_path: Path, tenth: Any, message: str, memory: float
) -> None:
    for i, part in enumerate(np.array_split(rows, 9)):
        parquet.write_table(pa.table(dict(zip(NAMES, part.T, strict=True))), tmp_path / f"{i}.parquet")
    if isinstance(tenth, bytes):
        (tmp_path / "9.parquet").write_bytes(tenth)
    else:
        parquet.write_table(pa.table(tenth), tmp_path / "9.parquet", row_group_size=2)
    with pytest.raises(DataError, match=message):
        gmix.fit(tmp_path, 1, memory=memory, missing="error" if "NaN" in message else "model")


@pytest.mark.parametrize("memory", [ALL, STREAMED], ids=["read", "streamed"])
@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            "a,b,c\n" + "1,2,3\n" * 9 + "1,oops,3\n",
            r"2\.csv, line 11, row 9, column 'b' cannot be read \(it holds 'oops', which",
        ),
        ("a,b\n1,2\n", r"2\.csv has the columns \['a', 'b'\] and .*1\.csv has \['a', 'b', 'c'\]"),
        ("a,b,c\n1,2,3\n1,2\n", r"2\.csv, line 3, row 1 has 2 cells \('1,2'\), and the other rows have 3"),
        ("a,b,c\n1,2,3\n1,,3\n", r"2\.csv, line 3, row 1, column 'b' is NaN"),
    ],
)
def test_what_is_wrong_in_a_later_csv_file_is_named(tmp_path: Path, second: str, message: str, memory: float) -> None:
    (tmp_path / "1.csv").write_text("a,b,c\n" + "1.5,2,3\n" * 9000)
    (tmp_path / "2.csv").write_text(second)
    with pytest.raises(DataError, match=message):
        gmix.fit(tmp_path / "?.csv", 1, memory=memory, missing="error" if "NaN" in message else "model")


def replace_by_others(path: Path) -> None:
    if path.suffix == ".csv":
        path.write_bytes(path.read_bytes().replace(b"1.5", b"2.5"))
    else:
        read = parquet.read_table(path)
        parquet.write_table(read.set_column(0, "a", pa.array(np.zeros(len(read), np.float32))), path)


@pytest.mark.parametrize("change", [replace_by_others, Path.unlink], ids=["replaced", "gone"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_files_that_change_between_two_passes_are_noticed(
    table: Any, tmp_path: Path, ending: str, change: Callable[[Path], None]
) -> None:
    for i in range(2):
        part = table.select(NAMES).slice(5000 * i, 5000)
        (parquet.write_table if ending == "parquet" else csv.write_csv)(part, tmp_path / f"{i}.{ending}")
    start = gmix.GaussianMixture([0.5, 0.5], [[0.0] * len(NAMES), [4.0] * len(NAMES)], [np.eye(len(NAMES))] * 2)
    with pytest.raises(DataError, match=rf"1\.{ending} has changed since it was first read, or is gone; give files"):
        gmix.fit(tmp_path, start=start, memory=STREAMED, tolerance=0,
                 progress=lambda told: change(tmp_path / f"1.{ending}") if told.passes == 2 else None)  # fmt: skip


def test_a_row_group_that_belies_its_checksum_is_named(table: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    settings = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    parquet.write_table(table.select(NAMES), path, row_group_size=5000, **settings)
    damaged = bytearray(path.read_bytes())
    damaged[parquet.ParquetFile(path).metadata.row_group(1).column(2).data_page_offset + 1000] ^= 1
    path.write_bytes(damaged)
    for memory in (ALL, STREAMED):
        with pytest.raises(DataError, match=r"t\.parquet, row group 1, column 'c' cannot be read .*[Cc]hecksum"):
            gmix.fit(path, 1, memory=memory)


def test_a_folder_that_is_closed_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    for folder in ("", "closed"):
        (tmp_path / folder / "t.csv").write_text("a,b\n1,2\n3,4\n")
    look = os.scandir

    def refused(folder: Any) -> Any:
        if str(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(folder))
        return look(folder)

    assert as_source(tmp_path).n_rows == 4
    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DataError, match=r"closed cannot be read \(Permission denied\); check the path"):
        as_source(tmp_path)
    with pytest.raises(DataError, match=r"cannot be read \(File name too long\)|there is no file"):
        as_source(tmp_path / ("a" * 300))


def test_how_a_csv_file_is_written_shows_in_any_of_its_lines_and_files(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a;b\n1;2\n3;4\n")
    (tmp_path / "2.csv").write_text("a;b\n5;6\n7,5;-,25\n")
    assert open_table(tmp_path).rows.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.5, -0.25]]
    (tmp_path / "3.csv").write_text("a;b\n1.5;2\n")
    with pytest.raises(DataError, match=r"3\.csv has the columns .* or they are written differently"):
        open_table(tmp_path)
    (tmp_path / "3.csv").write_text("a;b\n1,5;2\n", encoding="utf-16")
    with pytest.raises(DataError, match=r"3\.csv is UTF-16; save the table as CSV in UTF-8"):
        open_table(tmp_path)


@pytest.mark.parametrize("memory", [ALL, STREAMED], ids=["read", "streamed"])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": ["a", "bb"]}, "no column 'bb'; did you mean 'b'"),
        ({"columns": ["a", "b", "a"]}, "names 'a' more than once"),
        ({"columns": ["a", "text"]}, r"small\.parquet, column 'text' holds string, not numbers"),
        ({"sample_weight": "ww"}, "no column 'ww'; did you mean 'w'"),
        ({"sample_weight": "text"}, "column 'text' holds string"),
        ({"sample_weight": [1.0, 2.0]}, r"sample_weight has shape \(2,\)"),
        ({"sample_weight": np.ones(N + 1)}, rf"the table has {N:,} rows, so give \({N},\)"),
        ({"sample_weight": np.zeros(N)}, "give at least one row a positive weight"),
        ({"sample_weight": -np.ones(N)}, r"sample_weight\[0\] is -1"),
    ],
)
def test_what_is_wrong_with_an_argument(
    table: Any, tmp_path: Path, settings: dict[str, Any], message: str, memory: float
) -> None:
    with pytest.raises(DataError, match=message):
        as_source(small_row_groups(table, tmp_path), memory=memory, **settings)


def test_what_is_wrong_with_blocks_and_paths(rows: Array, table: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("none")
    (tmp_path / "empty").mkdir()
    one_row_group(table, tmp_path)
    for data, message in (
        ([rows, rows[:, :2]], "block 1 has 2 columns and the first has 3"),
        ([rows, rows.astype(float)], "block 1 holds float64 and the first holds float32"),
        ([rows, np.full((2, 3), np.inf, np.float32)], "block 1, row 0, column 0 is infinite"),
        ([rows.astype(float), np.full((2, 3), 1e300)], "block 1, row 0, column 0 is 1e.300, whose square is beyond"),
        ([rows[:0]], "no rows"),
        (tmp_path / "one.parqet", r"there is no file .*; did you mean '.*one\.parquet'"),
        (tmp_path / "*.pq", "check the pattern"),
        (tmp_path / "empty", "directory without files"),
        (tmp_path, r"notes\.md in it is not CSV, Parquet or Arrow"),
    ):
        with pytest.raises(DataError, match=message):
            as_source(data)
    with pytest.raises(DataError, match="block 1, row 0, column 0 is NaN"):
        as_source([rows, np.full((2, 3), np.nan, np.float32)], missing="error")
    with pytest.raises(gmix.ParameterError, match="memory is 0"):
        gmix.fit(rows, 1, memory=0)
    source = as_source(rows)
    assert isinstance(source, Source)
    assert as_source(source) is source
    with pytest.raises(gmix.ParameterError, match="its own weights"):
        as_source(source, sample_weight=np.ones(N))


@pytest.mark.parametrize("memory", [ALL, STREAMED], ids=["read", "streamed"])
def test_predictions_are_written_to_the_bits_that_they_have_in_memory(
    rows: Array, table: Any, tmp_path: Path, memory: float
) -> None:
    mixture = gmix.fit(rows, 3, columns=NAMES, covariance="full", rng=0, max_iterations=3).mixture
    out = tmp_path / "out.parquet"
    for data in (small_row_groups(table, tmp_path), table, [rows[:5000], rows[5000:]]):
        assert gmix.predict_to(mixture, data, out, memory=memory) == N
        written = parquet.read_table(out)
        assert written.column_names == ["component"]
        np.testing.assert_array_equal(written["component"], mixture.predict(rows))
    gmix.predict_to(mixture, data, out, probabilities=True, memory=memory)
    written = parquet.read_table(out)
    assert written.column_names == ["component", "p0", "p1", "p2", "log_density"]
    np.testing.assert_array_equal(np.column_stack(written.columns[1:4]), mixture.responsibilities(rows))
    np.testing.assert_array_equal(written["log_density"], mixture.log_density(rows))


def test_features_are_found_by_their_names(rows: Array, tmp_path: Path) -> None:
    """Whatever else the table holds, and in whatever order; and without names, by their places."""
    names = ["a", "b", "c"]
    table = pa.table(dict(zip(names, rows[:300].T, strict=True)))
    other = table.select(["c", "a", "b"]).append_column("d", pa.array(np.arange(300.0)))
    fit = gmix.fit(table, 2, covariance="full", rng=0)
    mixture = fit.mixture
    [counted] = gmix.expect(rows[:300], [mixture])
    learned = gmix.Stepwise(mixture).update(rows[:300])
    expected = gmix.merge(fit, rows[:300]).entropy
    for data in (
        other,
        small_row_groups(other, tmp_path),
        [other.slice(0, 100), other.slice(100)],
        MemorySource(table),
    ):
        np.testing.assert_allclose(gmix.merge(fit, data).entropy, expected, rtol=1e-9)
        assert np.isfinite(gmix.standard_errors(fit, data).means).all()
        assert gmix.predict_to(mixture, data, tmp_path / "out.csv") == 300
    np.testing.assert_array_equal(gmix.expect(other, [mixture])[0].mean, counted.mean)
    np.testing.assert_array_equal(gmix.Stepwise(mixture).update(other).mixture.means, learned.mixture.means)
    assert gmix.cross_validate(fit, other, folds=2, rng=0) == gmix.cross_validate(fit, rows[:300], folds=2, rng=0)
    for call in (gmix.merge, gmix.standard_errors):
        with pytest.raises(DataError, match=r"the mixture's features \['a', 'b', 'c'\]; choose these, in this order"):
            call(fit, other, columns=["c", "a", "b"])
    turned = gmix.GaussianMixture(mixture.weights, mixture.means, mixture.covariances, features=["c", "b", "a"])
    with pytest.raises(
        gmix.ParameterError, match=r"a mixture of \['c', 'b', 'a'\] does not fit rows of \['a', 'b', 'c'\]"
    ):
        gmix.expect(table, [mixture, turned])


def test_predictions_are_written_whole_or_not_at_all(rows: Array, tmp_path: Path) -> None:
    mixture = gmix.GaussianMixture([1.0], [[0.0] * 3], [np.eye(3)])
    out = tmp_path / "out.parquet"
    out.write_text("what was there before")
    lengths = iter([len(rows)] * 3 + [4000])
    for data, message in (
        (Blocks(lambda: iter([rows[: next(lengths)]])), "has 4,000 now"),
        ([rows, rows * np.inf], "block 1, row 0, column 0 is infinite"),
        (rows[:, :2], "the rows have 2 columns and the mixture has 3 features"),
    ):
        with pytest.raises(DataError, match=message):
            gmix.predict_to(mixture, data, out)
        assert out.read_text() == "what was there before"
        assert [p.name for p in tmp_path.iterdir()] == ["out.parquet"]
    with pytest.raises(gmix.ParameterError, match="cannot be written"):
        gmix.predict_to(mixture, rows, tmp_path / "nowhere" / "out.parquet")
