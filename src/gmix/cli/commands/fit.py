"""``gmix fit``: fit a table, and save, draw and classify."""

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
from gmix.cli.input import counts_by_label, drawn_rows, table_source, without_findings_of
from gmix.cli.options import (
    Background,
    BackgroundAuto,
    ColumnNames,
    Components,
    Covariance,
    CovarianceRatio,
    Criterion,
    Effort,
    EqualWeights,
    Json,
    LabelColumn,
    Memory,
    Missing,
    Points,
    Prior,
    Quiet,
    RowErrors,
    Seconds,
    Seed,
    Start,
    Trim,
    Weights,
)
from gmix.cli.output import check_picture, check_writable, draw, save
from gmix.cli.parse import parse_counts, parse_names, parse_structures
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
def fit(
    points: Points,
    components: Components = "auto",
    covariance: Covariance = "auto",
    criterion: Criterion = "bic",
    equal_weights: EqualWeights = False,
    covariance_ratio: CovarianceRatio = None,
    trim: Trim = 0.0,
    background: Background = False,
    background_auto: BackgroundAuto = False,
    prior: Prior = False,
    start: Start = "auto",
    effort: Effort = 1.0,
    seconds: Seconds = None,
    errors: Annotated[
        bool, typer.Option("--errors", metavar="", help="Standard errors too, from the information.")
    ] = False,
    columns: ColumnNames = None,
    weights: Weights = None,
    missing: Missing = "model",
    label_column: LabelColumn = None,
    row_errors: RowErrors = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Save the model here, as JSON; - prints it.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Write each row's most probable component here: CSV, Parquet or Arrow.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw points and components here: PNG, SVG or PDF.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Keep here what every pass found, so that a killed fit can go on.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", metavar="", help="Go on from --checkpoint.")] = False,
    memory: Memory = "512M",
    as_json: Json = False,
    quiet: Quiet = False,
    seed: Seed = 0,
) -> None:
    """Find the mixture that describes the rows of a table; BIC chooses among component counts and structures."""
    counts, structures = parse_counts(components), parse_structures(covariance)
    printed = out is not None and str(out) == "-"
    for message, wrong in {
        "--out - and --json both print on standard output; name a file for the model": printed and as_json,
        "--resume goes on from a checkpoint; name it with --checkpoint": resume and checkpoint is None,
    }.items():
        if wrong:
            raise ParameterError(message)
    for path in (None if printed else out, labels, plot, checkpoint):
        check_writable(path)
    check_picture(plot)
    if labels is not None:
        format_of(labels)
    source = table_source(
        points,
        parse_names(columns),
        weights,
        memory,
        labels=label_column,
        row_errors=row_errors,
        missing=missing,
        quiet=quiet,
    )
    result = gmix.fit(
        source,
        counts_by_label(counts, source),
        covariance=structures,
        criterion=criterion,
        equal_weights=equal_weights,
        covariance_ratio=covariance_ratio,
        trim=trim,
        background="auto" if background_auto else background,
        prior=gmix.NormalInverseWishart() if prior else None,
        start=start,
        rng=seed,
        effort=effort,
        seconds=seconds,
        progress=False if quiet else None,
        checkpoint=checkpoint,
        resume=resume,
    )
    if out is not None:
        save(result, None if printed else out)
    if labels is not None:
        write_table(predictions(result.mixture, source, groups=result.groups), labels)
    if plot is not None:
        draw(result, drawn_rows(source), plot)
    known = gmix.standard_errors(result, source) if errors else None
    if as_json:
        typer.echo(json.dumps(document(result, known), indent=1))
    elif not quiet:
        shown, files = without_findings_of(source, result), {"model": out, "labels": labels, "picture": plot}
        print_warnings(shown) if printed else print_fit(shown, files, known)
