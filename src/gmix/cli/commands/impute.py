"""``gmix impute``: write a table with its missing cells filled in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

import numpy as np
import typer
from numpy.typing import NDArray

import gmix
from gmix.base.columns import Roles
from gmix.base.errors import ParameterError
from gmix.base.table_file import write_table, write_texts
from gmix.cli.console import print_warnings
from gmix.cli.csv_options import with_csv_options
from gmix.cli.input import (
    exact_points,
    from_stdin,
    print_findings,
    source_for_model,
    table_source,
    without_findings_of,
)
from gmix.cli.options import (
    ColumnNames,
    Components,
    Covariance,
    CovarianceRatio,
    Criterion,
    Effort,
    EqualWeights,
    Format,
    MaxIterations,
    Memory,
    Out,
    Points,
    Prior,
    Quiet,
    Seconds,
    Seed,
    Start,
    Threads,
    Tolerance,
    Weights,
)
from gmix.cli.output import table_target
from gmix.cli.parse import parse_counts, parse_names, parse_structures
from gmix.model.stopping import StoppingRule
from gmix.sources import LocalSource, MemorySource
from gmix.sources.arrow import ArrowTable, Fill
from gmix.sources.csv.table import CsvTable
from gmix.sources.files import open_files

__all__ = ["EXAMPLES", "impute"]

EXAMPLES = (
    "Examples:\n\n  gmix impute points.csv --out filled.csv\n\n"
    "  gmix impute points.csv --draws 20 --out filled.csv   # filled-01.csv to filled-20.csv\n\n"
    "  gmix impute more.parquet --model model.json --out filled.parquet"
)
_MOST = StoppingRule.max_iterations
# Those of the options that control a fit.
_DEFAULTS = ("auto", "auto", "bic", False, None, False, "auto", 1.0, None, None, _MOST)


@with_csv_options
def impute(
    points: Points,
    out: Out = None,
    form: Format = None,
    draws: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Multiple imputation: write N tables with random draws instead of means, each from its own mixture. "
            "The files are numbered.",
            min=1,
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Use this model instead of fitting one.", callback=from_stdin),
    ] = None,
    components: Components = "auto",
    covariance: Covariance = "auto",
    criterion: Criterion = "bic",
    equal_weights: EqualWeights = False,
    covariance_ratio: CovarianceRatio = None,
    prior: Prior = False,
    start: Start = "auto",
    effort: Effort = 1.0,
    seconds: Seconds = None,
    tolerance: Tolerance = None,
    max_iterations: MaxIterations = _MOST,
    columns: ColumnNames = None,
    weights: Weights = None,
    memory: Memory = "512M",
    threads: Threads = None,
    quiet: Quiet = False,
    seed: Seed = 0,
) -> None:
    """Fill in missing cells with their conditional means given the other cells of the row, or with random draws.

    All other cells stay unchanged.
    """
    counts, structures, names = parse_counts(components), parse_structures(covariance), parse_names(columns)
    targets = _targets(out, form, draws)
    if model is None:
        source = table_source(points, names, weights, memory, threads=threads, quiet=quiet)
        fit = gmix.fit(
            source,
            counts,
            covariance=structures,
            criterion=criterion,
            equal_weights=equal_weights,
            covariance_ratio=covariance_ratio,
            prior=gmix.NormalInverseWishart() if prior else None,
            start=start,
            rng=seed,
            effort=effort,
            seconds=seconds,
            tolerance=tolerance,
            max_iterations=max_iterations,
            progress=False if quiet else None,
        )
        if not quiet:
            print_warnings(without_findings_of(source, fit))
    else:
        stated = (
            components, covariance, criterion, equal_weights, covariance_ratio, prior, start, effort, seconds,
            tolerance, max_iterations,
        )  # fmt: skip
        if (*stated, columns) != (*_DEFAULTS, None):
            raise ParameterError("--model is fitted already; leave out the options for fitting, or the model")
        fit = gmix.load(model)
        source = source_for_model(fit, points, memory, weights, threads=threads, quiet=True)
        if not quiet:
            measured = "cells that are filled in describe true values, and the other cells have errors"
            print_findings([*source.findings, *exact_points(fit, source, measured)])
    if not quiet:
        print_findings([_about(source)])
    table = open_files(points, Roles(source.features))
    for (to, kind), fill in zip(targets, _fills(fit, source, draws, seed, quiet), strict=True):
        _write(table, fill, source, to, kind)


def _targets(out: Path | None, form: str | None, draws: int | None) -> list[tuple[Path | IO[bytes], str]]:
    """Where each table is written and in which format. Names of several files are numbered."""
    if draws is None or draws == 1:
        return [table_target(out, form)]
    if out is None or str(out) == "-":
        raise ParameterError(f"--draws {draws} writes {draws} files; give their name with --out, as in filled.csv")
    digits = len(str(draws))
    names = [out.with_name(f"{out.stem}-{i + 1:0{digits}}{out.suffix}") for i in range(draws)]
    return [table_target(name, form) for name in names]


def _about(source: LocalSource) -> gmix.Finding:
    """What is missing in the table."""
    if source.missing is None:
        return gmix.Finding("missing cells", "no cell is missing, so the table stays as it is", "note")
    described = source.missing.described(source.features)
    are = "is filled in, given the other cells of its row"
    if source.missing.by_column.sum() != 1:
        are = "are filled in, given the other cells of their rows"
    return gmix.Finding("missing cells", f"{described} and {are}", "note")


def _fills(fit: gmix.Fit, source: LocalSource, draws: int | None, seed: int, quiet: bool) -> Iterator[Fill]:
    """For each table that is written, the function that fills in its missing cells."""
    if draws is None:
        yield fit.mixture.impute
        return
    if not isinstance(source, MemorySource):
        raise ParameterError(
            "--draws needs all rows in memory; give more --memory, or leave out --draws to impute means"
        )
    imputations = gmix.impute(fit, source, draws, rng=seed, progress=False if quiet else None)
    if not quiet:
        print_findings(imputations.findings)
    for table in imputations:
        yield _successive_rows(table)


def _successive_rows(table: NDArray[np.float64]) -> Fill:
    """A function that returns the rows of a completed table in order, as many as it is given."""
    at = 0

    def fill(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal at
        at += len(rows)
        return table[at - len(rows) : at]

    return fill


def _write(table: ArrowTable, fill: Fill, source: LocalSource, to: Path | IO[bytes], form: str) -> None:
    """Write the table with its missing cells filled in. CSV from CSV keeps the text of all other cells."""
    if form == "csv" and isinstance(table, CsvTable):
        write_texts(table.completed_texts(fill), table.dialect.names, to, table.dialect.delimiter)
        return
    absent = np.zeros(source.n_features) if source.missing is None else source.missing.by_column
    incomplete = [name for name, n in zip(source.features or (), absent, strict=True) if n]
    write_table(table.completed(fill, incomplete), to, form)
