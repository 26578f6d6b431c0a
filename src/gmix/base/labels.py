"""Labels of rows: which group of components each row is known to come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_count
from gmix.base.errors import DataError, ParameterError
from gmix.base.wording import count, listed

__all__ = ["Groups", "Label", "RowLabels", "as_labels", "label_names", "label_numbers", "plain_labels"]

Array = NDArray[np.float64]
Label = Hashable  # text or a number, as a rule
_NAMED = 8  # labels that a sentence names


@dataclass(frozen=True)
class Groups:
    """The groups of components that labels name.

    The components of a fit are numbered group by group; those that no label names are the last.

    Attributes
    ----------
    names : the labels, in order. Rows hold their positions as numbers.
    sizes : the number of components of each group.
    free : the number of components that no label names, from which only unlabeled rows can come.
    """

    names: tuple[Label, ...]
    sizes: tuple[int, ...]
    free: int = 0

    @classmethod
    def of_names(cls, names: Iterable[Label]) -> Groups:
        """One component for each label. Raises `DataError` if there is no label."""
        names = tuple(names)
        if not names:
            raise DataError("no row has a known label; leave labels out, or check them")
        return cls(names, (1,) * len(names))

    @property
    def n_components(self) -> int:
        return sum(self.sizes) + self.free

    def with_components(self, n_components: int) -> Groups:
        """The same groups among this many components in all; further components are free."""
        return replace(self, free=n_components - sum(self.sizes))

    def sized(self, sizes: Mapping[Any, int], place: Callable[[int], str]) -> Groups:
        """The groups with these numbers of components by label; that of None is the number of free components.

        `place` says where the first row of a group is. Raises `ParameterError` for a label that no row has, and for a
        label of rows that is left out.
        """
        known = {_plain(label): size for label, size in sizes.items()}
        for label, size in known.items():
            if not is_count(size, 0 if label is None else 1):
                raise ParameterError(f"components gives {label!r} the number {size!r}; give a whole number above zero")
        if absent := [label for label in known if label is not None and label not in self.names]:
            raise ParameterError(
                f"components names the label {absent[0]!r}, which no row with a weight has; the labels are "
                f"{listed([repr(name) for name in self.names], _NAMED)}, and None stands for components without a label"
            )
        if absent := [name for name in self.names if name not in known]:
            raise ParameterError(
                f"components does not name the label {absent[0]!r} of {place(self.names.index(absent[0]))}; give its "
                "number of components"
            )
        return Groups(self.names, tuple(int(known[name]) for name in self.names), int(known.get(None, 0)))

    @property
    def of_components(self) -> Array:
        """``(K,)`` the number of the group of each component, or -1."""
        numbers = [*np.repeat(np.arange(len(self.names)), self.sizes), *[-1] * self.free]
        return np.array(numbers, np.float64)

    def labels(self, groups: Array) -> tuple[Label | None, ...]:
        """The label of each component of these groups; None for free components."""
        return tuple(self.names[int(group)] if group >= 0 else None for group in groups)

    def numbers(self, labels: Iterable[Label | None]) -> Array:
        """The number ``(K,)`` of the group with each label, or -1 for None. Raises `DataError` if no row has it."""
        number: dict[Label | None, int] = {None: -1} | {name: i for i, name in enumerate(self.names)}
        labels = list(labels)
        if absent := [label for label in labels if label not in number]:
            raise DataError(f"no row has the label {absent[0]!r} of the fit; give the labels that were fitted")
        return np.array([number[label] for label in labels], np.float64)

    def __str__(self) -> str:
        return f"{count(len(self.names), 'label')} ({listed([repr(name) for name in self.names], _NAMED)})"


def _plain(label: Any) -> Label | None:
    """A label as Python's own object, an integer if it is a whole number; None if it is unknown.

    >>> [_plain(label) for label in (np.int64(3), 3.0, -1, float("nan"), "setosa", None)]
    [3, 3, None, None, 'setosa', None]
    """
    if isinstance(label, np.generic):
        label = label.item()
    if label is None or type(label).__name__ in ("NAType", "NaTType"):  # missing values of pandas
        return None
    if isinstance(label, float):
        if math.isnan(label):
            return None
        label = int(label) if label.is_integer() else label
    if isinstance(label, int) and label < 0:
        if label == -1:
            return None
        raise ValueError("negative")
    hash(label)  # raises TypeError for what cannot be a label
    found: Label = label
    return found


def plain_labels(
    values: Any, n_rows: int | None = None, place: Callable[[int], str] = "row {}".format
) -> list[Label | None]:
    """The labels of rows as Python's own objects: integers where they are whole numbers, None where they are unknown.

    Raises `DataError` unless there is one for each of `n_rows` rows, and for a label that cannot be used, with its row.
    """
    for name in ("to_pylist", "to_list", "tolist"):  # of Arrow; of pandas and Polars; of NumPy
        if hasattr(values, name):
            values = getattr(values, name)()
            break
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise DataError(f"labels is {values!r}; give one label for each row, None or -1 where it is unknown")
    found = list(values)
    if n_rows is not None and len(found) != n_rows:
        raise DataError(
            f"there are {count(len(found), 'label')} and {count(n_rows, 'row')}; give one label for each row"
        )
    for row, label in enumerate(found):
        if type(label) is str:
            continue
        try:
            found[row] = _plain(label)
        except (TypeError, ValueError):
            shown = int(label) if isinstance(label, float) and label.is_integer() else label
            raise DataError(
                f"the label of {place(row)} is {shown!r}; give text or a number that is not negative, and None or -1 "
                "where it is unknown"
            ) from None
    return found


def label_names(labels: Iterable[Label | None]) -> tuple[Label, ...]:
    """The known labels that occur, in order: sorted, those of different types by type."""
    known = {label for label in labels if label is not None}
    try:
        return tuple(sorted(known))  # type: ignore[type-var]  # of several types it is an error, caught below
    except TypeError:
        return tuple(sorted(known, key=lambda label: (type(label).__name__, str(label))))


def label_numbers(labels: Sequence[Label | None], names: Sequence[Label]) -> Array:
    """The positions ``(N,)`` of labels among these names; -1 where a label is unknown."""
    number: dict[Label | None, int] = {name: i for i, name in enumerate(names)}
    number[None] = -1
    return np.array([number[label] for label in labels], np.float64)


class RowLabels(NamedTuple):
    """The labels of all rows of a table.

    Attributes
    ----------
    groups : that the labels name.
    arrays : fields of `gmix.base.rows.Rows`: ``labels (N,)``, or ``log_evidence (N, G)`` of soft labels.
    """

    groups: Groups
    arrays: dict[str, Array]


def as_labels(labels: Any, n_rows: int | None = None, place: Callable[[int], str] = "row {}".format) -> RowLabels:
    """Read labels ``(N,)``, or soft labels ``(N, G)``, an array or a DataFrame with one column for each label.

    Raises `DataError` unless there is one for each of `n_rows` rows, for labels that cannot be used, with the row, and
    if no row has a known label.
    """
    if getattr(labels, "ndim", 1) == 2 or hasattr(type(labels), "columns"):
        evidence = np.asarray(labels, np.float64)
        names = getattr(labels, "columns", range(evidence.shape[1]))
        return RowLabels(Groups.of_names(names), {"log_evidence": _log_evidence(evidence, n_rows, place)})
    plain = plain_labels(labels, n_rows, place)
    names = label_names(plain)
    return RowLabels(Groups.of_names(names), {"labels": label_numbers(plain, names)})


def _log_evidence(evidence: Array, n_rows: int | None, place: Callable[[int], str]) -> Array:
    """The logarithms ``(N, G)`` of soft labels, which are zero or more."""
    if n_rows is not None and len(evidence) != n_rows:
        raise DataError(
            f"labels has shape {evidence.shape} and the table has {count(n_rows, 'row')}; give ({n_rows}, G)"
        )
    wrong = ~((evidence >= 0.0) & (evidence < np.inf)).all(1)  # NaN compares false
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"the labels of {place(row)} are {evidence[row].tolist()}; give finite numbers, zero or more")
    empty = ~evidence.any(1)
    if empty.any():
        raise DataError(
            f"the labels of {place(int(np.argmax(empty)))} are all zero, so the row can come from no group; give ones "
            "where nothing is known"
        )
    with np.errstate(divide="ignore"):
        return np.ascontiguousarray(np.log(evidence))
