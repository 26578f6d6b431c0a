"""``gmix sample``: draw points from a model."""

from __future__ import annotations

from typing import Annotated

import typer

import gmix
from gmix.base.table_file import write_table
from gmix.cli.options import Format, Model, Out, Seed
from gmix.cli.output import table_target

__all__ = ["EXAMPLES", "sample"]

EXAMPLES = "Example:\n\n  gmix sample model.json 1000 --out draws.csv --seed 7"


def sample(
    model: Model,
    n: Annotated[int, typer.Argument(metavar="N", help="Number of points.", min=0, show_default=False)],
    out: Out = None,
    form: Format = None,
    seed: Seed = 0,
) -> None:
    """Draw random points from a model."""
    to, form = table_target(out, form)
    mixture = gmix.load(model).mixture
    blocks = mixture.sample_blocks(n, rng=seed)
    write_table((dict(zip(mixture.names, block.T, strict=True)) for block in blocks), to, form)
