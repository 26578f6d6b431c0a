"""Rows with missing cells in pictures: those that lack a cell of a picture are left out, and the picture says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmix.base.wording import count
from gmix.plot.style import SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["drawable", "without_note", "write_note"]

Array = NDArray[np.float64]
_MISSING = "missing"  # the group id of the text about rows that are left out


def drawable(ax: Axes, rows: Array, mass: Array) -> NDArray[np.bool_]:
    """Which rows ``(N, D)`` of positive weight ``(N,)`` have all cells; the picture says how many of them do not."""
    counting, incomplete = mass > 0, np.isnan(rows).any(1)
    if n := int(np.count_nonzero(counting & incomplete)):
        columns = "these columns" if rows.shape[1] > 1 else "this column"
        write_note(ax, f"not drawn: {count(n, 'row')} without a value in {columns}")
    return np.asarray(counting & ~incomplete)


def write_note(ax: Axes, text: str) -> None:
    """Write a note about rows that are left out above the axes, at the right."""
    ax.annotate(
        text, (1.0, 1.0), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points", ha="right", va="bottom",
        fontsize=7.5, color=SOFT,
    ).set_gid(_MISSING)  # fmt: skip


def without_note(ax: Axes) -> None:
    """Remove the note about rows that are left out."""
    for text in list(ax.texts):
        if text.get_gid() == _MISSING:
            text.remove()
