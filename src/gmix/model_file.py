"""Model files: write, check and read JSON documents. Nothing is ever unpickled."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_number
from gmix.base.atomic_write import as_path, atomic_write, check_ending
from gmix.base.errors import GmixError, ModelFileError

__all__ = ["UnknownStructureError", "as_array", "as_float", "check_name", "expect", "read", "write"]

T = TypeVar("T")
Document = dict[str, Any]

# Version 1 has no prior, 2 no levels of findings, 3 no weighted number of rows, 4 no sums of rows with missing cells,
# 5 no Student components.
_VERSION = 6
_LARGEST = 1 << 30  # bytes; no mixture that fits in memory takes more as text


class UnknownStructureError(ModelFileError):
    """A document names a structure that is neither gmix's own nor registered."""


def write(document: Document, path: str | PathLike[str]) -> None:
    """Write a document to a JSON file, with the format and its version.

    Numbers are written so that they read back to the last bit. The file appears whole or not at all. Raises
    `ModelFileError` for a name that ends in anything but ``.json``, where no file can be made, and on a full disk.
    """
    check_name(path)
    whole = {"format": "gmix", "version": _VERSION, **document}
    with atomic_write(path, ModelFileError) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(whole, file, indent=1)


def check_name(path: str | PathLike[str], error_type: type[GmixError] = ModelFileError) -> None:
    """Raise `error_type` for the name of another kind of file."""
    check_ending(as_path(path, error_type), (".json",), "a model file, which is JSON", error_type)


def read(path: str | PathLike[str], value_of: Callable[[Document], T]) -> T:
    """Read a document that `write` wrote, and convert it to the value that it describes.

    Raises `ModelFileError` for a file that is damaged, not a gmix model, or of a newer version; for a folder, a device
    or a pipe; and where `value_of` fails. It never runs what it finds, and takes no more memory than a small multiple
    of the file's size.
    """
    path = as_path(path, ModelFileError)
    document = _document(path)
    if not isinstance(document, dict) or document.get("format") != "gmix":
        raise ModelFileError(f"{path} is not a gmix model; give a file that fit.save or gmix fit --out wrote")
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise ModelFileError(f"{path} has no version; save the fit again")
    if version > _VERSION:
        raise ModelFileError(f"{path} has version {version} and this gmix reads {_VERSION}; install a newer gmix")
    try:
        return value_of(document)
    except (GmixError, LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelFileError(f"{path} {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """Why a document cannot be read, and what to do."""
    if isinstance(error, UnknownStructureError):
        return f"holds a mixture of {error}"
    reason = str(error) if isinstance(error, GmixError) else "a part is missing or of the wrong kind"
    return f"is damaged ({reason}); save the fit again"


def _document(path: Path) -> Any:
    """What a JSON file holds."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(
                f"{path} is not a gmix model but a folder, a device or a pipe; give a file that fit.save wrote"
            )
        if status.st_size > _LARGEST:
            raise ModelFileError(f"{path} is larger than any gmix model; is it the right file?")
        with path.open("rb") as file:
            return json.loads(file.read(status.st_size).decode("utf-8"))
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}; check the path") from None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"{path} is not a gmix model, or is damaged ({error}); give a file that fit.save or gmix fit --out wrote"
        ) from None


def expect(sound: bool, otherwise: str) -> None:
    """Raise `ModelFileError` with this message unless a part of a document is sound."""
    if not sound:
        raise ModelFileError(otherwise)


def as_float(value: Any) -> float:
    """A number of a document. Raises `ModelFileError` for anything else."""
    expect(is_number(value), "a number is missing")
    return float(value)


def as_array(values: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """An array of a document. Raises `ModelFileError` for another shape, or a value that is not finite."""
    array = np.array(values, np.float64)
    expect(
        array.shape == shape and bool(np.isfinite(array).all()),
        f"an array has shape {array.shape} instead of {shape}, or holds a value that is not finite",
    )
    return array
