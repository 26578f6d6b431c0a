"""What the commands read: standard input, tables, and the rows that suit a model."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

import gmix
from gmix.base.atomic_write import temporary_folder
from gmix.base.errors import DataError, ParameterError
from gmix.base.rows import Rows
from gmix.base.wording import count, printable
from gmix.cli.as_typed import as_typed
from gmix.cli.parse import parse_bytes, parse_errors
from gmix.sources import CSV, LocalSource, MemorySource, as_source

__all__ = [
    "STDIN_FOLDER", "counts_by_label", "drawn_rows", "exact_points", "from_stdin", "print_findings", "source_for_model",
    "table_source", "without_findings_of",
]  # fmt: skip

STDIN_FOLDER = "gmix-stdin-"  # the prefix of the temporary folder that holds a copy of standard input
_DRAWN = 100_000  # rows of a table that a picture shows


def from_stdin(context: typer.Context, path: Path | None) -> Path | None:
    """The path of an input; for ``-``, that of a copy of standard input."""
    if path is None or str(path) != "-":
        return path
    if STDIN_FOLDER in context.meta:
        raise ParameterError("standard input can be read only once; give a file for the other")
    context.meta[STDIN_FOLDER] = True
    copy = Path(context.find_root().with_resource(temporary_folder(STDIN_FOLDER))) / "standard input"
    with copy.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return copy


def table_source(
    points: Path | CSV,
    columns: list[str] | None,
    weights: str | None,
    memory: str,
    *,
    labels: str | None = None,
    row_errors: list[str] | None = None,
    missing: str = "model",
    threads: int | None = None,
    quiet: bool = False,
) -> LocalSource:
    """The rows of a table. Its findings are printed on standard error."""
    source = as_source(
        points,
        columns=columns,
        sample_weight=weights,
        labels=labels,
        row_errors=parse_errors(row_errors),
        memory=parse_bytes(memory),
        missing=missing,
        threads=threads,
    )
    assert isinstance(source, LocalSource)
    if not quiet:
        print_findings(source.findings)
    return source


def counts_by_label(
    counts: str | list[int] | dict[str | None, int], source: LocalSource
) -> str | list[int] | dict[Any, int]:
    """Numbers of components, of the labels that were typed as text: those of a column may be numbers."""
    if not isinstance(counts, dict) or source.groups is None:
        return counts
    known = {str(name): name for name in source.groups.names}
    return {label if label is None else known.get(label, label): number for label, number in counts.items()}


def source_for_model(
    fit: gmix.Fit,
    points: Path | CSV,
    memory: str,
    weights: str | None = None,
    *,
    labels: str | None = None,
    row_errors: list[str] | None = None,
    missing: str = "model",
    threads: int | None = None,
    quiet: bool = False,
    if_exact: str = "name their columns of errors with --row-errors",
) -> LocalSource:
    """The rows of a table, in the columns of a model. `if_exact` is for `exact_points`."""
    mixture = fit.mixture
    names = None if mixture.features is None else list(mixture.features)
    source = table_source(
        points,
        names,
        weights,
        memory,
        labels=labels,
        row_errors=row_errors,
        missing=missing,
        threads=threads,
        quiet=quiet,
    )
    if source.n_features != mixture.n_features:
        raise DataError(
            f"{points} has {count(source.n_features, 'numeric column')} and the model, whose columns have no names, "
            f"needs {mixture.n_features}; give a table with just those"
        )
    if source.missing is not None and not quiet:
        message = f"{source.missing.described(source.features)}; each row is judged by its other cells"
        print_findings([gmix.Finding("missing cells", message, "note")])
    if not quiet:
        print_findings(exact_points(fit, source, if_exact))
    return source


def exact_points(fit: gmix.Fit, source: LocalSource, remedy: str) -> list[gmix.Finding]:
    """A finding if a model of true values is applied to points without errors; `remedy` ends its message."""
    of_true_values = any(finding.name == "measurement errors" for finding in fit.findings)
    if not of_true_values or source.least_error is not None:
        return []
    message = f"the model describes true values, and the points are treated as exact; {remedy}"
    return [gmix.Finding("measurement errors", message)]


def drawn_rows(source: LocalSource) -> Rows:
    """The rows that a picture shows: all that have weight, or a sample of many."""
    if isinstance(source, MemorySource) and source.n_counting <= _DRAWN:
        return source.everything.counting
    return source.rows(_DRAWN, np.random.default_rng(0))


def print_findings(findings: Iterable[gmix.Finding]) -> None:
    """Print findings on standard error."""
    for finding in findings:
        print(f"gmix: {finding.level}: {printable(as_typed(str(finding)))}", file=sys.stderr)


def without_findings_of(source: LocalSource, fit: gmix.Fit) -> gmix.Fit:
    """The fit without the findings about its table, which `table_source` has printed."""
    return replace(fit, findings=tuple(finding for finding in fit.findings if finding not in source.findings))
