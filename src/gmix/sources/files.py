"""Tables in CSV, Parquet and Arrow files: one file, a folder of files, or all files that match a pattern."""

from __future__ import annotations

import difflib
import glob
import lzma
import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from gmix.base.columns import Roles, check_unambiguous
from gmix.base.errors import DataError, needing
from gmix.base.findings import Finding
from gmix.base.table import is_index
from gmix.sources.arrow import ArrowTable, is_numeric, reason_of
from gmix.sources.csv.dialect import CSV
from gmix.sources.csv.table import CsvTable

__all__ = ["Table", "open_files", "open_table"]

_ENDINGS = {".parquet": "Parquet", ".pq": "Parquet", ".arrow": "Arrow", ".feather": "Arrow", ".ipc": "Arrow"}
_TEXT = {".csv", ".tsv", ".txt"}
_ALL = Roles()
_MAGIC = {b"PAR1": "Parquet", b"ARRO": "Arrow"}


class Table(NamedTuple):
    """The numeric columns of a table in files.

    Attributes
    ----------
    names : the names of the columns that were read.
    rows : ``(N, D)``; an empty cell is NaN.
    findings : findings about the columns that were left out.
    """

    names: tuple[str, ...]
    rows: NDArray[Any]
    findings: tuple[Finding, ...]


def open_table(path: str | PathLike[str] | CSV, columns: Sequence[str] | None = None) -> Table:
    """Read the numeric columns of files, or the named ones, into memory. Raises `DataError` as `open_files` does."""
    table = open_files(path, Roles(columns))
    rows, _ = table.read()
    if len(rows) == 0:
        raise DataError(f"{path} has no rows; gmix needs at least one")
    return Table(table.names or (), rows, table.findings)


def open_files(path: str | PathLike[str] | CSV, roles: Roles = _ALL) -> ArrowTable:
    """Open a CSV, Parquet or Arrow file, a folder of files of one kind, or all files that match a pattern.

    Files are read in the order of their names. In a folder, files whose names begin with a dot or an underscore are
    ignored. How a CSV file is written is recognized from its first lines, or stated by `gmix.CSV`: the delimiter
    (comma, semicolon, tab, bar, or spaces), the decimal mark of each column, thousands marks, lines above the table,
    comments, and whether there is a header. Columns without a header are named x1, x2 and so on. Files compressed by
    gzip, bzip2, xz or zstd are decompressed, whatever their names.

    Raises `DataError` for a file that is missing, empty or unreadable, for files with different columns, for a named
    column that is missing or holds no numbers, and for a table without a numeric column.
    """
    with needing("tables", "a table in a file"):
        import pyarrow as pa
    stated = path if isinstance(path, CSV) else None
    path = path.path if isinstance(path, CSV) else path
    kind = "a table"
    try:
        files = _files(path)
        kinds = {file: _kind(file) for file in files}
        kind = kinds[files[0]]
        for file in files:
            if kinds[file] != kind:
                raise DataError(f"{file} is {kinds[file]} and {files[0]} is {kind}; give files of one kind")
        if kind == "CSV":
            return CsvTable(files, stated or CSV(path), roles)
        if stated is not None:
            raise DataError(f"{path} is {kind}, and gmix.CSV and its options apply to CSV files only; leave them out")
        return _columnar(files, kind, roles, str(path))
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as {kind} ({reason_of(error)}); check the file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} cannot be read as {kind} (a name is not written in UTF-8); check the file") from None
    except (EOFError, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be read as {kind} ({reason_of(error)}); check the file") from None
    except OSError as error:
        where = error.filename or path
        remedy = "check the file" if error.errno is None else "check the path and its permissions"
        raise DataError(f"{where} cannot be read ({error.strerror or error}); {remedy}") from None


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
            raise DataError(f"no file matches {path}; check the pattern")
    else:
        files = [folder]
    for file in files:
        _check_file(file)
    return files


def _within(folder: Path) -> list[Path]:
    """All files in a folder and its subfolders. Raises ``OSError`` for a folder that cannot be read."""

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


def _columnar(files: list[Path], kind: str, roles: Roles, called: str) -> ArrowTable:
    import pyarrow as pa
    from pyarrow import dataset as ds, fs

    form = ds.ParquetFileFormat() if kind == "Parquet" else ds.IpcFileFormat()
    schemas = []
    for file in files:
        try:
            schemas.append(form.inspect(str(file), fs.LocalFileSystem()))
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{file} cannot be read as {kind} ({reason_of(error)}); check the file") from None
    names = schemas[0].names
    check_unambiguous(names, names, str(files[0]), f"because Arrow reads columns of {kind} files by name")
    first = schemas[0]
    wanted = None if roles.values is None else [*roles.values, *roles.of_rows]
    fields = list(first)
    for file, schema in zip(files[1:], schemas[1:], strict=True):
        _check_columns(file, schema, files[0], first, wanted)
        for place, field in enumerate(fields):
            if field.name not in schema.names:
                continue
            other = schema.field(field.name)
            if pa.types.is_null(field.type):
                fields[place] = other
            elif is_numeric(field.type) and not (other.type == field.type or pa.types.is_null(other.type)):
                fields[place] = pa.field(field.name, pa.float64())  # holds them all
    return ArrowTable(
        ds.dataset([str(file) for file in files], format=form, schema=pa.schema(fields, first.metadata)),
        roles,
        called=called,
    )


def _check_columns(file: Path, schema: Any, first_file: Path, first: Any, wanted: Sequence[str] | None) -> None:
    """Raise `DataError` if a column that is used differs from that of the first file."""
    import pyarrow as pa

    for field in first:
        if (not is_numeric(field.type) or is_index(field.name)) if wanted is None else (field.name not in wanted):
            continue
        if field.name not in schema.names:
            raise DataError(
                f"{file} has no column {field.name!r}, which {first_file} has; its columns are {schema.names}"
            )
        kind = schema.field(field.name).type
        if not (is_numeric(kind) or kind == field.type or pa.types.is_null(kind)):  # a column without values is null
            raise DataError(
                f"{file}, column {field.name!r} holds {kind}, and in {first_file} it holds {field.type}; "
                "convert it, or name other columns"
            )
    for field in schema:
        if wanted is None and is_numeric(field.type) and not is_index(field.name) and field.name not in first.names:
            raise DataError(
                f"{file} has a column {field.name!r}, which {first_file} does not have; name the columns that both have"
            )
