"""Conversion of whatever holds rows to a `Source`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmix.base.arguments import as_names, is_number
from gmix.base.columns import Roles
from gmix.base.errors import DataError, ParameterError
from gmix.base.labels import Groups, RowLabels
from gmix.base.row_errors import GivenErrors
from gmix.base.table import as_weights, is_frame
from gmix.base.wording import count
from gmix.model.student import AnyMixture
from gmix.sources.blocks import Blocks, GivenBlocks
from gmix.sources.csv.dialect import CSV
from gmix.sources.memory import MemorySource
from gmix.sources.source import Source, check_mass
from gmix.sources.stream import StreamSource

__all__ = ["MEMORY", "as_source", "source_for", "source_of_features"]

MEMORY = 1 << 29  # bytes


def as_source(
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    memory: float = MEMORY,
    missing: str = "model",
    labels: Any = None,
    row_errors: Any = None,
    row_covariance: ArrayLike | None = None,
) -> Source:
    """Convert a table to a `Source`.

    NaN and null are missing cells. If `missing` is ``"error"``, they are refused.

    An array or a DataFrame is used without a copy. Files, folders, patterns of file names and Arrow datasets are read
    into memory if that takes at most `memory` bytes, and streamed otherwise. Any object that yields blocks, arrays
    ``(n, D)`` or DataFrames, each time it is iterated, is streamed. Dask and Spark collections stay on their cluster. A
    source is returned as it is.

    Returns
    -------
    A `Source`, which the functions of gmix take in place of the table.

    Raises `DataError` for an iterator, which can be read only once, and for tables that cannot be used as they are.
    """
    if not (is_number(memory) and memory > 0):
        raise ParameterError(f"memory is {memory!r}; give a number of bytes above zero")
    if isinstance(data, Source):
        own = (sample_weight, columns, labels, row_errors, row_covariance)
        if any(argument is not None for argument in own):
            raise ParameterError("a source has its own weights, labels, errors and columns; give them where it is made")
        return data
    columns = as_names(columns)
    settings: dict[str, Any] = {"threads": threads, "missing": missing}
    given: dict[str, Any] = {"row_errors": row_errors, "row_covariance": row_covariance}
    engine = type(data).__module__.partition(".")[0]
    if engine == "dask":
        from gmix.sources.dask import DaskSource

        return DaskSource(data, columns=columns, sample_weight=sample_weight, labels=labels, **given, **settings)
    if engine == "pyspark":
        from gmix.sources.spark import SparkSource

        return SparkSource(data, columns=columns, sample_weight=sample_weight, labels=labels, **given, **settings)
    if engine == "ray":
        raise DataError("gmix cannot read a Ray Dataset; give dataset.to_dask(), or dataset.to_pandas() if it is small")
    roles = Roles.of(columns, sample_weight, labels, row_errors)
    table = _blocks(data, roles)
    if table is None:
        return MemorySource(data, columns=columns, sample_weight=sample_weight, labels=labels, **given, **settings)
    weight = None if roles.weight is not None else sample_weight
    labels = None if roles.labels is not None else labels
    errors = GivenErrors.of(None if roles.errors else row_errors, row_covariance, table.n_features)
    if 2 * table.n_bytes > memory:  # reading holds the rows twice for a short time
        return StreamSource(table, sample_weight=weight, labels=labels, errors=errors, memory=memory, **settings)
    return _read(table, weight, labels, errors, settings)


def _read(
    table: Blocks, weight: ArrayLike | None, labels: Any, errors: GivenErrors | None, settings: dict[str, Any]
) -> MemorySource:
    """A table of blocks, read into memory, with weights, labels and errors unless it has its own."""
    rows, arrays = table.read()
    if "weights" in arrays:
        as_weights(arrays["weights"], len(rows), table.where_weight)
        check_mass(float(arrays["weights"].sum()), table.weight_name)
    names = None if table.names is None else list(table.names)
    weight = arrays.get("weights", weight)
    source = MemorySource(rows, columns=names, sample_weight=weight, labels=labels, place=table.where, **settings)
    source.findings = table.findings
    if "errors" in arrays or errors is not None:
        source.set_errors(arrays["errors"] if errors is None else errors.of_rows(source.n_rows))
    if table.label_names is not None:
        source.set_labels(RowLabels(Groups.of_names(table.label_names), {"labels": arrays["labels"]}))
    return source


def source_for(
    mixture: AnyMixture,
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    memory: float = MEMORY,
    **rows: Any,
) -> Source:
    """`source_of_features`, or if the mixture has a `dependence`, of the features of its `independent_part`."""
    source = source_of_features(
        mixture, data, sample_weight=sample_weight, columns=columns, threads=threads, memory=memory, **rows
    )
    return source if mixture.dependence is None else source.select(mixture.dependence.independent)


def source_of_features(
    mixture: AnyMixture,
    data: Any,
    *,
    sample_weight: ArrayLike | str | None = None,
    columns: list[str] | None = None,
    threads: int | None = None,
    memory: float = MEMORY,
    **rows: Any,
) -> Source:
    """Convert a table to a `Source` of all features of a mixture, matched by name if both have names.

    `rows` are further arguments of `as_source`: labels and errors.

    Raises `DataError` as `as_source` does, and for rows of other columns than the mixture's.
    """
    if columns is None and mixture.features is not None and _has_names(data):
        columns = list(mixture.features)
    source = as_source(data, sample_weight=sample_weight, columns=columns, threads=threads, memory=memory, **rows)
    if source.n_features != mixture.n_features:
        raise DataError(
            f"the rows have {count(source.n_features, 'column')} and the mixture has "
            f"{count(mixture.n_features, 'feature')}; choose columns"
        )
    if source.features and mixture.features and source.features != mixture.features:
        raise DataError(
            f"the columns are {list(source.features)} and the mixture's features {list(mixture.features)}; "
            "choose these, in this order"
        )
    return source


def _has_names(data: Any) -> bool:
    """Whether the columns of a table that is no `Source` have names."""
    if isinstance(data, (str, PathLike, CSV)) or is_frame(data) or _is_dataset(data):
        return True
    blocks = isinstance(data, Iterable) and not (isinstance(data, Iterator) or hasattr(data, "ndim"))
    return blocks and is_frame(next(iter(data), None))


def _is_dataset(data: Any) -> bool:
    """Whether the table is a ``pyarrow.dataset.Dataset``."""
    return hasattr(data, "scanner") and hasattr(data, "get_fragments")


def _blocks(data: Any, roles: Roles) -> Blocks | None:
    """The table as blocks; None if it is in memory."""
    if isinstance(data, (str, PathLike, CSV)):
        from gmix.sources.files import open_files

        return open_files(data, roles)
    if _is_dataset(data):
        from gmix.sources.arrow import ArrowTable

        return ArrowTable(data, roles)
    if isinstance(data, Iterator):
        raise DataError(
            f"a {type(data).__name__} can be read once, and EM reads the rows in every iteration; give a list of "
            "blocks, or an object whose __iter__ starts from the first block each time"
        )
    if isinstance(data, Iterable) and not (is_frame(data) or isinstance(data, np.ndarray)):
        first = next(iter(data), None)
        if getattr(first, "ndim", 0) == 2 or is_frame(first):
            return GivenBlocks(data, roles)
    return None
