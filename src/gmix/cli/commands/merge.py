"""``gmix merge``: join the components of a model into clusters that are not Gaussian."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import numpy as np
import typer

import gmix
from gmix.base.columns import Roles
from gmix.base.errors import ParameterError
from gmix.base.table_file import Block, write_table
from gmix.base.wording import count, nats
from gmix.cli.append import write_with_columns
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import source_for_model
from gmix.cli.options import (
    Append,
    Format,
    Json,
    Memory,
    Missing,
    Model,
    OutFile,
    PointsForModel,
    Quiet,
    RowErrors,
    Threads,
    Weights,
)
from gmix.cli.output import file_target
from gmix.cli.tables import console, grid_of, print_grid
from gmix.sources import LocalSource
from gmix.sources.files import open_files

__all__ = ["EXAMPLES", "merge"]

EXAMPLES = (
    "Examples:\n\n  gmix merge model.json points.csv\n\n"
    "  gmix merge model.json points.csv --clusters 3 --append --out clusters.csv"
)


@with_csv_options
def merge(
    model: Model,
    points: PointsForModel,
    clusters: Annotated[
        int | None,
        typer.Option(
            help="Number of clusters in the output file. Default: where the entropy begins to rise faster.",
            show_default=False,
            min=1,
        ),
    ] = None,
    out: OutFile = None,
    form: Format = None,
    append: Append = False,
    weights: Weights = None,
    row_errors: RowErrors = None,
    missing: Missing = "model",
    memory: Memory = "512M",
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Merge components into clusters, in the order that leaves the least entropy. The model does not change.

    Bent or heavy-tailed clusters may need several Gaussian components. --out writes the cluster of each row.
    """
    if out is None and (append or clusters is not None):
        raise ParameterError("--clusters and --append are for the clusters of the rows; name a file with --out")
    target = file_target(out, form)
    fit = gmix.load(model)
    mixture = fit.gaussian("merge")
    if clusters is not None and clusters > mixture.n_components:
        raise ParameterError(
            f"--clusters {clusters} is more than the model has components ({mixture.n_components}); give fewer"
        )
    source = source_for_model(
        fit, points, memory, weights, row_errors=row_errors, missing=missing, threads=threads, quiet=quiet
    )
    merging = gmix.merge(mixture, source)
    if target is not None:
        columns = _clusters(merging, source, clusters)
        if append:
            write_with_columns(open_files(points, Roles(source.features)), columns, *target)
        else:
            write_table(columns, *target)
    if as_json:
        document = {"elbow": merging.elbow, "entropy": merging.entropy.tolist(), "groups": merging.groups.tolist()}
        typer.echo(json.dumps(document, indent=1))
    elif not quiet:
        _print(merging)
        if out is not None:
            typer.echo(f"{count(clusters or merging.elbow, 'cluster')} written to {out}")


def _clusters(merging: gmix.Merging, source: LocalSource, clusters: int | None) -> Iterator[Block]:
    for block in source.blocks():
        yield {"cluster": merging.predict(block, clusters).astype(np.int32)}


def _print(merging: gmix.Merging) -> None:
    grid = grid_of("entropy of the clusters, in nats", ["clusters", "entropy", "components"], left=["components"])
    for number, (entropy, groups) in enumerate(zip(merging.entropy, merging.groups, strict=True), start=1):
        members = [[str(k) for k in np.flatnonzero(groups == c)] for c in range(number)]
        grid.add_row(str(number), nats(entropy), ", ".join("+".join(each) for each in members))
    to = console()
    print_grid(grid, to)
    if merging.elbow < len(merging.entropy):
        to.print(f"the entropy begins to rise faster at {count(merging.elbow, 'cluster')}")
    else:
        to.print(f"the entropy gives no reason for fewer than {count(merging.elbow, 'cluster')}")
