"""``gmix select``: compare numbers of components and structures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError
from gmix.cli.console import nulled, print_candidates, print_warnings
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import table_source, without_findings_of
from gmix.cli.options import (
    ColumnNames,
    Components,
    Covariance,
    CovarianceRatio,
    Criterion,
    Effort,
    EqualWeights,
    Json,
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
from gmix.cli.output import check_picture, check_writable
from gmix.cli.parse import parse_counts, parse_names, parse_structures

__all__ = ["EXAMPLES", "select"]

EXAMPLES = (
    "Examples:\n\n  gmix select points.csv\n\n"
    "  gmix select points.csv --components 1-6 --covariance VVV,VEV --criterion icl --plot criteria.png"
)


@with_csv_options
def select(
    points: Points,
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
    plot: Annotated[Path | None, typer.Option(help="Draw the candidates here: PNG, SVG or PDF.")] = None,
    memory: Memory = "512M",
    as_json: Json = False,
    quiet: Quiet = False,
    seed: Seed = 0,
) -> None:
    """Compare component counts and structures: every candidate with its criteria, the best first."""
    counts, structures = parse_counts(components), parse_structures(covariance)
    check_writable(plot)
    check_picture(plot)
    source = table_source(points, parse_names(columns), weights, memory, missing=missing, quiet=quiet)
    result = gmix.fit(
        source,
        counts,
        covariance=structures,
        criterion=criterion,
        equal_weights=equal_weights,
        covariance_ratio=covariance_ratio,
        prior=gmix.NormalInverseWishart() if prior else None,
        start=start,
        rng=seed,
        effort=effort,
        seconds=seconds,
        progress=False if quiet else None,
    )
    if result.comparison is None:
        raise ParameterError("there is one candidate only; give several --components or --covariance to compare")
    if plot is not None:
        from gmix.plot.file import save_figure

        save_figure(result.comparison.plot().figure, plot, bbox_inches="tight")
    if as_json:
        typer.echo(json.dumps(nulled(result.comparison.table()), indent=1))
        if not quiet:
            print_warnings(without_findings_of(source, result))
    elif not quiet:
        print_candidates(without_findings_of(source, result), {"picture": plot})
