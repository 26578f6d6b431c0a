"""``gmix demo``: run the tutorial."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A directory for pictures and model; made if need be.")
    ] = Path("demo"),
) -> None:
    """Run the whole tutorial: a density, draws from it, the mixture found again, and Old Faithful."""
    from gmix.demo import demo as show

    show(out)
