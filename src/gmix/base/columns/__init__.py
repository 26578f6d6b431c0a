"""The columns of a table: which are used as numbers, and why the others are left out."""

from gmix.base.columns.column import (
    Column,
    FilledColumns,
    Kind,
    check_unambiguous,
    check_usable,
    choose,
    choose_columns,
    distinct_names,
    is_index,
)
from gmix.base.columns.roles import Roles

__all__ = [
    "Column",
    "FilledColumns",
    "Kind",
    "Roles",
    "check_unambiguous",
    "check_usable",
    "choose",
    "choose_columns",
    "distinct_names",
    "is_index",
]
