"""What a search finds: the best run of every candidate, and the one that the criterion chose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix import plot
from gmix.base.wording import count
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.em import Run
from gmix.model.covariance import Structure
from gmix.model.criteria import criteria, criterion

__all__ = ["Candidate", "Search"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """The best run of one structure with one number of components.

    Attributes
    ----------
    run : its `gmix.fitting.em.Run`.
    optima : the objectives that all its runs reached, best first.
    collapsed : the components that have no width in some direction, but for those that stand for a repeated row.
    seconds : how long it took.
    unsupported : the components that rest on fewer distinct rows than `Structure.rows_needed`.
    repeated : the components that stand for one repeated row alone.
    """

    run: Run
    optima: tuple[float, ...]
    collapsed: tuple[int, ...]
    seconds: float
    unsupported: tuple[int, ...] = ()
    repeated: tuple[int, ...] = ()

    @property
    def is_set_aside(self) -> bool:
        """Say whether it is chosen only if there is no other: its likelihood may be an accident of a few rows."""
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
        """The same candidate with its components in their stated order; see `gmix.model.reference.Reference.order`."""
        run = self.run
        order = run.statistics.reference.order(run.mixture.means)
        if (np.diff(order) > 0).all():
            return self
        model = replace(run.model, mixture=run.mixture.reordered(order))
        statistics = run.statistics.reordered(order)
        places = np.argsort(order)
        marked = (self.collapsed, self.unsupported, self.repeated)
        collapsed, unsupported, repeated = (tuple(sorted(int(places[k]) for k in those)) for those in marked)
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
        """BIC, AIC, AICc and ICL; smaller is better. See `gmix.criteria`."""
        return criteria(self.run.mixture, self.run.statistics)

    def score(self, name: str) -> float:
        """One of the criteria, without the others."""
        return criterion(name, self.run.mixture, self.run.statistics)

    @property
    def bic(self) -> float:
        return self.score("bic")

    @property
    def aic(self) -> float:
        return self.score("aic")


@dataclass(frozen=True, eq=False)
class Search:
    """Every candidate that was tried, and the one that the criterion chose.

    A candidate with a component that collapsed, or that rests on too few rows, is chosen only if there is no other.

    Attributes
    ----------
    candidates : every one that was fitted.
    interrupted : whether Ctrl-C ended the search with candidates still to fit.
    criterion : what chose, ``"bic"`` for instance.
    untried : the candidates that were not fitted because the table has too few different rows for them.
    distinct : the different rows of the table, or of a sub-sample of it; None where there was nothing to choose.
    left_out : how many candidates sub-samples of a large table left out.
    lenient : whether candidates that collapsed are as good as others, because the table has few different rows.
    """

    candidates: tuple[Candidate, ...]
    interrupted: bool = False
    criterion: str = "bic"
    untried: tuple[tuple[Structure, int], ...] = ()
    distinct: DistinctRows | None = None
    lenient: bool = False
    left_out: int = 0

    @property
    def in_order(self) -> Search:
        """The same search with the components of every candidate in their stated order."""
        return replace(self, candidates=tuple(candidate.in_order for candidate in self.candidates))

    def __repr__(self) -> str:
        return f"Search({count(len(self.candidates), 'candidate')}, best by {self.criterion}: {self.best})"

    @cached_property
    def best(self) -> Candidate:
        return min(self.candidates, key=self.order)

    def order(self, candidate: Candidate) -> tuple[bool, bool, float]:
        """What candidates are sorted by, the best first."""
        score = candidate.score(self.criterion)
        return (False, False, score) if self.lenient else (bool(candidate.collapsed), candidate.is_set_aside, score)

    @property
    def weights(self) -> NDArray[np.float64]:
        """How probable each candidate is beside the others, by BIC: ``exp(-BIC / 2)``, normalized; not if set aside.

        With equal prior probabilities they approximate the posterior: Kass & Raftery (1995), *Journal of the American
        Statistical Association* 90:773. Two that are nearly alike say that the data does not choose between them.
        """
        values = np.array([np.inf if c.is_set_aside and not self.lenient else c.bic for c in self.candidates])
        if np.isinf(values).all():
            values = np.array([c.bic for c in self.candidates])
        share = np.exp((values.min() - values) / 2.0)
        return np.asarray(share / share.sum())

    def table(self) -> list[dict[str, Any]]:
        """One row a candidate: structure, components, log-likelihood, parameters, criteria, weight, seconds, reason."""
        return [
            {
                "structure": c.structure.code,
                "components": c.n_components,
                "log_likelihood": c.log_likelihood,
                "parameters": c.run.mixture.n_parameters,
                **c.criteria,
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
        """The candidates that could not be chosen beside sound ones, the best first."""
        if self.lenient:
            return ()
        return tuple(sorted((c for c in self.candidates if c.is_set_aside), key=self.order))

    def plot(self, ax: Any = None) -> Any:
        """Draw the criterion that chose, over components and structures; see `gmix.plot.criteria`."""
        return plot.criteria(self, ax)
