"""The result of a search: the best run of every candidate, and the candidate that the criterion chose."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix import plot
from gmix.base.wording import count
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.em import Run
from gmix.fitting.refinement.optima import Optima
from gmix.model.covariance import Structure
from gmix.model.criteria import criteria, criterion, nec
from gmix.notebook import search_html

__all__ = ["Candidate", "Search"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A structure with a number of components, and the best of its EM runs.

    Attributes
    ----------
    run : the best `gmix.fitting.em.Run`.
    optima : the local optima that were met; see `gmix.fitting.refinement.Optima`.
    collapsed : the components that have zero variance in some direction, without those in `repeated`.
    seconds : how long the runs took.
    unsupported : the components that are supported by fewer distinct rows than `Structure.rows_needed`.
    repeated : the components that describe only one repeated row.
    """

    run: Run
    optima: Optima
    collapsed: tuple[int, ...]
    seconds: float
    unsupported: tuple[int, ...] = ()
    repeated: tuple[int, ...] = ()

    @property
    def is_set_aside(self) -> bool:
        """Whether it is chosen only if every candidate is set aside: few rows may account for its likelihood."""
        return bool(self.collapsed or self.unsupported)

    @property
    def structure(self) -> Structure:
        return self.run.mixture.structure

    @property
    def n_components(self) -> int:
        return self.run.mixture.n_components

    @property
    def log_likelihood(self) -> float:
        return self.run.statistics.log_likelihood

    @property
    def in_order(self) -> Candidate:
        """The same candidate with its components in the order of `gmix.model.reference.Reference.order`."""
        run = self.run
        order = run.statistics.reference.order(run.mixture.means)
        if (np.diff(order) > 0).all():
            return self
        groups = None if run.model.groups is None else run.model.groups[order]
        model: Any = run.model
        model = replace(model, mixture=run.mixture.reordered(order), groups=groups)
        statistics = run.statistics.reordered(order)
        rank = np.argsort(order)
        collapsed, unsupported, repeated = (
            tuple(sorted(int(rank[k]) for k in components))
            for components in (self.collapsed, self.unsupported, self.repeated)
        )
        return replace(
            self,
            run=replace(run, model=model, statistics=statistics),
            collapsed=collapsed,
            unsupported=unsupported,
            repeated=repeated,
        )

    def __repr__(self) -> str:
        collapsed = ", collapsed" * bool(self.collapsed)
        return f"Candidate({self.structure}, {count(self.n_components, 'component')}, BIC {self.bic:.6g}{collapsed})"

    @cached_property
    def criteria(self) -> dict[str, float]:
        """Every criterion by name; smaller is better. See `gmix.criteria`."""
        return criteria(self.run.mixture, self.run.statistics, self.run.model.n_parameters)

    def score(self, name: str) -> float:
        """One of the criteria, without the others."""
        return criterion(name, self.run.mixture, self.run.statistics, self.run.model.n_parameters)

    @cached_property
    def nec(self) -> float:
        """The normalized entropy criterion, `gmix.criteria.nec`; NaN with a prior, labels or frozen parameters too."""
        model = self.run.model
        if not (model.prior is None and model.groups is None and model.frozen is None):
            return math.nan
        return nec(self.run.mixture, self.run.statistics)

    @property
    def bic(self) -> float:
        return self.score("bic")

    @property
    def aic(self) -> float:
        return self.score("aic")


@dataclass(frozen=True, eq=False)
class Search:
    """The candidates that were fitted, one or several, and which one the criterion chose.

    A candidate with a component that collapsed, or that too few rows support, is chosen only if there is no other.

    Attributes
    ----------
    candidates : the candidates that were fitted.
    interrupted : whether Ctrl-C ended the search before all candidates were fitted.
    criterion : the name of the criterion that chooses, such as ``"bic"``.
    untried : the candidates that were not fitted, because the table has too few distinct rows for them.
    distinct : the distinct rows of the table or of a sub-sample; None if there was only one candidate.
    unpromising : the candidates that were not fitted, because others with fewer components or factors are better.
    left_out : how many candidates were left out after sub-samples of a large table.
    lenient : whether collapsed candidates may be chosen like any other, because the table has few distinct rows.
    """

    candidates: tuple[Candidate, ...]
    interrupted: bool = False
    criterion: str = "bic"
    untried: tuple[tuple[Structure, int], ...] = ()
    distinct: DistinctRows | None = None
    lenient: bool = False
    left_out: int = 0
    unpromising: tuple[tuple[Structure, int], ...] = ()

    @property
    def in_order(self) -> Search:
        """The same search with the components of every candidate in order; see `Candidate.in_order`."""
        return replace(self, candidates=tuple(candidate.in_order for candidate in self.candidates))

    def __repr__(self) -> str:
        return f"Search({count(len(self.candidates), 'candidate')}, best by {self.criterion}: {self.best})"

    def _repr_html_(self) -> str:
        return search_html(self)

    @property
    def compares(self) -> bool:
        """Whether there were several candidates to choose from."""
        return len(self.candidates) + len(self.untried) + len(self.unpromising) + self.left_out > 1

    @cached_property
    def best(self) -> Candidate:
        return min(self.candidates, key=self.order)

    def order(self, candidate: Candidate) -> tuple[bool, bool, float]:
        """The key that sorts candidates, the best first."""
        score = candidate.score(self.criterion)
        return (False, False, score) if self.lenient else (bool(candidate.collapsed), candidate.is_set_aside, score)

    def is_better(self, other: Search) -> bool:
        """Whether its best candidate is better than that of another search by the same criterion."""
        return self.order(self.best) < other.order(other.best)

    @property
    def weights(self) -> NDArray[np.float64]:
        """The BIC weight of each candidate: ``exp(-BIC / 2)``, normalized; zero if set aside, unless all are.

        Under equal prior probabilities they approximate the posterior probabilities: Kass & Raftery (1995), *Journal
        of the American Statistical Association* 90:773.
        """
        values = np.array([np.inf if c.is_set_aside and not self.lenient else c.bic for c in self.candidates])
        if np.isinf(values).all():
            values = np.array([c.bic for c in self.candidates])
        share = np.exp((values.min() - values) / 2.0)
        return np.asarray(share / share.sum())

    def table(self) -> list[dict[str, Any]]:
        """One dict per candidate, for a DataFrame: structure, components, criteria, weight, seconds and more."""
        return [
            {
                "structure": c.structure.code,
                "components": c.n_components,
                "log_likelihood": c.log_likelihood,
                "parameters": c.run.model.n_parameters,
                **c.criteria,
                "nec": c.nec,
                "weight": float(weight),
                "collapsed": bool(c.collapsed),
                "unsupported": bool(c.unsupported),
                "seconds": c.seconds,
                "reason": c.run.reason.name.lower(),
            }
            for c, weight in zip(self.candidates, self.weights, strict=True)
        ]

    @cached_property
    def set_aside(self) -> tuple[Candidate, ...]:
        """The candidates that are chosen only if there is no other, the best first."""
        if self.lenient:
            return ()
        return tuple(sorted((c for c in self.candidates if c.is_set_aside), key=self.order))

    def plot(self, ax: Any = None) -> Any:
        """Draw the criterion for all numbers of components and structures; see `gmix.plot.criteria`."""
        return plot.criteria(self, ax)
