"""Write pictures to files, whole or not at all, and as text for HTML."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gmix.base.atomic_write import atomic_write
from gmix.base.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["png_of", "save_figure"]

_DOTS = 200  # per inch


def save_figure(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure to a file in the format of its ending, with options of Matplotlib's ``savefig``.

    Raises `ParameterError` where no file can be made, and on a full disk.
    """
    drawn = BytesIO()  # Matplotlib's writers hide the cause of a failure behind errors of their own
    figure.savefig(drawn, format=path.suffix[1:].lower(), dpi=_DOTS, **options)
    with atomic_write(path, ParameterError) as temporary:
        temporary.write_bytes(drawn.getbuffer())


def png_of(figure: Figure, dots: int = _DOTS // 2) -> str:
    """A figure as a PNG with this number of dots per inch, encoded in Base64."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=dots)
    return b64encode(drawn.getbuffer()).decode("ascii")
