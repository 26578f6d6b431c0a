"""``gmix plot``: draw a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import drawn_rows, source_for_model
from gmix.cli.options import Memory, Model, Weights, points_argument
from gmix.cli.output import check_picture, check_writable, draw

__all__ = ["EXAMPLES", "plot"]

EXAMPLES = "Example:\n\n  gmix plot model.json points.csv --out picture.png"


@with_csv_options
def plot(
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="Output file: PNG, SVG or PDF.", show_default=False)],
    points: Annotated[
        Path | None, points_argument("Table whose points are drawn too, or - for standard input.")
    ] = None,
    weights: Weights = None,
    memory: Memory = "512M",
) -> None:
    """Draw a model: the density of one column, ellipses for two, or a panel for each pair of columns."""
    check_writable(out)
    check_picture(out)
    if weights is not None and points is None:
        raise ParameterError("--weights names a column of a table; give the table too, or leave out --weights")
    result = gmix.load(model)
    rows = None if points is None else drawn_rows(source_for_model(result.mixture, points, memory, weights))
    draw(result, rows, out)
