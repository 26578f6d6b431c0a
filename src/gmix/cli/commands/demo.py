"""``gmix demo``: run the tutorial."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the pictures and the model; created if it does not exist.")
    ] = Path("demo"),
) -> None:
    """Run the tutorial: draw from a density, fit a mixture to the draws, and analyze Old Faithful."""
    from gmix.demo import demo as show

    show(out)
