"""The plan of a search: its candidates, and how they are fitted."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gmix.fitting.open_ranges import OpenRanges
from gmix.fitting.search_progress import SearchProgress
from gmix.fitting.start import Start
from gmix.model.covariance import Structure
from gmix.model.frozen import Frozen
from gmix.model.priors import Prior
from gmix.model.stopping import Deadline, StoppingRule

__all__ = ["SearchPlan"]


@dataclass(frozen=True)
class SearchPlan:
    """The candidates of a search, and how they are fitted.

    Attributes
    ----------
    components, structures : the candidates are all pairs of these.
    start : the starts of every candidate.
    rule : when a run on all rows ends.
    prior : the prior of a MAP fit.
    criterion : which criterion chooses among the candidates.
    only : the pairs that are candidates; None for all.
    effort : how much work to do for better optima, in units of that of a default search; zero for none.
    frozen : the parameters of the start that the runs leave as they are.
    open_ranges : the numbers that need not be increased to the end of their range; not those of the pairs in `only`.
    named : whether the user named the candidates. If not, those that the table has too few rows for are not fitted.
    progress : what the search reports to.
    """

    components: Sequence[int]
    structures: Sequence[Structure]
    start: Start
    rule: StoppingRule
    prior: Prior | None = None
    criterion: str = "bic"
    only: Collection[tuple[Structure, int]] | None = None
    named: bool = False
    effort: float = 1.0
    frozen: Frozen | None = None
    open_ranges: OpenRanges = field(default_factory=OpenRanges)
    progress: SearchProgress = field(default_factory=SearchProgress)

    @property
    def candidates(self) -> list[tuple[Structure, int]]:
        """Pairs of a structure and a number of components, in the order in which they are reported."""
        every = [(s, k) for s in self.structures for k in sorted(self.components)]
        return [pair for pair in every if self.only is None or pair in self.only]

    @property
    def deadline(self) -> float | None:
        """The time by `time.monotonic` at which the search ends with the best so far; None for no limit."""
        return self.rule.time if isinstance(self.rule, Deadline) else None

    @property
    def is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    @property
    def makes_starts(self) -> bool:
        """Whether starts are made from the rows rather than given by the user."""
        return self.start.is_made
