"""How many rows, runs and steps a search takes: the sizes of sub-samples, and the rounds of races."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

from gmix.model.covariance import Structure
from gmix.model.stopping import Round, StoppingRule
from gmix.sources import Source

__all__ = ["Schedule", "race_rows", "table_rows"]

# The rows of the sub-sample that the race runs on: a number per parameter of the richest candidate, within limits.
_ROWS_PER_PARAMETER, _FEWEST, _MOST = 25, 2_000, 10_000
_PROMISING = 16  # runs that race, at most
# The rounds of a race: the rule that ends each, and the share of `_PROMISING` runs that are kept. On large tables the
# race runs on a sub-sample, and keeping more runs pays; on small ones, running nearer to the optima does.
_MANY_ROWS = (
    (StoppingRule(0.0, 0), 1.0),
    (StoppingRule(1e-2, 30, chance=0.02), 0.375),
    (StoppingRule(1e-3, 60, chance=0.02), 0.1875),
)
_FEW_ROWS = ((StoppingRule(0.0, 4), 0.5), (StoppingRule(3e-3, 60), 0.25), (StoppingRule(5e-4, 60), 0.125))
# Factors are found slowly, so the first steps say less about where a run leads, and the last ones gain little. With
# many columns, a start says most, and a step is expensive. One component has several local optima too.
_FEW_NUMBERS = ((StoppingRule(0.0, 10), 0.375), (StoppingRule(1e-3, 60), 0.1875), (StoppingRule(1e-4, 100), 0.125))
_ONE_COMPONENT = ((StoppingRule(1e-3, 100), 0.125),)
_MANY_NUMBERS = (
    (StoppingRule(0.0, 1), 0.5),
    (StoppingRule(0.0, 8), 0.25),
    (StoppingRule(1e-3, 40, chance=0.02), 0.125),
    (StoppingRule(1e-4, 80, chance=0.01), 0.0625),
)
_ON_SAMPLE = StoppingRule(1e-5, 300, chance=0.1)
# Rows on which optima are compared, at most; and numbers in these rows, or in their posterior probabilities.
_TABLE_ROWS, _TABLE_NUMBERS = 100_000, 4_000_000
_WORK = 2e8  # multiply-adds that one iteration of all racing runs together may cost
_EXPONENTIAL = 20  # multiply-adds that one exponential costs


class Schedule(NamedTuple):
    """The rounds of the race, and the stopping rules of the runs after it, on the sub-sample and on all rows.

    If an iteration is expensive, fewer runs race. Runs on the sub-sample end earlier than runs on all rows, because
    their optimum differs anyway. On small tables `StoppingRule.chance` would save no time, and is ignored.
    """

    rounds: Sequence[Round]
    on_sample: StoppingRule
    on_all_rows: StoppingRule

    @classmethod
    def of(cls, structure: Structure, n_components: int, sample: Source, source: Source, rule: StoppingRule) -> Self:
        parameters = structure.n_parameters(n_components, source.n_features)
        runs = _WORK / (sample.n_rows * (parameters + _EXPONENTIAL * n_components))
        most = min(max(int(runs), 1), _PROMISING)
        many = source.is_large
        rounds: Sequence[tuple[StoppingRule, float]] = _MANY_ROWS if many else _FEW_ROWS
        if structure.form.is_sketch:
            rounds = _MANY_NUMBERS if many else _FEW_NUMBERS if n_components > 1 else _ONE_COMPONENT
        return cls(
            [
                Round(round_rule.among(parameters, sample.n_rows), max(int(share * most), 1))
                for round_rule, share in rounds
            ],
            Round(_ON_SAMPLE, 1).within(rule).rule.among(parameters, source.n_counting),
            rule.among(parameters, source.n_observations) if many else rule,
        )


def race_rows(components: Sequence[int], structures: Sequence[Structure], n_features: int) -> int:
    """The number of rows in the sub-sample that the race runs on."""
    richest = max(s.n_parameters(max(components), n_features) for s in structures)
    # With fewer than two rows per parameter, the optimum is far from the optimum on all rows.
    return max(min(max(_ROWS_PER_PARAMETER * richest, _FEWEST), _MOST), 2 * richest)


def table_rows(components: Sequence[int], n_rows: int, n_features: int) -> int:
    """The number of rows on which optima are compared; not fewer than `n_rows`, those that runs race on."""
    return max(n_rows, min(_TABLE_NUMBERS // max(*components, n_features), _TABLE_ROWS))
