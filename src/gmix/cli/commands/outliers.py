"""``gmix outliers``: how unusual every row is, or the most unusual rows."""

from __future__ import annotations

from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError, one_of
from gmix.base.table_file import write_table
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import print_findings, source_for_model
from gmix.cli.options import Format, Memory, Model, Out, PointsForModel, Threads, completing
from gmix.cli.output import table_target
from gmix.inference.outliers import MEASURES, Selection, most_unusual_first, scored_rows

__all__ = ["EXAMPLES", "outliers"]

EXAMPLES = (
    "Examples:\n\n  gmix outliers model.json points.csv --below 0.001 --sorted --values\n\n"
    "  gmix outliers model.json points.parquet --out outliers.parquet"
)


@with_csv_options
def outliers(
    model: Model,
    points: PointsForModel,
    below: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Write only rows with a p-value below this, and rows that violate a linear equation between columns.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            help="Measure for --below and --sorted: density, or distance (to the nearest component).",
            autocompletion=completing(MEASURES),
        ),
    ] = "density",
    ordered: Annotated[
        bool,
        typer.Option(
            "--sorted",
            metavar="",
            help="Write the most unusual rows first. Needs memory for all rows that are written.",
        ),
    ] = False,
    values: Annotated[bool, typer.Option("--values", "-v", metavar="", help="Add the columns of the model.")] = False,
    out: Out = None,
    form: Format = None,
    memory: Memory = "512M",
    threads: Threads = None,
) -> None:
    """Find unusual rows: write the distance of each row to the nearest component, its log density, and p-values.

    Points are treated as exact, also by a model that was fitted with --row-errors.
    """
    if below is not None and not 0.0 < below <= 1.0:
        raise ParameterError(f"--below {below:g} is not a probability above 0; give one such as 0.001")
    measure = one_of(by, MEASURES, "--by")
    to, form = table_target(out, form)
    fit = gmix.load(model)
    mixture, seems = fit.mixture, "imprecise rows seem more unusual than they are"
    source = source_for_model(fit, points, memory, threads=threads, if_exact=seems)
    selection = Selection(scored_rows(mixture, source, values=values), below, measure)
    write_table([most_unusual_first(selection, measure)] if ordered else selection, to, form)
    print_findings(selection.findings(mixture))
