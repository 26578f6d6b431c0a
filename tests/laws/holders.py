"""All that may hold a table with names: DataFrames, blocks of them, and files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, dataset, feather, parquet

__all__ = ["HOLDERS"]

Holder = Callable[[pd.DataFrame, Path], Any]


def written(write: Callable[[Any, Path], Any], ending: str) -> Holder:
    def make(frame: pd.DataFrame, folder: Path) -> Path:
        path = folder / f"t.{ending}"
        write(pa.Table.from_pandas(frame), path)
        return path

    return make


def arrow(frame: pd.DataFrame, folder: Path) -> Any:
    return pa.Table.from_pandas(frame, preserve_index=False)


def polars(frame: pd.DataFrame, folder: Path) -> Any:
    return pytest.importorskip("polars").from_arrow(arrow(frame, folder))


def blocks(frame: pd.DataFrame, folder: Path) -> Any:
    return [frame.iloc[:1], frame.iloc[1:4_000], frame.iloc[4_000:4_000], frame.iloc[4_000:]]


def two_files(frame: pd.DataFrame, folder: Path) -> Any:
    for number, part in enumerate(blocks(frame, folder)[1::2]):
        part.to_parquet(folder / f"{number}.parquet", row_group_size=1_000)
    frame.iloc[:1].to_parquet(folder / "-1.parquet")
    return dataset.dataset([folder / f"{number}.parquet" for number in (-1, 0, 1)])


def text(table: Any, path: Path) -> None:
    """CSV with two of the usual words for a missing value, and with nothing."""
    table.to_pandas().to_csv(path, index=False, na_rep="NA")
    lines = path.read_text().split("\n")
    path.write_text("\n".join(line.replace("NA", ("", "nan", "NA")[i % 3]) for i, line in enumerate(lines)))


HOLDERS: dict[str, Holder] = {
    "frame": lambda frame, folder: frame, "nullable": lambda frame, folder: frame.convert_dtypes(),
    "Arrow": arrow, "polars": polars, "blocks": blocks, "files": two_files,
    "Parquet": written(parquet.write_table, "parquet"), "Feather": written(feather.write_feather, "arrow"),
    "CSV": written(text, "csv"), "CSV of Arrow": written(csv.write_csv, "csv"),
}  # fmt: skip
