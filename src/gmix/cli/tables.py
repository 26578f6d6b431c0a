"""Tables that fit the width of the terminal: none of their numbers is cut."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from gmix.base.wording import printable

__all__ = ["Entry", "console", "grid_of", "print_entries", "print_grid", "width_of"]

_WIDTH = 120  # where there is no terminal and COLUMNS is not set
_UNLIMITED = 100_000


class Entry(NamedTuple):
    """A component in a table of all components: its cells, and the standard errors of these."""

    name: str
    cells: Sequence[str]
    errors: Sequence[str] | None = None


class _Output(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # which ends the command with status 0; Rich would exit with 1

    def render_str(self, text: str, **settings: Any) -> Text:
        return super().render_str(printable(text), **settings)


def console() -> Console:
    """The console on standard output. Sentences are wrapped on a terminal only, so that a program reads whole lines."""
    found = _Output(highlight=False, markup=False)
    if found.is_terminal:
        return found
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() and int(columns) else _WIDTH
    return _Output(highlight=False, markup=False, soft_wrap=True, width=width)


def grid_of(title: str, names: Sequence[str], left: Sequence[str] = ()) -> Grid:
    """An empty table with these columns, of which those in `left` hold text."""
    grid = Grid(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="", collapse_padding=True)
    for name in names:
        grid.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    return grid


def width_of(grid: Grid, to: Console) -> int:
    """The width that a table needs."""
    return Measurement.get(to, to.options.update(width=_UNLIMITED), grid).maximum


def print_grid(grid: Grid, to: Console) -> None:
    """Print a table, as wide as it is: the terminal may break its lines, but no cell is cut."""
    title, grid.title = str(grid.title), None  # which may be longer than the lines of the table
    if title:
        to.print(title)
    width = to.width
    to.width = max(width_of(grid, to), width)
    to.print(grid)
    to.width = width


def print_entries(title: str, names: Sequence[str], entries: Sequence[Entry], to: Console) -> None:
    """Print one line for each entry; turned on its side, in parts, if that is too wide."""
    grid = grid_of(title, ["component", *names], left=["label"])
    for entry in entries:
        grid.add_row(entry.name, *entry.cells)
        if entry.errors is not None:
            grid.add_row("error", *entry.errors, style="dim")
    if width_of(grid, to) <= to.width:
        print_grid(grid, to)
        return
    at = 0
    while at < len(entries):
        n = len(entries) - at
        while n > 1 and width_of(_on_its_side("", names, entries[at : at + n]), to) > to.width:
            n -= 1
        print_grid(_on_its_side(title if at == 0 else "", names, entries[at : at + n]), to)
        at += n


def _on_its_side(title: str, names: Sequence[str], entries: Sequence[Entry]) -> Grid:
    """A table with one line for each name and one column for each entry."""
    grid = grid_of(title, ["component", *(entry.name for entry in entries)], left=["component"])
    for i, name in enumerate(names):
        grid.add_row(name, *(entry.cells[i] if i < len(entry.cells) else "" for entry in entries))
        if any(entry.errors is not None for entry in entries):
            errors = [entry.errors or () for entry in entries]
            grid.add_row("  error", *(cells[i] if i < len(cells) else "" for cells in errors), style="dim")
    return grid
