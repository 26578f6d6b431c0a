"""The figures that pictures are drawn in, each of which a notebook shows once."""

from __future__ import annotations

from functools import partial
from typing import Any

from matplotlib.figure import Figure

__all__ = ["Picture", "shown_once"]

# Backends that show nothing until the end of a cell, or nothing at all.
_WAITING = (
    "agg",
    "cairo",
    "inline",
    "pdf",
    "pgf",
    "ps",
    "svg",
    "template",
    "module://matplotlib_inline.backend_inline",
)
_DOTS = 200  # per inch of an image that a notebook shows at half its size


class Picture(Figure):
    """A figure of pyplot that a notebook shows once, though it may be the value of a cell too."""

    def _ipython_display_(self) -> None:
        _show(self)


def shown_once(figure: Figure) -> Figure:
    """A figure of the caller that may become the value of a cell: the same, which a notebook shows once then."""
    if not hasattr(figure, "_ipython_display_"):
        figure.__dict__["_ipython_display_"] = partial(_show, figure)
    return figure


def _show(figure: Figure) -> None:
    """Show a figure in a notebook, and close it, so that the backend does not show it again at the end of the cell."""
    from IPython.display import display
    from matplotlib import get_backend, pyplot as plt

    from gmix.plot.file import png_of

    is_open = figure in map(plt.figure, plt.get_fignums())
    if is_open and get_backend() not in _WAITING:
        return  # it has a window, or a widget in the notebook
    width, height = (round(0.5 * _DOTS * inches) for inches in figure.get_size_inches())
    data: dict[str, Any] = {"image/png": png_of(figure, _DOTS), "text/plain": repr(figure)}
    display(data, metadata={"image/png": {"width": width, "height": height}}, raw=True)
    if is_open:
        plt.close(figure)
