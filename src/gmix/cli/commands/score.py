"""``gmix score``: the log-likelihood of a table, or the log density of every row."""

from __future__ import annotations

import json
import math
from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError
from gmix.base.table_file import write_table
from gmix.base.wording import count
from gmix.cli.console import nulled
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import source_for_model
from gmix.cli.options import Format, Json, Memory, Missing, Model, Out, PointsForModel, RowErrors, Threads, Weights
from gmix.cli.output import table_target

__all__ = ["EXAMPLES", "score"]

EXAMPLES = (
    "Examples:\n\n  gmix score model.json held_out.csv\n\n"
    "  gmix score model.json points.csv --rows | sort -g | head   # the most unusual rows"
)


@with_csv_options
def score(
    model: Model,
    points: PointsForModel,
    rows: Annotated[
        bool, typer.Option("--rows", metavar="", help="Write the log density of each row instead.")
    ] = False,
    weights: Weights = None,
    out: Out = None,
    form: Format = None,
    row_errors: RowErrors = None,
    missing: Missing = "model",
    memory: Memory = "512M",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Compute the log-likelihood of a table under a model, in nats."""
    if not rows and (out or form):
        raise ParameterError("--out and --format are for the log density of every row; add --rows")
    if rows and weights is not None:
        raise ParameterError("--weights is for the log-likelihood of all rows; leave out --rows")
    to, form = table_target(out, form)
    fit = gmix.load(model)
    mixture = fit.mixture
    source = source_for_model(fit, points, memory, weights, row_errors=row_errors, missing=missing, threads=threads)
    if rows:
        write_table(
            ({"log_density": mixture.log_density(block, threads=threads)} for block in source.blocks()), to, form
        )
        return
    total, mass = 0.0, 0.0
    for block in source.blocks():
        counting = block.counting  # because the log density of a row without weight may be minus infinity
        density = mixture.log_density(counting, threads=threads)
        total += float(density.sum() if counting.weights is None else counting.weights @ density)
        mass += float(counting.mass.sum())
    per_row = total / mass if mass > 0.0 else math.nan  # of no row that has a value
    result = {"rows": source.n_rows, "log_likelihood": total, "log_likelihood_per_row": per_row}
    if as_json:
        typer.echo(json.dumps(nulled(result), indent=1))
    else:
        typer.echo(f"{count(source.n_rows, 'row')}, log-likelihood {total:.4f} ({per_row:.6g} per row)")
