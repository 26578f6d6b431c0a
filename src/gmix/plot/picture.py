"""The figures that pictures are drawn in if none is given: each shows once, in a notebook and in a script."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

__all__ = ["Picture"]

_SILENT = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")  # backends that show nothing by themselves


class Picture(Figure):
    """A figure of pyplot that a notebook shows once.

    The backends of notebooks show a figure of pyplot at the end of the cell, and close it. Without this class, a figure
    that is also the value of the cell would be shown twice.
    """

    def _ipython_display_(self) -> None:
        from matplotlib import get_backend, pyplot as plt

        is_open = self in map(plt.figure, plt.get_fignums())
        if is_open and get_backend() not in _SILENT:
            return  # the backend shows it
        from IPython.display import display

        from gmix.plot.file import png_of

        data: dict[str, Any] = {"image/png": png_of(self), "text/plain": repr(self)}
        display(data, raw=True)
        if is_open:
            plt.close(self)
