"""Findings: what the user should know about a table or a fit, in one list that every output shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gmix.base.errors import ParameterError

__all__ = ["Finding", "by_importance", "lines"]

Level = Literal["note", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something that the user should know about a table or a fit.

    Attributes
    ----------
    name : what it is, in a few words: ``"collapsed component"``.
    message : where it is and what to do, in a sentence that begins with a small letter and has no period.
    level : ``"warning"`` for what should be understood before the fit is used, ``"note"`` for anything else.

    >>> message = "the table has 4 rows, so at most 4 components were tried"
    >>> print(Finding("range cut", message, "note"))
    range cut: the table has 4 rows, so at most 4 components were tried
    """

    name: str
    message: str
    level: Level = "warning"

    def __post_init__(self) -> None:
        if self.level not in ("note", "warning"):
            raise ParameterError(f"level is {self.level!r}; give 'note' or 'warning'")

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def by_importance(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort warnings before notes, each level in the given order, and drop repetitions."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.level != "warning"))


def lines(findings: Iterable[Finding]) -> list[str]:
    """One line of text for each finding.

    >>> lines([Finding("end of range", "no more than 9 components were tried", "note")])
    ['note: end of range: no more than 9 components were tried']
    """
    return [f"{finding.level}: {finding}" for finding in findings]
