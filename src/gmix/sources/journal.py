"""The journal of a long fit: the result of every pass over the rows, so that a fit that was killed can be resumed.

The results of the passes, the settings and the seed determine a fit. A resumed fit repeats all computations, but reads
the results of passes from the journal until the journal ends. It therefore takes the same steps, with the same bits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_count
from gmix.base.errors import ModelFileError, ParameterError
from gmix.base.table import largest_value
from gmix.model.components import Components
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["Journal"]

Array = NDArray[np.float64]
_VERSION = 3
_BEGINNING = b'{"format": "gmix checkpoint"'


class Journal:
    """A file of JSON lines, to which every pass appends its result.

    An incomplete line, after a kill or on a full disk, is dropped, and its pass is repeated.

    Attributes
    ----------
    seed : the seed of a fit without `rng`; a new journal draws it, and stores it in the first line.

    Raises `ModelFileError` for a file that is no checkpoint or belongs to another fit, and `ParameterError` if there is
    a checkpoint and `resume` is false.
    """

    def __init__(self, path: str | PathLike[str], resume: bool, n_rows: int, n_features: int) -> None:
        self._path = Path(path)
        about = {"format": "gmix checkpoint", "version": _VERSION, "n_rows": n_rows, "n_features": n_features}
        if self._path.exists() and not self._path.is_file():  # a device may have no end, and cannot be truncated
            raise ModelFileError(f"the checkpoint {path} is a folder or a device; name a file")
        exists = self._path.exists() and self._path.stat().st_size > 0
        if exists and not resume:
            raise ParameterError(f"there is a checkpoint {path}; continue it with resume=True, or delete it")
        try:
            self._file = self._path.open("r+b" if exists else "w+b")
        except OSError as error:
            raise ModelFileError(
                f"the checkpoint {path} cannot be opened ({error.strerror}); give another file"
            ) from None
        try:
            self.seed = self._read_seed(about)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # errors of writing have already been raised
            self._file.close()

    def recall(
        self,
        components: Sequence[Components],
        references: Sequence[Reference] | None,
        coarse: bool,
        run_pass: Callable[[], list[SufficientStatistics]],
    ) -> list[SufficientStatistics]:
        """The result of a pass under these components: from the next line or, after the last one, from `run_pass`."""
        digest = _digest(components, coarse)
        entry = self._read()
        if entry is None:
            found = run_pass()
            self._write({"asked": digest, "found": [_document(statistics) for statistics in found]})
            return found
        self._check(entry)
        if entry.get("asked") != digest:
            raise self._error("belongs to a fit of other rows, other settings, or on another kind of processor")
        known: Sequence[Reference | None] = references or [None] * len(components)
        try:
            with np.errstate(over="raise"):  # numbers that no table can have
                return [_statistics(*each) for each in zip(entry["found"], components, known, strict=True)]
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, binascii.Error) as error:
            raise self._error(f"is damaged ({error})") from None

    def _read_seed(self, about: dict[str, Any]) -> int:
        """Read or write the first line, and return the seed."""
        entry = self._read()
        if entry is None:
            seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
            self._write(about | {"seed": seed})
            return seed
        if entry.get("format") != about["format"] or not is_count(entry.get("seed"), 0, 1 << 64):
            raise self._error("is no gmix checkpoint")
        for key in ("version", "n_rows", "n_features"):
            if entry.get(key) != about[key]:
                raise self._error(f"has {key} {entry.get(key)} and this fit has {about[key]}")
        self._check(entry)
        return int(entry["seed"])

    def _read(self) -> dict[str, Any] | None:
        """The next line; None at the end of the file, where an incomplete line is removed."""
        begin = self._file.tell()
        line = self._file.readline()
        if not line.endswith(b"\n"):
            if begin == 0 and not (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
                raise self._error("is no gmix checkpoint")  # and its content is not to be removed
            self._file.seek(begin)
            self._file.truncate()
            return None
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            raise self._error("is no gmix checkpoint, or is damaged") from None
        if not isinstance(entry, dict):
            raise self._error("is no gmix checkpoint, or is damaged")
        return entry

    def _write(self, entry: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(entry | {"checksum": _checksum(entry)}).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise ModelFileError(
                f"the checkpoint {self._path} cannot be written ({error.strerror}); make room there, and resume the fit"
            ) from error

    def _check(self, entry: dict[str, Any]) -> None:
        """Raise `ModelFileError` for a line that has changed since it was written."""
        if entry.pop("checksum", None) != _checksum(entry):
            raise self._error("is damaged (a checksum is wrong)")

    def _error(self, what: str) -> ModelFileError:
        return ModelFileError(f"{self._path} {what}; delete it to start again, or give another checkpoint")


def _checksum(entry: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(entry).encode(), digest_size=16).hexdigest()


def _digest(mixtures: Sequence[Components], coarse: bool) -> str:
    """A digest of everything that a pass receives, except the rows."""
    digest = hashlib.blake2b(bytes([coarse]), digest_size=16)
    for components in mixtures:
        digest.update(f"{components.form} {components.family.degrees_of_freedom}".encode())
        arrays = [components.log_constants, components.means, components.factor, components.whitener]
        for array in arrays if components.groups is None else [*arrays, components.groups]:
            digest.update(np.ascontiguousarray(array).tobytes())
        if (background := components.background) is not None:
            for array in (np.array(background.weight), background.low, background.high, background.log_densities):
                digest.update(array.tobytes())
    return digest.hexdigest()


def _document(statistics: SufficientStatistics) -> dict[str, str]:
    """Statistics in the form in which a line of the journal holds them."""
    arrays = {name: np.asarray(array, "<f8").tobytes() for name, array in statistics.arrays.items()}
    return {name: base64.b64encode(numbers).decode() for name, numbers in arrays.items()}


def _statistics(document: Any, components: Components, reference: Reference | None) -> SufficientStatistics:
    """The statistics that a line of the journal holds, under these components."""
    arrays = {
        name: np.frombuffer(base64.b64decode(text, validate=True), "<f8").astype(np.float64)
        for name, text in document.items()
    }
    found = SufficientStatistics.from_arrays(components.form, arrays)
    if found.mean.shape != components.means.shape:
        raise ValueError("statistics are of another mixture")
    if not (np.abs(found.mean) < largest_value(found.mean.shape[1], 1.0)).all():
        raise ValueError("a mean is larger than a value of a table can be")
    return found if reference is None else found.on(reference)
