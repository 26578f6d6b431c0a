"""Where the commands write: checks of the names of files before long work, tables, models and pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import typer

import gmix
from gmix import plot
from gmix.base.atomic_write import check_ending, temporary_folder
from gmix.base.errors import ParameterError, one_of
from gmix.base.rows import Rows
from gmix.base.table_file import FORMATS, format_of
from gmix.model_file import check_name

__all__ = [
    "GOODNESS",
    "check_model",
    "check_page",
    "check_picture",
    "check_writable",
    "draw",
    "draw_goodness",
    "save",
    "table_target",
]


GOODNESS: dict[str, Callable[..., Any]] = {  # pictures of how well a model fits rows
    "probabilities": plot.probability_transform,
    "conditional": partial(plot.probability_transform, conditional=True),
    "quantiles": plot.quantiles,
    "distances": plot.distances,
}

_PICTURES = (".png", ".svg", ".pdf")


def check_writable(path: Path | None) -> None:
    """Raise `ParameterError` before a long fit, not after it, if a file of this name cannot be written."""
    if path is None:
        return
    if str(path) == "-":
        raise ParameterError("- stands for standard input or output, and cannot be used here; give the name of a file")
    if path.is_dir():
        raise ParameterError(f"{path} is a directory; give the name of a file in it")
    if path.parent.exists() and not path.parent.is_dir():
        raise ParameterError(f"{path.parent} is a file, not a directory; give another path")
    if not path.parent.is_dir():
        raise ParameterError(f"there is no directory {path.parent}; make it first, or give another path")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ParameterError(f"{path} cannot be written; give another path, or permission there")


def check_model(path: Path | None) -> None:
    """Raise `ParameterError` before a long fit if the name is not that of a model file."""
    if path is not None:
        check_name(path, ParameterError)


def check_picture(path: Path | None) -> None:
    """Raise `ParameterError` before a long fit if the name is not that of a picture that gmix draws."""
    if path is not None and path.suffix.lower() not in _PICTURES:
        raise ParameterError(f"{path} is not a picture that can be drawn; end its name in .png, .svg or .pdf")


def check_page(path: Path) -> None:
    """Raise `ParameterError` before a long fit if the name is not that of a page of HTML."""
    check_ending(path, (".html", ".htm"), "a page of HTML")


def table_target(out: Path | None, form: str | None, others: Sequence[str] = ()) -> tuple[Path | IO[bytes], str]:
    """Where a table is written and in which format, checked before any work is done. `others` are for `format_of`."""
    form = None if form is None else one_of(form, FORMATS, "--format")
    if out is None or str(out) == "-":
        return sys.stdout.buffer, form or "csv"
    check_writable(out)
    return out, form or format_of(out, others)


def file_target(out: Path | None, form: str | None) -> tuple[Path | IO[bytes], str] | None:
    """The file, if one is named, to which a table is written beside what is printed, and its format."""
    if out is None:
        if form is not None:
            raise ParameterError(f"--format {form} is for the file of --out; name one, or leave out --format")
        return None
    check_writable(out)
    return table_target(out, form)


def save(fit: gmix.Fit, path: Path | None) -> None:
    """Write a model to a file, or to standard output."""
    if path is not None:
        fit.save(path)
        return
    with temporary_folder("gmix-") as folder:
        fit.save(folder / "model.json")
        typer.echo((folder / "model.json").read_text(encoding="utf-8"))


def draw(fit: gmix.Fit, rows: Rows | None, path: Path) -> None:
    """Draw a model, over rows if there are some, and write the picture."""
    from matplotlib.figure import Figure

    from gmix.plot.file import save_figure

    d = fit.mixture.independent_part.n_features  # dependent columns are not drawn
    sizes = {1: (5.6, 3.6), 2: (5.4, 4.8)}
    side = min(2.4 * d, 24.0)
    figure = Figure(figsize=sizes.get(d, (side, side)), layout="constrained")
    points, weights = (None, None) if rows is None else (rows.values, rows.weights)
    plot.plot(fit, points, sample_weight=weights, figure=figure)
    save_figure(figure, path)


def draw_goodness(fit: gmix.Fit, rows: Rows, path: Path, kind: str) -> None:
    """Draw how well a model fits rows, as one of `GOODNESS`, and write the picture."""
    from gmix.plot.file import save_figure

    drawn = GOODNESS[kind](fit, rows.values, sample_weight=rows.weights)
    save_figure(drawn if kind == "quantiles" else drawn.figure, path)
