"""Sentences about the local optima that a search reached, and about how likely a better one is."""

from __future__ import annotations

import math

from gmix.base.wording import count, number, percent
from gmix.fitting.refinement.optima import Optima

__all__ = ["chance_text", "optima_lines", "trials_text"]

_LEAST = 0.005  # the least chance that is rounded to whole percent; a lower one is written as less than 1 %


def trials_text(optima: Optima, mass: float) -> str:
    r"""How many trials reached the best optimum, and how far below it the next one is.

    `mass` is the total weight of the table. If that of the optima differs, the trials were on a sub-sample.

    >>> from gmix.fitting.refinement import Optimum
    >>> trials_text(Optima((Optimum(-100.0, 3), Optimum(-104.8, 1, 0.12)), 50.0), 50.0).replace("\xa0", " ")
    '4 trials: 3 reached the best of 2 optima; the next one is 4.8 nats lower (12 % of rows change component)'
    """
    trials = count(optima.trials, "trial")
    if not math.isclose(optima.total_weight, mass):
        trials += " on a sub-sample"
    best, *others = optima.found
    if not others:
        return trials if best.times == 1 else f"{trials}: all reached the same optimum"
    changed = "" if math.isnan(others[0].changed) else f" ({percent(others[0].changed)} of rows change component)"
    gap = number(best.objective - others[0].objective, 2)
    return (
        f"{trials}: {best.times:,} reached the best of {len(optima.found):,} optima; the next one is {gap} nats "
        f"lower{changed}"
    )


def chance_text(optima: Optima) -> str:
    """The estimated chance of a better optimum, in words."""
    chance = optima.chance_of_better
    value = f"about {percent(chance)}" if chance >= _LEAST else f"less than {percent(0.01)}"
    return f"estimated chance that as much work again finds a better optimum: {value}"


def optima_lines(optima: Optima | None, mass: float) -> list[str]:
    """The lines of a summary about the trials; none without trials."""
    if optima is None:
        return []
    return [f"  optima          {trials_text(optima, mass)}", f"                  {chance_text(optima)}"]
