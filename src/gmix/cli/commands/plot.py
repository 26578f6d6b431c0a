"""``gmix plot``: draw a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError, one_of
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import drawn_rows, source_for_model
from gmix.cli.options import Memory, Model, Weights, completing, points_argument
from gmix.cli.output import GOODNESS, check_picture, check_writable, draw, draw_goodness

__all__ = ["EXAMPLES", "plot"]

EXAMPLES = (
    "Examples:\n\n  gmix plot model.json points.csv --out picture.png\n"
    "  gmix plot model.json points.csv --kind quantiles --out quantiles.png"
)
_KINDS = ("model", *GOODNESS)


@with_csv_options
def plot(
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="Output file: PNG, SVG or PDF.", show_default=False)],
    points: Annotated[
        Path | None, points_argument("Table whose points are drawn too, or - for standard input.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            help="Picture: model; or how well it fits the table: probabilities (of each column), conditional (given "
            "the columns before), quantiles or distances (from the components).",
            autocompletion=completing(_KINDS),
        ),
    ] = "model",
    weights: Weights = None,
    memory: Memory = "512M",
) -> None:
    """Draw a model: the density of one column, ellipses for two, or a panel for each pair of columns.

    Other kinds of pictures show how well it fits a table.
    """
    kind = one_of(kind, _KINDS, "--kind")
    if kind != "model" and points is None:
        raise ParameterError(f"--kind {kind} compares the model with a table; give the table too")
    check_writable(out)
    check_picture(out)
    if weights is not None and points is None:
        raise ParameterError("--weights names a column of a table; give the table too, or leave out --weights")
    result = gmix.load(model)
    rows = None
    if points is not None:
        scatter = "measured points scatter more widely than the model"
        rows = drawn_rows(source_for_model(result, points, memory, weights, if_exact=scatter))
    if rows is None or kind == "model":
        draw(result, rows, out)
    else:
        draw_goodness(result, rows, out, kind)
