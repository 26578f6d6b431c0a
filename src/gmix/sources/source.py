"""The contract of a source: where rows live, and how they are asked for statistics."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.findings import Finding
from gmix.base.progress import Meter
from gmix.fitting.stop import Heat, Reason, Stop
from gmix.model import kernel
from gmix.model.covariance import DIAGONAL, Form
from gmix.model.dependence import Dependence
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.sources.journal import Journal

__all__ = ["LocalSource", "Source", "alone", "selected"]

_MANY = 20_000  # numbers in a table from which on steps are worth saving


# Of climbs without Python: the place of the start, mixture and statistics where an E-step was finished, history, why it
# ended, and whether no component is known to be on the floor.
Climbed = tuple[int, GaussianMixture | None, SufficientStatistics | None, list[float], Reason | None, bool]


class Source(ABC):
    """Where rows live.

    # Implementation
    A source is read many times, and must give the same rows in the same order each time.
    """

    n_rows: int
    n_counting: int  # of the rows, those that have weight
    n_features: int
    features: tuple[str, ...] | None
    threads: int | None = None  # to use at most on this machine
    findings: tuple[Finding, ...] = ()  # about the table: columns left out and the like
    meter: Meter | None = None
    journal: Journal | None = None

    @property
    def is_large(self) -> bool:
        """Say whether a step on all rows takes so long that some are worth saving, or taking in float32."""
        return self.n_counting * self.n_features >= _MANY

    def watched(self, meter: Meter | None, journal: Journal | None) -> Self:
        """The same source, whose passes are counted and written down."""
        watched = copy.copy(self)
        watched.meter, watched.journal = meter, journal
        return watched

    def recalled(
        self,
        mixtures: Sequence[kernel.Components],
        ask: Callable[[], list[kernel.Sums]],
        coarse: bool = False,
        climbing: bool = True,
    ) -> list[kernel.Sums]:
        """What a pass finds of each mixture, as `ask` says or the journal knows.

        A source that lets its passes through here can be watched and resumed. Where it adds up statistics instead of
        the kernel's sums, their mean and scatter take the places of first and second moments.
        """

        def metered() -> list[kernel.Sums]:
            if self.meter is None:
                return ask()
            self.meter.begin(self.n_rows)
            found = ask()
            reached = [sums.log_likelihood for sums in found] if climbing else []
            self.meter.end(reached, float(found[0].mass.sum()))
            return found

        return metered() if self.journal is None else self.journal.recall(mixtures, coarse, metered)

    @abstractmethod
    def expect(self, mixtures: Sequence[GaussianMixture]) -> list[SufficientStatistics]:
        """The E-step of each mixture over all rows, in one pass."""

    def climb(
        self,
        mixtures: Sequence[GaussianMixture],
        stop: Stop,
        history: Sequence[float] = (),
        prior: Prior | None = None,
        heats: Sequence[Heat] = (),
        patient: bool = True,
    ) -> list[Climbed] | None:
        """Many EM steps from each of several mixtures of one structure, without Python between them.

        After the `heats` of a race there are only those that came in, best first.

        None where there is no such way. Each climb begins with an E-step and ends with one, so statistics and mixture
        belong together; without a reason to end, its next M-step needs more care than this way takes. `history` holds
        what was reached before. An interruption ends the list with the climb that it met.
        """
        return None

    @abstractmethod
    def rows(self, n: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """A sub-sample of at most ``n`` rows that have weight, in their order, and their weights."""

    def obeys(self, dependence: Dependence) -> bool:
        """Say whether the columns of all rows that have weight are known to follow from one another as stated."""
        return False

    def select(self, columns: Sequence[int]) -> Source:
        """The same rows with some of the columns, by position. A source that may say yes to `obeys` can do this."""
        raise NotImplementedError


class LocalSource(Source):
    """Rows that this process adds up itself, with the kernel's own running sums: equal rows give equal bits."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64, of the rows."""

    @abstractmethod
    def sums(self, mixtures: Sequence[kernel.Components], coarse: bool = False) -> list[kernel.Sums]:
        """The kernel's sums of each mixture over all rows, in one pass; see `gmix.model.kernel.sums`."""

    @abstractmethod
    def blocks(self) -> Iterator[tuple[NDArray[Any], NDArray[np.float64] | None]]:
        """The rows ``(n, D)`` and their weights, some at a time; each is gone when the next is asked for."""

    def expect(self, mixtures: Sequence[GaussianMixture]) -> list[SufficientStatistics]:
        return [s.among(self.total(s.form)) for s in self._counted([m.components for m in mixtures])]

    @abstractmethod
    def select(self, columns: Sequence[int]) -> LocalSource: ...

    def obeys(self, dependence: Dependence) -> bool:
        for rows, weight in self.blocks():
            if dependence.departs(rows if weight is None else rows[weight > 0]).any():
                return False
        return True

    def total(self, form: Form) -> SufficientStatistics:
        """The statistics of all rows as one component, counted once."""
        if form not in self._totals:
            [self._totals[form]] = self._counted([alone(form, self.center)], climbing=False)
        return self._totals[form]

    @cached_property
    def center(self) -> NDArray[np.float64]:
        """The mean ``(1, D)`` of all rows but for rounding, about which they are counted."""
        origin = alone(DIAGONAL, np.zeros((1, self.n_features)))
        return kernel.statistics(origin, *self.sums([origin])).mean

    @cached_property
    def _totals(self) -> dict[Form, SufficientStatistics]:
        return {}

    def _counted(self, mixtures: Sequence[kernel.Components], climbing: bool = True) -> list[SufficientStatistics]:
        found = self.recalled(mixtures, lambda: self.sums(mixtures), climbing=climbing)
        return [kernel.statistics(*pair) for pair in zip(mixtures, found, strict=True)]

    def climb(
        self,
        mixtures: Sequence[GaussianMixture],
        stop: Stop,
        history: Sequence[float] = (),
        prior: Prior | None = None,
        heats: Sequence[Heat] = (),
        patient: bool = True,
    ) -> list[Climbed] | None:
        if type(stop) is not Stop or not (prior is None or prior.constant):  # the compiled way knows the plain ones
            return None
        structure, features = mixtures[0].structure, mixtures[0].features
        if not structure.compiled_for(self.n_features):
            return None
        rows, weight = self.climbed() if self.meter is None and self.journal is None else (self._asked, None)
        total = self.total(structure.form)
        counts = {m.n_components for m in mixtures}
        unseen = {k: None if prior is None else prior.unseen(total.none(k), structure) for k in counts}
        found = kernel.climb(
            rows,
            structure,
            [kernel.Way(m.weights, m.means, m.compact_covariances, history, unseen[m.n_components]) for m in mixtures],
            total,
            stop,
            weight,
            self.threads,
            coarse=self.dtype == np.float32 and self.is_large,
            heats=heats,
            patient=patient,
        )
        if found is None:
            return None
        return [
            (
                one.place,
                None if one.top is None else GaussianMixture.unchecked(*one.top, structure, features),
                one.statistics,
                one.history,
                one.reason,
                one.sound,
            )
            for one in found
        ]

    def climbed(self) -> tuple[kernel.Rows | Callable[[kernel.Components, bool], kernel.Sums], kernel.Array | None]:
        """What a compiled climb reads: rows and weights where they lie in memory, else a function to ask for sums."""
        return self._asked, None

    def _asked(self, mixture: kernel.Components, coarse: bool) -> kernel.Sums:
        return self.recalled([mixture], lambda: self.sums([mixture], coarse), coarse)[0]


def selected(names: tuple[str, ...] | None, columns: Sequence[int]) -> tuple[str, ...]:
    """What some of the columns are called, also where they have no names of their own."""
    return tuple(names[j] if names else f"x{j + 1}" for j in columns)


def alone(form: Form, mean: NDArray[np.float64]) -> kernel.Components:
    """One component of unit covariance about a mean ``(1, D)``: under it every row counts wholly."""
    one = form.compress(np.eye(mean.shape[1])[None])
    return kernel.Components(form, np.zeros(1), mean, one, one)
