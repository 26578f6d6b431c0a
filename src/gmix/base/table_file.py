"""Write tables as CSV, Parquet or Arrow, to a file that appears whole or not at all, or to a stream."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from os import PathLike
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.atomic_write import as_path, atomic_write
from gmix.base.errors import ParameterError, nearest, needing

__all__ = ["FORMATS", "Block", "format_of", "write_table", "write_texts"]

Block = Mapping[str, NDArray[Any]]  # n rows: for each column its name and an array ``(n,)``

FORMATS = ("csv", "parquet", "arrow")
_ENDINGS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow"}


def format_of(path: str | PathLike[str], others: Sequence[str] = ()) -> str:
    """The format that the suffix of a file's name stands for: ``csv``, ``parquet`` or ``arrow``; CSV without a suffix.

    Raises `ParameterError` for another suffix. The error also names `others`, which the caller has treated before.

    >>> format_of("labels.parquet"), format_of("labels")
    ('parquet', 'csv')
    """
    ending = as_path(path).suffix.lower()
    if ending and ending not in _ENDINGS:
        *first, last = [f".{form}" for form in FORMATS] + [*others]
        remedy = nearest(ending, [*_ENDINGS, *others])
        raise ParameterError(f"{path} has an unknown format; end its name in {', '.join(first)} or {last}{remedy}")
    return _ENDINGS.get(ending, "csv")


def write_table(blocks: Iterable[Any], to: str | PathLike[str] | IO[bytes], form: str | None = None) -> int:
    """Write blocks of rows, and return the number of rows. The first block sets the names and types of the columns.

    NaN is written as a missing value: null, or an empty cell of CSV.

    A block is a `Block` or an Arrow record batch. A file appears whole or not at all. Raises `ParameterError` if it
    cannot be written.
    """
    if isinstance(to, (str, PathLike)):
        form = form or format_of(to)
        with atomic_write(to, ParameterError) as temporary, temporary.open("wb") as file:
            return _WRITERS[form](blocks, file)
    if form in (None, "csv"):
        return _write_csv(blocks, to)
    with tempfile.TemporaryFile() as file:  # the writers of these formats need to know their position in the file
        count = _WRITERS[form or "csv"](blocks, file)
        file.seek(0)
        shutil.copyfileobj(file, to)
    return count


def write_texts(
    rows: Iterable[Iterable[Sequence[str]]], names: Sequence[str], to: str | PathLike[str] | IO[bytes], delimiter: str
) -> None:
    """Write blocks of rows of texts as CSV. Texts that hold the delimiter are quoted.

    A file appears whole or not at all. Raises `ParameterError` if it cannot be written.
    """
    if isinstance(to, (str, PathLike)):
        with atomic_write(to, ParameterError) as temporary, temporary.open("wb") as file:
            write_texts(rows, names, file, delimiter)
        return
    text = io.TextIOWrapper(to, encoding="utf-8", errors="surrogateescape", newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    for block in rows:
        writer.writerows(block)
    text.flush()
    text.detach()


def _write_csv(blocks: Iterable[Any], to: IO[bytes]) -> int:
    def begin(schema: Any) -> Any:
        from pyarrow import csv as arrow_csv

        header = io.StringIO()  # Arrow would quote every name
        csv.writer(header, lineterminator="\n").writerow(schema.names)
        to.write(header.getvalue().encode())
        return arrow_csv.CSVWriter(to, schema, write_options=arrow_csv.WriteOptions(include_header=False))

    return _write(map(_without_dictionaries, blocks), begin)


def _without_dictionaries(block: Any) -> Any:
    """The block with texts or numbers in place of categories, which CSV does not have."""
    if isinstance(block, Mapping):
        return block
    import pyarrow as pa

    columns = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in block.columns]
    return pa.record_batch(columns, names=block.schema.names)


def _write_parquet(blocks: Iterable[Any], to: IO[bytes]) -> int:
    from pyarrow import parquet

    return _write(blocks, lambda schema: parquet.ParquetWriter(to, schema))


def _write_arrow(blocks: Iterable[Any], to: IO[bytes]) -> int:
    from pyarrow import ipc

    return _write(blocks, lambda schema: ipc.new_file(to, schema))


_WRITERS = {"csv": _write_csv, "parquet": _write_parquet, "arrow": _write_arrow}


def _write(blocks: Iterable[Any], begin: Callable[[Any], Any]) -> int:
    with needing("tables", "writing tables"):
        import pyarrow as pa
    count, writer = 0, None
    try:
        with ExitStack() as opened:
            for block in blocks:
                batch = block if isinstance(block, pa.RecordBatch) else _record_batch(block)
                if writer is None:
                    writer = opened.enter_context(begin(batch.schema))
                writer.write_batch(batch)
                count += batch.num_rows
    except pa.ArrowException as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise ParameterError(f"the table cannot be written in this format ({reason}); choose another one") from None
    return count


def _record_batch(block: Block) -> Any:
    import pyarrow as pa

    return pa.record_batch(
        [pa.array(np.asarray(column), from_pandas=True) for column in block.values()], names=list(block)
    )
