"""The contract of a source, which yields rows and their statistics."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import DataError
from gmix.base.findings import Finding
from gmix.base.labels import Groups
from gmix.base.missing import MissingCells
from gmix.base.progress import Meter
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import DIAGONAL, Form
from gmix.model.dependence import Dependence
from gmix.model.kernel import kernel
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics
from gmix.sources.journal import Journal

__all__ = [
    "LocalSource",
    "Source",
    "box_of",
    "check_mass",
    "drawn_positions",
    "mean_of_cells",
    "selected",
    "unit_component",
]

Array = NDArray[np.float64]
_LARGE = 20_000  # numbers in a table


class Source(ABC):
    """A table, in memory or elsewhere, that yields its rows and their statistics.

    Attributes
    ----------
    n_rows : the number of rows.
    n_counting : the number of rows of positive weight.
    mass : the sum of the weights of the rows, or their number without weights.
    n_features : the number of columns.
    features : the names of the columns, or None.
    threads : the most threads to use on this machine.
    findings : findings about the table, such as columns that are left out.
    missing : the cells that are missing; None if there are none.
    least_error : ``(D,)`` the smallest variance of an error in each column, see `gmix.base.row_errors.checked_errors`;
        None if all values are exact.
    groups : the groups of components that the labels of rows name; None if rows have no labels.
    is_single : whether coarse statistics may be computed in float32.
    meter : reports the progress of each pass.
    journal : records the result of each pass.

    # Implementation
    A source is read many times, and must give the same rows in the same order each time.
    """

    n_rows: int
    n_counting: int
    mass: float = 0.0
    n_features: int
    features: tuple[str, ...] | None
    threads: int | None = None
    findings: tuple[Finding, ...] = ()
    missing: MissingCells | None = None
    least_error: Array | None = None
    groups: Groups | None = None
    is_single: bool = False
    meter: Meter | None = None
    journal: Journal | None = None

    @property
    def is_large(self) -> bool:
        """Whether an E-step on all rows takes so long that fewer or coarse steps save time."""
        return self.n_counting * self.n_features >= _LARGE

    @property
    def n_observations(self) -> float:
        """How many observations the rows stand for: their number, or the sum of their weights if that is more."""
        return max(self.n_counting, self.mass)

    @property
    def is_plain(self) -> bool:
        """Whether no cell is missing and all values are exact."""
        return self.missing is None and self.least_error is None

    @property
    def in_memory(self) -> Rows | None:
        """All rows, if they are in memory and passes over them need not be counted or recorded; else None."""
        return None

    def watched(self, meter: Meter | None, journal: Journal | None) -> Self:
        """The same source with a meter and a journal for its passes."""
        watched = copy.copy(self)
        watched.meter, watched.journal = meter, journal
        return watched

    def expect(self, components: Sequence[Components], coarse: bool = False) -> list[SufficientStatistics]:
        """The E-step over all rows for each of several mixtures, in one pass."""
        return self._recorded_pass(components, [self.reference(each.form) for each in components], coarse)

    def statistics(self, components: Components, coarse: bool = False) -> SufficientStatistics:
        """The E-step over all rows; `coarse` statistics may be computed in float32."""
        return self.expect([components], coarse)[0]

    def reference(self, form: Form) -> Reference:
        """The reference term of all rows, computed in one pass."""
        form = form.of_reference
        if form not in self._references:
            [found] = self._recorded_pass([unit_component(form, self.center)], None, False)
            reference, missing = found.reference, self.missing
            if missing is not None:
                reference = Reference.of_cells(reference, self.center[0], missing)
            self._references[form] = reference if self.least_error is None else reference.with_error(self.least_error)
        return self._references[form]

    @cached_property
    def _references(self) -> dict[Form, Reference]:
        return {}

    def _recorded_pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        """The statistics of a pass, which the meter counts; from the journal, if it holds them."""

        def metered() -> list[SufficientStatistics]:
            if self.meter is None:
                return self._pass(components, references, coarse)
            self.meter.begin(self.n_rows)
            found = self._pass(components, references, coarse)
            log_likelihoods = [statistics.log_likelihood for statistics in found] if references else []
            self.meter.end(log_likelihoods, found[0].total_weight)
            return found

        if self.journal is None:
            return metered()
        return self.journal.recall(components, references, coarse, metered)

    @property
    @abstractmethod
    def center(self) -> Array:
        """The mean ``(1, D)`` of all cells up to rounding, about which their scale is computed."""

    @abstractmethod
    def box(self) -> tuple[Array, Array]:
        """The smallest and the largest value ``(D,)`` of each column, in rows of positive weight."""

    @abstractmethod
    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        """The statistics of all rows for each of several mixtures; see `gmix.model.kernel.Kernel.expect`.

        Without references, missing cells have the value of the `center`, and all values are exact.
        """

    @property
    def has_soft_labels(self) -> bool:
        """Whether labels are probabilities of groups rather than known groups."""
        return False

    @abstractmethod
    def rows(self, n: int, rng: np.random.Generator) -> Rows:
        """A random sub-sample of at most `n` rows of positive weight, in the order of the table."""

    def of_label(self, number: int) -> Self:
        """The same table, in which the rows of other groups have weight zero; -1 stands for unlabeled rows."""
        raise NotImplementedError

    def place_of_label(self, number: int) -> str:
        """Where the first row of a group is, in words for an error message."""
        return "a row"

    def obeys(self, dependence: Dependence, *, complete: bool = False) -> bool:
        """Whether all rows of positive weight are known to obey a dependence among their columns.

        If `complete`, only the rows without missing cells count.
        """
        return False

    def select(self, columns: Sequence[int]) -> Source:
        """The same rows with some of the columns, by position. A source that implements `obeys` implements this too."""
        raise NotImplementedError


class LocalSource(Source):
    """A source whose statistics this process computes. The same rows give the same bits in every local source."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the rows, float32 or float64."""

    @property
    def is_single(self) -> bool:  # type: ignore[override]
        return bool(self.dtype == np.float32)

    @abstractmethod
    def blocks(self) -> Iterator[Rows]:
        """The rows, block by block. Reading the next block but one may overwrite a block."""

    @abstractmethod
    def select(self, columns: Sequence[int]) -> LocalSource: ...

    def place(self, row: int) -> str:
        """Where a row is, in words for an error message."""
        return f"row {row}"

    def place_of_label(self, number: int) -> str:
        begin = 0
        for block in self.blocks():
            if block.labels is not None and (found := block.labels == number).any():
                return self.place(begin + int(np.argmax(found)))
            begin += len(block)
        return super().place_of_label(number)

    def obeys(self, dependence: Dependence, *, complete: bool = False) -> bool:
        blocks = (block.counting for block in self.blocks())
        return not any(dependence.departs((block.complete if complete else block).values).any() for block in blocks)

    def box(self) -> tuple[Array, Array]:
        return box_of(self.blocks())

    @cached_property
    def center(self) -> Array:
        return mean_of_cells(self.blocks(), self.n_features, self.missing, self.threads)

    def _pass(
        self, components: Sequence[Components], references: Sequence[Reference] | None, coarse: bool
    ) -> list[SufficientStatistics]:
        blocks = self.blocks()
        if references is None and not self.is_plain:
            blocks = (block.completed(self.center[0]) for block in blocks)
        return kernel.expect(blocks, components, references, threads=self.threads, coarse=coarse)


def mean_of_cells(blocks: Iterable[Rows], n_features: int, missing: MissingCells | None, threads: int | None) -> Array:
    """The mean ``(1, D)`` of the cells of all rows, from one pass."""
    zeros = np.zeros(n_features)
    complete = (block.completed(zeros) for block in blocks)
    [sums] = kernel.expect(complete, [unit_component(DIAGONAL, zeros[None])], threads=threads)
    return sums.mean if missing is None else sums.mean * missing.rows_per_cell


def box_of(blocks: Iterable[Rows]) -> tuple[Array, Array]:
    """The smallest and the largest value of each column, in rows of positive weight; infinite without any."""
    low, high = np.array(np.inf), np.array(-np.inf)
    for block in blocks:
        values = block.counting.values
        low = np.fmin(low, np.fmin.reduce(values, axis=0, initial=np.inf))
        high = np.fmax(high, np.fmax.reduce(values, axis=0, initial=-np.inf))
    return np.asarray(low, np.float64), np.asarray(high, np.float64)


def check_mass(mass: float, column: str | None = None) -> None:
    """Raise `DataError` if the weights of all rows, from this column if they are in one, add up to zero."""
    if mass < 1e-100:
        what = "sample_weight" if column is None else f"the column of weights, {column!r},"
        raise DataError(f"{what} adds up to zero ({mass:.3g}); give at least one row a positive weight")


def drawn_positions(count: int, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """The positions of at most `n` of `count` rows, drawn at random, in order; the same for the rows of any source."""
    return np.sort(rng.choice(count, size=n, replace=False)) if count > n else np.arange(count)


def selected(names: tuple[str, ...] | None, columns: Sequence[int]) -> tuple[str, ...]:
    """The names of some of the columns; x1, x2 and so on if the table has no names."""
    return tuple(names[j] if names else f"x{j + 1}" for j in columns)


def unit_component(form: Form, mean: Array) -> Components:
    """A single component of unit covariance about a mean ``(1, D)``, to which every row belongs completely."""
    identity = form.compress(np.eye(mean.shape[1])[None])
    return Components(form, np.zeros(1), mean, identity, identity)
