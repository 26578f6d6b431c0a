"""Predictions for tables larger than memory, from a source to a file."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.atomic_write import as_path
from gmix.base.errors import ParameterError, of_kind
from gmix.base.table_file import format_of, write_table
from gmix.model.kernel import kernel
from gmix.model.mixture import GaussianMixture
from gmix.sources import MEMORY, LocalSource, Source, source_for

__all__ = ["predict_to", "predictions"]


def predict_to(
    mixture: GaussianMixture,
    data: Any,
    path: str | PathLike[str],
    *,
    probabilities: bool = False,
    memory: float = MEMORY,
    threads: int | None = None,
) -> int:
    """Write the most probable component of each row to a file, and return how many rows there were.

    The file is CSV, Parquet or Arrow by the ending of its name. It has a row for each row of the table, in its order,
    and a column ``component``, counted from 0; with `probabilities` also ``p0``, ``p1`` and so on, the
    responsibilities, and ``log_density`` in nats. The numbers are those of `GaussianMixture.predict`,
    `responsibilities` and `log_density`, to the last bit.

    Parameters
    ----------
    data : anything that `gmix.fit` takes; the mixture's features are found by their names.
    memory : bytes; larger tables are read block by block.

    Raises `DataError` for a table that cannot be used, and then writes nothing.

    >>> import gmix, tempfile, pathlib
    >>> mixture = gmix.GaussianMixture([0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gmix.predict_to(mixture, [[1.0], [8.0], [9.0]], pathlib.Path(folder) / "components.parquet")
    3
    """
    of_kind(mixture, GaussianMixture, "mixture", "a GaussianMixture (of a Fit: fit.mixture)")
    path = as_path(path)
    format_of(path)
    source = source_for(mixture, data, memory=memory, threads=threads)
    return write_table(predictions(mixture, source, probabilities=probabilities, threads=threads), path)


def predictions(
    mixture: GaussianMixture, source: Source, *, probabilities: bool = False, threads: int | None = None
) -> Iterator[dict[str, NDArray[Any]]]:
    """The columns that `predict_to` writes, some rows at a time."""
    if not isinstance(source, LocalSource):
        raise ParameterError("predictions are written for rows that this machine reads; predict where the rows are")
    if mixture.dependence is not None and source.n_features == mixture.n_features:
        source = source.select(mixture.dependence.independent)
    for block in source.blocks():
        density, posterior = kernel.posterior(block, mixture.components, responsibilities=True, threads=threads)
        assert posterior is not None
        columns: dict[str, NDArray[Any]] = {"component": posterior.argmax(1).astype(np.int32)}
        if probabilities:
            columns |= {f"p{k}": share for k, share in enumerate(posterior.T)} | {"log_density": density}
        yield columns
