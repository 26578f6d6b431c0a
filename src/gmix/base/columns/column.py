"""A column of any table: the kind of its cells decides whether it is used, or why it is left out.

Libraries differ in how they store a column; `arrow.py` and `frames.py` translate their types into a `Column`.
Everything after that is the same for all tables.
"""

from __future__ import annotations

import datetime as dt
import math
import numbers
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from gmix.base.columns.number_text import notation_of
from gmix.base.errors import DataError, nearest
from gmix.base.findings import Finding, Level

__all__ = [
    "LOOK",
    "Column",
    "FilledColumns",
    "Kind",
    "check_unambiguous",
    "check_usable",
    "choose",
    "choose_columns",
    "distinct_names",
    "is_index",
    "kind_of_cells",
    "reasons",
    "without_index",
]  # fmt: skip

LOOK = 1000  # rows at the beginning of a table that decide whether text looks like numbers
_NAMED = 8  # columns of one kind that a finding names
_WIDTH = 40  # characters of a cell in a message
_INDEX = re.compile(r"(Unnamed: 0|__index_level_\d+__)?")


class Kind(Enum):
    """What the cells of a column are, in the words that explain why a column is left out.

    Only `NUMBERS` are used unless the user names columns.
    """

    NUMBERS = "numbers"  # integers, floats and decimals, of any width
    BOOLEANS = "booleans"
    CATEGORIES = "categories"
    COMPLEX = "complex numbers"
    TEXT = "text"
    DATES = "dates"
    TIMES = "times"
    DURATIONS = "durations"
    INDEX = "index"
    EMPTY = "no values"
    OTHER = "neither numbers nor text"


_USABLE = {Kind.NUMBERS, Kind.BOOLEANS, Kind.EMPTY}  # if named; the NaN of an empty column is a later error
_CELLS: tuple[tuple[tuple[type, ...], Kind], ...] = (  # the first match counts
    ((bool, np.bool_), Kind.BOOLEANS),
    ((dt.timedelta, np.timedelta64), Kind.DURATIONS),  # before numbers: np.timedelta64 is a subclass of np.integer
    ((numbers.Real, Decimal), Kind.NUMBERS),
    ((numbers.Complex,), Kind.COMPLEX),
    ((str,), Kind.TEXT),
    ((dt.date, np.datetime64), Kind.DATES),
    ((dt.time,), Kind.TIMES),
)


class Column(NamedTuple):
    """A column of any table.

    Attributes
    ----------
    name : in the table.
    kind : of its cells.
    type : of its cells, by the name in its library, for an error.
    numeric_categories : whether its cells are categories that are numbers.
    single : whether float32 holds its cells exactly.
    labels_rows : whether the table says that it identifies the rows.
    empty : whether no cell has a value.
    doubt : why its cells look like numbers but cannot be used; shown instead of the kind.
    """

    name: str
    kind: Kind
    type: str
    numeric_categories: bool = False
    single: bool = False
    labels_rows: bool = False
    empty: bool = False
    doubt: str = ""

    @property
    def used(self) -> bool:
        """Return whether it is used if the user names no columns."""
        return self.kind is Kind.NUMBERS and not (self.labels_rows or self.empty)

    @property
    def usable(self) -> bool:
        """Return whether it can be used if the user names it."""
        return self.kind in _USABLE or self.numeric_categories

    @property
    def reason(self) -> str:
        """The reason why it is left out."""
        kind = Kind.INDEX if self.labels_rows else Kind.EMPTY if self.empty else self.kind
        return self.doubt if self.doubt and kind is self.kind else kind.value

    @property
    def looks_numeric(self) -> bool:
        """Return whether the user may expect it to be used although it cannot be."""
        return not (self.labels_rows or self.empty) and (bool(self.doubt) or self.kind is Kind.COMPLEX)


# Takes names of columns without a value in the first rows, and returns those that have a value in any row.
FilledColumns = Callable[[list[str]], Iterable[Column]]


def choose(
    columns: Sequence[Column],
    apart: Collection[str | None] = (),
    filled: FilledColumns | None = None,
    *,
    none: str = "the table has no numeric column",
) -> tuple[list[Column], tuple[Finding, ...]]:
    """Choose the columns that are used if the user names none, in order, with a finding about the others.

    All numeric columns are used except an index and those `apart`, such as the weight. Raises `DataError`, with a
    message that begins with `none`, if there is no such column.
    """
    others = [column for column in columns if column.name not in apart]
    empty = [column.name for column in others if column.empty and not column.labels_rows]
    if empty and filled is not None:
        later = {column.name: column for column in filled(empty)}
        others = [later.get(column.name, column) for column in others]
    kept = without_index([column.name for column in others if column.used])
    left_out = [
        column._replace(labels_rows=column.labels_rows or column.used) for column in others if column.name not in kept
    ]
    if not kept:
        names, about = [column.name for column in columns], f": {reasons(left_out)}" if left_out else ""
        raise DataError(f"{none}; its columns are {names}{about}")
    level: Level = "warning" if any(column.looks_numeric for column in left_out) else "note"
    findings = (Finding("columns left out", reasons(left_out), level),) if left_out else ()
    return [column for column in others if column.name in kept], findings


def reasons(columns: Iterable[Column]) -> str:
    """The names of columns, grouped by the reason why they are left out.

    >>> reasons([Column("a", Kind.TEXT, "string"), Column("b", Kind.DATES, "date32"), Column("c", Kind.TEXT, "string")])
    "'a', 'c' (text), 'b' (dates)"
    """
    by_reason: dict[str, list[str]] = {}
    for column in columns:
        by_reason.setdefault(column.reason, []).append(repr(column.name) if column.name else "a column without a name")
    return ", ".join(f"{_shortened(names)} ({reason})" for reason, names in by_reason.items())


def _shortened(names: list[str]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: _NAMED - 1])} and {len(names) - _NAMED + 1} more"


def check_usable(column: Column, place: str = "") -> None:
    """Raise `DataError` for a column that the user named but that holds no numbers."""
    if not column.usable:
        cell = f" ({column.doubt})" if column.doubt else ""
        raise DataError(
            f"{place}column {column.name!r} holds {column.type}, not numbers{cell}; leave it out or convert it"
        )


def distinct_names(names: Sequence[str]) -> list[str]:
    """The names of columns, with their positions where a name occurs more than once.

    >>> distinct_names(["a", "b", "a"])
    ['a (column 0)', 'b', 'a (column 2)']
    """
    times = Counter(names)
    return [f"{name} (column {i})".lstrip() if times[name] > 1 else name for i, name in enumerate(names)]


def check_unambiguous(
    used: Iterable[str],
    names: Sequence[str],
    place: str = "the table",
    remedy: str = "or choose others with columns= or --columns",
) -> None:
    """Raise `DataError` if a column that is used, by its name or its distinct name, shares its name with another."""
    times, known = Counter(names), dict(zip(distinct_names(names), names, strict=True))
    for name in (known.get(name, name) for name in used):
        if times[name] > 1:
            called = f"called {name!r}; rename them" if name else "without a name; name them"
            raise DataError(f"{place} has {times[name]} columns {called}, {remedy}")


def is_index(name: str) -> bool:
    """Return whether a column only numbers the rows, by a name that a program gave it.

    The name is empty in CSV that pandas or R wrote, ``Unnamed: 0`` after pandas has read such a file, and
    ``__index_level_0__`` in Parquet that pandas wrote.
    """
    return _INDEX.fullmatch(name) is not None


def without_index(names: list[str]) -> list[str]:
    """The names without an index, unless there are only such names."""
    return [name for name in names if not is_index(name)] or names


def choose_columns(names: list[str], wanted: list[str]) -> list[int]:
    """The positions of the wanted columns. Raises `DataError` for an unknown name, with the nearest one."""
    for name in wanted:
        if name not in names:
            meant = nearest(str(name), names)
            raise DataError(f"there is no column {name!r}{meant}{' The' if meant else '; the'} columns are {names}")
        if wanted.count(name) > 1:
            raise DataError(f"columns {wanted} names {name!r} more than once; name each once")
    return [names.index(name) for name in wanted]


# Cells that are Python objects ----------------------------------------------------------------------------------------


def kind_of_cells(cells: Sequence[Any]) -> tuple[Kind, str]:
    """The kind of a column of Python objects, None where missing, and the doubt about it or ``""``.

    >>> kind_of_cells([1, None, 2.5, Decimal("3")])
    (<Kind.NUMBERS: 'numbers'>, '')
    >>> kind_of_cells([1, 2, "n/a"])[1]
    "text, although most cells are numbers: row 2 holds 'n/a'"
    >>> kind_of_cells(["1,5", "2,25"])[1]
    "numbers with decimal commas, written as text: read the table with decimal=','"
    """
    kinds = {_kind_of_type(kind) for kind in set(map(type, cells)) - {type(None)}}
    if not kinds:
        return Kind.EMPTY, ""
    if kinds <= {Kind.NUMBERS, Kind.BOOLEANS}:
        return (Kind.NUMBERS if Kind.NUMBERS in kinds else Kind.BOOLEANS), ""
    if len(kinds) == 1 and Kind.TEXT not in kinds:
        return kinds.pop(), ""
    kind = Kind.TEXT if Kind.TEXT in kinds else Kind.OTHER
    return kind, _doubt(cells[:LOOK] if len(kinds) == 1 else cells, kind)


def _kind_of_type(cell: type) -> Kind:
    return next((kind for types, kind in _CELLS if issubclass(cell, types)), Kind.OTHER)


def _doubt(cells: Iterable[Any], kind: Kind) -> str:
    """The message that most cells of a column are numbers, and why they cannot be used; empty if most are not."""
    filled = [(row, cell) for row, cell in enumerate(cells) if cell is not None]
    wrong = [i for i, (_, cell) in enumerate(filled) if not _reads_as_number(cell)]
    if not wrong:
        return "numbers written as text" if filled else ""
    notation = notation_of([str(cell) if isinstance(cell, str) or _reads_as_number(cell) else "" for _, cell in filled])
    if notation is not None and not notation.others:
        return f"numbers with {notation.description}, written as text: {notation.remedy}"
    if notation is not None and len(notation.others) < len(wrong):
        numbers, wrong, remedy = f"numbers with {notation.description}", notation.others, f"; {notation.remedy}"
    elif 2 * len(wrong) < len(filled):
        numbers, remedy = "numbers", ""
    else:
        return ""
    row, cell = filled[wrong[0]]
    return f"{kind.value}, although most cells are {numbers}: row {row} holds {repr(cell)[:_WIDTH]}{remedy}"


def _reads_as_number(cell: Any) -> bool:
    if not isinstance(cell, str):
        return _kind_of_type(type(cell)) in (Kind.NUMBERS, Kind.BOOLEANS)
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
