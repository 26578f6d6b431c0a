"""``gmix report``: write a page about a fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError
from gmix.base.findings import lines
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import from_stdin
from gmix.cli.options import (
    ColumnNames,
    Components,
    Covariance,
    CovarianceRatio,
    Criterion,
    Effort,
    EqualWeights,
    Memory,
    Missing,
    Points,
    Prior,
    Quiet,
    Seconds,
    Seed,
    Start,
    Weights,
)
from gmix.cli.output import check_page, check_writable
from gmix.cli.parse import parse_bytes, parse_counts, parse_names, parse_structures

__all__ = ["EXAMPLES", "report"]

EXAMPLES = (
    "Examples:\n\n  gmix report points.csv\n\n  gmix report points.csv --components 1-5 --out page.html\n\n"
    "  gmix report points.csv --model model.json"
)

# The defaults of the options that say how to fit.
_DEFAULTS = ("auto", "auto", "bic", False, None, False, "auto", 1.0, None, "model")


@with_csv_options
def report(
    points: Points,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page, HTML.")] = Path("report.html"),
    components: Components = "auto",
    covariance: Covariance = "auto",
    criterion: Criterion = "bic",
    equal_weights: EqualWeights = False,
    covariance_ratio: CovarianceRatio = None,
    prior: Prior = False,
    start: Start = "auto",
    effort: Effort = 1.0,
    seconds: Seconds = None,
    columns: ColumnNames = None,
    weights: Weights = None,
    missing: Missing = "model",
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Report on this model of the same rows instead.", callback=from_stdin),
    ] = None,
    memory: Memory = "512M",
    quiet: Quiet = False,
    seed: Seed = 0,
) -> None:
    """Fit a table and write a page about it: verdict, charts, parameters, methods. It opens offline."""
    counts, structures, names = parse_counts(components), parse_structures(covariance), parse_names(columns)
    budget = parse_bytes(memory)
    check_writable(out)
    check_page(out)
    if model is None:
        result = gmix.fit(
            points,
            counts,
            covariance=structures,
            criterion=criterion,
            equal_weights=equal_weights,
            covariance_ratio=covariance_ratio,
            prior=gmix.NormalInverseWishart() if prior else None,
            start=start,
            columns=names,
            sample_weight=weights,
            missing=missing,
            memory=budget,
            rng=seed,
            effort=effort,
            seconds=seconds,
            progress=False if quiet else None,
        )
    elif (
        components, covariance, criterion, equal_weights, covariance_ratio, prior, start, effort, seconds, missing
    ) != _DEFAULTS:  # fmt: skip
        raise ParameterError("--model is fitted already; leave out what says how to fit, or the model")
    else:
        result = gmix.load(model)
    result.report(out, points, columns=names, sample_weight=weights, memory=budget)
    if not quiet:
        for line in lines(result.findings):
            typer.echo(line)
        typer.echo(f"report written to {out}")
