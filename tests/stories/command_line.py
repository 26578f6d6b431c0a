"""The command line in this process, and what it wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from gmix.cli.app import app
from gmix.cli.as_typed import ARGUMENTS
from gmix.demo import FAITHFUL

__all__ = ["FAITHFUL_ROWS", "run", "table"]

FAITHFUL_ROWS = FAITHFUL.read_text().splitlines()


# An argument of the library in a message, for which there is an option.
_OF_PYTHON = re.compile(rf"(?<![-\w])(?:rng|{'|'.join(ARGUMENTS)})=(?:True|False|None|['\"{{])|gmix\.CSV")


def run(*arguments: object, given: bytes | None = None) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert not _OF_PYTHON.search(result.stderr), result.stderr
    return result


def table(path: Path) -> tuple[list[str], np.ndarray]:
    names, *lines = path.read_text().splitlines()
    return names.split(","), np.array([[float(cell) for cell in line.split(",")] for line in lines])
