"""The same table gives the same columns, numbers and finding, whatever holds it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import gmix
from gmix import DataError, Finding
from gmix.sources import as_source

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
from pyarrow import dataset, feather, parquet  # noqa: E402

N = 12
COUNTS = np.arange(N) % 5
HALVES = COUNTS / 2.0  # exact in every type of number


class Case(NamedTuple):
    """A kind of column: how pandas holds it, and why it is left out."""

    make: Callable[[], Any]
    reason: str | None = None  # None where it is used
    named: str | None = None  # the error where it is named; None where it is used then
    pandas_only: bool = False  # Arrow has nothing like it
    level: str = "note"


def objects(values: Any) -> Any:
    return pd.Series(list(values), dtype=object)


HOLDS = "column 'case' holds"
CASES = {
    "int64": Case(lambda: COUNTS),
    "uint8": Case(lambda: COUNTS.astype(np.uint8)),
    "float64": Case(lambda: HALVES),
    "float32": Case(lambda: HALVES.astype(np.float32)),
    "float16": Case(lambda: HALVES.astype(np.float16)),
    "longdouble": Case(lambda: HALVES.astype(np.longdouble), pandas_only=True),
    "nullable integers": Case(lambda: pd.array(COUNTS, dtype="Int64")),
    "nullable floats": Case(lambda: pd.array(HALVES, dtype="Float64")),
    "Arrow integers": Case(lambda: pd.array(COUNTS, dtype="int64[pyarrow]")),
    "Arrow decimals": Case(lambda: pd.array(list(map(Decimal, HALVES)), dtype=pd.ArrowDtype(pa.decimal128(9, 4)))),
    "sparse floats": Case(lambda: pd.arrays.SparseArray(HALVES, fill_value=0.0), pandas_only=True),
    "sparse integers": Case(lambda: pd.arrays.SparseArray(COUNTS), pandas_only=True),
    "integers as objects": Case(lambda: objects(map(int, COUNTS))),
    "integers and floats as objects": Case(lambda: objects([int(x) if x.is_integer() else x for x in HALVES])),
    "Decimal": Case(lambda: objects(map(Decimal, HALVES))),
    "Decimal and floats": Case(lambda: objects([Decimal(1) / 2, *HALVES[1:]]), pandas_only=True),
    "booleans": Case(lambda: COUNTS > 2, "booleans"),
    "nullable booleans": Case(lambda: pd.array(COUNTS > 2, dtype="boolean"), "booleans"),
    "booleans as objects": Case(lambda: objects(map(bool, COUNTS > 2)), "booleans"),
    "sparse booleans": Case(lambda: pd.arrays.SparseArray(COUNTS > 2), "booleans", pandas_only=True),
    "categories of integers": Case(lambda: pd.Categorical(COUNTS), "categories"),
    "categories of text": Case(lambda: pd.Categorical(list("abc" * 4)), "categories", HOLDS),
    "text": Case(lambda: list("abc" * 4), "text", HOLDS),
    "text with gaps": Case(lambda: objects(["a", None, "c"] * 4), "text", HOLDS),
    "numbers as text": Case(lambda: [str(x) for x in HALVES], "numbers written as text", HOLDS, level="warning"),
    "one cell of text": Case(
        lambda: ["1", "2", "n/a", *"456789123"],
        "text, although most cells are numbers: row 2 holds 'n/a'",
        HOLDS,
        level="warning",
    ),
    "one object of text": Case(
        lambda: objects([1, 2.5, "n/a", *COUNTS[3:]]),
        "text, although most cells are numbers: row 2 holds 'n/a'",
        "row 2 holds 'n/a'",
        pandas_only=True,
        level="warning",
    ),
    "mostly text": Case(lambda: objects([1, *"bcdefghijkl"]), "text", HOLDS, pandas_only=True),
    "complex": Case(lambda: HALVES + 1j, "complex numbers", HOLDS, pandas_only=True, level="warning"),
    "dates and times": Case(lambda: pd.date_range("2020", periods=N), "dates", HOLDS),
    "dates with zones": Case(lambda: pd.date_range("2020", periods=N, tz="UTC"), "dates", HOLDS),
    "dates": Case(lambda: objects([dt.date(2020, 1, 1)] * N), "dates", HOLDS),
    "periods": Case(lambda: pd.period_range("2020", periods=N), "dates", HOLDS),
    "times": Case(lambda: objects([dt.time(12)] * N), "times", HOLDS),
    "durations": Case(lambda: pd.to_timedelta(COUNTS, unit="s"), "durations", HOLDS),
    "intervals": Case(lambda: pd.interval_range(0, N), "neither numbers nor text", HOLDS),
    "bytes": Case(lambda: objects([b"a"] * N), "neither numbers nor text", HOLDS),
    "lists": Case(lambda: objects([[1.0]] * N), "neither numbers nor text", HOLDS),
    "NaN": Case(lambda: np.full(N, np.nan), "no values", "row 0, column 'case' is NaN"),
    "None": Case(lambda: [None] * N, "no values", "column 'case' "),
    "missing integers": Case(lambda: pd.array([None] * N, dtype="Int64"), "no values", "row 0, column 'case' is NaN"),
    "missing text": Case(lambda: pd.array([None] * N, dtype="string"), "no values", HOLDS),
    "missing dates": Case(lambda: pd.to_datetime([None] * N), "no values", HOLDS),
}


def table_of(column: Any) -> Any:
    return pd.DataFrame({"x": HALVES, "case": column, "y": COUNTS})


# What holds the table -------------------------------------------------------------------------------------------------


def data_frame(table: Any, folder: Path) -> Any:
    return table


def arrow_table(table: Any, folder: Path) -> Any:
    return pa.Table.from_pandas(table)


def record_batch(table: Any, folder: Path) -> Any:
    return pa.RecordBatch.from_pandas(table)


def parquet_file(table: Any, folder: Path) -> Any:
    table.to_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def parquet_dataset(table: Any, folder: Path) -> Any:
    return dataset.dataset(parquet_file(table, folder))


def arrow_file(table: Any, folder: Path) -> Any:
    feather.write_feather(pa.Table.from_pandas(table), folder / "t.arrow")
    return str(folder / "t.arrow")


def blocks_of_frames(table: Any, folder: Path) -> Any:
    return [table.iloc[:N], table.iloc[N:]] if len(table) > N else [table]


def blocks_of_arrow(table: Any, folder: Path) -> Any:
    whole = pa.Table.from_pandas(table)
    return [whole.slice(0, N), whole.slice(N)] if len(table) > N else [whole]


def dask_frame(table: Any, folder: Path) -> Any:
    dask = pytest.importorskip("dask")
    dataframe = pytest.importorskip("dask.dataframe")
    with dask.config.set({"dataframe.convert-string": False}):  # else Dask makes text of objects
        return dataframe.from_pandas(table, npartitions=2, sort=False)


PANDAS = [data_frame, blocks_of_frames, dask_frame]
ARROW = [arrow_table, record_batch, parquet_file, parquet_dataset, arrow_file, blocks_of_arrow]


@pytest.fixture(params=[*PANDAS, *ARROW], ids=lambda holder: holder.__name__)
def holder(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    def hold(table: Any) -> Any:
        return request.param(table, tmp_path)

    hold.of_pandas = request.param in PANDAS
    return hold


def numbers(source: Any) -> Any:
    return source.rows(source.n_rows, np.random.default_rng(0)).values


def left_out(case: Case, name: str = "case") -> tuple[Finding, ...]:
    return (Finding("columns left out", f"'{name}' ({case.reason})", case.level),) if case.reason else ()


# The law --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_kind_of_column_is_used_or_left_out_by_every_container(holder: Any, name: str) -> None:
    case = CASES[name]
    if case.pandas_only and not holder.of_pandas:
        pytest.skip("Arrow has no such column")
    table = table_of(case.make())
    source = as_source(holder(table))
    used = case.reason is None
    assert source.features == (("x", "case", "y") if used else ("x", "y"))
    assert source.findings == left_out(case)
    expected = [HALVES, np.array(list(map(float, table["case"]))), COUNTS] if used else [HALVES, COUNTS]
    np.testing.assert_array_equal(numbers(source), np.column_stack(expected))


@pytest.mark.parametrize("name", CASES)
def test_a_column_that_is_named_is_used_or_an_error_and_no_finding(holder: Any, name: str) -> None:
    case = CASES[name]
    if case.pandas_only and not holder.of_pandas:
        pytest.skip("Arrow has no such column")
    table = table_of(case.make())
    if case.named is not None:
        with pytest.raises(DataError, match=case.named):
            as_source(holder(table), columns=["case", "x"], missing="error")
        with pytest.raises(DataError, match="column 'case' has no value in any row" if "NaN" in case.named else "case"):
            gmix.fit(holder(table), 1, columns=["case", "x"])
        return
    source = as_source(holder(table), columns=["case", "x"])
    assert source.features == ("case", "x")
    assert source.findings == ()
    np.testing.assert_array_equal(numbers(source)[:, 0], np.array(list(map(float, table["case"]))))


def test_all_kinds_in_one_table_are_one_finding(holder: Any) -> None:
    cases = {name: case for name, case in CASES.items() if holder.of_pandas or not case.pandas_only}
    table = pd.DataFrame({name: case.make() for name, case in cases.items()})
    source = as_source(holder(table))
    assert source.features == tuple(name for name, case in cases.items() if case.reason is None)
    [finding] = source.findings
    assert finding.level == "warning"
    for name, case in cases.items():
        assert (repr(name) in finding.message) == (case.reason is not None)
        assert case.reason is None or f"({case.reason})" in finding.message


def test_missing_numbers_are_nan_in_every_kind(holder: Any) -> None:
    """They are not zero, and not a reason to leave the column out."""
    for column in (
        pd.array([1, None, *COUNTS[2:]], dtype="Int64"),
        pd.array([1.0, None, *COUNTS[2:]], dtype="Float64"),
        objects([1, None, *COUNTS[2:]]),
        objects([Decimal(1), None, *map(Decimal, HALVES[2:])]),
        np.array([1.0, np.nan, *COUNTS[2:]]),
    ):
        data = holder(table_of(column))
        with pytest.raises(DataError, match="row 1, column 'case' is NaN"):
            as_source(data, missing="error")
        source = as_source(data)
        assert source.features == ("x", "case", "y")
        np.testing.assert_array_equal(np.isnan(numbers(source)), np.arange(3 * N).reshape(N, 3) == 4)


def test_a_value_in_the_last_row_counts(holder: Any) -> None:
    """Columns that begin with a thousand missing cells are not empty."""
    n = 2500
    last = [None] * (n - 1)
    table = pd.DataFrame({"x": np.arange(n) % 7, "text": objects([*last, "a"]), "never": np.full(n, np.nan)})
    source = as_source(holder(table))
    assert source.features == ("x",)
    assert source.findings == (Finding("columns left out", "'text' (text), 'never' (no values)", "note"),)
    table["late"] = np.where(np.arange(n) == n - 1, 1.0, np.nan)
    with pytest.raises(DataError, match="column 'late' is NaN"):
        as_source(holder(table), missing="error")
    source = as_source(holder(table))
    assert source.features == ("x", "late")
    assert source.missing is not None
    assert source.missing.by_column.tolist() == [0.0, n - 1.0]


def test_the_column_of_weights_is_not_left_out(holder: Any) -> None:
    source = as_source(holder(table_of(list("abc" * 4))), sample_weight="y")
    assert source.features == ("x",)
    assert source.findings == left_out(CASES["text"])
    assert as_source(holder(table_of(HALVES)), sample_weight="y").findings == ()


def test_float32_stays_float32_only_where_all_columns_are(holder: Any) -> None:
    table = pd.DataFrame({"x": HALVES.astype(np.float32), "h": HALVES.astype(np.float16), "b": COUNTS > 2})
    assert numbers(as_source(holder(table))).dtype == np.float32
    table["d"] = HALVES
    assert numbers(as_source(holder(table))).dtype == np.float64


# An index -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [np.arange(N) ** 2, list("abcdefghijkl")], ids=["numbers", "text"])
def test_an_index_with_a_name_is_left_out(holder: Any, keys: Any) -> None:
    table = table_of(HALVES).set_index(pd.Index(keys, name="id"))
    source = as_source(holder(table))
    assert source.features == ("x", "case", "y")
    assert source.findings == (Finding("columns left out", "'id' (index)", "note"),)
    if isinstance(keys, np.ndarray):
        named = as_source(holder(table), columns=["id", "y"])
        np.testing.assert_array_equal(numbers(named), np.column_stack([keys, COUNTS]))
    else:
        with pytest.raises(DataError, match="column 'id' holds"):
            as_source(holder(table), columns=["id", "y"])


def test_an_index_of_two_levels_is_left_out(holder: Any) -> None:
    if holder.__closure__ is not None and "dask_frame" in repr(holder.__closure__[0].cell_contents):
        pytest.skip("Dask has no such index")
    table = table_of(HALVES).set_index(pd.MultiIndex.from_arrays([COUNTS, np.arange(N)], names=["g", "i"]))
    assert as_source(holder(table)).findings == (Finding("columns left out", "'g', 'i' (index)", "note"),)


def test_row_numbers_are_left_out_and_mentioned_where_they_are_a_column(holder: Any) -> None:
    table = table_of(HALVES)
    assert as_source(holder(table)).findings == ()
    table = table.set_index(np.arange(N) ** 2)
    source = as_source(holder(table))
    assert source.features == ("x", "case", "y")
    passed_over = (Finding("columns left out", "'__index_level_0__' (index)", "note"),)
    assert source.findings == (() if holder.of_pandas else passed_over)


def test_what_pandas_says_of_a_column_counts_where_a_file_holds_plain_integers(tmp_path: Path) -> None:
    """As in files that writers without Arrow's own schema made."""
    table = pa.Table.from_pandas(table_of(pd.Categorical(COUNTS)).set_index(pd.Index(COUNTS * 2, name="id")))
    plain = table.set_column(1, "case", table["case"].cast(pa.int64()))
    parquet.write_table(plain, tmp_path / "t.parquet")
    for data in (plain, tmp_path / "t.parquet"):
        source = as_source(data)
        assert source.features == ("x", "y")
        assert source.findings == (Finding("columns left out", "'case' (categories), 'id' (index)", "note"),)


@pytest.mark.parametrize("damaged", [b"", b"{", b"[1]", b"{}", b'{"index_columns": 3}', b'{"columns": [{}, 1]}'])
def test_damaged_metadata_of_pandas_is_no_crash(damaged: bytes, tmp_path: Path) -> None:
    table = pa.Table.from_pandas(table_of(HALVES)).replace_schema_metadata({b"pandas": damaged})
    parquet.write_table(table, tmp_path / "t.parquet")
    for data in (table, tmp_path / "t.parquet"):
        assert as_source(data).features == ("x", "case", "y")


def test_run_lengths_are_numbers() -> None:
    array = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([1.5, 2.0]))
    table = pa.table({"x": [1.0, 2.0, 3.0], "case": array})
    for data in (table, dataset.dataset(table)):
        np.testing.assert_array_equal(numbers(as_source(data))[:, 1], [1.5, 1.5, 2.0])


# Messages -------------------------------------------------------------------------------------------------------------


def test_columns_must_name_one(holder: Any) -> None:
    with pytest.raises(gmix.ParameterError, match="columns is an empty list; name at least one"):
        as_source(holder(table_of(HALVES)), columns=[])


def test_many_columns_are_counted() -> None:
    table = pd.DataFrame({"x": HALVES} | {f"t{i}": ["a"] * N for i in range(12)})
    [finding] = as_source(table).findings
    assert finding.message == "'t0', 't1', 't2', 't3', 't4', 't5', 't6' and 5 more (text)"


def test_a_table_without_numbers_is_an_error_that_gives_the_reasons(holder: Any) -> None:
    table = pd.DataFrame({"s": list("abc" * 4), "b": COUNTS > 2})
    with pytest.raises(DataError, match=r"its columns are \['s', 'b'\]: 's' \(text\), 'b' \(booleans\)"):
        as_source(holder(table))


def test_the_finding_is_one_of_the_fit() -> None:
    table = table_of(list("abc" * 4))
    assert left_out(CASES["text"])[0] in gmix.fit(table, 1).findings
    assert "columns left out: 'case' (text)" in gmix.fit(table, 1).summary()
    assert gmix.fit(table, 1, columns=["x", "y"]).findings == gmix.fit(table[["x", "y"]], 1).findings


def test_arrays_and_series_of_such_numbers_are_used() -> None:
    for column in (objects(HALVES), objects(map(Decimal, HALVES)), pd.array(HALVES, dtype="Float64"),
                   pd.Series(pd.array(COUNTS / 2, dtype="Float64")), HALVES.astype(np.longdouble),
                   list(map(Decimal, HALVES))):  # fmt: skip
        np.testing.assert_array_equal(numbers(as_source(column))[:, 0], HALVES)
    incomplete = pd.Series([1, None, 3], dtype="Int64")
    with pytest.raises(DataError, match="row 1, column 0 is NaN"):
        as_source(incomplete, missing="error")
    np.testing.assert_array_equal(as_source(incomplete).everything.values[:, 0], [1.0, np.nan, 3.0])
    with pytest.raises(DataError, match="complex128"):
        as_source(HALVES + 1j)


def test_polars_gives_what_arrow_gives() -> None:
    pl = pytest.importorskip("polars")
    for name in ("int64", "uint8", "float64", "float32", "Arrow decimals", "booleans", "text", "numbers as text",
                 "one cell of text", "categories of text", "dates and times", "dates", "times", "durations", "bytes",
                 "lists", "NaN", "None", "missing integers", "missing text", "missing dates"):  # fmt: skip
        case, arrow = CASES[name], pa.Table.from_pandas(table_of(CASES[name].make()), preserve_index=False)
        for frame in (pl.from_arrow(arrow), pl.from_arrow(arrow).lazy()):
            source = as_source(frame)
            assert source.findings == left_out(case), name
            assert source.features == (("x", "y") if case.reason else ("x", "case", "y"))
            np.testing.assert_array_equal(numbers(source), numbers(as_source(arrow)))


def test_a_later_block_has_the_columns_of_the_first() -> None:
    first = table_of(list("abc" * 4))
    for later, message in ((first.assign(z=1.0), "block 1 has the columns"), (first[["x"]], "block 1 has the columns"),
                           (first.to_numpy()[:, [0, 2]].astype(float), "block 1 has the columns None")):  # fmt: skip
        with pytest.raises(DataError, match=message):
            as_source([first, later])
    with pytest.raises(DataError, match="block 1, row 0, column 'y' is NaN"):
        as_source([first, first.assign(y=np.nan)], missing="error")
    assert as_source([first, first.assign(y=np.nan)]).missing.by_column.tolist() == [0.0, N]
    assert as_source([first, first[["y", "x"]]]).n_rows == 2 * N


def test_a_file_of_missing_cells_beside_one_with_values(tmp_path: Path) -> None:
    for name, cells in (("1", [None, None]), ("2", [1.0, 2.0])):
        parquet.write_table(pa.table({"x": [1.0, 2.0], "late": cells}), tmp_path / f"{name}.parquet")
    with pytest.raises(DataError, match=r"1\.parquet, row 0, column 'late' is NaN"):
        as_source(tmp_path, missing="error")
    np.testing.assert_array_equal(numbers(as_source(tmp_path))[:, 1], [np.nan, np.nan, 1.0, 2.0])
