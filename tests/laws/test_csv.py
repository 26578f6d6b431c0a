"""CSV as people have it: every file gives the table that a person sees in it, or an error that says what to state."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import gmix
from gmix import CSV, DataError, Finding, ParameterError
from gmix.cli.app import app
from gmix.cli.as_typed import as_typed
from gmix.sources import as_source
from gmix.sources.files import open_files, open_table

pa = pytest.importorskip("pyarrow")
NAN = float("nan")


@dataclass(frozen=True)
class Case:
    """A file, and the numbers that are in it."""

    text: str
    names: list[str]
    rows: list[list[float]]
    stated: dict[str, Any] | None = None
    findings: str = ""  # the names of the findings, with the level of those that are warnings


AB = ["a", "b"]
X = ["x1", "x2"]
FOUR = [[1.5, 2.0], [3.5, 4.0]]
INTS = [[1.0, 2.0], [3.0, 4.0]]
CASES = {
    # Delimiters and decimal marks.
    "decimal commas without a header": Case("2,06;47,8\n2,11;48,1\n", X, [[2.06, 47.8], [2.11, 48.1]]),
    "one row of decimal commas": Case("2,06;47,8\n", X, [[2.06, 47.8]]),
    "commas in a bare name": Case("Länge (a, b, c);z\n1,5;2\n3,5;4\n", ["Länge (a, b, c)", "z"], FOUR),
    "commas in a bare name of whole numbers": Case("Länge (a, b);z\n1;2\n3;4\n", ["Länge (a, b)", "z"], INTS),
    "commas in a quoted name": Case('"a, b",z\n1.5,2\n3.5,4\n', ["a, b", "z"], FOUR),
    "commas in a quoted name of a table with semicolons": Case(
        '"Länge (a, b, c)";z\n1,5;2\n3,5;4\n', ["Länge (a, b, c)", "z"], FOUR
    ),
    "semicolons in a quoted name": Case('"a;b",c\n1.5,2\n3.5,4\n', ["a;b", "c"], FOUR),
    "every cell in quotation marks": Case('"a";"b"\n"1,5";"2"\n"3,5";"4"\n', AB, FOUR),
    "quoted decimal commas": Case(
        '"2,06","47,8",4.12\n"2,07","47,9",4.13\n', ["x1", "x2", "x3"], [[2.06, 47.8, 4.12], [2.07, 47.9, 4.13]]
    ),
    "one row of quoted decimal commas": Case('"2,06","47,8",4.12\n', ["x1", "x2", "x3"], [[2.06, 47.8, 4.12]]),
    "a decimal mark for each column": Case("a;b\n1,5;2.5\n3,5;4.25\n", AB, [[1.5, 2.5], [3.5, 4.25]]),
    "bare decimal marks": Case("-,25;+3\n,5;4e-1\n", X, [[-0.25, 3.0], [0.5, 0.4]]),
    "bars": Case("a|b\n1.5|2\n3.5|4\n", AB, FOUR),
    "tabs, a byte order mark and carriage returns": Case("\ufeffa\tb\r\n1,5\t2\r\n3,5\t4\r\n", AB, FOUR),
    "a byte order mark without a header": Case("\ufeff1.5,2\n3.5,4\n", X, FOUR),
    "old line ends": Case("a,b\r1.5,2\r3.5,4\r", AB, FOUR),
    "aligned columns": Case("  a    b\n 1.5   2\n 3.50  4\n", AB, FOUR),
    "aligned columns without a header": Case("  1.5   2\n13.50  4\n", X, [[1.5, 2.0], [13.5, 4.0]]),
    "spaces and decimal commas": Case("a b\n1,5 2,5\n3,5 4,5\n", AB, [[1.5, 2.5], [3.5, 4.5]]),
    "spaces after commas": Case(
        'a, b, "c, d"\n1, 2, "3,5"\n3, 4, "4,5"\n', ["a", "b", "c, d"], [[1, 2, 3.5], [3, 4, 4.5]]
    ),
    "spaces in names": Case("full name,some thing\n1.5,2\n3.5,4\n", ["full name", "some thing"], FOUR),
    "commas and semicolons in a text": Case(
        'name,text,x\nann,"hi; there",1.5\nbob,"well, yes",2.5\n', ["x"], [[1.5], [2.5]]
    ),
    "commas in a bare text": Case("id;text;v\n1;a, b;2,5\n2;c, d;3,5\n", ["id", "v"], [[1, 2.5], [2, 3.5]]),
    "times": Case("when,x,y\n2020-01-01 12:00,1.5,2\n2020-01-02 13:00,3.5,4\n", ["x", "y"], FOUR),
    "a text of two lines": Case('x,text\n1,"one\ntwo"\n2,ok\n3,ok\n', ["x"], [[1], [2], [3]]),
    "inches": Case('x,text\n1,5" pipe\n2,ok\n3,ok\n', ["x"], [[1], [2], [3]]),
    "one column": Case("x\n1.5\n2.5\n", ["x"], [[1.5], [2.5]]),
    "one column without a header": Case("1.5\n2.5\n", ["x1"], [[1.5], [2.5]]),
    "one column of decimal commas": Case("x\n1,5\n2,5\n", ["x"], [[1.5], [2.5]], findings="delimiter"),
    "one column with a comma in its name": Case(
        "len (a, b)\n1,5\n2,5\n", ["len (a, b)"], [[1.5], [2.5]], findings="delimiter"
    ),
    "whole numbers without a header": Case("1,5\n2,5\n", X, [[1, 5], [2, 5]], findings="delimiter"),
    "some numbers in a text": Case("x,code\n1,12\n2,A\n3,B\n4,13\n5,C\n", ["x"], [[1], [2], [3], [4], [5]]),
    "decimal commas after many whole numbers": Case(
        "a;b\n" + "12;5\n" * 2000 + "1,5;2\n", AB, [[12, 5]] * 2000 + [[1.5, 2]]
    ),
    "decimal commas after as many beside others": Case(
        "a;b\n" + "12;5,5\n" * 30_000 + "1,5;2\n", AB, [[12, 5.5]] * 30_000 + [[1.5, 2]]
    ),
    # Thousands.
    "thousands with decimal commas": Case("a;b\n2,06;4.780,50\n2,07;980,25\n", AB, [[2.06, 4780.5], [2.07, 980.25]]),
    "one row with thousands": Case("2,06;4.780,50\n", X, [[2.06, 4780.5]]),
    "thousands with decimal points": Case('a,b\n2.06,"4,780.50"\n2.07,980.25\n', AB, [[2.06, 4780.5], [2.07, 980.25]]),
    "millions": Case('a,b\n2,"1,234,567"\n3,"12"\n', AB, [[2, 1234567], [3, 12]]),
    "spaces between thousands": Case("a;b\n1 234,5;2\n999,5;3\n", AB, [[1234.5, 2], [999.5, 3]]),
    "narrow spaces between thousands": Case("a;b\n1\u202f234\u202f000;2\n999;3\n", AB, [[1234000, 2], [999, 3]]),
    "apostrophes between thousands": Case("a,b\n4'780.50,2\n1,3\n", AB, [[4780.5, 2], [1, 3]]),
    "a doubtful comma": Case("a;b\n1,234;5\n2,345;6\n", AB, [[1.234, 5], [2.345, 6]], findings="decimal mark"),
    "a doubtful comma in a table with commas": Case(
        'a,b\n"1,234",5\n"2,345",6\n', AB, [[1234, 5], [2345, 6]], findings="decimal mark"
    ),
    "a doubtful point beside decimal commas": Case(
        "a;b\n1.234;5,5\n2.345;6,5\n", AB, [[1234, 5.5], [2345, 6.5]], findings="decimal mark"
    ),
    "a doubtful comma beside decimal points": Case(
        "a;b\n1,234;5.5\n2,345;6.5\n", AB, [[1234, 5.5], [2345, 6.5]], findings="decimal mark"
    ),
    "three decimals": Case("a,b\n1.234,5\n2.345,6\n", AB, [[1.234, 5], [2.345, 6]]),
    # What stands above the rows.
    "comments": Case("# made by us\n# on Monday, 2020\na,b\n1.5,2\n3.5,4\n", AB, FOUR),
    "comments between the rows": Case("a,b\n1.5,2\n# half\n3.5,4\n", AB, FOUR, findings="comments"),
    "a row that is a comment": Case("a,b\n1.5,2\n#7,8\n3.5,4\n", AB, FOUR, findings="comments!"),
    "many comments": Case("# one of many comments\n" * 9000 + "a;b\n1,5;2\n3,5;4\n", AB, FOUR),
    "many whole numbers without a header": Case("1,5\n" * 3000, X, [[1, 5]] * 3000, findings="delimiter"),
    "a comment that is the header": Case("# a b\n1.5 2\n3.5 4\n", AB, FOUR, findings="header"),
    "a comment above a header": Case("# two of them\na b\n1.5 2\n3.5 4\n", AB, FOUR),
    "colors": Case("color,x\n#ff0000,1\n#00ff00,2\n", ["x"], [[1], [2]]),
    "a title": Case("Measurements of 2020\na,b\n1.5,2\n3.5,4\n", AB, FOUR, findings="lines above the table"),
    "a title and a blank line": Case("Measurements\n\na;b\n1,5;2\n3,5;4\n", AB, FOUR, findings="lines above the table"),
    "a title without a header": Case("Measurements\n1.5;2\n3.5;4\n", X, FOUR, findings="lines above the table"),
    "values above the table": Case(
        "Lat,47.5\nLon,8.5\n\nt,a,b\n1,2.5,3\n2,3.5,4\n",
        ["t", *AB],
        [[1, 2.5, 3], [2, 3.5, 4]],
        findings="lines above the table!",
    ),
    "titles wider than the table": Case(
        "Rome, Italy, 2020\nby me, with care, twice\na,b\n1.5,2\n", AB, [[1.5, 2]], findings="lines above the table!"
    ),
    "Excel's separator": Case("sep=;\na;b\n1,5;2\n3,5;4\n", AB, FOUR),
    "Excel's separator in quotation marks": Case('\ufeff"sep=|"\r\na|b\r\n1,5|2\r\n3,5|4\r\n', AB, FOUR),
    "blank lines": Case("\n\na,b\n\n1.5,2\n   \n3.5,4\n\n\n", AB, FOUR),
    # Names.
    "R's write.table": Case('"a" "b"\n"1" 1.5 2\n"2" 3.5 4\n', AB, FOUR, findings="row names"),
    "R's write.table with names": Case(
        '"a" "b" "c"\n"Mazda 4" 1.5 2 "x y"\n"Fiat 1" 3.5 4 "z"\n', AB, FOUR, findings="row names"
    ),
    "R's write.csv2": Case('"";"a";"b"\n"1";1,5;2\n"2";3,5;4\n', AB, FOUR),
    "pandas' index": Case(",a,b\n0,1.5,2\n1,3.5,4\n", AB, FOUR),
    "pandas without names": Case(",0,1\n0,1.5,2\n1,3.5,4\n", ["0", "1"], FOUR),
    "iris without a header": Case(
        "5.1,3.5,setosa\n4.9,3.0,setosa\n7.0,3.2,versicolor\n", X, [[5.1, 3.5], [4.9, 3.0], [7.0, 3.2]]
    ),
    "a first row of names and numbers": Case(
        "ann,1,2\nbob,2,3\ncat,5,1\n", ["x2", "x3"], [[1, 2], [2, 3], [5, 1]], findings="header"
    ),
    "years as names": Case("country,2019,2020\nA,1.5,2\nB,3.5,4\n", ["2019", "2020"], FOUR, findings="header"),
    "wavelengths as names": Case(
        "450,460,470\n0.1,0.2,0.3\n0.4,0.5,0.6\n",
        ["450", "460", "470"],
        [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]],
        findings="header",
    ),
    "R's write.table of some rows": Case('"a" "b"\n"7" 1.5 2\n"3" 3.5 4\n', AB, FOUR, findings="row names"),
    "R's write.table without quotation marks": Case("a b\n1 1.5 2\n2 3.5 4\n", AB, FOUR, findings="row names"),
    "counts of years": Case(
        "country,2019,2020\nA,15,3\nB,25,4\n", ["2019", "2020"], [[15, 3], [25, 4]], findings="header"
    ),
    "whole numbers that count on": Case("1,2,3\n4,5,6\n7,8,9\n", ["x1", "x2", "x3"], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
    "large numbers that count on": Case(
        "100,200,300\n4,5,6\n7,8,9\n", ["x1", "x2", "x3"], [[100, 200, 300], [4, 5, 6], [7, 8, 9]], findings="header"
    ),
    "years that may be names": Case("2019,2020\n1.5,2\n3.5,4\n", X, [[2019, 2020], *FOUR], findings="header"),
    "a trailing delimiter": Case("a,b,\n1.5,2,\n3.5,4,\n", AB, FOUR),
    "a trailing delimiter in the rows alone": Case("a;b\n1,5;2;\n3,5;4;\n", AB, FOUR),
    "a trailing delimiter in the header alone": Case("a;b;\n1,5;2\n3,5;4\n", AB, FOUR),
    "a trailing delimiter without a header": Case("1.5,2,\n3.5,4,\n", X, FOUR),
    "several trailing delimiters in the rows alone": Case("a,b\n1.5,2,,\n3.5,4,,\n", AB, FOUR),
    "several trailing delimiters": Case("a,b,,,\n1.5,2,,,\n3.5,4,,,\n", AB, FOUR),
    # What is stated.
    "a stated decimal comma": Case("a;b\n1,234;5\n", AB, [[1.234, 5]], {"decimal": ","}),
    "a stated decimal point": Case("a;b\n1,234;5\n", AB, [[1234, 5]], {"decimal": "."}),
    "a stated decimal comma of one column": Case("1,5\n2,5\n", ["x1"], [[1.5], [2.5]], {"decimal": ","}),
    "a stated delimiter": Case("1,5\n2,5\n", ["x1"], [[1.5], [2.5]], {"delimiter": ";"}),
    "an unusual delimiter": Case("a^b\n1.5^2\n3.5^4\n", AB, FOUR, {"delimiter": "^"}),
    "stated spaces": Case("a b\n1.5    2\n3.5 4\n", AB, FOUR, {"delimiter": " "}),
    "lines to skip": Case("Rome, Italy\n2020\na,b\n1.5,2\n3.5,4\n", AB, FOUR, {"skip_rows": 2}),
    "a header that is stated": Case("2019,2020\n1.5,2\n3.5,4\n", ["2019", "2020"], FOUR, {"header": True}),
    "a header that is denied": Case(
        "150,4,x\n1.5,2,0\n3.5,4,0\n",
        ["x1", "x2", "x3"],
        [[150, 4, NAN], [1.5, 2, 0], [3.5, 4, 0]],
        {"header": False, "missing_values": ["x"]},
    ),
    "codes for missing values": Case(
        "a,b\n-999,?\n-999.0,4\n3.5,6\n", AB, [[NAN, NAN], [NAN, 4], [3.5, 6]], {"missing_values": [-999, "?"]}
    ),
    "codes beside decimal commas": Case(
        "a;b\n-99,90;1\n3,5;4\n", AB, [[NAN, 1], [3.5, 4]], {"missing_values": [-99.9]}
    ),
}


def flags(stated: dict[str, Any] | None) -> list[str]:
    """What is stated in Python, as it is stated on the command line."""
    options = []
    for name, value in (stated or {}).items():
        if name == "header":
            options.append("--header" if value else "--no-header")
        elif name == "missing_values":
            options += [part for code in value for part in ("--missing-value", str(code))]
        else:
            options += [f"--{name.replace('_', '-')}", str(value)]
    return options


def names_of(findings: tuple[Finding, ...]) -> str:
    """The names of the findings about how a file is written, with the level of those that are warnings."""
    shown = [finding for finding in findings if finding.name != "columns left out"]
    return ", ".join(f"{finding.name}{'!' * (finding.level == 'warning')}" for finding in shown)


@pytest.mark.parametrize("name", CASES)
def test_a_file_gives_the_table_that_a_person_sees_in_it(name: str, tmp_path: Path) -> None:
    case, path = CASES[name], tmp_path / "points.csv"
    path.write_bytes(case.text.encode())
    table = open_files(CSV(path, **case.stated) if case.stated else path)
    assert list(table.names or ()) == case.names
    np.testing.assert_array_equal(table.read()[0], case.rows)
    assert names_of(table.findings) == case.findings
    for options, stdin in (([str(path)], None), (["-"], lzma.compress(case.text.encode()))):
        result = CliRunner().invoke(app, ["convert", *options, "-", *flags(case.stated)], input=stdin)
        header, *lines = list(csv.reader(io.StringIO(result.stdout)))
        assert (result.exit_code, header) == (0, case.names), result.stderr
        written = [[cell or "nan" for cell in line] for line in lines]  # a missing cell is written as an empty one
        np.testing.assert_array_equal(np.array(written, float), case.rows)
        assert result.stderr.splitlines() == [
            f"gmix: {finding.level}: {as_typed(str(finding))}" for finding in table.findings
        ]


WRONG = {
    "a row too long": (
        "a,b\n1,2\n3,4\n5,6,7\n",
        r"points\.csv, line 4, row 2 has 3 cells \('5,6,7'\), and the other rows have 2; .* quote a cell with ','",
    ),
    "a row too long after many rows": ("a b\n\n" + "1  2\n" * 90_000 + "1 2 3\n", "line 90003, row 90000 has 3 cells"),
    "a row too short below a text of two lines": (
        '# title\na,b\n"1\n2",3\n4,5\n\n6\n7,8\n',
        r"line 7, row 2 has 1 cell \('6'\), and the other rows have 2; correct the line, or remove it",
    ),
    "a footer": (
        "a,b\n1,2\n3,4\nSource: me\n",
        r"line 4, row 2 has 1 cell \('Source: me'\), and the other rows have 2",
    ),
    "a header too long": (
        "a,b,c\n1,2\n3,4\n",
        r"line 1 has 3 cells \('a, b, c'\), and the rows below have 2.*--skip-rows 1",
    ),
    "a header too short": ("a,b\n9,2,3\n4,5,6\n", r"line 1 has 2 cells \('a, b'\), and the rows below have 3"),
    "a header too short for whole numbers": ("a,b\n1,2,3\n4,5,6\n", r"line 1 has 2 cells \('a, b'\)"),
    "a count of rows": (
        "2\n1 2\n3 4\n",
        r"line 1 has 1 cell \('2'\), and the rows below have 2.*gmix.CSV\(skip_rows=1\)",
    ),
    "more cells than names": (
        "a,b\n" + "1,2,\n" * 30_000 + "5,6,7\n",
        r"line 30002, row 30000 has more cells than there are names",
    ),
    "a title as wide as the table": (
        "Rome, Italy\na,b\n1,2\n3,4\n5,6\n",
        r"line 2, row 0, column 'Rome' .*'a'.*state --skip-rows",
    ),
    "units": ("t,v\ns,m/s\n1,2\n3,4\n5,6\n", r"line 2, row 0, column 't' cannot be read \(it holds 's'"),
    "two decimal marks": (
        "a;b\n1,5;1\n2.5;2\n3,5;3\n",
        r"line 3, row 1, column 'a' .*'2\.5', which is not a number with ','",
    ),
    "a decimal comma after many rows": (
        "a;b\n" + "12;5\n" * 40_000 + "1,5;2\n",
        r"line 40002, row 40000, .*'1,5'.*state --decimal",
    ),
    "thousands after many rows": (
        "a;b\n" + "12;5\n" * 40_000 + "1,234;2\n",
        r"line 40002, row 40000, .*'1,234'.*state --decimal",
    ),
    "a question mark": ("a,b\n1.5,?\n2,3\n4,5\n", r"line 2, row 0, column 'b' .*'\?'.*state --missing-value"),
    "a bad first row": ("1.5,oops\n2,3\n4,5\n", r"line 1, row 0, column 'x2' .*'oops'"),
    "an open quotation mark": ('x,text\n1,"5 inch\n2,ok\n3,ok\n', r"line 2 has a quotation mark that is not closed"),
    "two open quotation marks": ('x,text\n1,"5 inch\n2,"6 inch\n3,ok\n', r"line 2 has a quotation mark that is not"),
    "a quotation mark that is open at the end": ('x,text\n1,ok\n2,"5 inch\nand more', "line 3 has a quotation mark"),
    "comments after many rows": ("a,b\n" + "1,2\n" * 40_000 + "#3,4\n", r"line 40002, row 40000, column 'a' .*'#3'"),
    "nothing but a header": ("a;b\n", "has no rows under its header"),
    "nothing but comments above a header": ("# one\na;b\n", "has no rows under its header"),
    "nothing": (" \n\n", "is empty"),
    "no number": ("a,b\nx,y\n", r"no column of numbers; its columns are \['a', 'b'\]"),
    "names twice": ("a,a\n1,2\n", "2 columns called 'a'"),
    "Latin 1": ("größe,b\n1,2\n".encode("latin-1"), "not written in UTF-8"),
    "cut": (gzip.compress(b"a,b\n1,2\n")[:-9], r"Truncated compressed stream\); check the file"),
    "cut by xz": (
        lzma.compress(b"a,b\n1,2\n")[:-9],
        r"cannot be read as CSV \(Compressed file ended .*; check the file",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_would_lose_rows_or_columns_is_an_error(name: str, tmp_path: Path) -> None:
    (content, message), path = WRONG[name], tmp_path / "points.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        open_files(path).read()
    result = CliRunner().invoke(app, ["convert", str(path), str(tmp_path / "out.csv")])
    assert result.exit_code == 2
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lzma.compress, lambda b: pa.Codec("zstd").compress(b)]
)
@pytest.mark.parametrize("text", ["a;b\n# no\n1,5;2\n3,5;4\n", "a b\n1.5   2\n3.5 4\n"])
def test_compressed_files_are_known_by_their_content(compress: Any, text: str, tmp_path: Path) -> None:
    for name in ("points.csv", "points.gz"):
        (tmp_path / name).write_bytes(compress(text.encode()))
        table = open_table(tmp_path / name)
        assert (list(table.names), table.rows.tolist()) == (AB, FOUR)


def test_a_missing_value_names_its_row_in_a_fit(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("a,b\n1,2\n3,-999\n5,7\n")
    assert gmix.fit(path, 1).n_rows == 3
    with pytest.raises(DataError, match=r"row 1, column 'b' is NaN \(1 of 3 rows .*drop these rows or fill them in"):
        gmix.fit(CSV(path, missing_values=[-999]), 1, missing="error")
    assert gmix.fit(CSV(path, missing_values=[-999]), 1, columns=["a"], missing="error").n_rows == 3
    assert "1 of 6 cells is missing (1 of column 'b')" in str(gmix.fit(CSV(path, missing_values=[-999]), 1))
    command = ["fit", str(path), "-k", "1", "--missing-value", "-999,-99"]
    result = CliRunner().invoke(app, [*command, "--missing", "error"])
    assert (result.exit_code, "points.csv, line 3, row 1, column 'b' is NaN" in result.stderr) == (2, True)
    result = CliRunner().invoke(app, command)
    assert (result.exit_code, "1 of 6 cells is missing (1 of column 'b')" in result.stdout) == (0, True)


def test_findings_about_a_file_are_findings_of_the_fit(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("a title\na;b\n" + "1,234;5\n2,345;7\n3,456;6\n" * 400)
    for memory in (1 << 30, 1000.0):
        source = as_source(path, memory=memory)
        assert names_of(source.findings) == "lines above the table, decimal mark"
        assert set(source.findings) <= set(gmix.fit(source, 1).findings)
    result = CliRunner().invoke(app, ["fit", str(path), "-k", "1"])
    assert result.stderr.splitlines() == [
        "gmix: note: lines above the table: a line above the table was not read: 'a title'",
        "gmix: note: decimal mark: in column 'a', 1,234 was read as 1.234; if that is wrong, state --decimal .",
    ]


def test_what_is_stated_holds_wherever_a_table_is_read(tmp_path: Path) -> None:
    path, model, out = tmp_path / "points.csv", tmp_path / "model.json", tmp_path / "out.csv"
    path.write_text("Rome, Italy\na;b\n1,234;5\n2,345;7\n3,456;6\n")
    stated = CSV(str(path), decimal=",", skip_rows=1)
    fit = gmix.fit(stated, 1, covariance="diag")
    fit.report(tmp_path / "page.html", stated)
    assert "points.csv" in (tmp_path / "page.html").read_text()
    assert gmix.predict_to(fit.mixture, stated, out) == 3
    assert np.isfinite(gmix.standard_errors(fit, stated).means).all()
    options = [str(path), "--decimal", ",", "--skip-rows", "1"]
    for command in (
        ["fit", *options, "-k", "1", "--out", str(model)], ["select", *options, "-k", "1,2"],
        ["predict", str(model), *options], ["score", str(model), *options],
        ["plot", str(model), *options, "--out", str(tmp_path / "p.png")],
        ["report", *options, "-k", "1", "--out", str(tmp_path / "page.html")], ["convert", *options, "-"],
    ):  # fmt: skip
        result = CliRunner().invoke(app, command)
        assert (result.exit_code, result.stderr) == (0, ""), command
    np.testing.assert_allclose(gmix.load(model).mixture.means, [[2.345, 6.0]], rtol=1e-12)


def test_a_column_with_a_comma_in_its_name_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text('"a, b",c,"say ""d"""\n1,2,3\n4,5,6\n')
    for options in (['"a, b",c'], ['"a, b"', "c"], [' "a, b" , c']):
        columns = [part for option in options for part in ("--columns", option)]
        result = CliRunner().invoke(app, ["convert", str(path), "-", *columns])
        assert (result.exit_code, result.stdout) == (0, '"a, b",c\n1,2\n4,5\n'), result.stderr
    result = CliRunner().invoke(app, ["convert", str(path), "-", "--columns", '"say ""d"""'])
    assert result.stdout == '"say ""d"""\n3\n6\n'
    for wrong, message in (("a, b", "no column 'a'"), ("c,c", "must be different names")):
        result = CliRunner().invoke(app, ["convert", str(path), "-", "--columns", wrong])
        assert result.exit_code == 2
        assert message in result.stderr


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"delimiter": ";;"}, "delimiter is ';;'; give the one character"),
        ({"delimiter": "a"}, "delimiter is 'a'"),
        ({"delimiter": ""}, "delimiter is ''"),
        ({"delimiter": 5}, "delimiter is 5"),
        ({"decimal": ";"}, "decimal is ';'"),
        ({"skip_rows": -1}, "skip_rows is -1"),
        ({"header": "yes"}, "header is 'yes'"),
        ({"missing_values": -999}, r"missing_values is -999; give a list of codes, \[-999\]"),
        ({"missing_values": "?"}, r"missing_values is '\?'; give a list of codes"),
        ({"missing_values": [None]}, "give numbers and texts"),
    ],
)
def test_what_makes_no_sense_is_refused(stated: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        CSV("points.csv", **stated)


def test_what_is_stated_does_not_apply_to_other_files(tmp_path: Path) -> None:
    path = tmp_path / "points.parquet"
    gmix.predict_to(gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]]), [1.0, 2.0], path)
    with pytest.raises(DataError, match=r"is Parquet, and gmix.CSV and its options apply to CSV files only; leave"):
        as_source(CSV(path, decimal=","))
    (tmp_path / "points.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="begins with 2 lines, and 5 are to be skipped; skip fewer"):
        as_source(CSV(tmp_path / "points.csv", skip_rows=5))
    result = CliRunner().invoke(app, ["plot", "model.json", "--out", "x.png", "--decimal", ","])
    assert result.exit_code == 2
    assert "need a table" in result.stderr


def test_several_files_are_read_each_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("Rome\na,b\n1.5,2\n")
    (tmp_path / "2.csv").write_text("Bern\na,b\n3.5,4\n")
    (tmp_path / "3.csv.xz").write_bytes(lzma.compress(b"# comment\na,b,\n5,6,\n"))
    table = open_files(tmp_path)
    assert table.read()[0].tolist() == [*FOUR, [5.0, 6.0]]
    [finding] = table.findings
    assert finding.message == "in 1.csv, a line above the table was not read: 'Rome' (and in 1 other file)"
    for i, text in enumerate(("a;b\n1;2\n", "a;b\n1,234;2\n", "a;b\n1,5;2\n")):
        (tmp_path / f"{i}.txt").write_text(text)
    assert names_of(open_files(tmp_path / "[01].txt").findings) == "decimal mark"
    table = open_files(tmp_path / "?.txt")
    assert (table.findings, table.read()[0][:, 0].tolist()) == ((), [1.0, 1.234, 1.5])


def test_numbers_may_be_stated_in_a_copy() -> None:
    stated = replace(CSV("points.csv"), missing_values=[-999])
    assert (str(stated), stated.codes) == ("points.csv", ("-999",))
