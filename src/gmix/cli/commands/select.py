"""``gmix select``: compare numbers of components and structures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gmix.base.errors import ParameterError
from gmix.cli.console import nulled, print_candidates, print_warnings, ranked
from gmix.cli.csv_options import with_csv_options
from gmix.cli.fit_options import FitOptions, with_fit_options
from gmix.cli.input import without_findings_of
from gmix.cli.options import Json, Points
from gmix.cli.output import check_picture, check_writable
from gmix.fitting.candidates import Search

__all__ = ["EXAMPLES", "select"]

EXAMPLES = (
    "Examples:\n\n  gmix select points.csv --top 10\n\n"
    "  gmix select points.csv --components 1-6 --covariance VVV,VEV --criterion icl --plot criteria.png"
)


@with_csv_options
@with_fit_options
def select(
    points: Points,
    options: FitOptions,
    plot: Annotated[Path | None, typer.Option(help="Draw the criteria in this file: PNG, SVG or PDF.")] = None,
    most: Annotated[
        int | None,
        typer.Option("--top", help="Number of candidates to show. Default: all.", show_default=False, min=1),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare numbers of components and covariance structures by their criteria, the best first."""
    check_writable(plot)
    check_picture(plot)
    source = options.source(points, quiet=options.quiet)
    result = options.fit(source)
    if result.comparison is None:
        raise ParameterError("there is only one candidate; give several --components or --covariance to compare")
    if plot is not None:
        from gmix.plot.file import save_figure

        save_figure(result.comparison.plot().figure, plot, bbox_inches="tight")
    if as_json:
        typer.echo(json.dumps(nulled(_table(result.comparison, most)), indent=1))
        if not options.quiet:
            print_warnings(without_findings_of(source, result))
    elif not options.quiet:
        print_candidates(without_findings_of(source, result), {"picture": plot}, most)


def _table(search: Search, most: int | None) -> list[dict[str, Any]]:
    """The candidates as the library lists them, or the best of them, the best first."""
    return search.table() if most is None else [line for _, line in ranked(search)[:most]]
