"""Find where a table begins in a text file, and whether its first line holds names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from gmix.base.columns.number_text import is_number_text
from gmix.base.findings import Finding
from gmix.base.wording import count
from gmix.sources.csv.numerals import Numerals, is_missing

__all__ = ["Header", "header_of"]

Cells = list[str]
_COMPARED = 1000  # cells of a column that are compared with the first line
_LEAST = 100  # the least whole number that may be a name
_PLAIN = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?")


class Header(NamedTuple):
    """The lines above the rows of a table.

    Attributes
    ----------
    names : the names of all columns, ``""`` for a column of row names; None if the file has no names.
    first : the position of the record that is the first row.
    regular : the number of records above the rows that have as many cells as the rows.
    trailing : the number of columns at the end of every row that are empty and have no name.
    fault : why the records above do not match the rows; None if they do.
    findings : findings about decisions that could be wrong.
    """

    names: Cells | None
    first: int
    regular: int
    trailing: int
    fault: str | None
    findings: tuple[Finding, ...]


def header_of(records: Sequence[Cells], width: int, stated: bool | None, codes: Sequence[str], quoted: bool) -> Header:
    """Find the header above rows of `width` cells.

    `stated` says whether there is one, or is None if the user did not say. `quoted` says whether every row begins with
    a quotation mark, as R writes the names of rows.
    """
    start = next(i for i, cells in enumerate(records) if len(cells) == width or _ends_empty(cells, width + 1))
    first, above = records[start], records[:start]
    body = [cells for cells in records[start + 1 :] if len(cells) == width]
    columns = list(zip(*body, strict=True)) or [()] * width
    if len(first) > width:  # only the header ends in a delimiter
        return Header(first[:-1], start + 1, 0, 0, None, _title(above))
    empty = [not any(cell.strip() for cell in (first[j], *columns[j])) for j in range(width)]
    trailing = 0 if all(empty) else empty[::-1].index(False)
    has_names, doubt = _holds_names(first, [column[:_COMPARED] for column in columns], codes)
    if stated or (stated is None and has_names):
        found = _title(above)
        if doubt and stated is None:
            found += (_doubtful(first, "names of columns", "--no-header or gmix.CSV(header=False)"),)
        return Header(first, start + 1, 1, trailing, None, found)
    if stated is None and above and not any(map(is_number_text, above[-1])):
        short = width - len(above[-1])
        if 0 < short <= trailing:
            return Header(above[-1], start, 0, short, None, _title(above[:-1]))
        if short == 1 and (quoted or _are_row_names([first[0], *columns[0]])):
            return Header(["", *above[-1]], start, 0, 0, None, (*_title(above[:-1]), _ROW_NAMES))
    fault = None
    if above and (len(above[-1]) > 1 or any(is_number_text(cell) for cells in above for cell in cells)):
        fault = f"has {count(len(above[-1]), 'cell')} ({_shown(above[-1])}), and the rows below have {width}"
    found = _title(above)
    if doubt and stated is None:
        found += (
            _doubtful(first, "a row, and the columns are called x1, x2, ...", "--header or gmix.CSV(header=True)"),
        )
    return Header(None, start, 0, trailing, fault, found)


_ROW_NAMES = Finding(
    "row names", "the header is one name short, so the first column was read as the names of the rows", "note"
)


def _ends_empty(cells: Cells, width: int) -> bool:
    return len(cells) == width > 2 and not cells[-1].strip()


def _title(above: Sequence[Cells]) -> tuple[Finding, ...]:
    """The finding about lines above the table, which are not read; a warning if they hold numbers."""
    if not above:
        return ()
    numbers = any(is_number_text(cell) for cells in above for cell in cells)
    what = "a line above the table was" if len(above) == 1 else f"{len(above)} lines above the table were"
    message = f"{what} not read: {_shown(above[0])}{'' if len(above) == 1 else ' and so on'}"
    return (Finding("lines above the table", message, "warning" if numbers else "note"),)


def _doubtful(first: Cells, reading: str, remedy: str) -> Finding:
    return Finding(
        "header", f"the first line ({_shown(first)}) was read as {reading}; if it is not, state {remedy}", "note"
    )


def _shown(cells: Cells) -> str:
    text = ", ".join(cell.strip() for cell in cells)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _holds_names(first: Cells, columns: Sequence[Sequence[str]], codes: Sequence[str]) -> tuple[bool, bool]:
    """Return whether the first record holds names, and whether that is doubtful."""
    kinds = ["missing" if is_missing(c, codes) else "number" if is_number_text(c) else "text" for c in first]
    if not any(columns):
        return "text" in kinds or "number" not in kinds, False
    if _is_range(first, columns):
        return True, False
    numeric = [(n := Numerals.of(column, codes)).are_numbers and n.n_numbers > 0 for column in columns]
    texts = [
        cell for cell, kind, is_numeric in zip(first, kinds, numeric, strict=True) if is_numeric and kind == "text"
    ]
    numbers = [i for i, kind in enumerate(kinds) if kind == "number" and (numeric[i] or not any(numeric))]
    if not numbers:
        return True, False
    whole = all(_is_whole(first[i]) for i in numbers)
    if texts:
        return whole, True
    beside = [i for i, kind in enumerate(kinds) if kind == "text" and not numeric[i]]
    if any(first[i] in columns[i] for i in beside):
        return False, False
    scale = whole and _is_scale([int(first[i]) for i in numbers], [columns[i] for i in numbers])
    decimals = any(not _is_whole(cell) for i in numbers for cell in columns[i])
    return scale and (bool(beside) or (decimals and len(numbers) > 2)), scale or bool(beside)


def _is_whole(text: str) -> bool:
    return text.strip().lstrip("-").isdecimal()


def _is_range(cells: Cells, columns: Sequence[Sequence[str]]) -> bool:
    """Return whether a first line numbers columns without names, 0, 1, 2, ..., unlike the lines below it."""
    counted = cells[1:] if not cells[0] else cells  # pandas leaves the cell above its index empty
    if not counted or counted != [str(i) for i in range(len(counted))]:
        return False
    return len(counted) < len(cells) or len(cells) > 2 or not all(_is_whole(c) for column in columns for c in column)


def _is_scale(names: list[int], columns: Sequence[Sequence[str]]) -> bool:
    """Return whether the names are large whole numbers in equal steps outside the values below, as years are."""
    steps = {b - a for a, b in pairwise(names)}
    if len(steps) != 1 or min(steps) <= 0 or names[0] < _LEAST:
        return False
    for name, column in zip(names, columns, strict=True):
        values = [float(cell) for text in column if _PLAIN.fullmatch(cell := text.strip().replace(",", "."))]
        if not values or min(values) <= name <= max(values):
            return False
    return True


def _are_row_names(cells: Sequence[str]) -> bool:
    """Return whether a column holds texts, or numbers from 1 on as R writes them."""
    return not any(map(is_number_text, cells)) or list(cells) == [str(i + 1) for i in range(len(cells))]
