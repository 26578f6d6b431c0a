"""The lines of a CSV file: cleaned for Arrow, and counted for error messages."""

from __future__ import annotations

import csv
import io
import lzma
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gmix.base.errors import DataError
from gmix.base.wording import count
from gmix.sources.csv.dialect import Dialect, cleaned

__all__ = ["Cleaned", "compression", "irregular_row", "opened", "place_of"]

_BLOCK = 1 << 20  # bytes that are read together
_SHOWN = 60  # characters of a row in a message
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz"}


class Cleaned(io.RawIOBase):
    """A file whose lines are cleaned for Arrow."""

    def __init__(self, file: Any, dialect: Dialect) -> None:
        self._file, self._dialect = file, dialect
        self._ready, self._incomplete = memoryview(b""), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            block = self._file.read(_BLOCK)
            lines = self._incomplete + block
            cut = max(lines.rfind(b"\n"), lines.rfind(b"\r", 0, -1)) + 1 if block else len(lines)
            self._incomplete = lines[cut:]
            self._ready = memoryview(cleaned(lines[:cut], self._dialect.delimiter, self._dialect.comments))
            if not block:
                break
        size = min(len(self._ready), len(buffer))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


def compression(path: str | Path) -> str | None:
    """The compression of a file, from its first bytes; None if it is not compressed."""
    with Path(path).open("rb") as file:
        begin = file.read(6)
    return next((kind for magic, kind in _COMPRESSED.items() if begin.startswith(magic)), None)


def opened(path: str | Path) -> Any:
    """Open a file, compressed or not."""
    import pyarrow as pa

    kind = compression(path)
    return lzma.open(path) if kind == "xz" else pa.input_stream(str(path), compression=kind)


def place_of(row: int, path: str, dialect: Dialect) -> str:
    """The line of a file, counted from 1, where a row begins, and the row, in words."""
    line = next((line for number, (line, _) in enumerate(_rows(path, dialect)) if number == row), None)
    return f"row {row}" if line is None else f"line {line}, row {row}"


def irregular_row(path: str, dialect: Dialect) -> DataError | None:
    """An error about the first row that has more or fewer cells than there are columns; None if there is none."""
    width = len(dialect.names) + dialect.trailing
    for row, (line, cells) in enumerate(_rows(path, dialect)):
        if len(cells) != width:
            text = dialect.delimiter.join(cells)
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
            remedy = f"quote a cell with {dialect.delimiter!r} in it" if len(cells) > width else "remove it"
            return DataError(
                f"{path}, line {line}, row {row} has {count(len(cells), 'cell')} ({shown!r}), and the other rows have "
                f"{width}; correct the line, or {remedy}"
            )
    return None


def _rows(path: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row, with the line, counted from 1, where it begins; up to a row that cannot be split."""
    with opened(path) as file, suppress(csv.Error):
        above = len(file.read(dialect.offset).splitlines())
        text = io.TextIOWrapper(file, encoding="latin-1")  # which reads any bytes
        lines = (
            cleaned(line.encode("latin-1"), dialect.delimiter, dialect.comments).decode("latin-1") for line in text
        )
        if not dialect.spanning:  # a quotation mark within a text does not reach the next line
            for number, line in enumerate(lines, above + 1):
                if line.strip():
                    yield number, next(csv.reader([line], delimiter=dialect.delimiter))
            return
        reader, begin = csv.reader(lines, delimiter=dialect.delimiter), 0
        for cells in reader:
            if cells:
                yield above + begin + 1, cells
            begin = reader.line_num
