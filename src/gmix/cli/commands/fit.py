"""``gmix fit``: fit a mixture to a table, and save it, draw it, and classify the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError
from gmix.base.table_file import format_of, write_table
from gmix.cli.console import document, print_fit, print_warnings
from gmix.cli.csv_options import with_csv_options
from gmix.cli.fit_options import FitOptions, with_fit_options
from gmix.cli.input import drawn_rows, without_findings_of
from gmix.cli.options import Json, Points
from gmix.cli.output import check_model, check_picture, check_writable, draw, save
from gmix.inference.predict import predictions

__all__ = ["EXAMPLES", "fit"]

EXAMPLES = (
    "Examples:\n\n  gmix fit points.csv\n\n"
    "  gmix fit points.csv --components 1-8 --covariance full,tied --out model.json --plot points.png\n\n"
    "  gmix fit 'year=*/points.parquet' --columns length,width --weights count --memory 2G --json\n\n"
    "  gmix fit measured.csv --decimal , --missing-value -999 --columns '\"length, mm\",width'\n\n"
    "  gmix fit flowers.csv --label-column species --components setosa=1,virginica=2\n\n"
    "  zcat points.csv.gz | gmix fit - --out - | gmix sample - 1000"
)


@with_csv_options
@with_fit_options
def fit(
    points: Points,
    options: FitOptions,
    errors: Annotated[
        bool, typer.Option("--errors", metavar="", help="Add standard errors, from the observed information.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Save the model in this file, as JSON; - prints it.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Write the most probable component of each row to this file: CSV, Parquet or Arrow."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw points and components in this file: PNG, SVG or PDF.")] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Save the progress of the fit in this file, so that a killed fit can be resumed."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", metavar="", help="Resume from --checkpoint.")] = False,
    as_json: Json = False,
) -> None:
    """Fit a Gaussian mixture to a table. BIC chooses the number of components and the covariance structure."""
    printed = out is not None and str(out) == "-"
    for message, wrong in {
        "--out - and --json both print on standard output; name a file for the model": printed and as_json,
        "--resume needs a checkpoint; name its file with --checkpoint": resume and checkpoint is None,
        "there are no standard errors for fits with --trim; leave out --errors or --trim": errors and options.trim,
    }.items():
        if wrong:
            raise ParameterError(message)
    for path in (None if printed else out, labels, plot, checkpoint):
        check_writable(path)
    check_model(None if printed else out)
    check_picture(plot)
    if labels is not None:
        format_of(labels)
    source = options.source(points, quiet=options.quiet)
    result = options.fit(source, checkpoint=checkpoint, resume=resume)
    if out is not None:
        save(result, None if printed else out)
    if labels is not None:
        write_table(predictions(result.mixture, source, groups=result.groups), labels)
    if plot is not None:
        draw(result, drawn_rows(source), plot)
    known = gmix.standard_errors(result, source) if errors else None
    if as_json:
        typer.echo(json.dumps(document(result, known), indent=1))
    elif not options.quiet:
        shown, files = without_findings_of(source, result), {"model": out, "labels": labels, "picture": plot}
        print_warnings(shown) if printed else print_fit(shown, files, known)
