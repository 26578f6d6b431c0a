"""Numbers in text: decimal marks, thousands marks, and missing values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gmix.base.columns.number_text import NUMBER, OTHER_MARK, SPACES, number_pattern

__all__ = [
    "MISSING",
    "NotANumberError",
    "Numerals",
    "Reading",
    "as_doubles",
    "is_missing",
    "readings",
]

# What Arrow reads as missing by default; the user may state other codes.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA", "NULL",
    "NaN", "n/a", "nan", "null",
)  # fmt: skip
_MISSING = frozenset(MISSING)
_LIKELY_MISSING = {"?", "-", "--", "*", ".", "..", "none", "missing"}  # read as missing only if the user says so
_PLAIN = {decimal: number_pattern(decimal, "") for decimal in ".,"}
_GROUPED = {decimal: NUMBER[decimal].pattern for decimal in ".,"}


def is_missing(text: str, codes: Iterable[str] = ()) -> bool:
    """Return whether a cell is missing, or probably meant as missing."""
    text = text.strip()
    return text in _MISSING or text in codes or text.lower() in _LIKELY_MISSING


@dataclass(frozen=True)
class Numerals:
    """How the numbers of a column are written, as its cells show.

    Attributes
    ----------
    n_cells, n_numbers : counts of cells that are not missing, and of numbers among them.
    points, commas : counts of numbers that are valid only with a decimal point, or only with a decimal comma.
    doubtful : the first number that is valid with both, but with different values, such as ``1,234``.
    spaced : whether spaces separate thousands.
    """

    n_cells: int = 0
    n_numbers: int = 0
    points: int = 0
    commas: int = 0
    doubtful: str | None = None
    spaced: bool = False

    @classmethod
    def of(cls, texts: Iterable[str], codes: Iterable[str] = ()) -> Numerals:
        """Count what the cells show; `codes` stand for missing values."""
        n_cells = n_numbers = points = commas = 0
        doubtful, spaced = None, False
        for text in map(str.strip, texts):
            if is_missing(text, codes):
                continue
            n_cells += 1
            point, comma = NUMBER["."].fullmatch(text), NUMBER[","].fullmatch(text)
            if not (point or comma):
                continue
            n_numbers += 1
            points += comma is None
            commas += point is None
            if point and comma and ("." in text or "," in text):
                doubtful = doubtful or text
            spaced = spaced or any(mark in text for mark in SPACES)
        return cls(n_cells, n_numbers, points, commas, doubtful, spaced)

    def __add__(self, other: Numerals) -> Numerals:
        return Numerals(
            self.n_cells + other.n_cells,
            self.n_numbers + other.n_numbers,
            self.points + other.points,
            self.commas + other.commas,
            self.doubtful or other.doubtful,
            self.spaced or other.spaced,
        )

    @property
    def are_numbers(self) -> bool:
        """Return whether most of the cells are numbers."""
        return 2 * self.n_numbers > self.n_cells

    @property
    def decimal(self) -> str | None:
        """The decimal mark that most cells show; None if they do not decide."""
        return None if self.points == self.commas else "." if self.points > self.commas else ","


@dataclass(frozen=True)
class Reading:
    """How the numbers of a column are read.

    Attributes
    ----------
    decimal : the decimal mark.
    grouped : whether a number may have thousands marks.
    doubtful : a number that could also have another value; None where there is none.
    """

    decimal: str
    grouped: bool
    doubtful: str | None = None

    def written(self, value: float) -> str:
        """A number as it is written in this column, with all its digits.

        >>> Reading(",", grouped=False).written(1.25)
        '1,25'
        """
        return repr(float(value)).replace(".", self.decimal)


def readings(columns: Sequence[Numerals], delimiter: str, stated: str | None) -> list[Reading]:
    """Choose how each column is read: as its own numbers show, or else as those of the other columns do.

    If no number decides, a comma is a thousands mark in a file with commas between cells, and a decimal mark otherwise.
    """
    shown = {numerals.decimal for numerals in columns if numerals.are_numbers} - {None}
    common = shown.pop() if len(shown) == 1 else None
    return [_reading(numerals, delimiter, stated, common) for numerals in columns]


def _reading(numerals: Numerals, delimiter: str, stated: str | None, common: str | None) -> Reading:
    if (decimal := stated or numerals.decimal) is not None:
        return Reading(decimal, grouped=True)
    doubtful = numerals.doubtful
    if doubtful is None:
        return Reading(common or ".", numerals.spaced)
    decimal = common or ("," if "," in doubtful and delimiter != "," else ".")
    usual = decimal == "." and "." in doubtful and delimiter != ";"
    return Reading(decimal, OTHER_MARK[decimal] in doubtful or numerals.spaced, None if usual else doubtful)


class NotANumberError(ValueError):
    """A cell of a column of numbers is not a number.

    Attributes
    ----------
    row : the row of the cell in its block.
    text : the text of the cell.
    """

    def __init__(self, row: int, text: str) -> None:
        super().__init__(row, text)
        self.row, self.text = row, text


def as_doubles(texts: Any, reading: Reading) -> Any:
    """Convert an Arrow array of strings to float64. Raises `NotANumberError`."""
    import pyarrow as pa
    from pyarrow import compute

    plain = texts
    if reading.decimal == ",":
        has_points = compute.any(compute.match_substring(texts, ".")).as_py()  # between thousands
        plain = None if has_points else compute.replace_substring(texts, ",", ".")
    if plain is not None:
        with suppress(pa.ArrowInvalid):  # spaces, thousands marks, or no number
            return plain.cast(pa.float64())
    texts = compute.utf8_trim_whitespace(texts)
    known = (_GROUPED if reading.grouped else _PLAIN)[reading.decimal]
    good = compute.match_substring_regex(texts, f"^(?:{known})$").fill_null(fill_value=True)
    if not compute.all(good).as_py():
        row = int(compute.index(good, value=False).as_py())
        raise NotANumberError(row, texts[row].as_py())
    if reading.grouped:
        texts = compute.replace_substring_regex(texts, f"[{re.escape(OTHER_MARK[reading.decimal])}{SPACES}]", "")
    if reading.decimal == ",":
        texts = compute.replace_substring(texts, ",", ".")
    return texts.cast(pa.float64())
