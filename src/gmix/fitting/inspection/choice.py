"""Findings about the choice among the candidates of a search."""

from __future__ import annotations

from collections.abc import Iterator

from gmix.base.findings import Finding
from gmix.base.wording import count, nats
from gmix.fitting.candidates import Candidate, Search
from gmix.model.criteria import CRITERIA

__all__ = ["about_choice", "runner_up"]

# Kass & Raftery (1995), p. 777: a smaller difference of BIC is "not worth more than a bare mention".
_CLOSE = 2.0
_SAME = 1e-9  # relative; log-likelihoods that differ by less belong to the same model


def about_choice(search: Search, most: int | None) -> Iterator[Finding]:
    """Findings if the range of numbers of components may be too small, or another candidate is nearly as good."""
    best = search.best
    if best.n_components == most and not search.interrupted:
        yield Finding(
            "end of range",
            f"no more than {count(best.n_components, 'component')} were tried, and this number was chosen; try more",
            "note",
        )
    second = runner_up(search)
    if second is not None and (gap := second.score(search.criterion) - best.score(search.criterion)) < _CLOSE:
        yield Finding(
            "close rival",
            f"{_description(second)} has a {CRITERIA[search.criterion]} that is larger by only {nats(gap)} than that "
            f"of {_description(best)}, which was chosen; the data hardly distinguish them",
            "note",
        )


def runner_up(search: Search) -> Candidate | None:
    """The next best candidate that is a different model. With one component, several structures are the same model."""
    best = search.best
    others = [c for c in search.candidates if (search.lenient or not c.is_set_aside) and not _same(c, best)]
    return min(others, key=lambda candidate: candidate.score(search.criterion), default=None)


def _same(one: Candidate, other: Candidate) -> bool:
    return (
        one.n_components == other.n_components
        and one.run.mixture.n_parameters == other.run.mixture.n_parameters
        and abs(one.log_likelihood - other.log_likelihood) <= _SAME * abs(other.log_likelihood)
    )


def _description(candidate: Candidate) -> str:
    return f"{candidate.structure} with {count(candidate.n_components, 'component')}"
