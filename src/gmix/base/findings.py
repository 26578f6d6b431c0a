"""Findings: what a person should know about a table or a fit, in one list that is shown the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gmix.base.errors import ParameterError

__all__ = ["Finding", "by_importance", "lines"]

Level = Literal["note", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something about a table or a fit that a person should know.

    Attributes
    ----------
    name : what it is, in a few words: ``"collapsed component"``.
    message : where it is and what to do, in a sentence that begins with a small letter and has no period.
    level : ``"warning"`` if the fit should not be used before it is understood; ``"note"`` if it is good to know.

    >>> print(Finding("range cut", "the table has 4 rows, so at most 4 components were tried", "note"))
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
    """The warnings, then the notes, each kind in the order given and without repetitions."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.level != "warning"))


def lines(findings: Iterable[Finding]) -> list[str]:
    """A line for each finding, as every text shows it.

    >>> lines([Finding("end of range", "no more than 9 components were tried", "note")])
    ['note: end of range: no more than 9 components were tried']
    """
    return [f"{finding.level}: {finding}" for finding in findings]
