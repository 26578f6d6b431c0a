"""Classification of rows by the labels of a fit's components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.labels import Label

__all__ = ["Classification", "classified"]

Array = NDArray[np.float64]


class Classification(NamedTuple):
    """The labels of rows, by the components that they most probably came from.

    Attributes
    ----------
    labels : ``(N,)`` the most probable label of each row; None for components without a label.
    probabilities : ``(N, G)`` the probability of each label.
    names : the labels, in the order of the columns; None, for components without a label, is the last.
    """

    labels: NDArray[Any]
    probabilities: Array
    names: tuple[Label | None, ...]


def classified(responsibilities: Array, groups: Sequence[Label | None]) -> Classification:
    """The labels of rows from their responsibilities ``(N, K)``, given the label of each component."""
    names = [*dict.fromkeys(label for label in groups if label is not None), *([None] if None in groups else [])]
    member = np.array([[label == name for name in names] for label in groups], np.float64)
    probabilities = responsibilities @ member
    return Classification(_array(names)[probabilities.argmax(1)], probabilities, tuple(names))


def _array(names: Sequence[Label | None]) -> NDArray[Any]:
    """Labels as an array of text or of integers if all are, and of objects otherwise."""
    kinds = {type(name) for name in names}
    if kinds in ({str}, {int}):
        return np.array(names)
    found = np.empty(len(names), object)
    found[:] = names
    return found
