"""Starts that a function of the user makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.fitting.start.contract import Start, StartingMixtures, n_seed_rows
from gmix.fitting.start.given import GivenMixture, GivenResponsibilities, as_given
from gmix.model.covariance import Structure
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior
from gmix.model.student import AnyMixture
from gmix.sources import MemorySource, Source

__all__ = ["StartFunction"]

Function = Callable[[NDArray[Any], int, np.random.Generator], Any]


@dataclass(frozen=True, eq=False)
class StartFunction(Start):
    """A function ``start(rows, n_components, rng)`` that returns a mixture, or labels or responsibilities of the rows.

    It is called once for each number of components, with all rows of positive weight of a table in memory, and with a
    random sub-sample of any other table.
    """

    function: Function
    draws: ClassVar[bool] = True

    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        @cache
        def table(n_rows: int) -> MemorySource:
            return MemorySource.of_rows(source.rows(n_rows, rng), source)

        @cache
        def given(n_components: int) -> tuple[MemorySource, GivenMixture | GivenResponsibilities]:
            every = isinstance(source, MemorySource)
            rows = table(source.n_counting if every else n_seed_rows(n_components, source.n_features))
            return rows, self._call(rows.points, n_components, rng)

        def starting_mixtures(n_components: int, structure: Structure) -> Sequence[AnyMixture]:
            rows, start = given(n_components)
            return start.mixtures(rows, prior, rng)(n_components, structure)

        return starting_mixtures

    def _call(
        self, rows: NDArray[Any], n_components: int, rng: np.random.Generator
    ) -> GivenMixture | GivenResponsibilities:
        """What the function returns. Raises `ParameterError` if that is no start for these rows."""
        returned = self.function(rows, n_components, rng)
        try:
            start = as_given(returned, n_components)
        except ParameterError:
            start = None
        n_rows = len(rows)
        if isinstance(start, GivenMixture):
            right = (start.mixture.n_components, start.mixture.n_features) == (n_components, rows.shape[1])
        else:
            right = start is not None and start.responsibilities.shape == (n_rows, n_components)
        if start is None or not right:
            raise ParameterError(
                f"the function given as start returned {_described(returned)}; return a gmix.GaussianMixture of "
                f"{count(n_components, 'component')} in {count(rows.shape[1], 'column')}, "
                f"integer labels from 0 to {n_components - 1} ({n_rows},), or responsibilities "
                f"({n_rows}, {n_components}) that sum to one in each row"
            )
        return start


def _described(value: Any) -> str:
    """What a value is, in a few words."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and {value.dtype}"
    if value is None or isinstance(value, (GaussianMixture, str, float, int)):
        return repr(value)
    return f"something of type {type(value).__name__}"
