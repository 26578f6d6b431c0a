"""Columns: which columns of a table are used as numbers, and why the others are left out."""

from gmix.base.columns.rule import Column, Kind, Rest, check_usable, choose, choose_columns, is_index

__all__ = ["Column", "Kind", "Rest", "check_usable", "choose", "choose_columns", "is_index"]
