"""``gmix predict``: the most probable component of every row."""

from __future__ import annotations

from typing import Annotated

import typer

import gmix
from gmix.base.columns import Roles
from gmix.base.table_file import write_table
from gmix.cli.append import write_with_columns
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import source_for_model
from gmix.cli.options import Append, Format, Memory, Missing, Model, Out, PointsForModel, RowErrors, Threads
from gmix.cli.output import table_target
from gmix.inference.predict import predictions
from gmix.sources.files import open_files

__all__ = ["EXAMPLES", "predict"]

EXAMPLES = (
    "Examples:\n\n  gmix predict model.json points.csv --append --out labeled.csv\n\n"
    "  gmix predict model.json points.parquet -p --out probabilities.parquet"
)


@with_csv_options
def predict(
    model: Model,
    points: PointsForModel,
    out: Out = None,
    form: Format = None,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities", "-p", metavar="", help="Add the probability of each component and the log density."
        ),
    ] = False,
    append: Append = False,
    row_errors: RowErrors = None,
    missing: Missing = "model",
    memory: Memory = "512M",
    threads: Threads = None,
) -> None:
    """Classify rows: write the most probable component of each, numbered from 0, and the label of a labeled model."""
    to, form = table_target(out, form)
    fit = gmix.load(model)
    source = source_for_model(fit, points, memory, row_errors=row_errors, missing=missing, threads=threads)
    columns = predictions(fit.mixture, source, probabilities=probabilities, groups=fit.groups, threads=threads)
    if append:
        write_with_columns(open_files(points, Roles(source.features)), columns, to, form)
    else:
        write_table(columns, to, form)
