"""The options that describe the format of a CSV file, for every command that reads a table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from gmix.base.errors import ParameterError
from gmix.sources import CSV

__all__ = ["with_csv_options"]

_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|", "space": " "}
_PANEL = "CSV format, if it is not recognized"

Delimiter = Annotated[
    str | None,
    typer.Option(
        help="Separator of cells: comma, semicolon, tab, bar, space (any number of spaces), or a character.",
        rich_help_panel=_PANEL,
    ),
]
Decimal = Annotated[str | None, typer.Option(help="Decimal mark: . or ,", rich_help_panel=_PANEL)]
SkipRows = Annotated[int | None, typer.Option(help="Number of lines above the table.", min=0, rich_help_panel=_PANEL)]
HasHeader = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first line has column names.", rich_help_panel=_PANEL),
]
MissingValues = Annotated[
    list[str] | None,
    typer.Option(
        "--missing-value",
        metavar="CODE",
        help="Code for a missing value, such as -999. Separate several by commas, or repeat the option.",
        rich_help_panel=_PANEL,
    ),
]
_OPTIONS = {
    "delimiter": Delimiter,
    "decimal": Decimal,
    "skip_rows": SkipRows,
    "header": HasHeader,
    "missing_value": MissingValues,
}


def with_csv_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add these options to a command. Where one is given, the command gets a `gmix.CSV` instead of a path."""
    own = inspect.signature(command, eval_str=True)
    table = next(name for name in ("points", "given") if name in own.parameters)

    @wraps(command)
    def extended(**options: Any) -> None:
        given = {name: options.pop(name) for name in _OPTIONS}
        if any(value is not None for value in given.values()):
            options[table] = _csv(options[table], **given)
        command(**options)

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in _OPTIONS.items()
    ]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own.parameters.values()]
    signature = own.replace(parameters=[*parameters, *added])
    extended.__signature__ = signature  # type: ignore[attr-defined]  # what Typer reads
    extended.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return extended


def _csv(
    path: Path | None,
    delimiter: str | None,
    decimal: str | None,
    skip_rows: int | None,
    header: bool | None,
    missing_value: list[str] | None,
) -> CSV:
    if path is None:
        raise ParameterError("options that describe a CSV file need a table; name one")
    codes = [code.strip() for text in missing_value or () for code in text.split(",")]
    return CSV(
        path,
        delimiter=None if delimiter is None else _NAMES.get(delimiter, delimiter),
        decimal=decimal,
        skip_rows=skip_rows or 0,
        header=header,
        missing_values=[_number(code) for code in codes],
    )


def _number(code: str) -> float | str:
    try:
        return float(code)
    except ValueError:
        return code
