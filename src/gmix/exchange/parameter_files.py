"""Read the parameters of a mixture that other software wrote, as JSON or CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from gmix.base.atomic_write import as_path
from gmix.base.errors import ParameterError

__all__ = ["Columns", "contents"]

Document = dict[str, Any]


@dataclass(frozen=True)
class Columns:
    """A table of one row per component: the cells of each column, by its name."""

    cells: dict[str, list[str]]

    def of(self, name: str) -> dict[str, list[str]]:
        """The columns of a vector or matrix, by what follows its name: ``mean.1``, ``mean_2`` or ``mean height``."""
        pattern = re.compile(rf"{re.escape(name)}(?:[._ ]?(\d+)|[._ ](.+))?")
        matches = {column: pattern.fullmatch(column) for column in self.cells}
        return {match[2] or match[1] or "": self.cells[column] for column, match in matches.items() if match}


def contents(source: Any) -> Document | Columns:
    """The arrays of a file or a mapping by their names, or a table. Raises `ParameterError` for anything else."""
    if isinstance(source, Mapping):
        return _one_level(source)
    if not isinstance(source, (str, PathLike)):
        raise ParameterError(f"source is a {type(source).__name__}; give the path of a JSON or CSV file, or a mapping")
    path = as_path(source)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ParameterError("there is no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"it cannot be read ({error}); give a file of JSON or CSV") from None
    return _of_json(text) if text.lstrip()[:1] in ("{", "[") else _of_csv(text)


def _of_json(text: str) -> Document:
    try:
        document = json.loads(text)
        if isinstance(document, dict):
            return _one_level(document)
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"it is not JSON ({error}); write the file again") from None
    raise ParameterError("its JSON is a list; give an object with the arrays by their names")


def _one_level(document: Mapping[str, Any]) -> Document:
    """The document with the entries of nested objects beside the others: those of mclust's `variance`, for instance."""
    found: Document = {}
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            found = {**_one_level(value), **found}
        else:
            found[name] = value
    return found


def _of_csv(text: str) -> Document | Columns:
    """A table, or the arrays of ``write.csv(unlist(m$parameters))`` of R, which has one row per number."""
    rows = [row for row in csv.reader(text.splitlines()) if row]
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows):
        raise ParameterError("it is no table of CSV with a header and rows of one length; write the file again")
    header, *rows = rows
    if len(header) > 2 or not all(re.match("[A-Za-z]", row[0]) for row in rows):
        return Columns({name: [row[j] for row in rows] for j, name in enumerate(header)})
    found: Document = {}
    for name, value in rows:
        array = re.sub(r"[.\d]+$", "", name).split(".")[-1]
        found.setdefault(array, []).append(value)
    return found
