"""What the columns of a table are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gmix.base.arguments import as_names
from gmix.base.errors import DataError, nearest
from gmix.base.wording import count

__all__ = ["Roles"]


@dataclass(frozen=True)
class Roles:
    """The names of the columns that hold values, and of those that say more about each row.

    Attributes
    ----------
    values : names; None for all numeric columns that have no other role, but an index.
    weight : the name of the column of weights, or None.
    labels : the name of the column of labels, or None.
    errors : the names of the columns of standard errors, one for each column of values, or by the name of that column;
        empty if values are exact.
    """

    values: Sequence[str] | None = None
    weight: str | None = None
    labels: str | None = None
    errors: Sequence[str] | Mapping[str, str] = ()

    @classmethod
    def of(cls, columns: Any, weight: Any, labels: Any, errors: Any = None) -> Roles:
        """The roles that the arguments of `gmix.fit` give to columns by name; other arguments hold numbers."""
        return cls(as_names(columns), _name(weight), _name(labels), _names(errors))

    @property
    def of_rows(self) -> tuple[str, ...]:
        """The names of the columns that say more about each row."""
        errors = self.errors.values() if isinstance(self.errors, Mapping) else self.errors
        return (*(name for name in (self.weight, self.labels) if name is not None), *errors)

    def errors_of(self, names: Sequence[str]) -> list[str | None]:
        """For each column of values its column of errors, None for exact values; an empty list if all are exact.

        Raises `DataError` if there is not one for each column, and for errors of columns that are not used.
        """
        if isinstance(self.errors, Mapping):
            for name in self.errors:
                if name not in names:
                    raise DataError(
                        f"row_errors names the column {name!r}{nearest(name, names)}; the columns in use are "
                        f"{list(names)}"
                    )
            return [self.errors.get(name) for name in names] if self.errors else []
        if self.errors and len(self.errors) != len(names):
            used = f"{len(names)} {'is' if len(names) == 1 else 'are'} used, {list(names)}"
            raise DataError(
                f"row_errors names {count(len(self.errors), 'column')} and {used}; name one for each, or the columns "
                f"that they belong to, as in row_errors={ {names[0]: self.errors[0]} }"
            )
        return list(self.errors)


def _name(argument: Any) -> str | None:
    return argument if isinstance(argument, str) else None


def _names(errors: Any) -> Sequence[str] | Mapping[str, str]:
    """The names among the forms that errors may have; none if they are numbers."""
    if isinstance(errors, str):
        return (errors,)
    if isinstance(errors, Mapping):
        return dict(errors)
    if isinstance(errors, (list, tuple)) and errors and all(isinstance(name, str) for name in errors):
        return tuple(errors)
    return ()
