"""How a fit was selected: the criterion, the candidates in order, and what was tried."""

from __future__ import annotations

from gmix.fitting.candidates import Candidate
from gmix.fitting.result import Fit
from gmix.plot.choice import MANY_STRUCTURES

__all__ = ["candidates_by_rank", "criterion_of", "has_heat_map", "tried"]


def criterion_of(fit: Fit) -> str:
    """The name of the criterion that chose; BIC where there was no choice."""
    return fit.comparison.criterion if fit.comparison else "bic"


def candidates_by_rank(fit: Fit) -> list[Candidate]:
    """The candidates that could be chosen: the chosen one, then the others by their criterion."""
    if fit.comparison is None:
        return []
    best, set_aside = fit.comparison.best, set(fit.comparison.set_aside)
    others = [c for c in fit.comparison.candidates if c is not best and c not in set_aside]
    return [best, *sorted(others, key=lambda c: c.criteria[criterion_of(fit)])]


def tried(fit: Fit) -> tuple[list[int], list[str]]:
    """The numbers of components and the structures among which the fit was chosen."""
    if fit.comparison is None:
        return [fit.mixture.n_components], [fit.mixture.structure.code]
    counts = sorted({c.n_components for c in fit.comparison.candidates})
    return counts, list(dict.fromkeys(c.structure.code for c in fit.comparison.candidates))


def has_heat_map(fit: Fit) -> bool:
    """Whether the page shows a heat map of the criterion: a curve for each structure would be too many."""
    return len(tried(fit)[1]) > MANY_STRUCTURES
