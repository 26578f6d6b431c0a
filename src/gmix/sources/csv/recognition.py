"""Recognize how a CSV file is written, from its first lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from gmix.base.columns.number_text import is_number_text
from gmix.base.errors import DataError
from gmix.base.findings import Finding
from gmix.base.wording import count
from gmix.sources.csv.dialect import CSV, Dialect, cleaned
from gmix.sources.csv.header import Header, header_of
from gmix.sources.csv.numerals import Numerals

__all__ = ["recognize"]

_DELIMITERS = (",", ";", "\t", "|", " ")
_COMPARED = 1000  # lines that are split by each delimiter
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar", " ": "a space"}
_BRACKETED = re.compile(r"\([^)]*\)|\[[^]]*\]")
_SEPARATOR = re.compile(r'"?sep=(?!")([\t -/:-@\[-`{-~])"?\s*', re.IGNORECASE)  # the first line of a file for Excel


def recognize(head: bytes, whole: bool, path: object, stated: CSV) -> Dialect:
    """Recognize how a file is written from its first bytes; `whole` says whether they are the whole file.

    The lines are split by each delimiter, outside quotation marks. The delimiter that gives the most regular rows with
    the largest proportion of numbers is chosen.

    Raises `DataError` for a file without rows, and for one whose header does not fit its rows.
    """
    lines = head.splitlines(keepends=True)
    if not whole and len(lines) > 1:
        lines.pop()  # it may be incomplete
    if lines and len(lines) <= stated.skip_rows:
        raise DataError(
            f"{path} begins with {count(len(lines), 'line')}, and {stated.skip_rows} are to be skipped; skip fewer"
        )
    texts, comments, mark = _texts(lines, stated)
    full = [i for i, text in enumerate(texts) if text.strip()]
    if not full:
        raise DataError(f"{path} is empty; gmix needs a header and at least one row")
    marks = list(_DELIMITERS) if mark is None else [mark]
    if mark is None and stated.decimal == "," and '"' not in "".join(texts):
        marks.remove(",")  # it would split numbers
    tables = [_split(texts[: full[:_COMPARED][-1] + 1], delimiter, stated) for delimiter in marks]
    best = max(tables, key=lambda table: table.score)
    table = _split(texts, best.delimiter, stated) if len(full) > _COMPARED else best
    table.check(texts, whole, path)
    findings = [*table.header.findings, *_of_comments(table, comments)]
    if stated.decimal is None:
        findings += _of_delimiters(best, tables)
    names = table.header.names
    if names is None and stated.header is None and (line := table.commented_header(comments)) is not None:
        names = _cells(line.strip("# "), table.delimiter)
        findings = [finding for finding in findings if finding.name != "header"]
        findings.append(Finding("header", f"the comment {_shown(line)} was read as the names of the columns", "note"))
    if any("\ufffd" in name for name in names or ()):
        raise DataError(f"{path} is not written in UTF-8; save it as CSV in UTF-8")
    return table.dialect(lines, names, any(number > table.begin for number in comments), findings)


class _Record(NamedTuple):
    """A line of a table, or several if a cell holds line ends."""

    begin: int  # the number of its first line
    end: int  # one more than the number of its last line
    cells: list[str]


@dataclass(frozen=True)
class _Table:
    """The first lines of a file, split by one delimiter."""

    delimiter: str
    records: list[_Record]
    width: int  # the number of cells in most records
    header: Header
    codes: tuple[str, ...]  # for missing values

    @cached_property
    def body(self) -> list[_Record]:
        """The rows with the usual number of cells."""
        return [record for record in self.records[self.header.first :] if len(record.cells) == self.width]

    @cached_property
    def columns(self) -> list[tuple[str, ...]]:
        """The cells of each column."""
        return list(zip(*(record.cells for record in self.body), strict=True)) or [()] * self.width

    @cached_property
    def numerals(self) -> list[Numerals]:
        """How numbers are written in each column."""
        return [Numerals.of(column, self.codes) for column in self.columns]

    @property
    def begin(self) -> int:
        """The number of the line that holds the first row."""
        return self.records[self.header.first].begin

    @cached_property
    def fit(self) -> float:
        """How well the delimiter fits: the proportion of regular lines, times that of numbers among the cells."""
        cells = sum(n.n_cells for n in self.numerals)
        numbers = sum(n.n_numbers for n in self.numerals) / max(cells, 1)
        regular = (len(self.body) + self.header.regular) / len(self.records)
        return numbers * regular * self._plausibility

    @property
    def score(self) -> tuple[float, int, int]:
        """The key that compares delimiters: the fit, the number of columns, and how common the delimiter is."""
        return self.fit, self.width, -_DELIMITERS.index(self.delimiter) if self.delimiter in _DELIMITERS else 0

    @property
    def _plausibility(self) -> float:
        """A factor below one if a name is split within brackets, or if the only name contains another delimiter."""
        names = self.header.names or []
        if any(name.count("(") != name.count(")") or name.count("[") != name.count("]") for name in names):
            return 0.5
        plain = _BRACKETED.sub("", names[0]) if names and self.width == 1 else ""
        return 0.1 if any(mark in plain for mark in _DELIMITERS[:4]) else 1.0

    def check(self, texts: Sequence[str], whole: bool, path: object) -> None:
        """Raise `DataError` if rows or columns would be lost."""
        header = self.header
        if header.fault is not None:
            above = self.records[header.first - 1].begin
            raise DataError(
                f"{path}, line {above + 1} {header.fault}; correct it, or skip the lines above the table "
                f"(--skip-rows {above + 1} or gmix.CSV(skip_rows={above + 1}))"
            )
        if not self.body:
            raise DataError(f"{path} has no rows under its header; gmix needs at least one")
        for record in self.records:
            lines = texts[record.begin : record.end]
            if len(lines) == 1:
                continue
            plain = [_cells(line.replace('"', ""), self.delimiter) for line in lines]
            opened = whole and record is self.records[-1] and _is_open(lines, self.delimiter)
            if opened or (self.width > 1 and all(len(cells) == self.width for cells in plain)):
                raise DataError(
                    f"{path}, line {record.begin + 1} has a quotation mark that is not closed in this line; "
                    "close it, or double it if it is part of a text"
                )

    def commented_header(self, comments: dict[int, str]) -> str | None:
        """The last comment above the rows, if it holds a name for each column."""
        above = [line for number, line in comments.items() if number < self.records[0].begin]
        cells = _cells(above[-1].strip("# "), self.delimiter) if above else []
        is_header = len(cells) == self.width - self.header.trailing and not any(map(is_number_text, cells))
        return above[-1] if is_header and (self.width > 1 or len(above) == 1) else None

    def dialect(
        self, lines: Sequence[bytes], names: list[str] | None, comments: bool, findings: Sequence[Finding]
    ) -> Dialect:
        """The dialect with which the whole file is read."""
        width = self.width - self.header.trailing
        all_names = [f"x{i + 1}" for i in range(width)] if names is None else [name.strip() for name in names[:width]]
        rows = b"".join(lines[self.begin :]).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return Dialect(
            self.delimiter,
            tuple(all_names),
            offset=sum(map(len, lines[: self.begin])),
            row_bytes=len(rows) / len(self.body),
            trailing=self.header.trailing,
            comments=comments,
            untidy=self.delimiter == " " or cleaned(rows, self.delimiter, comments) != rows,
            spanning=any(record.end > record.begin + 1 for record in self.records),
            cells=tuple(self.columns[:width]),
            numerals=tuple(self.numerals[:width]),
            findings=tuple(findings),
        )


def _texts(lines: Sequence[bytes], stated: CSV) -> tuple[list[str], dict[int, str], str | None]:
    """The lines, blank outside the table; the comments by line number; and the stated delimiter or None."""
    texts = [line.decode("utf-8", "replace").rstrip("\r\n") for line in lines]
    texts[:1] = [text.removeprefix("\ufeff") for text in texts[:1]]
    skipped, mark = stated.skip_rows, stated.delimiter
    if texts and (separator := _SEPARATOR.fullmatch(texts[skipped])) is not None:
        skipped, mark = skipped + 1, mark or separator[1]
    texts[:skipped] = [""] * skipped
    comments = {i: text.strip() for i, text in enumerate(texts) if text.lstrip(" ").startswith("#")}
    others = [i for i, text in enumerate(texts) if i not in comments and text.strip()]
    if len(others) < 2:  # lines that begin with # may be the rows: color codes, for instance
        comments = {i: text for i, text in comments.items() if others and i < others[0]}
    return ["" if i in comments else text for i, text in enumerate(texts)], comments, mark


def _split(texts: Sequence[str], delimiter: str, stated: CSV) -> _Table:
    """Split the lines by a delimiter."""
    lines = cleaned("\n".join(texts).encode(), delimiter).decode().split("\n")
    reader = csv.reader([line + "\n" for line in lines], delimiter=delimiter)
    records, begin = [], 0
    try:
        for cells in reader:
            if cells:
                records.append(_Record(begin, reader.line_num, cells))
            begin = reader.line_num
    except csv.Error:  # a cell of more than 128 KB: a quotation mark is open
        records.append(_Record(begin, len(lines), ["\n".join(lines[begin:])]))
    widths = [len(record.cells) for record in records]
    counts, last = Counter(widths), {width: i for i, width in enumerate(widths)}
    width = max(counts, key=lambda width: (counts[width], last[width]))
    quoted = all(lines[record.begin].startswith('"') for record in records[1:])
    header = header_of([record.cells for record in records], width, stated.header, stated.codes, quoted)
    return _Table(delimiter, records, width, header, stated.codes)


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line."""
    text = cleaned(line.encode(), delimiter).decode()
    return next(csv.reader([text], delimiter=delimiter), [])


def _is_open(lines: Sequence[str], delimiter: str) -> bool:
    """Return whether a quotation mark is still open at the end."""
    try:
        list(csv.reader([line + "\n" for line in lines], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _of_comments(table: _Table, comments: dict[int, str]) -> list[Finding]:
    """The finding about comments between the rows, which are not read; a warning if one looks like a row."""
    between = [line for number, line in comments.items() if number > table.begin]
    if not between:
        return []
    like_rows = [line for line in between if table.width > 1 and len(_cells(line, table.delimiter)) == table.width]
    shown = _shown((like_rows or between)[0])
    message = (
        f"lines that begin with # are read as comments, one of them {shown}; quote a first cell that begins with #"
    )
    return [Finding("comments", message, "warning" if like_rows else "note")]


def _of_delimiters(table: _Table, tables: Sequence[_Table]) -> list[Finding]:
    """The finding that the delimiter may be a decimal mark, or the decimal mark a delimiter."""
    if len(tables) == 1:
        return []
    if any(other.fit == table.fit > 0 and other.width != table.width for other in tables):
        message = f"{_NAMES[table.delimiter]} was read as the delimiter, which makes {count(table.width, 'column')}"
        return [Finding("delimiter", f"{message}; if it belongs to the numbers, state {_stating(';')}", "note")]
    if table.width == 1 and table.numerals[0].commas:
        message = "a comma was read as the decimal mark of one column"
        return [Finding("delimiter", f"{message}; if it stands between cells, state {_stating(',')}", "note")]
    return []


def _stating(delimiter: str) -> str:
    return f"--delimiter {delimiter!r} or gmix.CSV(delimiter={delimiter!r})"


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")
