"""Columns that share a name are refused where one of them is used, and do not matter where none is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmix
from gmix import DataError
from gmix.sources import as_source

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pytest.importorskip("narwhals")
from pyarrow import parquet  # noqa: E402

ROWS = np.random.default_rng(0).normal(size=(30, 4))
NAMES = ["a", "b", "a", "c"]
REFUSED = r"2 columns called 'a'; rename them, or choose others with columns= or --columns"


def arrow(columns: list[Any]) -> Any:
    return pa.table([pa.array(column) for column in columns], NAMES)


def frame(columns: list[Any]) -> Any:
    return pd.concat([pd.Series(column, name=name) for column, name in zip(columns, NAMES, strict=True)], axis=1)


@pytest.fixture(params=["arrow", "frame", "blocks", "csv"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """How a table whose first and third column have one name is held, as a function of its columns."""
    if request.param == "csv":

        def written(columns: list[Any]) -> Path:
            frame(columns).to_csv(tmp_path / "t.csv", index=False)
            return tmp_path / "t.csv"

        return written
    return {"arrow": arrow, "frame": frame, "blocks": lambda columns: [frame(columns)] * 2}[request.param]


def test_a_name_that_two_columns_have_is_refused_where_it_is_used(table: Any) -> None:
    data = table([*ROWS.T])
    named: list[dict[str, Any]] = [{"columns": ["a", "b"]}, {"columns": ["b"], "sample_weight": "a"}, {}]
    for arguments in (*named, {"columns": ["b"], "labels": "a"}, {"columns": ["b"], "row_errors": ["a"]}):
        with pytest.raises(DataError, match=REFUSED):
            as_source(data, **arguments)


def test_other_columns_are_used_all_the_same(table: Any) -> None:
    source = as_source(table([*ROWS.T]), columns=["c", "b"])
    assert source.features == ("c", "b")
    np.testing.assert_array_equal(source.rows(60, np.random.default_rng(0)).values[:30], ROWS[:, [3, 1]])
    weighted = as_source(table([*np.abs(ROWS.T)]), columns=["c"], sample_weight="b")
    assert weighted.mass == pytest.approx(np.abs(ROWS[:, 1]).sum() * weighted.n_rows / 30)


def test_columns_that_are_left_out_are_named_by_their_positions(table: Any) -> None:
    texts = ["x", "y", "z"] * 10
    source = as_source(table([texts, ROWS[:, 1], texts, ROWS[:, 3]]))
    assert source.features == ("b", "c")
    [found] = source.findings
    assert found.message == "'a (column 0)', 'a (column 2)' (text)"
    with pytest.raises(DataError, match=REFUSED):
        as_source(table([texts, ROWS[:, 1], *ROWS.T[2:]]))


def test_files_whose_columns_are_found_by_name_say_why(tmp_path: Path) -> None:
    parquet.write_table(arrow([*ROWS.T]), tmp_path / "t.parquet")
    with pytest.raises(
        DataError, match=r"has 2 columns called 'a'; rename them, because Arrow reads .* Parquet files by name"
    ):
        gmix.fit(tmp_path / "t.parquet", 1, columns=["b"])
