"""The contract of a start, which makes the mixtures that EM runs begin from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gmix.model.covariance import Structure
from gmix.model.priors import Prior
from gmix.model.student import AnyMixture
from gmix.sources import Source

__all__ = ["FromStart", "Start", "StartingMixtures", "n_seed_rows"]

# Starts are made from the largest of three numbers of rows: a fixed one, one in proportion to the components, and one
# in proportion to components times columns.
_ROWS, _ROWS_PER_COMPONENT, _ROWS_PER_MEAN = 2_000, 100, 10
_MOST = 20_000  # upper limit of the third number

StartingMixtures = Callable[[int, Structure], Sequence[AnyMixture]]


class Start(ABC):
    """How the mixtures that EM runs begin from are made.

    Attributes
    ----------
    is_made : whether the mixtures are made from the rows; False if the user gives them.
    draws : whether the mixtures made from the same rows depend on random numbers. If not, they are made once.
    """

    is_made: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    @abstractmethod
    def mixtures(self, source: Source, prior: Prior | None, rng: np.random.Generator) -> StartingMixtures:
        """A function that returns the starting mixtures, one or more, for a number of components and a structure."""


@dataclass(frozen=True, eq=False)
class FromStart(Start):
    """A start that changes the mixtures of another one.

    Attributes
    ----------
    start : makes the mixtures that are changed.
    """

    start: Start

    @property
    def is_made(self) -> bool:  # type: ignore[override]  # it depends on the start, as `draws` does
        return self.start.is_made

    @property
    def draws(self) -> bool:  # type: ignore[override]  # a class variable elsewhere
        return self.start.draws


def n_seed_rows(n_components: int, n_features: int) -> int:
    """The number of rows that starts are made from; a smaller table is used as a whole."""
    return max(_ROWS, _ROWS_PER_COMPONENT * n_components, min(_ROWS_PER_MEAN * n_features * n_components, _MOST))
