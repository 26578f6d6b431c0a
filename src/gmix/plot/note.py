"""What a picture leaves out or draws in another way, in a note above it: rows with missing cells, and many rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmix.base.wording import count
from gmix.plot.palette import SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["drawable", "without_note", "write_note"]

Array = NDArray[np.float64]
_NOTE = "note"  # the group id of the text


def drawable(ax: Axes, rows: Array, mass: Array) -> NDArray[np.bool_]:
    """Which rows ``(N, D)`` of positive weight ``(N,)`` have all cells; the picture says how many of them do not."""
    counting, incomplete = mass > 0, np.isnan(rows).any(1)
    if n := int(np.count_nonzero(counting & incomplete)):
        columns = "these columns" if rows.shape[1] > 1 else "this column"
        write_note(ax, f"not drawn: {count(n, 'row')} without a value in {columns}")
    return np.asarray(counting & ~incomplete)


def write_note(ax: Axes, text: str) -> None:
    """Write a note above the axes, at the right; a second one stands above the first."""
    for note in ax.texts:
        if note.get_gid() == _NOTE:
            note.set_text(f"{text}\n{note.get_text()}")
            return
    ax.annotate(
        text, (1.0, 1.0), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points", ha="right", va="bottom",
        fontsize=7.5, color=SOFT,
    ).set_gid(_NOTE)  # fmt: skip


def without_note(ax: Axes) -> None:
    """Remove the note."""
    for text in list(ax.texts):
        if text.get_gid() == _NOTE:
            text.remove()
