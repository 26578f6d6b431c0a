"""The contract of a source: where rows live, and how they are asked for statistics."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.findings import Finding
from gmix.base.progress import Meter
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import DIAGONAL, Form
from gmix.model.dependence import Dependence
from gmix.model.kernel import kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.sources.journal import Journal

__all__ = ["LocalSource", "Source", "selected", "unit_component"]

Array = NDArray[np.float64]
_MANY = 20_000  # numbers in a table from which on steps are worth saving


class Source(ABC):
    """Where rows live. It hands out rows and their statistics.

    # Implementation
    A source is read many times, and must give the same rows in the same order each time.
    """

    n_rows: int
    n_counting: int  # of the rows, those of positive weight
    n_features: int
    features: tuple[str, ...] | None
    threads: int | None = None  # to use at most on this machine
    findings: tuple[Finding, ...] = ()  # about the table: columns left out and the like
    is_single: bool = False  # whether coarse statistics can be had, because rows are of float32
    meter: Meter | None = None
    journal: Journal | None = None

    @property
    def is_large(self) -> bool:
        """Say whether a step on all rows takes so long that some are worth saving, or taking in float32."""
        return self.n_counting * self.n_features >= _MANY

    @property
    def in_memory(self) -> Rows | None:
        """All rows, where they lie in memory and no pass over them has to be counted or recorded."""
        return None

    def watched(self, meter: Meter | None, journal: Journal | None) -> Self:
        """The same source, whose passes are counted and recorded."""
        watched = copy.copy(self)
        watched.meter, watched.journal = meter, journal
        return watched

    def expect(self, components: Sequence[Components], coarse: bool = False) -> list[SufficientStatistics]:
        """The E-step under each of several components over all rows, in one pass."""
        return self._recalled(components, [self.reference(each.form) for each in components], coarse)

    def statistics(self, components: Components, coarse: bool = False) -> SufficientStatistics:
        """The E-step over all rows; `coarse` statistics may be computed in float32."""
        return self.expect([components], coarse)[0]

    def reference(self, form: Form) -> Reference:
        """The scale of all rows, computed in one pass."""
        if form not in self._references:
            [found] = self._recalled([unit_component(form, self.center)], None, False)
            self._references[form] = found.reference
        return self._references[form]

    @cached_property
    def _references(self) -> dict[Form, Reference]:
        return {}

    def _recalled(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        """What a pass finds, or what the journal says that it found."""

        def metered() -> list[SufficientStatistics]:
            if self.meter is None:
                return self._pass(components, references, coarse)
            self.meter.begin(self.n_rows)
            found = self._pass(components, references, coarse)
            reached = [each.log_likelihood for each in found] if references else []
            self.meter.end(reached, found[0].n_rows)
            return found

        if self.journal is None:
            return metered()
        return self.journal.recall(components, references, coarse, metered)

    @property
    @abstractmethod
    def center(self) -> Array:
        """The mean ``(1, D)`` of all rows but for rounding, about which their scale is computed."""

    @abstractmethod
    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        """The statistics of all rows under each of several components; see `gmix.model.kernel.Kernel.expect`."""

    @abstractmethod
    def rows(self, n: int, rng: np.random.Generator) -> Rows:
        """A sub-sample of at most ``n`` rows of positive weight, in their order."""

    def obeys(self, dependence: Dependence) -> bool:
        """Say whether the columns of all rows of positive weight are known to follow from one another as stated."""
        return False

    def select(self, columns: Sequence[int]) -> Source:
        """The same rows with some of the columns, by position. A source that may say yes to `obeys` can do this."""
        raise NotImplementedError


class LocalSource(Source):
    """Rows whose statistics this process computes: equal rows give equal bits."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64, of the rows."""

    @property
    def is_single(self) -> bool:  # type: ignore[override]
        return bool(self.dtype == np.float32)

    @abstractmethod
    def blocks(self) -> Iterator[Rows]:
        """The rows, some at a time; each block is overwritten when the next but one is read."""

    @abstractmethod
    def select(self, columns: Sequence[int]) -> LocalSource: ...

    def obeys(self, dependence: Dependence) -> bool:
        return not any(dependence.departs(block.counting.values).any() for block in self.blocks())

    @cached_property
    def center(self) -> Array:
        origin = unit_component(DIAGONAL, np.zeros((1, self.n_features)))
        return self._pass([origin], None, False)[0].mean

    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        return kernel.expect(self.blocks(), components, references, threads=self.threads, coarse=coarse)


def selected(names: tuple[str, ...] | None, columns: Sequence[int]) -> tuple[str, ...]:
    """The names of some of the columns, also where they have no names of their own."""
    return tuple(names[j] if names else f"x{j + 1}" for j in columns)


def unit_component(form: Form, mean: Array) -> Components:
    """One component of unit covariance about a mean ``(1, D)``: every row belongs to it wholly."""
    one = form.compress(np.eye(mean.shape[1])[None])
    return Components(form, np.zeros(1), mean, one, one)
