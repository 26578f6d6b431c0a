"""The arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gmix.cli.input import from_stdin
from gmix.fitting.start import NAMES
from gmix.model.criteria import CRITERIA

__all__ = [
    "Background",
    "BackgroundAuto",
    "ColumnNames",
    "Components",
    "Covariance",
    "CovarianceRatio",
    "Criterion",
    "Effort",
    "EqualWeights",
    "Format",
    "Json",
    "LabelColumn",
    "Memory",
    "Missing",
    "Model",
    "Out",
    "Points",
    "PointsForModel",
    "Prior",
    "Quiet",
    "RowErrors",
    "Seconds",
    "Seed",
    "Start",
    "Trim",
    "Weights",
    "points_argument",
]  # fmt: skip


def points_argument(text: str, **options: Any) -> Any:
    """An argument that names a table."""
    return typer.Argument(metavar="POINTS", help=text, callback=from_stdin, show_default=False, **options)


Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="A model that gmix fit --out wrote, or -.", callback=from_stdin, show_default=False
    ),
]
PointsForModel = Annotated[Path, points_argument("A table with the model's columns, or -.")]
Points = Annotated[Path, points_argument("A table, a row a point; or - for standard input.")]
Components = Annotated[
    str,
    typer.Option(
        "--components", "-k", help="How many: 2, 1-8, 2,4,6, or auto for 1-9; with labels also setosa=1,virginica=2."
    ),
]
Covariance = Annotated[
    str,
    typer.Option(
        "--covariance", "-c", help="Structures: full, tied, diag, spherical, codes such as VEV, several, or auto."
    ),
]
Criterion = Annotated[str, typer.Option(help=f"What chooses among several: {', '.join(CRITERIA)}.")]
EqualWeights = Annotated[bool, typer.Option("--equal-weights", metavar="", help="Give all components the same weight.")]
CovarianceRatio = Annotated[
    float | None,
    typer.Option(
        help="Bound the ratio of the largest variance to the smallest, over all components and directions.",
        show_default=False,
    ),
]
Background = Annotated[
    bool, typer.Option("--background", metavar="", help="Rows may belong to a uniform background, and to no component.")
]
BackgroundAuto = Annotated[
    bool,
    typer.Option("--background-auto", metavar="", help="Fit with and without a background, and keep what is better."),
]
Trim = Annotated[float, typer.Option(help="Leave out this share of the rows, those of lowest density.")]
Effort = Annotated[
    float,
    typer.Option(help="Scale the work of the search for better optima: 10 is ten times as much, 0 none."),
]
Seconds = Annotated[
    float | None,
    typer.Option(
        help="End the search for better optima after this time; the result then depends on the clock.",
        show_default=False,
    ),
]
Prior = Annotated[
    bool, typer.Option("--prior", metavar="", help="A weak conjugate prior: MAP, no component collapses.")
]
Start = Annotated[str, typer.Option(help=f"How the mixtures that EM starts from are made: {', '.join(NAMES)}.")]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        help="Names of the columns to use, a,b,c; all numeric ones without it. Can be repeated; a name that holds a "
        "comma is quoted, '\"a, b\",c'."
    ),
]
Weights = Annotated[str | None, typer.Option(help="Name of a column of weights; a row of weight 2 counts twice.")]
Missing = Annotated[
    str,
    typer.Option(help="Missing cells: model uses the other cells of their rows, error refuses them."),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help="Name of a column of labels, which rows are held to; an empty cell or -1 says that a label is unknown.",
        show_default=False,
    ),
]
RowErrors = Annotated[
    list[str] | None,
    typer.Option(
        help="Columns of standard deviations of errors, one for each column, e1,e2, or of some of them, mass=e1. The "
        "model is then that of the true values.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Write this CSV, Parquet or Arrow file; standard output without it, or with -."),
]
Format = Annotated[
    str | None, typer.Option("--format", "-f", help="csv, parquet or arrow; what the name of --out asks for, else csv.")
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, for a machine.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print nothing but mistakes.")]
Memory = Annotated[str, typer.Option(help="Tables that need more than this are read in blocks, again in every pass.")]
Seed = Annotated[int, typer.Option(help="For random draws; the same seed gives the same answer.")]
