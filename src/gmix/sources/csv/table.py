"""Tables in CSV files, which are read block by block."""

from __future__ import annotations

import io
import lzma
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gmix.base.errors import DataError
from gmix.base.findings import Finding
from gmix.base.wording import count
from gmix.sources.arrow import ArrowTable, is_numeric, reason_of
from gmix.sources.csv.dialect import CSV, Dialect, cleaned
from gmix.sources.csv.numerals import (
    MISSING,
    NotANumberError,
    Numerals,
    Reading,
    as_doubles,
    is_missing,
    is_number_text,
    readings,
)
from gmix.sources.csv.recognition import recognize

__all__ = ["CsvTable", "check_names"]

_HEAD = 1 << 17  # bytes that show how a file is written
_LINES = 16  # or this many lines that are not comments, if that is more
_BLOCK = 1 << 20  # bytes that are read at once
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz"}
_SHRUNK = 8.0  # how much smaller compression may have made a file
_FOREIGN = {  # how files begin that are taken for CSV and are none
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x93NUMPY": "an array of NumPy",
    b"\x89HDF": "HDF5",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"{": "JSON",
    b"PAR1": "Parquet, compressed as a file",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class CsvTable(ArrowTable):
    """The numeric columns of CSV files of the same columns, or those that are named.

    Every column is read as text, and its numbers are converted as its own decimal mark asks for.
    """

    def __init__(self, files: Sequence[Path], stated: CSV, columns: Sequence[str] | None, weight: str | None) -> None:
        import pyarrow as pa
        from pyarrow import dataset as ds

        dialects = _dialects(files, stated)
        first = dialects[0]
        check_names(files[0], first.names)
        asked = {*(columns or []), *([] if weight is None else [weight])}
        numerals = _together(files, dialects)
        kinds = [
            pa.float64() if found.are_numbers else _kind(cells, name in asked, stated.codes)
            for name, found, cells in zip(first.names, numerals, first.cells, strict=True)
        ]
        schema = pa.schema(list(zip(first.names, kinds, strict=True)))
        dataset = ds.dataset([str(file) for file in files], format=ds.CsvFileFormat(), schema=schema)
        size = sum(file.stat().st_size * (_SHRUNK if _compression(file) else 1.0) for file in files)
        n_bytes = 8.0 * sum(map(is_numeric, kinds)) * size / first.row_bytes
        chosen = readings(numerals, first.delimiter, stated.decimal)
        self._readings = dict(zip(first.names, chosen, strict=True))
        self._dialects, self._stated = dialects, stated
        super().__init__(dataset, columns, weight, called=str(stated), n_bytes=n_bytes)
        self.findings = (*_findings(files, dialects), *self._doubts(), *self.findings)

    def _scan(self, names: list[str], size: int = 0) -> Iterator[tuple[Any, Any]]:
        import pyarrow as pa

        path = self._called
        try:
            for fragment, dialect in zip(self._dataset.get_fragments(), self._dialects, strict=True):
                path = fragment.path
                for batch in self._batches(names, path, dialect):
                    yield batch, fragment
        except (pa.ArrowException, OSError, EOFError, lzma.LZMAError, DataError) as error:
            self._check_unchanged()
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path} cannot be read as CSV ({reason_of(error)}); check the file") from None
        self._check_unchanged()

    def _batches(self, names: list[str], path: str, dialect: Dialect) -> Iterator[Any]:
        """The rows of one file as record batches of some columns."""
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
                column_types=dict.fromkeys(read, pa.binary()),  # texts need not be UTF-8 where they are left out
                null_values=[*MISSING, *self._stated.codes],
                strings_can_be_null=True,
            ),
        )
        at = 0
        with _opened(path) as file:
            file.read(dialect.offset)
            lines = pa.PythonFile(_Cleaned(file, dialect), mode="r") if dialect.untidy else file
            with csv.open_csv(lines, *options) as reader:
                for texts in reader:
                    columns = [self._converted(texts.column(i), name, path, at) for i, name in enumerate(names)]
                    for column in texts.columns[len(columns) :]:
                        if column.null_count < len(column):
                            row = at + compute.index(column.is_valid(), value=True).as_py()
                            raise DataError(f"{path}, row {row} has more cells than there are names; correct it")
                    yield pa.record_batch(columns, names=names)
                    at += texts.num_rows

    def _converted(self, texts: Any, name: str, path: str, at: int) -> Any:
        """The cells of a column, of which the first stands in row `at`; what is missing is null."""
        import pyarrow as pa
        from pyarrow import compute

        kind = self._dataset.schema.field(name).type
        texts = _decoded(texts)
        if not is_numeric(kind):
            return texts.cast(kind) if pa.types.is_boolean(kind) else texts
        try:
            values = as_doubles(texts, self._readings[name])
        except NotANumberError as wrong:
            row, hint = at + wrong.row, _hint(wrong.text, at + wrong.row, self._readings[name])
            raise DataError(
                f"{path}, column {name!r}, row {row} cannot be read (it holds {wrong.text[:40]!r}, which is not a "
                f"number{hint}); correct it, or name other columns"
            ) from None
        codes = [float(code) for code in self._stated.missing_values if _is_float(code)]
        return compute.if_else(compute.is_in(values, pa.array(codes)), None, values) if codes else values

    def _doubts(self) -> Iterator[Finding]:
        """Which numbers could be read in another way."""
        for name in self._scanned:
            reading = self._readings[name]
            if reading.doubtful is not None:
                [value] = as_doubles(_strings([reading.doubtful]), reading).to_pylist()
                other = "," if reading.decimal == "." else "."
                message = f"in column {name!r}, {reading.doubtful} was read as {value:.15g}"
                remedy = f"if that is wrong, state --decimal {other} or gmix.CSV(decimal={other!r})"
                yield Finding("decimal mark", f"{message}; {remedy}", "note")


class _Cleaned(io.RawIOBase):
    """The lines of a file as Arrow reads them."""

    def __init__(self, file: Any, dialect: Dialect) -> None:
        self._file, self._dialect = file, dialect
        self._ready, self._rest = memoryview(b""), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            block = self._file.read(_BLOCK)
            lines = self._rest + block
            cut = max(lines.rfind(b"\n"), lines.rfind(b"\r", 0, -1)) + 1 if block else len(lines)
            self._rest = lines[cut:]
            self._ready = memoryview(cleaned(lines[:cut], self._dialect.delimiter, self._dialect.comments))
            if not block:
                break
        size = min(len(self._ready), len(buffer))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise `DataError` where two columns have the same name."""
    for name, n in Counter(names).items():
        if n > 1:
            called = f"called {name!r}; rename one of them" if name else "without a name; name them"
            raise DataError(f"{path} has {n} columns {called}")


def _compression(path: str | Path) -> str | None:
    """How a file is compressed, as its first bytes show."""
    with Path(path).open("rb") as file:
        begin = file.read(6)
    return next((kind for magic, kind in _COMPRESSED.items() if begin.startswith(magic)), None)


def _opened(path: str | Path) -> Any:
    """The text of a file, compressed or not."""
    import pyarrow as pa

    kind = _compression(path)
    return lzma.open(path) if kind == "xz" else pa.input_stream(str(path), compression=kind)


def _dialects(files: Sequence[Path], stated: CSV) -> list[Dialect]:
    """How each file is written. Raises `DataError` where one does not have the columns of the first."""
    found: list[Dialect] = []
    for path in files:
        with _opened(path) as file:
            head, whole = _head(file, _HEAD // 4 if found else _HEAD)
        for beginning, what in _FOREIGN.items():
            if head.startswith(beginning):
                raise DataError(f"{path} is {what}; save the table as CSV in UTF-8, as Parquet or as Arrow")
        known = replace(stated, delimiter=found[0].delimiter) if found else stated
        found.append(recognize(head, whole, path, known))
        if found[-1].names != found[0].names:
            raise _different(path, found[-1].names, files[0], found[0].names)
    return found


def _head(file: Any, size: int) -> tuple[bytes, bool]:
    """The first lines of a file, and whether they are all."""
    head = file.read(size)
    while sum(not line.startswith(b"#") for line in head.splitlines()) < _LINES and (more := file.read(len(head))):
        head += more
    return head, not file.read(1)


def _together(files: Sequence[Path], dialects: Sequence[Dialect]) -> list[Numerals]:
    """What the cells of each column show in all files. Raises `DataError` where the decimal marks differ."""
    together = list(dialects[0].numerals)
    for path, dialect in zip(files[1:], dialects[1:], strict=True):
        for i, numerals in enumerate(dialect.numerals):
            if {together[i].decimal, numerals.decimal} == {".", ","}:
                raise _different(path, dialect.names, files[0], dialects[0].names)
            together[i] += numerals
    return together


def _different(path: Path, names: Sequence[str], first: Path, theirs: Sequence[str]) -> DataError:
    return DataError(
        f"{path} has the columns {list(names)} and {first} {list(theirs)}, or they are written differently; "
        "give files with the same columns, delimiter and decimal marks"
    )


def _findings(files: Sequence[Path], dialects: Sequence[Dialect]) -> list[Finding]:
    """How the files were read: of each kind of finding the first, and in how many files there is another."""
    found: dict[str, list[tuple[Path, Finding]]] = {}
    for path, dialect in zip(files, dialects, strict=True):
        for finding in dialect.findings:
            found.setdefault(finding.name, []).append((path, finding))
    findings = []
    for these in found.values():
        path, finding = these[0]
        message = finding.message if len(files) == 1 else f"in {path.name}, {finding.message}"
        if len(these) > 1:
            message += f" (and in {count(len(these) - 1, 'other file')})"
        findings.append(replace(finding, message=message))
    return findings


def _kind(cells: Sequence[str], asked: bool, codes: Sequence[str]) -> Any:
    """The Arrow type of a column that does not hold numbers."""
    import pyarrow as pa

    held = [cell.strip() for cell in cells if not is_missing(cell, codes)]
    if held and all(cell.lower() in ("true", "false") for cell in held):
        return pa.bool_()
    if asked:
        return pa.float64()  # what is not a number is then an error that names the row
    try:
        _strings(held).cast(pa.timestamp("s"))
    except pa.ArrowInvalid:
        return pa.string()
    return pa.timestamp("s") if held else pa.string()


def _decoded(cells: Any) -> Any:
    """An Arrow array of bytes as one of strings; bytes that are not UTF-8 are replaced, so no number has them."""
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
    """What a person may state to make a number of it."""
    if is_number_text(text):
        return f" with {reading.decimal!r} as the decimal mark; state --decimal or gmix.CSV(decimal=...)"
    if is_missing(text):
        return "; if it means that a value is missing, state --missing-value or gmix.CSV(missing_values=[...])"
    return "; if the header is not the first line, state --skip-rows or gmix.CSV(skip_rows=...)" if row == 0 else ""
