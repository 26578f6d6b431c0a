"""How numbers are written in text: decimal marks, thousands marks, and cells that are missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

__all__ = [
    "MISSING",
    "NotANumberError",
    "Numerals",
    "Reading",
    "as_doubles",
    "is_missing",
    "is_number_text",
    "readings",
]

# What Arrow takes for missing by default; a file states others.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA", "NULL",
    "NaN", "n/a", "nan", "null",
)  # fmt: skip
_MISSING = frozenset(MISSING)
_LIKELY_MISSING = {"?", "-", "--", "*", ".", "..", "none", "missing"}  # not read as missing unless a person says so
_SPACES = " \u00a0\u2009\u202f'\u2019"  # between thousands; the last two are the Swiss ones
_OTHER = {".": ",", ",": "."}


def _pattern(decimal: str, thousands: str) -> str:
    """A pattern, for Python and for Arrow alike, of numbers with this decimal mark and any of these thousands marks."""
    grouped = "|".join(f"(?:{re.escape(mark)}[0-9]{{3}})+" for mark in thousands)
    whole = f"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{grouped}))" if thousands else "[0-9]+"
    point = re.escape(decimal)
    fraction = f"{point}[0-9]*" if decimal == "." else f"{point}[0-9]+"
    return f"[-+]?(?:{whole}(?:{fraction})?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?i:inf|infinity)"


_PLAIN = {decimal: _pattern(decimal, "") for decimal in ".,"}
_GROUPED = {decimal: _pattern(decimal, _OTHER[decimal] + _SPACES) for decimal in ".,"}
_NUMBER = {decimal: re.compile(_GROUPED[decimal]) for decimal in ".,"}


def is_missing(text: str, codes: Iterable[str] = ()) -> bool:
    """Say whether a cell holds no value, or most probably none."""
    text = text.strip()
    return text in _MISSING or text in codes or text.lower() in _LIKELY_MISSING


def is_number_text(text: str) -> bool:
    """Say whether a text is a number with a decimal point or a decimal comma, with or without thousands marks.

    >>> [text for text in ("1.5", "4.780,50", "1,234,567", "1,2,3", "two", "") if is_number_text(text)]
    ['1.5', '4.780,50', '1,234,567']
    """
    return any(_NUMBER[decimal].fullmatch(text.strip()) for decimal in ".,")


@dataclass(frozen=True)
class Numerals:
    """What the cells of a column show about how its numbers are written.

    Attributes
    ----------
    n_cells, n_numbers : cells that are not missing, and those of them that are numbers.
    points, commas : numbers that only a decimal point, or only a decimal comma, explains.
    doubtful : the first number that both explain, with different values: ``1,234``.
    spaced : whether spaces stand between thousands.
    """

    n_cells: int = 0
    n_numbers: int = 0
    points: int = 0
    commas: int = 0
    doubtful: str | None = None
    spaced: bool = False

    @classmethod
    def of(cls, texts: Iterable[str], codes: Iterable[str] = ()) -> Numerals:
        """Look at cells, of which `codes` mean missing ones."""
        n_cells = n_numbers = points = commas = 0
        doubtful, spaced = None, False
        for text in map(str.strip, texts):
            if is_missing(text, codes):
                continue
            n_cells += 1
            point, comma = _NUMBER["."].fullmatch(text), _NUMBER[","].fullmatch(text)
            if not (point or comma):
                continue
            n_numbers += 1
            points += comma is None
            commas += point is None
            if point and comma and ("." in text or "," in text):
                doubtful = doubtful or text
            spaced = spaced or any(mark in text for mark in _SPACES)
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
        """Say whether there are cells and most are numbers."""
        return 2 * self.n_numbers > self.n_cells

    @property
    def decimal(self) -> str | None:
        """The decimal mark that most cells show; None if they show none."""
        return None if self.points == self.commas else "." if self.points > self.commas else ","


@dataclass(frozen=True)
class Reading:
    """How the numbers of a column are read.

    Attributes
    ----------
    decimal : the decimal mark.
    grouped : whether thousands marks may stand in a number.
    doubtful : a number that was read in one way and could be read in another; None where there is none.
    """

    decimal: str
    grouped: bool
    doubtful: str | None = None


def readings(columns: Sequence[Numerals], delimiter: str, stated: str | None) -> list[Reading]:
    """Choose how each column is read: as its own numbers show, else as the numbers of the other columns do.

    Where no number decides, a comma is a thousands mark if commas stand between the cells, and else a decimal mark.
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
    return Reading(decimal, _OTHER[decimal] in doubtful or numerals.spaced, None if usual else doubtful)


class NotANumberError(ValueError):
    """A cell of a column of numbers holds something else.

    Attributes
    ----------
    row : of the cell, in its block.
    text : what it holds.
    """

    def __init__(self, row: int, text: str) -> None:
        super().__init__(row, text)
        self.row, self.text = row, text


def as_doubles(texts: Any, reading: Reading) -> Any:
    """An Arrow array of strings as one of float64. Raises `NotANumberError`."""
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
        texts = compute.replace_substring_regex(texts, f"[{re.escape(_OTHER[reading.decimal])}{_SPACES}]", "")
    if reading.decimal == ",":
        texts = compute.replace_substring(texts, ",", ".")
    return texts.cast(pa.float64())
