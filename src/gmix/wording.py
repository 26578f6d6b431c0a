"""How counts are written."""

from __future__ import annotations

__all__ = ["count"]


def count(n: float, noun: str) -> str:
    """A number of things.

    >>> count(1, "row"), count(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"
