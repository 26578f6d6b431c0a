"""The door: whatever holds rows, turned into a `Source`."""

from __future__ import annotations

from os import PathLike
from typing import Any

from numpy.typing import ArrayLike

from gmix.sources.memory import MemorySource
from gmix.sources.source import Source

__all__ = ["as_source"]


def as_source(
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
) -> Source:
    """Turn what a person holds into a `Source`: an array, a DataFrame, a path; a source is passed on."""
    if isinstance(data, Source):
        return data
    if isinstance(data, (str, PathLike)):
        from gmix.sources.files import read_table

        names, data = read_table(data, columns)
        columns = list(names)
    return MemorySource(data, sample_weight=sample_weight, columns=columns, threads=threads)
