"""Messages of the library in the words of the command line: options instead of arguments of Python."""

from __future__ import annotations

import ast
import re

__all__ = ["ARGUMENTS", "as_typed"]

# The option that stands for an argument of the library. The others have the same name in Python and in the shell.
_OTHER_NAMES = {"labels": "--label-column", "sample_weight": "--weights"}
_SAME_NAMES = (
    "background", "checkpoint", "columns", "components", "components_per_row", "covariance", "covariance_ratio",
    "criterion", "degrees_of_freedom", "dtype", "effort", "equal_weights", "factors", "family", "kind",
    "max_iterations", "memory", "missing", "resume", "row_errors", "seconds", "start", "threads", "tolerance", "trim",
)  # fmt: skip
ARGUMENTS = {name: f"--{name.replace('_', '-')}" for name in _SAME_NAMES} | _OTHER_NAMES

_NAME = rf"(?P<name>{'|'.join(sorted(ARGUMENTS, key=len, reverse=True))})"
_TEXT = r"'[\w:.-]+'"
# Numbers are not among these values: a message may show how to write the value of a column that has such a name.
_GIVEN = re.compile(
    rf"\b{_NAME}=(?P<value>True\b|\{{'[^'{{}}]*': '[^'{{}}]*'\}}|{_TEXT}(?:, {_TEXT})*(?:,? or {_TEXT})?|(?=[ ,;.]|$))"
)
_SUBJECT = re.compile(rf"^{_NAME}(?= (?:is|are|must|names|needs|has) | '[^']*' is not )")
# What cannot be typed, after the part of the sentence that can.
_ONLY_IN_PYTHON = re.compile(r" or gmix\.CSV\([^()]*\)|, from start=fit\.mixture|,(?: or)? None for [^,;]+")


def as_typed(message: str) -> str:
    """A message of the library with options in the place of arguments.

    >>> as_typed("there is a checkpoint run.ck; continue it with resume=True, or delete it")
    'there is a checkpoint run.ck; continue it with --resume, or delete it'
    >>> as_typed("row_errors is wrong; name them as in row_errors={'mass': 'mass_error'}")
    '--row-errors is wrong; name them as in --row-errors mass=mass_error'
    >>> as_typed("give another structure, such as covariance='diag' or 'spherical'")
    'give another structure, such as --covariance diag or spherical'
    """
    message = _ONLY_IN_PYTHON.sub("", message)
    message = _SUBJECT.sub(lambda found: ARGUMENTS[found["name"]], message)
    return _GIVEN.sub(lambda found: f"{ARGUMENTS[found['name']]} {_value(found['value'])}".rstrip(), message)


def _value(text: str) -> str:
    """A value of Python as it is typed after an option; nothing for one that is true or left open."""
    if text.startswith("{"):
        return ",".join(f"{column}={error}" for column, error in ast.literal_eval(text).items())
    return "" if text == "True" else text.replace("'", "")
