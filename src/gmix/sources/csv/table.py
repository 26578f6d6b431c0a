"""Tables in CSV files, read block by block."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gmix.base.columns import Roles, check_unambiguous, distinct_names
from gmix.base.columns.arrow import arrow_numbers
from gmix.base.columns.number_text import is_number_text
from gmix.base.errors import DataError
from gmix.base.findings import Finding
from gmix.base.wording import count
from gmix.sources.arrow import ArrowTable, Fill, is_numeric, reason_of
from gmix.sources.csv.dialect import CSV, Dialect
from gmix.sources.csv.foreign import foreign_format
from gmix.sources.csv.lines import Cleaned, compression, irregular_row, opened, place_of
from gmix.sources.csv.numerals import (
    MISSING,
    NotANumberError,
    Numerals,
    Reading,
    as_doubles,
    is_missing,
    readings,
)
from gmix.sources.csv.recognition import recognize

__all__ = ["CsvTable"]

T = TypeVar("T")

_HEAD = 1 << 17  # bytes from which the dialect is recognized
_LINES = 16  # lines besides comments that these bytes hold at least
_BLOCK = 1 << 20  # bytes that are read together
_SHOWN = 40  # characters of a cell in a message
_COMPRESSION = 8.0  # the assumed ratio of the size of a table to that of its compressed file


class CsvTable(ArrowTable):
    """The numeric columns of CSV files with the same columns, or those that the user names.

    Every column is read as text and converted with its own decimal mark.
    """

    def __init__(self, files: Sequence[Path], stated: CSV, roles: Roles) -> None:
        import pyarrow as pa
        from pyarrow import dataset as ds

        dialects = _dialects(files, stated)
        names = dialects[0].names
        used = (*(roles.values or ()), *roles.of_rows)
        check_unambiguous(used, names, str(files[0]))
        dialects = [replace(dialect, names=tuple(distinct_names(names))) for dialect in dialects]
        first = dialects[0]
        wanted = {*used} - {roles.labels}
        numerals = _numerals_of_all(files, dialects)
        kinds = [
            pa.float64() if found.are_numbers else _kind(cells, name in wanted, stated.codes)
            for name, found, cells in zip(first.names, numerals, first.cells, strict=True)
        ]
        schema = pa.schema(list(zip(first.names, kinds, strict=True)))
        dataset = ds.dataset([str(file) for file in files], format=ds.CsvFileFormat(), schema=schema)
        size = sum(file.stat().st_size * (_COMPRESSION if compression(file) else 1.0) for file in files)
        n_bytes = 8.0 * sum(map(is_numeric, kinds)) * size / first.row_bytes
        self._readings = dict(zip(first.names, readings(numerals, first.delimiter, stated.decimal), strict=True))
        self._dialects, self._stated = dialects, stated
        super().__init__(dataset, roles, called=str(stated), n_bytes=n_bytes)
        check_unambiguous(self.names or (), names, str(files[0]))
        self.findings = (*_findings(files, dialects), *self._doubts(), *self.findings)

    @property
    def dialect(self) -> Dialect:
        """How the first file is written."""
        return self._dialects[0]

    def _scan(self, names: list[str], size: int = 0) -> Iterator[tuple[Any, Any]]:
        return self._of_files(lambda path, dialect: self._batches(names, path, dialect))

    def _of_files(self, read: Callable[[str, Dialect], Iterator[T]]) -> Iterator[tuple[T, Any]]:
        """What `read` yields for each file, with the fragment of the file."""
        import pyarrow as pa

        path, dialect = self._called, self.dialect
        try:
            for fragment, dialect in zip(self._dataset.get_fragments(), self._dialects, strict=True):
                path = fragment.path
                for found in read(path, dialect):
                    yield found, fragment
        except (pa.ArrowException, OSError, EOFError, lzma.LZMAError, DataError) as error:
            self._check_unchanged()
            if isinstance(error, DataError):
                raise
            if isinstance(error, pa.ArrowInvalid) and (irregular := irregular_row(path, dialect)) is not None:
                raise irregular from None
            raise DataError(f"{path} cannot be read as CSV ({reason_of(error)}); check the file") from None
        self._check_unchanged()

    def texts(self) -> Iterator[list[tuple[str, ...]]]:
        """Rows of all cells as the texts of the file, byte by byte."""
        for (_, texts), _ in self._of_files(self._all_texts):
            yield list(zip(*_as_strings(texts), strict=True))

    def number_as_text(self, number: float) -> str:
        """A number as text that reads back to the same bits, with the decimal mark of the table; empty for NaN."""
        marks = [self._readings[name].decimal for name in self.names or ()]
        return "" if np.isnan(number) else repr(float(number)).replace(".", marks[0] if marks else ".")

    def completed_texts(self, fill: Fill) -> Iterator[list[tuple[str, ...]]]:
        """Rows of all cells as texts, the missing ones of the chosen columns filled in; see `ArrowTable.completed`.

        All other cells are the texts of the file, byte by byte.
        """
        for rows, _ in self._of_files(lambda path, dialect: self._completed_texts(fill, path, dialect)):
            yield rows

    def _completed_texts(self, fill: Fill, path: str, dialect: Dialect) -> Iterator[list[tuple[str, ...]]]:
        import pyarrow as pa
        from pyarrow import compute

        missing = pa.array([code.encode() for code in (*MISSING, *self._stated.codes)], pa.binary())
        for at, texts in self._all_texts(path, dialect):
            cells = _as_strings(texts)
            places = [dialect.names.index(name) for name in self.names or ()]
            known = [texts.column(i) for i in places]
            known = [compute.if_else(compute.is_in(column, missing), None, column) for column in known]
            numbers = [self._converted(*pair, path, dialect, at) for pair in zip(known, self.names or (), strict=True)]
            values = np.column_stack([arrow_numbers(column, np.dtype(np.float64)) for column in numbers])
            filled = fill(values)
            for i, j in np.argwhere(np.isnan(values)):
                cells[places[j]][i] = self._readings[dialect.names[places[j]]].written(filled[i, j])
            yield list(zip(*cells, strict=True))

    def _all_texts(self, path: str, dialect: Dialect) -> Iterator[tuple[int, Any]]:
        """The cells of all columns of one file as record batches, each with the position of its first row."""
        return self._texts(list(dialect.names), path, dialect, kept=True)

    def _in_file(self, fragment: Any, row: int, n_rows: int) -> str:
        paths = [each.path for each in self._dataset.get_fragments()]
        return place_of(row, fragment.path, self._dialects[paths.index(fragment.path)])

    def _batches(self, names: list[str], path: str, dialect: Dialect) -> Iterator[Any]:
        """The rows of one file as record batches of some columns."""
        import pyarrow as pa

        for at, texts in self._texts(names, path, dialect):
            columns = [self._converted(texts.column(i), name, path, dialect, at) for i, name in enumerate(names)]
            yield pa.record_batch(columns, names=names)

    def _texts(self, names: list[str], path: str, dialect: Dialect, *, kept: bool = False) -> Iterator[tuple[int, Any]]:
        """The cells of some columns of one file as record batches of bytes, each with the position of its first row.

        Missing values are null, unless all cells are to be `kept`.
        """
        import pyarrow as pa
        from pyarrow import compute, csv

        places = [str(i) for i in range(len(dialect.names) + dialect.trailing)]
        place = dict(zip(dialect.names, places, strict=False))
        wanted = [place[name] for name in names]
        read = [*wanted, *places[len(dialect.names) :]]
        options = (
            csv.ReadOptions(column_names=places, block_size=max(_BLOCK, int(8 * dialect.row_bytes))),
            csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=dialect.spanning),
            csv.ConvertOptions(
                include_columns=read,
                column_types=dict.fromkeys(read, pa.binary()),  # columns that are left out need not be UTF-8
                null_values=[*MISSING, *self._stated.codes],
                strings_can_be_null=not kept,
            ),
        )
        at = 0
        with opened(path) as file:
            file.read(dialect.offset)
            lines = pa.PythonFile(Cleaned(file, dialect), mode="r") if dialect.untidy else file
            with csv.open_csv(lines, *options) as reader:
                for texts in reader:
                    for column in texts.columns[len(names) :]:
                        filled = compute.not_equal(column, b"") if kept else column.is_valid()
                        if (row := compute.index(filled, value=True).as_py()) >= 0:
                            where = place_of(at + row, path, dialect)
                            raise DataError(f"{path}, {where} has more cells than there are names; correct it")
                    yield at, texts.select(range(len(names)))
                    at += texts.num_rows

    def _converted(self, texts: Any, name: str, path: str, dialect: Dialect, at: int) -> Any:
        """Convert the cells of a column, null for missing values; the first is in row `at`."""
        import pyarrow as pa
        from pyarrow import compute

        kind = self._dataset.schema.field(name).type
        texts = _decoded(texts)
        if not is_numeric(kind):
            return texts.cast(kind) if pa.types.is_boolean(kind) else texts
        try:
            values = as_doubles(texts, self._readings[name])
        except NotANumberError as wrong:
            row, shown = at + wrong.row, wrong.text[:_SHOWN]
            hint = _hint(wrong.text, row, self._readings[name])
            raise DataError(
                f"{path}, {place_of(row, path, dialect)}, column {name!r} cannot be read (it holds {shown!r}, "
                f"which is not a number{hint}); correct it, or name other columns"
            ) from None
        codes = [float(code) for code in self._stated.missing_values if _is_float(code)]
        return compute.if_else(compute.is_in(values, pa.array(codes)), None, values) if codes else values

    def _doubts(self) -> Iterator[Finding]:
        """The findings about numbers that could have another value."""
        for name in self._scanned:
            reading = self._readings[name]
            if reading.doubtful is not None:
                [value] = as_doubles(_strings([reading.doubtful]), reading).to_pylist()
                other = "," if reading.decimal == "." else "."
                message = f"in column {name!r}, {reading.doubtful} was read as {value:.15g}"
                remedy = f"if that is wrong, state --decimal {other} or gmix.CSV(decimal={other!r})"
                yield Finding("decimal mark", f"{message}; {remedy}", "note")


def _as_strings(texts: Any) -> list[list[str]]:
    """The columns of a record batch of bytes as strings."""
    return [[cell.decode("utf-8", "surrogateescape") for cell in column.to_pylist()] for column in texts.columns]


def _dialects(files: Sequence[Path], stated: CSV) -> list[Dialect]:
    """The dialect of each file. Raises `DataError` for a file with other columns than the first."""
    found: list[Dialect] = []
    for path in files:
        with opened(path) as file:
            head, whole = _head(file, _HEAD // 4 if found else _HEAD)
        if (what := foreign_format(head)) is not None:
            raise DataError(f"{path} is {what}; save the table as CSV in UTF-8, as Parquet or as Arrow")
        known = replace(stated, delimiter=found[0].delimiter) if found else stated
        found.append(recognize(head, whole, path, known))
        if found[-1].names != found[0].names:
            raise _different(path, found[-1].names, files[0], found[0].names)
    return found


def _head(file: Any, size: int) -> tuple[bytes, bool]:
    """The first bytes of a file, and whether they are the whole file."""
    head = file.read(size)
    while sum(not line.startswith(b"#") for line in head.splitlines()) < _LINES and (more := file.read(len(head))):
        head += more
    return head, not file.read(1)


def _numerals_of_all(files: Sequence[Path], dialects: Sequence[Dialect]) -> list[Numerals]:
    """How numbers are written in each column of all files. Raises `DataError` if the decimal marks differ."""
    total = list(dialects[0].numerals)
    for path, dialect in zip(files[1:], dialects[1:], strict=True):
        for i, numerals in enumerate(dialect.numerals):
            if {total[i].decimal, numerals.decimal} == {".", ","}:
                raise _different(path, dialect.names, files[0], dialects[0].names)
            total[i] += numerals
    return total


def _different(path: Path, names: Sequence[str], first: Path, names_of_first: Sequence[str]) -> DataError:
    return DataError(
        f"{path} has the columns {list(names)} and {first} has {list(names_of_first)}, or they are written "
        "differently; give files with the same columns, delimiter and decimal marks"
    )


def _findings(files: Sequence[Path], dialects: Sequence[Dialect]) -> list[Finding]:
    """The first finding of each kind, with the number of other files that have one."""
    found: dict[str, list[tuple[Path, Finding]]] = {}
    for path, dialect in zip(files, dialects, strict=True):
        for finding in dialect.findings:
            found.setdefault(finding.name, []).append((path, finding))
    findings = []
    for of_one_kind in found.values():
        path, finding = of_one_kind[0]
        message = finding.message if len(files) == 1 else f"in {path.name}, {finding.message}"
        if len(of_one_kind) > 1:
            message += f" (and in {count(len(of_one_kind) - 1, 'other file')})"
        findings.append(replace(finding, message=message))
    return findings


def _kind(cells: Sequence[str], wanted: bool, codes: Sequence[str]) -> Any:
    """The Arrow type of a column that does not hold numbers."""
    import pyarrow as pa

    values = [cell.strip() for cell in cells if not is_missing(cell, codes)]
    if values and all(cell.lower() in ("true", "false") for cell in values):
        return pa.bool_()
    if wanted:
        return pa.float64()  # a cell that is not a number raises an error that names its row
    try:
        _strings(values).cast(pa.timestamp("s"))
    except pa.ArrowInvalid:
        return pa.string()
    return pa.timestamp("s") if values else pa.string()


def _decoded(cells: Any) -> Any:
    """Decode an Arrow array of bytes; bytes that are not UTF-8 are replaced, so such a cell is not a number."""
    import pyarrow as pa

    try:
        return cells.cast(pa.string())
    except pa.ArrowInvalid:
        return _strings([None if cell is None else cell.decode("utf-8", "replace") for cell in cells.to_pylist()])


def _strings(texts: Sequence[str | None]) -> Any:
    import pyarrow as pa

    return pa.array(list(texts), pa.string())


def _is_float(code: float | str) -> bool:
    try:
        float(code)
    except ValueError:
        return False
    return True


def _hint(text: str, row: int, reading: Reading) -> str:
    """What the user may state so that a cell can be read as a number."""
    if is_number_text(text):
        return f" with {reading.decimal!r} as the decimal mark; state --decimal or gmix.CSV(decimal=...)"
    if is_missing(text):
        return "; if it means that a value is missing, state --missing-value or gmix.CSV(missing_values=[...])"
    return "; if the header is not the first line, state --skip-rows or gmix.CSV(skip_rows=...)" if row == 0 else ""
