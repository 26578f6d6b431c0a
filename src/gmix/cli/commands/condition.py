"""``gmix condition``: the distribution of some columns, given values of the others."""

from __future__ import annotations

import json
import math
from typing import Annotated

import typer

import gmix
from gmix.base.errors import ParameterError, nearest
from gmix.base.table_file import write_table
from gmix.base.wording import listed
from gmix.cli.console import print_mixture
from gmix.cli.options import Format, Json, Model, OutFile
from gmix.cli.output import file_target
from gmix.cli.parameters import mixture_table
from gmix.cli.tables import console

__all__ = ["EXAMPLES", "condition"]

EXAMPLES = (
    "Examples:\n\n  gmix condition model.json waiting=80\n\n"
    "  gmix condition model.json length=3.2 'width, mm=1' --out conditional.csv"
)


def condition(
    model: Model,
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="COLUMN=VALUE...",
            help="Columns of the model and their values, as in waiting=80.",
            show_default=False,
        ),
    ],
    out: OutFile = None,
    form: Format = None,
    as_json: Json = False,
) -> None:
    """Print the distribution of the other columns, given values of some. It is a mixture too.

    --out writes the parameters of its components.
    """
    target = file_target(out, form)
    mixture = gmix.load(model).mixture
    given = _given(values, mixture.names)
    found = mixture.condition(given)
    names = list(found.names)
    if target is not None:
        write_table([mixture_table(found)], *target)
    if as_json:
        document = {
            "given": given,
            "features": names,
            "weights": found.weights.tolist(),
            "means": found.means.tolist(),
            "covariances": found.covariances.tolist(),
        }
        typer.echo(json.dumps(document, indent=1))
        return
    to = console()
    to.print(f"{listed(names)} given {listed([f'{name} = {value:g}' for name, value in given.items()])}", style="bold")
    to.print()
    print_mixture(found, to)
    if out is not None:
        to.print(f"parameters written to {out}")


def _given(texts: list[str], names: tuple[str, ...]) -> dict[str, float]:
    """Values by column. Raises `ParameterError` for text that is no such pair, and if no column is left."""
    given: dict[str, float] = {}
    for text in texts:
        name, sign, value = (piece.strip() for piece in text.rpartition("="))
        if not sign or not name:
            raise ParameterError(f"{text!r} is not a column with a value; write one as in {names[-1]}=1.5")
        if name not in names:
            raise ParameterError(f"the model has no column {name!r}, but {listed(names)}{nearest(name, names)}")
        if name in given:
            raise ParameterError(f"column {name!r} has two values; give it one")
        try:
            given[name] = float(value)
        except ValueError:
            given[name] = math.nan
        if not math.isfinite(given[name]):
            raise ParameterError(f"{text!r} has no finite number after the equals sign; write one as in {name}=1.5")
    if len(given) == len(names):
        raise ParameterError("all columns of the model have values, so none is left; give fewer values")
    return given
