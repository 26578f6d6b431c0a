"""How a CSV file is written: `CSV`, what the user states, and `Dialect`, what was recognized."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

from gmix.base.arguments import is_count, is_number
from gmix.base.errors import ParameterError
from gmix.base.findings import Finding
from gmix.sources.csv.numerals import Numerals

__all__ = ["CSV", "Dialect", "cleaned"]

_COMMENT = re.compile(rb"^ *#[^\n]*\n?", re.MULTILINE)
_BLANK = re.compile(rb"^ +$", re.MULTILINE)
_SPACES = re.compile(rb'"(?:[^"]|"")*"|[ \t]+')
_DELIMITER = re.compile(r"[\t !$%&'*,/:;<=>?@\\^_`|~\x01-\x08\x1c-\x1f]")
_AT_ENDS = re.compile(rb"^ | $", re.MULTILINE)


@dataclass(frozen=True)
class CSV:
    r"""CSV files and how they are written. What is not stated is recognized from the first lines.

    Every function that takes the path of a table also takes a `CSV`.

    Parameters
    ----------
    path : a file, a folder of files, or a pattern such as ``"points-*.csv"``.
    delimiter : the character between cells; a space stands for any number of spaces and tabs.
    decimal : the decimal mark of all columns, ``"."`` or ``","``; the other one may then separate thousands.
    skip_rows : the number of lines above the table.
    header : whether the first line of the table holds the names of the columns.
    missing_values : numbers or texts that stand for a missing value, such as ``[-999]``.

    Raises `ParameterError` for an invalid value.

    >>> import gmix, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "points.csv"
    ...     length = path.write_text("1,234;2\n3,234;4\n")
    ...     gmix.fit(gmix.CSV(path, decimal=","), 1).mixture.means.round(3).tolist()
    [[2.234, 3.0]]
    """

    path: str | PathLike[str]
    delimiter: str | None = None
    decimal: str | None = None
    skip_rows: int = 0
    header: bool | None = None
    missing_values: Sequence[float | str] = ()

    def __post_init__(self) -> None:
        mark: object = self.delimiter
        if mark is not None and not (isinstance(mark, str) and _DELIMITER.fullmatch(mark)):
            raise ParameterError(f"delimiter is {mark!r}; give the one character between cells, such as ';'")
        if self.decimal not in (None, ".", ","):
            raise ParameterError(f"decimal is {self.decimal!r}; give '.' or ','")
        if not is_count(self.skip_rows, 0):
            raise ParameterError(f"skip_rows is {self.skip_rows!r}; give the number of lines above the table")
        if not (self.header is None or isinstance(self.header, bool)):
            raise ParameterError(f"header is {self.header!r}; give True or False, or leave it out")
        codes = self.missing_values
        if isinstance(codes, str) or not isinstance(codes, Sequence):
            raise ParameterError(f"missing_values is {codes!r}; give a list of codes, [{codes!r}]")
        if not all(isinstance(code, str) or is_number(code) for code in codes):
            raise ParameterError(f"missing_values is {codes!r}; give numbers and texts")

    def __str__(self) -> str:
        return str(self.path)

    @property
    def codes(self) -> tuple[str, ...]:
        """`missing_values` as texts."""
        return tuple(str(code).strip() for code in self.missing_values)


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes
    ----------
    delimiter : the character between cells; a space stands for any number of spaces and tabs.
    names : the names of the columns; ``""`` for a column without a name; x1, x2 and so on without a header.
    offset : the position of the first row, in bytes.
    row_bytes : the mean length of a row, in bytes.
    trailing : the number of columns at the end of every row that are empty and have no name.
    comments : whether lines that begin with ``#`` stand between the rows.
    untidy : whether the lines must be `cleaned` before Arrow can read them.
    spanning : whether a cell may hold line ends.
    cells : the first cells of each column.
    numerals : how numbers are written in each column, as these cells show.
    findings : findings about decisions that could be wrong.
    """

    delimiter: str
    names: tuple[str, ...]
    offset: int
    row_bytes: float
    trailing: int
    comments: bool
    untidy: bool
    spanning: bool
    cells: tuple[tuple[str, ...], ...]
    numerals: tuple[Numerals, ...]
    findings: tuple[Finding, ...]


def cleaned(lines: bytes, delimiter: str, comments: bool = False) -> bytes:
    r"""Clean lines for Arrow: remove comments and blanks, and reduce spaces between cells to one.

    >>> cleaned(b' 1.5   2\n  \n"a b" "c"\n', " ")
    b'1.5 2\n\n"a b" "c"\n'
    """
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if comments:
        lines = _COMMENT.sub(b"", lines)
    lines = _BLANK.sub(b"", lines)
    if delimiter == " " and b'"' not in lines:  # faster than a pattern
        return b"\n".join([b" ".join(line.split()) for line in lines.split(b"\n")])
    if delimiter == " ":
        lines = _SPACES.sub(lambda found: found[0] if found[0].startswith(b'"') else b" ", lines)
        return _AT_ENDS.sub(b"", lines)
    if b' "' in lines:
        lines = re.sub(re.escape(delimiter.encode()) + rb' +"', lambda found: found[0].replace(b" ", b""), lines)
    return lines
