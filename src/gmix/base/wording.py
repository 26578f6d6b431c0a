"""Numbers, counts and lists as text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

__all__ = [
    "count",
    "listed",
    "nats",
    "number",
    "percent",
    "power_of_ten",
    "printable",
    "to_precision_of",
    "weighted_rows",
]

_MINUS = "\N{MINUS SIGN}"
_MOST_ROWS = 1 << 62  # more than a table has; a damaged model file may state any number


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline


def printable(text: str) -> str:
    r"""A text without the control characters that a terminal acts on, which a column of a file may have in its name.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def number(value: float, digits: int = 4) -> str:
    r"""A number with this many significant digits, thousands separated by commas, and a typographic minus.

    >>> number(20831.93), number(0.0012345)
    ('20,832', '0.001234')
    >>> number(3.2e-9) == "3.2 \N{MULTIPLICATION SIGN} 10\u207b\u2079"
    True
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    magnitude = math.floor(math.log10(abs(value)))
    if not -4 <= magnitude < 9:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa} \N{MULTIPLICATION SIGN} {power_of_ten(int(exponent))}".replace("-", _MINUS)
    return f"{value:,.{max(digits - 1 - magnitude, 0)}f}".replace("-", _MINUS)


def power_of_ten(exponent: int) -> str:
    """Ten with a raised exponent."""
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def nats(value: float) -> str:
    """A log-likelihood or a criterion with two decimals, which show every difference that matters."""
    return f"{value:,.2f}".replace("-", _MINUS).replace("inf", "\N{INFINITY}")


def percent(share: float, decimals: int = 0) -> str:
    """A proportion in percent."""
    return f"{100.0 * share:.{decimals}f}\N{NO-BREAK SPACE}%"


def to_precision_of(value: float, deviation: float) -> str:
    """A number with as many decimals as its standard deviation has in three significant digits."""
    if not (math.isfinite(deviation) and deviation > 0) or not 1e-4 <= deviation < 1e9 or abs(value) >= 1e9:
        return number(value)
    decimals = max(2 - math.floor(math.log10(deviation)), 0)
    return f"{value:,.{decimals}f}".replace("-", _MINUS)


def listed(parts: Sequence[str], most: int | None = None) -> str:
    """Join parts of a sentence as ``a, b and c``; beyond `most` parts, with the number of the others.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], 2)
    ('a, b and c', 'a, b and 2 more')
    """
    if most is not None and len(parts) > most:
        parts = [*parts[:most], f"{len(parts) - most} more"]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def count(n: float, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "row"), count(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"


def weighted_rows(n_rows: int, total_weight: float, *, weighted: bool = False, trim: float = 0.0) -> str:
    """A number of rows, with their total weight if that is another number or if they are `weighted`.

    `trim` is the share of the weight that was left out, which is not part of the total weight.

    >>> weighted_rows(272, 272.0), weighted_rows(51, 272.0), weighted_rows(200, 190.0, trim=0.05)
    ('272 rows', '51 rows of total weight 272', '200 rows, 5 % of them trimmed')
    """
    if trim:
        text = weighted_rows(n_rows, round(total_weight / (1.0 - trim), 6), weighted=weighted)
        return f"{text}, {100.0 * trim:.3g} % of them trimmed"
    if not weighted and n_rows < _MOST_ROWS and math.isclose(total_weight, n_rows):
        return count(n_rows, "row")
    whole = float(total_weight).is_integer() and total_weight < 1e9
    return f"{count(n_rows, 'row')} of total weight {f'{total_weight:,.0f}' if whole else number(total_weight, 6)}"
