"""Write pictures to files, whole or not at all, and as text for HTML."""

from __future__ import annotations

import re
import warnings
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gmix.base.atomic_write import atomic_write
from gmix.base.errors import ParameterError
from gmix.plot.fonts import add_fallbacks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["png_of", "save_figure"]

_DOTS = 200  # per inch
_SHOWN = 12  # characters that a warning names
_NO_GLYPH = re.compile(r"Glyph \d+ .*missing from")
_NO_LAYOUT = re.compile(r"constrained_layout not applied|Tight layout not applied")


def save_figure(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure to a file in the format of its ending, with options of Matplotlib's ``savefig``.

    Raises `ParameterError` where no file can be made, and on a full disk.
    """
    drawn = _drawn(figure, path.suffix[1:].lower(), _DOTS, **options)
    with atomic_write(path, ParameterError) as temporary:
        temporary.write_bytes(drawn.getbuffer())


def png_of(figure: Figure, dots: int = _DOTS // 2) -> str:
    """A figure as a PNG with this number of dots per inch, encoded in Base64."""
    return b64encode(_drawn(figure, "png", dots).getbuffer()).decode("ascii")


def _drawn(figure: Figure, form: str, dots: int, **options: Any) -> BytesIO:
    """A figure in a format; warnings say what is wrong with it in one sentence each."""
    drawn = BytesIO()  # Matplotlib's writers hide the cause of a failure behind errors of their own
    absent = add_fallbacks(figure)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(drawn, format=form, dpi=dots, **options)
    for message, category in dict.fromkeys(
        (_in_own_words(str(warning.message), absent), warning.category) for warning in caught
    ):
        warnings.warn(message, category, stacklevel=3)
    return drawn


def _in_own_words(message: str, absent: str) -> str:
    """A warning of Matplotlib as one sentence that says what to do about it, if it is a known one."""
    if absent and _NO_GLYPH.match(message):
        from matplotlib import get_cachedir

        shown = absent if len(absent) <= _SHOWN else f"{absent[:_SHOWN]}…"
        return (
            f"no font that Matplotlib knows has the characters {shown}, so the picture shows boxes instead; "
            f"install a font that has them, such as Noto Sans, and delete fontlist*.json in {get_cachedir()}"
        )
    if _NO_LAYOUT.match(message):
        return "the names leave too little room for the picture, and parts of it overlap; shorten them"
    return message
