"""What is typed at the command line, turned into what the library takes, or into an error with the remedy."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

from gmix.base.errors import ParameterError
from gmix.model.covariance import structure

__all__ = ["as_bytes", "as_counts", "as_names", "as_structures", "check_page", "check_picture", "check_writable"]


def as_counts(text: str) -> str | list[int]:
    """``2``, ``1-8``, ``2,4,6`` or ``auto``."""
    if text.strip().lower() == "auto":
        return "auto"
    counts: list[int] = []
    for part in text.split(","):
        low, dash, high = (piece.strip() for piece in part.partition("-"))
        if not low.isdecimal() or (dash and not high.isdecimal()) or int(low) < 1:
            raise ParameterError(f"--components {text!r} is not a count; write 2, 1-8, 2,4,6 or auto")
        counts += range(int(low), int(high if dash else low) + 1)
    if not counts:
        raise ParameterError(f"--components {text!r} is an empty range; write the smaller number first, as in 1-8")
    return counts


def as_names(texts: list[str] | None) -> list[str] | None:
    """Names of columns, ``a,b,c``, quoted as in CSV where they hold commas: ``"a, b",c``."""
    if not texts:
        return None
    rows = [next(csv.reader([text], skipinitialspace=True), [""]) for text in texts]
    names = [name.strip() for row in rows for name in row]
    if not all(names) or len(set(names)) < len(names):
        given = " --columns ".join(map(repr, texts))
        raise ParameterError(
            f"--columns {given} must be different names with commas between them, as in a,b,c; quote a name that holds "
            "a comma, as in '\"a, b\",c'"
        )
    return names


def as_structures(text: str) -> str | list[str]:
    """Names or codes of structures, ``full,VEV``, or ``auto``."""
    names = [name.strip() for name in text.split(",")]
    return "auto" if names == ["auto"] else [structure(name).code for name in names]


def as_bytes(text: str) -> float:
    """An amount of memory, ``500M`` or ``2G``, in bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", text.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise ParameterError(f"--memory {text!r} is no amount of memory; write 500M or 2G")
    return float(match[1]) * 1024.0 ** " kmgt".index(match[2] or " ")


def check_writable(path: Path | None) -> None:
    """Find out before a long fit, not after it, whether a file of this name can be written."""
    if path is None:
        return
    if str(path) == "-":
        raise ParameterError("- stands for standard input or output, and cannot be used here; give the name of a file")
    if path.is_dir():
        raise ParameterError(f"{path} is a directory; give the name of a file in it")
    if not path.parent.is_dir():
        raise ParameterError(f"there is no directory {path.parent}; make it first, or give another path")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ParameterError(f"{path} cannot be written; give another path, or permission there")


def check_picture(path: Path | None) -> None:
    """Find out before a long fit whether a picture of this name can be drawn."""
    if path is None:
        return
    from matplotlib.figure import Figure

    known = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise ParameterError(f"{path} is no picture that can be drawn; end its name in .png, .svg or .pdf")


def check_page(path: Path) -> None:
    """Find out before a long fit whether a page of HTML can have this name."""
    if path.suffix.lower() not in ("", ".html", ".htm"):
        raise ParameterError(f"{path} would be a page of HTML, and its name says otherwise; end it in .html")
