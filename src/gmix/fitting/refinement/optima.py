"""The local optima that a search met, and the estimated chance that more work would find a better one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.model.mixture import GaussianMixture
from gmix.sources import MemorySource

__all__ = ["Optima", "Optimum", "allowance", "chance_of_better", "changed_rows"]

# Optima that differ by less are the same: nats, or a part of what the parameters gain by chance alone (`allowance`).
_SAME, _SAME_CHANCE = 0.05, 0.01
# Log-odds of a better optimum after n trials of which m met the best: a constant, and multiples of m / n, of
# (m - 1) m / n, and of whether n = 1. Fitted to the trials of the calibration half of the tables of
# benchmarks/quality.py.
_CONSTANT, _SHARE, _TIMES, _ONCE = -1.0, -1.1, -0.45, 0.35
_MANY, _AFTER = 4.0, 0.25  # times that the best was met again, after which each further one counts this much
_VAIN = 0.15  # of a trial that met the best optimum, which a race of moves in vain counts
_ROWS = 5_000  # rows of which it is counted how many change component, at most
_SHOWN = 10  # optima for which they are counted


def allowance(n_parameters: int) -> float:
    """Nats by which two optima may differ and count as one.

    At an optimum with p parameters the log-likelihood is about ``p / 2`` nats above that of the true parameters by
    chance alone. A hundredth of it is meaningless.
    """
    return max(_SAME, _SAME_CHANCE * n_parameters / 2.0)


class Optimum(NamedTuple):
    """A local optimum that a search met.

    Attributes
    ----------
    objective : the log-likelihood plus the log prior, in nats.
    times : how many trials ended there.
    changed : the share of rows that are assigned to another component than at the best optimum; NaN if not known.
    """

    objective: float
    times: int
    changed: float = math.nan


@dataclass(frozen=True)
class Optima:
    """The optima that the trials of a search met, the best first.

    A trial runs EM from new starts, and moves on from the optimum that it finds until no move improves it.

    Attributes
    ----------
    found : the different optima. Those that differ by less than `allowance` are one.
    total_weight : of the rows on which they were compared: of the table, or of a sub-sample.
    from_trials : whether these are the results of trials. If not, they are those of the EM runs from the first starts,
        many of which ended early, so that they say little about how likely a better optimum is.
    vain : the number of races of random moves from the best optimum that found no better one.

    >>> optima = Optima((Optimum(-100.0, 3), Optimum(-104.0, 1)), 50.0)
    >>> optima.trials
    4
    """

    found: tuple[Optimum, ...]
    total_weight: float
    from_trials: bool = False
    vain: int = 0

    @property
    def trials(self) -> int:
        """The number of trials."""
        return sum(optimum.times for optimum in self.found)

    @property
    def chance_of_better(self) -> float:
        """The estimated chance that as much work again would find a better optimum.

        The more trials ended at the best optimum, and the more moves from it found no better one, the less likely is a
        better one. ``benchmarks/quality.py`` compares the estimate with how often one was found.
        """
        return chance_of_better(self.found[0].times, self.trials, self.vain)

    @classmethod
    def of_objectives(cls, objectives: Sequence[float], n_parameters: int, total_weight: float) -> Optima:
        """The optima of several objectives, in nats."""
        groups = _groups(sorted(objectives, reverse=True), n_parameters)
        return cls(tuple(Optimum(group[0], len(group)) for group in groups), total_weight)

    @classmethod
    def of(cls, met: Sequence[tuple[float, GaussianMixture]], table: MemorySource, vain: int) -> Optima:
        """The optima of several trials, and how many rows of the table change component between them."""
        mixture_at = dict(reversed(met))
        best = mixture_at[max(mixture_at)]
        groups = _groups(sorted((objective for objective, _ in met), reverse=True), best.n_parameters)
        values = table.array[:: -(-table.n_rows // _ROWS)]
        total_weight = float(table.everything.mass.sum())

        def changed(rank: int, mixture: GaussianMixture) -> float:
            return changed_rows(best, mixture, values, table.threads) if rank < _SHOWN else math.nan

        found = (
            Optimum(group[0], len(group), changed(rank, mixture_at[group[0]])) for rank, group in enumerate(groups)
        )
        return cls(tuple(found), total_weight, True, vain)


def _groups(ordered: Sequence[float], n_parameters: int) -> list[list[float]]:
    """Objectives, the best first, in groups that count as one optimum."""
    groups: list[list[float]] = []
    for objective in ordered:
        if groups and groups[-1][0] - objective <= allowance(n_parameters):
            groups[-1].append(objective)
        else:
            groups.append([objective])
    return groups


def chance_of_better(times: int, trials: int, vain: int) -> float:
    """The estimated chance that the same amount of work finds a better optimum than the best, reached `times` times."""
    met = times + _VAIN * vain
    share = met / (trials + _VAIN * vain)
    more = met - 1.0
    counted = more if more < _MANY else _MANY + _AFTER * (more - _MANY)
    log_odds = _CONSTANT + share * (_SHARE + _TIMES * counted) + _ONCE * (trials == 1)
    return 1.0 / (1.0 + math.exp(-log_odds))


def changed_rows(
    one: GaussianMixture, other: GaussianMixture, values: NDArray[np.floating], threads: int | None = None
) -> float:
    """The share of rows that two mixtures assign to different components, matched as well as possible."""
    from scipy.optimize import linear_sum_assignment

    if one is other:
        return 0.0
    together = np.zeros((one.n_components + 1, other.n_components + 1))  # the last, -1, is the background
    np.add.at(together, (one.predict(values, threads=threads), other.predict(values, threads=threads)), 1.0)
    return float(1.0 - together[linear_sum_assignment(-together)].sum() / len(values))
