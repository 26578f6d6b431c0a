"""Tables in files: CSV, Parquet and Arrow; one, a folder of them, or all that a pattern names."""

from __future__ import annotations

import codecs
import difflib
import glob
import os
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from gmix.errors import DataError, needing
from gmix.findings import Finding
from gmix.rows import choose_columns, is_index
from gmix.sources.arrow import ArrowTable, is_numeric, reason_of

__all__ = ["Table", "open_files", "open_table"]

_LOOK = 1000  # cells of a column of text that are looked at to tell whether numbers were meant
_HEAD = 1 << 20  # bytes of a CSV file that tell what its columns hold
_ENDINGS = {".parquet": "Parquet", ".pq": "Parquet", ".arrow": "Arrow", ".feather": "Arrow", ".ipc": "Arrow"}
_TEXT = {".csv", ".tsv", ".txt"}
_DELIMITERS = ",;\t|"
_FOREIGN = {  # how files begin that are taken for CSV and are none
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x93NUMPY": "an array of NumPy",
    b"\x89HDF": "HDF5",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"{": "JSON",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_DECIMAL = re.compile(r"[-+]?\d*([.,])\d+([eE][-+]?\d+)?")  # 3.14, or 3,14 as most of Europe writes it
_MAGIC = {b"PAR1": "Parquet", b"ARRO": "Arrow"}


class Table(NamedTuple):
    """The numbers of a file.

    Attributes
    ----------
    names : of the columns that were read.
    rows : ``(N, D)``; an empty cell is NaN.
    findings : about the columns that were left out.
    """

    names: tuple[str, ...]
    rows: NDArray[Any]
    findings: tuple[Finding, ...]


def open_table(path: str | PathLike[str], columns: Sequence[str] | None = None) -> Table:
    """Read the numeric columns of files into memory, or those that are named. Raises `DataError` as `open_files`."""
    table = open_files(path, columns)
    rows, _ = table.read()
    if len(rows) == 0:
        raise DataError(f"{path} has no rows; gmix needs at least one")
    return Table(table.names or (), rows, table.findings)


def open_files(
    path: str | PathLike[str], columns: Sequence[str] | None = None, weight: str | None = None
) -> ArrowTable:
    """Open a CSV, Parquet or Arrow file, a folder of files of one kind, or all that a pattern such as ``*.csv`` names.

    Files are read in the order of their names; in a folder, those whose names begin with a dot or an underscore are
    passed over. Of a CSV file the delimiter (comma, semicolon, tab, bar, or one space) is recognized, a file named
    ``.gz`` is unpacked, and a first line of numbers alone is a row, not a header: the columns are then called x1, x2
    and so on. But 0, 1, 2, ... above other numbers is a header, as pandas writes it.

    Raises `DataError` for a file that is missing, empty or unreadable, files that do not have the same columns, a
    column that is not there or holds text where numbers are wanted, and a table without a column of numbers.
    """
    with needing("tables", "a table in a file"):
        import pyarrow as pa
    kind = "a table"
    try:
        files = _files(path)
        kinds = {file: _kind(file) for file in files}
        kind = kinds[files[0]]
        for file in files:
            if kinds[file] != kind:
                raise DataError(f"{file} is {kinds[file]} and {files[0]} is {kind}; give files of one kind")
        if kind == "CSV":
            return _csv(files, columns, weight, str(path))
        return _columnar(files, kind, columns, weight, str(path))
    except UnicodeDecodeError:
        raise DataError(f"{path} is not written in UTF-8; save it as CSV in UTF-8") from None
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as {kind} ({reason_of(error)}); check the file") from None
    except OSError as error:
        where = error.filename or path
        raise DataError(
            f"{where} cannot be read ({error.strerror or error}); check the path and its permissions"
        ) from None


def _files(path: str | PathLike[str]) -> list[Path]:
    folder = Path(path)
    if folder.is_dir():
        files = [
            file
            for file in _within(folder)
            if not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
        ]
        if not files:
            raise DataError(f"{path} is a directory without files; give CSV, Parquet or Arrow files")
        for file in files:
            if _kind(file) == "CSV" and not _TEXT & set(file.suffixes):
                raise DataError(
                    f"{path} is a directory, and {file.name} in it is not CSV, Parquet or Arrow by its name; give a "
                    "pattern that names the tables, such as 'folder/*.csv'"
                )
    elif glob.has_magic(str(path)) and not folder.exists():
        named = glob.glob(str(path), recursive=True)  # noqa: PTH207  (a pattern may begin anywhere)
        files = [Path(name) for name in sorted(named) if Path(name).is_file()]
        if not files:
            raise DataError(f"there is no file that {path} names; check the pattern")
    else:
        files = [folder]
    for file in files:
        _check_file(file)
    return files


def _within(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it, none of which may be closed to us."""

    def refuse(error: OSError) -> None:
        raise error

    walked = os.walk(folder, onerror=refuse)
    return sorted(path for here, _, names in walked for name in names if (path := Path(here, name)).is_file())


def _check_file(path: Path) -> None:
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.75)
        remedy = f"did you mean {str(path.with_name(near[0]))!r}?" if near else "check the path"
        raise DataError(f"there is no file {path}; {remedy}")
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"{path} is empty; gmix needs a header and at least one row")


def _kind(path: Path) -> str:
    if (kind := _ENDINGS.get(path.suffix.lower())) is not None:
        return kind
    try:
        with path.open("rb") as file:
            return _MAGIC.get(file.read(4), "CSV")
    except OSError:
        return "CSV"


def _columnar(
    files: list[Path], kind: str, columns: Sequence[str] | None, weight: str | None, called: str
) -> ArrowTable:
    import pyarrow as pa
    from pyarrow import dataset as ds, fs

    form = ds.ParquetFileFormat() if kind == "Parquet" else ds.IpcFileFormat()
    schemas = []
    for file in files:
        try:
            schemas.append(form.inspect(str(file), fs.LocalFileSystem()))
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{file} cannot be read as {kind} ({reason_of(error)}); check the file") from None
    _check_names(files[0], schemas[0].names)
    first = schemas[0]
    wanted = columns if columns is None else [*columns, *([] if weight is None else [weight])]
    fields = list(first)
    for file, schema in zip(files[1:], schemas[1:], strict=True):
        _check_columns(file, schema, files[0], first, wanted)
        for place, field in enumerate(fields):
            if is_numeric(field.type) and schema.field(field.name).type != field.type:
                fields[place] = pa.field(field.name, pa.float64())  # holds them all
            elif pa.types.is_null(field.type) and field.name in schema.names:
                fields[place] = schema.field(field.name)
    return ArrowTable(
        ds.dataset([str(file) for file in files], format=form, schema=pa.schema(fields, first.metadata)),
        columns,
        weight,
        called=called,
    )


def _check_columns(file: Path, schema: Any, first_file: Path, first: Any, wanted: Sequence[str] | None) -> None:
    """Say where a file differs from the first in a column that counts."""
    for field in first:
        if (not is_numeric(field.type) or is_index(field.name)) if wanted is None else (field.name not in wanted):
            continue
        if field.name not in schema.names:
            raise DataError(
                f"{file} has no column {field.name!r} and {first_file} has one; its columns are {schema.names}"
            )
        kind = schema.field(field.name).type
        if not is_numeric(kind) and kind != field.type:
            raise DataError(
                f"{file}, column {field.name!r} holds {kind}, and in {first_file} {field.type}; "
                "convert it, or name other columns"
            )
    for field in schema:
        if wanted is None and is_numeric(field.type) and not is_index(field.name) and field.name not in first.names:
            raise DataError(
                f"{file} has a column {field.name!r} and {first_file} has none; name the columns that both have"
            )


def _check_names(path: Path, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            called = f"called {name!r}; rename one of them" if name else "without a name; name them"
            raise DataError(f"{path} has {names.count(name)} columns {called}")


class _Dialect(NamedTuple):
    """How a CSV file is written. Its head may show no number with a decimal point or comma."""

    delimiter: str
    decimal: str | None
    header: list[str]
    headless: bool

    def options(self) -> tuple[Any, Any, Any]:
        from pyarrow import csv

        return (
            csv.ReadOptions(column_names=self.header if self.headless else None, block_size=_HEAD),
            csv.ParseOptions(delimiter=self.delimiter),
            csv.ConvertOptions(decimal_point=self.decimal or ".", strings_can_be_null=True),
        )


def _dialect(path: Path) -> _Dialect:
    import pyarrow as pa

    with pa.input_stream(str(path)) as file:
        head = file.read(1 << 16)
    for beginning, what in _FOREIGN.items():
        if head.startswith(beginning):
            raise DataError(f"{path} is {what}; save the table as CSV in UTF-8, as Parquet or as Arrow")
    lines = [line for line in head.decode("utf-8-sig", errors="replace").splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty; gmix needs a header and at least one row")
    delimiter = _delimiter(path, lines)
    rows = [[cell.strip().strip('"') for cell in line.split(delimiter)] for line in lines]
    marks = {match[1] for row in rows for cell in row if (match := _DECIMAL.fullmatch(cell))}
    decimal = "." if "." in marks or delimiter == "," else next(iter(marks), None)
    cells = rows[0]
    headless = all(_is_number(cell.replace(",", ".") if decimal == "," else cell) for cell in cells)
    headless = headless and not _is_range(cells, rows[1:])
    if len(lines) == 1 and not headless:
        raise DataError(f"{path} has no rows under its header; gmix needs at least one")
    header = [f"x{i + 1}" for i in range(len(cells))] if headless else cells
    return _Dialect(delimiter, decimal, header, headless)


def _delimiter(path: Path, lines: list[str]) -> str:
    """What stands between the cells; a space only where nothing else does and every line has as many."""
    delimiter = max(_DELIMITERS, key=lines[0].count)
    if delimiter in lines[0]:
        return delimiter
    if len({line.count(" ") for line in lines[:_LOOK]}) == 1 and " " in lines[0]:
        return " "
    if all(" " in line.strip() for line in lines[:_LOOK]):
        raise DataError(f"{path} has columns with uneven spaces between them; put a comma or one space between them")
    return ","


def _is_range(cells: list[str], below: list[list[str]]) -> bool:
    """Say whether a first line counts columns that have no names: 0, 1, 2, ..., where the others are not like it."""
    whole = all(cell.lstrip("-").isdecimal() for row in below for cell in row)
    return cells == [str(i) for i in range(len(cells))] and (len(cells) > 2 or not whole)


def _csv(files: list[Path], columns: Sequence[str] | None, weight: str | None, called: str) -> ArrowTable:
    import pyarrow as pa
    from pyarrow import csv, dataset as ds

    dialect = _dialect(files[0])
    for file in files[1:]:
        other = _dialect(file)
        dialect = dialect._replace(decimal=dialect.decimal or other.decimal)
        if other._replace(decimal=other.decimal or dialect.decimal) != dialect:
            raise DataError(
                f"{file} has the columns {other.header} and {files[0]} {dialect.header}, or they are written "
                "differently; give files with the same columns, delimiter and decimal point"
            )
    read, parse, convert = dialect.options()
    with pa.input_stream(str(files[0])) as stream, csv.open_csv(stream, read, parse, convert) as reader:
        try:
            head = reader.read_next_batch()
        except StopIteration:
            raise DataError(f"{files[0]} has no rows under its header; gmix needs at least one") from None
    theirs = list(head.schema.names)
    names = [name.strip() for name in theirs]
    _check_names(files[0], names)
    if head.num_rows == 0:
        raise DataError(f"{files[0]} has no rows under its header; gmix needs at least one")
    wanted = None if columns is None else {names[i] for i in choose_columns(names, list(columns))}
    fields = []
    for name, original, column in zip(names, theirs, head.columns, strict=True):
        kind = column.type
        asked = name == weight or (wanted is not None and name in wanted)
        if is_numeric(kind) or (asked and pa.types.is_null(kind)):
            kind = pa.float64()
        elif pa.types.is_string(kind) and (asked or (wanted is None and not is_index(name))):
            numbers = _means_numbers(column.to_pylist(), f"{files[0]}, column {name!r}", asked)
            kind = pa.float64() if numbers else kind
        fields.append(pa.field(original, pa.string() if pa.types.is_null(kind) else kind))
    form = ds.CsvFileFormat(parse_options=parse, convert_options=convert, read_options=read)
    n_bytes = sum(file.stat().st_size * (4.0 if file.suffix == ".gz" else 1.0) for file in files)
    dataset = ds.dataset([str(file) for file in files], format=form, schema=pa.schema(fields))
    renamed = dict(zip(names, theirs, strict=True))
    return ArrowTable(dataset, columns, weight, called=called, renamed=renamed, n_bytes=n_bytes)


def _means_numbers(texts: list[str | None], where: str, wanted: bool) -> bool:
    """Say whether a column of text is one of numbers: if it was asked for or most of its cells are numbers.

    Then a cell that is none is an error.
    """
    looked = [_is_number(text) for text in texts[:_LOOK] if text is not None]
    if not wanted and 2 * sum(looked) <= len(looked):
        return False
    for row, text in enumerate(texts):
        if text is not None and not _is_number(text):
            raise DataError(
                f"{where}, row {row} (counted from 0) holds {text[:40]!r}, which is not a number; "
                "correct it, or name other columns"
            )
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
