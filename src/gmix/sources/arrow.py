"""Tables that Arrow scans: Parquet and Arrow files, and any ``pyarrow.dataset.Dataset``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.columns import Column, Kind, Roles, check_usable, choose, choose_columns
from gmix.base.columns.arrow import arrow_columns, arrow_distinct, arrow_kind, arrow_numbers, has_value, with_cells
from gmix.base.columns.column import LOOK
from gmix.base.errors import DataError
from gmix.base.labels import Label, label_names, label_numbers, plain_labels
from gmix.base.row_errors import signed_squares
from gmix.base.wording import count
from gmix.sources.blocks import Blocks, Piece, shapes_of

__all__ = ["ArrowTable", "Fill", "is_numeric", "reason_of"]

# Takes successive rows ``(n, D)`` of a table, in order, and returns them with missing cells filled in.
Fill = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_BATCH = 131_072  # rows in a record batch
_ROWS_PER_BYTE = 1 << 20  # of an Arrow file, at most; compression leaves no less of a column of equal bits


class ArrowTable(Blocks):
    """The numeric columns of a ``pyarrow.dataset.Dataset``, or the named ones; no other columns are read.

    To filter rows, give ``dataset.filter(...)``. Row groups that the filter excludes are not read.

    Parameters
    ----------
    roles : the names of the columns.
    called : the name of the table in error messages.
    n_bytes : the memory that all rows would take; None to let Arrow count the rows.
    """

    def __init__(
        self,
        dataset: Any,
        roles: Roles,
        *,
        called: str = "the dataset",
        n_bytes: float | None = None,
    ) -> None:
        self._dataset, self._called = dataset, called
        self._stamps = self._current_stamps()
        self._check_row_counts()
        known = {column.name: column for column in arrow_columns(dataset.schema)}
        for name in roles.of_rows:
            choose_columns(list(known), [name])
        if roles.values is None:
            none = f"{called} has no column of numbers"
            described = self._with_first_cells(list(known.values()))
            chosen, self.findings = choose(described, roles.of_rows, self._filled, none=none)
        else:
            choose_columns(list(known), list(roles.values))
            chosen = [known[name] for name in roles.values]
        for column in (*chosen, *(known[name] for name in roles.of_rows if name != roles.labels)):
            check_usable(column, f"{called}, ")
        self.names, self.n_features = tuple(column.name for column in chosen), len(chosen)
        self._roles, self._errors = roles, roles.errors_of(self.names)
        self.shapes, self.weight_name = shapes_of(roles, self.n_features), roles.weight
        self.dtype = np.dtype(np.float32 if all(column.single for column in chosen) else np.float64)
        row_bytes = self.n_features * self.dtype.itemsize + 8 * sum(map(math.prod, self.shapes.values()))
        self.n_bytes = dataset.count_rows() * row_bytes if n_bytes is None else n_bytes
        self._scanned = list(dict.fromkeys((*self.names, *roles.of_rows)))
        if roles.labels is not None:
            self.label_names = self._distinct_labels(roles.labels)

    def pieces(self) -> Iterator[Piece]:
        double = np.dtype(np.float64)
        for batch, _ in self._scan(self._scanned):
            cells = dict(zip(self._scanned, batch.columns, strict=True))
            arrays = {}
            if self._roles.weight is not None:
                arrays["weights"] = arrow_numbers(cells[self._roles.weight], double)
            if self._roles.labels is not None and self.label_names is not None:
                labels, places = arrow_distinct(cells[self._roles.labels])
                arrays["labels"] = np.append(label_numbers(plain_labels(labels), self.label_names), -1.0)[places]
            if self._errors:
                exact = np.zeros(batch.num_rows)
                errors = [exact if name is None else arrow_numbers(cells[name], double) for name in self._errors]
                arrays["errors"] = signed_squares(np.column_stack(errors))
            yield Piece([arrow_numbers(cells[name], self.dtype) for name in self.names or ()], arrays)

    def _distinct_labels(self, column: str) -> tuple[Label, ...]:
        """The labels in a column."""
        found: set[Label | None] = set()
        begin = 0
        for batch, _ in self._scan([column]):
            cells, places = arrow_distinct(batch.columns[0])
            first = [begin + int(np.argmax(places == number)) for number in range(len(cells))]
            found.update(plain_labels(cells, None, partial(self._place_of, column, first)))
            begin += batch.num_rows
        return label_names(found)

    def where(self, row: int) -> str:
        path, begin, end = None, 0, 0  # of the current file, and of its rows that have been scanned
        found = None  # the fragment of the file that holds the row
        for batch, fragment in self._scan(self._scanned):
            if fragment is None or fragment.path != path:
                if found is not None:
                    break
                path, begin = getattr(fragment, "path", None), end
            end += batch.num_rows
            if found is None and row < end:
                found = fragment
                if path is None:
                    break
        return f"row {row}" if found is None else f"{path}, {self._in_file(found, row - begin, end - begin)}"

    def _in_file(self, fragment: Any, row: int, n_rows: int) -> str:
        """The position of a row in its file, of which `n_rows` were scanned, in words."""
        groups = [group.num_rows for group in getattr(fragment, "row_groups", ())]
        # If a filter has left out rows, the row group of a row is not known.
        if len(groups) < 2 or sum(groups) != n_rows:
            return f"row {row}"
        return f"row group {int(np.searchsorted(np.cumsum(groups), row, 'right'))}, row {row}"

    @property
    def all_names(self) -> list[str]:
        """The names of all columns, those that are not used too."""
        return list(self._dataset.schema.names)

    def batches(self) -> Iterator[Any]:
        """Record batches of all columns of the table."""
        for batch, _ in self._scan(self.all_names):
            yield batch

    def completed(self, fill: Fill, incomplete: Collection[str]) -> Iterator[Any]:
        """Record batches of all columns of the table, where missing cells of the chosen columns are filled in.

        `incomplete` names the chosen columns that have missing cells. They become float64, unless they hold floats. All
        other columns are as they are in the table.
        """
        import pyarrow as pa

        names, chosen = self.all_names, self.names or ()
        for batch in self.batches():
            table = pa.table(batch)
            filled = fill(np.column_stack([arrow_numbers(batch[name], np.dtype(np.float64)) for name in chosen]))
            for name, values in zip(chosen, filled.T, strict=True):
                if name in incomplete:
                    kind = table.schema.field(name).type
                    kind = kind if pa.types.is_floating(kind) else pa.float64()
                    column = pa.array(values.copy()).cast(kind, safe=False)
                    table = table.set_column(names.index(name), pa.field(name, kind), column)
            yield from table.to_batches()

    def _place_of(self, column: str, rows: Sequence[int], number: int) -> str:
        return f"column {column!r} in {self.where(rows[number])}"

    def _with_first_cells(self, columns: list[Column]) -> list[Column]:
        """The columns, with what their first cells show."""
        for batch, _ in self._scan([column.name for column in columns], LOOK):
            if batch.num_rows:
                return [with_cells(*pair) for pair in zip(columns, batch.columns, strict=True)]
        return columns

    def _filled(self, names: list[str]) -> list[Column]:
        """The columns among `names` that have a value in any row."""
        columns = arrow_columns(self._dataset.schema)
        empty = {c.name: c for c in columns if c.name in names and c.kind is not Kind.EMPTY}
        filled: dict[str, Column] = {}
        for batch, _ in self._scan(list(empty)) if empty else ():
            filled |= {name: empty[name] for name in empty if name not in filled and has_value(batch[name])}
            if len(filled) == len(empty):
                break
        return list(filled.values())

    def _scan(self, names: list[str], size: int = _BATCH) -> Iterator[tuple[Any, Any]]:
        """Record batches of some columns in order, each with the fragment of the file that it came from, or None."""
        import pyarrow as pa

        try:
            scanner = self._dataset.scanner(
                columns=names, batch_size=size, batch_readahead=1, fragment_readahead=1, **self._options()
            )
            for tagged in scanner.scan_batches():
                tagged.record_batch.validate(full=True)  # Arrow takes the offsets in Arrow files as they are
                yield tagged.record_batch, tagged.fragment if hasattr(tagged.fragment, "path") else None
        except (pa.ArrowException, OSError) as error:
            self._check_unchanged()
            raise self._explained(error, names) from None
        self._check_unchanged()

    def _options(self) -> dict[str, Any]:
        """Options of the scanner for Parquet files."""
        from pyarrow import dataset as ds

        if not isinstance(getattr(self._dataset, "format", None), ds.ParquetFileFormat):
            return {}
        # Without a buffered stream, Arrow would read whole row groups into memory, however large.
        parquet = ds.ParquetFragmentScanOptions(
            pre_buffer=False, use_buffered_stream=True, buffer_size=1 << 20, page_checksum_verification=True
        )
        return {"fragment_scan_options": parquet}

    def _check_row_counts(self) -> None:
        """Raise `DataError` for an Arrow file that states more rows than it can hold: Arrow's scan would end Python."""
        import pyarrow as pa
        from pyarrow import dataset as ds

        if not isinstance(getattr(self._dataset, "format", None), ds.IpcFileFormat):
            return
        for fragment in self._dataset.get_fragments():
            size, _ = self._stamps.get(fragment.path, (None, None))
            try:
                n_rows = fragment.count_rows()
            except (pa.ArrowException, OSError):  # which the scan explains
                continue
            if size is not None and not 0 <= n_rows <= size * _ROWS_PER_BYTE:
                raise DataError(
                    f"{fragment.path} cannot be read as Arrow (it states {count(n_rows, 'row')}, and has "
                    f"{count(size, 'byte')}); replace the file"
                )

    def _current_stamps(self) -> dict[str, tuple[int | None, int | None]]:
        """The size and modification time of every file."""
        if not (files := getattr(self._dataset, "files", None)):
            return {}
        return {info.path: (info.size, info.mtime_ns) for info in self._dataset.filesystem.get_file_info(files)}

    def _check_unchanged(self) -> None:
        now = self._current_stamps()
        for path, stamp in self._stamps.items():
            if now[path] != stamp:
                raise DataError(
                    f"{path} has changed since it was first read, or is gone; give files that do not change during the "
                    "fit"
                )

    def _explained(self, error: Exception, names: list[str]) -> DataError:
        """An error that names the first file, row group and column that cannot be read."""
        import pyarrow as pa

        def fails(part: Any, columns: list[str]) -> Exception | None:
            try:
                for batch in part.to_batches(schema=self._dataset.schema, columns=columns, **self._options()):
                    batch.validate(full=True)
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
                unreadable = [name for name in names if fails(part, [name]) is not None]
                if len(unreadable) == 1:
                    if "CSV conversion error" in str(failure):
                        where += _where_no_number(part, unreadable[0])
                    where += f", column {unreadable[0].strip()!r}"
                return DataError(f"{where} cannot be read ({reason_of(failure)}); correct or replace the file")
        return DataError(f"{self._called} cannot be read ({reason_of(error)}); check the files")


def is_numeric(kind: Any) -> bool:
    """Whether an Arrow type holds numbers."""
    return arrow_kind(kind) is Kind.NUMBERS


def _where_no_number(part: Any, column: str) -> str:
    """The row of a CSV file in which a column does not hold a number, in words; empty if there is none."""
    import pyarrow as pa
    from pyarrow import compute

    begin = 0
    for batch in part.to_batches(schema=pa.schema([pa.field(column, pa.string())])):
        texts = batch.column(0)
        try:
            texts.cast(pa.float64())
        except pa.ArrowInvalid:
            like_number = compute.match_substring_regex(
                texts, r"^\s*[-+]?(\d+[.,]?\d*|[.,]\d+|inf|nan)", ignore_case=True
            )
            wrong = np.flatnonzero(~np.asarray(like_number.fill_null(fill_value=True)))
            return f", row {begin + int(wrong[0])}" if len(wrong) else ""
        begin += batch.num_rows
    return ""


def reason_of(error: Exception) -> str:
    """The message of an Arrow error in one line."""
    reason = str(error).split("\n")[0].rstrip(".")
    cell = re.search(r"CSV conversion error to \w+: invalid value '(.*)'", reason)
    return reason if cell is None else f"it holds {cell[1][:40]!r}, which is not a number"
