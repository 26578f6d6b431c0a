"""How often a second search finds a better optimum, compared with the chance that the first search estimates.

A fit may state the chance that as much work again would find a better optimum. The chance is compared with the fits of
the other seeds on the same table with the same settings: "seen" is the share of these whose log-likelihood is higher
by more than the allowance of the table. Fits with a spurious component do not count. The estimate was calibrated on
every second table, and is checked on the others.
"""

from __future__ import annotations

import itertools
import statistics
from typing import Any, NamedTuple

EDGES = (0.0, 0.02, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9, 1.0)


class Stated(NamedTuple):
    """The chance that a fit stated, and the share of the other fits that are better."""

    table: str
    half: str
    chance: float
    seen: float


def stated_chance(fit: Any) -> float | None:
    """The chance that as much work again would find a better optimum; None if the fit does not say."""
    return None if fit.optima is None else float(fit.optima.chance_of_better)


def shares_seen(values: list[float], allowance: float) -> list[float]:
    """For each log-likelihood, the share of the others that are higher by more than the allowance."""
    others = len(values) - 1
    return [sum(other > value + allowance for other in values) / others for value in values]


def described(every: list[Stated]) -> str:
    """Mean stated chances and shares seen, in bins of the chance for both halves of the tables, and by table."""
    heads = "| half | stated from | to | fits | mean stated | seen |\n|---|---|---|---|---|---|"
    lines = [heads]
    for half in ("calibration", "check"):
        for low, high in itertools.pairwise(EDGES):
            inside = [s for s in every if s.half == half and (low <= s.chance < high or s.chance == high == 1.0)]
            if inside:
                lines.append(f"| {half} | {low:g} | {high:g} | {_means(inside)} |")
    lines += ["", "| half | table | fits | mean stated | seen |\n|---|---|---|---|---|"]
    for half, table in sorted({(s.half, s.table) for s in every}):
        lines.append(f"| {half} | {table} | {_means([s for s in every if s.table == table])} |")
    return "\n".join(lines)


def _means(some: list[Stated]) -> str:
    chance, seen = (statistics.fmean(getattr(s, which) for s in some) for which in ("chance", "seen"))
    return f"{len(some)} | {chance:.3f} | {seen:.3f}"
