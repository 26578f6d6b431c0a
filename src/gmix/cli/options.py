"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from gmix.base.table_file import FORMATS
from gmix.cli.input import from_stdin
from gmix.fitting.families import FAMILIES
from gmix.fitting.start import NAMES
from gmix.model.covariance import FACTOR_NAMES, STRUCTURES
from gmix.model.criteria import CRITERIA

__all__ = [
    "Append",
    "Background",
    "BackgroundAuto",
    "ColumnNames",
    "Components",
    "ComponentsPerRow",
    "Covariance",
    "CovarianceRatio",
    "Criterion",
    "DegreesOfFreedom",
    "Effort",
    "EqualWeights",
    "Family",
    "Format",
    "Json",
    "LabelColumn",
    "MaxIterations",
    "Memory",
    "Missing",
    "Model",
    "Out",
    "OutFile",
    "Points",
    "PointsForModel",
    "Prior",
    "Quiet",
    "RowErrors",
    "Seconds",
    "Seed",
    "Start",
    "Threads",
    "Tolerance",
    "Trim",
    "Weights",
    "completing",
    "format_option",
    "points_argument",
]  # fmt: skip

_STRUCTURES = (
    "auto",
    "full",
    "tied",
    "diag",
    "spherical",
    *(structure.code for structure in STRUCTURES),
    *FACTOR_NAMES.values(),
)


def completing(values: Iterable[str]) -> Callable[[str], list[str]]:
    """A function that completes a value, or the last one of several with commas between them, in a shell."""
    known = list(values)

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{value}" for value in known if value.lower().startswith(last.lower())]

    return complete


def format_option(file: str) -> Any:
    """The option for the format of a table that is written to this `file`."""
    return typer.Option(
        "--format",
        "-f",
        help=f"Output format: csv, parquet or arrow. Default: by the suffix of {file}, else csv.",
        autocompletion=completing(FORMATS),
    )


def points_argument(text: str, **options: Any) -> Any:
    """An argument that names a table."""
    return typer.Argument(metavar="POINTS", help=text, callback=from_stdin, show_default=False, **options)


Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="Model file from gmix fit --out, or - for standard input.",
        callback=from_stdin,
        show_default=False,
    ),
]
PointsForModel = Annotated[Path, points_argument("Table with the columns of the model, or - for standard input.")]
Points = Annotated[Path, points_argument("Table with one point per row, or - for standard input.")]
Components = Annotated[
    str,
    typer.Option(
        "--components",
        "-k",
        help="Numbers of components: 2, 1-8, 2,4,6 or auto (1-9); with labels also setosa=1,virginica=2.",
    ),
]
Covariance = Annotated[
    str,
    typer.Option(
        "--covariance",
        "-c",
        help="Structures: full, tied, diag, spherical, codes such as VEV, several with commas, or auto.",
        autocompletion=completing(_STRUCTURES),
    ),
]
Factors = Annotated[
    str | None,
    typer.Option(
        "--factors",
        help="Numbers of factors of factor models: 2, 1-5 or auto (1-5); for structures such as factors.",
        show_default=False,
    ),
]
Criterion = Annotated[
    str,
    typer.Option(
        help=f"Criterion that chooses the best candidate: {', '.join(CRITERIA)}.", autocompletion=completing(CRITERIA)
    ),
]
Family = Annotated[
    str,
    typer.Option(
        help=f"Family of the components: {', '.join(FAMILIES)}, the better one by the criterion.",
        autocompletion=completing(FAMILIES),
    ),
]
DegreesOfFreedom = Annotated[
    str | None,
    typer.Option(
        "--degrees-of-freedom",
        help="Degrees of freedom of Student components: a number, or each. Default: one estimate for all.",
        show_default=False,
    ),
]
EqualWeights = Annotated[bool, typer.Option("--equal-weights", metavar="", help="Give all components the same weight.")]
CovarianceRatio = Annotated[
    float | None,
    typer.Option(
        help="Bound the ratio of the largest variance to the smallest, over all components and directions.",
        show_default=False,
    ),
]
ComponentsPerRow = Annotated[
    int | None,
    typer.Option(
        help="Let each row belong to at most this many components while EM runs, for thousands of components.",
        show_default=False,
    ),
]
Background = Annotated[
    bool,
    typer.Option("--background", metavar="", help="Add a uniform background for rows that belong to no component."),
]
BackgroundAuto = Annotated[
    bool,
    typer.Option("--background-auto", metavar="", help="Fit with and without a background, and keep the better fit."),
]
Trim = Annotated[float, typer.Option(help="Leave out this fraction of the rows, those with the lowest density.")]
Effort = Annotated[
    float,
    typer.Option(help="Scale the work of the search for better optima: 10 is ten times the default, 0 is none."),
]
Seconds = Annotated[
    float | None,
    typer.Option(
        help="Stop the search for better optima after this time. Results then depend on the speed of the machine.",
        show_default=False,
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        help="Stop EM when the estimated remaining gain is below this many nats per row. Default: 1e-6, or more for "
        "large tables.",
        show_default=False,
    ),
]
MaxIterations = Annotated[int, typer.Option(help="Largest number of EM iterations in a run.", min=0)]
Threads = Annotated[
    int | None,
    typer.Option(
        help="Largest number of threads. Default: all processors. The result does not depend on it.",
        show_default=False,
        min=1,
    ),
]
Prior = Annotated[
    bool,
    typer.Option(
        "--prior", metavar="", help="Use a weak conjugate prior (MAP estimates), so that no component collapses."
    ),
]
Start = Annotated[
    str,
    typer.Option(help=f"Method for the starting values of EM: {', '.join(NAMES)}.", autocompletion=completing(NAMES)),
]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        help="Columns to use: a,b,c. Default: all numeric columns. Can be repeated. Quote a name with a comma, as in "
        "'\"a, b\",c'."
    ),
]
Weights = Annotated[str | None, typer.Option(help="Column of weights. A row of weight 2 counts twice.")]
Missing = Annotated[
    str,
    typer.Option(
        help="Missing cells: model uses the other cells of the row, error stops with an error.",
        autocompletion=completing(["model", "error"]),
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help="Column of known labels. An empty cell or -1 is an unknown label.",
        show_default=False,
    ),
]
RowErrors = Annotated[
    list[str] | None,
    typer.Option(
        help="Columns of standard errors: one for each column (e1,e2), or for some columns (mass=e1). The model then "
        "describes the true values.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Output file: CSV, Parquet or Arrow. Default: standard output, also -."),
]
OutFile = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="Output file: CSV, Parquet or Arrow. Default: no file is written.", show_default=False
    ),
]
Format = Annotated[str | None, format_option("--out")]
Append = Annotated[
    bool,
    typer.Option(
        "--append", "-a", metavar="", help="Write the whole table, with these columns after those that it has."
    ),
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print only errors.")]
Memory = Annotated[
    str, typer.Option(help="Memory for the table, such as 2G. Larger tables are read in blocks, in every pass.")
]
Seed = Annotated[int, typer.Option(help="Seed of random draws. The same seed gives the same result.", min=0)]
