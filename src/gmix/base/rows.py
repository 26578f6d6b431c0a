"""Rows: what every source yields and every kernel takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rows", "errors_in"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a checked table, with the properties of each row.

    Attributes
    ----------
    values : ``(N, D)`` of float32 or float64, in any memory order.
    weights : ``(N,)`` of float64, zero or more; None if every row counts once.
    labels : ``(N,)`` of float64, the number of the group of components that a row came from, or -1 if it is not known;
        None if no row is labeled.
    log_evidence : ``(N, G)`` of float64, what is added to the log density of a row under the components of each group;
        None if there is nothing.
    filled : ``(N, D)`` the values with missing cells filled in, for what can only make a start from complete rows;
        None if that is not known.
    errors : ``(N, D)`` variances of the normal errors of the values, or ``(N, D, D)`` their covariances, of float64;
        None if the values are exact. Errors of missing cells are not read.
    incomplete : whether cells may be NaN, which means that they are missing.

    # Implementation
    Every field but the last is an array with one entry per row, or None. Code that selects or sends rows loops over
    the fields, so that a new property of rows needs only a new field.
    """

    values: NDArray[Any]
    weights: NDArray[np.float64] | None = None
    labels: NDArray[np.float64] | None = None
    log_evidence: NDArray[np.float64] | None = None
    filled: NDArray[Any] | None = None
    errors: NDArray[np.float64] | None = None
    incomplete: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, chosen: slice | NDArray[Any]) -> Rows:
        """Some of the rows, by a slice, by positions or by a mask."""
        some: dict[str, Any] = {name: array[chosen] for name, array in self.arrays.items()}
        return replace(self, **some)

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of several parts, one after another. All have the same fields."""
        arrays = zip(*(part.arrays.items() for part in parts), strict=True)
        together: dict[str, Any] = {of_one[0][0]: np.concatenate([array for _, array in of_one]) for of_one in arrays}
        return replace(parts[0], **together)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that the rows have, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in found.items() if isinstance(array, np.ndarray)}

    def select(self, columns: Sequence[int]) -> Rows:
        """The same rows with some of the columns."""
        chosen = list(columns)
        filled = None if self.filled is None else self.filled[:, chosen]
        errors = None if self.errors is None else errors_in(self.errors, chosen)
        return replace(self, values=self.values[:, chosen], filled=filled, errors=errors)

    def completed(self, fill: NDArray[np.float64]) -> Rows:
        """The rows with values ``(D,)`` in place of missing cells, and without errors."""
        exact = self if self.errors is None else replace(self, errors=None)
        if not self.incomplete:
            return exact
        return replace(exact, values=np.where(np.isnan(self.values), fill, self.values), filled=None, incomplete=False)

    @property
    def points(self) -> NDArray[Any]:
        """The values ``(N, D)``; with missing cells filled in if that is known."""
        return self.values if self.filled is None else self.filled

    @property
    def is_partial(self) -> bool:
        """Whether rows may be known in part: cells may be missing, or labels may say where rows came from."""
        return self.incomplete or self.labels is not None or self.log_evidence is not None

    @property
    def complete(self) -> Rows:
        """The rows without missing cells."""
        return self[~np.isnan(self.values).any(1)] if self.incomplete else self

    @property
    def without_empty(self) -> Rows:
        """The rows, where those without any value have weight zero."""
        if not self.incomplete or not (empty := np.isnan(self.values).all(1)).any():
            return self
        return replace(self, weights=np.where(empty, 0.0, self.mass))

    def of_label(self, number: int) -> Rows:
        """The rows, where those with another label have weight zero; -1 stands for unlabeled rows."""
        assert self.labels is not None
        return replace(self, weights=np.where(self.labels == number, self.mass, 0.0))

    @property
    def counting(self) -> Rows:
        """The rows of positive weight."""
        return self if self.weights is None or self.weights.all() else self[self.weights > 0]

    @property
    def mass(self) -> NDArray[np.float64]:
        """The weights ``(N,)``; ones if there are none."""
        return np.ones(len(self)) if self.weights is None else self.weights


def errors_in(errors: NDArray[np.float64], columns: list[int]) -> NDArray[np.float64]:
    """Variances ``(N, D)`` or covariances ``(N, D, D)`` of errors in some of the columns."""
    return errors[:, columns] if errors.ndim == 2 else errors[:, columns][:, :, columns]
