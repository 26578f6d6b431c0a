"""EM steps of gmix beside Spark's MLlib: the same cached DataFrame, start and steps.

    python benchmarks/mllib.py --rows 1e6 --cores 1

Each climbs twice, one step and some more; a step is the difference over the steps between. What both reach is judged by
one formula, on the first rows. MLlib takes a start only through its older interface, over an RDD of vectors, which is
made and cached before the clock runs; its newer one, over the DataFrame, starts where it likes, and is timed only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import machine
import numpy as np
from workloads import Workload

import gmix

STEPS = 6  # beyond the first
JUDGED = 100_000  # rows


def session(cores: int) -> Any:
    from pyspark.sql import SparkSession

    build = SparkSession.builder.master(f"local[{cores}]").config("spark.driver.memory", "8g")
    build = build.config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
    build = build.config("spark.driver.host", "127.0.0.1").config("spark.sql.execution.arrow.pyspark.enabled", "true")
    spark = build.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def step(climb: Callable[[int], Any], rounds: int) -> tuple[float, Any]:
    """Seconds of a step, the median of some rounds, and what was reached."""
    seconds, reached = [], None
    for _ in range(rounds):
        took = []
        for steps in (1, 1 + STEPS):
            began = time.perf_counter()
            reached = climb(steps)
            took.append(time.perf_counter() - began)
        seconds.append((took[1] - took[0]) / STEPS)
    return statistics.median(seconds), reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    machine.keep_to(given.cores)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    import pandas as pd
    from pyspark.ml.clustering import GaussianMixture as Newer
    from pyspark.ml.feature import VectorAssembler
    from pyspark.mllib.clustering import GaussianMixture as Older
    from pyspark.mllib.linalg import DenseMatrix, Vectors
    from pyspark.mllib.stat.distribution import MultivariateGaussian

    rows, start = Workload(int(given.rows), 10, 10).table()
    k, names = len(start[0]), [f"x{j}" for j in range(rows.shape[1])]
    spark = session(given.cores)
    table = spark.createDataFrame(pd.DataFrame(rows, columns=names)).repartition(given.cores).cache()
    assembled = VectorAssembler(inputCols=names, outputCol="features").transform(table).select("features").cache()
    vectors = assembled.rdd.map(lambda row: Vectors.dense(row[0].toArray())).cache()
    print(f"{machine.name()}; Spark {spark.version}; {vectors.count():,} rows x 10, 10 components, {given.cores} cores")
    bells = [
        MultivariateGaussian(Vectors.dense(mean), DenseMatrix(len(mean), len(mean), covariance.ravel()))
        for mean, covariance in zip(*start[1:], strict=True)
    ]
    theirs = SimpleNamespace(k=k, weights=start[0].tolist(), gaussians=bells)

    def older(steps: int) -> gmix.GaussianMixture:
        found = Older.train(vectors, k, 0.0, steps, initialModel=theirs)
        mean, covariance = zip(*((g.mu.toArray(), g.sigma.toArray()) for g in found.gaussians), strict=True)
        return gmix.GaussianMixture(np.array(found.weights), np.array(mean), np.array(covariance))

    def newer(steps: int) -> gmix.GaussianMixture:
        found = Newer(k=k, maxIter=steps, tol=0.0, seed=1).fit(assembled)
        bells = found.gaussiansDF.collect()
        mean, covariance = zip(*((bell["mean"].toArray(), bell["cov"].toArray()) for bell in bells), strict=True)
        return gmix.GaussianMixture(np.array(found.weights), np.array(mean), np.array(covariance))

    def ours(steps: int) -> gmix.GaussianMixture:
        mixture = gmix.GaussianMixture(*start)
        return gmix.fit(table, k, covariance="full", start=mixture, max_iterations=steps, tolerance=0.0).mixture

    print("\n| | a step, s | against gmix | log-likelihood per row |\n|---|---:|---:|---:|")
    first = None
    for name, climb in (
        ("gmix", ours),
        ("MLlib over an RDD", older),
        ("MLlib over the DataFrame, its own start", newer),
    ):
        seconds, mixture = step(climb, given.rounds)
        first = first or seconds
        reached = mixture.log_density(rows[:JUDGED]).mean()
        print(f"| {name} | {seconds:.3f} | {seconds / first:.2g} | {reached:.7f} |", flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
