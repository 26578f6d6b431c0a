"""A DataFrame of a Spark Connect session is fitted like the same rows in memory; a worker that hangs is an error."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gmix
from gmix.sources.partitions import Task
from gmix.sources.spark import SparkSource

pytest.importorskip("grpc")
sql = pytest.importorskip("pyspark.sql")
pytestmark = pytest.mark.filterwarnings("default")  # of PySpark and its friends
NAMES = ["a", "b"]
START = gmix.GaussianMixture([0.5, 0.5], [[0.0, 0.0], [3.0, 3.0]], [np.eye(2), np.eye(2)])


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = sql.SparkSession.builder.remote("local[2]").config("spark.ui.enabled", "false").getOrCreate()
        yield session
        session.stop()


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(300, 2)) + 4.0 * rng.integers(2, size=(300, 1)), columns=NAMES)


@pytest.fixture(scope="module")
def frame(session: Any, rows: pd.DataFrame) -> Any:
    return session.createDataFrame(rows).repartition(2)


def test_the_fit_is_that_of_the_rows_in_memory(frame: Any, rows: pd.DataFrame) -> None:
    there, here = (gmix.fit(table, 2, start=START, max_iterations=3) for table in (frame, rows))
    assert there.history == pytest.approx(here.history, rel=1e-12)
    np.testing.assert_allclose(there.mixture.means, here.mixture.means, rtol=1e-9)


def test_a_worker_that_hangs_is_an_error_with_a_remedy(
    frame: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, mark = SparkSource.ask, tmp_path / "freed"

    def waiting(task: Task, number: int, blocks: Iterable[Any]) -> bytes:
        while not mark.exists():
            time.sleep(0.02)
        return task(number, blocks)

    def stuck(self: SparkSource, task: Task, join: Callable[..., bytes] | None = None) -> list[bytes]:
        return ask(self, partial(waiting, task), join)

    monkeypatch.setattr(SparkSource, "ask", stuck)
    monkeypatch.setenv("GMIX_PASS_SECONDS", "5")
    try:
        with pytest.raises(gmix.ClusterError, match="Spark did not finish a pass over the rows within 5 seconds"):
            gmix.fit(frame, 2, start=START)
    finally:
        mark.touch()
