"""Partitions on a cluster give what the same rows give in memory; a lost worker changes nothing."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmix
from gmix import ClusterError, DataError, ParameterError
from gmix.sources import as_source
from gmix.sources.partitions import PartitionedSource, Task
from gmix.sources.pass_limit import PassLimit

pytestmark = pytest.mark.filterwarnings(  # of Dask, Spark and their friends
    "default",
    "ignore:PySpark does not yet fully support pandas:FutureWarning",  # gmix sends Arrow, tests a small frame
)
NAMES = ["a", "b", "c"]
N, PARTITIONS = 3_011, 3

Frame = Any


@pytest.fixture(scope="module")
def table() -> Frame:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((N, 3)) * [1.0, 2.0, 0.5] + [1e4, 0.0, 0.0]
    rows[::3] += [4.0, 0.0, 2.0]
    return pd.DataFrame(rows, columns=NAMES).assign(w=rng.integers(0, 3, N).astype(float), text="t")


class Dask:
    above = 0  # generations from the process of a task up to the worker

    def __init__(self, home: Path) -> None:
        distributed = pytest.importorskip("distributed")
        self._cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        )
        self._client = distributed.Client(self._cluster)

    def frame(self, table: Frame) -> Any:
        import dask.dataframe

        return dask.dataframe.from_pandas(table, npartitions=PARTITIONS, sort=False).persist()

    def each(self, frame: Any, change: Any) -> Any:
        return frame.map_partitions(change, meta=frame)

    def close(self) -> None:
        self._client.close()
        self._cluster.close()


class Spark:
    above = 2  # a task is a child of a daemon, and that of an executor

    def __init__(self, home: Path) -> None:
        sql = pytest.importorskip("pyspark.sql")
        if shutil.which("java") is None:
            pytest.skip("Spark needs Java")
        for entry in Path(sql.__file__).parents[1].iterdir():  # executors write where Spark lives
            (home / entry.name).symlink_to(entry)
        self._on_interrupt = signal.getsignal(signal.SIGINT)  # Spark replaces it, and leaves its own when it stops
        os.environ |= {"SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
        build = sql.SparkSession.builder.master("local-cluster[2,1,1024]").config("spark.ui.enabled", "false")
        build = build.config("spark.driver.host", "127.0.0.1").config("spark.ui.showConsoleProgress", "false")
        for part in ("driver", "executor"):  # they live too briefly for Java's better compiler
            build = build.config(f"spark.{part}.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        build = build.config("spark.sql.codegen.wholeStage", "false").config("spark.sql.shuffle.partitions", "2")
        self._session = build.getOrCreate()
        self._session.sparkContext.setLogLevel("OFF")

    def frame(self, table: Frame) -> Any:
        return (
            self._session.createDataFrame(table).repartitionByRange(PARTITIONS, "a").sortWithinPartitions("a").cache()
        )

    def each(self, frame: Any, change: Any) -> Any:
        return frame.mapInArrow(change, frame.schema)

    def kept(self) -> set[int]:
        return set(self._session.sparkContext._jsc.getPersistentRDDs())

    def close(self) -> None:
        self._session.stop()
        signal.signal(signal.SIGINT, self._on_interrupt)


@pytest.fixture(scope="module", params=[Dask, Spark])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    cluster = request.param(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PartitionedSource, "fan", 2)  # so that three partitions are a tree
        yield cluster
    cluster.close()
    gc.collect()


@pytest.fixture
def spark(cluster: Any) -> Any:
    if not isinstance(cluster, Spark):
        pytest.skip("of Spark alone")
    return cluster


@pytest.fixture(scope="module")
def frame(cluster: Any, table: Frame) -> Any:
    return cluster.frame(table)


def same(one: gmix.GaussianMixture, other: gmix.GaussianMixture) -> None:
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10, atol=1e-10)


def start(structure: str = "VVV") -> gmix.GaussianMixture:
    means = np.array([[1e4, 0.0, 0.0], [1e4 + 4.0, 0.0, 2.0]])
    return gmix.GaussianMixture([0.5, 0.5], means, np.array([np.eye(3)] * 2), structure=structure)


def fitted(data: Any) -> gmix.Fit:
    return gmix.fit(data, 2, columns=NAMES, sample_weight="w", start=start(), max_iterations=3)


@pytest.fixture(scope="module")
def there(frame: Any) -> gmix.Fit:
    return fitted(frame)


def test_the_fit_is_that_in_memory(there: gmix.Fit, table: Frame) -> None:
    here = fitted(table)
    same(here.mixture, there.mixture)
    assert there.log_likelihood == pytest.approx(here.log_likelihood, rel=1e-12)
    assert there.n_rows == N
    assert there.mixture.features == tuple(NAMES)


def test_all_structures_share_a_pass(frame: Any, table: Frame) -> None:
    mixtures = [start(code) for code in ("VII", "VVI", "EEE", "VVV")]
    here, there = (as_source(data, columns=NAMES).expect([m.components for m in mixtures]) for data in (table, frame))
    for a, b in zip(here, there, strict=True):
        for name in ("mass", "mean", "scatter", "log_likelihood"):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-10, atol=1e-7)
        np.testing.assert_allclose(a.reference.variances, b.reference.variances, rtol=1e-10)


def test_the_sub_sample_is_bounded_and_weighs(frame: Any) -> None:
    rows = as_source(frame, columns=NAMES, sample_weight="w").rows(100, np.random.default_rng(1))
    assert rows.values.shape == (100, 3)
    assert rows.weights is not None
    assert (rows.weights > 0).all()


@pytest.mark.parametrize("text", [True, False], ids=["Decimal as text", "Decimal"])
def test_the_same_columns_are_used_as_in_memory(cluster: Any, table: Frame, text: bool) -> None:
    dask = pytest.importorskip("dask")
    if text and not isinstance(cluster, Dask):
        pytest.skip("of Dask alone")
    other = table[["a", "b", "text"]].assign(
        money=[Decimal(i % 7) / 4 for i in range(N)],
        yes=table["c"] > 0,
        day=table["w"].astype("datetime64[s]"),
        number=(table["w"] / 2).astype(str),
        never=np.nan,
        nothing="" if isinstance(cluster, Spark) else None,  # Spark cannot tell what a column of None is
    )
    with dask.config.set({"dataframe.convert-string": text}):  # Dask makes text of all objects unless told
        frame = cluster.frame(other)
    if isinstance(cluster, Spark):
        from pyspark.sql import functions

        frame = frame.withColumn("nothing", functions.lit(None).cast("string"))
        other["nothing"] = None
    here, there = as_source(other), as_source(frame)
    [left_out] = here.findings
    assert left_out.level == "warning"
    assert left_out.message == (
        "'text' (text), 'yes' (booleans), 'day' (dates), 'number' (numbers written as text), "
        "'never', 'nothing' (no values)"
    )
    if text:
        [left_out] = there.findings
        assert "'money', 'number' (numbers written as text)" in left_out.message
        assert there.features == ("a", "b")
        return
    assert there.findings == here.findings
    assert there.features == here.features == ("a", "b", "money")
    here_rows, there_rows = (source.rows(N, np.random.default_rng(0)).values for source in (here, there))
    np.testing.assert_array_equal(*(rows[np.lexsort(rows.T)] for rows in (here_rows, there_rows)))
    named = as_source(frame, columns=["money", "yes"])
    assert named.findings == ()
    assert named.features == ("money", "yes")


def test_a_value_in_the_last_partition_counts(cluster: Any, table: Frame) -> None:
    late = table.sort_values("a")[["a", "b"]]
    late["late"] = np.where(np.arange(N) == N - 1, 1.0, np.nan)
    frame = cluster.frame(late)
    with pytest.raises(DataError, match=r"partition \d: row \d+, column 'late' is NaN"):
        as_source(frame, missing="error")
    source = as_source(frame)
    assert source.features == ("a", "b", "late")
    assert source.missing is not None
    assert source.missing.by_column.tolist() == [0.0, 0.0, N - 1.0]


def test_partitions_without_rows_add_nothing(cluster: Any, table: Frame) -> None:
    whole = cluster.frame(table.sort_values("a"))
    [some] = as_source(whole[whole["a"] > 1e4 + 3.0], columns=NAMES).expect([start().components])
    [here] = as_source(table[table["a"] > 1e4 + 3.0], columns=NAMES).expect([start().components])
    np.testing.assert_allclose(some.scatter, here.scatter, rtol=1e-10)
    assert some.log_likelihood == pytest.approx(here.log_likelihood, rel=1e-12)


def test_a_worker_lost_in_mid_fit_changes_no_bit(
    cluster: Any, frame: Any, there: gmix.Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    psutil = pytest.importorskip("psutil")
    source = type(as_source(frame, columns=NAMES))
    ask, mark, passes, above = source.ask, tmp_path / "died", [0], cluster.above

    def dying(task: Task, number: int, blocks: Iterable[Any]) -> bytes:
        """Take the whole worker along, once."""
        if number == 1 and not mark.exists():
            mark.touch()
            [psutil.Process(), *psutil.Process().parents()][above].kill()
        return task(number, blocks)

    def deadly(self: Any, task: Task, join: Any = None) -> list[bytes]:
        passes[0] += 1
        return ask(self, partial(dying, task) if passes[0] == 4 else task, join)

    monkeypatch.setattr(source, "ask", deadly)
    after = fitted(frame)
    assert mark.exists()
    assert passes[0] > 4
    assert after.history == there.history
    for name in ("weights", "means", "covariances"):
        np.testing.assert_array_equal(getattr(after.mixture, name), getattr(there.mixture, name))


def test_a_worker_that_hangs_is_an_error_with_a_remedy(
    cluster: Any, frame: Any, there: gmix.Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = type(as_source(frame, columns=NAMES))
    ask, mark, passes, checkpoint = source.ask, tmp_path / "freed", [0], tmp_path / "fit.checkpoint"

    def waiting(task: Task, number: int, blocks: Iterable[Any]) -> bytes:
        while number == 1 and not mark.exists():
            time.sleep(0.02)
        return task(number, blocks)

    def stuck(self: Any, task: Task, join: Any = None) -> list[bytes]:
        passes[0] += 1
        if passes[0] != 4:
            return ask(self, task, join)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GMIX_PASS_SECONDS", "2")
            return ask(self, partial(waiting, task), join)

    monkeypatch.setattr(source, "ask", stuck)
    options: dict[str, Any] = {"columns": NAMES, "sample_weight": "w", "max_iterations": 3, "checkpoint": checkpoint}
    try:
        with pytest.raises(ClusterError, match=r"a pass over the rows within 2 seconds; .* GMIX_PASS_SECONDS"):
            gmix.fit(frame, 2, start=start(), **options)
    finally:
        mark.touch()
    assert passes[0] == 4
    assert gmix.fit(frame, 2, start=start(), resume=True, **options).history == there.history


def test_a_worker_that_hangs_before_the_first_pass_is_an_error_with_a_remedy(
    cluster: Any, frame: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "freed"

    def waiting(part: Any) -> Any:
        while not mark.exists():
            time.sleep(0.02)
        return part

    monkeypatch.setenv("GMIX_PASS_SECONDS", "2")
    try:
        with pytest.raises(ClusterError, match=r"a pass over the rows within 2 seconds; .* GMIX_PASS_SECONDS"):
            gmix.fit(cluster.each(frame, waiting), 2)  # looks at the first rows, to choose columns
    finally:
        mark.touch()


def test_a_pass_may_take_much_longer_than_the_longest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, now = PassLimit(), [0.0]
    monkeypatch.setattr("gmix.sources.pass_limit.time.monotonic", lambda: now[0])
    for expected, seconds in ((None, 100.0), (2600.0, 2599.0), (52580.0, 1.0), (52580.0, 1.0)):
        with limit.one_pass("Dask") as found:
            assert found == expected
            now[0] += seconds
    monkeypatch.setenv("GMIX_PASS_SECONDS", "inf")
    with limit.one_pass("Dask") as found:
        assert found is None
    for wrong in ("-1", "soon", "nan"):
        monkeypatch.setenv("GMIX_PASS_SECONDS", wrong)
        with pytest.raises(ParameterError, match="GMIX_PASS_SECONDS is"), limit.one_pass("Dask"):
            pass


def test_spark_without_jobs_over_blocks_gives_the_same(
    spark: Any, frame: Any, there: gmix.Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rdd(_: Any) -> Any:
        raise NotImplementedError  # as Spark Connect has it

    monkeypatch.setattr(type(frame), "rdd", property(rdd))
    same(fitted(frame).mixture, there.mixture)


def test_spark_keeps_blocks_for_as_long_as_they_are_used(spark: Any, frame: Any) -> None:
    before, threads = spark.kept(), set(threading.enumerate())
    source = as_source(frame, columns=NAMES)
    watched = source.watched(None, None)
    del source
    blocks = spark.kept() - before
    assert len(blocks) == 1
    del watched
    for thread in set(threading.enumerate()) - threads:
        thread.join(60)
    assert not blocks & spark.kept()


def test_what_cannot_be_used_is_named(cluster: Any, frame: Any, table: Frame) -> None:
    with pytest.raises(DataError, match=r"'text' holds"):
        gmix.fit(frame, 2, columns=["a", "text"])
    with pytest.raises(DataError, match=r"no column 'aa'; did you mean 'a'"):
        gmix.fit(frame, 2, columns=["aa"])
    with pytest.raises(ParameterError, match="must be the name of a column"):
        gmix.fit(frame, 2, columns=NAMES, sample_weight=np.ones(N))
    spoiled = table.assign(b=np.where(np.arange(N) == N // 2, np.nan, table["b"]))
    with pytest.raises(DataError, match=r"partition \d: row \d+, column 'b' is NaN"):
        gmix.fit(cluster.frame(spoiled), 2, columns=NAMES, missing="error")


def test_rows_with_missing_cells_are_fitted(cluster: Any, table: Frame) -> None:
    spoiled = table.copy()
    rng = np.random.default_rng(7)
    for name in NAMES[1:]:
        spoiled.loc[rng.random(N) < 0.2, name] = np.nan
    spoiled.loc[spoiled.index[::100], NAMES[1:]] = np.nan
    settings: dict[str, Any] = {"columns": NAMES, "sample_weight": "w", "covariance": "full", "tolerance": 0.0}
    here = gmix.fit(spoiled, 2, rng=3, **settings)
    there = gmix.fit(cluster.frame(spoiled), start=here.mixture, **settings)
    same(here.mixture, there.mixture)
    assert there.log_likelihood == pytest.approx(here.log_likelihood, rel=1e-9)
    assert there.icl == pytest.approx(here.icl, rel=1e-9)
    [found] = [finding for finding in there.findings if finding.name == "missing cells"]
    assert found in here.findings


def test_an_array_is_as_good_as_a_frame() -> None:
    array = pytest.importorskip("dask.array")
    rows = np.random.default_rng(1).normal(size=(500, 2))
    there = as_source(array.from_array(rows, chunks=(170, 1))).expect([gmix.fit(rows, 1).mixture.components])[0]
    assert there.mass == pytest.approx([500.0])
    np.testing.assert_allclose(there.mean[0], rows.mean(0), atol=1e-12)


def test_an_array_may_lie_at_an_odd_address() -> None:
    delayed, array = pytest.importorskip("dask").delayed, pytest.importorskip("dask.array")
    rows = np.random.default_rng(1).normal(size=(500, 2))
    odd = delayed(lambda: np.frombuffer(b"x" + rows.tobytes(), np.uint8)[1:].view(np.float64).reshape(-1, 2))()
    [there] = as_source(array.from_delayed(odd, rows.shape, float)).expect([gmix.fit(rows, 1).mixture.components])
    np.testing.assert_allclose(there.mean[0], rows.mean(0), atol=1e-12)


def test_a_search_with_a_prior_is_that_in_memory() -> None:
    array = pytest.importorskip("dask.array")
    rows = np.random.default_rng(1).normal(size=(600, 2)).astype(np.float32)
    rows[::2] += 6.0
    settings = {"components": [1, 2, 3], "covariance": ["EEI", "VVV"], "prior": gmix.NormalInverseWishart(), "rng": 3}
    here, there = gmix.fit(rows, **settings), gmix.fit(array.from_array(rows, chunks=(200, 2)), **settings)
    assert here.mixture.n_components == there.mixture.n_components
    same(here.mixture, there.mixture)
    assert there.bic == pytest.approx(here.bic, rel=1e-9)


def test_a_checkpoint_takes_up_a_fit_of_partitions(tmp_path: Path) -> None:
    array = pytest.importorskip("dask.array")
    rows = np.random.default_rng(1).normal(size=(600, 2))
    data = array.from_array(np.r_[rows, rows + 4.0], chunks=(300, 2))
    whole = gmix.fit(data, 2, covariance="full", rng=3)
    passes = 0

    def stop(_: Any) -> None:
        nonlocal passes
        passes += 1
        if passes == 3:
            raise RuntimeError("lost")

    settings = {"covariance": "full", "rng": 3, "checkpoint": tmp_path / "fit.checkpoint"}
    with pytest.raises(RuntimeError, match="lost"):
        gmix.fit(data, 2, progress=stop, **settings)
    again = gmix.fit(data, 2, resume=True, **settings)
    assert again.history == whole.history
    np.testing.assert_array_equal(again.mixture.covariances, whole.mixture.covariances)


def test_a_traceback_of_a_worker_is_told_by_its_last_line() -> None:
    said = "An exception was thrown:\nTraceback (most recent call last):\nModuleNotFoundError: No module named 'gmix'\n"
    with (
        pytest.raises(ClusterError, match=r"RuntimeError: ModuleNotFoundError: No module named 'gmix'"),
        PassLimit().one_pass("X"),
    ):
        raise RuntimeError(said)


def test_a_cluster_that_fails_says_so() -> None:
    delayed, array = pytest.importorskip("dask").delayed, pytest.importorskip("dask.array")

    def unreachable() -> Any:
        raise OSError("no route to host")

    with pytest.raises(ClusterError, match=r"Dask could not finish a pass .*no route to host.*reached"):
        gmix.fit(array.from_delayed(delayed(unreachable)(), (10, 2), float), 1)


def test_labels_are_a_column(cluster: Any, table: Frame) -> None:
    known = np.where(np.arange(N) % 3 == 0, "far", "near")
    labeled = table.assign(kind=np.where(np.arange(N) % 5 == 0, known, None))[[*NAMES, "w", "kind"]]
    settings: dict[str, Any] = {"covariance": "EEE", "columns": NAMES, "sample_weight": "w", "tolerance": 1e-3}
    there, here = (gmix.fit(rows, labels="kind", rng=0, **settings) for rows in (cluster.frame(labeled), labeled))
    assert sorted(there.groups) == ["far", "near"]
    assert there.log_likelihood == pytest.approx(here.log_likelihood, rel=1e-9)


def test_errors_are_columns(cluster: Any, table: Frame) -> None:
    rng = np.random.default_rng(5)
    uncertain = table.assign(d=rng.uniform(0.1, 0.5, N), e=0.2).drop(columns="text")
    settings: dict[str, Any] = {"row_errors": {"a": "d", "b": "e"}, "sample_weight": "w", "start": start()}
    there, here = (
        gmix.fit(rows, 2, tolerance=0.0, max_iterations=3, **settings) for rows in (cluster.frame(uncertain), uncertain)
    )
    assert there.log_likelihood == pytest.approx(here.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(there.mixture.covariances, here.mixture.covariances, rtol=1e-9)
    np.testing.assert_array_equal(there.statistics.reference.error, here.statistics.reference.error)
    source = as_source(cluster.frame(uncertain), columns=NAMES, row_errors=settings["row_errors"])
    sample = source.rows(100, np.random.default_rng(0))
    assert sample.errors is not None
    assert sample.errors.shape == (100, 3)
    assert (sample.errors[:, 1] == 0.2**2).all()
