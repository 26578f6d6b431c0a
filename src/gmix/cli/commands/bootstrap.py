"""``gmix bootstrap``: standard errors and intervals of the parameters of a model, from resampled tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

import gmix
from gmix.base.errors import ParameterError, one_of
from gmix.base.table_file import Block, write_table
from gmix.base.wording import count, number, percent, to_precision_of
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import source_for_model
from gmix.cli.options import (
    Format,
    Json,
    LabelColumn,
    Memory,
    Model,
    PointsForModel,
    Quiet,
    RowErrors,
    Seed,
    Threads,
    Weights,
    completing,
)
from gmix.cli.output import file_target
from gmix.cli.parameters import parameter_columns
from gmix.cli.tables import console, grid_of, print_grid
from gmix.inference.intervals import Intervals

__all__ = ["EXAMPLES", "bootstrap"]

EXAMPLES = (
    "Examples:\n\n  gmix bootstrap model.json points.csv\n\n"
    "  gmix bootstrap model.json points.csv --replicates 200 --level 0.9 --out replicates.parquet"
)
_KINDS, _INTERVALS = ("weights", "rows", "parametric"), ("percentile", "bca")


@with_csv_options
def bootstrap(
    model: Model,
    points: PointsForModel,
    replicates: Annotated[int, typer.Option("--replicates", "-n", help="Number of repeated fits.", min=2)] = 999,
    kind: Annotated[
        str,
        typer.Option(
            help="Resampling: weights (random weights), rows (with replacement) or parametric (draws from the model).",
            autocompletion=completing(_KINDS),
        ),
    ] = "weights",
    level: Annotated[float, typer.Option(help="Probability of the intervals.")] = 0.95,
    interval: Annotated[
        str,
        typer.Option(
            help="Intervals: percentile, or bca (corrected for bias and skewness; needs --kind rows or parametric).",
            autocompletion=completing(_INTERVALS),
        ),
    ] = "percentile",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Write the parameters of every replicate to this file: CSV, Parquet or Arrow."
        ),
    ] = None,
    form: Format = None,
    weights: Weights = None,
    label_column: LabelColumn = None,
    row_errors: RowErrors = None,
    memory: Memory = "512M",
    threads: Threads = None,
    quiet: Quiet = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Compute standard errors and intervals of the parameters, from fits to resampled tables."""
    if not 0.0 < level < 1.0:
        raise ParameterError(f"--level {level:g} is not a probability between 0 and 1; give one such as 0.95")
    kind, interval = one_of(kind, _KINDS, "--kind"), one_of(interval, _INTERVALS, "--interval")
    if interval == "bca" and kind == "weights":
        raise ParameterError("--interval bca needs --kind rows or parametric; random weights are twice as skewed")
    target = file_target(out, form)
    fit = gmix.load(model)
    source = source_for_model(
        fit, points, memory, weights, labels=label_column, row_errors=row_errors, threads=threads, quiet=quiet
    )
    found = gmix.bootstrap(
        fit, source, kind=kind, replicates=replicates, threads=threads, rng=seed, progress=False if quiet else None
    )
    if target is not None:
        write_table(_replicates(found, fit.gaussian("bootstrap")), *target)
    lines = list(_lines(fit.gaussian("bootstrap"), found, found.levels(level, interval)))
    if as_json:
        document = {"replicates": len(found.weights), "collapsed": found.collapsed, "level": level, "parameters": lines}
        typer.echo(json.dumps(document, indent=1))
    elif not quiet:
        _print(lines, found, level)
        if out is not None:
            typer.echo(f"replicates written to {out}")


def _lines(mixture: gmix.GaussianMixture, found: gmix.Bootstrap, levels: Intervals) -> Iterator[dict[str, Any]]:
    """For each parameter its estimate, standard error and interval: weights, means and standard deviations."""

    def line(
        k: int, parameter: str, estimate: float, values: NDArray[np.float64], ends: NDArray[np.float64]
    ) -> dict[str, Any]:
        low, high = np.quantile(values, ends)
        error = float(values.std(ddof=1))
        return {
            "component": k, "parameter": parameter, "estimate": float(estimate), "error": error,
            "low": float(low), "high": float(high),
        }  # fmt: skip

    for k in range(mixture.n_components):
        yield line(k, "weight", mixture.weights[k], found.weights[:, k], levels.weights[:, k])
        for j, name in enumerate(mixture.names):
            yield line(k, f"mean {name}", mixture.means[k, j], found.means[:, k, j], levels.means[:, k, j])
            deviation = float(np.sqrt(mixture.covariances[k, j, j]))
            ends = levels.covariances[:, k, j, j]  # of the variance, whose root is a monotone function
            yield line(k, f"sd {name}", deviation, np.sqrt(found.covariances[:, k, j, j]), ends)


def _print(lines: list[dict[str, Any]], found: gmix.Bootstrap, level: float) -> None:
    title = f"standard errors and {percent(level)} intervals of {count(len(found.weights), 'replicate')}"
    names = ["component", "parameter", "estimate", "error", "from", "to"]
    grid = grid_of(title, names, left=["parameter"])
    for line in lines:
        numbers = [to_precision_of(line[name], line["error"]) for name in ("estimate", "low", "high")]
        grid.add_row(str(line["component"]), line["parameter"], numbers[0], number(line["error"], 3), *numbers[1:])
    to = console()
    print_grid(grid, to)
    if found.collapsed:
        to.print(f"{count(found.collapsed, 'further fit')} left out, because a component collapsed")


def _replicates(found: gmix.Bootstrap, mixture: gmix.GaussianMixture) -> Iterator[Block]:
    """A row for each replicate and component."""
    n, k = found.weights.shape
    place = {"replicate": np.repeat(np.arange(n), k), "component": np.tile(np.arange(k), n)}
    d = mixture.n_features
    means, covariances = found.means.reshape(n * k, d), found.covariances.reshape(n * k, d, d)
    yield place | parameter_columns(found.weights.ravel(), means, covariances, mixture.names)
