"""Predictions for tables larger than memory, from a source to a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.atomic_write import as_path
from gmix.base.errors import ParameterError
from gmix.base.labels import Label
from gmix.base.other_names import other_words
from gmix.base.table_file import format_of, write_table
from gmix.fitting.classification import classified
from gmix.model.background import most_probable
from gmix.model.kernel import kernel
from gmix.model.student import AnyMixture
from gmix.sources import MEMORY, LocalSource, Source, source_for

__all__ = ["predict_to", "predictions"]


@other_words()
def predict_to(
    mixture: AnyMixture,
    data: Any,
    path: str | PathLike[str],
    *,
    probabilities: bool = False,
    memory: float = MEMORY,
    threads: int | None = None,
) -> int:
    """Write the most probable component of each row to a file, and return the number of rows.

    The ending of the file's name chooses CSV, Parquet or Arrow. The file has the rows of the table in their order, and
    a column ``component``, counted from 0, or -1 for the background. With `probabilities` it also has the
    responsibilities ``p0``, ``p1`` and so on, and ``log_density`` in nats. The numbers have the same bits as those of
    `GaussianMixture.predict`, `responsibilities` and `log_density`.

    Parameters
    ----------
    data : anything that `gmix.fit` takes; its columns are matched with the mixture's features by name.
    memory : bytes; larger tables are read block by block.

    Raises `DataError` for a table that cannot be used, and then writes no file.

    >>> import gmix, tempfile, pathlib
    >>> mixture = gmix.GaussianMixture(
    ...     [0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]]
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gmix.predict_to(
    ...         mixture,
    ...         [[1.0], [8.0], [9.0]],
    ...         pathlib.Path(folder) / "components.parquet",
    ...     )
    3
    """
    if not isinstance(mixture, AnyMixture):
        raise ParameterError(f"mixture is a {type(mixture).__name__}; give a GaussianMixture (of a Fit: fit.mixture)")
    path = as_path(path)
    format_of(path)
    source = source_for(mixture, data, memory=memory, threads=threads)
    return write_table(predictions(mixture, source, probabilities=probabilities, threads=threads), path)


def predictions(
    mixture: AnyMixture,
    source: Source,
    *,
    probabilities: bool = False,
    groups: Sequence[Label | None] | None = None,
    threads: int | None = None,
) -> Iterator[dict[str, NDArray[Any]]]:
    """The columns that `predict_to` writes, block by block.

    If the components have labels, `groups`, there is also the most probable ``label``, which may be of another
    component than the most probable one.
    """
    if not isinstance(source, LocalSource):
        raise ParameterError(
            "predictions need rows that this process reads; predict in each partition of the collection"
        )
    if mixture.dependence is not None and source.n_features == mixture.n_features:
        source = source.select(mixture.dependence.independent)
    for block in source.blocks():  # their labels are not used
        density, posterior = kernel.posterior(block, mixture.components, responsibilities=True, threads=threads)
        assert posterior is not None
        columns: dict[str, NDArray[Any]] = {"component": most_probable(posterior, mixture.background).astype(np.int32)}
        if groups is not None:
            columns["label"] = classified(posterior, groups).labels
        if probabilities:
            columns |= {f"p{k}": share for k, share in enumerate(posterior.T)} | {"log_density": density}
        yield columns
