"""The result of a run of variational Bayes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from gmix.model.kernel import RunEnd
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason
from gmix.model.variational import VariationalModel

__all__ = ["EMPTY", "Changes", "VariationalRun", "occupied"]

EMPTY = 0.5  # rows; a component with fewer is empty


class Changes(NamedTuple):
    """How often a search changed the number of components."""

    births: int = 0
    merges: int = 0
    deletes: int = 0


_NONE = Changes()


@dataclass(frozen=True, eq=False)
class VariationalRun:
    """The result of a run.

    Attributes
    ----------
    model : where the run ended.
    statistics : of the rows under the model.
    history : the lower bound after every E-step that was accepted.
    reason : why the run ended.
    changes : the moves that led to the model, on all rows and on a sub-sample.
    """

    model: VariationalModel
    statistics: SufficientStatistics
    history: tuple[float, ...]
    reason: Reason
    changes: Changes = _NONE

    @classmethod
    def of(cls, end: RunEnd) -> VariationalRun:
        assert isinstance(end.model, VariationalModel)
        assert end.statistics is not None
        return cls(end.model, end.statistics, tuple(end.history), end.reason)

    @property
    def bound(self) -> float:
        """The lower bound of the log evidence."""
        return self.history[-1]

    @property
    def log_evidence(self) -> float:
        """The estimated log evidence: the bound, and what the equivalent orders of the components add to it.

        If components are exchangeable, the posterior has as many equal modes as there are orders of the components
        that are not empty, and the approximation describes one of them: Bishop (2006), section 10.2.4.
        """
        posterior = self.model.posterior
        if not posterior.weights.exchangeable:
            return self.bound
        k, empty = posterior.n_components, int((self.statistics.counts < EMPTY).sum())
        return self.bound + float(gammaln(k + 1.0) - gammaln(empty + 1.0))

    def continued(self, later: VariationalRun) -> VariationalRun:
        """A later run that reached a higher bound, with the history and the changes of this one before its own.

        An E-step after a change of the components may have a lower bound than this run; the history leaves it out.
        """
        higher = (bound for bound in later.history if bound > self.bound)
        changes = Changes(*(a + b for a, b in zip(self.changes, later.changes, strict=True)))
        return replace(later, history=(*self.history, *higher), changes=changes)


def occupied(statistics: SufficientStatistics) -> NDArray[np.intp]:
    """The components that are not empty; of rows that weigh less than `EMPTY`, the heaviest."""
    return np.flatnonzero(statistics.counts >= min(EMPTY, statistics.counts.max()))
