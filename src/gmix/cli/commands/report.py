"""``gmix report``: write an HTML report of a fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError
from gmix.base.findings import lines
from gmix.cli.as_typed import as_typed
from gmix.cli.csv_options import with_csv_options
from gmix.cli.fit_options import FitOptions, with_fit_options
from gmix.cli.input import from_stdin
from gmix.cli.options import Points
from gmix.cli.output import check_page, check_writable

__all__ = ["EXAMPLES", "report"]

EXAMPLES = (
    "Examples:\n\n  gmix report points.csv\n\n  gmix report points.csv --components 1-5 --out page.html\n\n"
    "  gmix report points.csv --model model.json"
)


@with_csv_options
@with_fit_options
def report(
    points: Points,
    options: FitOptions,
    out: Annotated[Path, typer.Option("--out", "-o", help="Output file: HTML.")] = Path("report.html"),
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", "-m", help="Report on this model of the same rows instead of fitting one.", callback=from_stdin
        ),
    ] = None,
) -> None:
    """Fit a table and write an HTML report: verdict, charts, parameters and methods. It needs no network."""
    check_writable(out)
    check_page(out)
    if model is None:
        result = options.fit(options.source(points, quiet=True))
    elif options.decide_a_model:
        raise ParameterError("--model is fitted already; leave out the options for fitting, or the model")
    else:
        result = gmix.load(model)
    result.report(
        out,
        points,
        columns=options.names,
        sample_weight=options.weights,
        labels=options.label_column,
        row_errors=options.errors_of_rows,
        memory=options.budget,
    )
    if not options.quiet:
        for line in lines(result.findings):
            typer.echo(as_typed(line))
        typer.echo(f"report written to {out}")
