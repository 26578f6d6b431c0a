"""EM steps of gmix and of Spark's MLlib, with the same cached DataFrame, start and steps.

    python benchmarks/mllib.py --rows 1e6 --cores 1

Each library runs EM twice, for one step and for several more. The time of a step is the difference, divided by the
number of further steps. The total time of the longer run, from the DataFrame to the mixture, is reported too. The
log-likelihoods of both mixtures are computed by the same formula, on the first rows. MLlib accepts a start only in its
older interface, which reads an RDD of vectors; this is made and cached before the measurement. The newer interface
reads the DataFrame and chooses its own start, so only its time is reported.

MLlib adds 2.2e-16 to the density of every component at every row, so its result depends on the units. In these ten
columns of order one, it differed from EM by 1e-3 nats per row after one step, and by 1e-5 after seven. The units of the
rows are therefore 128 times as large. Densities are then 128^10 times as high, the addition is negligible, MLlib makes
the same steps as EM, and both results agree.
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
UNIT = 1.0 / 128.0  # of the columns; see above
JUDGED = 100_000  # rows


def session(cores: int) -> Any:
    from pyspark.sql import SparkSession

    build = SparkSession.builder.master(f"local[{cores}]").config("spark.driver.memory", "8g")
    build = build.config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
    build = build.config("spark.driver.host", "127.0.0.1").config("spark.sql.execution.arrow.pyspark.enabled", "true")
    spark = build.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def step(run: Callable[[int], Any], rounds: int) -> tuple[float, float, Any]:
    """Seconds of a step and of the longer run, medians over the rounds, and the result."""
    seconds, whole, reached = (
        [],
        [],
        run(1 + STEPS),
    )  # before the measurement, because Java compiles code that runs often
    for _ in range(rounds):
        took = []
        for steps in (1, 1 + STEPS):
            began = time.perf_counter()
            reached = run(steps)
            took.append(time.perf_counter() - began)
        seconds.append((took[1] - took[0]) / STEPS)
        whole.append(took[1])
    return statistics.median(seconds), statistics.median(whole), reached


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

    rows, (weights, means, covariances) = Workload(int(given.rows), 10, 10).table()
    rows, start = rows * UNIT, (weights, means * UNIT, covariances * UNIT**2)
    k, names = len(start[0]), [f"x{j}" for j in range(rows.shape[1])]
    spark = session(given.cores)
    table = spark.createDataFrame(pd.DataFrame(rows, columns=names)).repartition(given.cores).cache()
    assembled = VectorAssembler(inputCols=names, outputCol="features").transform(table).select("features").cache()
    vectors = assembled.rdd.map(lambda row: Vectors.dense(row[0].toArray())).cache()
    print(f"{machine.name()}; Spark {spark.version}; {vectors.count():,} rows x 10, 10 components, {given.cores} cores")
    components = [
        MultivariateGaussian(Vectors.dense(mean), DenseMatrix(len(mean), len(mean), covariance.ravel()))
        for mean, covariance in zip(*start[1:], strict=True)
    ]
    theirs = SimpleNamespace(k=k, weights=start[0].tolist(), gaussians=components)

    def older(steps: int) -> gmix.GaussianMixture:
        found = Older.train(vectors, k, 0.0, steps, initialModel=theirs)
        mean, covariance = zip(*((g.mu.toArray(), g.sigma.toArray()) for g in found.gaussians), strict=True)
        return gmix.GaussianMixture(np.array(found.weights), np.array(mean), np.array(covariance))

    def newer(steps: int) -> gmix.GaussianMixture:
        found = Newer(k=k, maxIter=steps, tol=0.0, seed=1).fit(assembled)
        components = found.gaussiansDF.collect()
        mean, covariance = zip(
            *((component["mean"].toArray(), component["cov"].toArray()) for component in components), strict=True
        )
        return gmix.GaussianMixture(np.array(found.weights), np.array(mean), np.array(covariance))

    def ours(steps: int) -> gmix.GaussianMixture:
        mixture = gmix.GaussianMixture(*start)
        return gmix.fit(table, k, covariance="full", start=mixture, max_iterations=steps, tolerance=0.0).mixture

    print(f"\n| | step, s | relative to gmix | {1 + STEPS} steps, s | relative to gmix | log-likelihood per row |")
    print("|---|---:|---:|---:|---:|---:|")
    first = None
    for name, run in (
        ("gmix", ours),
        ("MLlib over an RDD", older),
        ("MLlib over the DataFrame, its own start", newer),
    ):
        seconds, whole, mixture = step(run, given.rounds)
        first = first or (seconds, whole)
        reached = mixture.log_density(rows[:JUDGED]).mean()
        ratios = seconds / first[0], whole / first[1]
        print(
            f"| {name} | {seconds:.3f} | {ratios[0]:.2g} | {whole:.1f} | {ratios[1]:.2g} | {reached:.10f} |", flush=True
        )
    spark.stop()


if __name__ == "__main__":
    main()
