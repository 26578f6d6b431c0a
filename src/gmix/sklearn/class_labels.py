"""Classes of rows, some of which may be unknown."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from gmix.base.errors import DataError

__all__ = ["ClassLabels", "as_class_labels"]

Mask = NDArray[np.bool_]


class ClassLabels(NamedTuple):
    """The class of each row.

    Attributes
    ----------
    classes : ``(G,)`` the sorted labels.
    numbers : ``(N,)`` the position of each row's label among them; -1 if its class is unknown.
    """

    classes: NDArray[Any]
    numbers: NDArray[np.intp]

    def take(self, rows: Mask) -> ClassLabels:
        """The labels of some rows, with the classes that these have."""
        numbers = self.numbers[rows]
        present = np.unique(numbers[numbers >= 0])
        place = np.full(len(self.classes) + 1, -1, np.intp)  # the last entry is that of -1
        place[present] = np.arange(len(present))
        return ClassLabels(self.classes[present], place[numbers])


def as_class_labels(y: Any, unlabeled: Any = -1) -> ClassLabels:
    """Read the labels ``(N,)`` of rows. None, NaN and `unlabeled` stand for an unknown class.

    If there is only one number besides the number `unlabeled`, as with -1 and 1, both are classes. Raises
    ``ValueError`` for labels that are not of classes, such as numbers with fractions, and if no class is known.

    >>> as_class_labels(["b", None, "a"]).numbers
    array([ 1, -1,  0])
    >>> as_class_labels([-1, 1, 1]).classes
    array([-1,  1])
    """
    labels = column_or_1d(y, warn=True)
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise DataError("y holds infinity; give labels of classes")
    missing, marked = _unknown(labels, unlabeled)
    others = labels[~missing & ~marked]
    if len(others) and not isinstance(others[0], str) and (others == others[0]).all():
        marked = np.zeros_like(marked)
    known = ~(missing | marked)
    if not known.any():
        raise DataError("no row has a known class; give y a label for some rows")
    found = labels[known]
    if found.dtype == object and not any(isinstance(label, str) for label in found):
        found = np.array(found.tolist())  # numbers that were objects because of others that are missing
    check_classification_targets(found)
    classes, known_numbers = np.unique(found, return_inverse=True)
    numbers = np.full(len(labels), -1, np.intp)
    numbers[known] = known_numbers
    return ClassLabels(classes, numbers)


def _unknown(labels: NDArray[Any], unlabeled: Any) -> tuple[Mask, Mask]:
    """Which labels are missing, and which are equal to `unlabeled`."""
    if labels.dtype.kind in "iubf":
        is_number = isinstance(unlabeled, (int, float, np.number))
        return np.isnan(labels), labels == unlabeled if is_number else np.zeros(len(labels), bool)
    found = labels.tolist()
    missing = np.array([_is_missing(label) for label in found], bool)
    marked = [
        unlabeled is not None and not absent and bool(label == unlabeled)
        for label, absent in zip(found, missing, strict=True)
    ]
    return missing, np.array(marked, bool)


def _is_missing(label: Any) -> bool:
    """Return whether a label is None, NaN or a missing value of pandas."""
    if isinstance(label, float):
        return math.isnan(label)
    return label is None or type(label).__name__ in ("NAType", "NaTType")
