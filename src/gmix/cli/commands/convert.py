"""``gmix convert``: write a table, or the parameters of a model, in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import gmix
from gmix.base.columns import Roles
from gmix.base.errors import ParameterError
from gmix.base.table_file import write_table
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import from_stdin, print_findings
from gmix.cli.options import ColumnNames, format_option
from gmix.cli.output import check_writable, table_target
from gmix.cli.parameters import mixture_table
from gmix.cli.parse import parse_names
from gmix.sources import CSV
from gmix.sources.files import open_files

__all__ = ["EXAMPLES", "convert"]

EXAMPLES = (
    "Examples:\n\n  gmix convert points.csv points.parquet\n\n"
    "  gmix convert model.json parameters.csv   # one row per component: weight, means, covariances\n\n"
    "  gmix convert model.json model.onnx   # to evaluate the mixture in other programs"
)

FormatOfOutput = Annotated[str | None, format_option("OUTPUT")]


@with_csv_options
def convert(
    given: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="Table or model, or - for standard input.", callback=from_stdin, show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT", help="CSV, Parquet, Arrow or ONNX file, or - for standard output.", show_default=False
        ),
    ],
    form: FormatOfOutput = None,
    columns: ColumnNames = None,
    dtype: Annotated[str, typer.Option(help="Type of the numbers in ONNX: float32 or float64.")] = "float32",
) -> None:
    """Write the numbers of a table or the parameters of a model as CSV, Parquet or Arrow, or a model as ONNX."""
    if out.suffix.lower() == ".onnx":
        _write_onnx(given, out, form, dtype)
        return
    to, form = table_target(out, form, (".onnx",))
    if _is_model(given):
        if columns is not None:
            raise ParameterError("--columns is for tables; leave it out, because a model is converted as a whole")
        write_table([mixture_table(gmix.load(given).mixture)], to, form)
        return
    table = open_files(given, Roles(parse_names(columns)))
    names = table.names or ()
    write_table((dict(zip(names, piece.columns, strict=True)) for piece in table.pieces()), to, form)
    print_findings(table.findings)


def _write_onnx(given: Path | CSV, out: Path, form: str | None, dtype: str) -> None:
    if form is not None:
        raise ParameterError(f"--format {form} is for tables, and {out} is an ONNX model; leave one of them out")
    if isinstance(given, CSV) or not _is_model(given):
        raise ParameterError(f"only a model is converted to ONNX, and {given} is none; give what gmix fit --out wrote")
    check_writable(out)
    gmix.to_onnx(gmix.load(given), out, dtype=dtype)


def _is_model(path: Path | CSV) -> bool:
    if isinstance(path, CSV) or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(1) == b"{"
