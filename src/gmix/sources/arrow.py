"""Tables that Arrow scans: Parquet, CSV and Arrow files, one or many, and any ``pyarrow.dataset.Dataset``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.errors import DataError
from gmix.rows import choose_columns, without_index
from gmix.sources.stream import Blocks, Piece

__all__ = ["ArrowTable", "is_numeric", "reason_of"]

_BATCH = 131_072  # rows that Arrow hands over at once


class ArrowTable(Blocks):
    """The numeric columns of a ``pyarrow.dataset.Dataset``, or those that are named; only these are read.

    A filter is the dataset's own: give ``dataset.filter(...)``, and row groups that it excludes are never read.

    Attributes
    ----------
    left_out : the names of the columns that hold no numbers or an index, and were not asked for.

    Parameters
    ----------
    columns : names of the columns; None for all numeric ones but an index.
    weight : the name of the column of weights.
    called : what an error calls the table.
    renamed : names as in the dataset, for names as a person writes them where these differ.
    n_bytes : what the rows would take in memory; None where Arrow can count them.
    """

    def __init__(
        self,
        dataset: Any,
        columns: Sequence[str] | None = None,
        weight: str | None = None,
        *,
        called: str = "the dataset",
        renamed: Mapping[str, str] | None = None,
        n_bytes: float | None = None,
    ) -> None:
        original = {name: name for name in dataset.schema.names} if renamed is None else renamed
        kinds = {name: dataset.schema.field(theirs).type for name, theirs in original.items()}
        names = list(kinds)
        if columns is None:
            chosen = without_index([name for name in names if is_numeric(kinds[name]) and name != weight])
        else:
            choose_columns(names, list(columns))
            chosen = list(columns)
        for name in (*chosen, *choose_weight(names, weight)):
            if not is_numeric(kinds[name], boolean=True):
                raise DataError(f"{called}, column {name!r} holds {kinds[name]}, not numbers; name other columns")
        if not chosen:
            raise DataError(f"{called} has no column of numbers; its columns are {names}")
        self.left_out = tuple(n for n in names if columns is None and n not in chosen and n != weight)
        self.names, self.n_features = tuple(chosen), len(chosen)
        self.weighted = weight is not None
        single = all(str(kinds[name]) in ("float", "halffloat") for name in chosen)
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self._dataset, self._called = dataset, called
        self._stamps = self._stamped()
        row_bytes = self.n_features * self.dtype.itemsize + 8 * self.weighted
        self.n_bytes = dataset.count_rows() * row_bytes if n_bytes is None else n_bytes
        self._scanned = [original[name] for name in (*chosen, *choose_weight(names, weight))]

    def pieces(self) -> Iterator[Piece]:
        for batch, _ in self._scan():
            arrays = [_numbers(array, self.dtype) for array in batch.columns[: self.n_features]]
            yield Piece(arrays, _numbers(batch.columns[-1], np.dtype(np.float64)) if self.weighted else None)

    def where(self, row: int) -> str:
        path, begin, found = None, 0, None  # of the file under way, and the file's fragment where the row is in it
        at = 0
        for batch, fragment in self._scan():
            if fragment is None or fragment.path != path:
                if found is not None:
                    break
                path, begin = getattr(fragment, "path", None), at
            at += batch.num_rows
            if found is None and row < at:
                found = fragment
                if path is None:
                    break
        if found is None:
            return f"row {row}"
        groups = [group.num_rows for group in getattr(found, "row_groups", ())]
        # Where a filter has left out rows, nobody knows which group the others came from.
        group = int(np.searchsorted(np.cumsum(groups), row - begin, "right")) if sum(groups) == at - begin else None
        return f"{path}, {'' if group is None or len(groups) < 2 else f'row group {group}, '}row {row - begin}"

    def _scan(self) -> Iterator[tuple[Any, Any]]:
        """Record batches in order, each with the file that it came from, or None."""
        import pyarrow as pa

        try:
            scanner = self._dataset.scanner(
                columns=self._scanned, batch_size=_BATCH, batch_readahead=1, fragment_readahead=1, **self._options()
            )
            for tagged in scanner.scan_batches():
                yield tagged.record_batch, tagged.fragment if hasattr(tagged.fragment, "path") else None
        except (pa.ArrowException, OSError) as error:
            self._check_unchanged()
            raise self._explained(error) from None
        self._check_unchanged()

    def _options(self) -> dict[str, Any]:
        """How Parquet files are read."""
        from pyarrow import dataset as ds

        if not isinstance(getattr(self._dataset, "format", None), ds.ParquetFileFormat):
            return {}
        # Without a buffer Arrow would read whole row groups ahead, however large.
        parquet = ds.ParquetFragmentScanOptions(
            pre_buffer=False, use_buffered_stream=True, buffer_size=1 << 20, page_checksum_verification=True
        )
        return {"fragment_scan_options": parquet}

    def _stamped(self) -> dict[str, tuple[int | None, int | None]]:
        """Size and time of the last change of every file."""
        if not (files := getattr(self._dataset, "files", None)):
            return {}
        return {info.path: (info.size, info.mtime_ns) for info in self._dataset.filesystem.get_file_info(files)}

    def _check_unchanged(self) -> None:
        now = self._stamped()
        for path, stamp in self._stamps.items():
            if now[path] != stamp:
                raise DataError(
                    f"{path} has changed since it was first read, or is gone; give files that stay as they are while "
                    "they are fitted"
                )

    def _explained(self, error: Exception) -> DataError:
        """Find the first file, row group and column that cannot be read, and say so."""
        import pyarrow as pa

        def fails(part: Any, columns: list[str]) -> Exception | None:
            try:
                for _ in part.to_batches(schema=self._dataset.schema, columns=columns, **self._options()):
                    pass
            except (pa.ArrowException, OSError) as failure:
                return failure
            return None

        for fragment in self._dataset.get_fragments():
            groups = fragment.split_by_row_group() if hasattr(fragment, "split_by_row_group") else [fragment]
            for number, part in enumerate(groups):
                if (failure := fails(part, self._scanned)) is None:
                    continue
                where = str(getattr(fragment, "path", self._called))
                if part is not fragment:
                    where += f", row group {number}"
                guilty = [name for name in self._scanned if fails(part, [name]) is not None]
                if len(guilty) == 1:
                    where += f", column {guilty[0].strip()!r}"
                    if "CSV conversion error" in str(failure):
                        where += _where_no_number(part, guilty[0])
                return DataError(f"{where} cannot be read ({reason_of(failure)}); correct or replace the file")
        return DataError(f"{self._called} cannot be read ({reason_of(error)}); check the files")


def choose_weight(names: list[str], weight: str | None) -> list[str]:
    """The column of weights, if there is one."""
    if weight is not None:
        choose_columns(names, [weight])
    return [] if weight is None else [weight]


def is_numeric(kind: Any, *, boolean: bool = False) -> bool:
    """Say whether an Arrow type holds numbers, or truth values where these are welcome."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    return bool(numeric or (boolean and types.is_boolean(kind)))


def _numbers(array: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """An Arrow array as NumPy's, what is null as NaN."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    kind = pa.from_numpy_dtype(dtype)
    return np.asarray((array if array.type == kind else array.cast(kind, safe=False)).to_numpy(zero_copy_only=False))


def _where_no_number(part: Any, column: str) -> str:
    """The row of a CSV file where a column holds something else than a number."""
    import pyarrow as pa
    from pyarrow import compute

    at = 0
    for batch in part.to_batches(schema=pa.schema([pa.field(column, pa.string())])):
        texts = batch.column(0)
        try:
            texts.cast(pa.float64())
        except pa.ArrowInvalid:
            looks_right = compute.match_substring_regex(
                texts, r"^\s*[-+]?(\d+[.,]?\d*|[.,]\d+|inf|nan)", ignore_case=True
            )
            wrong = np.flatnonzero(~np.asarray(looks_right.fill_null(fill_value=True)))
            return f", row {at + int(wrong[0])}" if len(wrong) else ""
        at += batch.num_rows
    return ""


def reason_of(error: Exception) -> str:
    """What Arrow says, in a line."""
    reason = str(error).split("\n")[0].rstrip(".")
    cell = re.search(r"CSV conversion error to \w+: invalid value '(.*)'", reason)
    return reason if cell is None else f"it holds {cell[1][:40]!r}, which is not a number"
