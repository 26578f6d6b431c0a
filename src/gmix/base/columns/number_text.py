"""Numbers in text: with decimal commas, thousands separators, and units."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from gmix.base.wording import listed

__all__ = ["NUMBER", "OTHER_MARK", "SPACES", "Notation", "is_number_text", "notation_of", "number_pattern"]

SPACES = " \u00a0\u2009\u202f'\u2019"  # between thousands; the last two are the Swiss ones
OTHER_MARK = {".": ",", ",": "."}


def number_pattern(decimal: str, thousands: str) -> str:
    """A pattern, for Python and Arrow, of numbers with this decimal mark and any of these thousands marks."""
    grouped = "|".join(f"(?:{re.escape(mark)}[0-9]{{3}})+" for mark in thousands)
    whole = f"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{grouped}))" if thousands else "[0-9]+"
    point = re.escape(decimal)
    fraction = f"{point}[0-9]*" if decimal == "." else f"{point}[0-9]+"
    return f"[-+]?(?:{whole}(?:{fraction})?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?i:inf|infinity)"


NUMBER = {decimal: re.compile(number_pattern(decimal, OTHER_MARK[decimal] + SPACES)) for decimal in ".,"}


def is_number_text(text: str) -> bool:
    """Return whether a text is a number with a decimal point or a decimal comma, with or without thousands marks.

    >>> [text for text in ("1.5", "4.780,50", "1,234,567", "1,2,3", "two", "") if is_number_text(text)]
    ['1.5', '4.780,50', '1,234,567']
    """
    return any(NUMBER[decimal].fullmatch(text.strip()) for decimal in ".,")


# Numbers with units ---------------------------------------------------------------------------------------------------

_CURRENCY = r"[€$£¥]|(?:US|CA|AU)\$|EUR|USD|GBP|CHF|Rs\.?"
_LETTERS = r"[^\W\d_]{1,7}"
_PARTS = re.compile(
    rf"[-+]?(?:(?P<before>{_CURRENCY})\s*)?(?P<number>[-+]?[0-9.,][0-9.,{SPACES}]*?)\s*"
    rf"(?P<after>%|‰|°[CF]?|{_CURRENCY}|{_LETTERS}(?:[/·]{_LETTERS})?[²³23]?)?"
)
# After ordinal numbers, times of day and dates. Longer words that begin with a capital letter may be names of places.
_NO_UNITS = re.compile(
    r"st|nd|rd|th|am|pm|uhr|(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]*", re.IGNORECASE
)
_NAME = re.compile(r"[A-ZÄÖÜ][a-zäöüß]{3,}")
_ONE_LETTER = {"g", "m", "s", "l", "L"}  # units of whole numbers; 12A and 7b may be codes
_DECADE = re.compile(r"(1[0-9]|20)[0-9]0")
_PHONE = re.compile(rf"[0-9]{{3}}([{SPACES}])[0-9]{{3}}\1[0-9]{{3}}|\+.*[{SPACES}].*")
_IP = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?!$)|$)){4}")


class Notation(NamedTuple):
    """How the numbers of a column of text are written.

    Attributes
    ----------
    description : what ``float`` does not read in them, such as decimal commas.
    remedy : how to make numbers of them.
    others : the positions of the cells that are not numbers in this notation.
    """

    description: str
    remedy: str
    others: list[int]


def notation_of(texts: Sequence[str]) -> Notation | None:
    """The notation of texts of which most are numbers that ``float`` does not read; None if there is none.

    >>> notation_of(["1,5", "2,25", "n/a"])
    Notation(description='decimal commas', remedy="read the table with decimal=','", others=[2])
    >>> notation_of(["1.20 kg", "3 kg"]).description
    "the unit 'kg'"
    """
    parts = [_parts(text.strip()) for text in texts]
    units = Counter(unit for number, unit in filter(None, parts) if unit)
    unit = units.most_common(1)[0][0] if units else ""
    numbers = [part[0] if part is not None and part[1] in ("", unit) else None for part in parts]
    others = [i for i, number in enumerate(numbers) if number is None]
    found = [number for number in numbers if number is not None]
    if 2 * len(found) <= len(texts) or 2 * units[unit] < len(found) * bool(unit):
        return None
    if len(unit) == 1 and unit.isalpha() and unit not in _ONE_LETTER and all(number.isdecimal() for number in found):
        return None
    description, options = _marks(found)
    remedies = ["remove the unit"] * bool(unit) + [f"read the table with {options}"] * bool(options)
    description += [f"the unit {unit!r}"] * bool(unit)
    return Notation(listed(description), ", then ".join(remedies), others) if description else None


def _parts(text: str) -> tuple[str, str] | None:
    """The number and the unit of a text, ``""`` if it has none; None if it is no number."""
    if _PHONE.fullmatch(text) or _IP.fullmatch(text):
        return None
    if is_number_text(text):
        return text, ""
    found = _PARTS.fullmatch(text)
    if found is None or not is_number_text(found["number"]) or (found["before"] and found["after"]):
        return None
    unit = found["before"] or found["after"]
    if _NO_UNITS.fullmatch(unit) or (_NAME.fullmatch(unit) and unit != "Euro"):
        return None
    return None if unit == "s" and _DECADE.fullmatch(found["number"]) else (found["number"], unit)


def _marks(numbers: Sequence[str]) -> tuple[list[str], str]:
    """What numbers have besides digits and decimal points, and the options of a reader of tables that say so."""
    points = sum(NUMBER[","].fullmatch(number) is None for number in numbers)
    commas = sum(NUMBER["."].fullmatch(number) is None for number in numbers)
    if points == commas and any("," in number for number in numbers):  # such as 1,234
        return ["commas"], "decimal=',' or thousands=','"
    decimal = "," if commas > points else "."
    read = "".join(number for number in numbers if NUMBER[decimal].fullmatch(number))
    separators = sorted({*read} & {*OTHER_MARK[decimal], *SPACES})
    marks = ["decimal commas"] * (decimal == ",") + ["thousands separators"] * bool(separators)
    options = ["decimal=','"] * (decimal == ",") + [f"thousands={mark!r}" for mark in separators]
    return marks, " and ".join(options)
