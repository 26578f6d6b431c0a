"""The ranges of components and factors that a user left open, and where a search of factor models ends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gmix.base.arguments import as_list
from gmix.fitting.candidates import Candidate
from gmix.model.covariance import Factors, Structure, numbered

__all__ = ["OpenRanges"]

_CLEARLY = 0.5  # of the penalty for more parameters; if the fit gains less, the criterion is clearly worse


@dataclass(frozen=True)
class OpenRanges:
    """The numbers that a search of factor models need not increase to the end of their range.

    A number is not increased further if its last increase made the criterion clearly worse, which means that the fit
    gained less than half of the penalty for the new parameters, or if the last two increases made it worse. No further
    component is added either if the best candidate would stay out of reach although every further component gained as
    much as the better of the last two.

    Attributes
    ----------
    components : whether the user left the number of components open.
    factors : whether the user left the number of factors open.
    """

    components: bool = False
    factors: bool = False

    @classmethod
    def of(cls, components: Any, covariance: Any, factors: Any) -> OpenRanges:
        """What these arguments of a fit leave open."""
        names = [covariance] if isinstance(covariance, str) else as_list(covariance) or []
        families = any(isinstance(name, str) and numbered(name) is not None for name in names)
        return cls(isinstance(components, str), isinstance(factors, str) or (factors is None and families))

    def leaves_out(
        self,
        best: Mapping[tuple[Structure, int], Candidate],
        structure: Structure,
        n_components: int,
        criterion: str,
        most: int,
    ) -> bool:
        """Whether a candidate is not worth fitting, given the best runs of those with fewer components or factors.

        No candidate has more than `most` components.
        """
        if not isinstance(structure, Factors):
            return False
        q = structure.n_factors
        found = {
            (s.n_factors, k): candidate
            for (s, k), candidate in best.items()
            if isinstance(s, Factors) and s.with_factors(q) is structure
        }
        fewer_factors = [found[p, n_components] for p in range(1, q) if (p, n_components) in found]
        if self.factors and _has_stopped(fewer_factors, criterion):
            return True
        smaller = [found[q, k] for k in range(1, n_components) if (q, k) in found]
        if not (self.components and any(k < n_components for _, k in found)):
            return False
        if (q, n_components - 1) not in found or _has_stopped(smaller, criterion):
            return True
        return _is_out_of_reach(smaller, list(best.values()), criterion, most - n_components + 1)


def _has_stopped(chain: Sequence[Candidate], criterion: str) -> bool:
    """Whether the criterion gets clearly worse once, or worse twice in succession, in a chain of growing candidates."""
    before = False
    for one, other in pairwise(chain):
        worse = other.score(criterion) - one.score(criterion)
        penalty = worse + 2.0 * (other.log_likelihood - one.log_likelihood)
        if other.is_set_aside or worse > _CLEARLY * penalty or (before and worse > 0.0):
            return True
        before = worse > 0.0
    return False


def _is_out_of_reach(smaller: Sequence[Candidate], every: Sequence[Candidate], criterion: str, n_more: int) -> bool:
    """Whether `n_more` components more than the last of these candidates has cannot lead to the best candidate."""
    scores = [candidate.score(criterion) for candidate in smaller[-3:]]
    best = min((c.score(criterion) for c in every if not c.is_set_aside), default=scores[-1])
    gains = [one - other for one, other in pairwise(scores)]
    return bool(gains) and scores[-1] - max(gains) * n_more > best
