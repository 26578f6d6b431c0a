"""Conversion of what is typed at the command line into arguments of the library."""

from __future__ import annotations

import csv
import re

from gmix.base.errors import ParameterError
from gmix.model.covariance import numbered, structure

__all__ = [
    "parse_bytes", "parse_counts", "parse_degrees", "parse_errors", "parse_factors", "parse_names", "parse_structures",
]  # fmt: skip

_MOST = 100_000  # numbers in a range; more would fill the memory before any of them is fitted


def parse_counts(text: str) -> str | list[int] | dict[str | None, int]:
    """Numbers of components: ``2``, ``1-8``, ``2,4,6`` or ``auto``; or by label, ``setosa=1,virginica=2,=1``."""
    if text.strip().lower() == "auto":
        return "auto"
    if "=" in text:
        return _by_label(text)
    return _numbers(text, "--components")


def parse_factors(text: str | None) -> str | list[int] | None:
    """Numbers of factors: ``2``, ``1-5``, ``2,4`` or ``auto``; None if there are none."""
    return text if text is None or text.strip().lower() == "auto" else _numbers(text, "--factors")


def _numbers(text: str, option: str) -> list[int]:
    counts: list[int] = []
    for part in text.split(","):
        low, dash, high = (piece.strip() for piece in part.partition("-"))
        if not low.isdecimal() or (dash and not high.isdecimal()) or int(low) < 1:
            raise ParameterError(f"{option} {text!r} is not a count; write 2, 1-8, 2,4,6 or auto")
        numbers = range(int(low), int(high if dash else low) + 1)
        if numbers.stop - numbers.start > _MOST:
            raise ParameterError(f"{option} {text!r} is a range of too many numbers; write fewer, as in 1-8")
        counts += numbers
    if not counts:
        raise ParameterError(f"{option} {text!r} is an empty range; write the smaller number first, as in 1-8")
    return counts


def _by_label(text: str) -> dict[str | None, int]:
    """Numbers of components by label; an empty label stands for components without one, which is None."""
    counts: dict[str | None, int] = {}
    for part in next(csv.reader([text], skipinitialspace=True)):
        label, _, number = (piece.strip() for piece in part.rpartition("="))
        if not number.isdecimal() or (label or None) in counts:
            raise ParameterError(
                f"--components {text!r} must give each label one number, as in setosa=1,virginica=2; a number without "
                "a label, as in =1, is of components that no label names"
            )
        counts[label or None] = int(number)
    return counts


def parse_names(texts: list[str] | None) -> list[str] | None:
    """Names of columns, ``a,b,c``, quoted as in CSV where they hold commas: ``"a, b",c``."""
    if not texts:
        return None
    rows = [next(csv.reader([text], skipinitialspace=True), [""]) for text in texts]
    names = [name.strip() for row in rows for name in row]
    if not all(names) or len(set(names)) < len(names):
        given = " --columns ".join(map(repr, texts))
        raise ParameterError(
            f"--columns {given} must be different names with commas between them, as in a,b,c; quote a name that holds "
            "a comma, as in '\"a, b\",c'"
        )
    return names


def parse_errors(texts: list[str] | None) -> list[str] | dict[str, str] | None:
    """Names of columns of errors: ``e1,e2``, or by the column that they belong to, ``mass=e1,speed=e2``."""
    if not texts:
        return None
    names = [name.strip() for text in texts for name in next(csv.reader([text], skipinitialspace=True), [""])]
    pairs = [tuple(piece.strip() for piece in name.partition("=")) for name in names]
    named = [bool(sign) for _, sign, _ in pairs]
    if not all(names) or any(named) != all(named) or not all(all(pair) for pair in pairs if pair[1]):
        raise ParameterError(
            f"--row-errors {','.join(texts)!r} must name columns of errors, one for each column, as in e1,e2, or those "
            "of some columns, as in mass=e1"
        )
    return {column: error for column, _, error in pairs} if all(named) else names


def parse_degrees(text: str | None) -> float | str | None:
    """Degrees of freedom: a number, or ``each``."""
    if text is None or text.strip().lower() == "each":
        return None if text is None else "each"
    try:
        return float(text)
    except ValueError:
        raise ParameterError(f"--degrees-of-freedom {text!r} is not a number; write 4, or each") from None


def parse_structures(text: str) -> str | list[str]:
    """Names or codes of structures, ``full,VEV``, or ``auto``."""
    names = [name.strip() for name in text.split(",")]
    if [name.lower() for name in names] == ["auto"]:
        return "auto"
    return [name if numbered(name) else structure(name).code for name in names]


def parse_bytes(text: str) -> float:
    """An amount of memory, ``500M`` or ``2G``, in bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", text.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise ParameterError(f"--memory {text!r} is not an amount of memory; write 500M or 2G")
    return float(match[1]) * 1024.0 ** " kmgt".index(match[2] or " ")
