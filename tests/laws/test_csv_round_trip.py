"""Tables that are written as CSV in any dialect, size and encoding read back to the same numbers."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmix import CSV, DataError
from gmix.sources.files import open_table

pytest.importorskip("pyarrow")


def test_texts_that_are_left_out_may_be_in_any_encoding(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes("name,x\nMüller,1\nMeier,2\n".encode("latin-1"))
    assert open_table(path).rows.tolist() == [[1.0], [2.0]]
    path.write_bytes("x,y\n1,2\n3,4\n5,ü\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"row 2, column 'y' cannot be read \(it holds '\ufffd', which is not a number"):
        open_table(path)


def test_texts_may_be_long_and_of_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,text\n" + '1,"one\ntwo"\n' * 200_000)  # several blocks
    assert len(open_table(path).rows) == 200_000
    long = ("," + "t" * 100_000) * 12
    path.write_text("x" + "".join(f",text {j}" for j in range(12)) + "\n" + "".join(f"{i}{long}\n" for i in range(20)))
    assert open_table(CSV(path), ["x"]).rows[:, 0].tolist() == list(range(20))


def test_lines_may_be_longer_than_what_is_looked_at(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(20, 6000)).round(2)
    text = ",".join(f"a column called {j}" for j in range(6000)) + "\n"
    path = tmp_path / "points.csv"
    path.write_text(text + "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist()))
    read = open_table(path)
    assert read.names[-1] == "a column called 5999"
    np.testing.assert_array_equal(read.rows, rows)


DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t", "|", " "]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
    }
)
NUMBER = st.floats(-1e6, 1e6, allow_subnormal=False) | st.integers(-(10**6), 10**6).map(float)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda d: st.lists(st.lists(NUMBER, min_size=d, max_size=d), min_size=2, max_size=9)
    ),
    dialect=DIALECTS,
    decimal=st.sampled_from(".,"),
    header=st.booleans(),
)
def test_a_table_that_python_writes_reads_back_to_the_same_numbers(
    rows: list[list[float]], dialect: dict[str, Any], decimal: str, header: bool, tmp_path_factory: Any
) -> None:
    """With the decimal mark stated, since 1.234 alone does not show whether it has thousands."""
    names = [f"the {name} name" if dialect["delimiter"] != " " else name for name in "abcd"[: len(rows[0])]]
    text = io.StringIO()
    writer = csv.writer(text, **dialect)
    if header:
        writer.writerow(names)
    writer.writerows([[repr(value).replace(".", decimal) for value in row] for row in rows])
    path = tmp_path_factory.mktemp("csv") / "points.csv"
    path.write_bytes(text.getvalue().encode())
    known = {"decimal": decimal} | ({"delimiter": dialect["delimiter"]} if len(rows[0]) == 1 else {})
    table = open_table(CSV(path, header=header, **known))
    assert list(table.names) == (names if header else [f"x{i + 1}" for i in range(len(names))])
    np.testing.assert_array_equal(table.rows, rows)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.integers(2, 5),
    decimal=st.sampled_from(".,"),
    delimiter=st.sampled_from([",", ";", "\t", "|", " "]),
    header=st.booleans(),
)
def test_measurements_are_recognized_in_every_dialect(
    seed: int, d: int, decimal: str, delimiter: str, header: bool, tmp_path_factory: Any
) -> None:
    """Nothing is stated: numbers of one to four decimals, as instruments write them."""
    rng = np.random.default_rng(seed)
    values = rng.normal(20.0, 15.0, (12, d)).tolist()
    cells = [[f"{value:.{1 + (i + j) % 4}f}" for j, value in enumerate(row)] for i, row in enumerate(values)]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    if header:
        writer.writerow([f"column{j}" for j in range(d)])
    writer.writerows([[cell.replace(".", decimal) for cell in row] for row in cells])
    path = tmp_path_factory.mktemp("csv") / "points.csv"
    path.write_text(text.getvalue(), newline="")
    table = open_table(path)
    assert list(table.names) == [f"column{j}" if header else f"x{j + 1}" for j in range(d)]
    np.testing.assert_array_equal(table.rows, np.array(cells, float))
