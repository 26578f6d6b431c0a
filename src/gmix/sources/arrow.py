"""Tables that Arrow scans: Parquet, CSV and Arrow files, one or many, and any ``pyarrow.dataset.Dataset``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gmix.base.columns import Column, Kind, check_usable, choose, choose_columns
from gmix.base.columns.arrow import arrow_columns, arrow_kind, arrow_numbers, has_value, looked_at
from gmix.base.columns.column import LOOK
from gmix.base.errors import DataError
from gmix.sources.stream import Blocks, Piece

__all__ = ["ArrowTable", "is_numeric", "reason_of"]

_BATCH = 131_072  # rows that Arrow hands over at once


class ArrowTable(Blocks):
    """The numeric columns of a ``pyarrow.dataset.Dataset``, or those that are named; only these are read.

    A filter is the dataset's own: give ``dataset.filter(...)``, and row groups that it excludes are never read.

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
        self._dataset, self._called = dataset, called
        self._original = {name: name for name in dataset.schema.names} if renamed is None else renamed
        self._stamps = self._stamped()
        known = {column.name: column for column in arrow_columns(dataset.schema, self._original)}
        own = choose_weight(list(known), weight)
        if columns is None:
            looked = self._looked(list(known.values()))
            none = f"{called} has no column of numbers"
            chosen, self.findings = choose(looked, weight, self._filled, none=none)
        else:
            choose_columns(list(known), list(columns))
            chosen = [known[name] for name in columns]
        for column in (*chosen, *(known[name] for name in own)):
            check_usable(column, f"{called}, ")
        self.names, self.n_features = tuple(column.name for column in chosen), len(chosen)
        self.weighted = weight is not None
        self.dtype = np.dtype(np.float32 if all(column.single for column in chosen) else np.float64)
        row_bytes = self.n_features * self.dtype.itemsize + 8 * self.weighted
        self.n_bytes = dataset.count_rows() * row_bytes if n_bytes is None else n_bytes
        self._scanned = [self._original[name] for name in (*self.names, *own)]

    def pieces(self) -> Iterator[Piece]:
        for batch, _ in self._scan(self._scanned):
            arrays = [arrow_numbers(array, self.dtype) for array in batch.columns[: self.n_features]]
            yield Piece(arrays, arrow_numbers(batch.columns[-1], np.dtype(np.float64)) if self.weighted else None)

    def where(self, row: int) -> str:
        path, begin, found = None, 0, None  # of the file under way, and the file's fragment where the row is in it
        at = 0
        for batch, fragment in self._scan(self._scanned):
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

    def _looked(self, columns: list[Column]) -> list[Column]:
        """The columns, after a look at the first rows."""
        for batch, _ in self._scan([self._original[column.name] for column in columns], LOOK):
            if batch.num_rows:
                return [looked_at(*pair) for pair in zip(columns, batch.columns, strict=True)]
        return columns

    def _filled(self, names: list[str]) -> list[Column]:
        """Those of the columns that have a value in any row."""
        columns = arrow_columns(self._dataset.schema, self._original)
        empty = {self._original[c.name]: c for c in columns if c.name in names and c.kind is not Kind.EMPTY}
        filled: dict[str, Column] = {}
        for batch, _ in self._scan(list(empty)) if empty else ():
            filled |= {name: empty[name] for name in empty if name not in filled and has_value(batch[name])}
            if len(filled) == len(empty):
                break
        return list(filled.values())

    def _scan(self, names: list[str], size: int = _BATCH) -> Iterator[tuple[Any, Any]]:
        """Record batches of some columns in order, each with the file that it came from, or None."""
        import pyarrow as pa

        try:
            scanner = self._dataset.scanner(
                columns=names, batch_size=size, batch_readahead=1, fragment_readahead=1, **self._options()
            )
            for tagged in scanner.scan_batches():
                yield tagged.record_batch, tagged.fragment if hasattr(tagged.fragment, "path") else None
        except (pa.ArrowException, OSError) as error:
            self._check_unchanged()
            raise self._explained(error, names) from None
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

    def _explained(self, error: Exception, names: list[str]) -> DataError:
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
                if (failure := fails(part, names)) is None:
                    continue
                where = str(getattr(fragment, "path", self._called))
                if part is not fragment:
                    where += f", row group {number}"
                guilty = [name for name in names if fails(part, [name]) is not None]
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


def is_numeric(kind: Any) -> bool:
    """Say whether an Arrow type holds numbers."""
    return arrow_kind(kind) is Kind.NUMBERS


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
