"""``gmix score``: the log-likelihood of a table, or the log density of every row."""

from __future__ import annotations

import json
from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError
from gmix.base.table_file import write_table
from gmix.cli.console import nulled
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import source_for_model
from gmix.cli.options import Format, Json, Memory, Missing, Model, Out, PointsForModel, Weights
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
        bool, typer.Option("--rows", metavar="", help="Write the log density of every row instead.")
    ] = False,
    weights: Weights = None,
    out: Out = None,
    form: Format = None,
    missing: Missing = "model",
    memory: Memory = "512M",
    as_json: Json = False,
) -> None:
    """Say how well a model describes a table: the log-likelihood, in nats."""
    if not rows and (out or form):
        raise ParameterError("--out and --format are for the log density of every row; add --rows")
    if rows and weights is not None:
        raise ParameterError("--weights is for the log-likelihood of all rows; leave out --rows")
    to, form = table_target(out, form)
    mixture = gmix.load(model).mixture
    source = source_for_model(mixture, points, memory, weights, missing=missing)
    each = ((mixture.log_density(block.values), block.weights) for block in source.blocks())
    if rows:
        write_table(({"log_density": density} for density, _ in each), to, form)
        return
    total, mass = 0.0, 0.0
    for density, weight in each:
        total += float(density.sum() if weight is None else weight @ density)
        mass += float(len(density) if weight is None else weight.sum())
    result = {"rows": source.n_rows, "log_likelihood": total, "log_likelihood_per_row": total / mass}
    if as_json:
        typer.echo(json.dumps(nulled(result), indent=1))
    else:
        typer.echo(f"{source.n_rows} rows, log-likelihood {total:.4f} ({total / mass:.6g} per row)")
